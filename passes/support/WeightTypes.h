// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What weights of products become.

#ifndef FATHOM_PASSES_SUPPORT_WEIGHTTYPES_H
#define FATHOM_PASSES_SUPPORT_WEIGHTTYPES_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Error.h"

#include <array>

namespace fathom {

/// Keep: what the checkpoint has. F8: FP8 in groups of 128 along a row. Q8: integers of 8 bits in groups of 32.
enum class WeightType : uint8_t { Keep, Bf16, F8, Q8 };

/// Whose weights: of the projections of dense layers and shared experts; of routed experts; the one that makes logits;
/// of all other products.
enum class WeightRole : uint8_t { Mlp, Experts, Head, Attention };

/// The type of each role's weights.
struct WeightTypes {
  std::array<WeightType, 4> types = {};

  WeightType of(WeightRole role) const { return types[size_t(role)]; }
  bool use(WeightType type) const { return llvm::is_contained(types, type); }
};

/// As --weight-type and passes take them, a type for all weights, then types of roles: "q8", "head=keep,experts=f8",
/// "q8,head=bf16". Names are those of the enums in lower case.
llvm::Expected<WeightTypes> parseWeightTypes(llvm::StringRef text);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_WEIGHTTYPES_H
