// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C API of the Fathom runtime: open a compiled model, generate text, or drive it token by token.
//
// The short way (runtime/demo/hello_terse.c is a whole program):
//
//   fathom_model_t *model = NULL;
//   fathom_session_t *session = NULL;
//   fathom_model_load_file("chat.fathom", NULL, &model);
//   fathom_session_create(model, NULL, &session);
//   fathom_generate_options_t options;
//   fathom_generate_options_initialize(&options);
//   options.prompt = "Once upon a time";
//   options.prompt_length = 16;
//   options.on_token = print_piece;
//   fathom_session_generate(session, &options, NULL);
//
// Rules that hold everywhere:
// - Every function that can fail returns a fathom_status_t. The text that explains it is fathom_status_message(), kept
//   per thread until the next failure on that thread. Nothing here aborts, throws, prints or exits.
// - Handles (model, session, sampler, results) are counted: `_create` and `_load` give one reference, `_retain` adds
// one,
//   `_release` takes one away. Handles are checked: a released one, or one of another type, is
//   FATHOM_STATUS_INVALID_HANDLE and never a crash. An object in use by a running call lives until that call ends.
// - Structs that start with `struct_size` may grow at their end in later versions. Their `_initialize` function sets
//   struct_size to the size that the caller was compiled with, and all else to the defaults; call it before anything
//   else, for outputs too. Functions read and write no more than struct_size bytes: what a program's struct does not
//   have yet keeps its default. What a runtime does not have yet must be zero, else FATHOM_STATUS_INVALID_ARGUMENT.
//   fathom_chat_message_t, fathom_tensor_t and fathom_tensor_type_t have no size and never grow.
// - `_initialize` functions are inline. Who calls the library without this header (dlsym, a foreign function interface)
//   calls `_initialize_sized` with the size of the struct as it is declared there.
// - Output parameters come last and are written only on success, unless a function says otherwise.
// - Strings are UTF-8. Where a length is passed they need no terminator; the runtime copies what it keeps.
// - Thread safety is stated per group. "Thread-safe": any thread, at any time. "One call at a time": a second call
//   while one runs, from another thread or from a callback, is FATHOM_STATUS_BUSY and changes nothing. `_retain` and
//   `_release` are thread-safe always.
// - An enum that holds no value of its list is FATHOM_STATUS_INVALID_ARGUMENT.
// - A process has up to 4096 models, sessions, samplers and results alive at once; then FATHOM_STATUS_OUT_OF_RESOURCES.
// - After fork() the child must not use sessions of its parent; it gets FATHOM_STATUS_FAILED.

#ifndef FATHOM_FATHOM_H
#define FATHOM_FATHOM_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define FATHOM_API __attribute__((visibility("default")))
#else
#define FATHOM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

//===-- Versions and status -------------------------------------------------------------------===//

/// The version of this header: major * 1000 + minor. Within a major version programs need no recompilation, whichever
/// of program and runtime is the older one, as long as the program calls only functions the runtime has.
#define FATHOM_API_VERSION 1001

/// The FATHOM_API_VERSION the library was built with. Thread-safe.
FATHOM_API uint32_t fathom_api_version(void);

/// The release, e.g. "0.1.0"; lives for ever. Thread-safe.
FATHOM_API const char *fathom_version(void);

/// How a call ended. Values up to 70 are also the exit codes of the command line tools.
typedef enum fathom_status {
  FATHOM_STATUS_OK = 0,
  /// The computation itself went wrong, e.g. logits that are not numbers.
  FATHOM_STATUS_FAILED = 1,
  /// An argument is NULL, out of range or contradicts another.
  FATHOM_STATUS_INVALID_ARGUMENT = 2,
  /// Data given to the runtime is malformed: a token id, a damaged saved sequence, an artifact with impossible
  /// contents.
  FATHOM_STATUS_BAD_DATA = 3,
  /// Valid, but this model or runtime does not do it, e.g. text without a tokenizer in the artifact.
  FATHOM_STATUS_UNSUPPORTED = 4,
  /// A file could not be opened, read or mapped.
  FATHOM_STATUS_IO = 5,
  /// No memory, no page of the cache, no handle left.
  FATHOM_STATUS_OUT_OF_RESOURCES = 6,
  /// The artifact is damaged, of another version, or for another machine; a saved sequence is of another artifact.
  FATHOM_STATUS_MISMATCH = 7,
  /// The device that runs the code is not there, cannot run it, has no memory of its own left, or failed. Processors do
  /// not fail.
  FATHOM_STATUS_DEVICE = 8,
  /// A mistake in the runtime.
  FATHOM_STATUS_INTERNAL = 70,
  /// The session is running another call.
  FATHOM_STATUS_BUSY = 100,
  FATHOM_STATUS_INVALID_HANDLE = 101,
  /// An output buffer is too small; the message and, where there is one, the size output say what is needed.
  FATHOM_STATUS_TOO_SMALL = 102,
  /// fathom_session_cancel() ended the call.
  FATHOM_STATUS_CANCELLED = 103,
  /// A sequence would grow beyond the positions the artifact serves.
  FATHOM_STATUS_CONTEXT_FULL = 104
} fathom_status_t;

