// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom_session_*: the C face of Session.

#include "runtime/src/hash.h"
#include "runtime/src/memory.h"
#include "runtime/src/options.h"
#include "runtime/src/saved_sequence.h"
#include "runtime/src/session.h"

using namespace fathom::runtime;

void fathom_session_options_initialize_sized(fathom_session_options_t *options, size_t struct_size) {
  fathom_session_options_t defaults = {};
  defaults.max_sequences = 16;
  initializeStruct(options, struct_size, defaults);
}

void fathom_generate_options_initialize_sized(fathom_generate_options_t *options, size_t struct_size) {
  fathom_generate_options_t defaults = {};
  defaults.encode_flags = FATHOM_ENCODE_ADD_BOS;
  defaults.max_tokens = 256;
  initializeStruct(options, struct_size, defaults);
}

void fathom_generate_result_initialize_sized(fathom_generate_result_t *result, size_t struct_size) {
  initializeStruct(result, struct_size, {});
}

void fathom_prefill_outputs_initialize_sized(fathom_prefill_outputs_t *outputs, size_t struct_size) {
  initializeStruct(outputs, struct_size, {});
}

namespace {

/// A session for the length of a call: alive, usable, and nobody else's.
class SessionScope {
public:
  SessionScope(fathom_session_t *handle, const char *function) : pin(handle, function), status(pin.status) {
    if (status == FATHOM_STATUS_OK && pin->busy.exchange(true, std::memory_order_acquire)) {
      status = fail(FATHOM_STATUS_BUSY, "%s: the session is running another call, or a callback called it", function);
    } else if (status == FATHOM_STATUS_OK) {
      entered = true;
      pin->begin();
      status = pin->checkUsable();
    }
  }
  SessionScope(const SessionScope &) = delete;
  SessionScope &operator=(const SessionScope &) = delete;
  ~SessionScope() {
    if (entered) {
      pin->busy.store(false, std::memory_order_release);
    }
  }
  Session *operator->() const { return pin.get(); }
  Session &operator*() const { return *pin.get(); }

private:
  Pin<Session> pin;
  bool entered = false;

public:
  fathom_status_t status;
};

} // namespace

#define FATHOM_ENTER_SESSION(scope, handle)                                                                            \
  SessionScope scope(handle, __func__);                                                                                \
  FATHOM_RETURN_IF_ERROR(scope.status)

fathom_status_t fathom_session_create(fathom_model_t *model, const fathom_session_options_t *options,
                                      fathom_session_t **out_session) {
  FATHOM_RETURN_IF_NULL(out_session);
  fathom_session_options_t taken;
  fathom_session_options_initialize(&taken);
  if (options) {
    FATHOM_RETURN_IF_BAD_STRUCT(options);
    takeStruct(options, &taken);
  }
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  Session *session = create<Session>();
  if (!session) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a session");
  }
  void *handle = nullptr;
  fathom_status_t status = session->initialize(model, *pin.get(), taken);
  if (status == FATHOM_STATUS_OK) {
    status =
        insertHandle(Session::kKind, session, [](void *object) { destroy(static_cast<Session *>(object)); }, &handle);
  }
  if (status != FATHOM_STATUS_OK) {
    destroy(session);
    return status;
  }
  *out_session = static_cast<fathom_session_t *>(handle);
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_session_retain(fathom_session_t *session) {
  return retainHandle(Session::kKind, session, __func__);
}

fathom_status_t fathom_session_release(fathom_session_t *session) {
  return releaseHandle(Session::kKind, session, __func__);
}

