// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators of ONNX Runtime's optimizer that are two of ONNX, which stand in their place.

#include "frontend/onnx/Inference.h"

#include "llvm/ADT/StringSwitch.h"

namespace fathom::onnx {

/// The operators that ONNX Runtime fuses behind a Gemm.
static bool isActivation(llvm::StringRef op) {
  return llvm::StringSwitch<bool>(op)
      .Cases({"Elu", "HardSigmoid", "LeakyRelu", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh"}, true)
      .Default(false);
}

/// Adds a number, and nothing else that it may come with.
static void addNumber(proto::NodeProto &node, llvm::StringRef name, const proto::AttributeProto &from) {
  proto::AttributeProto &attribute = *node.add_attribute();
  attribute.set_name(name.str());
  attribute.set_type(from.type());
  attribute.set_f(from.f());
  attribute.set_i(from.i());
}

Inference::Ids Inference::walkFusedGemm(const proto::NodeProto &node, const Scope &scope, TypedGraph &into) {
  proto::NodeProto product, activation;
  std::string sums = "gemm";
  activation.add_input(sums);
  for (const proto::AttributeProto &attribute : node.attribute()) {
    llvm::StringRef name = attribute.name();
    if (name == "activation") {
      activation.set_op_type(attribute.s());
    } else {
      bool isOfActivation = name.consume_front("activation_");
      addNumber(isOfActivation ? activation : product, name, attribute);
    }
  }
  if (!isActivation(activation.op_type()) || node.output_size() != 1) {
    return applyRule(node, scope, into);
  }
  product.set_op_type("Gemm");
  *product.mutable_input() = node.input();
  product.add_output(sums);
  *activation.mutable_output() = node.output();
  Scope inside = {&scope};
  for (proto::NodeProto *part : {&product, &activation}) {
    part->set_name(node.name());
    found.substituted.push_back(std::make_unique<proto::NodeProto>(std::move(*part)));
    walkInto(*found.substituted.back(), inside, into);
  }
  return {inside.find(node.output(0))};
}

} // namespace fathom::onnx
