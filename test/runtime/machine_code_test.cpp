// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Machine code of a GPU that is cut, or places what it has beyond its end.

#include "runtime/device/cuda/machine_code.h"
#include "test/runtime/fake_driver.h"

#include <cstddef>
#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace fathom::test {
namespace {

using runtime::cuda::isWholeMachineCode;

/// Machine code in memory of its own, so that a sanitizer sees what is read beyond it.
bool isWhole(const std::string &code) {
  std::vector<unsigned char> exact(code.begin(), code.end());
  exact.shrink_to_fit();
  return isWholeMachineCode(exact.data(), exact.size());
}

TEST(MachineCodeTest, EndsWhereItsHeadersSay) {
  std::string whole = FakeDriver::machineCode("text");
  EXPECT_TRUE(isWhole(whole));
  EXPECT_TRUE(isWhole(whole + "more"));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(isWhole(whole.substr(0, size))) << size;
  }
}

// As a processor's machine code may be; that of a GPU has 64 bits.
TEST(MachineCodeTest, IsAnElfFileOf64Bits) {
  EXPECT_FALSE(isWhole(std::string(1000, 'x')));
  for (size_t at : {size_t(EI_MAG0), size_t(EI_MAG3), size_t(EI_CLASS), size_t(EI_DATA)}) {
    std::string other = FakeDriver::machineCode("text");
    ++other[at];
    EXPECT_FALSE(isWhole(other)) << at;
  }
}

/// Toy machine code with a field of its headers changed.
template <typename T>
std::string withField(size_t at, T value) {
  std::string code = FakeDriver::machineCode("text");
  memcpy(&code[at], &value, sizeof(value));
  return code;
}

TEST(MachineCodeTest, NoRangeWrapsAround) {
  constexpr size_t kSection = sizeof(Elf64_Ehdr) + sizeof(Elf64_Shdr);
  EXPECT_FALSE(isWhole(withField(offsetof(Elf64_Ehdr, e_shoff), UINT64_MAX - 63)));
  EXPECT_FALSE(isWhole(withField(offsetof(Elf64_Ehdr, e_shnum), uint16_t(0xffff))));
  EXPECT_FALSE(isWhole(withField(offsetof(Elf64_Ehdr, e_shnum), uint16_t(0))));
  EXPECT_FALSE(isWhole(withField(offsetof(Elf64_Ehdr, e_shentsize), uint16_t(1))));
  EXPECT_FALSE(isWhole(withField(offsetof(Elf64_Ehdr, e_shstrndx), uint16_t(2))));
  EXPECT_FALSE(isWhole(withField(offsetof(Elf64_Ehdr, e_phnum), uint16_t(1))));
  EXPECT_FALSE(isWhole(withField(kSection + offsetof(Elf64_Shdr, sh_offset), UINT64_MAX)));
  EXPECT_FALSE(isWhole(withField(kSection + offsetof(Elf64_Shdr, sh_size), UINT64_MAX)));
  EXPECT_TRUE(isWhole(withField(kSection + offsetof(Elf64_Shdr, sh_type), uint32_t(SHT_NOBITS))));
}

} // namespace
} // namespace fathom::test
