// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, attributes and types of graphs and functions.

#include "frontend/onnx/CheckGraphs.h"

#include "frontend/checkpoint/StringIndex.h"
#include "frontend/onnx/TensorReader.h"

namespace fathom::onnx {

using checkpoint::Diagnostics;
using checkpoint::Problem;
using checkpoint::StringIndex;

namespace {
/// Names that a graph's nodes may use: its own, and those of the graph around it.
struct Scope {
  const Scope *outer;
  StringIndex known = {};
  /// What nodes make, later ones too.
  StringIndex made = {};

  bool has(llvm::StringRef name) const { return known.find(name) || (outer && outer->has(name)); }
  bool makes(llvm::StringRef name) const { return made.find(name) || (outer && outer->makes(name)); }
};

/// Checks one model; one use.
class GraphChecker {
public:
  GraphChecker(const Model &model, const ModelLimits &limits, Diagnostics &diagnostics)
      : model(model), limits(limits), diagnostics(diagnostics), tensors(model.path(), limits.rank, diagnostics) {}

  void run();

private:
  using Nodes = google::protobuf::RepeatedPtrField<proto::NodeProto>;

  void fail(Problem problem, const char *code, llvm::StringRef where, const llvm::Twine &message) {
    diagnostics.error(problem, code, model.path(), where, message);
  }
  void bad(const char *code, llvm::StringRef where, const llvm::Twine &message) {
    fail(Problem::BadInput, code, where, message);
  }
  void checkGraph(const proto::GraphProto &graph, const Scope *outer);
  void checkFunction(const proto::FunctionProto &function);
  void checkNodes(const Nodes &nodes, Scope &scope);
  void checkNode(const proto::NodeProto &node, const Scope &scope);
  void checkDomain(const proto::NodeProto &node);
  void checkAttribute(const proto::NodeProto &node, const proto::AttributeProto &attribute, const Scope &scope);
  void checkValue(llvm::StringRef kind, const proto::ValueInfoProto &value);
  bool declare(llvm::StringRef name, llvm::StringRef where, StringIndex &names);

