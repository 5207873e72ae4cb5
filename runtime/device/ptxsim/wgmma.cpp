// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices in shared memory lie as the canonical layouts of the PTX ISA say: units of 16 bytes, eight to a core matrix.

#include "runtime/device/ptxsim/wgmma.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace fathom::runtime::ptxsim {

MatrixDescriptor::MatrixDescriptor(uint64_t bits) {
  static constexpr Swizzle kModes[] = {Swizzle::None, Swizzle::Bytes128, Swizzle::Bytes64, Swizzle::Bytes32};
  start = (bits & 0x3fff) << 4;
  leadingBytes = (bits >> 16 & 0x3fff) << 4;
  strideBytes = (bits >> 32 & 0x3fff) << 4;
  baseOffset = bits >> 49 & 7;
  swizzle = kModes[bits >> 62];
}

uint32_t MatrixDescriptor::addressOf(unsigned row, unsigned k, unsigned bytes, bool transposed) const {
  // Along `line` elements are neighbors, `lines` are eight to a core matrix.
  unsigned line = (transposed ? row : k) * bytes, lines = transposed ? k : row;
  uint32_t width = rowBytes(swizzle);
  uint32_t along = line / width, across = lines / 8;
  // Without swizzle the strides of an MN-major matrix have each other's role.
  uint32_t offset = transposed && swizzle == Swizzle::None ? along * strideBytes + across * leadingBytes
                                                           : along * leadingBytes + across * strideBytes;
  return swizzled(start + offset + lines % 8 * width + line % width, swizzle);
}

bool WgmmaKind::isValid() const {
  struct Row {
    Element a, otherB;
    unsigned k;
    Element sum;
    bool transposes;
  };
  static constexpr Row kRows[] = {
      {Element::F16, Element::F16, 16, Element::F32, true},    {Element::Bf16, Element::Bf16, 16, Element::F32, true},
      {Element::Tf32, Element::Tf32, 8, Element::F32, false},  {Element::E4m3, Element::E5m2, 32, Element::F32, false},
      {Element::E5m2, Element::E4m3, 32, Element::F32, false}, {Element::S8, Element::U8, 32, Element::S32, false},
      {Element::U8, Element::S8, 32, Element::S32, false},
  };
  bool hasIntegers = sum == Element::S32;
  bool hasColumns = n % 8 == 0 && n >= 8 && n <= 256 && (!hasIntegers || n <= 32 || n % 16 == 0);
  return hasColumns && std::any_of(std::begin(kRows), std::end(kRows), [&](const Row &row) {
           return row.a == a && (b == a || b == row.otherB) && row.k == k && row.sum == sum &&
                  (row.transposes || !(transposesA || transposesB)) && (hasIntegers || !satfinite) &&
                  (!hasIntegers || !(negatesA || negatesB));
         });
}

/// The number at an address.
static double valueAt(uint32_t address, Element element, const ReadShared &read) {
  uint32_t bits = 0;
  uint8_t bytes[4] = {};
  unsigned count = elementBits(element) / 8;
  read(address, count, bytes);
  std::memcpy(&bits, bytes, count);
  return elementValue(bits, element);
}

/// Visits (row, k, value) of a matrix of shared memory; rows begin at `first`.
template <class Visitor>
static void forEachElement(uint64_t descriptor, unsigned first, unsigned rows, unsigned count, Element element,
                           bool transposed, const ReadShared &read, Visitor visit) {
  MatrixDescriptor matrix(descriptor);
  for (unsigned row = 0; row < rows; ++row) {
    for (unsigned k = 0; k < count; ++k) {
      uint32_t address = matrix.addressOf(first + row, k, elementBits(element) / 8, transposed);
      visit(row, k, valueAt(address, element, read));
    }
  }
}

