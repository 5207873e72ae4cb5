// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Facts and tables of an ONNX model.

#include "tools/driver/InspectOnnx.h"

#include "dialects/support/Escape.h"
#include "frontend/onnx/InferShapes.h"
#include "tools/driver/CompileModel.h"
#include "tools/driver/RaisedOps.h"
#include "llvm/ADT/StringSet.h"

#include <map>

namespace fathom::driver {

namespace proto = onnx::proto;

/// Of each domain and operator how many nodes, graphs within nodes and functions included.
using OperatorCounts = std::map<std::pair<std::string, std::string>, int64_t>;

static void countOperators(const google::protobuf::RepeatedPtrField<proto::NodeProto> &nodes, OperatorCounts &counts) {
  for (const proto::NodeProto &node : nodes) {
    ++counts[{onnx::nameOfDomain(node.domain()).str(), node.op_type()}];
    for (const proto::AttributeProto &attribute : node.attribute()) {
      countOperators(attribute.g().node(), counts);
      for (const proto::GraphProto &graph : attribute.graphs()) {
        countOperators(graph.node(), counts);
      }
    }
  }
}

/// Extents; those that follow from what a caller chooses by the names that the model gives, "?1" where it gives none.
static json::Value describeShape(const std::optional<onnx::Shape> &shape, const onnx::Symbols &symbols) {
  if (!shape) {
    return nullptr;
  }
  json::Array extents;
  for (const onnx::Extent &extent : *shape) {
    std::optional<int64_t> constant = extent.constant();
    extents.push_back(constant ? json::Value(*constant) : json::Value(escape(extent.str(symbols), 80)));
  }
  return extents;
}

static void addValue(const proto::ValueInfoProto &info, const onnx::Value &value, const onnx::Symbols &symbols,
                     Report &report) {
  const onnx::ElementType *type = onnx::findElementType(value.element);
  report.row({escape(info.name()), type ? json::Value(type->name) : nullptr, describeShape(value.shape, symbols)});
}

static void listValues(const onnx::Model &model, const onnx::TypedModel &typed, Report &report) {
  llvm::StringSet<> given;
  for (const onnx::Tensor &tensor : model.initializers()) {
    given.insert(tensor.proto->name());
  }
  const proto::GraphProto &graph = model.proto().graph();
  report.table("inputs", {"name", "type", "shape"});
  size_t number = 0;
  for (const proto::ValueInfoProto &input : graph.input()) {
    // Models of old versions list what they have values for among their inputs.
    if (!given.contains(input.name())) {
      addValue(input, typed.values[typed.main.inputs[number++]], typed.symbols, report);
    }
  }
  report.table("outputs", {"name", "type", "shape"});
  for (int i = 0; i < graph.output_size(); ++i) {
    addValue(graph.output(i), typed.output(i), typed.symbols, report);
  }
}

static void listOperators(const onnx::Model &model, Report &report) {
  OperatorCounts counts;
  countOperators(model.proto().graph().node(), counts);
  report.table("functions", {"domain", "name", "nodes"});
  for (const proto::FunctionProto &function : model.proto().functions()) {
    report.row({escape(onnx::nameOfDomain(function.domain())), escape(function.name()), function.node_size()});
    countOperators(function.node(), counts);
  }
  report.table("operators", {"domain", "name", "nodes"});
  for (const auto &[name, nodes] : counts) {
    report.row({escape(name.first), escape(name.second), nodes});
  }
}

static void listTensors(const onnx::Model &model, Report &report) {
  report.table("tensors", {"name", "type", "shape", "file", "size_bytes"});
  for (const onnx::Tensor &tensor : model.initializers()) {
    report.row({escape(tensor.proto->name()), tensor.type->name, toArray(tensor.proto->dims()),
                escape(tensor.data.file.empty() ? model.path() : tensor.data.file), tensor.bytes});
  }
}

static void describeModel(const onnx::Model &model, Report &report) {
  const proto::ModelProto &proto = model.proto();
  uint64_t bytes = 0;
  for (const onnx::Tensor &tensor : model.initializers()) {
    bytes += tensor.bytes;
  }
  report.section("onnx");
  report.fact("file", escape(model.path()));
  report.fact("ir_version", proto.ir_version());
  report.fact("producer", escape(llvm::StringRef(proto.producer_name() + " " + proto.producer_version()).trim()));
  for (const proto::OperatorSetIdProto &set : proto.opset_import()) {
    report.fact("opset " + escape(onnx::nameOfDomain(set.domain()), 80), set.version());
  }
  report.fact("weight_bytes", bytes);
}

/// What the model becomes where it is recognized as one. What keeps it from that, `fathom lint` says.
static void listRaised(const std::string &path, Report &report) {
  CompileOptions options;
  options.input = path;
  options.tokenizer = false;
  options.raise = Raise::Require;
  checkpoint::Diagnostics findings;
  (void)lintModel(options, findings, [&](mlir::ModuleOp module) { listRaisedOps(module, report); });
}

void inspectOnnx(const std::string &path, checkpoint::Diagnostics &diagnostics, Report &report) {
  std::unique_ptr<onnx::Model> model = onnx::Model::open(path, diagnostics);
  if (!model) {
    return;
  }
  describeModel(*model, report);
  listValues(*model, onnx::inferShapes(*model, diagnostics), report);
  listOperators(*model, report);
  listTensors(*model, report);
  if (!diagnostics.hasErrors()) {
    listRaised(path, report);
  }
}

} // namespace fathom::driver
