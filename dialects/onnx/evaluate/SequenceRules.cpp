// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that take or make sequences of tensors.

#include "dialects/onnx/evaluate/NodeValues.h"

using namespace mlir;

namespace fathom::onnx {

static bool sequenceConstruct(NodeValues &node) {
  Array sequence;
  for (size_t i = 0; i < node.inputCount(); ++i) {
    sequence.items.push_back(node.in(i));
  }
  return node.give(0, std::move(sequence));
}

static bool sequenceAt(NodeValues &node) {
  std::optional<Extents> at = node.indices(1, static_cast<int64_t>(node.in(0).items.size()));
  return at && at->size() == 1 ? node.give(0, node.in(0).items[at->front()]) : node.fail("wants one index");
}

static bool sequenceLength(NodeValues &node) {
  auto length = static_cast<int64_t>(node.in(0).items.size());
  return node.give(0, Array::scalar(IntegerType::get(node.op().getContext(), 64), length));
}

/// The sizes of parts: as a list says, or all of one size but the last. Without a finding they are a sum of `whole`.
static std::optional<Extents> partsOf(NodeValues &node, int64_t whole) {
  const Array &said = node.in(1);
  if (said.rank() > 0) {
    return Extents(said.integers.begin(), said.integers.end());
  }
  int64_t size = node.whole(1, 1);
  if (size < 1) {
    node.fail("has parts of " + Twine(size));
    return std::nullopt;
  }
  Extents parts(whole / size, size);
  whole % size ? parts.push_back(whole % size) : void();
  return parts;
}

static bool splitToSequence(NodeValues &node) {
  const Array &in = node.in(0);
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), in.rank());
  std::optional<Extents> sizes = axis ? partsOf(node, in.shape[*axis]) : std::nullopt;
  if (!sizes) {
    return false;
  }
  Rows rows(in.shape, *axis);
  Array sequence;
  int64_t begin = 0;
  for (int64_t size : *sizes) {
    if (size < 0 || size > rows.length - begin) {
      return node.fail("splits " + Twine(rows.length) + " into parts of another sum");
    }
    Extents shape = in.shape;
    shape[*axis] = size;
    Array part(in.element, shape);
    for (int64_t at = 0, run = size * rows.inner; at < part.size(); ++at) {
      part.set(at, in, rows.at(at / run, begin, 0) + at % run);
    }
    if (!node.has(1) && node.integer("keepdims", 1) == 0) {
      part.shape.erase(part.shape.begin() + *axis);
    }
    begin += size;
    sequence.items.push_back(std::move(part));
  }
  return node.give(0, std::move(sequence));
}

/// The shape of all parts together, along an axis of theirs; nothing after a finding.
static std::optional<Extents> joined(NodeValues &node, ArrayRef<Array> parts, int64_t axis) {
  Extents shape = parts.front().shape;
  for (const Array &part : parts.drop_front()) {
    Extents other = part.shape;
    bool fits = part.element == parts.front().element && other.size() == shape.size();
    if (fits) {
      shape[axis] += other[axis];
      other[axis] = shape[axis];
    }
    if (!fits || other != shape) {
      node.fail("joins tensors of unlike shapes");
      return std::nullopt;
    }
  }
  return shape;
}

static bool concatFromSequence(NodeValues &node) {
  std::vector<Array> parts = node.in(0).items;
  bool isNew = node.integer("new_axis", 0) != 0;
  std::optional<int64_t> axis;
  if (parts.empty() || !(axis = node.axis(node.integer("axis", 0), parts.front().rank() + isNew))) {
    return node.fail("joins nothing");
  }
  for (Array &part : parts) {
    if (isNew && part.rank() >= *axis) {
      part.shape.insert(part.shape.begin() + *axis, 1);
    }
  }
  std::optional<Extents> shape = joined(node, parts, *axis);
  Array *out = shape ? node.make(0, parts.front().element, *shape) : nullptr;
  int64_t begin = 0;
  for (const Array &part : parts) {
    if (out) {
      Rows to(*shape, *axis), from(part.shape, *axis);
      for (int64_t at = 0, run = from.length * from.inner; at < part.size(); ++at) {
        out->set(to.at(at / run, begin, 0) + at % run, part, at);
      }
      begin += from.length;
    }
  }
  return out != nullptr;
}

llvm::ArrayRef<EvaluateRow> sequenceRows() {
  static const EvaluateRow rows[] = {
      {"", "ConcatFromSequence", concatFromSequence, 1, true},
      {"", "SequenceAt", sequenceAt, 2, true},
      {"", "SequenceConstruct", sequenceConstruct},
      {"", "SequenceLength", sequenceLength, 1, true},
      {"", "SplitToSequence", splitToSequence},
  };
  return rows;
}

} // namespace fathom::onnx
