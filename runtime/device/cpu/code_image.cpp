// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks and maps the code segment. The checks are against damage and mistakes; an artifact is a program and as
// trusted as one (design section 5).

#include "runtime/device/cpu/code_image.h"

#include "runtime/src/memory.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

namespace fathom::runtime {

static constexpr uint64_t kPage = 4096;
static constexpr uint64_t kLargestImage = uint64_t(1) << 30;
static constexpr unsigned kMostSegments = 16;

namespace {
struct Elf {
  const unsigned char *bytes;
  uint64_t size;
  Elf64_Ehdr header;

  Elf64_Phdr segment(unsigned index) const {
    Elf64_Phdr result;
    memcpy(&result, bytes + header.e_phoff + index * sizeof(result), sizeof(result));
    return result;
  }
};
} // namespace

static fathom_status_t failImage(const char *what) { return fail(FATHOM_STATUS_BAD_DATA, "code image: %s", what); }

static fathom_status_t checkHeader(Elf *elf) {
  if (elf->size < sizeof(elf->header)) {
    return failImage("too short for an ELF header");
  }
  memcpy(&elf->header, elf->bytes, sizeof(elf->header));
  const Elf64_Ehdr &header = elf->header;
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_DYN || header.e_machine != EM_X86_64) {
    return failImage("expected a little-endian 64-bit ELF shared object for x86-64");
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 || header.e_phnum > kMostSegments ||
      !fits(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), elf->size)) {
    return failImage("the program header table is not within the image");
  }
  return FATHOM_STATUS_OK;
}

// Code that runs without a dynamic loader may ask for nothing that one would do.
static fathom_status_t checkDynamic(const Elf &elf, const Elf64_Phdr &segment) {
  for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= segment.p_filesz; at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry;
    memcpy(&entry, elf.bytes + segment.p_offset + at, sizeof(entry));
    constexpr Elf64_Sxword kRelrSize = 35;
    bool asks = entry.d_tag == DT_NEEDED || entry.d_tag == DT_TEXTREL || entry.d_tag == DT_INIT ||
                entry.d_tag == DT_INIT_ARRAY ||
                ((entry.d_tag == DT_RELASZ || entry.d_tag == DT_RELSZ || entry.d_tag == DT_PLTRELSZ ||
                  entry.d_tag == kRelrSize) &&
                 entry.d_un.d_val != 0);
    if (asks) {
      return failImage("it has imports, initializers or relocations, but must have none");
    }
    if (entry.d_tag == DT_NULL) {
      break;
    }
  }
  return FATHOM_STATUS_OK;
}

static fathom_status_t checkLoadable(const Elf64_Phdr &segment, uint64_t *end) {
  if (segment.p_filesz > segment.p_memsz || segment.p_vaddr > kLargestImage ||
      segment.p_memsz > kLargestImage - segment.p_vaddr) {
    return failImage("a segment is larger in the file than in memory, or beyond 1 GiB");
  }
  if ((segment.p_flags & PF_W) && (segment.p_flags & PF_X)) {
    return failImage("a segment is writable and executable at once");
  }
  bool mapped = !(segment.p_flags & PF_W);
  if (mapped && (segment.p_offset % kPage != segment.p_vaddr % kPage || segment.p_memsz != segment.p_filesz)) {
    return failImage("a read-only segment is not a range of whole pages of the file");
  }
  // Pages have one protection, so each belongs to one segment.
  if (segment.p_vaddr / kPage * kPage < *end) {
    return failImage("segments overlap or share a page");
  }
  return alignUp(segment.p_vaddr + segment.p_memsz, kPage, end) ? FATHOM_STATUS_OK : failImage("it is too large");
}

