// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels to modules that a driver loads.

#include "codegen/llvm/Units.h"
#include "codegen/nvptx/Assembler.h"
#include "codegen/nvptx/EntryPoint.h"
#include "codegen/nvptx/Target.h"
#include "dialects/support/Threads.h"

#include "llvm/ADT/MapVector.h"

#include <atomic>
#include <mutex>

using namespace llvm;

namespace fathom::codegen {

std::vector<CodeUnit> NvptxTarget::listUnits(const ModelCode &code) const {
  std::vector<CodeUnit> units;
  for (const GeneratedKernel &kernel : code.generated) {
    units.push_back({"", 0, [&](LLVMContext &context) { return buildGeneratedEntry(code, kernel, context); }, nullptr});
  }
  return units;
}

/// A thread for each item.
static std::unique_ptr<artifact::GridT> makeGrid(const GeneratedKernel &kernel, const Assembled &assembled,
                                                 size_t module) {
  auto grid = std::make_unique<artifact::GridT>();
  grid->module_ = module;
  grid->threads = kGeneratedThreads;
  grid->scratch_bytes = kernel.scratchBytes;
  grid->registers = assembled.registers;
  grid->shared_bytes = assembled.sharedBytes;
  grid->spill_bytes = assembled.spillBytes;
  bool ofRows = kernel.items == 0;
  grid->blocks = ofRows ? 1 : divideCeil(kernel.items, kGeneratedThreads);
  grid->rows_per_block = ofRows ? kGeneratedThreads : std::numeric_limits<uint32_t>::max();
  return grid;
}

/// Machine code of each module; none without an assembler. Equal modules are assembled once.
static Expected<SmallVector<Assembled>> assembleAll(ArrayRef<CompiledUnit> units, StringRef processor,
                                                    const EmitOptions &options) {
  MapVector<StringRef, Assembled> distinct;
  for (const CompiledUnit &unit : units) {
    distinct.try_emplace(unit.bytes);
  }
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  Error result = Error::success();
  shareWork(options.threads, [&] {
    for (size_t i; !options.assembler.empty() && (i = next++) < distinct.size();) {
      auto &[ptx, place] = *(distinct.begin() + i);
      Expected<Assembled> assembled = assemble(options.assembler, ptx, processor);
      std::lock_guard<std::mutex> lock(mutex);
      place = assembled ? std::move(*assembled) : Assembled();
      result = joinErrors(std::move(result), assembled.takeError());
    }
  });
  if (result) {
    return std::move(result);
  }
  return map_to_vector(units, [&](const CompiledUnit &unit) { return distinct.lookup(unit.bytes); });
}

/// Appends a module, its text with the zero byte that a driver looks for.
static artifact::ModuleT addModule(StringRef ptx, const Assembled &assembled, std::string &bytes) {
  artifact::ModuleT module;
  module.ptx_offset = bytes.size();
  module.ptx_size = ptx.size() + 1;
  bytes.append(ptx.data(), ptx.size());
  bytes.push_back('\0');
  bytes.resize(alignTo(bytes.size(), 8));
  module.cubin_offset = bytes.size();
  module.cubin_size = assembled.cubin.size();
  bytes += assembled.cubin;
  return module;
}

Expected<ProgramCode> NvptxTarget::emit(const ModelCode &code, const EmitOptions &options,
                                        std::vector<artifact::KernelT> &kernels) const {
  auto units = emitUnits(code, *this, CodeGenFileType::AssemblyFile, options.threads, options.cache);
  if (!units) {
    return units.takeError();
  }
  Expected<SmallVector<Assembled>> assembled = assembleAll(*units, tune, options);
  if (!assembled) {
    return assembled.takeError();
  }
  ProgramCode program;
  for (auto [kernel, unit, machineCode] : zip_equal(code.generated, *units, *assembled)) {
    auto table = find_if(kernels, [&, &symbol = kernel.symbol](const auto &table) { return table.name == symbol; });
    table->grid = makeGrid(kernel, machineCode, program.modules.size());
    program.modules.push_back(addModule(unit.bytes, machineCode, program.bytes));
  }
  return program;
}

} // namespace fathom::codegen
