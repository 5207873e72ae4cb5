// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of a model are inlined where they are called: that has to end, and soon.

#include "frontend/checkpoint/StringIndex.h"
#include "frontend/onnx/CheckGraphs.h"
#include "llvm/Support/MathExtras.h"

namespace fathom::onnx {

using checkpoint::Diagnostics;
using checkpoint::Problem;

/// A string that a message of a newer libonnx has in `field`.
static std::string unknownString(const google::protobuf::Message &message, int field) {
  const google::protobuf::UnknownFieldSet &fields = message.GetReflection()->GetUnknownFields(message);
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::UnknownField &found = fields.field(i);
    if (found.number() == field && found.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      return found.length_delimited();
    }
  }
  return "";
}

static std::string join(llvm::StringRef domain, llvm::StringRef name, const std::string &overload) {
  return (normalizeDomain(domain) + llvm::Twine('\0') + name + llvm::Twine('\0') + overload).str();
}
std::string keyOf(const proto::NodeProto &node) { return join(node.domain(), node.op_type(), unknownString(node, 8)); }
std::string keyOf(const proto::FunctionProto &function) {
  return join(function.domain(), function.name(), unknownString(function, 13));
}

namespace {
class CallChecker {
public:
  CallChecker(const Model &model, const ModelLimits &limits, Diagnostics &diagnostics)
      : model(model), limits(limits), diagnostics(diagnostics) {}

  void run();

private:
  using Nodes = google::protobuf::RepeatedPtrField<proto::NodeProto>;
  /// Calls in calls; exporters nest a few.
  static constexpr unsigned kMostDepth = 64;

  void fail(Problem problem, const char *code, llvm::StringRef where, const llvm::Twine &message) {
    diagnostics.error(problem, code, model.path(), where, message);
  }
  void indexFunctions();
  uint64_t count(const Nodes &nodes);
  uint64_t countFunction(uint32_t number);

  const Model &model;
  const ModelLimits &limits;
  Diagnostics &diagnostics;
  std::vector<std::string> keys;
  checkpoint::StringIndex functions;
  enum class State { New, Open, Done };
  std::vector<State> states;
  /// Of each function that is done, the nodes that a call of it stands for.
  std::vector<uint64_t> sizes;
  unsigned depth = 0;
};
} // namespace

void CallChecker::indexFunctions() {
  for (const proto::FunctionProto &function : model.proto().functions()) {
    keys.push_back(keyOf(function));
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!functions.insert(keys[i]).second) {
      fail(Problem::BadInput, "duplicate-name", "function '" + escape(model.proto().functions(i).name(), 80) + "'",
           "is there twice");
    }
  }
  states.assign(functions.size(), State::New);
  sizes.assign(functions.size(), 0);
}

uint64_t CallChecker::count(const Nodes &nodes) {
  uint64_t sum = 0;
  for (const proto::NodeProto &node : nodes) {
    std::optional<uint32_t> callee = functions.find(keyOf(node));
    sum = llvm::SaturatingAdd(sum, callee ? countFunction(*callee) : uint64_t(1));
    for (const proto::AttributeProto &attribute : node.attribute()) {
      sum = llvm::SaturatingAdd(sum, attribute.has_g() ? count(attribute.g().node()) : uint64_t(0));
      for (const proto::GraphProto &graph : attribute.graphs()) {
        sum = llvm::SaturatingAdd(sum, count(graph.node()));
      }
    }
  }
  return sum;
}

uint64_t CallChecker::countFunction(uint32_t number) {
  const proto::FunctionProto &function = model.proto().functions(static_cast<int>(number));
  std::string where = "function '" + escape(function.name(), 80) + "'";
  if (states[number] == State::Open) {
    fail(Problem::BadInput, "recursion", where, "calls itself, by itself or through others");
  }
  if (states[number] != State::New) {
    return sizes[number];
  }
  if (depth == kMostDepth) {
    fail(Problem::Resources, "too-deep", where, "is called in more than " + llvm::Twine(kMostDepth) + " others");
    return 0;
  }
  states[number] = State::Open;
  ++depth;
  sizes[number] = count(function.node());
  --depth;
  states[number] = State::Done;
  return sizes[number];
}

void CallChecker::run() {
  indexFunctions();
  uint64_t nodes = count(model.proto().graph().node());
  for (uint32_t i = 0; i < states.size(); ++i) {
    countFunction(i);
  }
  if (nodes > limits.nodes) {
    fail(Problem::Resources, "too-many-nodes", "",
         "has more than " + llvm::Twine(limits.nodes) + " nodes with those of functions at each of their calls");
  }
}

void checkCalls(const Model &model, const ModelLimits &limits, Diagnostics &diagnostics) {
  CallChecker(model, limits, diagnostics).run();
}

} // namespace fathom::onnx
