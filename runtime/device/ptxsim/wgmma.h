// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma.mma_async: what its descriptors say, and the product of a warp, a quarter of a warpgroup's.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_WGMMA_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_WGMMA_H

#include "runtime/device/ptxsim/copy_groups.h"
#include "runtime/device/ptxsim/matrix.h"
#include "runtime/device/ptxsim/tensor_map.h"

#include <span>
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
  uint16_t n;
  uint8_t k;
  Element a, b;
  /// F32 or S32.
  Element sum;
  bool negatesA : 1 = false, negatesB : 1 = false, transposesA : 1 = false, transposesB : 1 = false;
  bool satfinite : 1 = false;

  /// Whether PTX has it.
  bool isValid() const;
  unsigned sumRegisters() const { return n / 2u; }
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

/// Which registers of a warp are wgmma's: accumulators and A from issue to wait. Functions that return text say what is
/// wrong; null if nothing is.
class WgmmaRegisters {
public:
  void start(size_t places);

  /// Another instruction reads or writes a register.
  const char *touch(uint32_t place);
  void fence() { fenced_ = ++time_; }
  const char *issue(std::span<const uint32_t> places);
  /// The group that is issued now.
  uint32_t group() const { return groups_.current(); }
  void commit() { groups_.commit(); }
  /// wait_group; the last group that is complete.
  uint32_t wait(uint32_t pending);
  const char *exit() const;

private:
  struct Register {
    /// When another instruction used it last, and the group that has it.
    uint64_t touched = 0;
    uint32_t group = 0;
  };
  std::vector<Register> registers_;
  CopyGroups<std::vector<uint32_t>> groups_;
  uint64_t time_ = 0, fenced_ = 0;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_WGMMA_H
