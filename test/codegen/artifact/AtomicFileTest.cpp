// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Atomic files: which paths are refused, what is replaced, with which mode.

#include "dialects/support/AtomicFile.h"
#include "dialects/support/OutputPath.h"

#include "test/codegen/artifact/Support.h"

#include <climits>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fathom::codegen::test {

/// Writes `bytes` to `path`; returns the exit code.
static int write(const std::string &path, const std::string &bytes, const AtomicFileOptions &options = {}) {
  auto file = AtomicFile::create(path, options);
  if (!file) {
    return exitCode(file.takeError());
  }
  if (llvm::Error error = (*file)->reserve(bytes.size())) {
    return exitCode(std::move(error));
  }
  if (llvm::Error error = (*file)->writeAt(0, bytes)) {
    return exitCode(std::move(error));
  }
  return exitCode((*file)->commit());
}

static mode_t modeOf(const std::string &path) {
  struct stat status = {};
  EXPECT_EQ(lstat(path.c_str(), &status), 0);
  return status.st_mode;
}

/// Runs `body` in a child process; returns its exit code.
static int runInChild(const std::function<int()> &body) {
  pid_t child = fork();
  if (child == 0) {
    _exit(body());
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(AtomicFile, ReplacesALongerFileWithoutLeavingItsTail) {
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  writeFile(path, std::string(10000, 'o'));
  EXPECT_EQ(write(path, "new"), 0);
  EXPECT_EQ(readFile(path), "new");
  EXPECT_EQ(directory.list(), std::vector<std::string>{"out"});
}

TEST(AtomicFile, WritesAnEmptyFile) {
  TemporaryDirectory directory;
  EXPECT_EQ(write(directory.path("out"), ""), 0);
  EXPECT_EQ(readFile(directory.path("out")), "");
}

TEST(AtomicFile, LeavesTheOldFileAloneUntilCommit) {
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  writeFile(path, "old");
  {
    auto file = llvm::cantFail(AtomicFile::create(path, {}));
    llvm::cantFail(file->writeAt(0, "new"));
    EXPECT_EQ(readFile(path), "old");
    EXPECT_EQ(directory.list().size(), 2u);
  }
  EXPECT_EQ(readFile(path), "old");
  EXPECT_EQ(directory.list(), std::vector<std::string>{"out"});
}

TEST(AtomicFile, HasExactlyTheModeTheUmaskLeaves) {
  TemporaryDirectory directory;
  mode_t before = umask(0);
  for (mode_t mask : {0000, 0022, 0077}) {
    umask(mask);
    AtomicFileOptions executable;
    executable.executable = true;
    EXPECT_EQ(write(directory.path("data"), "x"), 0);
    EXPECT_EQ(write(directory.path("program"), "x", executable), 0);
    EXPECT_EQ(modeOf(directory.path("data")), S_IFREG | (0666 & ~mask));
    EXPECT_EQ(modeOf(directory.path("program")), S_IFREG | (0777 & ~mask));
  }
  umask(before);
}

TEST(AtomicFile, RefusesWhatNoFileCanReplace) {
  TemporaryDirectory directory;
  ASSERT_EQ(mkdir(directory.path("folder").c_str(), 0700), 0);
  ASSERT_EQ(mkfifo(directory.path("pipe").c_str(), 0600), 0);
  ASSERT_EQ(symlink("/dev/null", directory.path("link").c_str()), 0);
  ASSERT_EQ(symlink("folder", directory.path("folder-link").c_str()), 0);
  std::vector<std::string> before = directory.list();
  for (const std::string &path :
       {std::string(), std::string("-"), std::string("."), std::string("/"), std::string("/dev/null"),
        std::string("/dev/full"), directory.path("folder"), directory.path("folder/"), directory.path("new/"),
        directory.path("folder/.."), directory.path("pipe"), directory.path("link"), directory.path("folder-link"),
        directory.path(std::string("a\0b", 3))}) {
    EXPECT_EQ(write(path, "x"), 2) << path;
  }
  EXPECT_EQ(directory.list(), before);
}

TEST(AtomicFile, ReportsPathsThatCannotBeCreated) {
  TemporaryDirectory directory;
  writeFile(directory.path("file"), "x");
  EXPECT_EQ(write(directory.path("absent/out"), "x"), 5);
  EXPECT_EQ(write(directory.path("file/out"), "x"), 5);
  EXPECT_EQ(write(directory.path(std::string(5000, 'n')), "x"), 5);
  EXPECT_EQ(write("/proc/fathom-out", "x"), 5);
}

TEST(AtomicFile, KnowsBeforeWhatCannotBeCreated) {
  TemporaryDirectory directory;
  writeFile(directory.path("file"), "x");
  EXPECT_EQ(exitCode(checkOutputDirectory(directory.path("absent/out"))), 5);
  EXPECT_EQ(exitCode(checkOutputDirectory(directory.path("file/out"))), 5);
  EXPECT_EQ(exitCode(checkOutputDirectory(directory.path(std::string(NAME_MAX + 1, 'n')))), 5);
  EXPECT_EQ(exitCode(checkOutputDirectory(directory.path(std::string(NAME_MAX, 'n')))), 0);
  EXPECT_EQ(exitCode(checkOutputDirectory("out")), 0);
}

TEST(AtomicFile, TakesNamesOfAnyBytesAndOfTheGreatestLength) {
  TemporaryDirectory directory;
  for (const std::string &name : {std::string("\xff\xfe"), std::string("a b\n"), std::string(255, 'n')}) {
    EXPECT_EQ(write(directory.path(name), name), 0);
    EXPECT_EQ(readFile(directory.path(name)), name);
  }
}

TEST(AtomicFile, ReplacesALinkAndNotWhatItPointsTo) {
  TemporaryDirectory directory;
  writeFile(directory.path("target"), "precious");
  ASSERT_EQ(symlink("target", directory.path("link").c_str()), 0);
  ASSERT_EQ(symlink("nothing", directory.path("dangling").c_str()), 0);
  EXPECT_EQ(write(directory.path("link"), "new"), 0);
  EXPECT_EQ(write(directory.path("dangling"), "new"), 0);
  EXPECT_EQ(readFile(directory.path("target")), "precious");
  EXPECT_TRUE(S_ISREG(modeOf(directory.path("link"))));
  EXPECT_TRUE(S_ISREG(modeOf(directory.path("dangling"))));
}

TEST(AtomicFile, NeverReplacesAnInput) {
  TemporaryDirectory directory;
  std::string input = directory.path("model.safetensors");
  writeFile(input, "weights");
  writeFile(directory.path("model.fathom"), "old");
  ASSERT_EQ(symlink("model.safetensors", directory.path("alias").c_str()), 0);
  AtomicFileOptions byFile;
  byFile.inputs = {directory.path("absent"), input};
  AtomicFileOptions byDirectory;
  byDirectory.inputs = {directory.getRoot()};
  for (const AtomicFileOptions &options : {byFile, byDirectory}) {
    EXPECT_EQ(write(input, "new", options), 2);
    EXPECT_EQ(write(directory.path("./model.safetensors"), "new", options), 2);
    EXPECT_EQ(write(directory.path("alias"), "new", options), 2);
    EXPECT_EQ(write(directory.path("model.fathom"), "new", options), 0);
  }
  EXPECT_EQ(readFile(input), "weights");
}

TEST(AtomicFile, LeavesMappingsOfTheOldFileIntact) {
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  writeFile(path, std::string(4096, 'o'));
  int descriptor = open(path.c_str(), O_RDONLY);
  const char *old = static_cast<const char *>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, descriptor, 0));
  close(descriptor);
  ASSERT_NE(old, MAP_FAILED);
  EXPECT_EQ(write(path, "n"), 0);
  EXPECT_EQ(std::string(old, 4096), std::string(4096, 'o'));
  munmap(const_cast<char *>(old), 4096);
}

