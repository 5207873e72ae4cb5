// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks graphs in their order, and functions anew at each of their calls.

#include "frontend/onnx/InferShapes.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/onnx/CheckGraphs.h"
#include "frontend/onnx/Inference.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <cerrno>

namespace fathom::onnx {

using checkpoint::Diagnostics;
using checkpoint::Problem;

const proto::FunctionProto *Inference::findFunction(const proto::NodeProto &node) const {
  std::optional<uint32_t> number = functionKeys.empty() ? std::nullopt : functions.find(keyOf(node));
  return number ? &model.proto().functions(static_cast<int>(*number)) : nullptr;
}

int64_t Inference::opsetOf(llvm::StringRef domain) const {
  if (!calls.empty()) {
    for (const proto::OperatorSetIdProto &set : calls.back()->opset_import()) {
      if (normalizeDomain(set.domain()) == domain) {
        return set.version();
      }
    }
  }
  return model.opset(domain);
}

void Inference::report(const proto::NodeProto &node, const llvm::Twine &what) {
  if (unsettled == 0) {
    diagnostics.error(Problem::BadInput, "bad-shape", model.path(), onnx::describe(node), what);
  }
}

/// "past + sequence" is a sum of two; any other text is a name.
Extent Inference::parseExtent(llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> terms;
  text.split(terms, '+');
  std::optional<Extent> sum = Extent(0);
  for (llvm::StringRef term : terms) {
    term = term.trim();
    int64_t number = 0;
    bool isNumber = !term.getAsInteger(10, number);
    bool isName = !term.empty() && llvm::all_of(term, [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
    sum = sum && (isNumber || isName)
              ? Extent::add(*sum, isNumber ? Extent(number) : Extent::symbol(found.symbols.find(term)))
              : std::nullopt;
  }
  return sum ? *sum : Extent::symbol(found.symbols.find(text));
}

Value Inference::typeOf(const proto::ValueInfoProto &value) {
  const proto::TypeProto::Tensor &type = value.type().tensor_type();
  Value read(type.elem_type());
  if (type.has_shape()) {
    read.shape = Shape();
    for (const proto::TensorShapeProto::Dimension &extent : type.shape().dim()) {
      bool known = extent.has_dim_value() && extent.dim_value() >= 0;
      read.shape->push_back(known                        ? Extent(extent.dim_value())
                            : extent.dim_param().empty() ? Extent::symbol(found.symbols.fresh())
                                                         : parseExtent(extent.dim_param()));
    }
  }
  return read;
}

static Shape shapeOf(const proto::TensorProto &tensor) { return Shape(tensor.dims().begin(), tensor.dims().end()); }

/// What is known of a tensor of the message.
static Value valueOf(const proto::TensorProto &tensor) {
  Value value(tensor.data_type(), shapeOf(tensor));
  std::optional<Extent> count = multiplyAll(*value.shape);
  if (count && count->constant() && *count->constant() <= kMostContents) {
    std::optional<std::vector<int64_t>> numbers = readIntegers(tensor);
    value.contents = numbers ? std::optional(Shape(numbers->begin(), numbers->end())) : std::nullopt;
  }
  return value;
}

/// The same with numbers that are in a file, if they are few.
static Value valueOf(const Tensor &tensor, Diagnostics &diagnostics) {
  bool inMessage = tensor.data.file.empty() || tensor.proto->raw_data().size() == tensor.bytes;
  if (inMessage || tensor.bytes > kMostContents * sizeof(int64_t)) {
    return inMessage ? valueOf(*tensor.proto) : Value(tensor.proto->data_type(), shapeOf(*tensor.proto));
  }
  proto::TensorProto inside;
  inside.set_data_type(tensor.proto->data_type());
  inside.mutable_dims()->CopyFrom(tensor.proto->dims());
  std::string &raw = *inside.mutable_raw_data();
  raw.resize(tensor.bytes);
  std::optional<File> file =
      checkpoint::openFile(tensor.data.file, tensor.data.file, Problem::InputOutput, diagnostics);
  if (file && !file->read(raw.data(), raw.size(), tensor.data.range.offset)) {
    checkpoint::reportSystemError(errno, tensor.data.file, "cannot read", diagnostics);
  }
  return valueOf(inside);
}

ValueId Inference::add(Value value) {
  size_t size = value.contents ? value.contents->size() : 0;
  if (size > contentsLeft) {
    value.contents.reset();
  } else {
    contentsLeft -= size;
  }
  found.values.push_back(std::move(value));
  return static_cast<ValueId>(found.values.size() - 1);
}

const Value *Inference::lookUp(const Scope &scope, llvm::StringRef name) const {
  ValueId id = name.empty() ? kNoValue : scope.find(name);
  return id == kNoValue ? nullptr : &found.values[id];
}

// What has a value is not an input, even where it is listed as one.
void Inference::readInputs(Scope &scope) {
  for (const Tensor &tensor : model.initializers()) {
    ValueId id = add(valueOf(tensor, diagnostics));
    found.main.constants.push_back({id, tensor.proto});
    scope.set(tensor.proto->name(), id);
  }
  for (const proto::ValueInfoProto &input : model.proto().graph().input()) {
    if (!scope.has(input.name())) {
      found.main.inputs.push_back(add(typeOf(input)));
      scope.set(input.name(), found.main.inputs.back());
    }
  }
}

Inference::Ids Inference::walkGraph(const proto::GraphProto &graph, const Scope &outer, llvm::ArrayRef<Value> inputs,
                                    TypedGraph &into) {
  Scope scope = {&outer};
  for (int i = 0; i < graph.input_size(); ++i) {
    ValueId id = add(static_cast<size_t>(i) < inputs.size() ? inputs[i] : typeOf(graph.input(i)));
    into.inputs.push_back(id);
    scope.set(graph.input(i).name(), id);
  }
  for (const proto::TensorProto &tensor : graph.initializer()) {
    ValueId id = add(valueOf(tensor));
    into.constants.push_back({id, &tensor});
    scope.set(tensor.name(), id);
  }
  walk(graph.node(), scope, into);
  Ids outputs;
  for (const proto::ValueInfoProto &output : graph.output()) {
    outputs.push_back(scope.find(output.name()));
  }
  return outputs;
}

/// A node of a function with the attributes that its call gives, for those that refer to them.
static proto::NodeProto substitute(const proto::NodeProto &node, const proto::NodeProto &call) {
  proto::NodeProto copy = node;
  copy.clear_attribute();
  for (const proto::AttributeProto &attribute : node.attribute()) {
    if (attribute.ref_attr_name().empty()) {
      copy.add_attribute()->CopyFrom(attribute);
      continue;
    }
    for (const proto::AttributeProto &given : call.attribute()) {
      if (given.name() == attribute.ref_attr_name()) {
        copy.add_attribute()->CopyFrom(given);
        copy.mutable_attribute(copy.attribute_size() - 1)->set_name(attribute.name());
      }
    }
  }
  return copy;
}

static bool refersToCall(const proto::NodeProto &node) {
  return llvm::any_of(node.attribute(), [](const auto &attribute) { return !attribute.ref_attr_name().empty(); });
}

Inference::Ids Inference::call(const proto::FunctionProto &function, const proto::NodeProto &node, const Scope &scope,
                               TypedGraph &into) {
  Scope inside;
  for (int i = 0; i < function.input_size(); ++i) {
    ValueId id = i < node.input_size() ? scope.find(node.input(i)) : kNoValue;
    if (id != kNoValue) {
      inside.set(function.input(i), id);
    }
  }
  calls.push_back(&function);
  for (const proto::NodeProto &inner : function.node()) {
    if (refersToCall(inner)) {
      found.substituted.push_back(std::make_unique<proto::NodeProto>(substitute(inner, node)));
    }
    const proto::NodeProto &given = refersToCall(inner) ? *found.substituted.back() : inner;
    walkInto(given, inside, into);
  }
  calls.pop_back();
  Ids outputs;
  for (const std::string &output : function.output()) {
    outputs.push_back(inside.find(output));
  }
  return outputs;
}

Inference::Ids Inference::append(const proto::NodeProto &node, const Scope &scope, std::vector<Value> outputs,
                                 std::vector<TypedGraph> graphs, TypedGraph &into) {
  TypedNode added = {&node, opsetOf(normalizeDomain(node.domain())), {}, {}, std::move(graphs)};
  for (const std::string &input : node.input()) {
    added.inputs.push_back(input.empty() ? kNoValue : scope.find(input));
  }
  outputs.resize(node.output_size());
  for (int i = 0; i < node.output_size(); ++i) {
    added.outputs.push_back(node.output(i).empty() ? kNoValue : add(std::move(outputs[i])));
  }
  into.nodes.push_back(std::move(added));
  return into.nodes.back().outputs;
}

Inference::Ids Inference::applyRule(const proto::NodeProto &node, const Scope &scope, TypedGraph &into) {
  llvm::StringRef domain = normalizeDomain(node.domain());
  const ShapeRuleRow *row = findShapeRule(domain, node.op_type());
  if (!row) {
    MissingOperator &missing = found.missing[{nameOfDomain(domain).str(), node.op_type()}];
    missing.nodes += unsettled == 0;
    missing.first = missing.first.empty() ? describe(node) : missing.first;
    return append(node, scope, {}, {}, into);
  }
  std::vector<const Value *> inputs;
  for (const std::string &input : node.input()) {
    inputs.push_back(lookUp(scope, input));
  }
  size_t missing = std::min(inputs.size(), static_cast<size_t>(llvm::find(inputs, nullptr) - inputs.begin()));
  NodeShapes shapes(node, opsetOf(domain), inputs, found.symbols);
  if (missing < row->inputs) {
    report(node, "leaves out input " + llvm::Twine(missing) + "; its operator wants " + llvm::Twine(row->inputs) +
                     " or more");
  } else if (!row->rule(shapes)) {
    report(node, shapes.fault());
  }
  return append(node, scope, shapes.outputs(), {}, into);
}

/// Whether a call leaves out an input, which functions have no word for, of an operator that has one. Exporters bring
/// functions for runtimes without the operator.
static bool isOfOperator(const proto::NodeProto &node, const proto::FunctionProto &function) {
  bool all = node.input_size() >= function.input_size() &&
             llvm::all_of(node.input(), [](const std::string &name) { return !name.empty(); });
  return !all && findShapeRule(normalizeDomain(node.domain()), node.op_type());
}

Inference::Ids Inference::walkNode(const proto::NodeProto &node, const Scope &scope, TypedGraph &into) {
  const proto::FunctionProto *function = findFunction(node);
  if (function && !isOfOperator(node, *function)) {
    return call(*function, node, scope, into);
  }
  const proto::AttributeProto *tensor = nullptr;
  for (const proto::AttributeProto &attribute : node.attribute()) {
    tensor = attribute.has_t() ? &attribute : tensor;
  }
  llvm::StringRef domain = normalizeDomain(node.domain());
  bool standard = domain.empty();
  if (standard && node.op_type() == "Constant" && tensor) {
    return append(node, scope, {valueOf(tensor->t())}, {}, into);
  }
  if (domain == "com.microsoft" && node.op_type() == "FusedGemm") {
    return walkFusedGemm(node, scope, into);
  }
  using Walk = Ids (Inference::*)(const proto::NodeProto &, const Scope &, TypedGraph &);
  Walk walk = llvm::StringSwitch<Walk>(standard ? node.op_type() : "")
                  .Case("If", &Inference::walkIf)
                  .Case("Loop", &Inference::walkLoop)
                  .Case("SequenceAt", &Inference::walkSequenceAt)
                  .Case("SequenceConstruct", &Inference::walkSequenceConstruct)
                  .Case("SplitToSequence", &Inference::walkSplitToSequence)
                  .Default(&Inference::applyRule);
  return (this->*walk)(node, scope, into);
}

void Inference::walkInto(const proto::NodeProto &node, Scope &scope, TypedGraph &into) {
  visits += unsettled > 0;
  if (visits > kMostVisits) {
    return;
  }
  Ids outputs = walkNode(node, scope, into);
  outputs.resize(node.output_size(), kNoValue);
  for (int i = 0; i < node.output_size(); ++i) {
    scope.set(node.output(i), outputs[i]);
  }
}

void Inference::walk(const Nodes &nodes, Scope &scope, TypedGraph &into) {
  for (const proto::NodeProto &node : nodes) {
    walkInto(node, scope, into);
  }
}

void Inference::reportMissing() {
  for (const auto &[name, entry] : found.missing) {
    bool isOne = entry.nodes == 1;
    diagnostics.error(Problem::Unsupported, "missing-operator", model.path(),
                      escape(name.first + "." + name.second, 160),
                      "is an operator that Fathom does not know; " + llvm::Twine(entry.nodes) +
                          (isOne ? " node has it: " : " nodes have it, the first is ") + entry.first,
                      "docs/onnx-ops.md lists those that it knows; another exporter, or a newer opset, may write the "
                      "model with them");
  }
}

TypedModel Inference::run() {
  for (const proto::FunctionProto &function : model.proto().functions()) {
    functionKeys.push_back(keyOf(function));
  }
  for (const std::string &key : functionKeys) {
    functions.insert(key);
  }
  Scope scope;
  readInputs(scope);
  walk(model.proto().graph().node(), scope, found.main);
  for (const proto::ValueInfoProto &output : model.proto().graph().output()) {
    found.main.outputs.push_back(scope.find(output.name()));
  }
  if (visits > kMostVisits) {
    diagnostics.error(Problem::Resources, "too-many-nodes", model.path(), "",
                      "has loops in loops, of more than " + llvm::Twine(kMostVisits) + " nodes to look at");
  }
  reportMissing();
  return std::move(found);
}

const Value &TypedModel::output(size_t number) const {
  static const Value unknown;
  return main.outputs[number] == kNoValue ? unknown : values[main.outputs[number]];
}

TypedModel inferShapes(const Model &model, Diagnostics &diagnostics) { return Inference(model, diagnostics).run(); }

} // namespace fathom::onnx