/// The name of a status, e.g. "BAD_DATA"; "UNKNOWN" for any other number; lives for ever. Thread-safe.
FATHOM_API const char *fathom_status_string(fathom_status_t status);

/// What went wrong last on the calling thread; "" if nothing did. Valid until the next failing call on this thread.
FATHOM_API const char *fathom_status_message(void);

/// The process exit code that fits a status. Thread-safe. Up to 70 the status itself; 130 for CANCELLED; 3 (BAD_DATA)
/// for CONTEXT_FULL, and 70 (INTERNAL) for BUSY, INVALID_HANDLE, TOO_SMALL and any other number: a program that ends
/// with one of those has a mistake of its own.
FATHOM_API int fathom_status_exit_code(fathom_status_t status);

//===-- Models --------------------------------------------------------------------------------===//

/// A compiled model in memory: its code, its weights, its tokenizer. Immutable, so every function on it is
/// thread-safe, and any number of sessions may share it.
typedef struct fathom_model fathom_model_t;

/// When the bytes of the weights are compared with the hashes the compiler wrote. Code and metadata always are.
typedef enum fathom_verify {
  /// When they are at most 64 MiB, which costs milliseconds.
  FATHOM_VERIFY_AUTO = 0,
  /// Always: reads the whole file once.
  FATHOM_VERIFY_ALWAYS = 1,
  FATHOM_VERIFY_NEVER = 2
} fathom_verify_t;

/// What a function of the caller's returns that is told how work goes on.
typedef enum fathom_flow { FATHOM_CONTINUE = 0, FATHOM_STOP = 1 } fathom_flow_t;

/// Called as |done| of |total| bytes of weights are where the model runs; at the end they are equal. It must return: no
/// longjmp() and no exception. Anything but FATHOM_CONTINUE ends loading with FATHOM_STATUS_CANCELLED.
typedef fathom_flow_t (*fathom_load_fn)(void *user, uint64_t done, uint64_t total);

typedef struct fathom_model_options {
  size_t struct_size;
  /// Where the artifact starts in the file; not 0 for an executable that carries one.
  uint64_t file_offset;
  /// Where the weight files of an artifact compiled with --weights=reference are. NULL: in the directory it
  /// recorded, or else in the artifact's own.
  const char *weights_directory;
  fathom_verify_t verify_weights;
  /// Not 0: read the weights into memory of this process instead of mapping the file.
  uint32_t copy_weights;
  /// Where the model runs: "cpu", "cuda" for the first GPU, "cuda:N" for number N of them. NULL: where the environment
  /// variable FATHOM_DEVICE says, or else on the first device of this machine that the artifact has a program for.
  const char *device;
  /// May be NULL. Not called where the device reads the file's own memory, as processors do.
  fathom_load_fn on_load;
  void *user;
  /// Threads that calls of functions compute on, the caller's own included, up to 1024; 0: one for each processor.
  /// Results do not depend on it.
  uint64_t call_threads;
} fathom_model_options_t;

/// Sets the first |struct_size| bytes to the defaults: the artifact is the whole file, its weights are mapped where
/// they are found, and verified if that is cheap; any device will do.
FATHOM_API void fathom_model_options_initialize_sized(fathom_model_options_t *options, size_t struct_size);
static inline void fathom_model_options_initialize(fathom_model_options_t *options) {
  fathom_model_options_initialize_sized(options, sizeof(*options));
}

/// Opens an artifact. |options| may be NULL. The file is mapped: replacing it by rename is safe, truncating
/// it in place makes later calls fail with FATHOM_STATUS_IO. Thread-safe. FATHOM_STATUS_IO if the file or one with its
/// weights cannot be read; FATHOM_STATUS_MISMATCH if it is not an artifact, is damaged, or is for another version or
/// machine, or a weight file is not the one it was compiled from; FATHOM_STATUS_BAD_DATA if its contents are
/// impossible; FATHOM_STATUS_UNSUPPORTED if weights are to be verified that it has no hashes of;
/// FATHOM_STATUS_INVALID_ARGUMENT for a device of an unknown name, and FATHOM_STATUS_DEVICE if it is not there or
/// fails; FATHOM_STATUS_OUT_OF_RESOURCES without memory, descriptors or a free handle; FATHOM_STATUS_CANCELLED if
/// |on_load| of the options says so.
FATHOM_API fathom_status_t fathom_model_load_file(const char *path, const fathom_model_options_t *options,
                                                  fathom_model_t **out_model);

/// Opens an artifact in memory. |data| is borrowed until the model is gone; if it does not start at a
/// multiple of 64 its weights are copied. |options| may be NULL; its file_offset is ignored. Thread-safe. Errors as
/// fathom_model_load_file.
FATHOM_API fathom_status_t fathom_model_load_memory(const void *data, size_t size,
                                                    const fathom_model_options_t *options, fathom_model_t **out_model);

