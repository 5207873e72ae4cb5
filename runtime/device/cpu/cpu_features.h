// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whether this machine can run the code of an artifact.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_CPU_FEATURES_H
#define FATHOM_RUNTIME_DEVICE_CPU_CPU_FEATURES_H

#include "runtime/src/status.h"

namespace fathom::runtime {

/// Whether this processor and its system have x86-64-v3, which all code for x86 may use.
bool hasBaseline();

/// Whether they have a feature, by its name in /proc/cpuinfo. Names this runtime does not know are looked up there.
/// From then on the process may use it: for that of AMX it has to ask, and may be refused.
bool hasFeature(const char *name);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_CPU_FEATURES_H
