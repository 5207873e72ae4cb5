// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Collecting, folding and printing findings.

#include "frontend/checkpoint/Diagnostics.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
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
  if (++tallies[kindOf(finding)] <= shownPerKind) {
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

static void printFinding(const Finding &finding, llvm::raw_ostream &out) {
  out << "fathom: " << spelling(finding.severity) << ": ";
  // A path is the user's own and may be long; what a file says is cut.
  if (!finding.file.empty()) {
    out << escape(finding.file, 4096) << ": ";
  }
  if (!finding.where.empty()) {
    out << escape(finding.where) << ": ";
  }
  out << escape(finding.message, 1000) << " [" << finding.code << "]\n";
  if (!finding.hint.empty()) {
    out << "fathom: note: " << escape(finding.hint, 1000) << "\n";
  }
}

void Diagnostics::print(llvm::raw_ostream &out) const {
  llvm::StringMap<size_t> printed;
  for (const Finding &finding : kept) {
    printFinding(finding, out);
    std::string kind = kindOf(finding);
    size_t total = tallies.lookup(kind);
    if (++printed[kind] == shownPerKind && total > shownPerKind) {
      out << "fathom: note: and " << total - shownPerKind << " more of this kind [" << finding.code << "]\n";
    }
  }
}

/// Length of the valid UTF-8 sequence at the front of `bytes`, or 0.
static size_t sequenceLength(llvm::StringRef bytes) {
  const auto *first = reinterpret_cast<const llvm::UTF8 *>(bytes.begin());
  const auto *last = reinterpret_cast<const llvm::UTF8 *>(bytes.end());
  size_t length = llvm::getNumBytesForUTF8(*first);
  return length <= bytes.size() && llvm::isLegalUTF8Sequence(first, last) ? length : 0;
}

/// C0, DEL, C1 controls and the direction overrides: whatever could move a terminal's cursor or hide text.
static bool isControl(llvm::StringRef sequence) {
  if (sequence.size() == 1) {
    return static_cast<unsigned char>(sequence[0]) < 0x20 || sequence[0] == 0x7f;
  }
  bool c1 = sequence.size() == 2 && sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0;
  bool direction = sequence >= "\xe2\x80\xa8" && sequence <= "\xe2\x80\xae";
  bool isolate = sequence >= "\xe2\x81\xa6" && sequence <= "\xe2\x81\xa9";
  return c1 || direction || isolate;
}

std::string escape(llvm::StringRef bytes, size_t limit) {
  std::string out;
  while (!bytes.empty()) {
    size_t length = sequenceLength(bytes);
    bool print = length != 0 && !isControl(bytes.take_front(length));
    llvm::StringRef piece = bytes.take_front(length ? length : 1);
    std::string hidden;
    for (char c : print ? llvm::StringRef() : piece) {
      hidden += "\\x" + llvm::utohexstr(static_cast<unsigned char>(c), /*LowerCase=*/true, /*Width=*/2);
    }
    size_t added = print ? piece.size() : hidden.size();
    if (out.size() + added > limit) {
      return out + "...";
    }
    out += print ? piece.str() : hidden;
    bytes = bytes.drop_front(piece.size());
  }
  return out;
}

} // namespace fathom::checkpoint
