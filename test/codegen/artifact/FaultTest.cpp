// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every system call of a write made to fail, one after the other: the old file must survive, nothing may be left over,
// and nothing may be reported as success.

#include "codegen/artifact/ArtifactWriter.h"
#include "dialects/support/FileSystem.h"
#include "test/codegen/artifact/Support.h"

#include <cerrno>
#include <functional>
#include <mutex>
#include <set>

namespace fathom::codegen::test {

namespace {

/// Calls the real file system, after asking `before`, which may return an errno to fail with instead.
class ScriptedFileSystem : public FileSystem {
public:
  std::function<int(const std::string &call)> before = [](const std::string &) { return 0; };
  std::function<void()> after = [] {};
  size_t longestWrite = SIZE_MAX;

  int openDirectory(const char *path) override {
    return run<int>("openDirectory", [&] {
      int directory = FileSystem::openDirectory(path);
      directories.insert(directory);
      return directory;
    });
  }
  int createExclusive(int folder, const char *name) override {
    return run<int>("create", [&] { return FileSystem::createExclusive(folder, name); });
  }
  int allocate(int file, uint64_t size) override {
    return run<int>("allocate", [&] { return FileSystem::allocate(file, size); });
  }
  ssize_t writeAt(int file, const void *bytes, size_t size, uint64_t offset) override {
    return run<ssize_t>("write",
                        [&] { return FileSystem::writeAt(file, bytes, std::min(size, longestWrite), offset); });
  }
  int changeMode(int file, mode_t mode) override {
    return run<int>("mode", [&] { return FileSystem::changeMode(file, mode); });
  }
  int sync(int file) override {
    return run<int>(directories.count(file) ? "syncDirectory" : "sync", [&] { return FileSystem::sync(file); });
  }
  int close(int file) override {
    // A close that fails has closed all the same. Directories are not written to: nobody asks how that ends.
    int result = FileSystem::close(file);
    return directories.erase(file) ? result : run<int>("close", [&] { return result; });
  }
  int rename(int folder, const char *from, const char *to) override {
    return run<int>("rename", [&] { return FileSystem::rename(folder, from, to); });
  }

private:
  template <typename Result, typename Call>
  Result run(const char *name, Call call) {
    std::lock_guard<std::mutex> lock(mutex);
    int error = before(name);
    Result result = error ? -1 : call();
    errno = error ? error : errno;
    int saved = errno;
    after();
    errno = saved;
    return result;
  }

  std::mutex mutex;
  std::set<int> directories;
};

/// An artifact to write over an old file.
struct FaultFixture {
  FaultFixture() {
    std::vector<Source> sources = {shard.add(33, 70, ElementType::BF16, 1), shard.add(40, 33, ElementType::BF16, 2)};
    contents = makeSmallContents(shard.save(directory.path("shard")), sources, "code");
    options.pack.pieceBytes = 1 << 12;
    expected = write() == 0 ? readFile(path) : "";
    writeFile(path, "old");
    options.fileSystem = &fileSystem;
  }

  int write() { return exitCode(writeArtifact(contents, path, options)); }

  TemporaryDirectory directory;
  std::string path = directory.path("model.fathom");
  ShardBuilder shard;
  ArtifactContents contents;
  ScriptedFileSystem fileSystem;
  WriteOptions options;
  std::string expected;
  const std::vector<std::string> onlyFiles = {"model.fathom", "shard"};
};

} // namespace

TEST(Fault, FailureOfAnySystemCallLeavesTheOldFile) {
  for (int error : {ENOSPC, EIO, EDQUOT, EFBIG, EXDEV, EACCES}) {
    int calls = 0;
    for (int failing = 1;; ++failing) {
      FaultFixture fixture;
      std::string failed;
      calls = 0;
      fixture.fileSystem.before = [&](const std::string &call) {
        if (++calls != failing) {
          return 0;
        }
        failed = call;
        return error;
      };
      int code = fixture.write();
      if (failed.empty()) {
        EXPECT_EQ(code, 0);
        EXPECT_GT(failing, 10);
        break;
      }
      EXPECT_EQ(code, 5) << failed;
      // After the rename there is no way back: the new file is there, but perhaps not on disk, which is an error.
      EXPECT_TRUE(readFile(fixture.path) == (failed == "syncDirectory" ? fixture.expected : "old")) << failed;
      EXPECT_EQ(fixture.directory.list(), fixture.onlyFiles) << failed;
    }
  }
}

TEST(Fault, ShortAndInterruptedCallsAreRepeated) {
  FaultFixture fixture;
  bool interrupt = false;
  fixture.fileSystem.longestWrite = 1000;
  fixture.fileSystem.before = [&](const std::string &call) {
    interrupt = !interrupt;
    // These do not wait, so they are never interrupted.
    bool immediate = call == "mode" || call == "rename" || call == "close";
    return interrupt && !immediate ? EINTR : 0;
  };
  EXPECT_EQ(fixture.write(), 0);
  EXPECT_TRUE(readFile(fixture.path) == fixture.expected);
}

TEST(Fault, AFileSystemThatCannotReserveSpaceStillWorks) {
  FaultFixture fixture;
  fixture.fileSystem.before = [](const std::string &call) { return call == "allocate" ? EOPNOTSUPP : 0; };
  EXPECT_EQ(fixture.write(), 0);
  EXPECT_TRUE(readFile(fixture.path) == fixture.expected);
}

TEST(Fault, CallsComeInTheOrderThatMakesAWriteAtomic) {
  FaultFixture fixture;
  std::vector<std::string> calls;
  fixture.fileSystem.before = [&](const std::string &call) {
    if (calls.empty() || calls.back() != call) {
      calls.push_back(call);
    }
    return 0;
  };
  EXPECT_EQ(fixture.write(), 0);
  std::vector<std::string> expected = {"openDirectory", "create", "allocate", "write",        "mode",
                                       "sync",          "close",  "rename",   "syncDirectory"};
  EXPECT_EQ(calls, expected);
}

TEST(Fault, TheFileIsOldOrNewAfterEverySystemCall) {
  FaultFixture fixture;
  int states = 0;
  fixture.fileSystem.after = [&] {
    std::string bytes = readFile(fixture.path);
    EXPECT_TRUE(bytes == "old" || bytes == fixture.expected);
    ++states;
  };
  EXPECT_EQ(fixture.write(), 0);
  EXPECT_GT(states, 10);
}

TEST(Fault, AnExecutableAndAnObjectSurviveToo) {
  for (int failing = 1; failing < 40; ++failing) {
    FaultFixture fixture;
    int calls = 0;
    bool failed = false;
    fixture.fileSystem.before = [&](const std::string &call) {
      bool now = ++calls == failing && call != "syncDirectory";
      failed |= now;
      return now ? ENOSPC : 0;
    };
    llvm::MemoryBufferRef stub("stub", "stub");
    int code = exitCode(writeExecutable(fixture.contents, stub, fixture.path, fixture.options));
    EXPECT_EQ(code, failed ? 5 : 0);
    EXPECT_EQ(readFile(fixture.path) == "old", failed);
    EXPECT_EQ(fixture.directory.list(), fixture.onlyFiles);
    writeFile(fixture.path, "old");
    calls = 0;
    failed = false;
    std::string header = fixture.directory.path("model.h");
    code = exitCode(writeObject(fixture.contents, "m", fixture.path, header, fixture.options));
    EXPECT_EQ(code, failed ? 5 : 0);
    if (!failed) {
      EXPECT_NE(readFile(header), "");
    }
  }
}

} // namespace fathom::codegen::test