/// The offset of the artifact that the file carries at its end (--emit=exe), for
/// fathom_model_options.file_offset. FATHOM_STATUS_UNSUPPORTED if it carries none, FATHOM_STATUS_IO if it cannot be
/// read. Thread-safe.
FATHOM_API fathom_status_t fathom_model_find_embedded(const char *path, uint64_t *out_offset);

/// One reference more. FATHOM_STATUS_INVALID_HANDLE if the model has none left.
FATHOM_API fathom_status_t fathom_model_retain(fathom_model_t *model);

/// One reference less; the last one ends the model, unless a session or a running call uses it: then that does.
FATHOM_API fathom_status_t fathom_model_release(fathom_model_t *model);

/// Facts of a model. Pointers in it live as long as the model.
typedef struct fathom_model_info {
  size_t struct_size;
  /// "deepseek_v2", "deepseek_v3", …
  const char *family;
  uint32_t vocabulary;
  uint32_t hidden;
  uint32_t layers;
  /// Positions a sequence may have.
  uint32_t max_context;
  /// -1: none.
  int32_t bos_token;
  const int32_t *eos_tokens;
  size_t eos_token_count;
  /// What the model's authors recommend, as fathom_model_sampling() gives it; with min_p and repetition_penalty below.
  float temperature;
  float top_p;
  int32_t top_k;
  /// The most rows the code takes at once. Longer prompts and larger batches are split.
  uint32_t max_prefill_rows;
  uint32_t max_decode_rows;
  /// A page of the cache: 64 positions of a sequence.
  uint64_t cache_page_bytes;
  uint64_t weight_bytes;
  uint32_t weight_count;
  /// Not 0: texts can be encoded; conversations can be rendered.
  uint32_t has_tokenizer;
  uint32_t has_chat;
  /// A hash of the artifact's metadata, which has hashes of its code and of the weights packed into it: equal ones
  /// compute the same. Of weights that --weights=reference left in other files it has a hash of their safetensors
  /// headers, and of their contents only if compiled with --verify-weights.
  uint64_t identity;
  const char *target_cpu;
  const char *compiler_version;
  /// The metadata as the artifact stores it: a FlatBuffer of artifact.fbs, verified.
  const void *metadata;
  size_t metadata_size;
  float min_p;
  float repetition_penalty;
  /// What the cache keeps of a token, in all layers and in those that draft, and what it keeps numbers as: "f32",
  /// "bf16" or "fp8".
  uint64_t cache_token_bytes;
  const char *cache_type;
  /// What activations are: "f32"; "bf16", to which each op rounded what it gave; or "int8", to which products with
  /// weights of 8 bits rounded what they read.
  const char *activation_type;
  /// Which of the artifact's variants runs: the first in |metadata| that this machine can run.
  uint32_t variant;
  /// The device it runs on, without its number: "cpu", "cuda".
  const char *device;
} fathom_model_info_t;

/// Sets the first |struct_size| bytes to zero but struct_size itself.
FATHOM_API void fathom_model_info_initialize_sized(fathom_model_info_t *info, size_t struct_size);
static inline void fathom_model_info_initialize(fathom_model_info_t *info) {
  fathom_model_info_initialize_sized(info, sizeof(*info));
}

/// Fills |info|, which must be initialized.
FATHOM_API fathom_status_t fathom_model_info(fathom_model_t *model, fathom_model_info_t *info);

//===-- Functions: tensors in, tensors out ----------------------------------------------------===//
// What an artifact has in the place of a language model if its graph was compiled as it stands. All functions of this
// group are thread-safe. A call computes on threads of the model, unless another call has them: then on its own.

typedef enum fathom_element {
  FATHOM_ELEMENT_F32 = 0,
  FATHOM_ELEMENT_F64 = 1,
  FATHOM_ELEMENT_F16 = 2,
  FATHOM_ELEMENT_BF16 = 3,
  FATHOM_ELEMENT_I8 = 4,
  FATHOM_ELEMENT_I16 = 5,
  FATHOM_ELEMENT_I32 = 6,
  FATHOM_ELEMENT_I64 = 7,
  FATHOM_ELEMENT_U8 = 8,
  FATHOM_ELEMENT_U16 = 9,
  FATHOM_ELEMENT_U32 = 10,
  FATHOM_ELEMENT_U64 = 11,
  /// A byte that is 0 or 1.
  FATHOM_ELEMENT_BOOL = 12
} fathom_element_t;

/// A tensor of a call. It has no size and never grows.
typedef struct fathom_tensor {
  const char *name;
  fathom_element_t element;
  uint32_t rank;
  /// [rank]
  const int64_t *sizes;
  /// [rank], in elements: those of a dense tensor, row by row, or NULL, which means the same.
  const int64_t *strides;
  /// Aligned for its elements; NULL only if there are none.
  const void *data;
  /// Of |data|, in bytes.
  size_t bytes;
} fathom_tensor_t;

