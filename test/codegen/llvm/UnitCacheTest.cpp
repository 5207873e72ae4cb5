// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a cache finds, and what it must not find.

#include "codegen/llvm/UnitCache.h"

#include "test/codegen/llvm/Support.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <fstream>
#include <iterator>

namespace fathom::codegen::test {

namespace {
class UnitCacheTest : public testing::Test {
protected:
  UnitCacheTest() : folder(makeFolder()), cache(folder, "a compiler") {}
  ~UnitCacheTest() override { llvm::sys::fs::remove_directories(folder); }

  static std::string makeFolder() {
    llvm::SmallString<128> unique;
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("fathom-unit-cache", unique));
    return unique.str().str();
  }
  std::string getPath(const std::string &key) const { return folder + "/llvmcache-" + key; }
  /// Nothing where nothing is found.
  static std::string read(const UnitCache &cache, const std::string &key) {
    llvm::SmallString<0> bytes;
    return cache.read(key, bytes) ? bytes.str().str() : "";
  }
  /// Changes the file of `key`.
  void edit(const std::string &key, llvm::function_ref<void(std::string &)> change) {
    std::ifstream in(getPath(key), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    change(bytes);
    std::ofstream(getPath(key), std::ios::binary) << bytes;
  }

  std::string folder;
  UnitCache cache;
};
} // namespace

TEST_F(UnitCacheTest, FindsTheLastThatWasWritten) {
  EXPECT_EQ(read(cache, "k"), "");
  cache.write("k", "first");
  cache.write("k", "second");
  EXPECT_EQ(read(cache, "k"), "second");
  EXPECT_EQ(read(UnitCache(folder, "a compiler"), "k"), "second");
  EXPECT_EQ(read(cache, "other"), "");
}

TEST_F(UnitCacheTest, FindsNoFileThatIsNotWhatWasWritten) {
  cache.write("damaged", "some code");
  edit("damaged", [](std::string &bytes) { bytes[3] ^= 1; });
  EXPECT_EQ(read(cache, "damaged"), "");
  cache.write("torn", "some code");
  edit("torn", [](std::string &bytes) { bytes.resize(bytes.size() - 1); });
  EXPECT_EQ(read(cache, "torn"), "");
  edit("torn", [](std::string &bytes) { bytes.resize(3); });
  EXPECT_EQ(read(cache, "torn"), "");
  cache.write("torn", "some code");
  EXPECT_EQ(read(cache, "torn"), "some code") << "it is written again";
}

TEST_F(UnitCacheTest, FindsNoFileOfAnotherKey) {
  cache.write("here", "some code");
  ASSERT_FALSE(llvm::sys::fs::rename(getPath("here"), getPath("there")));
  EXPECT_EQ(read(cache, "there"), "");
}

TEST_F(UnitCacheTest, KeepsNothingWhereNoFolderCanBe) {
  std::ofstream(folder + "/file") << "text";
  UnitCache impossible(folder + "/file/cache", "a compiler");
  impossible.write("k", "some code");
  EXPECT_EQ(read(impossible, "k"), "");
  ASSERT_FALSE(llvm::sys::fs::create_directory(getPath("k")));
  cache.write("k", "some code");
  EXPECT_EQ(read(cache, "k"), "");
}

TEST_F(UnitCacheTest, KeysSayTheUnitTheTargetAndTheCompiler) {
  llvm::LLVMContext context;
  auto unit = parse("define i32 @run() { ret i32 1 }", context);
  auto other = parse("define i32 @run() { ret i32 2 }", context);
  X86Target wide = llvm::cantFail(findX86Target("x86-64-v4"));
  constexpr auto object = llvm::CodeGenFileType::ObjectFile;
  std::string key = cache.computeKey(*unit, getTarget(), object);
  EXPECT_EQ(cache.computeKey(*unit, getTarget(), object), key);
  EXPECT_NE(cache.computeKey(*other, getTarget(), object), key);
  EXPECT_NE(cache.computeKey(*unit, wide, object), key);
  EXPECT_NE(cache.computeKey(*unit, getTarget(), llvm::CodeGenFileType::AssemblyFile), key);
  EXPECT_NE(UnitCache(folder, "another").computeKey(*unit, getTarget(), object), key);
}

/// Which units are kept: one that is written again is in another file.
static std::vector<llvm::sys::fs::UniqueID> listFiles(const std::string &folder) {
  std::vector<llvm::sys::fs::UniqueID> files;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator i(folder, error), end; i != end && !error; i.increment(error)) {
    if (llvm::sys::path::filename(i->path()).starts_with("llvmcache-")) {
      files.emplace_back();
      error = llvm::sys::fs::getUniqueID(i->path(), files.back());
    }
  }
  EXPECT_FALSE(error);
  return files;
}

TEST_F(UnitCacheTest, UnitsAreTheSameFromTheCacheAndForEqualKernels) {
  ModelCode code = makeCode(kSelect, {"run", "items"}, {makeSelectRows(4)});
  code.kernels.push_back({"k9.again", code.kernels[0].kernel, code.kernels[0].constants, /*hasEpilogue=*/false});
  auto emit = [&](const UnitCache *from) {
    return llvm::cantFail(emitUnits(code, getTarget(), llvm::CodeGenFileType::ObjectFile, /*threads=*/1, from));
  };
  std::vector<CompiledUnit> plain = emit(nullptr), cold = emit(&cache);
  std::vector<llvm::sys::fs::UniqueID> files = listFiles(folder);
  EXPECT_EQ(files.size(), 2u) << "the functions, and one kernel";
  std::vector<CompiledUnit> warm = emit(&cache);
  EXPECT_EQ(listFiles(folder), files) << "one that was found is written again";
  for (size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(plain[i].bytes, cold[i].bytes);
    EXPECT_EQ(plain[i].bytes, warm[i].bytes);
    EXPECT_EQ(plain[i].symbol, warm[i].symbol);
  }
  EXPECT_EQ(plain[1].bytes, plain[2].bytes);
}

} // namespace fathom::codegen::test
