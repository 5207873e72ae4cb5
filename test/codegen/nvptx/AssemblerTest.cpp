// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ptxas says, and who it is. Programs stand in for it: a shell script for one that works, another for one that
// fails.

#include "codegen/llvm/UnitCache.h"
#include "codegen/nvptx/CachingAssembler.h"
#include "dialects/support/ExitError.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::codegen::test {

TEST(ReadResources, FindsRegistersSharedMemoryAndSpills) {
  Assembled assembled;
  readResources(R"(ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'norm' for 'sm_80'
ptxas info    : Function properties for norm
    40 bytes stack frame, 24 bytes spill stores, 36 bytes spill loads
ptxas info    : Used 48 registers, used 1 barriers, 32 bytes smem, 400 bytes cmem[0]
)",
                assembled);
  EXPECT_EQ(assembled.registers, 48u);
  EXPECT_EQ(assembled.sharedBytes, 32u);
  EXPECT_EQ(assembled.spillBytes, 24u);
}

TEST(ReadResources, TakesWhatIsNotSaidForNothing) {
  Assembled assembled;
  readResources("ptxas info    : Used 8 registers, 360 bytes cmem[0]\n", assembled);
  EXPECT_EQ(assembled.registers, 8u);
  EXPECT_EQ(assembled.sharedBytes, 0u);
  EXPECT_EQ(assembled.spillBytes, 0u);
}

TEST(ReadResources, FindsWhyProductsAreSlow) {
  Assembled assembled;
  readResources("ptxas info    : (C7511) Potential Performance Loss: instructions are serialized in the function 'k9'\n"
                "ptxas info    : Used 168 registers\n",
                assembled);
  EXPECT_EQ(assembled.complaint,
            "(C7511) Potential Performance Loss: instructions are serialized in the function 'k9'");
  readResources("ptxas info    : Used 168 registers\n", assembled);
  EXPECT_EQ(assembled.complaint, "");
}

/// A program in a folder for temporary files.
class ScriptTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("ptxas", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string write(llvm::StringRef text) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, "ptxas");
    std::error_code error;
    llvm::raw_fd_ostream(path, error) << "#!/bin/sh\n" << text;
    llvm::sys::fs::setPermissions(path, llvm::sys::fs::all_perms);
    return path.str().str();
  }

  llvm::SmallString<128> folder;
};

TEST_F(ScriptTest, GivesTheFileThatTheAssemblerWrites) {
  // ptxas -arch=sm_80 -v INPUT -o OUTPUT
  std::string ptxas = write("echo 'Used 7 registers'; { cat /bin/true; echo \"$1\"; cat \"$3\"; } > \"$5\"\n");
  Assembled assembled = llvm::cantFail(assemble(ptxas, "text", "sm_80"));
  // A whole ELF file, and what the script was given.
  EXPECT_TRUE(llvm::StringRef(assembled.cubin).ends_with("-arch=sm_80\ntext"));
  EXPECT_EQ(assembled.registers, 7u);
}

TEST_F(ScriptTest, SaysWhatTheAssemblerSays) {
  std::string ptxas = write("echo 'line 3: unknown opcode' >&2; echo; echo fatal; exit 255\n");
  ExitStatus status = takeExitStatus(assemble(ptxas, "text", "sm_90a").takeError());
  EXPECT_EQ(status.code, int(ExitCode::Unsupported));
  EXPECT_EQ(status.message,
            "ptxas failed for sm_90a with exit code 255: '" + ptxas +
                "'\nline 3: unknown opcode\nfatal\nset FATHOM_PTXAS to another, or do without by --cubin=none");
}

TEST_F(ScriptTest, RepeatsTheFirstLinesOfALongReport) {
  std::string ptxas = write("seq 1000; exit 1\n");
  std::string message = takeExitStatus(assemble(ptxas, "text", "sm_80").takeError()).message;
  EXPECT_NE(message.find("\n9\n10\nset FATHOM_PTXAS"), message.npos) << message;
}

TEST_F(ScriptTest, IsALackOfResourcesWhereSomethingEndsIt) {
  ExitStatus status = takeExitStatus(assemble(write("kill -9 $$\n"), "text", "sm_80").takeError());
  EXPECT_EQ(status.code, int(ExitCode::Resources)) << status.message;
  EXPECT_EQ(status.message.find("ptxas failed for sm_80: Killed: '"), 0u) << status.message;
}

TEST_F(ScriptTest, CannotBeRunWithoutItsInterpreter) {
  ExitStatus status = takeExitStatus(assemble(write("exec /nowhere/ptxas\n"), "text", "sm_80").takeError());
  EXPECT_EQ(status.code, int(ExitCode::InputOutput)) << status.message;
}

