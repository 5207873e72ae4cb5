// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom_sampler_*: the C face of Sampler.

#include "runtime/src/float_environment.h"
#include "runtime/src/memory.h"
#include "runtime/src/options.h"
#include "runtime/src/sampler.h"

using namespace fathom::runtime;

void fathom_sampling_initialize_sized(fathom_sampling_t *sampling, size_t struct_size) {
  fathom_sampling_t defaults = {};
  defaults.top_p = 1;
  defaults.repetition_penalty = 1;
  initializeStruct(sampling, struct_size, defaults);
}

fathom_status_t fathom_sampler_create(uint32_t vocabulary, const fathom_sampling_t *sampling,
                                      fathom_sampler_t **out_sampler) {
  FATHOM_RETURN_IF_NULL(out_sampler);
  fathom_sampling_t taken;
  fathom_sampling_initialize(&taken);
  if (sampling) {
    FATHOM_RETURN_IF_BAD_STRUCT(sampling);
    takeStruct(sampling, &taken);
  }
  if (vocabulary == 0 || vocabulary > INT32_MAX) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: vocabulary is %u, expected 1 to %d", __func__, vocabulary,
                INT32_MAX);
  }
  FATHOM_RETURN_IF_ERROR(checkSampling(taken));
  Sampler *sampler = create<Sampler>();
  if (!sampler) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a sampler");
  }
  void *handle = nullptr;
  fathom_status_t status = sampler->initialize(vocabulary, taken);
  if (status == FATHOM_STATUS_OK) {
    status =
        insertHandle(Sampler::kKind, sampler, [](void *object) { destroy(static_cast<Sampler *>(object)); }, &handle);
  }
  if (status != FATHOM_STATUS_OK) {
    destroy(sampler);
    return status;
  }
  *out_sampler = static_cast<fathom_sampler_t *>(handle);
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_sampler_retain(fathom_sampler_t *sampler) {
  return retainHandle(Sampler::kKind, sampler, __func__);
}

fathom_status_t fathom_sampler_release(fathom_sampler_t *sampler) {
  return releaseHandle(Sampler::kKind, sampler, __func__);
}

fathom_status_t fathom_sampler_observe(fathom_sampler_t *sampler, const int32_t *tokens, size_t count) {
  FATHOM_RETURN_IF_NULL_ARRAY(tokens, count);
  Pin<Sampler> pin(sampler, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  BusyScope busy(&pin->busy);
  FATHOM_RETURN_IF_ERROR(busy.status);
  return pin->observe(tokens, count);
}

fathom_status_t fathom_sampler_sample(fathom_sampler_t *sampler, const float *logits, int32_t *out_token) {
  FATHOM_RETURN_IF_NULL(logits);
  FATHOM_RETURN_IF_NULL(out_token);
  Pin<Sampler> pin(sampler, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  BusyScope busy(&pin->busy);
  FATHOM_RETURN_IF_ERROR(busy.status);
  FloatEnvironment environment;
  return pin->sample(logits, out_token);
}
