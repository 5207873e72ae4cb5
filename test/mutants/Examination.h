// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A simulated GPU that runs each kernel with mistakes before it runs it.

#ifndef FATHOM_TEST_MUTANTS_EXAMINATION_H
#define FATHOM_TEST_MUTANTS_EXAMINATION_H

#include "runtime/device/device.h"
#include "test/mutants/PtxMutants.h"

#include <map>

namespace fathom::test {

/// What became of a mutant.
struct Outcome {
  /// Launches in which its instruction was executed, and nothing was noticed.
  unsigned survived = 0;
  /// What the simulator said, or "another result"; empty: not caught.
  std::string caughtBy;
};

/// A kernel as Fathom emitted it.
struct Subject {
  std::string text;
  PtxText ptx;
  std::vector<Outcome> outcomes;
  unsigned launches = 0;

  explicit Subject(const std::string &text) : text(text), ptx(text), outcomes(ptx.mutants().size()) {}
};

/// By the symbol of the kernel in the catalog.
using Subjects = std::map<std::string, Subject>;

/// That of `--device=ptxsim`. Of each of the kernels that were named last, the first form that is launched is examined,
/// in its launches; nothing is run any more when others could show nothing.
extern const runtime::Device kExaminingDevice;
void examine(const std::vector<std::string> &kernels);
const Subjects &subjects();

} // namespace fathom::test

#endif // FATHOM_TEST_MUTANTS_EXAMINATION_H
