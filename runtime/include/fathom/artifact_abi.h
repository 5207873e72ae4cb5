// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an artifact looks like on disk, and what a call of a model gives and takes.
//
// The second contract between compiler and runtime (the first is kernel_abi.h; the schema of the metadata is
// artifact.fbs beside this file). Plain C, only <stddef.h> and <stdint.h>.

#ifndef FATHOM_ARTIFACT_ABI_H
#define FATHOM_ARTIFACT_ABI_H

#include "fathom/kernel_abi.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The version of everything in this header and of artifact.fbs. A runtime reads artifacts of exactly its major
/// version and of minor versions up to its own.
#define FATHOM_ARTIFACT_VERSION_MAJOR 10
#define FATHOM_ARTIFACT_VERSION_MINOR 5

#define FATHOM_ARTIFACT_MAGIC "\177FATHOM\n"
#define FATHOM_ARTIFACT_MAGIC_SIZE 8
/// The most tokens of a vocabulary, numbers of a row, layers, or positions that a runtime takes.
#define FATHOM_LARGEST_DIMENSION (1 << 24)
/// The most rows of a call of an entry point.
#define FATHOM_MOST_ROWS (1 << 20)
/// The most programs of an artifact.
#define FATHOM_MOST_VARIANTS 64
/// The most functions, commands of a function, and operands of a command; and the most operands of all of them.
#define FATHOM_MOST_FUNCTIONS 1024
#define FATHOM_MOST_COMMANDS 4096
#define FATHOM_MOST_OPERANDS 64
#define FATHOM_MOST_OPERANDS_IN_ALL (1 << 17)
/// The most launches that all entry points of a program together come to.
#define FATHOM_MOST_LAUNCHES (1 << 18)
/// The most axes of a tensor, and tensors that a named function takes or gives.
#define FATHOM_MOST_AXES 16
#define FATHOM_MOST_TENSORS 1024
/// The most stores of a cache.
#define FATHOM_MOST_STORES 64
/// The rows that every draft takes: of a sequence, the most tokens that one step verifies, and one before them.
#define FATHOM_LEAST_DRAFT_ROWS 6
/// Segments start at multiples of this, counted from the start of the header.
#define FATHOM_SEGMENT_ALIGNMENT 4096
/// Buffers of the arena, and slices in segments of the artifact itself, start at multiples of this.
#define FATHOM_MEMORY_ALIGNMENT 64

// A runtime holds what metadata says against itself, not against the code: it trusts kernels to touch only what their
// operands are, for rows of their call, and the scratch memory and rows of stores that the metadata says, so who runs
// an artifact trusts whoever made it as of any program. Of a GPU's code the runtime looks at nothing but where it
// ends, which the driver is not told: entries are trusted to declare no more parameters than the leading ones of
// kernel_abi.h and FATHOM_MOST_OPERANDS. What they declare beyond their command's operands is given as zeros.

/// The first bytes of an artifact, little-endian. The metadata (a FlatBuffer, artifact.fbs) follows at once, then
/// the segments. In an executable the artifact starts at a page boundary, and the file ends with a
/// fathom_artifact_trailer_t.
typedef struct fathom_artifact_header {
  char magic[FATHOM_ARTIFACT_MAGIC_SIZE];
  uint16_t version_major;
  uint16_t version_minor;
  /// Feature bits a reader must know; a reader refuses bits it does not know.
  uint32_t required_features;
  /// Bytes of metadata after this header; below 2 GiB.
  uint64_t metadata_size;
  /// XXH3-64 of the metadata.
  uint64_t metadata_hash;
  /// Bytes from the start of this header to the end of the last segment.
  uint64_t total_size;
  /// XXH3-64 of the fields above.
  uint64_t header_hash;
} fathom_artifact_header_t;

/// The last bytes of an executable that carries an artifact.
typedef struct fathom_artifact_trailer {
  /// Offset of the artifact's header in the file.
  uint64_t artifact_offset;
  char magic[FATHOM_ARTIFACT_MAGIC_SIZE];
} fathom_artifact_trailer_t;

/// One call of an entry point: what commands of a place that is an array of the call are given. Arrays are the
/// caller's, in memory of the host; the device that runs the call sees to it that its code finds them.
typedef struct fathom_call {
  /// Rows of this call, by EntryPoint.form: tokens of one sequence, or one token of each of several.
  int64_t rows;
  /// [rows]
  const int32_t *tokens;
  /// [rows]: position of each row in its sequence. Those of one sequence are consecutive.
  const int32_t *positions;
  /// f32 [rows, hidden], of an entry point with EntryPoint.hidden: the hidden_out of each row's position, of the model
  /// or of an earlier draft. Tokens are then those of the next positions.
  const float *hidden;
  /// [rows]: which of the cache's page tables is that of each row's sequence.
  const int32_t *page_tables;
  /// How many rows want logits, which, and where they go: f32 [logit_rows, vocabulary], or NULL where `argmax` is all
  /// that is wanted of them.
  int64_t logit_rows;
  const int32_t *logit_row_ids;
  float *logits;
  /// NULL, or i32 [logit_rows]: receives the token of each row's largest logit, of equals the lowest, or -1 where a
  /// logit of the row is not finite.
  int32_t *argmax;
  /// f32 [rows, hidden], of an entry point with EntryPoint.hidden_out, where it is never NULL: the residual stream
  /// after the last layer. The model's is after the final norm; a draft's before its own.
  float *hidden_out;
  /// NULL, or f32 [layers, rows, hidden]: receives the residual stream after each layer, the last one after
  /// the final norm.
  float *states;
} fathom_call_t;

#ifdef __cplusplus
}
#endif

#endif // FATHOM_ARTIFACT_ABI_H