/// The most axes of a tensor.
#define FATHOM_MOST_RANK 16

/// What a function takes or gives. Pointers live as long as the model. It has no size and never grows.
typedef struct fathom_tensor_type {
  const char *name;
  fathom_element_t element;
  uint32_t rank;
  /// -1: calls decide, or data.
  int64_t sizes[FATHOM_MOST_RANK];
  /// Of a size that is -1 what the graph calls it, e.g. "batch", or of outputs "2*batch + 1"; else "". Axes of one name
  /// are equally long in a call.
  const char *symbols[FATHOM_MOST_RANK];
} fathom_tensor_type_t;

/// How many functions a model has: 0 for a language model.
FATHOM_API fathom_status_t fathom_model_function_count(fathom_model_t *model, size_t *out_count);

/// The name of a function, which lives as long as the model, and how many tensors it takes and gives.
/// FATHOM_STATUS_INVALID_ARGUMENT if there is none of that number.
FATHOM_API fathom_status_t fathom_model_function(fathom_model_t *model, size_t index, const char **out_name,
                                                 size_t *out_inputs, size_t *out_outputs);

/// What a function takes as input |index|, or gives as output |index|. FATHOM_STATUS_INVALID_ARGUMENT if there is no
/// such function or tensor.
FATHOM_API fathom_status_t fathom_model_function_input(fathom_model_t *model, const char *function, size_t index,
                                                       fathom_tensor_type_t *out_type);
FATHOM_API fathom_status_t fathom_model_function_output(fathom_model_t *model, const char *function, size_t index,
                                                        fathom_tensor_type_t *out_type);

/// The tensors that a call gave. A handle, counted as others are.
typedef struct fathom_results fathom_results_t;

/// Calls a function with |count| tensors, in any order: one of each name that it takes. FATHOM_STATUS_INVALID_ARGUMENT
/// if there is no such function, or tensors are not of its types, or not dense; FATHOM_STATUS_BAD_DATA if what they
/// hold, or their sizes, do not fit each other, with the node that found it; FATHOM_STATUS_OUT_OF_RESOURCES without
/// memory; FATHOM_STATUS_IO if the artifact shrank.
FATHOM_API fathom_status_t fathom_model_call(fathom_model_t *model, const char *function,
                                             const fathom_tensor_t *tensors, size_t count,
                                             fathom_results_t **out_results);

/// Output |index|, in the order of the function's. What |out_tensor| points to lives as long as the results; its
/// strides are NULL. FATHOM_STATUS_INVALID_ARGUMENT if there is none of that number.
FATHOM_API fathom_status_t fathom_results_tensor(fathom_results_t *results, size_t index, fathom_tensor_t *out_tensor);

/// One reference more, and one less; the last one frees the tensors.
FATHOM_API fathom_status_t fathom_results_retain(fathom_results_t *results);
FATHOM_API fathom_status_t fathom_results_release(fathom_results_t *results);

//===-- Text ----------------------------------------------------------------------------------===//
// All functions of this group are thread-safe and FATHOM_STATUS_UNSUPPORTED if the model has no tokenizer.

enum {
  /// Put the model's first token in front, as its tokenizer would.
  FATHOM_ENCODE_ADD_BOS = 1u << 0,
  /// Recognize special tokens such as "<｜User｜>" in the text. Never use it on text of strangers.
  FATHOM_ENCODE_SPECIAL = 1u << 1,
  /// Put the bos token in front also where the tokenizer would not; FATHOM_STATUS_UNSUPPORTED if it has none.
  FATHOM_ENCODE_FORCE_BOS = 1u << 2
};

/// Text to tokens. Writes up to |capacity| tokens and the number there are to |out_count|, also when that is more
/// (FATHOM_STATUS_TOO_SMALL). |tokens| may be NULL if |capacity| is 0. Bytes that are not UTF-8 are kept as bytes.
FATHOM_API fathom_status_t fathom_model_encode(fathom_model_t *model, const char *text, size_t length, uint32_t flags,
                                               int32_t *tokens, size_t capacity, size_t *out_count);

/// Tokens to bytes, not zero-terminated; sizes as fathom_model_encode. Special tokens are left out unless
/// |keep_special| is not 0. Bytes that are not UTF-8 come out as they are; the pieces of fathom_session_generate have
/// U+FFFD there. FATHOM_STATUS_BAD_DATA for a token that the model does not have.
FATHOM_API fathom_status_t fathom_model_decode(fathom_model_t *model, const int32_t *tokens, size_t count,
                                               int keep_special, char *text, size_t capacity, size_t *out_length);

typedef struct fathom_chat_message {
  /// "system", "user", "assistant", or what else the model's template knows.
  const char *role;
  const char *content;
  size_t content_length;
} fathom_chat_message_t;

