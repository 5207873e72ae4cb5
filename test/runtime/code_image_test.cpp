// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code images that must not be mapped.

#include "runtime/device/cpu/code_image.h"
#include "test/runtime/toy_artifact.h"

#include <cstring>
#include <elf.h>

namespace fathom::test {
namespace {

fathom_status_t load(const std::string &bytes) {
  std::vector<unsigned char> exact(bytes.begin(), bytes.end());
  runtime::CodeImage image;
  return image.load(exact.data(), exact.size());
}

// Changes the first program header of a type.
std::string withSegment(uint32_t type, const std::function<void(Elf64_Phdr &)> &change) {
  std::string bytes = toyCode();
  Elf64_Ehdr header;
  memcpy(&header, bytes.data(), sizeof(header));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    char *at = bytes.data() + header.e_phoff + i * sizeof(segment);
    memcpy(&segment, at, sizeof(segment));
    if (segment.p_type == type) {
      change(segment);
      memcpy(at, &segment, sizeof(segment));
      break;
    }
  }
  return bytes;
}

TEST(CodeImageTest, FindsFunctionsInExecutableBytesOnly) {
  std::string bytes = toyCode();
  runtime::CodeImage image;
  ASSERT_OK(image.load(reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size()));
  EXPECT_NE(image.function(toyAddress("toy_items")), nullptr);
  EXPECT_EQ(image.function(0), nullptr);
  EXPECT_EQ(image.function(UINT64_MAX), nullptr);
}

TEST(CodeImageTest, SurvivesEveryTruncationAndEveryEditOfItsHeaders) {
  const std::string good = toyCode();
  for (size_t size = 0; size < 4096; ++size) {
    EXPECT_NE(load(good.substr(0, size)), FATHOM_STATUS_OK) << size;
  }
  for (size_t i = 0; i < sizeof(Elf64_Ehdr) + 6 * sizeof(Elf64_Phdr); ++i) {
    for (int edit : {0x01, 0x10, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ edit);
      load(bad);
    }
  }
}

TEST(CodeImageTest, RefusesWritableCode) {
  EXPECT_EQ(load(withSegment(PT_LOAD, [](Elf64_Phdr &s) { s.p_flags = PF_R | PF_W | PF_X; })), FATHOM_STATUS_BAD_DATA);
}

TEST(CodeImageTest, RefusesSegmentsOutsideTheImage) {
  EXPECT_EQ(load(withSegment(PT_LOAD, [](Elf64_Phdr &s) { s.p_offset = UINT64_MAX; })), FATHOM_STATUS_BAD_DATA);
  EXPECT_EQ(load(withSegment(PT_LOAD, [](Elf64_Phdr &s) { s.p_memsz = UINT64_MAX; })), FATHOM_STATUS_BAD_DATA);
  EXPECT_EQ(load(withSegment(PT_LOAD, [](Elf64_Phdr &s) { s.p_memsz = 0x2000; })), FATHOM_STATUS_BAD_DATA);
}

TEST(CodeImageTest, RefusesWhatNeedsADynamicLoader) {
  EXPECT_EQ(load(withSegment(PT_GNU_STACK, [](Elf64_Phdr &s) { s.p_type = PT_TLS; })), FATHOM_STATUS_BAD_DATA);
  EXPECT_EQ(load(withSegment(PT_GNU_STACK, [](Elf64_Phdr &s) { s.p_type = PT_INTERP; })), FATHOM_STATUS_BAD_DATA);
  std::string bytes = toyCode();
  Elf64_Phdr dynamic = {};
  withSegment(PT_DYNAMIC, [&](Elf64_Phdr &s) { dynamic = s; });
  Elf64_Dyn needed = {DT_NEEDED, {1}};
  memcpy(bytes.data() + dynamic.p_offset, &needed, sizeof(needed));
  EXPECT_EQ(load(bytes), FATHOM_STATUS_BAD_DATA);
}

} // namespace
} // namespace fathom::test
