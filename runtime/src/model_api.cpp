// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom_model_*: the C face of Model.

#include "runtime/src/memory.h"
#include "runtime/src/model.h"
#include "runtime/src/options.h"

#include <string.h>

using namespace fathom::runtime;

void fathom_model_options_initialize_sized(fathom_model_options_t *options, size_t struct_size) {
  initializeStruct(options, struct_size, {});
}

void fathom_model_info_initialize_sized(fathom_model_info_t *info, size_t struct_size) {
  initializeStruct(info, struct_size, {});
}

static fathom_status_t takeOptions(const fathom_model_options_t *options, fathom_model_options_t *taken,
                                   const char *function) {
  fathom_model_options_initialize(taken);
  if (!options) {
    return FATHOM_STATUS_OK;
  }
  FATHOM_RETURN_IF_ERROR(checkStruct(options, sizeof(*options), function, "options"));
  takeStruct(options, taken);
  if (taken->call_threads > kMostThreads) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: options.call_threads is %llu, expected at most %u", function,
                static_cast<unsigned long long>(taken->call_threads), kMostThreads);
  }
  int verify = integerOf(taken->verify_weights);
  return verify >= FATHOM_VERIFY_AUTO && verify <= FATHOM_VERIFY_NEVER
             ? FATHOM_STATUS_OK
             : fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: options.verify_weights is %d, expected %d to %d", function,
                    verify, FATHOM_VERIFY_AUTO, FATHOM_VERIFY_NEVER);
}

template <typename Load>
static fathom_status_t loadModel(fathom_model_t **out, Load load) {
  Model *model = create<Model>();
  if (!model) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a model");
  }
  void *handle = nullptr;
  fathom_status_t status = load(model);
  if (status == FATHOM_STATUS_OK) {
    status = insertHandle(Model::kKind, model, [](void *object) { destroy(static_cast<Model *>(object)); }, &handle);
  }
  if (status != FATHOM_STATUS_OK) {
    destroy(model);
    return status;
  }
  *out = static_cast<fathom_model_t *>(handle);
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_model_load_file(const char *path, const fathom_model_options_t *options,
                                       fathom_model_t **out_model) {
  FATHOM_RETURN_IF_NULL(path);
  FATHOM_RETURN_IF_NULL(out_model);
  if (!*path) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: the path is empty", __func__);
  }
  fathom_model_options_t taken;
  FATHOM_RETURN_IF_ERROR(takeOptions(options, &taken, __func__));
  return loadModel(out_model, [&](Model *model) {
    fathom_status_t status = model->loadFile(path, taken);
    bool isOfFile =
        status != FATHOM_STATUS_OK && status != FATHOM_STATUS_DEVICE && status != FATHOM_STATUS_INVALID_ARGUMENT;
    return isOfFile ? failInFile(status, path) : status;
  });
}

fathom_status_t fathom_model_load_memory(const void *data, size_t size, const fathom_model_options_t *options,
                                         fathom_model_t **out_model) {
  FATHOM_RETURN_IF_NULL(data);
  FATHOM_RETURN_IF_NULL(out_model);
  fathom_model_options_t taken;
  FATHOM_RETURN_IF_ERROR(takeOptions(options, &taken, __func__));
  return loadModel(out_model, [&](Model *model) { return model->loadMemory(data, size, taken); });
}

fathom_status_t fathom_model_find_embedded(const char *path, uint64_t *out_offset) {
  FATHOM_RETURN_IF_NULL(path);
  FATHOM_RETURN_IF_NULL(out_offset);
  ByteSource file;
  FATHOM_RETURN_IF_ERROR(file.openFile(path, 0));
  fathom_artifact_trailer_t trailer = {};
  bool carries = false;
  if (file.size() >= sizeof(trailer)) {
    FATHOM_RETURN_IF_ERROR(file.read(file.size() - sizeof(trailer), sizeof(trailer), &trailer));
    carries = memcmp(trailer.magic, FATHOM_ARTIFACT_MAGIC, FATHOM_ARTIFACT_MAGIC_SIZE) == 0 &&
              trailer.artifact_offset % FATHOM_SEGMENT_ALIGNMENT == 0 && trailer.artifact_offset < file.size();
  }
  if (!carries) {
    return fail(FATHOM_STATUS_UNSUPPORTED, "%s has no artifact appended", path);
  }
  *out_offset = trailer.artifact_offset;
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_model_retain(fathom_model_t *model) { return retainHandle(Model::kKind, model, __func__); }

fathom_status_t fathom_model_release(fathom_model_t *model) { return releaseHandle(Model::kKind, model, __func__); }

fathom_status_t fathom_model_info(fathom_model_t *model, fathom_model_info_t *info) {
  FATHOM_RETURN_IF_NULL(info);
  FATHOM_RETURN_IF_BAD_STRUCT(info);
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  fathom_model_info_t made = {};
  pin->describe(&made);
  giveStruct(made, info);
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_model_sampling(fathom_model_t *model, fathom_sampling_t *sampling) {
  FATHOM_RETURN_IF_NULL(sampling);
  FATHOM_RETURN_IF_BAD_STRUCT(sampling);
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  fathom_sampling_t made;
  pin->recommend(&made);
  giveStruct(made, sampling);
  return FATHOM_STATUS_OK;
}