/// A conversation to tokens in the model's own prompt format, ready for the assistant's next answer unless the last
/// message is the assistant's: then it ends with that. Contents are never read as special tokens. Sizes as
/// fathom_model_encode. What becomes of a role is the template's decision: many leave out messages of roles they do not
/// know, some refuse them. FATHOM_STATUS_BAD_DATA if the template refuses the conversation, with line and column;
/// FATHOM_STATUS_UNSUPPORTED if the model has no template, or one that does with the conversation what Jinja2 can and
/// Fathom cannot; FATHOM_STATUS_OUT_OF_RESOURCES if a rendering takes too many steps or too much memory.
FATHOM_API fathom_status_t fathom_model_encode_chat(fathom_model_t *model, const fathom_chat_message_t *messages,
                                                    size_t count, int32_t *tokens, size_t capacity, size_t *out_count);

/// Renders a conversation with the model's chat template. |json| is an array of messages {"role", "content", …} or an
/// object of variables with "messages" among them: "tools", "documents", "add_generation_prompt", and whatever the
/// template reads, such as "enable_thinking". Without "add_generation_prompt" it is true, also after a message of the
/// assistant's, where fathom_model_encode_chat has it false. Writes up to |capacity| bytes of UTF-8, not
/// zero-terminated, and their number to |out_length|, also when that is more (FATHOM_STATUS_TOO_SMALL).
/// FATHOM_STATUS_BAD_DATA if |json| is not a conversation, which has objects with a string "role" for messages, calls
/// with a name and arguments for "tool_calls" and objects for "tools"; the message names all that is not so. Else as
/// fathom_model_encode_chat.
FATHOM_API fathom_status_t fathom_model_render_chat(fathom_model_t *model, const char *json, size_t length, char *text,
                                                    size_t capacity, size_t *out_length);

/// The same to tokens. What |json| says is never read as special tokens unless |flags| has FATHOM_ENCODE_SPECIAL.
FATHOM_API fathom_status_t fathom_model_encode_chat_json(fathom_model_t *model, const char *json, size_t length,
                                                         uint32_t flags, int32_t *tokens, size_t capacity,
                                                         size_t *out_count);

/// How a chat template uses a name.
enum {
  /// As a variable that render_chat's |json| may give, such as "enable_thinking".
  FATHOM_CHAT_VARIABLE = 1u << 0,
  /// As a field of messages, such as "reasoning_content", or in a text that it compares with.
  FATHOM_CHAT_FIELD = 1u << 1
};

/// Whether the model's chat templates read a name, and as what: FATHOM_CHAT_*, together, to |out_uses|. 0 without
/// a template, FATHOM_STATUS_UNSUPPORTED without a tokenizer.
FATHOM_API fathom_status_t fathom_model_chat_uses(fathom_model_t *model, const char *name, uint32_t *out_uses);

//===-- Sampling ------------------------------------------------------------------------------===//

/// How the next token is chosen. In this order: repetition penalty, temperature, top-k, top-p, min-p, draw.
typedef struct fathom_sampling {
  size_t struct_size;
  /// 0: greedy, the largest logit wins and of equal ones the lowest token; negative or not finite is refused.
  float temperature;
  /// Keep the k most likely; 0: all.
  int32_t top_k;
  /// Keep the most likely until their probabilities reach this, at least one; in [0, 1], 1: all.
  float top_p;
  /// Keep what is at least this times as likely as the most likely; in [0, 1], 0: all.
  float min_p;
  /// Divides positive and multiplies negative logits of tokens seen before, in prompt or answer; positive, 1: off.
  float repetition_penalty;
  /// Draws come from SplitMix64 started here: equal seeds give equal answers on any machine. Every value is good.
  uint64_t seed;
} fathom_sampling_t;

/// Sets the first |struct_size| bytes to the defaults: greedy, without a penalty.
FATHOM_API void fathom_sampling_initialize_sized(fathom_sampling_t *sampling, size_t struct_size);
static inline void fathom_sampling_initialize(fathom_sampling_t *sampling) {
  fathom_sampling_initialize_sized(sampling, sizeof(*sampling));
}

/// Fills |sampling|, which must be initialized, with what the model's authors recommend, greedy if they say nothing.
/// Thread-safe.
FATHOM_API fathom_status_t fathom_model_sampling(fathom_model_t *model, fathom_sampling_t *sampling);

/// Chooses tokens from logits. One call at a time.
typedef struct fathom_sampler fathom_sampler_t;

/// |sampling| may be NULL: greedy.
FATHOM_API fathom_status_t fathom_sampler_create(uint32_t vocabulary, const fathom_sampling_t *sampling,
                                                 fathom_sampler_t **out_sampler);

/// One reference more. FATHOM_STATUS_INVALID_HANDLE if the sampler has none left.
FATHOM_API fathom_status_t fathom_sampler_retain(fathom_sampler_t *sampler);

