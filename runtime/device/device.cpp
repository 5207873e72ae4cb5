// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds the device of an artifact, and calls it.

#include "runtime/device/device.h"

#include <stdlib.h>
#include <string.h>

namespace fathom::runtime {

/// More devices of a kind than any machine has.
static constexpr uint32_t kMostNumber = UINT16_MAX;

DeviceMemory::~DeviceMemory() {
  if (base) {
    space.device->free(space.code, base, bytes);
  }
}

fathom_status_t DeviceCode::call(const artifact::NamedFunction &function, const DeviceAddress *weights,
                                 uint32_t threads, FunctionCall &call) const {
  return device->call ? device->call(code, function, weights, threads, call)
                      : fail(FATHOM_STATUS_UNSUPPORTED, "device '%s' runs no named functions", device->name);
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

// Reads "cuda" and "cuda:1"; only devices that there may be several of have numbers. One that is too large is the
// largest.
static bool parse(const char *name, const Device &device, uint32_t *number) {
  size_t length = strlen(device.name);
  if (strncmp(name, device.name, length) != 0 || (name[length] && name[length] != ':')) {
    return false;
  }
  *number = 0;
  if (!name[length]) {
    return true;
  }
  const char *digits = name + length + 1;
  char *end = nullptr;
  unsigned long value = strtoul(digits, &end, 10);
  *number = value < UINT32_MAX ? static_cast<uint32_t>(value) : UINT32_MAX;
  return device.describe && *digits >= '0' && *digits <= '9' && !*end;
}

static fathom_status_t failUnknown(const char *name) {
  fail(FATHOM_STATUS_INVALID_ARGUMENT, "device '%.64s' is unknown; expected", name);
  for (const Device *const *device = devices(); *device; ++device) {
    failAlso(FATHOM_STATUS_INVALID_ARGUMENT, "%s %s%s", device == devices() ? "" : ",", (*device)->name,
             (*device)->describe ? "[:N]" : "");
  }
  return FATHOM_STATUS_INVALID_ARGUMENT;
}

static fathom_status_t findNamed(const char *name, DeviceChoice *choice) {
  for (const Device *const *device = devices(); *device && !choice->device; ++device) {
    choice->device = parse(name, **device, &choice->number) ? *device : nullptr;
  }
  if (!choice->device) {
    return failUnknown(name);
  }
  if (choice->number > kMostNumber) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "device '%.64s' is out of range: numbers are up to %u", name,
                kMostNumber);
  }
  char text[256];
  fathom_status_t status =
      choice->device->describe ? choice->device->describe(choice->number, text, sizeof(text)) : FATHOM_STATUS_OK;
  return status == FATHOM_STATUS_OK ? status : failInFile(status, name);
}

fathom_status_t chooseDevice(const char *name, DeviceChoice *choice) {
  *choice = {};
  if (name) {
    return findNamed(name, choice);
  }
  const char *inherited = getenv("FATHOM_DEVICE");
  fathom_status_t status = inherited && *inherited ? findNamed(inherited, choice) : FATHOM_STATUS_OK;
  if (status == FATHOM_STATUS_INVALID_ARGUMENT) {
    failAlso(status, "; the environment variable FATHOM_DEVICE names it");
  }
  return status;
}

static bool isFor(const Device &device, const artifact::Program &program) {
  return strncmp(program.target()->triple()->c_str(), device.architecture, strlen(device.architecture)) == 0;
}

static const Device *findDevice(const artifact::Program &program, const DeviceChoice &choice) {
  for (const Device *const *device = devices(); *device; ++device) {
    bool isAsked = choice.device ? *device == choice.device : !(*device)->isOnlyByName;
    if (isAsked && isFor(**device, program)) {
      return *device;
    }
  }
  return nullptr;
}

static fathom_status_t checkChoice(const artifact::Artifact &contents, const DeviceChoice &choice) {
  bool suits = !choice.device;
  for (const artifact::Program *program : *contents.variants()) {
    suits = suits || isFor(*choice.device, *program);
  }
  return suits ? FATHOM_STATUS_OK
               : fail(FATHOM_STATUS_MISMATCH,
                      "the device '%s' runs code for %s, but the artifact is for '%.64s'; compile the model for it, or "
                      "choose another device",
                      choice.device->name, choice.device->architecture,
                      contents.variants()->Get(0)->target()->triple()->c_str());
}

DeviceCode::~DeviceCode() {
  if (code) {
    device->unload(code);
  }
}

fathom_status_t DeviceCode::choose(const artifact::Artifact &contents, uint32_t variant, const DeviceChoice &choice) {
  index = variant;
  loaded = contents.variants()->Get(variant);
  device = findDevice(*loaded, choice);
  if (!device) {
    return fail(FATHOM_STATUS_MISMATCH, "artifact is for '%.64s', but this machine is %s; compile the model for it",
                loaded->target()->triple()->c_str(), devices()[0]->architecture);
  }
  return device->check(choice.number, *loaded->target());
}

// Slower variants come later and ask for less, so what the last one lacks is what to say.
fathom_status_t DeviceCode::load(const artifact::Artifact &contents, const ByteSource &source,
                                 const DeviceChoice &choice) {
  FATHOM_RETURN_IF_ERROR(checkChoice(contents, choice));
  fathom_status_t status = FATHOM_STATUS_MISMATCH;
  for (uint32_t i = 0; status != FATHOM_STATUS_OK && i < contents.variants()->size(); ++i) {
    if (!choice.device || isFor(*choice.device, *contents.variants()->Get(i))) {
      status = choose(contents, i, choice);
    }
  }
  if (status != FATHOM_STATUS_OK && contents.variants()->size() > 1) {
    failAlso(status, "; none of the artifact's %u variants runs here", contents.variants()->size());
  }
  FATHOM_RETURN_IF_ERROR(status);
  return device->load(choice.number, contents, *loaded, source, &code);
}

Executor::~Executor() {
  if (executor) {
    device->stop(executor);
  }
}

fathom_status_t Executor::start(const DeviceCode &code, const DeviceAddress *weights, uint32_t threads,
                                const std::atomic<bool> *cancelled) {
  device = code.device;
  program = &code.program();
  return device->start(code.code, weights, threads, cancelled, &executor);
}

fathom_status_t Executor::prepare(uint32_t rows, bool draft) {
  for (uint32_t row = 1; device->prepare && row <= rows; ++row) {
    for (bool logits : {false, true}) {
      const artifact::EntryPoint *entry = findEntryPoint(*program, {artifact::Form::absorbed, row, logits, draft});
      FATHOM_RETURN_IF_ERROR(entry ? device->prepare(executor, *entry, row) : FATHOM_STATUS_OK);
    }
  }
  return FATHOM_STATUS_OK;
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
