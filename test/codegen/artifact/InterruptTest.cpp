// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes that are interrupted by signals.

#include "dialects/support/AtomicFile.h"

#include "test/codegen/artifact/Support.h"

#include <csignal>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>

namespace fathom::codegen::test {

/// Starts a process that runs `body`.
static pid_t start(const std::function<void()> &body) {
  pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  return child;
}

static int await(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

class InterruptSignal : public testing::TestWithParam<int> {};

TEST_P(InterruptSignal, RemovesTheTemporaryFileAndDiesOfTheSignal) {
  int number = GetParam();
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  writeFile(path, "old");
  int status = await(start([&] {
    signal(number, SIG_DFL);
    auto first = llvm::cantFail(AtomicFile::create(path, {}));
    auto second = llvm::cantFail(AtomicFile::create(directory.path("other"), {}));
    llvm::cantFail(first->writeAt(0, "new"));
    raise(number);
  }));
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), number);
  EXPECT_EQ(readFile(path), "old");
  EXPECT_EQ(directory.list(), std::vector<std::string>{"out"});
}

INSTANTIATE_TEST_SUITE_P(Signals, InterruptSignal, testing::Values(SIGINT, SIGTERM, SIGHUP));

TEST(Interrupt, AnIgnoredSignalStaysIgnored) {
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  int status = await(start([&] {
    signal(SIGINT, SIG_IGN);
    auto file = llvm::cantFail(AtomicFile::create(path, {}));
    raise(SIGINT);
    llvm::cantFail(file->writeAt(0, "new"));
    llvm::cantFail(file->commit());
  }));
  EXPECT_EQ(status, 0);
  EXPECT_EQ(readFile(path), "new");
}

static volatile sig_atomic_t handled = 0;

TEST(Interrupt, AHandlerThatWasThereBeforeIsCalledToo) {
  TemporaryDirectory directory;
  int status = await(start([&] {
    signal(SIGTERM, [](int) { handled = 1; });
    auto file = llvm::cantFail(AtomicFile::create(directory.path("out"), {}));
    raise(SIGTERM);
    _exit(handled ? 7 : 8);
  }));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(directory.list(), std::vector<std::string>{});
}

/// Writes again and again until a signal comes, at any moment of it.
static void writeForever(const std::string &path) {
  for (;;) {
    auto file = llvm::cantFail(AtomicFile::create(path, {}));
    llvm::cantFail(file->reserve(50000));
    for (int part = 0; part < 5; ++part) {
      llvm::cantFail(file->writeAt(part * 10000, std::string(10000, 'n')));
    }
    llvm::cantFail(file->commit());
  }
}

static bool isOldOrNew(const std::string &path) {
  std::string bytes = readFile(path);
  return bytes == "old" || bytes == std::string(50000, 'n');
}

TEST(Interrupt, NoMomentIsABadOneForSigterm) {
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  for (int i = 0; i < 50; ++i) {
    writeFile(path, "old");
    pid_t child = start([&] { writeForever(path); });
    usleep(2000 + i * 397 % 6000);
    kill(child, SIGTERM);
    EXPECT_TRUE(WIFSIGNALED(await(child)));
    ASSERT_TRUE(isOldOrNew(path));
    ASSERT_EQ(directory.list(), std::vector<std::string>{"out"});
  }
}

TEST(Interrupt, SigkillLeavesTheOldFileAndDoesNotDisturbTheNextWrite) {
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  for (int i = 0; i < 20; ++i) {
    writeFile(path, "old");
    pid_t child = start([&] { writeForever(path); });
    usleep(2000 + i * 997 % 6000);
    kill(child, SIGKILL);
    await(child);
    ASSERT_TRUE(isOldOrNew(path));
    auto file = llvm::cantFail(AtomicFile::create(path, {}));
    llvm::cantFail(file->writeAt(0, "next"));
    llvm::cantFail(file->commit());
    EXPECT_EQ(readFile(path), "next");
  }
}

} // namespace fathom::codegen::test
