// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, types, sizes, strides and memory of what a caller gives. Code trusts all of it afterwards.

#include "runtime/src/function_inputs.h"

#include "runtime/src/functions.h"
#include "runtime/src/memory.h"
#include "runtime/src/options.h"

#include <string.h>

namespace fathom::runtime {

namespace {
using I64 = long long;
} // namespace

static bool hasName(const fathom_tensor_t &tensor, const char *name) {
  return tensor.name && !strcmp(tensor.name, name);
}

static size_t countNamed(const fathom_tensor_t *tensors, size_t count, const char *name) {
  size_t found = 0;
  for (size_t i = 0; i < count; ++i) {
    found += hasName(tensors[i], name);
  }
  return found;
}

static bool takes(const artifact::NamedFunction &function, const fathom_tensor_t &tensor) {
  for (const artifact::TensorType *type : *function.inputs()) {
    if (hasName(tensor, type->name()->c_str())) {
      return true;
    }
  }
  return false;
}

/// Adds what a function takes to the message: "'x' f32 [n, 8]".
static fathom_status_t listInputs(const artifact::NamedFunction &function) {
  failAlso(FATHOM_STATUS_INVALID_ARGUMENT, "; it takes%s", function.inputs()->size() ? "" : " nothing");
  for (uint32_t i = 0; i < function.inputs()->size(); ++i) {
    const artifact::TensorType &type = *function.inputs()->Get(i);
    failAlso(FATHOM_STATUS_INVALID_ARGUMENT, "%s '%.64s' %s [", i ? "," : "", type.name()->c_str(),
             EnumNameTensorElement(type.element()));
    for (uint32_t axis = 0; axis < type.sizes()->size(); ++axis) {
      const char *symbol = type.symbols()->Get(axis)->c_str(), *comma = axis ? ", " : "";
      type.sizes()->Get(axis) >= 0
          ? failAlso(FATHOM_STATUS_INVALID_ARGUMENT, "%s%lld", comma, static_cast<I64>(type.sizes()->Get(axis)))
          : failAlso(FATHOM_STATUS_INVALID_ARGUMENT, "%s%.32s", comma, *symbol ? symbol : "?");
    }
    failAlso(FATHOM_STATUS_INVALID_ARGUMENT, "]");
  }
  return FATHOM_STATUS_INVALID_ARGUMENT;
}

/// Whether each input has one tensor and no other is given; a message names all of which that is not so.
static fathom_status_t checkNames(const artifact::NamedFunction &function, const fathom_tensor_t *tensors,
                                  size_t count) {
  bool isGood = true;
  auto blame = [&](const char *before, const char *name, const char *behind) {
    auto say = isGood ? fail : failAlso;
    say(FATHOM_STATUS_INVALID_ARGUMENT, "%s%s'%.64s'%s", isGood ? "" : "; ", before, name, behind);
    isGood = false;
  };
  for (size_t i = 0; i < count; ++i) {
    if (!takes(function, tensors[i])) {
      blame("the function takes no input ", tensors[i].name ? tensors[i].name : "", "");
    }
  }
  for (const artifact::TensorType *type : *function.inputs()) {
    size_t given = countNamed(tensors, count, type->name()->c_str());
    if (given != 1) {
      blame("input ", type->name()->c_str(), given ? " is given twice" : " is not given");
    }
  }
  return isGood ? FATHOM_STATUS_OK : listInputs(function);
}

/// The tensor of a name, which is there.
static const fathom_tensor_t &findTensor(const fathom_tensor_t *tensors, const char *name) {
  while (!hasName(*tensors, name)) {
    ++tensors;
  }
  return *tensors;
}

static fathom_status_t checkType(const artifact::TensorType &type, const fathom_tensor_t &tensor) {
  const char *name = type.name()->c_str();
  int element = integerOf(tensor.element), expected = static_cast<int>(type.element());
  if (element != expected) {
    bool known = element >= 0 && element <= static_cast<int>(artifact::TensorElement::MAX);
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "input '%.64s' has elements of type %s, expected %s", name,
                known ? EnumNameTensorElement(static_cast<artifact::TensorElement>(element)) : "unknown",
                EnumNameTensorElement(type.element()));
  }
  uint32_t rank = type.sizes()->size();
  if (tensor.rank != rank || (rank > 0 && !tensor.sizes)) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "input '%.64s' has %u axes, expected %u", name, tensor.rank, rank);
  }
  for (uint32_t i = 0; i < rank; ++i) {
    int64_t size = type.sizes()->Get(i), given = tensor.sizes[i];
    if (given < 0 || (size >= 0 && given != size)) {
      return fail(FATHOM_STATUS_INVALID_ARGUMENT, "input '%.64s': axis %u has %lld elements, expected %lld%s", name, i,
                  static_cast<I64>(given), static_cast<I64>(size < 0 ? 0 : size), size < 0 ? " or more" : "");
    }
  }
  return FATHOM_STATUS_OK;
}

