// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a graph of ONNX and what goes with it lie.

#include "tools/driver/GraphFolder.h"

#include "frontend/checkpoint/Files.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace fathom::driver {

using checkpoint::Diagnostics;
using checkpoint::Problem;
using llvm::StringRef;

/// What goes with a language model.
static constexpr const char *kFilesOfModel[] = {"tokenizer.json", "generation_config.json", "genai_config.json",
                                                "config.json"};

std::string getFolder(StringRef path) {
  StringRef folder = llvm::sys::path::parent_path(path);
  return folder.empty() ? "." : folder.str();
}

/// The folder around one that is called `onnx`; empty: it is called otherwise.
static std::string findFolderAround(StringRef folder) {
  llvm::SmallString<256> whole;
  if (llvm::sys::fs::real_path(folder, whole) || llvm::sys::path::filename(whole) != "onnx") {
    return "";
  }
  return llvm::sys::path::filename(folder) == "onnx" ? getFolder(folder) : checkpoint::joinPath(folder, "..");
}

static bool hasFilesOfModel(StringRef folder) {
  return llvm::any_of(kFilesOfModel,
                      [&](const char *name) { return checkpoint::exists(checkpoint::joinPath(folder, name)); });
}

std::string findFolderOfModel(StringRef graph) {
  std::string folder = getFolder(graph), around = findFolderAround(folder);
  return !around.empty() && !hasFilesOfModel(folder) && hasFilesOfModel(around) ? around : folder;
}

bool isOnnx(StringRef path) { return path.ends_with_insensitive(".onnx") && !llvm::sys::fs::is_directory(path); }

/// Graphs of a folder, as paths.
static llvm::SmallVector<std::string> listGraphs(StringRef folder) {
  llvm::SmallVector<std::string> graphs;
  for (const std::string &name : checkpoint::listDirectory(folder.str())) {
    std::string path = checkpoint::joinPath(folder, name);
    if (isOnnx(path)) {
      graphs.push_back(path);
    }
  }
  return graphs;
}

bool refuseFolderOfGraphs(StringRef folder, Diagnostics &diagnostics) {
  bool hasWeights = llvm::any_of(checkpoint::listDirectory(folder.str()),
                                 [](StringRef name) { return name.ends_with(".safetensors"); });
  llvm::SmallVector<std::string> graphs = listGraphs(folder);
  llvm::append_range(graphs, listGraphs(checkpoint::joinPath(folder, "onnx")));
  if (hasWeights || graphs.empty()) {
    return false;
  }
  std::string others = graphs.size() > 1 ? ", or another of its " + std::to_string(graphs.size()) + " graphs" : "";
  diagnostics.error(Problem::BadInput, "folder-of-graphs", folder, "",
                    "is a folder with graphs of ONNX, and no checkpoint: it has no safetensors files",
                    "pass a graph: " + quotePath(graphs.front()) + others);
  return true;
}

} // namespace fathom::driver
