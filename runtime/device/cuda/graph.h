// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The launches of an entry point as one graph, which the driver launches as a whole.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_GRAPH_H
#define FATHOM_RUNTIME_DEVICE_CUDA_GRAPH_H

#include "runtime/device/cuda/launch_parameters.h"

namespace fathom::runtime::cuda {

/// |*executable| is the caller's to destroy. If |events| is not NULL launches run one after the other, and when one has
/// ended its event is recorded; the first of all is recorded before them. The caller is in the scope of the program's
/// GPU. Where states are recorded the graph has nothing: who wants them launches kernel by kernel.
fathom_status_t buildGraph(const CudaProgram &program, const CommandList &list, LaunchParameters &parameters,
                           const CUevent *events, CUgraphExec *executable);

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_GRAPH_H
