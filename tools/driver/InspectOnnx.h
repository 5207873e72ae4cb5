// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom inspect` says about an ONNX model.

#ifndef FATHOM_TOOLS_DRIVER_INSPECTONNX_H
#define FATHOM_TOOLS_DRIVER_INSPECTONNX_H

#include "frontend/checkpoint/Diagnostics.h"
#include "tools/driver/InspectReport.h"

namespace fathom::driver {

/// Reads the model in the file `path`; findings go to `diagnostics`. Where only operators or shapes are amiss, what the
/// model has is listed all the same.
void inspectOnnx(const std::string &path, checkpoint::Diagnostics &diagnostics, Report &report);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_INSPECTONNX_H
