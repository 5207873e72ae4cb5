// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Places of modules in their segment, and numbers of grids: small enough that no product of them wraps.

#include "runtime/src/module_checks.h"

#include "runtime/src/memory.h"

namespace fathom::runtime {

namespace {
using U64 = unsigned long long;

/// A number of a grid, and the range it has to be in.
struct GridNumber {
  const char *name;
  U64 value, least, most;
};
} // namespace

static constexpr uint32_t kMostModules = 1 << 16;
static constexpr uint32_t kLongestName = 1024;

static void checkModule(const artifact::Segment &code, const artifact::Module &module, uint32_t index,
                        Findings &findings) {
  U64 limit = code.size();
  findings.require(module.ptx_size() > 0 && fits(module.ptx_offset(), module.ptx_size(), limit),
                   "module %u: %llu bytes of text at offset %llu, expected some within the %llu bytes of the code",
                   index, static_cast<U64>(module.ptx_size()), static_cast<U64>(module.ptx_offset()), limit);
  findings.require(fits(module.cubin_offset(), module.cubin_size(), limit),
                   "module %u: %llu bytes of machine code at offset %llu exceed the %llu bytes of the code", index,
                   static_cast<U64>(module.cubin_size()), static_cast<U64>(module.cubin_offset()), limit);
}

static bool isPrintable(const flatbuffers::String &name) {
  bool good = name.size() > 0 && name.size() <= kLongestName;
  for (uint32_t i = 0; good && i < name.size(); ++i) {
    good = name.c_str()[i] > ' ' && name.c_str()[i] < 0x7f;
  }
  return good;
}

static void checkGrid(const artifact::Kernel &kernel, uint32_t index, uint32_t modules, Findings &findings) {
  const artifact::Grid &grid = *kernel.grid();
  findings.require(isPrintable(*kernel.name()), "kernel %u: its name is not one of an entry", index);
  const GridNumber numbers[] = {{"module", grid.module_(), 0, modules - 1},
                                {"threads", grid.threads(), 1, 1024},
                                {"blocks", grid.blocks(), 1, 1 << 20},
                                {"rows_per_block", grid.rows_per_block(), 1, 1 << 20},
                                {"dynamic_shared_bytes", grid.dynamic_shared_bytes(), 0, 1 << 20},
                                {"scratch_bytes", grid.scratch_bytes(), 0, U64(1) << 32}};
  for (const GridNumber &number : numbers) {
    findings.require(number.value >= number.least && number.value <= number.most,
                     "kernel '%.64s': grid.%s is %llu, expected %llu to %llu", kernel.name()->c_str(), number.name,
                     number.value, number.least, number.most);
  }
}

void checkModules(const artifact::Segment &code, const artifact::Program &program, Findings &findings) {
  const auto *modules = program.code()->modules();
  uint32_t count = modules ? modules->size() : 0;
  findings.require(count <= kMostModules, "%u modules, expected at most %u", count, kMostModules);
  for (uint32_t i = 0; i < count && count <= kMostModules; ++i) {
    checkModule(code, *modules->Get(i), i, findings);
  }
  for (uint32_t i = 0; i < program.kernels()->size(); ++i) {
    const artifact::Kernel &kernel = *program.kernels()->Get(i);
    findings.require((kernel.grid() != nullptr) == (count > 0),
                     "kernel %u: it has %s grid, but the code has %u modules", i, kernel.grid() ? "a" : "no", count);
    if (kernel.grid() && count > 0) {
      checkGrid(kernel, i, count, findings);
    }
  }
}

} // namespace fathom::runtime
