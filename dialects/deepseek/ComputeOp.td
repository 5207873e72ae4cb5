// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What passes, planner and evaluator ask of an op that computes.

#ifndef FATHOM_DIALECTS_DEEPSEEK_COMPUTEOP_TD
#define FATHOM_DIALECTS_DEEPSEEK_COMPUTEOP_TD

include "mlir/IR/OpBase.td"

def DeepSeek_ComputeOp : OpInterface<"ComputeOp"> {
  let cppNamespace = "::fathom::deepseek";
  let description = [{
    An op that computes values of the call's rows. It says here, beside its verifier, all that others must know of it, so
    that no pass lists ops by name. Answers are plain data: the dialect knows names of kernels, but no kernel.

    Ops without it are structural: weights and recipes, terminators, and what only shows a value to the caller.
  }];
  let verify = [{ return ::fathom::deepseek::verifyActivations($_op); }];
  let methods = [
    InterfaceMethod<"The kernels that can run the op. No name: none can, and it becomes generated loops.",
      "::fathom::deepseek::KernelUse", "getKernelUse">,
    InterfaceMethod<"What such a kernel is given: inputs in the order of the catalog, and constants by name.",
      "void", "describe", (ins "::fathom::deepseek::KernelDescription &":$description)>,
    InterfaceMethod<"The operand whose rows a kernel counts. None: it counts the rows of the call.",
      "::mlir::Value", "getRowsOperand", (ins), [{}],
      [{ return $_op->getNumOperands() == 0 ? ::mlir::Value() : $_op->getOperand(0); }]>,
    InterfaceMethod<"How many rows a result has.",
      "::fathom::deepseek::RowRule", "getResultRows", (ins "unsigned":$result), [{}],
      [{ return ::fathom::deepseek::getRowsLike($_op.getRowsOperand(), $_op->getResult(result)); }]>,
    InterfaceMethod<"How many items generated loops are divided into, which write memory of their own. 0: one for each row "
      "of the rows operand, which reads that row of the others and no more.",
      "int64_t", "getItemCount", (ins), [{}], [{ return 0; }]>,
    InterfaceMethod<"Whether an item of a row reads other rows of an operand as well.",
      "bool", "readsAllRows", (ins "::mlir::Value":$operand), [{}], [{ return false; }]>,
    InterfaceMethod<"What an i32 operand's values are below: a size of dimension, which may be unknown. None: positions.",
      "std::optional<int64_t>", "getIdLimit", (ins "::mlir::OpOperand &":$ids), [{}], [{ return std::nullopt; }]>,
    InterfaceMethod<"The weight that kernels can read in a layout of theirs, whatever it is now; no weight: there is none.",
      "::fathom::deepseek::ScaledWeight", "getPackableWeight", (ins), [{}], [{ return {}; }]>,
    InterfaceMethod<"Replaces the packable weight.",
      "void", "setPackableWeight", (ins "const ::fathom::deepseek::ScaledWeight &":$weight), [{}],
      [{ llvm_unreachable("only called where there is a packable weight"); }]>,
    InterfaceMethod<"Weights of any type that kernels read as f32.",
      "::mlir::MutableOperandRange", "getF32Weights", (ins), [{}],
      [{ return ::mlir::MutableOperandRange($_op, 0, 0); }]>,
    InterfaceMethod<"Whether an operand or a result is f32, whatever the target says that activations are.",
      "bool", "staysF32", (ins "::mlir::Value":$value), [{}], [{ return false; }]>,
    InterfaceMethod<"Whether activations that it gives may have another type than those that it reads. No: all have one.",
      "bool", "convertsActivations", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<"Where sums of the result with other values can go, if anywhere.",
      "std::optional<::fathom::deepseek::EpilogueSlot>", "getEpilogueSlot", (ins), [{}], [{ return std::nullopt; }]>,
  ];
}

#endif // FATHOM_DIALECTS_DEEPSEEK_COMPUTEOP_TD
