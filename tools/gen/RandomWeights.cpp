// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Noise is the sum of four random bytes: 1021 levels, so a table per tensor turns 32 random bits into an element.

#include "tools/gen/RandomWeights.h"

#include "llvm/Support/xxhash.h"

#include <cmath>
#include <cstring>

namespace fathom::gen {

static constexpr int kLevels = 4 * 255 + 1;
static constexpr double kMiddle = (kLevels - 1) / 2.0;

/// Standard deviation of the sum of four independent bytes.
static double levelDeviation() { return std::sqrt(4 * (256.0 * 256.0 - 1) / 12); }

double noiseBound() { return kMiddle / levelDeviation(); }

uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

uint8_t toE4M3(float value) {
  uint8_t sign = std::signbit(value) ? 0x80 : 0;
  float magnitude = std::fmin(std::fabs(value), 448.0f);
  // Below 2^-6 numbers are multiples of 2^-9; from there on, three bits of mantissa.
  int exponent = magnitude < 0.015625f ? -6 : std::ilogb(magnitude);
  int steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 3 - exponent)));
  return sign | static_cast<uint8_t>(exponent == -6 && steps < 8 ? steps : ((exponent + 7) << 3) + steps - 8);
}

/// The finalizer of SplitMix64: all output bits depend on all input bits.
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

static unsigned levelOf(uint32_t bits) {
  return (bits & 255) + ((bits >> 8) & 255) + ((bits >> 16) & 255) + (bits >> 24);
}

RandomTensor::RandomTensor(uint64_t seed, llvm::StringRef name, checkpoint::DType dtype, double mean, double deviation)
    : key(mix(seed ^ llvm::xxh3_64bits(name))), dtype(dtype) {
  for (int level = 0; level < kLevels; ++level) {
    double noise = (level - kMiddle) / levelDeviation();
    auto value = static_cast<float>(mean + deviation * noise);
    if (dtype == checkpoint::DType::F8_E4M3) {
      bytes.push_back(toE4M3(static_cast<float>((level - kMiddle) / kMiddle * 448)));
    } else if (dtype == checkpoint::DType::BF16) {
      halves.push_back(toBf16(value));
    } else {
      words.emplace_back();
      std::memcpy(&words.back(), &value, sizeof value);
    }
  }
}

template <typename Element>
void RandomTensor::drawAs(const std::vector<Element> &table, uint64_t first, uint64_t count, char *out) const {
  const Element *elements = table.data();
  for (uint64_t i = 0; i < count; i += 2) {
    uint64_t bits = mix(key + ((first + i) / 2 + 1) * 0x9e3779b97f4a7c15);
    Element pair[2] = {elements[levelOf(static_cast<uint32_t>(bits))],
                       elements[levelOf(static_cast<uint32_t>(bits >> 32))]};
    std::memcpy(out + i * sizeof(Element), pair, (count - i == 1 ? 1 : 2) * sizeof(Element));
  }
}

void RandomTensor::draw(uint64_t first, uint64_t count, char *out) const {
  if (dtype == checkpoint::DType::F8_E4M3) {
    drawAs(bytes, first, count, out);
  } else if (dtype == checkpoint::DType::BF16) {
    drawAs(halves, first, count, out);
  } else {
    drawAs(words, first, count, out);
  }
}

} // namespace fathom::gen
