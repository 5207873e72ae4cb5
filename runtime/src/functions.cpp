// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A call of a named function: its memory, and what comes out.

#include "runtime/src/functions.h"

#include "runtime/src/function_inputs.h"
#include "runtime/src/memory.h"
#include "runtime/src/model.h"

#include <string.h>

namespace fathom::runtime {

size_t countAxes(const flatbuffers::Vector<flatbuffers::Offset<artifact::TensorType>> &types) {
  size_t axes = 0;
  for (const artifact::TensorType *type : types) {
    axes += type->sizes()->size();
  }
  return axes;
}

uint64_t elementBytes(artifact::TensorElement element) {
  using Element = artifact::TensorElement;
  switch (element) {
  case Element::f64:
  case Element::i64:
  case Element::u64:
    return 8;
  case Element::f32:
  case Element::i32:
  case Element::u32:
    return 4;
  case Element::f16:
  case Element::bf16:
  case Element::i16:
  case Element::u16:
    return 2;
  case Element::i8:
  case Element::u8:
  case Element::bool_:
    return 1;
  }
  return 0;
}

static void checkTensors(const char *function, const char *kind,
                         const flatbuffers::Vector<flatbuffers::Offset<artifact::TensorType>> &types,
                         Findings &findings) {
  findings.require(types.size() <= FATHOM_MOST_TENSORS, "function '%.32s' has %u %s, expected at most %d", function,
                   types.size(), kind, FATHOM_MOST_TENSORS);
  for (const artifact::TensorType *type : types) {
    const char *name = type->name()->c_str();
    uint32_t rank = type->sizes()->size();
    findings.require(type->element() <= artifact::TensorElement::MAX, "tensor '%.32s' has elements of unknown type %d",
                     name, static_cast<int>(type->element()));
    findings.require(rank <= FATHOM_MOST_AXES && type->symbols()->size() == rank && isAligned(*type->sizes()),
                     "tensor '%.32s' has %u sizes and %u names of them, expected as many of each, and at most %d", name,
                     rank, type->symbols()->size(), FATHOM_MOST_AXES);
    for (uint32_t i = 0; isAligned(*type->sizes()) && i < rank; ++i) {
      findings.require(type->sizes()->Get(i) >= -1, "tensor '%.32s': size %u is below -1", name, i);
    }
  }
}

void checkFunctions(const artifact::Program &program, Findings &findings) {
  if (!program.named_functions()) {
    return;
  }
  const auto &functions = *program.named_functions();
  findings.require(functions.size() <= FATHOM_MOST_FUNCTIONS, "%u named functions, expected at most %d",
                   functions.size(), FATHOM_MOST_FUNCTIONS);
  findings.require(functions.size() == 0 || program.entry_points()->size() == 0,
                   "%u named functions beside %u entry points, expected only one of both", functions.size(),
                   program.entry_points()->size());
  for (const artifact::NamedFunction *function : functions) {
    checkTensors(function->name()->c_str(), "inputs", *function->inputs(), findings);
    checkTensors(function->name()->c_str(), "outputs", *function->outputs(), findings);
  }
}

const artifact::NamedFunction *findFunction(const artifact::Program &program, const char *name) {
  for (uint32_t i = 0; hasFunctions(program) && i < program.named_functions()->size(); ++i) {
    const artifact::NamedFunction *function = program.named_functions()->Get(i);
    if (!strcmp(function->name()->c_str(), name)) {
      return function;
    }
  }
  fail(FATHOM_STATUS_INVALID_ARGUMENT, "there is no function '%.64s'%s", name,
       hasFunctions(program) ? "; there is" : ": the artifact has a language model");
  for (uint32_t i = 0; hasFunctions(program) && i < program.named_functions()->size(); ++i) {
    failAlso(FATHOM_STATUS_INVALID_ARGUMENT, "%s '%.64s'", i ? "," : "",
             program.named_functions()->Get(i)->name()->c_str());
  }
  return nullptr;
}

CallMemory::~CallMemory() { keepOnly(nullptr, 0); }

void *CallMemory::allocate(uint64_t bytes) {
  constexpr uint64_t kMost = uint64_t(1) << 46;
  auto *block = bytes <= kMost ? static_cast<Block *>(allocateAligned(sizeof(Block) + bytes)) : nullptr;
  if (!block) {
    return nullptr;
  }
  insert(block);
  return block + 1;
}

void CallMemory::insert(Block *block) {
  block->next = blocks;
  block->link = &blocks;
  if (blocks) {
    blocks->link = &block->next;
  }
  blocks = block;
}

void CallMemory::remove(Block *block) {
  *block->link = block->next;
  if (block->next) {
    block->next->link = block->link;
  }
}

void CallMemory::release(void *memory) {
  Block *block = static_cast<Block *>(memory) - 1;
  remove(block);
  free(block);
}

void CallMemory::keepOnly(void *const *kept, size_t count) {
  for (Block *next, *block = blocks; block; block = next) {
    next = block->next;
    bool stays = false;
    for (size_t i = 0; i < count; ++i) {
      stays |= kept[i] == block + 1;
    }
    if (!stays) {
      release(block + 1);
    }
  }
}

namespace {
/// What code is given, and the memory that it asks for.
struct Call : FunctionCall {
  CallMemory *memory;
};
} // namespace

Results::~Results() {
  if (pinned) {
    unpinHandle(pinned);
  }
}

fathom_status_t Results::call(fathom_model_t *handle, const Model &model, const artifact::NamedFunction &newFunction,
                              const fathom_tensor_t *tensors, size_t count) {
  function = &newFunction;
  FunctionInputs inputs;
  FATHOM_RETURN_IF_ERROR(inputs.take(newFunction, tensors, count));
  FATHOM_RETURN_IF_ERROR(model.checkStillWhole());
  if (!outputs.allocate(newFunction.outputs()->size()) || !sizes.allocate(countAxes(*newFunction.outputs()))) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a call");
  }
  Call call = {};
  call.inputs = inputs.data();
  call.input_sizes = inputs.sizes();
  call.outputs = outputs.data();
  call.output_sizes = sizes.data();
  call.allocate = [](fathom_function_call_t *asks, uint64_t bytes) {
    return static_cast<Call *>(asks)->memory->allocate(bytes);
  };
  call.release = [](fathom_function_call_t *gives, void *block) { static_cast<Call *>(gives)->memory->release(block); };
  call.memory = &memory;
  FATHOM_RETURN_IF_ERROR(model.code().call(newFunction, model.weights(), model.callThreads(), call));
  memory.keepOnly(outputs.data(), outputs.size());
  void *object;
  FATHOM_RETURN_IF_ERROR(pinHandle(Model::kKind, handle, __func__, &object));
  pinned = handle;
  return FATHOM_STATUS_OK;
}

fathom_tensor_t Results::tensor(size_t index) const {
  size_t first = 0;
  for (uint32_t i = 0; i < index; ++i) {
    first += function->outputs()->Get(i)->sizes()->size();
  }
  const artifact::TensorType &type = *function->outputs()->Get(static_cast<uint32_t>(index));
  fathom_tensor_t tensor = {};
  tensor.name = type.name()->c_str();
  tensor.element = static_cast<fathom_element_t>(type.element());
  tensor.rank = type.sizes()->size();
  tensor.sizes = sizes.data() + first;
  tensor.data = outputs[index];
  tensor.bytes = elementBytes(type.element());
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    tensor.bytes *= static_cast<size_t>(tensor.sizes[i]);
  }
  return tensor;
}

} // namespace fathom::runtime
