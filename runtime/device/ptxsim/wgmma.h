// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma.mma_async: what its descriptors say, and the product of a warp, a quarter of a warpgroup's.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_WGMMA_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_WGMMA_H

#include "runtime/device/ptxsim/matrix.h"
#include "runtime/device/ptxsim/tensor_map.h"

#include <vector>

namespace fathom::runtime::ptxsim {

/// A matrix in shared memory.
struct MatrixDescriptor {
  uint32_t start = 0;
  uint32_t leadingBytes = 0;
  uint32_t strideBytes = 0;
  unsigned baseOffset = 0;
  Swizzle swizzle = Swizzle::None;

  explicit MatrixDescriptor(uint64_t bits);
  /// Where element (row, k) of a K-major matrix of `bytes` an element lies; of an MN-major one if `transposed`.
  uint32_t addressOf(unsigned row, unsigned k, unsigned bytes, bool transposed) const;
};

/// wgmma.mma_async.sync.aligned.m64n<n>k<k>.
struct WgmmaKind {
  unsigned n, k;
  Element a, b;
  /// F32 or S32.
  Element sum;
  bool negatesA = false, negatesB = false;
  bool transposesA = false, transposesB = false;
  bool satfinite = false;

  /// Whether PTX has it.
  bool isValid() const;
  unsigned sumRegisters() const { return n / 2; }
  static constexpr unsigned kARegisters = 4;
};

/// Reads `bytes` of shared memory.
using ReadShared = std::function<void(uint32_t address, unsigned bytes, uint8_t *to)>;

/// Rows of A that a warp multiplies, [row][k], and B, [k][column], as numbers.
struct WgmmaOperands {
  std::vector<double> a, b;
};
/// Rows 16 `quarter` to 16 `quarter` + 15 of A, from shared memory.
void readA(const WgmmaKind &kind, unsigned quarter, uint64_t descriptor, const ReadShared &read,
           WgmmaOperands &operands);
/// A from registers.
void readA(const WgmmaKind &kind, const Fragment<4> &registers, WgmmaOperands &operands);
void readB(const WgmmaKind &kind, uint64_t descriptor, const ReadShared &read, WgmmaOperands &operands);

/// The registers of d, [register][lane]: d = a · b, plus d if `adds`. Sums are those of matrix.h.
using WgmmaSums = std::vector<std::array<uint32_t, kWarpSize>>;
void multiply(const WgmmaKind &kind, const WgmmaOperands &operands, bool adds, WgmmaSums &d);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_WGMMA_H
