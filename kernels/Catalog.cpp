// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of catalog.def as objects.

#include "kernels/Catalog.h"

// For the macros that rows use.
#include "kernels/catalog.def"

namespace fathom::kernels {

#define FATHOM_LIST(...) __VA_ARGS__
#define FATHOM_TEXT(...) FATHOM_TEXT_EXPANDED(__VA_ARGS__)
#define FATHOM_TEXT_EXPANDED(...) #__VA_ARGS__

// One function a row: its constants' names are enumerators there.
#define FATHOM_KERNEL(symbol, op, arch, type, layout, operands, constants, scratch)                                    \
  static int64_t scratchBytesOf_##symbol([[maybe_unused]] int64_t rows, [[maybe_unused]] const int64_t *c) {           \
    enum { FATHOM_LIST constants };                                                                                    \
    return scratch;                                                                                                    \
  }
#include "kernels/catalog.def"
#undef FATHOM_KERNEL

static bool isRealConstant(std::string_view name) { return name == "eps" || name == "factor" || name == "scale"; }

/// Splits "a, b, c".
static std::vector<Constant> parseConstants(std::string_view text) {
  std::vector<Constant> constants;
  while (!text.empty()) {
    size_t end = text.find(',');
    std::string_view name = text.substr(0, end);
    constants.push_back({name, isRealConstant(name)});
    text = end == std::string_view::npos ? "" : text.substr(text.find_first_not_of(", ", end));
  }
  return constants;
}

static std::vector<Kernel> makeCatalog() {
  std::vector<Kernel> kernels;
#define FATHOM_KERNEL(symbol, op, arch, type, layout, operands, constants, scratch)                                    \
  kernels.push_back({#symbol, #op, #arch, #type, #layout, operands,                                                    \
                     parseConstants(FATHOM_TEXT(FATHOM_LIST constants)), scratchBytesOf_##symbol});
#include "kernels/catalog.def"
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

const std::vector<std::string_view> &archs() {
  static const std::vector<std::string_view> names = {"avx512", "avx2", "x86"};
  return names;
}

static const Kernel *findExactly(std::string_view op, std::string_view arch, std::string_view weightType,
                                 std::string_view layout) {
  for (const Kernel &kernel : catalog()) {
    if (kernel.op == op && kernel.arch == arch && kernel.weightType == weightType && kernel.layout == layout) {
      return &kernel;
    }
  }
  return nullptr;
}

const Kernel *findKernel(std::string_view op, std::string_view arch, std::string_view weightType,
                         std::string_view layout) {
  bool reached = false;
  for (std::string_view candidate : archs()) {
    reached |= candidate == arch;
    const Kernel *kernel = reached ? findExactly(op, candidate, weightType, layout) : nullptr;
    if (kernel) {
      return kernel;
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

} // namespace fathom::kernels
