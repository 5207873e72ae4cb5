// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix instructions of a warp: mma.sync on fragments, ldmatrix, stmatrix and movmatrix.
//
// Sums: PTX leaves order and rounding of a product's sum open. Here it is c plus the exact products in ascending k,
// added in f64 and rounded once for the instruction; integers wrap, or are clamped with .satfinite.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_MATRIX_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_MATRIX_H

#include "runtime/device/ptxsim/instruction.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace fathom::runtime::ptxsim {

/// The 32-bit registers of a fragment, [lane][register].
template <size_t Registers>
using Fragment = std::array<std::array<uint32_t, Registers>, kWarpSize>;

enum class Element : uint8_t { F16, Bf16, Tf32, E4m3, E5m2, S8, U8, F32, S32 };

/// The element that PTX calls `name`, such as "bf16".
std::optional<Element> elementNamed(std::string_view name);
unsigned elementBits(Element element);
/// The value of one element, exactly.
double elementValue(uint32_t bits, Element element);
/// The bits of a sum, F32, F16 or S32, which is exact in f64.
uint32_t roundSum(double sum, Element to, bool satfinite);

/// mma.sync.aligned.m16n8k….row.col.
struct MmaKind {
  unsigned k;
  Element a, b;
  /// Of c and d: F32, F16 or S32.
  Element sum;
  bool satfinite = false;

  /// Whether PTX has it.
  bool isValid() const;
  unsigned aRegisters() const { return 16 * k * elementBits(a) / (kWarpSize * 32); }
  unsigned bRegisters() const { return 8 * k * elementBits(b) / (kWarpSize * 32); }
  unsigned sumRegisters() const { return sum == Element::F16 ? 2 : 4; }
};

/// d = a · b + c.
void multiply(const MmaKind &kind, const Fragment<4> &a, const Fragment<2> &b, const Fragment<4> &c, Fragment<4> &d);

/// Reads or writes a row of a matrix, 16 bytes at what the lane gave as its address.
using ReadRow = std::function<void(unsigned lane, uint8_t *row)>;
using WriteRow = std::function<void(unsigned lane, const uint8_t *row)>;

/// ldmatrix.m8n8.b16: matrix i has the rows of lanes 8i to 8i + 7, and goes to register i.
void loadMatrices(unsigned count, bool transposed, const ReadRow &read, Fragment<4> &to);
/// stmatrix.m8n8.b16, the other way around.
void storeMatrices(unsigned count, bool transposed, const Fragment<4> &from, const WriteRow &write);
/// movmatrix.m8n8.trans.b16.
void transpose(const std::array<uint32_t, kWarpSize> &from, std::array<uint32_t, kWarpSize> &to);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_MATRIX_H
