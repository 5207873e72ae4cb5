// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How findings are printed, folded, escaped and turned into exit codes.

#include "dialects/support/ExitError.h"
#include "test/frontend/Support.h"

namespace fathom::checkpoint {
namespace {

TEST(DiagnosticsTest, PrintsLikeACompiler) {
  Diagnostics diagnostics;
  diagnostics.error(Problem::BadInput, "some-kind", "a.json", "3:4", "is wrong", "do this");
  EXPECT_EQ(test::printed(diagnostics), "fathom: error: a.json: 3:4: is wrong [some-kind]\nfathom: note: do this\n");
}

TEST(DiagnosticsTest, LinesBehindTheFirstOfAnErrorAreNotes) {
  Diagnostics diagnostics;
  report(makeError(Problem::Unsupported, "it failed: 'tool'\nline 1: \x1b[2J\ndo this"), "some-kind", diagnostics);
  EXPECT_EQ(test::printed(diagnostics), "fathom: error: it failed: 'tool' [some-kind]\n"
                                        "fathom: note: line 1: \\x1b[2J\nfathom: note: do this\n");
}

TEST(DiagnosticsTest, FoldsManyOfOneKindAndCountsAll) {
  Diagnostics diagnostics;
  for (int i = 0; i < 25; ++i) {
    diagnostics.error(Problem::BadInput, "missing", "", std::to_string(i), "is missing");
  }
  diagnostics.error(Problem::BadInput, "other", "", "", "stays visible");
  EXPECT_EQ(diagnostics.findings().size(), 21u);
  EXPECT_EQ(diagnostics.errorCount(), 26u);
  std::string text = test::printed(diagnostics);
  EXPECT_NE(text.find("and 5 more of this kind [missing]"), std::string::npos) << text;
  EXPECT_NE(text.find("stays visible"), std::string::npos);
}

TEST(DiagnosticsTest, ExitCodeIsTheGravest) {
  Diagnostics diagnostics;
  EXPECT_EQ(diagnostics.exitCode(), 0);
  diagnostics.warning("w", "", "", "only a warning");
  EXPECT_EQ(diagnostics.exitCode(), 0);
  diagnostics.error(Problem::Unsupported, "a", "", "", "x");
  EXPECT_EQ(diagnostics.exitCode(), 4);
  diagnostics.error(Problem::BadInput, "b", "", "", "x");
  EXPECT_EQ(diagnostics.exitCode(), 3);
  diagnostics.error(Problem::InputOutput, "c", "", "", "x");
  EXPECT_EQ(diagnostics.exitCode(), 5);
  diagnostics.error(Problem::Resources, "d", "", "", "x");
  EXPECT_EQ(diagnostics.exitCode(), 6);
}

TEST(DiagnosticsTest, EscapesWhatMovesATerminal) {
  EXPECT_EQ(escape("plain text"), "plain text");
  EXPECT_EQ(escape("caf\xc3\xa9 \xe4\xb8\xad"), "caf\xc3\xa9 \xe4\xb8\xad");
  EXPECT_EQ(escape("\x1b[2J\n\t\x7f"), "\\x1b[2J\\x0a\\x09\\x7f");
  EXPECT_EQ(escape(llvm::StringRef("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(escape("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(escape("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(escape("\xe2\x80\xae"), "\\xe2\\x80\\xae");
}

TEST(DiagnosticsTest, CutsLongTextAtACharacter) {
  EXPECT_EQ(escape(std::string(300, 'x')), std::string(200, 'x') + "...");
  EXPECT_EQ(escape("ab\xe4\xb8\xad", 4), "ab...");
}

} // namespace
} // namespace fathom::checkpoint
