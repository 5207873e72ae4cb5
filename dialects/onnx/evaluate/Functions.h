// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of numbers that fused operators have in them.

#ifndef FATHOM_DIALECTS_ONNX_EVALUATE_FUNCTIONS_H
#define FATHOM_DIALECTS_ONNX_EVALUATE_FUNCTIONS_H

namespace fathom::onnx {

double sigmoid(double x);
double gelu(double x);
/// By tanh.
double tanhGelu(double x);
double softplus(double x);

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_EVALUATE_FUNCTIONS_H
