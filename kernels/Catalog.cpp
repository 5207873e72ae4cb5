// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ops.def and instances.def as objects.

#include "kernels/Catalog.h"

#include "kernels/cpu/mla_scratch.h"
#include "kernels/nvptx/sizes.h"

#include <algorithm>

namespace fathom::kernels {

/// Splits "(a, b, c)".
static std::vector<std::string_view> splitNames(std::string_view text) {
  std::vector<std::string_view> names;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    size_t end = std::min(text.find(','), text.size());
    names.push_back(text.substr(0, end));
    text.remove_prefix(std::min(text.find_first_not_of(", ", end), text.size()));
  }
  return names;
}

/// Whether a kernel for weights of the type takes scales.
static bool isQuantized(std::string_view type) { return type == "f8e4m3" || type == "i8"; }

static bool isRealConstant(std::string_view name) { return name == "eps" || name == "factor" || name == "scale"; }

namespace {

/// A row of ops.def.
struct OpRow {
  std::string_view name, inputs, outputs, constants;
  bool hasEpilogue;
};

/// What a row of a device's instances.def says of an op's kernels.
struct Tuning {
  std::string_view op, archs, constant;
  int64_t (*tune)(const int64_t *constants);
  int64_t (*scratchBytes)(int64_t rows, const int64_t *constants);
  Grid (*grid)(const int64_t *constants);
  std::vector<Operand> (*listShapes)(const Kernel &kernel, const int64_t *constants);
};

/// The words of operands.def: what a kernel with constants `c` takes.
struct Shapes {
  const Kernel &kernel;
  const int64_t *c;

  static std::string_view typeOf(int64_t element) {
    return element == FATHOM_ROW_BF16 ? "bf16" : element == FATHOM_ROW_I8 ? "i8" : "f32";
  }
  Operand rows(int64_t width, int64_t element = FATHOM_ROW_F32, int64_t factor = 1) const {
    int64_t size = element == FATHOM_ROW_I8 ? fathom_row_bytes(FATHOM_ROW_I8, width, 0) : width;
    return {{}, typeOf(element), {kRows, size}, factor, size};
  }
  Operand rowsOfCall(int64_t width, int64_t element) const { return rows(width, element, 0); }
  /// Columns [offset, offset + width) of rows.
  Operand columns(int64_t stride, int64_t offset, int64_t width, int64_t element = FATHOM_ROW_F32) const {
    return {{}, typeOf(element), {kRows, stride}, 1, offset + width};
  }
  Operand ids() const { return {{}, "i32", {kRows}}; }
  Operand choices(int64_t count) const { return {{}, "i32", {kRows, count}, 1, count}; }
  Operand slots(int64_t choices) const { return {{}, "i32", {kRows}, choices}; }
  Operand offsets(int64_t experts) const { return {{}, "i32", {experts + 1}}; }
  Operand numbers(int64_t count) const { return {{}, "f32", {count}}; }
  Operand angles(int64_t width) const { return {{}, "f32", {kPositions, width / 2, 2}}; }
  Operand weight(const std::vector<int64_t> &shape) const { return {{}, kernel.weightType, shape}; }
  Operand matrix(int64_t outputs, int64_t inputs) const {
    return weight(inPanels() ? inPanels(outputs, inputs) : std::vector{outputs, inputs});
  }
  Operand scales(int64_t outputs, int64_t inputs) const {
    bool integers = kernel.weightType == "i8";
    int64_t blocks = ceil_div(inputs, integers ? FATHOM_SCALE_GROUP : FATHOM_SCALE_BLOCK);
    std::vector<int64_t> rowByRow = {ceil_div(outputs, FATHOM_SCALE_BLOCK), blocks};
    return {"scale", integers ? "f16" : "f32", inPanels() ? inPanels(outputs, blocks) : rowByRow};
  }
  /// A weight of each expert: a stack where a packer made it, else a table.
  Operand experts(int64_t count, Operand one) const {
    if (inPanels()) {
      one.shape.insert(one.shape.begin(), count);
    } else {
      one.experts = count;
    }
    return one;
  }
  /// Outputs of `outputs` gates and their ups: in panels a panel of each by turns, else gates before ups.
  int64_t gated(int64_t outputs) const {
    return 2 * (inPanels() ? ceil_div(outputs, cpu::kPanel) * cpu::kPanel : outputs);
  }

private:
  bool inPanels() const { return kernel.layout == "panels"; }
  static std::vector<int64_t> inPanels(int64_t outputs, int64_t columns) {
    return {ceil_div(outputs, cpu::kPanel), columns, cpu::kPanel};
  }
};

} // namespace

