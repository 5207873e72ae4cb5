// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights row by row and in panels.

#include "test/passes/lower/StoredWeight.h"

namespace fathom::test {

static constexpr int64_t kPanel = 32, kBlock = 128;

static std::string nameElement(const Weight &weight) {
  return weight.element == 4 ? "f32" : weight.element == 2 ? "bf16" : "f8E4M3FN";
}

static std::string join(std::initializer_list<int64_t> sizes, const std::string &element) {
  std::string shape;
  for (int64_t size : sizes) {
    shape += std::to_string(size) + "x";
  }
  return shape + element;
}

/// [panels][columns][32] elements of `size` numbers to [panels * 32][columns].
template <class T>
static std::vector<T> unpack(const std::vector<T> &panels, int64_t columns, int64_t size) {
  std::vector<T> rows(panels.size());
  int64_t count = static_cast<int64_t>(panels.size()) / (columns * size);
  for (int64_t n = 0; n < count; ++n) {
    for (int64_t k = 0; k < columns; ++k) {
      int64_t from = (n / kPanel * columns + k) * kPanel + n % kPanel;
      std::copy_n(&panels[from * size], size, &rows[(n * columns + k) * size]);
    }
  }
  return rows;
}

/// Names the shapes of a weight of `outputs`, a multiple of 32, whose data and scales are in panels, and brings them
/// into `form`.
static void finish(StoredWeight &stored, const Weight &like, int64_t outputs, Form form) {
  int64_t K = like.columns, blocks = (K + kBlock - 1) / kBlock, panels = outputs / kPanel;
  bool rows = form == Form::Rows;
  stored.shape = rows ? join({outputs, K}, nameElement(like)) : join({panels, K, kPanel}, nameElement(like));
  if (rows) {
    stored.data = unpack(stored.data, K, like.element);
    stored.scales = unpack(stored.scales, blocks, 1);
  }
  if (like.quantized) {
    stored.scaleShape = rows ? join({outputs, blocks}, "f32") : join({panels, blocks, kPanel}, "f32");
    stored.block = " <1 x 128>";
  }
}

StoredWeight StoredWeight::store(const Weight &weight, Form form) {
  StoredWeight stored;
  if (form == Form::Panels) {
    stored.data = weight.panels();
    stored.scales = weight.panel_scales();
    finish(stored, weight, (weight.rows + kPanel - 1) / kPanel * kPanel, form);
    return stored;
  }
  stored.data = weight.data;
  stored.scales = weight.scales;
  stored.shape = join({weight.rows, weight.columns}, nameElement(weight));
  if (weight.quantized) {
    stored.scaleShape = join({(weight.rows + kBlock - 1) / kBlock, (weight.columns + kBlock - 1) / kBlock}, "f32");
    stored.block = " <128 x 128>";
  }
  return stored;
}

StoredWeight StoredWeight::interleave(const Weight &gate, const Weight &up, Form form) {
  StoredWeight stored;
  stored.data = alternate(gate.panels(), up.panels(), gate.columns * kPanel * gate.element);
  stored.scales = alternate(gate.panel_scales(), up.panel_scales(), (gate.columns + kBlock - 1) / kBlock * kPanel);
  finish(stored, gate, 2 * ((gate.rows + kPanel - 1) / kPanel * kPanel), form);
  return stored;
}

Operand WeightOperand::describe(const std::string &operand, const std::string &shape) const {
  std::string experts = isStack ? std::to_string(parts.size()) + "x" : "";
  return {operand, "tensor<" + experts + shape + ">", 1, isStack ? static_cast<int64_t>(parts.size()) : 0};
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
