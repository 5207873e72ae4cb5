// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What handlers of asynchronous instructions share.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_OPS_ASYNC_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_OPS_ASYNC_H

#include "runtime/device/ptxsim/async_copy.h"

namespace fathom::runtime::ptxsim {

/// Where in the block's shared memory an operand points, after all checks; false after a finding.
bool sharedOffset(const Event &event, const Operand &operand, uint32_t bytes, uint32_t align, uint32_t &offset);

/// Reports a complaint; whether there is one.
bool complain(const Event &event, const Complaint &complaint);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_OPS_ASYNC_H
