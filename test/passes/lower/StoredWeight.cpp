// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights row by row.

#include "test/passes/lower/StoredWeight.h"

namespace fathom::test {

static std::string nameElement(const Weight &weight) {
  bool isInteger = weight.quantized && weight.scale_rows == 1;
  return weight.element == 4 ? "f32" : weight.element == 2 ? "bf16" : isInteger ? "i8" : "f8E4M3FN";
}

static std::string nameShape(std::initializer_list<int64_t> sizes, const std::string &element) {
  std::string shape;
  for (int64_t size : sizes) {
    shape += std::to_string(size) + "x";
  }
  return shape + element;
}

static int64_t ceilDiv(int64_t count, int64_t size) { return (count + size - 1) / size; }

/// Scales of `rows` outputs by blocks of as many rows as one covers.
static void setScales(StoredWeight &stored, const Weight &weight, int64_t rows, int64_t blockRows) {
  if (!weight.quantized) {
    return;
  }
  std::string element = weight.scale_rows == 1 ? "f16" : "f32", columns = std::to_string(weight.scale_columns);
  stored.scaleShape = nameShape({ceilDiv(rows, blockRows), ceilDiv(weight.columns, weight.scale_columns)}, element);
  stored.block = " <" + std::to_string(blockRows) + " x " + columns + ">";
}

StoredWeight StoredWeight::store(const Weight &weight) {
  StoredWeight stored;
  stored.data = weight.data;
  stored.scales = weight.scales;
  stored.shape = nameShape({weight.rows, weight.columns}, nameElement(weight));
  setScales(stored, weight, weight.rows, weight.scale_rows);
  return stored;
}

StoredWeight StoredWeight::join(const Weight &gate, const Weight &up) {
  StoredWeight stored;
  for (const Weight *weight : {&gate, &up}) {
    stored.data.insert(stored.data.end(), weight->data.begin(), weight->data.end());
    size_t bytes = weight->quantized ? weight->scales.size() / ceilDiv(weight->rows, weight->scale_rows) : 0;
    for (int64_t n = 0; n < weight->rows; ++n) {
      auto first = weight->scales.begin() + static_cast<int64_t>(n / weight->scale_rows * bytes);
      stored.scales.insert(stored.scales.end(), first, first + static_cast<int64_t>(bytes));
    }
  }
  int64_t rows = gate.rows + up.rows;
  stored.shape = nameShape({rows, gate.columns}, nameElement(gate));
  setScales(stored, gate, rows, 1);
  return stored;
}

StoredWeight StoredWeight::stack(const std::vector<StoredWeight> &experts) {
  StoredWeight stored;
  for (const StoredWeight &expert : experts) {
    stored.data.insert(stored.data.end(), expert.data.begin(), expert.data.end());
    stored.scales.insert(stored.scales.end(), expert.scales.begin(), expert.scales.end());
  }
  std::string count = std::to_string(experts.size()) + "x";
  stored.shape = count + experts[0].shape;
  stored.scaleShape = experts[0].scaleShape.empty() ? "" : count + experts[0].scaleShape;
  stored.block = experts[0].block;
  return stored;
}

Operand WeightOperand::describe(const std::string &operand, const std::string &shape) const {
  std::string experts = isTable ? std::to_string(parts.size()) + "x" : "";
  return {operand, "tensor<" + experts + shape + ">", 1, isTable ? static_cast<int64_t>(parts.size()) : 0};
}

Operands WeightOperand::scale() const {
  return parts[0].scaleShape.empty() ? Operands() : Operands{describe(name + "_scale", parts[0].scaleShape)};
}

std::string WeightOperand::text() const {
  return "%" + name + (parts[0].scaleShape.empty() ? "" : " scale %" + name + "_scale" + block());
}

std::vector<const void *> WeightOperand::data() const {
  std::vector<const void *> memory;
  for (const StoredWeight &part : parts) {
    memory.push_back(part.data.data());
  }
  return memory;
}

std::vector<const void *> WeightOperand::scales() const {
  std::vector<const void *> memory;
  for (const StoredWeight &part : parts) {
    memory.push_back(part.scales.data());
  }
  return memory;
}

void append(std::vector<const void *> &memory, const std::vector<const void *> &more) {
  memory.insert(memory.end(), more.begin(), more.end());
}

void append(Operands &operands, std::vector<const void *> &memory, const WeightOperand &weight) {
  operands.push_back(weight.weight());
  append(memory, weight.data());
  for (const Operand &scale : weight.scale()) {
    operands.push_back(scale);
    append(memory, weight.scales());
  }
}

} // namespace fathom::test
