// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of a GPU as a GPU runs them: PTX, and operands in memory of its own, where FATHOM_TEST_DEVICE names a device.
//
//   FATHOM_TEST_DEVICE   cuda, or ptxsim: of the architecture that code is for
//   FATHOM_KERNEL_LIST   a file that gets a line for each kernel with other constants that tests run, wherever they do
//   FATHOM_KERNEL_CODE   what fathom-kernel-code made of these lines: a record for each, which is the name of an
//                        architecture, a space, the line, and its PTX with a zero byte behind

#ifndef FATHOM_TEST_KERNELS_DEVICE_LAUNCH_H
#define FATHOM_TEST_KERNELS_DEVICE_LAUNCH_H

#include "test/kernels/kernel_harness.h"

namespace fathom::test {

struct DeviceLaunch {
  const Call &call;
  const std::vector<int64_t> &constants;
  /// The call's, but for its operands' addresses, which are those of the host.
  const fathom_dispatch_t &dispatch;
  int64_t blocks;
  /// What the epilogue adds, row by row, and the length of a row; NULL and 0: nothing.
  const Floats *extra;
  int64_t stride;
};

/// Whether tests are for a device. If it cannot be opened, the program ends.
bool finds_device();
/// Whether the device runs kernels for `arch`.
bool device_runs(const kernels::Arch &arch);

/// Adds a kernel to FATHOM_KERNEL_LIST, once: its symbol, the stride of what its epilogue adds, constants.
void note_kernel(const DeviceLaunch &launch);
/// What goes wrong fails the test, a write to what the kernel only reads as well.
void run_on_device(const DeviceLaunch &launch);

/// Of an operand of a call, of a table of experts those of one: kernels of a GPU have none.
size_t bytes_of(const kernels::Operand &operand, const Call &call);

} // namespace fathom::test

#endif // FATHOM_TEST_KERNELS_DEVICE_LAUNCH_H