fathom_status_t fathom_session_cancel(fathom_session_t *session) {
  Pin<Session> pin(session, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  pin->cancel();
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_session_threads(fathom_session_t *session, uint32_t *out_threads) {
  FATHOM_RETURN_IF_NULL(out_threads);
  Pin<Session> pin(session, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  *out_threads = pin->threads();
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_session_cache_bytes(fathom_session_t *session, uint64_t *out_bytes) {
  FATHOM_RETURN_IF_NULL(out_bytes);
  FATHOM_ENTER_SESSION(scope, session);
  *out_bytes = scope->cache().usedBytes();
  return FATHOM_STATUS_OK;
}

/// Copies options and the sampling they point to, which is |sampling| then.
static fathom_status_t takeGenerateOptions(const fathom_generate_options_t *given, const char *function,
                                           fathom_generate_options_t *options, fathom_sampling_t *sampling) {
  fathom_generate_options_initialize(options);
  fathom_sampling_initialize(sampling);
  FATHOM_RETURN_IF_ERROR(checkStruct(given, sizeof(*given), function, "options"));
  takeStruct(given, options);
  if (options->sampling) {
    FATHOM_RETURN_IF_ERROR(checkStruct(options->sampling, sizeof(*sampling), function, "options.sampling"));
    takeStruct(options->sampling, sampling);
  }
  options->sampling = sampling;
  if (options->prompt && options->tokens) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: the options have both a prompt and tokens", function);
  }
  if (!options->prompt && options->prompt_length) {
    return failNull(function, "options.prompt");
  }
  return !options->seen && options->seen_count ? failNull(function, "options.seen") : FATHOM_STATUS_OK;
}

fathom_status_t fathom_session_generate(fathom_session_t *session, const fathom_generate_options_t *options,
                                        fathom_generate_result_t *result) {
  FATHOM_RETURN_IF_NULL(options);
  fathom_generate_options_t taken;
  fathom_sampling_t sampling;
  FATHOM_RETURN_IF_ERROR(takeGenerateOptions(options, __func__, &taken, &sampling));
  if (result) {
    FATHOM_RETURN_IF_BAD_STRUCT(result);
  }
  FATHOM_ENTER_SESSION(scope, session);
  fathom_generate_result_t own;
  fathom_generate_result_initialize(&own);
  fathom_status_t status = scope->generate(taken, &own);
  bool cancelled = status == FATHOM_STATUS_CANCELLED;
  own.stop = cancelled ? FATHOM_STOPPED_BY_CALLBACK : own.stop;
  if (result && (cancelled || status == FATHOM_STATUS_OK)) {
    giveStruct(own, result);
  }
  return scope->end(status);
}

fathom_status_t fathom_session_create_sequence(fathom_session_t *session, fathom_sequence_t *out_sequence) {
  FATHOM_RETURN_IF_NULL(out_sequence);
  FATHOM_ENTER_SESSION(scope, session);
  return scope->cache().createSequence(out_sequence);
}

fathom_status_t fathom_session_destroy_sequence(fathom_session_t *session, fathom_sequence_t sequence) {
  FATHOM_ENTER_SESSION(scope, session);
  return scope->cache().destroySequence(sequence);
}

fathom_status_t fathom_session_sequence_length(fathom_session_t *session, fathom_sequence_t sequence,
                                               uint32_t *out_length) {
  FATHOM_RETURN_IF_NULL(out_length);
  FATHOM_ENTER_SESSION(scope, session);
  Sequence *found;
  FATHOM_RETURN_IF_ERROR(scope->cache().find(sequence, &found));
  *out_length = found->length;
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_session_rewind_sequence(fathom_session_t *session, fathom_sequence_t sequence, uint32_t length) {
  FATHOM_ENTER_SESSION(scope, session);
  Sequence *found;
  FATHOM_RETURN_IF_ERROR(scope->cache().find(sequence, &found));
  if (length > found->length) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: cannot rewind to %u: the sequence has %u tokens", __func__, length,
                found->length);
  }
  scope->cache().rewind(found, length);
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_session_prefill(fathom_session_t *session, fathom_sequence_t sequence, const int32_t *tokens,
                                       size_t count, const fathom_prefill_outputs_t *outputs) {
  FATHOM_RETURN_IF_NULL(tokens);
  fathom_prefill_outputs_t taken;
  fathom_prefill_outputs_initialize(&taken);
  if (outputs) {
    FATHOM_RETURN_IF_BAD_STRUCT(outputs);
    takeStruct(outputs, &taken);
  }
  FATHOM_ENTER_SESSION(scope, session);
  if (count == 0) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: no tokens", __func__);
  }
  Sequence *found;
  FATHOM_RETURN_IF_ERROR(scope->cache().find(sequence, &found));
  return scope->end(scope->prefill(found, tokens, count, taken));
}

fathom_status_t fathom_session_decode(fathom_session_t *session, const fathom_sequence_t *sequences,
                                      const int32_t *tokens, size_t count, float *logits, size_t logits_capacity) {
  FATHOM_RETURN_IF_NULL(sequences);
  FATHOM_RETURN_IF_NULL(tokens);
  FATHOM_RETURN_IF_NULL_ARRAY(logits, logits_capacity);
  FATHOM_ENTER_SESSION(scope, session);
  if (count == 0) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: no sequences", __func__);
  }
  return scope->end(scope->decode({sequences, nullptr, tokens, count}, {logits}, logits_capacity));
}

fathom_status_t fathom_session_verify(fathom_session_t *session, const fathom_sequence_t *sequences,
                                      const uint32_t *counts, const int32_t *tokens, size_t count, float *logits,
                                      size_t logits_capacity) {
  FATHOM_RETURN_IF_NULL(sequences);
  FATHOM_RETURN_IF_NULL(counts);
  FATHOM_RETURN_IF_NULL(tokens);
  FATHOM_RETURN_IF_NULL_ARRAY(logits, logits_capacity);
  FATHOM_ENTER_SESSION(scope, session);
  if (count == 0) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: no sequences", __func__);
  }
  return scope->end(scope->decode({sequences, counts, tokens, count}, {logits}, logits_capacity));
}

fathom_status_t fathom_session_draft(fathom_session_t *session, const fathom_sequence_t *sequences,
                                     const int32_t *tokens, size_t count, int32_t *drafts, uint32_t *counts) {
  FATHOM_RETURN_IF_NULL(sequences);
  FATHOM_RETURN_IF_NULL(tokens);
  FATHOM_RETURN_IF_NULL(drafts);
  FATHOM_RETURN_IF_NULL(counts);
  FATHOM_ENTER_SESSION(scope, session);
  if (count == 0) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: no sequences", __func__);
  }
  if (scope->mostDrafts() == 0) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: the session was created without drafts", __func__);
  }
  return scope->end(scope->draft(sequences, tokens, count, drafts, counts));
}

fathom_status_t fathom_session_save_sequence(fathom_session_t *session, fathom_sequence_t sequence, void *buffer,
                                             size_t capacity, size_t *out_size) {
  FATHOM_RETURN_IF_NULL_ARRAY(buffer, capacity);
  FATHOM_RETURN_IF_NULL(out_size);
  FATHOM_ENTER_SESSION(scope, session);
  Sequence *found;
  FATHOM_RETURN_IF_ERROR(scope->cache().find(sequence, &found));
  return saveSequence(*scope, *found, buffer, capacity, out_size);
}

fathom_status_t fathom_session_restore_sequence(fathom_session_t *session, const void *data, size_t size,
                                                fathom_sequence_t *out_sequence) {
  FATHOM_RETURN_IF_NULL(data);
  FATHOM_RETURN_IF_NULL(out_sequence);
  FATHOM_ENTER_SESSION(scope, session);
  return restoreSequence(*scope, data, size, out_sequence);
}
