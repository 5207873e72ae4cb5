// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rules of graphs, whatever their operators are: names are there before they are used and made once, attributes are
// of the type that they say, and functions end.

#ifndef FATHOM_FRONTEND_ONNX_CHECKGRAPHS_H
#define FATHOM_FRONTEND_ONNX_CHECKGRAPHS_H

#include "frontend/onnx/Model.h"

namespace fathom::onnx {

/// Checks the graph of a model, graphs in it, and its functions.
void checkGraphs(const Model &model, const ModelLimits &limits, checkpoint::Diagnostics &diagnostics);

/// Checks that functions call each other neither in circles nor without end: `limits` bounds the nodes that calls stand
/// for as well.
void checkCalls(const Model &model, const ModelLimits &limits, checkpoint::Diagnostics &diagnostics);

/// What a node and the function that it calls, if it calls one, have in common: domain, name and overload, which newer
/// versions of the format have.
std::string keyOf(const proto::NodeProto &node);
std::string keyOf(const proto::FunctionProto &function);

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_CHECKGRAPHS_H