static fathom_status_t checkSegments(const Elf &elf, uint64_t *span) {
  uint64_t end = 0;
  for (unsigned i = 0; i < elf.header.e_phnum; ++i) {
    Elf64_Phdr segment = elf.segment(i);
    if (!fits(segment.p_offset, segment.p_filesz, elf.size)) {
      return failImage("a segment is not within the image");
    }
    if (segment.p_type == PT_INTERP || segment.p_type == PT_TLS) {
      return failImage("it needs a dynamic loader or thread-local storage");
    }
    if (segment.p_type == PT_DYNAMIC) {
      FATHOM_RETURN_IF_ERROR(checkDynamic(elf, segment));
    }
    if (segment.p_type == PT_LOAD) {
      FATHOM_RETURN_IF_ERROR(checkLoadable(segment, &end));
    }
  }
  *span = end;
  return end ? FATHOM_STATUS_OK : failImage("it has no loadable segment");
}

namespace {
/// A file whose bytes from an offset on are those of the image.
struct Backing {
  const ByteSource *file;
  uint64_t offset;
};
} // namespace

static bool mapCode(const Elf64_Phdr &segment, const Backing &backing, unsigned char *base) {
  int protection = (segment.p_flags & PF_R ? PROT_READ : 0) | (segment.p_flags & PF_X ? PROT_EXEC : 0);
  uint64_t before = segment.p_vaddr % kPage;
  return backing.file->mapAt(base + segment.p_vaddr - before, backing.offset + segment.p_offset - before,
                             segment.p_filesz + before, protection);
}

static bool mapData(const Elf &elf, const Elf64_Phdr &segment, unsigned char *base) {
  uint64_t begin = segment.p_vaddr / kPage * kPage;
  if (mprotect(base + begin, segment.p_vaddr + segment.p_memsz - begin, PROT_READ | PROT_WRITE) != 0) {
    return false;
  }
  memcpy(base + segment.p_vaddr, elf.bytes + segment.p_offset, segment.p_filesz);
  return true;
}

CodeImage::~CodeImage() {
  if (base) {
    munmap(base, span);
  }
}

fathom_status_t CodeImage::reserve(uint64_t bytes) {
  void *memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %llu bytes of code",
                static_cast<unsigned long long>(bytes));
  }
  base = static_cast<unsigned char *>(memory);
  span = bytes;
  return FATHOM_STATUS_OK;
}

fathom_status_t CodeImage::load(const unsigned char *bytes, uint64_t size, const ByteSource *file, uint64_t offset) {
  Elf elf = {bytes, size, {}};
  uint64_t needed;
  FATHOM_RETURN_IF_ERROR(checkHeader(&elf));
  FATHOM_RETURN_IF_ERROR(checkSegments(elf, &needed));
  FATHOM_RETURN_IF_ERROR(reserve(needed));
  ByteSource copy;
  fathom_status_t copied = copy.openSealedCopy(bytes, size);
  if (copied != FATHOM_STATUS_OK && !file) {
    return copied;
  }
  Backing backing = copied == FATHOM_STATUS_OK ? Backing{&copy, 0} : Backing{file, offset};
  for (unsigned i = 0; i < elf.header.e_phnum; ++i) {
    Elf64_Phdr segment = elf.segment(i);
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0) {
      continue;
    }
    bool mapped = segment.p_flags & PF_W ? mapData(elf, segment, base) : mapCode(segment, backing, base);
    if (!mapped) {
      SystemError error = describeSystemError(errno);
      return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "the system refuses to map the code: %s%s%s", error.text,
                  error.separator, error.advice);
    }
    if (segment.p_flags & PF_X) {
      ranges[rangeCount++] = {segment.p_vaddr, segment.p_vaddr + segment.p_filesz};
    }
  }
  return FATHOM_STATUS_OK;
}

const void *CodeImage::function(uint64_t offset) const {
  for (unsigned i = 0; i < rangeCount; ++i) {
    if (offset >= ranges[i].begin && offset < ranges[i].end) {
      return base + offset;
    }
  }
  return nullptr;
}

} // namespace fathom::runtime
