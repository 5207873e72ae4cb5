// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the contents of an artifact to a file.

#include "tools/driver/CompileOutput.h"

#include "codegen/artifact/ShardReader.h"
#include "dialects/support/ExitError.h"
#include "dialects/support/OutputPath.h"
#include "kernels/Catalog.h"
#include "runtime/src/stores.h"
#include "tools/driver/ExeStub.h"
#include "tools/driver/SelectTarget.h"
#include "tools/driver/Terminal.h"
#include "tools/driver/Version.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using llvm::StringRef;

namespace fathom::driver {

using checkpoint::Problem;

bool CompileOutput::fail(llvm::Error error) {
  report(std::move(error), "output", diagnostics);
  return false;
}

std::string CompileOutput::headerPath() const {
  llvm::SmallString<256> header(options.output);
  llvm::sys::path::replace_extension(header, "h");
  return header.str().str();
}

/// -o does not name the header, so only one that was made here is replaced.
llvm::Error CompileOutput::checkHeader() {
  std::string path = headerPath();
  if (path == options.output) {
    return makeError(ExitCode::Usage, "-o: the C header beside the object would replace it; name the object .o");
  }
  auto head = llvm::MemoryBuffer::getFileSlice(path, codegen::kObjectHeaderMark.size(), 0);
  if (head && (*head)->getBuffer() != codegen::kObjectHeaderMark) {
    return makeError(ExitCode::Usage, "-o: the C header beside the object would replace " + quotePath(path) +
                                          ", which fathom compile did not make");
  }
  return checkOutputPath(path, {options.input});
}

bool CompileOutput::check() {
  if (!isProgram(options.product) && options.output == "-") {
    return true;
  }
  llvm::Error error = checkOutputPath(options.output, {options.input});
  if (!error && options.product == Product::Obj) {
    error = checkHeader();
  }
  if (!error && !options.fileSystem) {
    error = checkOutputDirectory(options.output);
  }
  return error ? fail(std::move(error)) : true;
}

bool CompileOutput::writeText(StringRef text) {
  if (options.output == "-") {
    llvm::outs() << text;
    code = flushOutput(0);
    return code == 0;
  }
  auto file = AtomicFile::create(options.output, {false, {options.input}, options.fileSystem});
  if (!file) {
    return fail(file.takeError());
  }
  llvm::Error error = (*file)->writeAt(0, text);
  error = error ? std::move(error) : (*file)->commit();
  return error ? fail(std::move(error)) : true;
}

/// --act-type, where it is not what all machines of the variants compute with by default with such weights.
static std::string describeActivations(const codegen::ArtifactContents &contents, bool quantized) {
  for (const codegen::ProgramContents &program : contents.variants) {
    const kernels::Device &device = *llvm::find_if(
        kernels::devices(), [&](const kernels::Device &row) { return row.triple == program.target.triple; });
    StringRef type = artifact::EnumNameStoreElement(program.target.activation);
    if (type != (quantized ? "int8" : StringRef(device.activationType))) {
      return (" --act-type=" + type).str();
    }
  }
  return "";
}

/// The options that decide what an artifact holds, as the command line spells them. All variants have the same ones.
std::string CompileOutput::describeOptions(const codegen::ArtifactContents &contents) const {
  bool pack = options.weights == codegen::WeightStorage::Pack;
  const codegen::ProgramContents &program = contents.variants.front();
  std::string text = describeTargets(contents) + " --weights=" + (pack ? "pack" : "reference");
  text += options.verifyWeights ? " --verify-weights" : "";
  if (!program.namedFunctions.empty()) {
    return text;
  }
  bool quantized = llvm::any_of(program.weights, [](const auto &weight) { return weight.element_type == "i8"; });
  text += options.weightType == "keep" ? "" : " --weight-type=" + options.weightType;
  text += options.draft ? "" : " --draft=none";
  text += " --max-context=" + std::to_string(contents.model.max_context);
  text += std::string(" --cache-type=") + runtime::cacheTypeOf(contents.stores.front().element);
  text += describeActivations(contents, quantized);
  uint32_t limited = 0; // rows of a prefill that is for the first positions alone
  for (const artifact::EntryPointT &entry : program.entryPoints) {
    if (!entry.logits || entry.hidden) {
      continue; // as its like with logits; as many as the model's
    }
    bool takesOver = entry.form == artifact::Form::absorbed && entry.max_rows == limited;
    limited = entry.max_positions ? entry.max_rows : 0;
    if (takesOver) {
      continue; // from prefill, where its positions end
    }
    text += (entry.form == artifact::Form::absorbed ? " --max-batch=" : " --prefill-rows=") +
            std::to_string(entry.max_rows);
  }
  // Of a module of --from this says how it was made.
  bool generated = llvm::all_of(program.kernels, [](const artifact::KernelT &kernel) { return kernel.generated; });
  return text + (generated ? " --no-kernels" : "");
}

/// Files of a graph may lie in folders of its own.
static std::string findDirectory(const WeightFiles &files, const WeightFile &file) {
  llvm::SmallString<256> directory(files.directory);
  llvm::sys::path::append(directory, llvm::sys::path::parent_path(file.name));
  llvm::sys::fs::make_absolute(directory);
  return directory.str().str();
}

/// Shards that the artifact reads at run time, and where they are.
llvm::Error CompileOutput::listExternalShards(const WeightFiles &files, codegen::ArtifactContents &contents) const {
  uint64_t done = 0, total = 0;
  for (const WeightFile &file : files.files) {
    artifact::SegmentT &shard = contents.externalShards.emplace_back();
    shard.name = llvm::sys::path::filename(file.name).str();
    shard.directory = findDirectory(files, file);
    shard.external = true;
    shard.size = file.size;
    shard.hash = file.headerHash;
    shard.head_bytes = file.headBytes;
    total += file.size;
  }
  auto showProgress = [&](uint64_t bytes) {
    done += bytes;
    if (options.progress) {
      options.progress("hash weights", done, total);
    }
  };
  for (auto [external, shard] : llvm::zip_equal(contents.externalShards, contents.shards)) {
    if (!options.verifyWeights) {
      break;
    }
    llvm::Expected<uint64_t> hash = codegen::hashShard(shard, showProgress);
    if (!hash) {
      return hash.takeError();
    }
    external.contents_hash = *hash;
  }
  return llvm::Error::success();
}

bool CompileOutput::writeBinary(codegen::ArtifactContents &contents, const WeightFiles &files) {
  codegen::WriteOptions write;
  write.fileSystem = options.fileSystem;
  write.inputs = {files.directory};
  for (const WeightFile &file : files.files) {
    contents.shards.push_back({file.path, file.size, file.view});
    write.inputs.push_back(file.path);
  }
  if (options.weights == codegen::WeightStorage::Reference) {
    if (llvm::Error error = listExternalShards(files, contents)) {
      return fail(std::move(error));
    }
  }
  contents.build = {{}, getVersion().str(), getLLVMVersion().str(), describeOptions(contents)};
  write.pack.threads = options.threads;
  write.pack.progress = [&](uint64_t done, uint64_t total) {
    if (options.progress) {
      options.progress("pack weights", done, total);
    }
  };
  llvm::Expected<codegen::WriteReport> written = this->write(contents, write);
  if (!written) {
    return fail(written.takeError());
  }
  for (const std::string &warning : written->warnings) {
    diagnostics.warning("odd-weights", options.input, "", warning);
  }
  return true;
}

static bool needsDriver(const codegen::ArtifactContents &contents) {
  return llvm::any_of(contents.variants,
                      [](const codegen::ProgramContents &program) { return !program.modules.empty(); });
}

llvm::Expected<codegen::WriteReport> CompileOutput::write(const codegen::ArtifactContents &contents,
                                                          const codegen::WriteOptions &write) {
  if (options.product == Product::Exe) {
    return codegen::writeExecutable(contents, getExeStub(needsDriver(contents)), options.output, write);
  }
  if (options.product == Product::Obj) {
    return codegen::writeObject(contents, llvm::sys::path::stem(options.output), options.output, headerPath(), write);
  }
  return codegen::writeArtifact(contents, options.output, write);
}

} // namespace fathom::driver
