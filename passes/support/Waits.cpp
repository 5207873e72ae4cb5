// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Waits, from the effects of ops.

#include "passes/support/Waits.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace fathom {

using Effects = SmallVector<MemoryEffects::EffectInstance>;

/// Whether one of two ops writes what both touch. None: what an op that does not say it touches.
static bool haveConflict(const std::optional<Effects> &a, const std::optional<Effects> &b) {
  return !a || !b || llvm::any_of(*a, [&](const MemoryEffects::EffectInstance &one) {
    return llvm::any_of(*b, [&](const MemoryEffects::EffectInstance &other) {
      bool writes = isa<MemoryEffects::Write>(one.getEffect()) || isa<MemoryEffects::Write>(other.getEffect());
      return writes && one.getValue() == other.getValue() && one.getParameters() == other.getParameters() &&
             one.getResource() == other.getResource();
    });
  });
}

std::vector<llvm::BitVector> findWaits(Block &block) {
  std::vector<std::optional<Effects>> effects;
  std::vector<llvm::BitVector> earlier;
  for (Operation &op : block) {
    std::optional<Effects> own = getEffectsRecursively(&op);
    llvm::BitVector waits(effects.size());
    for (size_t i = 0; i < effects.size(); ++i) {
      if (haveConflict(effects[i], own)) {
        waits |= earlier[i];
        waits.set(i);
      }
    }
    effects.push_back(std::move(own));
    earlier.push_back(std::move(waits));
  }
  return earlier;
}

} // namespace fathom
