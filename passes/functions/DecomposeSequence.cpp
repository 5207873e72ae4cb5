// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that take or make sequences of tensors, where it is known while compiling how many there are: the rules see
// these instead, among the inputs and as outputs.

#include "passes/functions/AlongAxis.h"

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

static bool sequenceConstruct(NodeBuilder &b) {
  return llvm::all_of(b.all(), [&](Value tensor) { return b.give(tensor); });
}

/// A tensor without sizes in its type.
static Value openSizes(NodeBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> open(type.getRank(), ShapedType::kDynamic);
  return b.builder.createOrFold<tensor::CastOp>(b.loc, type.clone(open), tensor);
}

/// The tensor at an index that a call computes.
static bool chooseAt(NodeBuilder &b, ValueRange tensors, Value index) {
  Value chosen;
  for (auto [i, tensor] : llvm::enumerate(tensors)) {
    if (NodeBuilder::rankOf(tensor) != NodeBuilder::rankOf(tensors.front())) {
      return b.fail("an index that is computed, of tensors of unlike ranks");
    }
    Value open = openSizes(b, tensor), before = chosen;
    Value isThis = b.isEqual(index, b.index(static_cast<int64_t>(i)));
    chosen = before ? b.choose(isThis, [&] { return open; }, [&] { return before; }) : open;
  }
  return b.give(chosen);
}

static bool sequenceAt(NodeBuilder &b) {
  if (b.inputCount() < 2 || !b.has(b.inputCount() - 1)) {
    return b.fail("no index, or no tensors");
  }
  ValueRange tensors = b.all().drop_back();
  std::optional<Values> at = b.indicesOf(b.all().back());
  if (!at || at->size() != 1) {
    return b.fail("an index that is not a number");
  }
  std::optional<NodeBuilder::Integers> known = b.known(tensors.size());
  if (!known) {
    return chooseAt(b, tensors, b.checkedIndex(at->front(), b.index(static_cast<int64_t>(tensors.size()))));
  }
  std::optional<int64_t> place = b.axis(known->front(), static_cast<int64_t>(tensors.size()));
  return place && b.give(tensors[*place]);
}

static bool sequenceLength(NodeBuilder &b) {
  Type type = b.builder.getI64Type();
  return b.giveMade(type, {}, [&](ValueRange) { return b.constant(type, static_cast<double>(b.inputCount())); });
}

static bool concatFromSequence(NodeBuilder &b) {
  bool isNew = b.integer("new_axis", 0) != 0;
  std::optional<int64_t> axis = b.inputCount() > 0 ? b.axis(b.integer("axis", 0), b.rank(0) + isNew) : std::nullopt;
  if (!axis) {
    return b.fail("no tensors");
  }
  Values parts(b.all());
  for (Value &part : parts) {
    Values sizes = b.sizesOf(part);
    isNew ? void(sizes.insert(sizes.begin() + *axis, b.index(1))) : void();
    part = isNew ? b.reshape(part, sizes) : part;
    if (NodeBuilder::rankOf(part) != NodeBuilder::rankOf(parts.front())) {
      return b.fail("tensors of unlike ranks");
    }
  }
  return b.give(joinAlong(b, parts, *axis));
}

/// The sizes of parts: as a list says, or all of one size but the last. Nothing after `fail`.
static std::optional<Values> sizesOfParts(NodeBuilder &b, int64_t whole) {
  std::optional<NodeBuilder::Integers> said = b.has(1) ? b.known(1) : NodeBuilder::Integers{1};
  bool isList = said && b.has(1) && b.rank(1) == 1;
  int64_t size = said && !isList && said->size() == 1 ? said->front() : 0;
  constexpr int64_t kMostParts = 1024;
  if (!isList && (size < 1 || ShapedType::isDynamic(whole) || whole / size > kMostParts)) {
    b.fail("parts whose number is computed, or very large");
    return std::nullopt;
  }
  Values sizes;
  for (int64_t left = whole; !isList && left > 0; left -= size) {
    sizes.push_back(b.index(std::min(left, size)));
  }
  return isList ? llvm::map_to_vector<6>(*said, [&](int64_t part) { return b.index(part); }) : sizes;
}

/// Each index along an axis, which the parts lack.
static bool takeParts(NodeBuilder &b, int64_t count, int64_t axis) {
  Values sizes = b.sizesOf(b.in(0));
  sizes.erase(sizes.begin() + axis);
  for (int64_t part = 0; part < count; ++part) {
    b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
      Values place(i);
      place.insert(place.begin() + axis, b.index(part));
      return b.at(b.in(0), place);
    });
  }
  return true;
}

static bool splitToSequence(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", 0), b.rank(0));
  auto type = cast<RankedTensorType>(b.in(0).getType());
  std::optional<Values> parts = axis ? sizesOfParts(b, type.getDimSize(*axis)) : std::nullopt;
  if (!parts) {
    return false;
  }
  bool drops = !b.has(1) && b.integer("keepdims", 1) == 0;
  return drops ? takeParts(b, static_cast<int64_t>(parts->size()), *axis) : splitAlong(b, *parts, *axis);
}

ArrayRef<DecomposeRow> decomposeSequenceRows() {
  static const DecomposeRow rows[] = {
      {"", "ConcatFromSequence", concatFromSequence, 0}, {"", "SequenceAt", sequenceAt, 0},
      {"", "SequenceConstruct", sequenceConstruct, 0},   {"", "SequenceLength", sequenceLength, 0},
      {"", "SplitToSequence", splitToSequence},
  };
  return rows;
}

} // namespace fathom
