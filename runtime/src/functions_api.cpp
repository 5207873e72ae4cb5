// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom_model_function*, fathom_model_call and fathom_results_*: the C face of named functions.

#include "runtime/src/functions.h"
#include "runtime/src/memory.h"
#include "runtime/src/model.h"

using namespace fathom::runtime;
using fathom::artifact::NamedFunction;
using fathom::artifact::TensorType;
using Types = flatbuffers::Vector<flatbuffers::Offset<TensorType>>;

static_assert(FATHOM_MOST_RANK == FATHOM_MOST_AXES, "what artifacts have is what the API shows");

fathom_status_t fathom_model_function_count(fathom_model_t *model, size_t *out_count) {
  FATHOM_RETURN_IF_NULL(out_count);
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  *out_count = hasFunctions(pin->program()) ? pin->program().named_functions()->size() : 0;
  return FATHOM_STATUS_OK;
}

static fathom_status_t failNumber(const char *function, const char *what, size_t index, size_t count) {
  return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: there is no %s %zu of %zu", function, what, index, count);
}

fathom_status_t fathom_model_function(fathom_model_t *model, size_t index, const char **out_name, size_t *out_inputs,
                                      size_t *out_outputs) {
  FATHOM_RETURN_IF_NULL(out_name);
  FATHOM_RETURN_IF_NULL(out_inputs);
  FATHOM_RETURN_IF_NULL(out_outputs);
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  size_t count = hasFunctions(pin->program()) ? pin->program().named_functions()->size() : 0;
  if (index >= count) {
    return failNumber(__func__, "function", index, count);
  }
  const NamedFunction &function = *pin->program().named_functions()->Get(static_cast<uint32_t>(index));
  *out_name = function.name()->c_str();
  *out_inputs = function.inputs()->size();
  *out_outputs = function.outputs()->size();
  return FATHOM_STATUS_OK;
}

static void describe(const TensorType &from, fathom_tensor_type_t *type) {
  *type = {};
  type->name = from.name()->c_str();
  type->element = static_cast<fathom_element_t>(from.element());
  type->rank = from.sizes()->size();
  for (uint32_t i = 0; i < type->rank; ++i) {
    type->sizes[i] = from.sizes()->Get(i);
    type->symbols[i] = from.symbols()->Get(i)->c_str();
  }
}

/// Describes tensor |index| of those that a function has by |list|.
static fathom_status_t describeTensor(const char *caller, const char *what, fathom_model_t *model, const char *name,
                                      const Types *(NamedFunction::*list)() const, size_t index,
                                      fathom_tensor_type_t *type) {
  Pin<Model> pin(model, caller);
  FATHOM_RETURN_IF_ERROR(pin.status);
  const NamedFunction *function = findFunction(pin->program(), name);
  if (!function) {
    return FATHOM_STATUS_INVALID_ARGUMENT;
  }
  const Types &types = *(function->*list)();
  if (index >= types.size()) {
    return failNumber(caller, what, index, types.size());
  }
  describe(*types.Get(static_cast<uint32_t>(index)), type);
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_model_function_input(fathom_model_t *model, const char *function, size_t index,
                                            fathom_tensor_type_t *out_type) {
  FATHOM_RETURN_IF_NULL(function);
  FATHOM_RETURN_IF_NULL(out_type);
  return describeTensor(__func__, "input", model, function, &NamedFunction::inputs, index, out_type);
}

fathom_status_t fathom_model_function_output(fathom_model_t *model, const char *function, size_t index,
                                             fathom_tensor_type_t *out_type) {
  FATHOM_RETURN_IF_NULL(function);
  FATHOM_RETURN_IF_NULL(out_type);
  return describeTensor(__func__, "output", model, function, &NamedFunction::outputs, index, out_type);
}

fathom_status_t fathom_model_call(fathom_model_t *model, const char *function, const fathom_tensor_t *tensors,
                                  size_t count, fathom_results_t **out_results) {
  FATHOM_RETURN_IF_NULL(function);
  FATHOM_RETURN_IF_NULL(out_results);
  if (count > 0) {
    FATHOM_RETURN_IF_NULL(tensors);
  }
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  const NamedFunction *found = findFunction(pin->program(), function);
  if (!found) {
    return FATHOM_STATUS_INVALID_ARGUMENT;
  }
  auto *results = create<Results>();
  if (!results) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for results");
  }
  void *handle = nullptr;
  fathom_status_t status = results->call(model, *pin.get(), *found, tensors, count);
  if (status == FATHOM_STATUS_OK) {
    status =
        insertHandle(Results::kKind, results, [](void *object) { destroy(static_cast<Results *>(object)); }, &handle);
  }
  if (status != FATHOM_STATUS_OK) {
    destroy(results);
    return status;
  }
  *out_results = static_cast<fathom_results_t *>(handle);
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_results_tensor(fathom_results_t *results, size_t index, fathom_tensor_t *out_tensor) {
  FATHOM_RETURN_IF_NULL(out_tensor);
  Pin<Results> pin(results, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  if (index >= pin->count()) {
    return failNumber(__func__, "output", index, pin->count());
  }
  *out_tensor = pin->tensor(index);
  return FATHOM_STATUS_OK;
}

fathom_status_t fathom_results_retain(fathom_results_t *results) {
  return retainHandle(Results::kKind, results, __func__);
}

fathom_status_t fathom_results_release(fathom_results_t *results) {
  return releaseHandle(Results::kKind, results, __func__);
}
