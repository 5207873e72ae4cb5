// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads a program.

#include "runtime/device/cuda/cuda_program.h"

namespace fathom::runtime::cuda {

fathom_status_t CudaProgram::load(const DriverTable &driver, uint32_t number, const artifact::Artifact &contents,
                                  const artifact::Program &program, const ByteSource &source) {
  facts = contents.model();
  loaded = &program;
  FATHOM_RETURN_IF_ERROR(viewCode(contents, program, source, &code));
  FATHOM_RETURN_IF_ERROR(lists.load(program));
  FATHOM_RETURN_IF_ERROR(device.open(driver, number));
  GpuScope scope(device);
  FATHOM_RETURN_IF_ERROR(scope.status);
  FATHOM_RETURN_IF_ERROR(functions.load(device, program, code.data()));
  return moves.open(device);
}

} // namespace fathom::runtime::cuda
