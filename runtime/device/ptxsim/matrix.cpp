// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fragments are taken apart into plain matrices, which are multiplied, and put together again.

#include "runtime/device/ptxsim/matrix.h"

#include "runtime/device/ptxsim/numbers.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <limits>
#include <vector>

namespace fathom::runtime::ptxsim {

struct ElementRow {
  Element element;
  std::string_view name;
  unsigned bits;
};
static constexpr ElementRow kElements[] = {
    {Element::F16, "f16", 16},  {Element::Bf16, "bf16", 16}, {Element::Tf32, "tf32", 32},
    {Element::E4m3, "e4m3", 8}, {Element::E5m2, "e5m2", 8},  {Element::S8, "s8", 8},
    {Element::U8, "u8", 8},     {Element::F32, "f32", 32},   {Element::S32, "s32", 32},
};

std::optional<Element> elementNamed(std::string_view name) {
  auto row = std::find_if(std::begin(kElements), std::end(kElements), [&](auto &row) { return row.name == name; });
  return row == std::end(kElements) ? std::nullopt : std::optional(row->element);
}

unsigned elementBits(Element element) { return kElements[static_cast<size_t>(element)].bits; }

/// All values of a format of 16 or 8 bits: what a simulated product asks for most.
static std::vector<float> valuesOf(const FloatFormat &format) {
  std::vector<float> values(size_t{1} << format.width());
  for (uint32_t bits = 0; bits < values.size(); ++bits) {
    values[bits] = toFloat(bits, format);
  }
  return values;
}

double elementValue(uint32_t bits, Element element) {
  static const std::vector<float> kF16Values = valuesOf(kF16), kE4m3Values = valuesOf(kE4m3),
                                  kE5m2Values = valuesOf(kE5m2);
  switch (element) {
  case Element::F16:
    return kF16Values[bits];
  case Element::Bf16:
    return std::bit_cast<float>(bits << 16);
  case Element::Tf32: // The lowest bits are not looked at.
    return std::bit_cast<float>(bits & ~uint32_t{0x1fff});
  case Element::E4m3:
    return kE4m3Values[bits];
  case Element::E5m2:
    return kE5m2Values[bits];
  case Element::S8:
    return static_cast<int8_t>(bits);
  case Element::U8:
    return bits;
  case Element::F32:
    return std::bit_cast<float>(bits);
  case Element::S32:
    return static_cast<int32_t>(bits);
  }
  return 0;
}

bool MmaKind::isValid() const {
  struct Row {
    Element a;
    std::array<unsigned, 3> k;
    Element sum, otherSum;
    // Signs of integers and the two formats of 8-bit numbers may be mixed.
    Element otherB;
  };
  static constexpr Row kRows[] = {
      {Element::F16, {8, 16}, Element::F32, Element::F16, Element::F16},
      {Element::Bf16, {8, 16}, Element::F32, Element::F32, Element::Bf16},
      {Element::Tf32, {4, 8}, Element::F32, Element::F32, Element::Tf32},
      {Element::E4m3, {16, 32}, Element::F32, Element::F16, Element::E5m2},
      {Element::E5m2, {16, 32}, Element::F32, Element::F16, Element::E4m3},
      {Element::S8, {16, 32}, Element::S32, Element::S32, Element::U8},
      {Element::U8, {16, 32}, Element::S32, Element::S32, Element::S8},
  };
  return std::any_of(std::begin(kRows), std::end(kRows), [&](const Row &row) {
    return row.a == a && (b == a || b == row.otherB) && (k == row.k[0] || k == row.k[1]) &&
           (sum == row.sum || sum == row.otherSum) && (!satfinite || sum == Element::S32);
  });
}

/// Element `index` of a register.
static double valueIn(uint32_t reg, unsigned index, Element element) {
  unsigned bits = elementBits(element);
  uint32_t mask = bits == 32 ? ~uint32_t{0} : (uint32_t{1} << bits) - 1;
  return elementValue(reg >> (index * bits) & mask, element);
}

namespace {

constexpr unsigned kMaxK = 32;

/// The operands of a product as matrices.
struct Operands {
  double a[16][kMaxK];
  double b[kMaxK][8];

