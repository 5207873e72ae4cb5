// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the linker makes of objects: symbols found and missing, segments and their protection, and code that runs.

#include "test/codegen/x86/Support.h"

#include "llvm/BinaryFormat/ELF.h"

#include <cstring>

namespace fathom::codegen::test {

static llvm::Expected<CodeImage> link(llvm::ArrayRef<llvm::StringRef> modules, std::vector<std::string> exports) {
  std::vector<CompiledUnit> objects;
  for (llvm::StringRef ir : modules) {
    objects.push_back({compileObject(ir)});
  }
  return linkImage(objects, exports);
}

TEST(LinkImage, FindsWhatOneObjectCallsInAnother) {
  LoadedImage image(llvm::cantFail(link({R"(
    declare hidden i32 @twice(i32)
    define i32 @run(i32 %x) {
      %doubled = call i32 @twice(i32 %x)
      %result = add i32 %doubled, 1
      ret i32 %result
    })",
                                         R"(
    define hidden i32 @twice(i32 %x) {
      %result = mul i32 %x, 2
      ret i32 %result
    })"},
                                        {"run"})));
  ASSERT_NE(image.find<int(int)>("run"), nullptr);
  EXPECT_EQ(image.find<int(int)>("run")(20), 41);
}

TEST(LinkImage, KeepsInternalFunctionsOfOneNameApart) {
  LoadedImage image(llvm::cantFail(link({R"(
    define internal i32 @helper() noinline { ret i32 1 }
    define i32 @first() { %x = call i32 @helper() ret i32 %x })",
                                         R"(
    define internal i32 @helper() noinline { ret i32 2 }
    define i32 @second() { %x = call i32 @helper() ret i32 %x })"},
                                        {"first", "second"})));
  EXPECT_EQ(image.find<int()>("first")(), 1);
  EXPECT_EQ(image.find<int()>("second")(), 2);
}

TEST(LinkImage, LeavesOutWhatNoEntryPointReaches) {
  CodeImage image = llvm::cantFail(link({R"(
    @table = internal constant [12 x i8] c"read by run\00"
    define ptr @run() { ret ptr @table })",
                                         R"(
    @other = internal constant [14 x i8] c"read by no one"
    declare void @nowhere()
    define hidden ptr @unused() { call void @nowhere() ret ptr @other })"},
                                        {"run"}));
  EXPECT_NE(image.bytes.find("read by run"), std::string::npos);
  EXPECT_EQ(image.bytes.find("read by no one"), std::string::npos);
}

TEST(LinkImage, NamesEveryUndefinedSymbol) {
  EXPECT_EQ(getMessage(link({R"(
    declare void @malloc()
    declare void @abort()
    define void @run() { call void @malloc() call void @abort() ret void })"},
                            {"run"})),
            "the code has undefined symbols: abort, malloc");
}

TEST(LinkImage, RefusesTwoDefinitionsOfOneName) {
  constexpr llvm::StringLiteral definition = "define hidden void @twice() { ret void }";
  EXPECT_EQ(getMessage(link({definition, definition}, {"twice"})), "the code defines 'twice' twice");
}

TEST(LinkImage, RefusesAddressesSinceNobodyRelocatesAnImage) {
  EXPECT_EQ(getMessage(link({R"(
    @functions = internal constant [1 x ptr] [ptr @run]
    define ptr @run() { ret ptr @functions })"},
                            {"run"})),
            "the code contains an address in section .data.rel.ro");
}

TEST(LinkImage, RefusesWhatIsNoObject) {
  CompiledUnit text = {llvm::SmallString<0>("not an object")};
  EXPECT_NE(getMessage(linkImage(text, std::vector<std::string>{"run"})), "");
}

/// Code, constants, and variables with and without bytes in the file.
static constexpr llvm::StringLiteral kEveryProtection = R"(
  @constant = internal constant [4 x i32] [i32 10, i32 20, i32 30, i32 40], align 64
  @variable = internal global i32 5
  @zeros = internal global [9000 x i8] zeroinitializer
  define i32 @count(i64 %i) {
    %constant = getelementptr i32, ptr @constant, i64 %i
    %a = load volatile i32, ptr %constant
    %b = load volatile i32, ptr @variable
    %zero = getelementptr i8, ptr @zeros, i64 8999
    %c = load volatile i8, ptr %zero
    %more = add i8 %c, 1
    store volatile i8 %more, ptr %zero
    %wide = zext i8 %c to i32
    %ab = add i32 %a, %b
    %abc = add i32 %ab, %wide
    ret i32 %abc
  }
  define i64 @place() {
    %place = ptrtoint ptr @constant to i64
    ret i64 %place
  })";

TEST(LinkImage, GivesCodeItsConstantsAndVariables) {
  LoadedImage image(llvm::cantFail(link({kEveryProtection}, {"count", "place"})));
  auto *count = image.find<int(int64_t)>("count");
  EXPECT_EQ(count(3), 45);
  EXPECT_EQ(count(0), 16) << "a variable keeps what the call before has written";
  EXPECT_EQ(image.find<uint64_t()>("place")() % 64, 0u);
}

static std::vector<llvm::ELF::Elf64_Phdr> readSegments(llvm::StringRef image) {
  llvm::ELF::Elf64_Ehdr header;
  memcpy(&header, image.data(), sizeof(header));
  std::vector<llvm::ELF::Elf64_Phdr> segments(header.e_phnum);
  memcpy(segments.data(), image.data() + header.e_phoff, segments.size() * sizeof(segments[0]));
  return segments;
}

TEST(LinkImage, GivesPagesOneProtectionThatNeverWritesCode) {
  CodeImage image = llvm::cantFail(link({kEveryProtection}, {"count", "place"}));
  uint64_t end = 4096; // the headers' page
  std::vector<uint32_t> protections;
  for (const llvm::ELF::Elf64_Phdr &segment : readSegments(image.bytes)) {
    EXPECT_EQ(segment.p_offset, segment.p_vaddr);
    EXPECT_EQ(segment.p_vaddr % 4096, 0u);
    EXPECT_GE(segment.p_vaddr, end);
    EXPECT_LE(segment.p_offset + segment.p_filesz, image.bytes.size());
    // Read-only pages are mapped from the file, which holds all of them; zeros that are written to are not in it.
    bool writable = segment.p_flags & llvm::ELF::PF_W;
    EXPECT_EQ(segment.p_memsz - segment.p_filesz >= 9000, writable);
    EXPECT_TRUE(writable || segment.p_memsz == segment.p_filesz);
    end = segment.p_vaddr + segment.p_memsz;
    protections.push_back(segment.p_flags);
  }
  using namespace llvm::ELF;
  EXPECT_THAT(protections, testing::UnorderedElementsAre(PF_R, PF_R | PF_W, PF_R | PF_X));
}

TEST(LinkImage, RefusesAnImageOfNothing) {
  EXPECT_EQ(getMessage(linkImage({}, {})), "there is no code to link: no function runs a kernel");
}

} // namespace fathom::codegen::test