static constexpr OpRow kOps[] = {
#define FATHOM_OP(op, inputs, outputs, constants, epilogue) {#op, #inputs, #outputs, #constants, epilogue},
#include "kernels/ops.def"
#undef FATHOM_OP
};

namespace shapes {

#define FATHOM_OPERANDS(op, ...)                                                                                       \
  struct op : op##_op, Shapes {                                                                                        \
    op(const Kernel &kernel, const int64_t *c) : Shapes{kernel, c} {}                                                  \
    static std::vector<Operand> list(const Kernel &kernel, const int64_t *c) { return op(kernel, c).list(); }          \
    std::vector<Operand> list() const { return {__VA_ARGS__}; }                                                        \
  };
#include "kernels/operands.def"
#undef FATHOM_OPERANDS

} // namespace shapes

namespace of_cpu {

using namespace cpu;

#define FATHOM_INSTANCES(op, source, archs, types, layouts, tuned, value, scratch)                                     \
  struct op : op##_constants {                                                                                         \
    static int64_t tune([[maybe_unused]] const int64_t *c) { return value; }                                           \
    static int64_t scratchBytes([[maybe_unused]] int64_t rows, [[maybe_unused]] const int64_t *c) { return scratch; }  \
  };
#include "kernels/cpu/instances.def"
#undef FATHOM_INSTANCES

static constexpr Tuning kTunings[] = {
#define FATHOM_INSTANCES(op, source, archs, types, layouts, tuned, value, scratch)                                     \
  {#op, #archs, #tuned, op::tune, op::scratchBytes, nullptr, shapes::op::list},
#include "kernels/cpu/instances.def"
#undef FATHOM_INSTANCES
};

} // namespace of_cpu

namespace of_cuda {

using namespace nv;

static int64_t tuneNothing(const int64_t * /*c*/) { return 0; }
static int64_t needNoScratch(int64_t /*rows*/, const int64_t * /*c*/) { return 0; }

/// An op may have several rows.
static constexpr Tuning kTunings[] = {
#define FATHOM_INSTANCES(op, source, archs, types, layouts, threads, blocks, rows, shared)                             \
  {#op,                                                                                                                \
   #archs,                                                                                                             \
   "none",                                                                                                             \
   tuneNothing,                                                                                                        \
   needNoScratch,                                                                                                      \
   [](const int64_t *constants) {                                                                                      \
     struct Row : op##_op {                                                                                            \
       static Grid grid([[maybe_unused]] const int64_t *c) { return {threads, blocks, rows, shared}; }                 \
     };                                                                                                                \
     return Row::grid(constants);                                                                                      \
   },                                                                                                                  \
   shapes::op::list},
#include "kernels/nvptx/instances.def"
#undef FATHOM_INSTANCES
};

} // namespace of_cuda

static std::vector<std::string_view> listOperandNames(const OpRow &row, bool scaled) {
  std::vector<std::string_view> names = splitNames(row.inputs);
  for (std::string_view output : splitNames(row.outputs)) {
    names.push_back(output);
  }
  auto isMissing = [&](std::string_view name) { return !scaled && name == "scale"; };
  names.erase(std::remove_if(names.begin(), names.end(), isMissing), names.end());
  return names;
}

template <size_t Count>
static Kernel makeKernel(const Tuning (&tunings)[Count], std::string_view symbol, std::string_view op,
                         std::string_view arch, std::string_view type, std::string_view layout) {
  const OpRow &row = *std::find_if(std::begin(kOps), std::end(kOps), [&](const OpRow &row) { return row.name == op; });
  const Tuning &tuning = *std::find_if(std::begin(tunings), std::end(tunings), [&](const Tuning &tuning) {
    std::vector<std::string_view> archs = splitNames(tuning.archs);
    return tuning.op == op && std::find(archs.begin(), archs.end(), arch) != archs.end();
  });
  Kernel kernel{symbol,
                op,
                arch,
                type,
                layout,
                {},
                splitNames(row.outputs).size(),
                row.hasEpilogue,
                {},
                true,
                tuning.tune,
                tuning.scratchBytes,
                tuning.grid,
                tuning.listShapes};
  kernel.operandNames = listOperandNames(row, /*scaled=*/isQuantized(type));
  for (std::string_view name : splitNames(row.constants)) {
    kernel.constants.push_back({name, isRealConstant(name)});
  }
  kernel.isTuned = tuning.constant != "none";
  if (kernel.isTuned) {
    kernel.constants.push_back({tuning.constant, false});
  }
  return kernel;
}

