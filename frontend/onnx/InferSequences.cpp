// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sequences of tensors that are known one by one: what is taken from them is the tensor itself.

#include "frontend/onnx/Inference.h"

#include "llvm/ADT/STLExtras.h"

namespace fathom::onnx {

/// More are not made of one node.
static constexpr int64_t kMostParts = 64;

/// `whole` in parts of `size`, the last of which may have less.
static std::vector<int64_t> cut(int64_t whole, int64_t size) {
  std::vector<int64_t> sizes(whole / size, size);
  if (whole % size != 0) {
    sizes.push_back(whole % size);
  }
  return sizes;
}

// Nothing where parts depend on what the graph is given, or are too many.
std::optional<Inference::Parts> Inference::findParts(NodeShapes node) {
  std::optional<int64_t> axis = node.ranked(0) ? node.axis(node.integer("axis", 0), node.rank(0)) : std::nullopt;
  std::optional<int64_t> whole = axis ? node.extent(0, *axis).constant() : std::nullopt;
  std::optional<std::vector<int64_t>> sizes = node.integers(1);
  bool isEven = !node.has(1) || (sizes && node.ranked(1) && node.rank(1) == 0);
  int64_t size = sizes && !sizes->empty() ? sizes->front() : 1;
  if (!whole || *whole < 1 || (node.has(1) && !sizes) || (isEven && (size < 1 || *whole / size >= kMostParts))) {
    return std::nullopt;
  }
  Parts parts = {*axis, isEven ? cut(*whole, size) : *sizes, node.has(1) || node.integer("keepdims", 1) != 0};
  bool isFew = !parts.sizes.empty() && parts.sizes.size() <= kMostParts;
  return isFew ? std::optional(parts) : std::nullopt;
}

static void addIntegers(proto::NodeProto &node, llvm::StringRef name, llvm::ArrayRef<int64_t> values) {
  proto::AttributeProto *attribute = node.add_attribute();
  attribute->set_name(name.str());
  attribute->set_type(proto::AttributeProto::INTS);
  attribute->mutable_ints()->Add(values.begin(), values.end());
}

/// A node in place of `given`.
proto::NodeProto &Inference::makeNode(const proto::NodeProto &given, llvm::StringRef op, const std::string &input) {
  found.substituted.push_back(std::make_unique<proto::NodeProto>());
  proto::NodeProto &node = *found.substituted.back();
  node.set_name(given.name());
  node.set_op_type(op.str());
  node.add_input(input);
  return node;
}

/// The parts of a sequence that a Split gives, too.
Inference::Ids Inference::walkParts(const proto::NodeProto &node, const Parts &parts, const Scope &scope,
                                    TypedGraph &into) {
  Scope inside = {&scope};
  proto::NodeProto &split = makeNode(node, "Split", node.input(0));
  proto::AttributeProto *axis = split.add_attribute();
  axis->set_name("axis");
  axis->set_type(proto::AttributeProto::INT);
  axis->set_i(parts.axis);
  addIntegers(split, "split", parts.sizes);
  for (size_t i = 0; i < parts.sizes.size(); ++i) {
    split.add_output(node.output(0) + "." + std::to_string(i));
  }
  walkInto(split, inside, into);
  Ids ids;
  for (const std::string &part : split.output()) {
    if (!parts.keepsAxis) {
      proto::NodeProto &squeeze = makeNode(node, "Squeeze", part);
      addIntegers(squeeze, "axes", parts.axis);
      squeeze.add_output(part);
      walkInto(squeeze, inside, into);
    }
    ids.push_back(inside.find(part));
  }
  return ids;
}

Inference::Ids Inference::walkSplitToSequence(const proto::NodeProto &node, const Scope &scope, TypedGraph &into) {
  Ids given = applyRule(node, scope, into);
  if (given.size() != 1 || given.front() == kNoValue || node.input_size() == 0 || unsettled > 0) {
    return given;
  }
  std::vector<const Value *> inputs;
  for (const std::string &input : node.input()) {
    inputs.push_back(lookUp(scope, input));
  }
  std::optional<Parts> parts = findParts(NodeShapes(node, opsetOf(""), inputs, found.symbols));
  if (parts && parts->sizes.size() <= partsLeft) {
    partsLeft -= parts->sizes.size();
    sequences[given.front()] = walkParts(node, *parts, scope, into);
  }
  return given;
}

Inference::Ids Inference::walkSequenceConstruct(const proto::NodeProto &node, const Scope &scope, TypedGraph &into) {
  Ids given = applyRule(node, scope, into), parts;
  for (const std::string &input : node.input()) {
    parts.push_back(scope.find(input));
  }
  if (given.size() == 1 && given.front() != kNoValue && unsettled == 0 && parts.size() <= partsLeft) {
    partsLeft -= parts.size();
    sequences[given.front()] = std::move(parts);
  }
  return given;
}

Inference::Ids Inference::walkSequenceAt(const proto::NodeProto &node, const Scope &scope, TypedGraph &into) {
  auto known = node.input_size() == 2 ? sequences.find(scope.find(node.input(0))) : sequences.end();
  const Value *place = known != sequences.end() ? lookUp(scope, node.input(1)) : nullptr;
  bool isKnown = place && place->contents && place->contents->size() == 1 && place->contents->front().constant();
  int64_t at = isKnown ? *place->contents->front().constant() : 0, count = isKnown ? int64_t(known->second.size()) : 0;
  at += at < 0 ? count : 0;
  return at >= 0 && at < count ? Ids{known->second[at]} : applyRule(node, scope, into);
}

} // namespace fathom::onnx
