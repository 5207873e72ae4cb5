// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Entry points of an artifact, called by name: what the C API has no function for.

#ifndef FATHOM_TEST_E2E_ENTRYPOINTS_H
#define FATHOM_TEST_E2E_ENTRYPOINTS_H

#include "test/e2e/OpenedArtifact.h"

#include <string>
#include <vector>

namespace fathom::test {

/// An artifact and the cache of one sequence. Each call fails the test when the runtime does.
class EntryPoints : OpenedArtifact {
public:
  explicit EntryPoints(const std::string &artifact);

  struct Outputs {
    /// f32 [rows, vocabulary]; empty from an entry point that computes none.
    std::vector<float> logits;
    /// f32 [rows, hidden]
    std::vector<float> hidden;
  };

  bool has(const std::string &name) const { return find(name) != nullptr; }
  /// Calls `name` with a row for each token, at the positions from `first` on; `hidden` for those that read it.
  Outputs call(const std::string &name, const std::vector<int32_t> &tokens, int32_t first,
               const std::vector<float> &hidden = {});
  /// Calls prefill, and prefill_sparse for positions that the first does not take; `suffix` behind their names.
  Outputs prefill(const std::vector<int32_t> &tokens, const std::string &suffix = "");

  size_t getVocabulary() const { return metadata.contents().model()->vocabulary(); }
  size_t getHidden() const { return metadata.contents().model()->hidden(); }

private:
  const artifact::EntryPoint *find(const std::string &name) const;
};

} // namespace fathom::test

#endif // FATHOM_TEST_E2E_ENTRYPOINTS_H