static std::vector<Kernel> makeCatalog() {
  std::vector<Kernel> kernels;
#define FATHOM_KERNEL(symbol, op, arch, type, layout)                                                                  \
  kernels.push_back(makeKernel(of_cpu::kTunings, #symbol, #op, #arch, #type, #layout));

#include "kernels/cpu/kernels.inc"
#undef FATHOM_KERNEL
#define FATHOM_KERNEL(symbol, op, arch, type, layout)                                                                  \
  kernels.push_back(makeKernel(of_cuda::kTunings, #symbol, #op, #arch, #type, #layout));

#include "kernels/nvptx/kernels.inc"
#undef FATHOM_KERNEL
  return kernels;
}

std::vector<Operand> Kernel::listOperands(const int64_t *constants) const {
  std::vector<Operand> operands = listShapes(*this, constants);
  auto isMissing = [&](const Operand &operand) { return operand.name == "scale" && !isQuantized(weightType); };
  operands.erase(std::remove_if(operands.begin(), operands.end(), isMissing), operands.end());
  for (size_t i = 0; i < operands.size(); ++i) {
    operands[i].name = operandNames[i];
  }
  return operands;
}

int Kernel::findConstant(std::string_view name) const {
  for (size_t i = 0; i < constants.size(); ++i) {
    if (constants[i].name == name) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

const std::vector<Kernel> &catalog() {
  static const std::vector<Kernel> kernels = makeCatalog();
  return kernels;
}

const std::vector<Device> &devices() {
#define FATHOM_DEVICE(name, triple, baseline, panels, interleave, activation)                                          \
  {#name, #triple, #baseline, panels, interleave, #activation},
  static const std::vector<Device> kinds = {
#include "kernels/cpu/instances.def"
#include "kernels/nvptx/instances.def"
  };
#undef FATHOM_DEVICE
  return kinds;
}

const std::vector<Arch> &archs() {
#define FATHOM_ARCH(name, fallback, processor, vectorBits, features, productType, tile, shared)                        \
  {&devices()[DEVICE], #name, #fallback, #processor, vectorBits, splitNames(#features), #productType, shared},
  using namespace nv;
  static const std::vector<Arch> levels = {
#define DEVICE 0
#include "kernels/cpu/instances.def"
#undef DEVICE
#define DEVICE 1
#include "kernels/nvptx/instances.def"
#undef DEVICE
  };
#undef FATHOM_ARCH
  return levels;
}

std::vector<const Arch *> archsOf(std::string_view device) {
  std::vector<const Arch *> levels;
  for (const Arch &arch : archs()) {
    if (arch.device->name == device) {
      levels.push_back(&arch);
    }
  }
  return levels;
}

const Arch *findArch(std::string_view name) {
  auto named = [&](const Arch &arch) { return arch.name == name; };
  auto found = std::find_if(archs().begin(), archs().end(), named);
  return found == archs().end() ? nullptr : &*found;
}

bool canRun(std::string_view arch, std::string_view kernelArch) {
  const Arch *level = findArch(arch);
  while (level && level->name != kernelArch) {
    level = findArch(level->fallback);
  }
  return level;
}

const Kernel *findKernel(std::string_view op, std::string_view arch, std::string_view weightType,
                         std::string_view layout, std::string_view activationType) {
  for (const Arch *level = findArch(arch); level; level = findArch(level->fallback)) {
    if (level->productType != "all" && level->productType != activationType) {
      continue;
    }
    for (const Kernel &kernel : catalog()) {
      if (kernel.op == op && kernel.arch == level->name && kernel.weightType == weightType && kernel.layout == layout) {
        return &kernel;
      }
    }
  }
  return nullptr;
}

const Kernel *findKernel(std::string_view symbol) {
  for (const Kernel &kernel : catalog()) {
    if (kernel.symbol == symbol) {
      return &kernel;
    }
  }
  return nullptr;
}

int64_t countParts(int64_t heads, int64_t keys) {
  return smaller(ceil_div(keys, nv::kPartKeys), nv::most_parts(heads));
}

} // namespace fathom::kernels
