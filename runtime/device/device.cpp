// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds the device of an artifact, and calls it.

#include "runtime/device/device.h"

#include "runtime/device/cpu/cpu_device.h"

#include <string.h>

namespace fathom::runtime {

static constexpr const Device *kDevices[] = {&kCpuDevice};

static const Device *findDevice(const char *triple) {
  for (const Device *device : kDevices) {
    if (!strncmp(triple, device->architecture, strlen(device->architecture))) {
      return device;
    }
  }
  return nullptr;
}

DeviceCode::~DeviceCode() {
  if (code) {
    device->unload(code);
  }
}

fathom_status_t DeviceCode::load(const Metadata &metadata, const ByteSource &source) {
  program = &metadata.program();
  const char *triple = program->target()->triple()->c_str();
  device = findDevice(triple);
  if (!device) {
    return fail(FATHOM_STATUS_MISMATCH, "artifact is for '%.64s', but this machine is %s; compile the model for it",
                triple, kCpuDevice.architecture);
  }
  return device->load(metadata, source, &code);
}

Executor::~Executor() {
  if (executor) {
    device->stop(executor);
  }
}

fathom_status_t Executor::start(const DeviceCode &code, const void *const *weights, uint32_t threads) {
  device = code.device;
  program = code.program;
  return device->start(code.code, weights, threads, &executor);
}

fathom_status_t Executor::run(artifact::Form form, const fathom_call_t &call) {
  const artifact::EntryPoint *entry =
      findEntryPoint(*program, {form, call.rows, call.logit_rows > 0, call.hidden != nullptr});
  if (!entry) {
    return fail(FATHOM_STATUS_INTERNAL, "no entry point of the %s form accepts %lld rows", EnumNameForm(form),
                static_cast<long long>(call.rows));
  }
  device->run(executor, *entry, call);
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime
