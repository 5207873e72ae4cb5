// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A module is kept with what ptxas said of it.

#include "codegen/nvptx/CachingAssembler.h"
#include "codegen/llvm/UnitCache.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

namespace fathom::codegen {

/// Registers, shared bytes, spilled bytes and bytes of the complaint, before that and the machine code.
using Numbers = support::ulittle32_t[4];

static std::string pack(const Assembled &made) {
  Numbers numbers;
  numbers[0] = made.registers;
  numbers[1] = made.sharedBytes;
  numbers[2] = made.spillBytes;
  numbers[3] = made.complaint.size();
  return std::string(reinterpret_cast<const char *>(numbers), sizeof(numbers)) + made.complaint + made.cubin;
}

static Assembled unpack(StringRef kept) {
  const auto *numbers = reinterpret_cast<const support::ulittle32_t *>(kept.data());
  StringRef rest = kept.substr(sizeof(Numbers));
  return {rest.substr(numbers[3]).str(), numbers[0], numbers[1], numbers[2], rest.substr(0, numbers[3]).str()};
}

Expected<CachingAssembler> CachingAssembler::create(StringRef processor, const EmitOptions &options) {
  CachingAssembler assembler(processor, options);
  if (options.cache && !options.assembler.empty()) {
    Expected<std::string> version = getAssemblerVersion(options.assembler);
    if (!version) {
      return version.takeError();
    }
    assembler.version = std::move(*version);
  }
  return assembler;
}

Expected<Assembled> CachingAssembler::assemble(StringRef ptx) const {
  if (!options.cache) {
    return codegen::assemble(options.assembler, ptx, processor);
  }
  std::string key = options.cache->computeKey({"cubin", version, processor, ptx});
  SmallString<0> kept;
  if (options.cache->read(key, kept) && kept.size() >= sizeof(Numbers)) {
    return unpack(kept);
  }
  Expected<Assembled> made = codegen::assemble(options.assembler, ptx, processor);
  if (made) {
    options.cache->write(key, pack(*made));
  }
  return made;
}

} // namespace fathom::codegen
