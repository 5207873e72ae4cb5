// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random numbers for generated checkpoints: every element is a function of its tensor's key and its index, so any
// thread may draw any part.

#ifndef FATHOM_TOOLS_GEN_RANDOMWEIGHTS_H
#define FATHOM_TOOLS_GEN_RANDOMWEIGHTS_H

#include "frontend/checkpoint/DType.h"
#include "llvm/ADT/StringRef.h"

#include <vector>

namespace fathom::gen {

/// Draws the elements of one tensor: mean + deviation * noise, where noise is bell-shaped, of variance 1, and
/// never beyond +-3.46. For F8_E4M3 the range of the noise is spread over the type's whole range, so mean and
/// deviation are the block scales' business.
class RandomTensor {
public:
  RandomTensor(uint64_t seed, llvm::StringRef name, checkpoint::DType dtype, double mean, double deviation);

  /// Writes elements [first, first + count) to `out`; `first` is even. Types BF16, F32, F8_E4M3.
  void draw(uint64_t first, uint64_t count, char *out) const;

private:
  template <typename Element>
  void drawAs(const std::vector<Element> &table, uint64_t first, uint64_t count, char *out) const;

  uint64_t key;
  checkpoint::DType dtype;
  /// The element for each possible noise level; one of them is filled.
  std::vector<uint8_t> bytes;
  std::vector<uint16_t> halves;
  std::vector<uint32_t> words;
};

/// The largest noise, in deviations.
double noiseBound();

/// Rounds to the nearest bfloat16 and E4M3FN (clamped to +-448), ties to even.
uint16_t toBf16(float value);
uint8_t toE4M3(float value);

} // namespace fathom::gen

#endif // FATHOM_TOOLS_GEN_RANDOMWEIGHTS_H