  const Model &model;
  const ModelLimits &limits;
  Diagnostics &diagnostics;
  TensorReader tensors;
  /// Of the function whose nodes are checked; NULL in the graph.
  const proto::FunctionProto *within = nullptr;
  size_t nodeCount = 0;
};
} // namespace

bool GraphChecker::declare(llvm::StringRef name, llvm::StringRef where, StringIndex &names) {
  if (name.empty() || name.size() > limits.nameBytes) {
    bad("bad-name", where,
        "has a name of " + llvm::Twine(name.size()) + " bytes, expected 1 to " + llvm::Twine(limits.nameBytes));
    return false;
  }
  bool isNew = names.insert(name).second;
  if (!isNew) {
    bad("duplicate-name", where, "gives the name '" + escape(name, 80) + "', which is taken");
  }
  return isNew;
}

void GraphChecker::checkValue(llvm::StringRef kind, const proto::ValueInfoProto &value) {
  std::string where = kind.str() + " '" + escape(value.name(), 80) + "'";
  if (!value.has_type()) {
    return bad("no-type", where, "has no type");
  }
  if (!value.type().has_tensor_type()) {
    return fail(Problem::Unsupported, "value-type", where, "is not a tensor; Fathom takes and gives tensors only");
  }
  const proto::TypeProto::Tensor &type = value.type().tensor_type();
  if (!findElementType(type.elem_type())) {
    fail(Problem::Unsupported, "element-type", where,
         "has elements of type " + llvm::Twine(type.elem_type()) + ", which Fathom does not know");
  }
  if (type.shape().dim_size() > limits.rank) {
    bad("bad-shape", where,
        "has " + llvm::Twine(type.shape().dim_size()) + " dimensions; Fathom reads up to " + llvm::Twine(limits.rank));
  }
}

void GraphChecker::checkDomain(const proto::NodeProto &node) {
  llvm::StringRef domain = normalizeDomain(node.domain());
  const auto &imports =
      within && within->opset_import_size() > 0 ? within->opset_import() : model.proto().opset_import();
  bool imported = llvm::any_of(
      imports, [&](const proto::OperatorSetIdProto &set) { return normalizeDomain(set.domain()) == domain; });
  if (!imported) {
    bad("not-imported", describe(node), "is of the domain '" + escape(domain, 80) + "', which is not imported");
  }
}

/// The types of attributes whose values are there.
static llvm::SmallVector<int, 2> typesOfValues(const proto::AttributeProto &attribute) {
  using A = proto::AttributeProto;
  const std::pair<bool, int> values[] = {{attribute.has_f(), A::FLOAT},
                                         {attribute.has_i(), A::INT},
                                         {attribute.has_s(), A::STRING},
                                         {attribute.has_t(), A::TENSOR},
                                         {attribute.has_g(), A::GRAPH},
                                         {attribute.has_sparse_tensor(), A::SPARSE_TENSOR},
                                         {attribute.has_tp(), A::TYPE_PROTO},
                                         {attribute.floats_size() > 0, A::FLOATS},
                                         {attribute.ints_size() > 0, A::INTS},
                                         {attribute.strings_size() > 0, A::STRINGS},
                                         {attribute.tensors_size() > 0, A::TENSORS},
                                         {attribute.graphs_size() > 0, A::GRAPHS},
                                         {attribute.sparse_tensors_size() > 0, A::SPARSE_TENSORS},
                                         {attribute.type_protos_size() > 0, A::TYPE_PROTOS}};
  llvm::SmallVector<int, 2> types;
  for (auto [there, type] : values) {
    if (there) {
      types.push_back(type);
    }
  }
  return types;
}

void GraphChecker::checkAttribute(const proto::NodeProto &node, const proto::AttributeProto &attribute,
                                  const Scope &scope) {
  auto refuse = [&](const char *what) {
    bad("bad-attribute", describe(node), "has an attribute '" + escape(attribute.name(), 80) + "' " + what);
  };
  llvm::SmallVector<int, 2> types = typesOfValues(attribute);
  if (!attribute.ref_attr_name().empty()) {
    return !within          ? refuse("that refers to one of a function, in none")
           : !types.empty() ? refuse("that refers to another and has a value")
                            : (void)0;
  }
  if (!attribute.has_type() || attribute.type() == proto::AttributeProto::UNDEFINED) {
    return refuse("of no type that Fathom knows");
  }
  // Numbers and lists may be left out where they are 0 or empty.
  bool needed = attribute.type() == proto::AttributeProto::TENSOR || attribute.type() == proto::AttributeProto::GRAPH;
  if (types.size() > 1 || (types.size() == 1 && types[0] != attribute.type()) || (needed && types.empty())) {
    return refuse("whose value is not of the type it says");
  }
  if (attribute.has_t()) {
    tensors.read(attribute.t());
  }
  for (const proto::TensorProto &tensor : attribute.tensors()) {
    tensors.read(tensor);
  }
  if (attribute.has_g()) {
    checkGraph(attribute.g(), &scope);
  }
  for (const proto::GraphProto &graph : attribute.graphs()) {
    checkGraph(graph, &scope);
  }
}

void GraphChecker::checkNode(const proto::NodeProto &node, const Scope &scope) {
  if (node.op_type().empty()) {
    bad("no-operator", describe(node), "has no operator");
  }
  checkDomain(node);
  for (const std::string &input : node.input()) {
    if (!input.empty() && !scope.has(input)) {
      bad("undefined-name", describe(node),
          "takes '" + escape(input, 80) + "', which " +
              (scope.makes(input) ? "this or a later node makes: nodes are not in order, or in a circle"
                                  : "is neither an input nor an initializer, and made by no node"));
    }
  }
  StringIndex names;
  for (const proto::AttributeProto &attribute : node.attribute()) {
    declare(attribute.name(), describe(node), names);
    checkAttribute(node, attribute, scope);
  }
}

void GraphChecker::checkNodes(const Nodes &nodes, Scope &scope) {
  for (const proto::NodeProto &node : nodes) {
    for (const std::string &output : node.output()) {
      if (!output.empty()) {
        declare(output, describe(node), scope.made);
      }
    }
  }
  for (const proto::NodeProto &node : nodes) {
    if (++nodeCount > limits.nodes) {
      return;
    }
    checkNode(node, scope);
    for (const std::string &output : node.output()) {
      if (!output.empty() && scope.known.find(output)) {
        bad("duplicate-name", describe(node), "makes '" + escape(output, 80) + "', which is an input or initializer");
      }
    }
    for (const std::string &output : node.output()) {
      if (!output.empty()) {
        scope.known.insert(output);
      }
    }
  }
}

void GraphChecker::checkGraph(const proto::GraphProto &graph, const Scope *outer) {
  Scope scope = {outer};
  for (const proto::ValueInfoProto &input : graph.input()) {
    declare(input.name(), "input '" + escape(input.name(), 80) + "'", scope.known);
  }
  // An initializer with the name of an input is its default.
  StringIndex initializers;
  for (const proto::TensorProto &tensor : graph.initializer()) {
    declare(tensor.name(), "tensor '" + escape(tensor.name(), 80) + "'", initializers);
    scope.known.insert(tensor.name());
  }
  checkNodes(graph.node(), scope);
  for (const proto::ValueInfoProto &output : graph.output()) {
    if (!scope.has(output.name())) {
      bad("undefined-name", "output '" + escape(output.name(), 80) + "'", "is made by no node");
    }
  }
  // Those of the main graph are read as weights.
  for (const proto::TensorProto &tensor : graph.initializer()) {
    if (outer) {
      tensors.read(tensor);
    }
  }
}

void GraphChecker::checkFunction(const proto::FunctionProto &function) {
  within = &function;
  Scope scope = {nullptr};
  std::string where = "function '" + escape(function.name(), 80) + "'";
  for (const std::string &input : function.input()) {
    declare(input, where, scope.known);
  }
  checkNodes(function.node(), scope);
  for (const std::string &output : function.output()) {
    if (!scope.has(output)) {
      bad("undefined-name", where, "gives '" + escape(output, 80) + "', which no node of it makes");
    }
  }
  within = nullptr;
}

void GraphChecker::run() {
  const proto::GraphProto &graph = model.proto().graph();
  for (const proto::ValueInfoProto &input : graph.input()) {
    checkValue("input", input);
  }
  for (const proto::ValueInfoProto &output : graph.output()) {
    checkValue("output", output);
  }
  if (graph.output_size() == 0) {
    bad("no-output", "", "has a graph without outputs");
  }
  checkGraph(graph, nullptr);
  for (const proto::FunctionProto &function : model.proto().functions()) {
    checkFunction(function);
  }
  if (nodeCount > limits.nodes) {
    fail(Problem::Resources, "too-many-nodes", "", "has more than " + llvm::Twine(limits.nodes) + " nodes");
  }
}

void checkGraphs(const Model &model, const ModelLimits &limits, Diagnostics &diagnostics) {
  GraphChecker(model, limits, diagnostics).run();
  checkCalls(model, limits, diagnostics);
}

} // namespace fathom::onnx
