// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of architectures.

#include "runtime/device/cuda/gpu_target.h"

#include <stdlib.h>
#include <string.h>

namespace fathom::runtime::cuda {

/// What the compiler has code for: before it there is no asynchronous copy, and no matrix product of bf16.
static constexpr unsigned kOldestArchitecture = 80;

namespace {
struct Architecture {
  unsigned number;
  /// "a" behind the number: for it, and for no later one.
  bool isAlone;
};
} // namespace

// 0 where it is not one of a GPU.
static Architecture parse(const artifact::Target &target) {
  const char *name = target.cpu() ? target.cpu()->c_str() : "";
  if (strncmp(name, "sm_", 3) != 0) {
    return {0, false};
  }
  char *end = nullptr;
  unsigned long number = strtoul(name + 3, &end, 10);
  bool isKnown = number >= 10 && number < 10000 && (strcmp(end, "") == 0 || strcmp(end, "a") == 0);
  return {isKnown ? static_cast<unsigned>(number) : 0, *end == 'a'};
}

unsigned architectureOf(const artifact::Target &target) { return parse(target).number; }

bool runsMachineCode(const GpuFacts &gpu, const artifact::Target &target) {
  Architecture wanted = parse(target);
  bool isOfGeneration = wanted.number / 10 == gpu.architecture / 10 && wanted.number <= gpu.architecture;
  return wanted.isAlone ? wanted.number == gpu.architecture : wanted.number > 0 && isOfGeneration;
}

fathom_status_t checkTarget(const GpuFacts &gpu, const artifact::Target &target) {
  Architecture wanted = parse(target);
  const char *name = target.cpu() ? target.cpu()->c_str() : "?";
  if (wanted.number == 0) {
    return fail(FATHOM_STATUS_MISMATCH,
                "artifact is for the GPU architecture '%.64s', which this runtime does not know", name);
  }
  if (gpu.architecture < kOldestArchitecture) {
    return fail(FATHOM_STATUS_DEVICE,
                "'%s' is sm_%u, but Fathom needs sm_%u or later; compile the model with --target=cpu", gpu.name,
                gpu.architecture, kOldestArchitecture);
  }
  bool runs = wanted.isAlone ? wanted.number == gpu.architecture : wanted.number <= gpu.architecture;
  return runs ? FATHOM_STATUS_OK
              : fail(FATHOM_STATUS_DEVICE, "artifact is for %.64s, but '%s' is sm_%u; compile it with --sm=%u", name,
                     gpu.name, gpu.architecture, gpu.architecture);
}

} // namespace fathom::runtime::cuda