/// One reference less; the last one ends the sampler.
FATHOM_API fathom_status_t fathom_sampler_release(fathom_sampler_t *sampler);

/// Tells the sampler of tokens that are already there, for the repetition penalty.
FATHOM_API fathom_status_t fathom_sampler_observe(fathom_sampler_t *sampler, const int32_t *tokens, size_t count);

/// Chooses from |logits| f32 [vocabulary] and observes what it chose. Logits that are not finite are
/// FATHOM_STATUS_FAILED; who masks tokens sets their logits to -FLT_MAX.
FATHOM_API fathom_status_t fathom_sampler_sample(fathom_sampler_t *sampler, const float *logits, int32_t *out_token);

//===-- Sessions ------------------------------------------------------------------------------===//

/// Threads, memory and cache to run a model. One call at a time, unless a function says otherwise. Keeps its model.
typedef struct fathom_session fathom_session_t;

/// Drafts are tokens that a layer of the model itself guesses (multi-token prediction), so that one step of the model
/// verifies several: never more at once than these. What is said stays the same to the bit.
enum { FATHOM_MOST_DRAFTS = 4 };

typedef struct fathom_session_options {
  size_t struct_size;
  /// Threads that compute, the caller's own included, up to 1024; 0: one for each processor this process may use.
  /// Results do not depend on it. If fewer can be started, fewer are used.
  uint32_t threads;
  /// Sequences that may live at once, from 1 to 65536; default 16.
  uint32_t max_sequences;
  /// Tokens of a prompt computed at once; 0: as many as the code takes. Results do not depend on it.
  uint32_t prefill_chunk;
  /// The most memory for pages of the cache, at least the model's cache_page_bytes; 0: whatever max_sequences full
  /// contexts need. Taken as it is used, for 16 pages at once, so that it may be up to 15 pages more.
  uint64_t cache_bytes;
  /// Tokens that are guessed ahead of each step, up to FATHOM_MOST_DRAFTS; 0, the default: none. It takes an artifact
  /// with a draft: FATHOM_STATUS_UNSUPPORTED without one.
  uint64_t draft;
  /// A file that is told which thread or GPU ran which kernel when, for Perfetto or chrome://tracing; NULL, the
  /// default: none. Kernels of a GPU then run one after the other, which takes longer. It is whole after each call, and
  /// new from the first on. What is there before must be an older trace or empty: else it stays, and this is
  /// FATHOM_STATUS_INVALID_ARGUMENT. FATHOM_STATUS_IO if it cannot be written. A call in which writing fails does all
  /// that it should and writes all its outputs, but returns FATHOM_STATUS_IO in place of FATHOM_STATUS_OK, with "cannot
  /// write" and the path in its message; the trace ends with the step before, and the session goes on without.
  const char *trace;
} fathom_session_options_t;

/// Sets the first |struct_size| bytes to the defaults.
FATHOM_API void fathom_session_options_initialize_sized(fathom_session_options_t *options, size_t struct_size);
static inline void fathom_session_options_initialize(fathom_session_options_t *options) {
  fathom_session_options_initialize_sized(options, sizeof(*options));
}

/// |options| may be NULL. FATHOM_STATUS_INVALID_ARGUMENT if one is out of its range.
FATHOM_API fathom_status_t fathom_session_create(fathom_model_t *model, const fathom_session_options_t *options,
                                                 fathom_session_t **out_session);

/// One reference more. FATHOM_STATUS_INVALID_HANDLE if the session has none left.
FATHOM_API fathom_status_t fathom_session_retain(fathom_session_t *session);

/// One reference less; the last one ends the session and its sequences, unless a call is running: then the end of that.
FATHOM_API fathom_status_t fathom_session_release(fathom_session_t *session);

/// Makes the running call return FATHOM_STATUS_CANCELLED after the step it is in, or within it on a simulated GPU;
/// without one, does nothing. Thread-safe, and safe in a signal handler.
FATHOM_API fathom_status_t fathom_session_cancel(fathom_session_t *session);

/// The threads a session really has. Thread-safe.
FATHOM_API fathom_status_t fathom_session_threads(fathom_session_t *session, uint32_t *out_threads);

/// The memory that the session's cache takes: the pages that its sequences had at most at once, as those that come back
/// are kept for others.
FATHOM_API fathom_status_t fathom_session_cache_bytes(fathom_session_t *session, uint64_t *out_bytes);

//===-- Sessions: text in, text out -----------------------------------------------------------===//

/// Called once for each generated token. |piece| is what the token adds to the text, whole UTF-8 characters
/// only (empty while one is incomplete; U+FFFD for bytes that are none), valid during the call. It must not call the
/// session, but for thread-safe functions; other sessions are fine. It must return: no longjmp() and no exception.
/// Anything but FATHOM_CONTINUE stops. Called once more with token -1 if text was held back when an end token,
/// max_tokens or the context ended generation; what that returns changes nothing.
typedef fathom_flow_t (*fathom_token_fn)(void *user, int32_t token, const char *piece, size_t piece_length);