void readA(const WgmmaKind &kind, unsigned quarter, uint64_t descriptor, const ReadShared &read,
           WgmmaOperands &operands) {
  operands.a.resize(size_t{16} * kind.k);
  double sign = kind.negatesA ? -1 : 1;
  forEachElement(descriptor, quarter * 16, 16, kind.k, kind.a, kind.transposesA, read,
                 [&](unsigned row, unsigned k, double value) { operands.a[row * kind.k + k] = sign * value; });
}

void readA(const WgmmaKind &kind, const Fragment<4> &registers, WgmmaOperands &operands) {
  operands.a.resize(size_t{16} * kind.k);
  double sign = kind.negatesA ? -1 : 1;
  unsigned bits = elementBits(kind.a), perRegister = 32 / bits;
  uint32_t mask = bits == 32 ? ~uint32_t{0} : (uint32_t{1} << bits) - 1;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    for (unsigned i = 0; i < WgmmaKind::kARegisters * perRegister; ++i) {
      unsigned reg = i / perRegister;
      unsigned row = lane / 4 + reg % 2 * 8;
      unsigned k = lane % 4 * perRegister + i % perRegister + reg / 2 * 4 * perRegister;
      operands.a[row * kind.k + k] =
          sign * elementValue(registers[lane][reg] >> (i % perRegister * bits) & mask, kind.a);
    }
  }
}

void readB(const WgmmaKind &kind, uint64_t descriptor, const ReadShared &read, WgmmaOperands &operands) {
  operands.b.resize(size_t{kind.k} * kind.n);
  double sign = kind.negatesB ? -1 : 1;
  forEachElement(descriptor, 0, kind.n, kind.k, kind.b, kind.transposesB, read,
                 [&](unsigned column, unsigned k, double value) { operands.b[k * kind.n + column] = sign * value; });
}

void multiply(const WgmmaKind &kind, const WgmmaOperands &operands, bool adds, WgmmaSums &d) {
  std::vector<double> sums(kind.n);
  for (unsigned row = 0; row < 16; ++row) {
    auto place = [&](unsigned column) -> uint32_t & {
      return d[column / 8 * 4 + row / 8 * 2 + column % 2][row % 8 * 4 + column % 8 / 2];
    };
    for (unsigned column = 0; column < kind.n; ++column) {
      sums[column] = adds ? elementValue(place(column), kind.sum) : 0;
    }
    for (unsigned k = 0; k < kind.k; ++k) {
      double factor = operands.a[row * kind.k + k];
      const double *line = &operands.b[size_t{k} * kind.n];
      for (unsigned column = 0; column < kind.n; ++column) {
        sums[column] += factor * line[column];
      }
    }
    for (unsigned column = 0; column < kind.n; ++column) {
      place(column) = roundSum(sums[column], kind.sum, kind.satfinite);
    }
  }
}

void WgmmaRegisters::start(size_t places) {
  *this = {};
  registers_.resize(places);
}

const char *WgmmaRegisters::touch(uint32_t place) {
  registers_[place].touched = ++time_;
  return registers_[place].group != 0 ? "uses a register of a wgmma that no wgmma.wait_group has waited for" : nullptr;
}

const char *WgmmaRegisters::issue(std::span<const uint32_t> places) {
  for (uint32_t place : places) {
    // Accumulators of a group in flight were fenced when it began.
    if (fenced_ == 0 || (registers_[place].group == 0 && registers_[place].touched > fenced_)) {
      return "no wgmma.fence since other instructions used its registers";
    }
    registers_[place].group = groups_.current();
  }
  groups_.issue({places.begin(), places.end()});
  return nullptr;
}

uint32_t WgmmaRegisters::wait(uint32_t pending) {
  groups_.wait(pending, [&](const std::vector<uint32_t> &places) {
    for (uint32_t place : places) {
      if (registers_[place].group <= groups_.complete()) {
        registers_[place].group = 0;
      }
    }
  });
  return groups_.complete();
}

const char *WgmmaRegisters::exit() const {
  return groups_.isEmpty() ? nullptr : "unfinished: the thread exits, and no wgmma.wait_group has waited for a wgmma";
}

} // namespace fathom::runtime::ptxsim
