// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Collecting, folding and printing findings.

#include "frontend/checkpoint/Diagnostics.h"

#include "dialects/support/ExitError.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

namespace fathom::checkpoint {

static llvm::StringRef spelling(Severity severity) {
  return severity == Severity::Error ? "error" : severity == Severity::Warning ? "warning" : "note";
}

static std::string kindOf(const Finding &finding) { return (spelling(finding.severity) + "/" + finding.code).str(); }

void Diagnostics::report(Finding finding) {
  if (finding.severity == Severity::Error) {
    ++errors;
    seen.insert(finding.problem);
  }
  if (++tallies[kindOf(finding)] <= kShownPerKind) {
    kept.push_back(std::move(finding));
  }
}

void Diagnostics::error(Problem problem, llvm::StringRef code, llvm::StringRef file, llvm::StringRef where,
                        const llvm::Twine &message, llvm::StringRef hint) {
  report({Severity::Error, problem, code.str(), file.str(), where.str(), message.str(), hint.str()});
}

void Diagnostics::warning(llvm::StringRef code, llvm::StringRef file, llvm::StringRef where, const llvm::Twine &message,
                          llvm::StringRef hint) {
  report({Severity::Warning, Problem::BadInput, code.str(), file.str(), where.str(), message.str(), hint.str()});
}

void Diagnostics::note(llvm::StringRef code, llvm::StringRef file, llvm::StringRef where, const llvm::Twine &message) {
  report({Severity::Note, Problem::BadInput, code.str(), file.str(), where.str(), message.str(), ""});
}

int Diagnostics::exitCode() const {
  for (Problem problem : {Problem::Internal, Problem::Resources, Problem::InputOutput, Problem::BadInput,
                          Problem::Usage, Problem::Unsupported}) {
    if (seen.count(problem)) {
      return static_cast<int>(problem);
    }
  }
  return 0;
}

/// Prints a finding, and its hint where that is new.
static void printFinding(const Finding &finding, bool newHint, llvm::raw_ostream &out) {
  out << "fathom: " << spelling(finding.severity) << ": ";
  // A path is the user's own and may be long; what a file says is cut.
  if (!finding.file.empty()) {
    out << escape(finding.file, 4096) << ": ";
  }
  if (!finding.where.empty()) {
    out << escape(finding.where) << ": ";
  }
  out << escape(finding.message, 1000) << " [" << finding.code << "]\n";
  if (newHint) {
    for (llvm::StringRef line : llvm::split(finding.hint, '\n')) {
      out << "fathom: note: " << escape(line, 1000) << "\n";
    }
  }
}

void Diagnostics::print(llvm::raw_ostream &out) const {
  llvm::StringMap<size_t> printed;
  llvm::StringSet<> hints;
  for (const Finding &finding : kept) {
    printFinding(finding, !finding.hint.empty() && hints.insert(finding.hint).second, out);
    std::string kind = kindOf(finding);
    size_t total = tallies.lookup(kind);
    if (++printed[kind] == kShownPerKind && total > kShownPerKind) {
      out << "fathom: note: and " << total - kShownPerKind << " more of this kind [" << finding.code << "]\n";
    }
  }
}

void report(llvm::Error error, llvm::StringRef code, Diagnostics &diagnostics, Problem other) {
  // Failures of the target, the code and the output: the message names the file or the weight it is about.
  llvm::handleAllErrors(
      std::move(error),
      [&](const ExitError &known) {
        Problem problem = known.getExitCode();
        std::string text = known.message();
        auto [message, hint] = llvm::StringRef(text).split('\n');
        diagnostics.error(problem, problem == Problem::BadInput ? "bad-weights" : code, "", "", message, hint);
      },
      [&](const llvm::ErrorInfoBase &unknown) { diagnostics.error(other, code, "", "", unknown.message()); });
}

} // namespace fathom::checkpoint