typedef struct fathom_generate_options {
  size_t struct_size;
  /// The prompt as text, or else NULL…
  const char *prompt;
  size_t prompt_length;
  /// FATHOM_ENCODE_* for it; default FATHOM_ENCODE_ADD_BOS, also if it is appended to a sequence: set 0 there, or the
  /// model's first token comes once more. Without effect on tokens.
  uint32_t encode_flags;
  /// …or, if not NULL, as tokens, used as they are.
  const int32_t *tokens;
  size_t token_count;
  /// Tokens to generate at most, default 256; the context's end is a limit of its own.
  uint64_t max_tokens;
  /// Not 0: go on after an end token.
  uint32_t ignore_eos;
  /// NULL: greedy.
  const fathom_sampling_t *sampling;
  /// May be NULL, to count or to time.
  fathom_token_fn on_token;
  void *user;
  /// 0: a sequence of its own, gone afterwards; it takes one of the session's max_sequences. Else the prompt is
  /// appended to this one, and the answer stays in it, also if the call fails half way; without its last token where
  /// |max_tokens| ended it, which goes on as the next prompt. fathom_session_sequence_length tells.
  uint64_t sequence;
  /// What the repetition penalty counts besides prompt and answer, such as what the sequence held before. May be NULL.
  const int32_t *seen;
  size_t seen_count;
} fathom_generate_options_t;

/// Sets the first |struct_size| bytes to the defaults.
FATHOM_API void fathom_generate_options_initialize_sized(fathom_generate_options_t *options, size_t struct_size);
static inline void fathom_generate_options_initialize(fathom_generate_options_t *options) {
  fathom_generate_options_initialize_sized(options, sizeof(*options));
}

typedef enum fathom_stop {
  /// An end token; it was not passed to the callback.
  FATHOM_STOPPED_AT_EOS = 0,
  FATHOM_STOPPED_AT_MAX_TOKENS = 1,
  FATHOM_STOPPED_AT_CONTEXT = 2,
  FATHOM_STOPPED_BY_CALLBACK = 3
} fathom_stop_t;

typedef struct fathom_generate_result {
  size_t struct_size;
  fathom_stop_t stop;
  uint64_t prompt_tokens;
  uint64_t generated_tokens;
  /// Time until the first token was chosen, and from then to the end, on the monotonic clock.
  uint64_t prefill_nanoseconds;
  uint64_t decode_nanoseconds;
  /// Steps of the model after the prompt, the tokens that were guessed for them, and how many of those were right: a
  /// step gives one token and those. |accepted_tokens| / |drafted_tokens| is the acceptance.
  uint64_t decode_steps;
  uint64_t drafted_tokens;
  uint64_t accepted_tokens;
} fathom_generate_result_t;

/// Sets the first |struct_size| bytes to zero but struct_size itself.
FATHOM_API void fathom_generate_result_initialize_sized(fathom_generate_result_t *result, size_t struct_size);
static inline void fathom_generate_result_initialize(fathom_generate_result_t *result) {
  fathom_generate_result_initialize_sized(result, sizeof(*result));
}

/// Answers a prompt. One of more tokens than the context is FATHOM_STATUS_CONTEXT_FULL; one of no tokens is
/// FATHOM_STATUS_INVALID_ARGUMENT (an empty text is one token with FATHOM_ENCODE_ADD_BOS). |result| may be NULL, else
/// it must be initialized; after FATHOM_STATUS_CANCELLED it counts what was said until then, and its stop is
/// FATHOM_STOPPED_BY_CALLBACK.
FATHOM_API fathom_status_t fathom_session_generate(fathom_session_t *session, const fathom_generate_options_t *options,
                                                   fathom_generate_result_t *result);

//===-- Sessions: tokens in, logits out -------------------------------------------------------===//

/// A sequence of tokens and its part of the cache. Belongs to one session; never reused after its end; 0 is none.
typedef uint64_t fathom_sequence_t;

/// An empty sequence, the caller's until it destroys it or the session ends. FATHOM_STATUS_OUT_OF_RESOURCES if the
/// session's max_sequences live.
FATHOM_API fathom_status_t fathom_session_create_sequence(fathom_session_t *session, fathom_sequence_t *out_sequence);

/// Ends a sequence and frees its pages of the cache. FATHOM_STATUS_INVALID_HANDLE if the session has no such sequence,
/// as in all functions that take one.
FATHOM_API fathom_status_t fathom_session_destroy_sequence(fathom_session_t *session, fathom_sequence_t sequence);

/// The tokens a sequence has, which is the position of its next one.
FATHOM_API fathom_status_t fathom_session_sequence_length(fathom_session_t *session, fathom_sequence_t sequence,
                                                          uint32_t *out_length);

/// Forgets everything from position |length| on, which must not be beyond the end. 0 starts afresh.
FATHOM_API fathom_status_t fathom_session_rewind_sequence(fathom_session_t *session, fathom_sequence_t sequence,
                                                          uint32_t length);

