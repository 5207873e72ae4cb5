// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops of the packer: transposition into panels, conversion to and from f32, search for values that are not
// finite.

#ifndef FATHOM_CODEGEN_ARTIFACT_PACKLOOPS_H
#define FATHOM_CODEGEN_ARTIFACT_PACKLOOPS_H

#include "codegen/artifact/Recipe.h"

#include <cstdint>

namespace fathom::codegen {

/// Transposes `rows`, `width` rows of `columns` elements, dense, into `panel` [columns][width]. Buffers must not
/// overlap; no alignment is needed.
void packPanel(ElementType type, const uint8_t *rows, int64_t columns, int64_t width, uint8_t *panel);

/// Converts `count` elements to f32, exactly. NaN payloads are kept as far as they fit.
void convertToF32(ElementType type, const uint8_t *source, int64_t count, float *result);

/// The f32 numbers as elements of `type`, f32, bf16 or f16, rounded to the nearest, of two the even one.
void convertFromF32(ElementType type, const float *source, int64_t count, uint8_t *result);

/// The scale of `count` numbers that are to become integers of 8 bits (Byte) or FP8.
float findScale(ElementType quantized, const float *numbers, int64_t count);

/// The numbers as such, by that scale.
void quantizeGroup(ElementType quantized, const float *numbers, int64_t count, float scale, uint8_t *result);

/// Numbers [first, first + count) of those that `bytes` have packed.
void unpackNumbers(const Unpack &unpack, const uint8_t *bytes, int64_t first, int64_t count, float *result);

/// How many of `count` elements are NaN or infinite.
uint64_t countNonFinite(ElementType type, const uint8_t *elements, int64_t count);

/// Whether all bytes are zero; stops at the first that is not.
bool isZero(const void *bytes, uint64_t size);

/// Whether a scale can be meant: finite and not negative.
bool isPlausibleScale(float scale);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_PACKLOOPS_H
