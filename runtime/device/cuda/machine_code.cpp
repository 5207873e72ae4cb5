// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounds of an ELF file. It may begin at any byte, so that what is read is copied first.

#include "runtime/device/cuda/machine_code.h"

#include "runtime/src/memory.h"

#include <elf.h>
#include <string.h>

namespace fathom::runtime::cuda {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "headers are read as they lie there");

namespace {
/// Of what a header says, the bytes that are in the file.
struct Range {
  explicit Range(const Elf64_Phdr &segment) : offset(segment.p_offset), size(segment.p_filesz) {}
  explicit Range(const Elf64_Shdr &section)
      : offset(section.sh_offset), size(section.sh_type == SHT_NOBITS ? 0 : section.sh_size) {}

  uint64_t offset, size;
};

struct File {
  const unsigned char *bytes;
  uint64_t size;

  /// Whether a table of headers, and all that they place, is within the file.
  template <typename Header>
  bool holdsAll(uint64_t offset, uint16_t headerSize, uint16_t count) const {
    if (count > 0 && (headerSize != sizeof(Header) || !fits(offset, uint64_t(count) * sizeof(Header), size))) {
      return false;
    }
    for (uint64_t i = 0; i < count; ++i) {
      Header header;
      memcpy(&header, bytes + offset + i * sizeof(header), sizeof(header));
      Range range(header);
      if (range.size > 0 && !fits(range.offset, range.size, size)) {
        return false;
      }
    }
    return true;
  }
};
} // namespace

bool isWholeMachineCode(const unsigned char *code, uint64_t size) {
  Elf64_Ehdr header;
  if (size < sizeof(header)) {
    return false;
  }
  memcpy(&header, code, sizeof(header));
  File file = {code, size};
  return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
         header.e_ident[EI_DATA] == ELFDATA2LSB && header.e_shnum > 0 && header.e_shstrndx < header.e_shnum &&
         file.holdsAll<Elf64_Phdr>(header.e_phoff, header.e_phentsize, header.e_phnum) &&
         file.holdsAll<Elf64_Shdr>(header.e_shoff, header.e_shentsize, header.e_shnum);
}

} // namespace fathom::runtime::cuda