TEST(AtomicFile, NeverWritesToStandardStreamsThatAreClosed) {
  TemporaryDirectory directory;
  int code = runInChild([&] {
    close(0);
    close(1);
    close(2);
    auto file = llvm::cantFail(AtomicFile::create(directory.path("out"), {}));
    // What a library may print must not reach the file.
    ssize_t ignored = ::write(1, "noise", 5) + ::write(2, "noise", 5);
    (void)ignored;
    llvm::cantFail(file->writeAt(0, "x"));
    return exitCode(file->commit());
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(readFile(directory.path("out")), "x");
}

TEST(AtomicFile, FailsBeyondTheFileSizeLimitInsteadOfDying) {
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  writeFile(path, "old");
  int code = runInChild([&] {
    rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    return write(path, std::string(5000, 'n'));
  });
  EXPECT_EQ(code, 5);
  EXPECT_EQ(readFile(path), "old");
  EXPECT_EQ(directory.list(), std::vector<std::string>{"out"});
}

TEST(AtomicFile, LetsOneOfTwoWritersWinWhole) {
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  auto writeMany = [&](char letter) {
    int worst = 0;
    for (int i = 0; i < 50; ++i) {
      worst = std::max(worst, write(path, std::string(100000, letter)));
    }
    return worst;
  };
  pid_t child = fork();
  if (child == 0) {
    _exit(writeMany('a'));
  }
  EXPECT_EQ(writeMany('b'), 0);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  std::string bytes = readFile(path);
  EXPECT_TRUE(bytes == std::string(100000, 'a') || bytes == std::string(100000, 'b'));
  EXPECT_EQ(directory.list(), std::vector<std::string>{"out"});
}

TEST(AtomicFile, LimitsHowManyAreOpenAtOnce) {
  TemporaryDirectory directory;
  std::vector<std::unique_ptr<AtomicFile>> files;
  for (int i = 0; i < 64; ++i) {
    files.push_back(llvm::cantFail(AtomicFile::create(directory.path(std::to_string(i)), {})));
  }
  EXPECT_EQ(exitCode(AtomicFile::create(directory.path("more"), {})), 6);
  files.pop_back();
  EXPECT_EQ(exitCode(AtomicFile::create(directory.path("more"), {})), 0);
}

} // namespace fathom::codegen::test
