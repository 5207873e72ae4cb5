// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ops.def and variants.def as objects.

#include "kernels/Catalog.h"

#include "kernels/cpu/sizes.h"

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

static bool isRealConstant(std::string_view name) { return name == "eps" || name == "factor" || name == "scale"; }

namespace {

/// A row of ops.def.
struct OpRow {
  std::string_view name, inputs, outputs, constants;
  bool hasEpilogue;
};

/// What variants.def says of an op's kernels.
struct Tuning {
  std::string_view op, constant;
  int64_t (*tune)(const int64_t *constants);
  int64_t (*scratchBytes)(int64_t rows, const int64_t *constants);
};

} // namespace

static constexpr OpRow kOps[] = {
#define FATHOM_OP(op, inputs, outputs, constants, epilogue) {#op, #inputs, #outputs, #constants, epilogue},
#include "kernels/ops.def"
#undef FATHOM_OP
};

namespace formulas {

using namespace cpu;

#define FATHOM_VARIANTS(op, source, archs, types, layouts, tuned, value, scratch)                                      \
  struct op : op##_constants {                                                                                         \
    static int64_t tune([[maybe_unused]] const int64_t *c) { return value; }                                           \
    static int64_t scratchBytes([[maybe_unused]] int64_t rows, [[maybe_unused]] const int64_t *c) { return scratch; }  \
  };
#include "kernels/cpu/variants.def"
#undef FATHOM_VARIANTS

} // namespace formulas

static constexpr Tuning kTunings[] = {
#define FATHOM_VARIANTS(op, source, archs, types, layouts, tuned, value, scratch)                                      \
  {#op, #tuned, formulas::op::tune, formulas::op::scratchBytes},
#include "kernels/cpu/variants.def"
#undef FATHOM_VARIANTS
};

static Kernel makeKernel(std::string_view symbol, std::string_view op, std::string_view arch, std::string_view type,
                         std::string_view layout) {
  const OpRow &row = *std::find_if(std::begin(kOps), std::end(kOps), [&](const OpRow &row) { return row.name == op; });
  const Tuning &tuning =
      *std::find_if(std::begin(kTunings), std::end(kTunings), [&](const Tuning &tuning) { return tuning.op == op; });
  std::vector<std::string_view> operands = splitNames(row.inputs);
  for (std::string_view output : splitNames(row.outputs)) {
    operands.push_back(output);
  }
  bool unscaled = type != "f8e4m3" && std::count(operands.begin(), operands.end(), "scale");
  Kernel kernel{symbol,
                op,
                arch,
                type,
                layout,
                static_cast<int>(operands.size()) - unscaled,
                row.hasEpilogue,
                {},
                true,
                tuning.tune,
                tuning.scratchBytes};
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
  kernels.push_back(makeKernel(#symbol, #op, #arch, #type, #layout));

#include "kernels/cpu/kernels.inc"
#undef FATHOM_KERNEL
  return kernels;
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

const std::vector<Arch> &archs() {
#define FATHOM_ARCH(name, processor, vectorBits, features) {#name, #processor, vectorBits, splitNames(#features)},
  static const std::vector<Arch> levels = {
#include "kernels/cpu/variants.def"
  };
#undef FATHOM_ARCH
  return levels;
}

const Arch *findArch(std::string_view name) {
  auto named = [&](const Arch &arch) { return arch.name == name; };
  auto found = std::find_if(archs().begin(), archs().end(), named);
  return found == archs().end() ? nullptr : &*found;
}

bool canRun(std::string_view arch, std::string_view kernelArch) {
  const Arch *own = findArch(arch), *other = findArch(kernelArch);
  return own && other && own <= other;
}

const Kernel *findKernel(std::string_view op, std::string_view arch, std::string_view weightType,
                         std::string_view layout) {
  const Kernel *best = nullptr;
  for (const Kernel &kernel : catalog()) {
    bool suits = kernel.op == op && kernel.weightType == weightType && kernel.layout == layout;
    if (suits && canRun(arch, kernel.arch) && (!best || canRun(kernel.arch, best->arch))) {
      best = &kernel;
    }
  }
  return best;
}

const Kernel *findKernel(std::string_view symbol) {
  for (const Kernel &kernel : catalog()) {
    if (kernel.symbol == symbol) {
      return &kernel;
    }
  }
  return nullptr;
}

} // namespace fathom::kernels