  Operands(const MmaKind &kind, const Fragment<4> &aRegisters, const Fragment<2> &bRegisters);
};

} // namespace

Operands::Operands(const MmaKind &kind, const Fragment<4> &aRegisters, const Fragment<2> &bRegisters) {
  unsigned perRegister = 32 / elementBits(kind.a);
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    unsigned group = lane / 4, column = lane % 4 * perRegister;
    for (unsigned i = 0; i < perRegister; ++i) {
      for (unsigned reg = 0; reg < kind.aRegisters(); ++reg) {
        a[group + reg % 2 * 8][column + i + reg / 2 * 4 * perRegister] = valueIn(aRegisters[lane][reg], i, kind.a);
      }
      for (unsigned reg = 0; reg < kind.bRegisters(); ++reg) {
        b[column + i + reg * 4 * perRegister][group] = valueIn(bRegisters[lane][reg], i, kind.b);
      }
    }
  }
}

uint32_t roundSum(double sum, Element to, bool satfinite) {
  switch (to) {
  case Element::F16:
    return static_cast<uint32_t>(convert(std::bit_cast<uint64_t>(sum), kF64, kF16));
  case Element::S32: {
    auto exact = static_cast<int64_t>(sum);
    if (satfinite) {
      exact = std::clamp<int64_t>(exact, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
    }
    return static_cast<uint32_t>(exact);
  }
  default: {
    auto single = static_cast<float>(sum);
    return single == single ? std::bit_cast<uint32_t>(single) : static_cast<uint32_t>(kF32.nan);
  }
  }
}

void multiply(const MmaKind &kind, const Fragment<4> &a, const Fragment<2> &b, const Fragment<4> &c, Fragment<4> &d) {
  const Operands operands(kind, a, b);
  unsigned perRegister = kind.sum == Element::F16 ? 2 : 1;
  Fragment<4> result{};
  for (unsigned row = 0; row < 16; ++row) {
    double sums[8];
    auto place = [&](unsigned column) {
      unsigned element = row / 8 * 2 + column % 2;
      return std::array{row % 8 * 4 + column / 2, element / perRegister, element % perRegister};
    };
    for (unsigned column = 0; column < 8; ++column) {
      auto [lane, reg, half] = place(column);
      sums[column] = valueIn(c[lane][reg], half, kind.sum);
    }
    for (unsigned k = 0; k < kind.k; ++k) {
      for (unsigned column = 0; column < 8; ++column) {
        sums[column] += operands.a[row][k] * operands.b[k][column];
      }
    }
    for (unsigned column = 0; column < 8; ++column) {
      auto [lane, reg, half] = place(column);
      result[lane][reg] |= roundSum(sums[column], kind.sum, kind.satfinite) << (half * 16);
    }
  }
  d = result;
}

/// Lane l holds elements 2 (l % 4) and the next of row l / 4.
static uint32_t pairOf(const uint8_t matrix[8][16], unsigned lane, bool transposed) {
  unsigned row = lane / 4, column = lane % 4 * 2;
  uint16_t pair[2];
  for (unsigned i = 0; i < 2; ++i) {
    const uint8_t *element = transposed ? matrix[column + i] + row * 2 : matrix[row] + (column + i) * 2;
    std::memcpy(&pair[i], element, sizeof(pair[i]));
  }
  return uint32_t{pair[1]} << 16 | pair[0];
}

static void putPair(uint8_t matrix[8][16], unsigned lane, bool transposed, uint32_t pair) {
  unsigned row = lane / 4, column = lane % 4 * 2;
  for (unsigned i = 0; i < 2; ++i) {
    uint8_t *element = transposed ? matrix[column + i] + row * 2 : matrix[row] + (column + i) * 2;
    auto half = static_cast<uint16_t>(pair >> (i * 16));
    std::memcpy(element, &half, sizeof(half));
  }
}

void loadMatrices(unsigned count, bool transposed, const ReadRow &read, Fragment<4> &to) {
  for (unsigned i = 0; i < count; ++i) {
    uint8_t matrix[8][16];
    for (unsigned row = 0; row < 8; ++row) {
      read(i * 8 + row, matrix[row]);
    }
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      to[lane][i] = pairOf(matrix, lane, transposed);
    }
  }
}

void storeMatrices(unsigned count, bool transposed, const Fragment<4> &from, const WriteRow &write) {
  for (unsigned i = 0; i < count; ++i) {
    uint8_t matrix[8][16];
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      putPair(matrix, lane, transposed, from[lane][i]);
    }
    for (unsigned row = 0; row < 8; ++row) {
      write(i * 8 + row, matrix[row]);
    }
  }
}

void transpose(const std::array<uint32_t, kWarpSize> &from, std::array<uint32_t, kWarpSize> &to) {
  uint8_t matrix[8][16];
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    putPair(matrix, lane, false, from[lane]);
  }
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    to[lane] = pairOf(matrix, lane, true);
  }
}

} // namespace fathom::runtime::ptxsim
