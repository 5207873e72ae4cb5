// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Named functions of an artifact: graphs that were compiled as they stand.

#ifndef FATHOM_RUNTIME_SRC_FUNCTIONS_H
#define FATHOM_RUNTIME_SRC_FUNCTIONS_H

#include "runtime/src/buffer.h"
#include "runtime/src/findings.h"
#include "runtime/src/handle_table.h"

#include "fathom/artifact_generated.h"
#include "fathom/fathom.h"
#include "fathom/function_abi.h"

namespace fathom::runtime {

class Model;

/// Whether |program| has functions in the place of a language model.
inline bool hasFunctions(const artifact::Program &program) {
  return program.named_functions() && program.named_functions()->size() > 0;
}

/// Checks the tables of functions of |program|.
void checkFunctions(const artifact::Program &program, Findings &findings);

/// The axes of all tensors together.
size_t countAxes(const flatbuffers::Vector<flatbuffers::Offset<artifact::TensorType>> &types);

/// Bytes of an element.
uint64_t elementBytes(artifact::TensorElement element);

/// The function of a name; NULL, with a message, if there is none.
const artifact::NamedFunction *findFunction(const artifact::Program &program, const char *name);

/// Memory that the code of one call takes, in blocks of their own.
class CallMemory {
public:
  CallMemory() = default;
  CallMemory(const CallMemory &) = delete;
  CallMemory &operator=(const CallMemory &) = delete;
  ~CallMemory();

  /// As fathom_function_call_t::allocate.
  void *allocate(uint64_t bytes);
  /// As fathom_function_call_t::release.
  void release(void *memory);
  /// Frees all blocks but those at |kept|.
  void keepOnly(void *const *kept, size_t count);

private:
  struct alignas(64) Block {
    Block *next;
    /// What points to this one.
    Block **link;
  };

  void insert(Block *block);
  void remove(Block *block);

  Block *blocks = nullptr;
};

/// What a call gave: what the handle fathom_results_t names. Pins the model, which names are of.
class Results {
public:
  static constexpr HandleKind kKind = HandleKind::kResults;

  Results() = default;
  Results(const Results &) = delete;
  Results &operator=(const Results &) = delete;
  ~Results();

  /// Calls |function| of |model|, which |handle| names.
  fathom_status_t call(fathom_model_t *handle, const Model &model, const artifact::NamedFunction &function,
                       const fathom_tensor_t *tensors, size_t count);

  size_t count() const { return outputs.size(); }
  fathom_tensor_t tensor(size_t index) const;

private:
  const artifact::NamedFunction *function = nullptr;
  fathom_model_t *pinned = nullptr;
  CallMemory memory;
  Buffer<void *> outputs;
  Buffer<int64_t> sizes;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_FUNCTIONS_H
