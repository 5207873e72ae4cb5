// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One arena for all buffers.

#include "passes/plan/Passes.h"
#include "passes/support/BufferPlacement.h"

namespace fathom {

#define GEN_PASS_DEF_PLANBUFFERS
#include "passes/plan/Passes.h.inc"

namespace {
struct PlanBuffers : impl::PlanBuffersBase<PlanBuffers> {
  void runOnOperation() override { placeBuffers(getOperation()); }
};
} // namespace

} // namespace fathom
