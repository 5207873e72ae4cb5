// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The object file, read by LLVM.

#include "codegen/artifact/ElfObject.h"

#include "codegen/artifact/ArtifactWriter.h"
#include "test/codegen/artifact/Support.h"

#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

namespace fathom::codegen::test {

TEST(ElfObject, SymbolsOfLettersThatCLacksStayApart) {
  TemporaryDirectory directory;
  ShardBuilder shard;
  std::vector<Source> sources = {shard.add(33, 70, ElementType::BF16, 1)};
  ArtifactContents contents = makeSmallContents(shard.save(directory.path("shard")), sources, "code");
  for (auto [name, symbol] :
       {std::pair("s\u00fc\u00df", "fathom_model_s_c3_bc_c3_9f["), {"\u00f6", "fathom_model__c3_b6["}}) {
    ASSERT_EQ(exitCode(writeObject(contents, name, directory.path("m.o"), directory.path("m.h"), {})), 0);
    EXPECT_NE(readFile(directory.path("m.h")).find(symbol), std::string::npos);
  }
}

TEST(ElfObject, HoldsTheArtifactUnderItsSymbols) {
  TemporaryDirectory directory;
  ShardBuilder shard;
  std::vector<Source> sources = {shard.add(33, 70, ElementType::BF16, 1)};
  ArtifactContents contents = makeSmallContents(shard.save(directory.path("shard")), sources, "code");
  ASSERT_EQ(exitCode(writeArtifact(contents, directory.path("model.fathom"), {})), 0);
  ASSERT_EQ(exitCode(writeObject(contents, "my-model", directory.path("m.o"), directory.path("m.h"), {})), 0);
  std::string expected = readFile(directory.path("model.fathom"));
  std::string bytes = readFile(directory.path("m.o"));

  auto object = llvm::cantFail(llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(bytes, "m.o")));
  EXPECT_TRUE(object->isRelocatableObject());
  EXPECT_EQ(object->getArch(), llvm::Triple::x86_64);
  std::vector<std::string> names;
  for (const llvm::object::SymbolRef &symbol : object->symbols()) {
    std::string name = llvm::cantFail(symbol.getName()).str();
    llvm::object::SectionRef section = *llvm::cantFail(symbol.getSection());
    llvm::StringRef data = llvm::cantFail(section.getContents());
    names.push_back(name);
    EXPECT_EQ(llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Global,
              llvm::object::SymbolRef::SF_Global);
    if (name == "fathom_model_my_model") {
      EXPECT_TRUE(data == expected);
      EXPECT_EQ(section.getAlignment().value(), 4096u);
    } else {
      uint64_t size = 0;
      ASSERT_EQ(data.size(), sizeof(size));
      memcpy(&size, data.data(), sizeof(size));
      EXPECT_EQ(size, expected.size());
    }
  }
  EXPECT_EQ(names, (std::vector<std::string>{"fathom_model_my_model", "fathom_model_my_model_size"}));
  std::string header = readFile(directory.path("m.h"));
  EXPECT_NE(header.find("extern const unsigned char fathom_model_my_model[];"), std::string::npos);
  EXPECT_NE(header.find("extern const uint64_t fathom_model_my_model_size;"), std::string::npos);
}

TEST(ElfObject, MarksLargeModelsForTheLinker) {
  ElfObject object = llvm::cantFail(makeElfObject("m", "x86_64-unknown-linux-gnu", 5ull << 30));
  EXPECT_EQ(object.dataOffset % 4096, 0u);
  EXPECT_LE(object.prefix.size(), object.dataOffset);
  EXPECT_NE(object.prefix.find(".lrodata.fathom"), std::string::npos);
}

TEST(ElfObject, RefusesTargetsItDoesNotKnow) { EXPECT_EQ(exitCode(makeElfObject("m", "riscv64-linux", 1)), 4); }

} // namespace fathom::codegen::test
