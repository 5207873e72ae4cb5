// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the tensors of weights lie in the weight table.

#ifndef FATHOM_DIALECTS_DEEPSEEK_WEIGHTSLICES_H
#define FATHOM_DIALECTS_DEEPSEEK_WEIGHTSLICES_H

#include "dialects/deepseek/DeepSeek.h"

namespace fathom::deepseek {

/// Whether each expert of a layer is a slice. That is so where weights stay row by row, since a checkpoint has them
/// anywhere; where the module's target has a layout, a packer makes one stack of them.
inline bool hasExpertTable(WeightSymbol weight) {
  auto target = weight->getParentOp()->getAttrOfType<TargetAttr>(kTargetAttr);
  return weight.getExperts() && !(target && target.getLayout());
}

/// Slices of a layer in the weight table.
inline int64_t countTableSlices(WeightSymbol weight) { return hasExpertTable(weight) ? weight.getSlicesPerLayer() : 1; }

} // namespace fathom::deepseek

#endif // FATHOM_DIALECTS_DEEPSEEK_WEIGHTSLICES_H
