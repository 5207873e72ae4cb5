// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tests of the artifact share: a temporary directory, shards with known bytes, the packer's naive twin.

#ifndef FATHOM_TEST_CODEGEN_ARTIFACT_SUPPORT_H
#define FATHOM_TEST_CODEGEN_ARTIFACT_SUPPORT_H

#include "codegen/artifact/ArtifactContents.h"
#include "dialects/support/ExitError.h"

#include "llvm/Support/Error.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace fathom::codegen::test {

/// A directory that lives as long as the object.
class TemporaryDirectory {
public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  std::string path(const std::string &name) const { return root + "/" + name; }
  const std::string &getRoot() const { return root; }
  /// Sorted names of everything in it.
  std::vector<std::string> list() const;

private:
  std::string root;
};

void writeFile(const std::string &path, const std::string &bytes);
std::string readFile(const std::string &path);

/// A shard in memory to which tensors are added; save() writes the file.
class ShardBuilder {
public:
  /// Adds a matrix of pseudo-random finite elements that depend on `seed` and returns where it is.
  Source add(int64_t rows, int64_t columns, ElementType type, uint32_t seed);
  /// Adds plausible scales for the blocks of a matrix of that shape.
  Source addScales(int64_t rows, int64_t columns, uint32_t seed);
  /// Bytes of the file, to be edited before save().
  std::string bytes = std::string(24, '#');
  ShardFile save(const std::string &path) const;
};

/// A recipe that does `actions` in turn, to all that the one before made: rows are concatenated to one matrix, other
/// actions are done to each.
SliceRecipe makeRecipe(std::vector<Source> sources, const std::vector<StepAction> &actions = {});
/// The same for scales of blocks of 128 rows, which become those of rows first: a pair is scales and number of rows.
SliceRecipe makeScalesRecipe(const std::vector<std::pair<Source, int64_t>> &scales,
                             const std::vector<StepAction> &actions);

/// What the packer must write for a recipe, by the obvious loops over whole matrices of one shard.
std::string packNaively(const SliceRecipe &recipe, const std::string &shard);

/// A small artifact: a code image, which must outlive it, the sources as rows and panels in turn, a rope table.
ArtifactContents makeSmallContents(const ShardFile &shard, const std::vector<Source> &sources, llvm::StringRef code);

/// The exit code of an error, which is consumed; 0 for success.
int exitCode(llvm::Error error);
template <typename T>
int exitCode(llvm::Expected<T> expected) {
  return expected ? 0 : exitCode(expected.takeError());
}

} // namespace fathom::codegen::test

#endif // FATHOM_TEST_CODEGEN_ARTIFACT_SUPPORT_H
