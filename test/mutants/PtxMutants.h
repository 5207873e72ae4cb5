// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mistakes in the text of a kernel, one at a time.

#ifndef FATHOM_TEST_MUTANTS_PTXMUTANTS_H
#define FATHOM_TEST_MUTANTS_PTXMUTANTS_H

#include <cstdint>
#include <string>
#include <vector>

namespace fathom::test {

enum class MutantKind : unsigned {
  /// A barrier, wait, commit or fence is not there.
  Deleted,
  /// An address is one access further.
  Shifted,
  /// A mask lacks its last lane, or lanes read another one than they should.
  Lanes,
};
constexpr unsigned kMutantKinds = 3;

struct Mutant {
  MutantKind kind;
  /// What is wrong, e.g. "bar.sync 3 deleted": the third of its kind in the text.
  std::string what;
  /// Index of the line that is another one, and what it is then.
  size_t line;
  std::string replacement;
};

/// The text of one kernel, by lines, and all its mutants.
class PtxText {
public:
  explicit PtxText(const std::string &text);

  const std::vector<Mutant> &mutants() const { return all; }
  std::string with(const Mutant &mutant) const;
  /// The text, which also stores a byte for each mutant whose instruction is executed: that of mutant i at `address` +
  /// i.
  std::string watched(uint64_t address) const;

private:
  std::vector<std::string> lines;
  std::vector<Mutant> all;
};

} // namespace fathom::test

#endif // FATHOM_TEST_MUTANTS_PTXMUTANTS_H
