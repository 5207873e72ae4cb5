// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Findings about input files: collected all at once, printed like a compiler's, folded when there are many.

#ifndef FATHOM_FRONTEND_CHECKPOINT_DIAGNOSTICS_H
#define FATHOM_FRONTEND_CHECKPOINT_DIAGNOSTICS_H

#include "dialects/support/Escape.h"
#include "fathom/exit_code.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <set>
#include <string>
#include <vector>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace fathom::checkpoint {

/// What an error means to the caller: the exit code that it leads to.
using Problem = ExitCode;

enum class Severity { Error, Warning, Note };

/// One finding. `code` names its kind ("missing-tensor"): findings of one kind are folded together.
struct Finding {
  Severity severity = Severity::Error;
  Problem problem = Problem::BadInput;
  std::string code;
  /// The file as the user can find it; may be empty.
  std::string file;
  /// A place in it: "3:17", a tensor, a model part, a key; may be empty.
  std::string where;
  /// What is wrong, with the offending value and what was expected.
  std::string message;
  /// What to do about it, in lines that are a note each; may be empty.
  std::string hint;
};

/// Collects findings. Keeps the first `shownPerKind` of each kind and severity and counts the rest, so a
/// hostile input costs bounded memory. Not thread-safe.
class Diagnostics {
public:
  static constexpr unsigned kShownPerKind = 20;

  void report(Finding finding);
  void error(Problem problem, llvm::StringRef code, llvm::StringRef file, llvm::StringRef where,
             const llvm::Twine &message, llvm::StringRef hint = {});
  void warning(llvm::StringRef code, llvm::StringRef file, llvm::StringRef where, const llvm::Twine &message,
               llvm::StringRef hint = {});
  void note(llvm::StringRef code, llvm::StringRef file, llvm::StringRef where, const llvm::Twine &message);

  bool hasErrors() const { return errors != 0; }
  /// Errors reported, folded ones included.
  size_t errorCount() const { return errors; }
  /// The findings kept, in the order of their report.
  const std::vector<Finding> &findings() const { return kept; }

  /// 0 without errors. Otherwise the gravest kind: internal (70), resources (6), I/O (5), bad input (3), usage (2),
  /// unsupported (4); so 4 says that support is all that is missing.
  int exitCode() const;

  /// Prints `fathom: error: <file>: <where>: <message> [<code>]` lines, `fathom: note: <hint>` below the first of those
  /// with one hint, and a count for what was folded.
  void print(llvm::raw_ostream &out) const;

private:
  std::vector<Finding> kept;
  llvm::StringMap<size_t> tallies;
  size_t errors = 0;
  std::set<Problem> seen;
};

/// Makes a finding of an error; an ExitError says of which kind, any other is a bug, or what `other` says. Lines behind
/// the first of an ExitError are the hint.
void report(llvm::Error error, llvm::StringRef code, Diagnostics &diagnostics, Problem other = Problem::Internal);

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_DIAGNOSTICS_H