typedef enum fathom_logits {
  FATHOM_LOGITS_NONE = 0,
  /// Of the last token: f32 [vocabulary].
  FATHOM_LOGITS_LAST = 1,
  /// Of every token: f32 [count, vocabulary].
  FATHOM_LOGITS_ALL = 2
} fathom_logits_t;

typedef struct fathom_prefill_outputs {
  size_t struct_size;
  fathom_logits_t which;
  /// NULL if |which| is FATHOM_LOGITS_NONE.
  float *logits;
  /// In floats.
  size_t logits_capacity;
  /// NULL, or f32 [layers, count, hidden]: the residual stream after each layer, the last one after the final norm.
  float *states;
  /// In floats.
  size_t states_capacity;
} fathom_prefill_outputs_t;

/// Sets the first |struct_size| bytes to the defaults: nothing is given out.
FATHOM_API void fathom_prefill_outputs_initialize_sized(fathom_prefill_outputs_t *outputs, size_t struct_size);
static inline void fathom_prefill_outputs_initialize(fathom_prefill_outputs_t *outputs) {
  fathom_prefill_outputs_initialize_sized(outputs, sizeof(*outputs));
}

/// Appends |count| tokens, one at least, to a sequence. |outputs| may be NULL. If it fails, the sequence is as long as
/// before and outputs may be partly written.
FATHOM_API fathom_status_t fathom_session_prefill(fathom_session_t *session, fathom_sequence_t sequence,
                                                  const int32_t *tokens, size_t count,
                                                  const fathom_prefill_outputs_t *outputs);

/// Appends one token to each of |count| different sequences, one at least. |logits| f32 [count, vocabulary] may be NULL
/// if |logits_capacity|, in floats, is 0. What a sequence gets does not depend on its neighbors. On failure as prefill.
FATHOM_API fathom_status_t fathom_session_decode(fathom_session_t *session, const fathom_sequence_t *sequences,
                                                 const int32_t *tokens, size_t count, float *logits,
                                                 size_t logits_capacity);

/// Appends |counts|[i], from 1 to FATHOM_MOST_DRAFTS + 1, of |tokens|, which hold those of each sequence one after the
/// other, to sequence i. |logits| f32 [sum of counts, vocabulary], of every token, else as fathom_session_decode: so it
/// verifies guesses. Who draws the next token from a row and finds that it is not the one that follows takes the rest
/// back with fathom_session_rewind_sequence; what is said is then what one token at a time would say, to the bit.
/// Logits that are not finite are an error in the first row of a sequence only; a sampler looks at the others.
FATHOM_API fathom_status_t fathom_session_verify(fathom_session_t *session, const fathom_sequence_t *sequences,
                                                 const uint32_t *counts, const int32_t *tokens, size_t count,
                                                 float *logits, size_t logits_capacity);

/// Guesses what follows: |tokens|[i] is the next token of sequence i, not yet part of it. |counts|[i] says how many
/// tokens after it are wanted and receives how many were guessed: no more than the session's option |draft|, and fewer,
/// or none, at the end of the context or of the cache, in the first step of a sequence that was restored, and where
/// nothing is left of what was appended since guesses were last asked for. So a rewind of rejected guesses costs none,
/// and one that takes back the token before them too costs those of the next step. |drafts| [count, draft] receives
/// them. Sequences stay as they are. FATHOM_STATUS_INVALID_ARGUMENT in a session without drafts; else as
/// fathom_session_decode.
FATHOM_API fathom_status_t fathom_session_draft(fathom_session_t *session, const fathom_sequence_t *sequences,
                                                const int32_t *tokens, size_t count, int32_t *drafts, uint32_t *counts);

/// Writes the cache of a sequence as bytes that fathom_session_restore_sequence takes back, in any session of an
/// artifact of the same identity (fathom_model_info). |buffer| may be NULL if |capacity| is 0; |out_size| receives the
/// size also if it is too small (FATHOM_STATUS_TOO_SMALL).
FATHOM_API fathom_status_t fathom_session_save_sequence(fathom_session_t *session, fathom_sequence_t sequence,
                                                        void *buffer, size_t capacity, size_t *out_size);

/// Makes a new sequence of what fathom_session_save_sequence wrote; |data| is not kept. FATHOM_STATUS_BAD_DATA if it is
/// damaged or no saved sequence; FATHOM_STATUS_MISMATCH if it is of an artifact of another identity: weights that
/// --weights=reference left in other files are the caller's to keep the same, unless their contents are part of the
/// identity; FATHOM_STATUS_OUT_OF_RESOURCES if the session's max_sequences live or the cache has no pages left.
FATHOM_API fathom_status_t fathom_session_restore_sequence(fathom_session_t *session, const void *data, size_t size,
                                                           fathom_sequence_t *out_sequence);

#ifdef __cplusplus
}
#endif

#endif // FATHOM_FATHOM_H
