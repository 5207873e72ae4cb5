// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tensors that a named function is called with, held against its types.

#ifndef FATHOM_RUNTIME_SRC_FUNCTION_INPUTS_H
#define FATHOM_RUNTIME_SRC_FUNCTION_INPUTS_H

#include "runtime/src/buffer.h"
#include "runtime/src/status.h"

#include "fathom/artifact_generated.h"
#include "fathom/fathom.h"

namespace fathom::runtime {

class FunctionInputs {
public:
  /// INVALID_ARGUMENT if |tensors| are not those of |function|, in any order, and BAD_DATA if they do not fit each
  /// other.
  fathom_status_t take(const artifact::NamedFunction &function, const fathom_tensor_t *tensors, size_t count);

  /// In the order of the function's inputs.
  const void *const *data() const { return places.data(); }
  /// Of all axes, one tensor after the other.
  const int64_t *sizes() const { return extents.data(); }

private:
  fathom_status_t checkSymbol(const artifact::NamedFunction &function, uint32_t input, uint32_t axis,
                              int64_t size) const;

  Buffer<const void *> places;
  Buffer<int64_t> extents;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_FUNCTION_INPUTS_H
