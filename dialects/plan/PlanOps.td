// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of the `plan` dialect.

#ifndef DIALECTS_PLAN_PLANOPS_TD
#define DIALECTS_PLAN_PLANOPS_TD

include "dialects/plan/PlanDialect.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Plan_RowsOp : Plan_Op<"rows", [Pure]> {
  let summary = "how many rows a call has, or how many of them want logits";
  let arguments = (ins Plan_CallType:$call, Plan_Rows:$which);
  let results = (outs Index:$result);
  let assemblyFormat = "$which `of` $call attr-dict";
}

def Plan_ArgumentOp : Plan_Op<"argument", [Pure]> {
  let summary = "an array that the caller passes";
  let arguments = (ins Plan_CallType:$call, Plan_Argument:$which);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "$which `of` $call attr-dict `:` type($result)";
}

def Plan_BufferOp : Plan_Op<"buffer"> {
  let summary = "memory at a fixed offset of the arena";
  let description = [{
    `bytes` is what the buffer needs when the call has as many rows as the entry point takes; `rows` is the count of
    this call. `fathom-plan-buffers` gives the `offset`.

    Example: `%b = plan.buffer of %call bytes 131072 offset 0 rows(%n) : memref<?x128xf32>`.
  }];
  let arguments = (ins Plan_CallType:$call, I64Attr:$bytes, OptionalAttr<I64Attr>:$offset, Optional<Index>:$rows);
  // Two buffers are never one, whatever CSE thinks of their attributes.
  let results = (outs Res<AnyMemRef, "", [MemAlloc<DefaultResource>]>:$result);
  let assemblyFormat = [{
    `of` $call `bytes` $bytes (`offset` $offset^)? (`rows` `(` $rows^ `)`)? attr-dict `:` type($result)
  }];
}

def Plan_WeightOp : Plan_Op<"weight", [Pure]> {
  let summary = "a slice of the weight table, or the table of a layer's experts";
  let description = [{
    Slices of `weight` start at `first_slice` of the call's weight table; each layer has `slices_per_layer`, and
    `instance` says which layer. The result is the weight, or, for experts, the table of theirs.
  }];
  let arguments = (ins Plan_CallType:$call, FlatSymbolRefAttr:$weight, I64Attr:$first_slice, I64Attr:$slices_per_layer,
                       Optional<Index>:$instance);
  let results = (outs AnyType:$result);
  let assemblyFormat = [{
    `of` $call $weight (`[` $instance^ `]`)? `slices` $first_slice `,` $slices_per_layer attr-dict `:`
    type($result)
  }];
}

def Plan_ExpertOp : Plan_Op<"expert", [Pure]> {
  let summary = "one expert's weight, for generated loops";
  let arguments = (ins Plan_TableType:$table, Index:$index);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "$table `[` $index `]` attr-dict `:` type($table) `->` type($result)";
}

def Plan_CacheRowOp : Plan_Op<"cache_row", [Pure]> {
  let summary = "the cache's row for a position of a row's sequence, for generated loops";
  let description = [{
    A page holds `layers` layers of FATHOM_PAGE_TOKENS positions each (kernel_abi.h).
  }];
  let arguments = (ins Plan_CallType:$call, Index:$row, Index:$position, Index:$layer);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = [{
    `of` $call `[` $row `]` `at` $position `layer` $layer attr-dict `:` type($result)
  }];
}

def Plan_AllocateOp : Plan_Op<"allocate", [MemoryEffects<[MemAlloc, MemWrite]>]> {
  let summary = "memory from the host, for temporaries of generated loops";
  let arguments = (ins Plan_CallType:$call, Variadic<Index>:$sizes);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "`of` $call `(` $sizes `)` attr-dict `:` type($result)";
}

def Plan_DeallocateOp : Plan_Op<"deallocate", [MemoryEffects<[MemFree]>]> {
  let summary = "gives memory back to the host";
  let arguments = (ins Plan_CallType:$call, AnyMemRef:$memory);
  let assemblyFormat = "`of` $call $memory attr-dict `:` type($memory)";
}

def Plan_KernelOp : Plan_Op<"kernel", [Symbol]> {
  let summary = "a kernel of kernels/catalog.def with the constants of some dispatches";
  let description = [{
    `constants` are in the catalog's order; real ones are the bits of an f64. The region, if there is one, is the
    epilogue on each output: it takes the output and one f32 of each extra operand, which follow the kernel's own
    operands in a dispatch.

    Example:
    ```mlir
    plan.kernel @k0 = "avx2_bf16_gemm" operands 3 constants [128, 48, 128, 0, 48, 0, 4] {
    ^bb0(%sum: f32, %residual: f32):
      %0 = arith.addf %sum, %residual : f32
      plan.yield %0
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$kernel, I64Attr:$operand_count, DenseI64ArrayAttr:$constants);
  let regions = (region AnyRegion:$epilogue);
  let assemblyFormat = [{
    $sym_name `=` $kernel `operands` $operand_count `constants` $constants ($epilogue^)? attr-dict
  }];
}

def Plan_YieldOp : Plan_Op<"yield", [Pure, Terminator, HasParent<"KernelOp">]> {
  let summary = "ends an epilogue with the output's value";
  let arguments = (ins F32:$value);
  let assemblyFormat = "$value attr-dict";
}

def Plan_DispatchOp : Plan_Op<"dispatch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel over its items, in parallel, to the end";
  let description = [{
    `results` of the operands (the last ones before an epilogue's extras) are written; `rows` is fathom_dispatch.rows
    and `layer` the layer whose cache the kernel uses.

    Example: `plan.dispatch @k0 of %call rows %n layer %l (%x, %w, %y) : memref<?x128xf32>, …`.
  }];
  let arguments = (ins Plan_CallType:$call, FlatSymbolRefAttr:$kernel, Index:$rows, Index:$layer,
                       Variadic<AnyType>:$arguments);
  let assemblyFormat = [{
    $kernel `of` $call `rows` $rows `layer` $layer `(` $arguments `)` attr-dict `:` type($arguments)
  }];
}

def Plan_RecordStateOp : Plan_Op<"record_state"> {
  let summary = "copies a layer's output to the caller, if it asked for states";
  let arguments = (ins Plan_CallType:$call, AnyMemRef:$input, I64Attr:$layer);
  let assemblyFormat = "`of` $call $input `layer` $layer attr-dict `:` type($input)";
}

#endif // DIALECTS_PLAN_PLANOPS_TD
