// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading a model, in the order that nothing is touched before it has been checked.

#include "runtime/src/model.h"

#include "runtime/src/memory.h"
#include "runtime/src/stores.h"

#include <string.h>

namespace fathom::runtime {

// The device first, so that nothing is read for one that is not there.
fathom_status_t Model::loadFile(const char *path, const fathom_model_options_t &options) {
  FATHOM_RETURN_IF_ERROR(chooseDevice(options.device, &choice));
  FATHOM_RETURN_IF_ERROR(source.openFile(path, options.file_offset));
  return load({options.weights_directory, path}, options);
}

fathom_status_t Model::loadMemory(const void *data, size_t size, const fathom_model_options_t &options) {
  FATHOM_RETURN_IF_ERROR(chooseDevice(options.device, &choice));
  source.openMemory(data, size);
  fathom_model_options_t adjusted = options;
  // Kernels load weights with aligned vectors; segments are aligned only if the artifact is.
  adjusted.copy_weights |= reinterpret_cast<uintptr_t>(data) % kAlignment != 0;
  return load({options.weights_directory, nullptr}, adjusted);
}

fathom_status_t Model::load(const Weights::Places &places, const fathom_model_options_t &options) {
  threads = static_cast<uint32_t>(options.call_threads);
  FATHOM_RETURN_IF_ERROR(metadata.read(source));
  if (hasTokenizer()) {
    if (const char *problem = tokenizer::verify(*contents().tokenizer())) {
      return fail(FATHOM_STATUS_BAD_DATA, "artifact metadata: %s", problem);
    }
  }
  FATHOM_RETURN_IF_ERROR(deviceCode.load(contents(), source, choice));
  return tensors.open(contents(), program(), source, places, deviceCode.space(), options);
}

fathom_status_t Model::checkStillWhole() const {
  FATHOM_RETURN_IF_ERROR(source.checkStillWhole("the artifact"));
  return tensors.checkStillWhole();
}

bool Model::isEos(int32_t token) const {
  const auto *tokens = facts().eos_tokens();
  for (uint32_t i = 0; tokens && i < tokens->size(); ++i) {
    if (tokens->Get(i) == token) {
      return true;
    }
  }
  return false;
}

void Model::recommend(fathom_sampling_t *sampling) const {
  fathom_sampling_initialize(sampling);
  sampling->temperature = facts().temperature().value_or(sampling->temperature);
  sampling->top_k = facts().top_k().value_or(sampling->top_k);
  sampling->top_p = facts().top_p().value_or(sampling->top_p);
  sampling->min_p = facts().min_p().value_or(sampling->min_p);
  sampling->repetition_penalty = facts().repetition_penalty().value_or(sampling->repetition_penalty);
}

static const char *textOf(const flatbuffers::String *text) { return text ? text->c_str() : ""; }

void Model::describe(fathom_model_info_t *info) const {
  const artifact::Artifact &root = contents();
  info->family = textOf(facts().family());
  info->vocabulary = facts().vocabulary();
  info->hidden = facts().hidden();
  info->layers = facts().layers();
  info->max_context = facts().max_context();
  info->bos_token = facts().bos_token();
  info->eos_tokens = facts().eos_tokens() ? facts().eos_tokens()->data() : nullptr;
  info->eos_token_count = facts().eos_tokens() ? facts().eos_tokens()->size() : 0;
  fathom_sampling_t sampling;
  recommend(&sampling);
  info->temperature = sampling.temperature;
  info->top_p = sampling.top_p;
  info->top_k = sampling.top_k;
  info->min_p = sampling.min_p;
  info->repetition_penalty = sampling.repetition_penalty;
  info->max_prefill_rows = maxRows(program(), artifact::Form::expanded);
  info->max_decode_rows = maxRows(program(), artifact::Form::absorbed);
  info->cache_page_bytes = root.cache()->page_bytes();
  info->cache_token_bytes = positionBytes(root);
  info->cache_type = root.cache()->stores()->size() > 0 ? cacheTypeOf(root.cache()->stores()->Get(0)->element()) : "";
  info->activation_type = artifact::EnumNameStoreElement(program().target()->activation());
  info->weight_bytes = tensors.bytes();
  info->weight_count = program().weights()->size();
  info->has_tokenizer = hasTokenizer();
  info->has_chat = hasTokenizer() && tokenizer().hasChat();
  info->identity = identity();
  info->target_cpu = textOf(program().target()->cpu());
  info->compiler_version = root.build() ? textOf(root.build()->compiler_version()) : "";
  info->variant = deviceCode.variant();
  info->device = deviceCode.space().device->name;
  info->metadata = metadata.data();
  info->metadata_size = metadata.header().metadata_size;
}

} // namespace fathom::runtime
