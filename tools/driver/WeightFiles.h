// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The files that weights of a module lie in, whatever they are the files of.

#ifndef FATHOM_TOOLS_DRIVER_WEIGHTFILES_H
#define FATHOM_TOOLS_DRIVER_WEIGHTFILES_H

#include "dialects/support/FileView.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fathom::driver {

struct WeightFile {
  /// In the folder of the model.
  std::string name;
  /// For opening it.
  std::string path;
  uint64_t size = 0;
  /// What tells another file of that name and size, as `deepseek.shards` has it.
  uint64_t headerHash = 0;
  /// How many bytes the file begins with have that hash; nothing: its safetensors header has it.
  std::optional<uint64_t> headBytes = std::nullopt;
  /// What is read in its place, of that size; null: the file itself.
  std::shared_ptr<const FileView> view = nullptr;
};

struct WeightFiles {
  std::string directory;
  /// In the order of `deepseek.shards`.
  std::vector<WeightFile> files;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_WEIGHTFILES_H
