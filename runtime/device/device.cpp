// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds the device of an artifact, and calls it.

#include "runtime/device/device.h"

#include <string.h>

namespace fathom::runtime {

DeviceMemory::~DeviceMemory() {
  if (base) {
    space.device->free(space.code, base, bytes);
  }
}

bool DeviceMemory::grow(uint64_t size) {
  bool grown = !base                ? space.device->allocate(space.code, size, &base)
               : space.device->grow ? space.device->grow(space.code, &base, bytes, size)
                                    : moveTo(size);
  bytes = grown ? size : bytes;
  return grown;
}

bool DeviceMemory::moveTo(uint64_t size) {
  DeviceAddress larger;
  if (!space.device->allocate(space.code, size, &larger)) {
    return false;
  }
  bool copied = space.device->copy(space.code, larger, base, bytes) == FATHOM_STATUS_OK;
  space.device->free(space.code, copied ? base : larger, copied ? bytes : size);
  base = copied ? larger : base;
  return copied;
}

static const Device *findDevice(const char *triple) {
  const Device *const *device = devices();
  while (*device && strncmp(triple, (*device)->architecture, strlen((*device)->architecture)) != 0) {
    ++device;
  }
  return *device;
}

DeviceCode::~DeviceCode() {
  if (code) {
    device->unload(code);
  }
}

fathom_status_t DeviceCode::choose(const artifact::Artifact &contents, uint32_t variant) {
  index = variant;
  loaded = contents.variants()->Get(variant);
  const artifact::Target &target = *loaded->target();
  const char *triple = target.triple()->c_str();
  device = findDevice(triple);
  if (!device) {
    return fail(FATHOM_STATUS_MISMATCH, "artifact is for '%.64s', but this machine is %s; compile the model for it",
                triple, devices()[0]->architecture);
  }
  return device->check(target);
}

// Slower variants come later and ask for less, so what the last one lacks is what to say.
fathom_status_t DeviceCode::load(const artifact::Artifact &contents, const ByteSource &source) {
  fathom_status_t status = FATHOM_STATUS_MISMATCH;
  for (uint32_t i = 0; status != FATHOM_STATUS_OK && i < contents.variants()->size(); ++i) {
    status = choose(contents, i);
  }
  if (status != FATHOM_STATUS_OK && contents.variants()->size() > 1) {
    failAlso(status, "; none of the artifact's %u variants runs here", contents.variants()->size());
  }
  FATHOM_RETURN_IF_ERROR(status);
  return device->load(contents, *loaded, source, &code);
}

Executor::~Executor() {
  if (executor) {
    device->stop(executor);
  }
}

fathom_status_t Executor::start(const DeviceCode &code, const DeviceAddress *weights, uint32_t threads) {
  device = code.device;
  program = &code.program();
  return device->start(code.code, weights, threads, &executor);
}

fathom_status_t Executor::run(artifact::Form form, const fathom_call_t &call, const CacheMemory &cache) {
  const artifact::EntryPoint *entry =
      findEntryPoint(*program, {form, call.rows, call.logit_rows > 0, call.hidden != nullptr});
  if (!entry) {
    return fail(FATHOM_STATUS_INTERNAL, "no entry point of the %s form accepts %lld rows", EnumNameForm(form),
                static_cast<long long>(call.rows));
  }
  return device->run(executor, *entry, call, cache);
}

} // namespace fathom::runtime
