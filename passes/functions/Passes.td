// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes that compile graphs as they stand: from nodes to functions of the LLVM dialect.

#ifndef FATHOM_PASSES_FUNCTIONS_PASSES_TD
#define FATHOM_PASSES_FUNCTIONS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertOnnxToStructured : Pass<"fathom-convert-onnx-to-structured", "mlir::ModuleOp"> {
  let summary = "decompose the nodes of a graph into structured ops";
  let description = [{
    `@main` of `onnx` nodes becomes one of linalg, tensor, scf, arith and math, on memory that the caller gives and takes.
    Sizes that are not known are those of tensors; `cf.assert` ends a call where tensors do not fit each other, and where
    an index leads beyond its data. The initializers become `memref.global @weight.N`, in their order.

    Floats of 16 bits are computed as f32, and sums of floats add up in f64 but for those of products. Nodes that have no
    decomposition are an error, which names all of their operators.

    Numeric contract: dialects/onnx/evaluate within 1e-5 of the largest output.
    Tests: test/passes/functions/convert-onnx-to-structured.mlir, test/passes/functions/missing.mlir and
    test/e2e/onnx/functions_test.py.
  }];
  let dependentDialects = ["mlir::bufferization::BufferizationDialect", "mlir::cf::ControlFlowDialect",
                           "mlir::linalg::LinalgDialect", "mlir::math::MathDialect", "mlir::memref::MemRefDialect",
                           "mlir::scf::SCFDialect", "mlir::tensor::TensorDialect"];
}

def ConvertFunctionsToLLVM : Pass<"fathom-convert-functions-to-llvm", "mlir::ModuleOp"> {
  let summary = "turn functions on tensors into the LLVM dialect";
  let description = [{
    Functions are bufferised, linalg becomes loops, and math polynomials, since code calls no library. A function `@main`
    becomes `@main.call`, a fathom_function_fn of runtime/include/fathom/function_abi.h: what it takes, what weights are
    and where its results go, the call says, and memory comes from there too. It returns the message of the `cf.assert`
    that failed, or null.

    Loop nests that take no memory are functions of their own, fathom_nest_fn, which the call runs: alike nests are one.
    What they use is in memory. So `@main.call` is a list of calls, however many nodes there are.

    Numeric contract: exact but for functions of math, 1e-6 relative.
    Tests: test/passes/functions/convert-functions-to-llvm.mlir and test/e2e/onnx/functions_test.py.
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect", "mlir::scf::SCFDialect", "mlir::cf::ControlFlowDialect",
                           "mlir::affine::AffineDialect", "mlir::memref::MemRefDialect",
                           "mlir::func::FuncDialect"];
}

#endif // FATHOM_PASSES_FUNCTIONS_PASSES_TD