TEST_F(ScriptTest, IsWaitedForUpToALimit) {
  std::string ptxas = write("echo $$ > \"$0.started\"; echo thinking; exec sleep 600\n");
  ExitStatus status = takeExitStatus(assemble(ptxas, "text", "sm_80", std::chrono::seconds(1)).takeError());
  EXPECT_EQ(status.code, int(ExitCode::Resources));
  EXPECT_EQ(status.message.find("ptxas failed for sm_80: it did not end within 1 s: '" + ptxas + "'\nthinking\n"), 0u)
      << status.message;
  int started = 0;
  auto file = llvm::cantFail(llvm::errorOrToExpected(llvm::MemoryBuffer::getFile(ptxas + ".started")));
  ASSERT_FALSE(file->getBuffer().trim().getAsInteger(10, started));
  EXPECT_EQ(kill(started, 0), -1);
}

TEST_F(ScriptTest, SaysWhereNoTemporaryFileCanBe) {
  const char *before = getenv("TMPDIR");
  std::string kept = before ? before : "";
  setenv("TMPDIR", "/nowhere", 1);
  ExitStatus status = takeExitStatus(assemble("/bin/true", "text", "sm_80").takeError());
  before ? setenv("TMPDIR", kept.c_str(), 1) : unsetenv("TMPDIR");
  EXPECT_EQ(status.code, int(ExitCode::InputOutput));
  EXPECT_EQ(status.message, "cannot make a temporary file in '/nowhere': No such file or directory");
}

TEST_F(ScriptTest, MustHaveWrittenMachineCode) {
  const std::pair<const char *, const char *> scripts[] = {
      {"exit 0\n", "no"},
      {"echo garbage > \"$5\"\n", "damaged"},
      {"head -c 700 /bin/sh > \"$5\"\n", "damaged"},
      {"(printf '\\177ELF\\2\\1\\1'; head -c 4000 /bin/sh) > \"$5\"\n", "damaged"}};
  for (auto [script, what] : scripts) {
    std::string ptxas = write(script);
    ExitStatus status = takeExitStatus(assemble(ptxas, "text", "sm_80").takeError());
    EXPECT_EQ(status.code, int(ExitCode::Unsupported));
    EXPECT_EQ(status.message, "ptxas failed for sm_80: it wrote " + std::string(what) + " machine code: '" + ptxas +
                                  "'\nset FATHOM_PTXAS to another, or do without by --cubin=none");
  }
}

TEST_F(ScriptTest, IsAskedOnceForWhatACacheKeeps) {
  // Each call is a line in a file beside it; versions are of the environment.
  std::string ptxas = write("[ $1 = --version ] && echo \"$VERSION\" && exit\n"
                            "echo \"$3\" >> \"$0.calls\"; echo 'Used 7 registers'; echo '(C7514) slow'; { cat "
                            "/bin/true; cat \"$3\"; } > \"$5\"\n");
  auto countCalls = [&] {
    auto calls = llvm::MemoryBuffer::getFile(ptxas + ".calls");
    return calls ? (*calls)->getBuffer().count('\n') : 0;
  };
  UnitCache cache(folder.str().str() + "/cache", "compiler");
  EmitOptions options;
  options.cache = &cache;
  options.assembler = ptxas;
  auto assembleOnce = [&](llvm::StringRef ptx, llvm::StringRef processor) {
    CachingAssembler assembler = llvm::cantFail(CachingAssembler::create(processor, options));
    Assembled assembled = llvm::cantFail(assembler.assemble(ptx));
    EXPECT_TRUE(llvm::StringRef(assembled.cubin).ends_with(ptx));
    EXPECT_EQ(assembled.registers, 7u);
    EXPECT_EQ(assembled.complaint, "(C7514) slow");
  };
  setenv("VERSION", "13.0", 1);
  assembleOnce("text", "sm_80");
  assembleOnce("text", "sm_80");
  EXPECT_EQ(countCalls(), 1u);
  assembleOnce("other", "sm_80");
  assembleOnce("text", "sm_90a");
  EXPECT_EQ(countCalls(), 3u);
  setenv("VERSION", "13.1", 1);
  assembleOnce("text", "sm_80");
  EXPECT_EQ(countCalls(), 4u);
  unsetenv("VERSION");
}

TEST_F(ScriptTest, IsTakenFromTheEnvironmentFirst) {
  std::string ptxas = write("");
  setenv("FATHOM_PTXAS", ptxas.c_str(), 1);
  EXPECT_EQ(llvm::cantFail(findAssembler()), ptxas);
  setenv("FATHOM_PTXAS", "/nowhere/ptxas", 1);
  EXPECT_EQ(llvm::toString(findAssembler().takeError()), "FATHOM_PTXAS: '/nowhere/ptxas' is not a program");
  unsetenv("FATHOM_PTXAS");
}

} // namespace fathom::codegen::test