/// Dense, row by row, in memory that is there.
static fathom_status_t checkMemory(const artifact::TensorType &type, const fathom_tensor_t &tensor) {
  const char *name = type.name()->c_str();
  uint64_t element = elementBytes(type.element()), count = 1, bytes = 0;
  for (uint32_t i = tensor.rank; i-- > 0;) {
    if (tensor.strides && tensor.sizes[i] > 1 && tensor.strides[i] != static_cast<int64_t>(count)) {
      return fail(FATHOM_STATUS_INVALID_ARGUMENT,
                  "input '%.64s': axis %u has stride %lld, expected %lld: tensors are dense", name, i,
                  static_cast<I64>(tensor.strides[i]), static_cast<I64>(count));
    }
    if (!multiply(count, static_cast<uint64_t>(tensor.sizes[i]), &count)) {
      return fail(FATHOM_STATUS_INVALID_ARGUMENT, "input '%.64s' has more elements than fit into memory", name);
    }
  }
  if (!multiply(count, element, &bytes) || bytes > tensor.bytes) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "input '%.64s' has %zu bytes, expected %llu", name, tensor.bytes,
                static_cast<unsigned long long>(bytes));
  }
  if ((!tensor.data && bytes > 0) || reinterpret_cast<uintptr_t>(tensor.data) % element != 0) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "input '%.64s' has data that is NULL or not aligned for its elements",
                name);
  }
  const auto *values = static_cast<const unsigned char *>(tensor.data);
  for (uint64_t i = 0; type.element() == artifact::TensorElement::bool_ && i < count; ++i) {
    if (values[i] > 1) {
      return fail(FATHOM_STATUS_BAD_DATA, "input '%.64s': element %llu is %d, expected 0 or 1", name,
                  static_cast<unsigned long long>(i), values[i]);
    }
  }
  return FATHOM_STATUS_OK;
}

/// Whether the axes before it that have the same name are as long.
fathom_status_t FunctionInputs::checkSymbol(const artifact::NamedFunction &function, uint32_t input, uint32_t axis,
                                            int64_t size) const {
  const char *symbol = function.inputs()->Get(input)->symbols()->Get(axis)->c_str();
  size_t place = 0;
  for (uint32_t i = 0; *symbol && i <= input; ++i) {
    const artifact::TensorType &other = *function.inputs()->Get(i);
    uint32_t end = i == input ? axis : other.sizes()->size();
    for (uint32_t j = 0; j < end; ++j, ++place) {
      if (!strcmp(other.symbols()->Get(j)->c_str(), symbol) && extents[place] != size) {
        return fail(FATHOM_STATUS_BAD_DATA,
                    "input '%.64s': axis %u, '%.32s', has %lld elements, but axis %u of '%.64s' has %lld",
                    function.inputs()->Get(input)->name()->c_str(), axis, symbol, static_cast<I64>(size), j,
                    other.name()->c_str(), static_cast<I64>(extents[place]));
      }
    }
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t FunctionInputs::take(const artifact::NamedFunction &function, const fathom_tensor_t *tensors,
                                     size_t count) {
  size_t next = 0;
  if (!places.allocate(function.inputs()->size()) || !extents.allocate(countAxes(*function.inputs()))) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a call");
  }
  FATHOM_RETURN_IF_ERROR(checkNames(function, tensors, count));
  for (uint32_t i = 0; i < function.inputs()->size(); ++i) {
    const artifact::TensorType &type = *function.inputs()->Get(i);
    const fathom_tensor_t &tensor = findTensor(tensors, type.name()->c_str());
    FATHOM_RETURN_IF_ERROR(checkType(type, tensor));
    FATHOM_RETURN_IF_ERROR(checkMemory(type, tensor));
    for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
      FATHOM_RETURN_IF_ERROR(checkSymbol(function, i, axis, tensor.sizes[axis]));
      extents[next++] = tensor.sizes[axis];
    }
    places[i] = tensor.data;
  }
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime
