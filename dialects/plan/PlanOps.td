// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of the `plan` dialect.

#ifndef FATHOM_DIALECTS_PLAN_PLANOPS_TD
#define FATHOM_DIALECTS_PLAN_PLANOPS_TD

include "dialects/plan/PlanDialect.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Plan_RowsOp : Plan_Op<"rows", [Pure]> {
  let summary = "how many rows a call has, or how many of them want logits";
  let description = [{
    `rows` is fathom_call_t.rows: tokens of one sequence in the expanded form, sequences in the absorbed one.
    `logit_rows` is fathom_call_t.logit_rows.

    Example: `%n = plan.rows rows of %call`.
  }];
  let arguments = (ins Plan_CallType:$call, Plan_Rows:$which);
  let results = (outs Index:$result);
  let assemblyFormat = "$which `of` $call attr-dict";
}

def Plan_ArgumentOp : Plan_Op<"argument", [Pure]> {
  let summary = "an array that the caller passes";
  let description = [{
    The field of fathom_call_t of that name: `tokens`, `positions`, `hidden`, `logit_row_ids`, `logits`, `hidden_out`
    or `argmax`.

    Constraints: (C1) a call has the array (`fathom/call_inputs.def`); (C2) the result is of its type.

    Example: `%tokens = plan.argument "tokens" of %call : memref<?xi32>`.
  }];
  let arguments = (ins Plan_CallType:$call, StrAttr:$name);
  let results = (outs Plan_RowsMemory:$result);
  let assemblyFormat = "$name `of` $call attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Plan_BufferOp : Plan_Op<"buffer"> {
  let summary = "memory at a fixed offset of the arena";
  let description = [{
    `bytes` is what the buffer needs when the call has as many rows as the entry point takes; `sizes` are those of this
    call, one for each dynamic dimension. `fathom-plan-buffers` gives the `offset`.

    Constraints: (C1) there are as many `sizes` as dynamic dimensions.

    Example: `%b = plan.buffer of %call bytes 131072 offset 0 sizes(%n) : memref<?x128xf32>`.
  }];
  let arguments = (ins Plan_CallType:$call, Plan_Count:$bytes, OptionalAttr<Plan_Count>:$offset,
                       Variadic<Index>:$sizes);
  // Two buffers are never one, whatever CSE thinks of their attributes.
  let results = (outs Res<Plan_Memory, "", [MemAlloc<DefaultResource>]>:$result);
  let assemblyFormat = [{
    `of` $call `bytes` $bytes (`offset` $offset^)? (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def Plan_WeightOp : Plan_Op<"weight", [Pure]> {
  let summary = "a slice of the weight table, or the table of a layer's experts";
  let description = [{
    Slices of `weight` start at `first_slice` of the program's weight table; each layer has `slices_per_layer`, and
    `instance` says which of the layers that share the function it is. The result is the weight, all experts' in one, or the
    table of theirs where each is a slice of its own.

    Example: `%w = plan.weight of %call @w[%i] slices 2, 1 : memref<48x128xbf16>`.
  }];
  let arguments = (ins Plan_CallType:$call, FlatSymbolRefAttr:$weight, Plan_Count:$first_slice,
                       Plan_Count:$slices_per_layer, Optional<Index>:$instance);
  let results = (outs AnyTypeOf<[Plan_StaticMemory, Plan_TableType]>:$result);
  let assemblyFormat = [{
    `of` $call $weight (`[` $instance^ `]`)? `slices` $first_slice `,` $slices_per_layer attr-dict `:`
    type($result)
  }];
}

def Plan_ExpertOp : Plan_Op<"expert", [Pure]> {
  let summary = "one expert's weight, for generated loops";
  let description = [{
    Constraints: (C1) the result is of the table's element type.

    Example: `%w = plan.expert %table[%e] : <memref<32x128xbf16>> -> memref<32x128xbf16>`.
  }];
  let arguments = (ins Plan_TableType:$table, Index:$index);
  let results = (outs Plan_StaticMemory:$result);
  let assemblyFormat = "$table `[` $index `]` attr-dict `:` type($table) `->` type($result)";
  let hasVerifier = 1;
}

def Plan_CacheRowOp : Plan_Op<"cache_row", [Pure]> {
  let summary = "a store's row for a position of a row's sequence, for generated loops";
  let description = [{
    `row` is a row of the call; its sequence's page table says where the position's page is, and the module's
    `plan.stores` where pages hold the store. Of a store of several heads, `layer` is layer · heads + head. Rows of f32 are
    read and written as memory; others are bytes, for `plan.read_number` and `plan.write_row`.

    Constraints: (C1) the module has the store; (C2) the result is a row of it, in f32 or in i8.

    Example: `%c = plan.cache_row "latent" of %task[%t] at %u layer %l : memref<576xf32>`.
  }];
  let arguments = (ins Plan_TaskType:$task, StrAttr:$store, Index:$row, Index:$position, Index:$layer);
  let results = (outs Plan_StaticMemory:$result);
  let assemblyFormat = [{
    $store `of` $task `[` $row `]` `at` $position `layer` $layer attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def Plan_ReadNumberOp : Plan_Op<"read_number"> {
  let summary = "a number of a store's row that is not f32";
  let description = [{
    Number `index` of the row, decoded.

    Constraints: (C1) the module has the store, and its rows are not f32; (C2) `row` is one of them.

    Example: `%x = plan.read_number "latent" %row[%i] : memref<656xi8>`.
  }];
  let arguments = (ins StrAttr:$store, Arg<Plan_StaticMemory, "", [MemRead]>:$row, Index:$index);
  let results = (outs F32:$result);
  let assemblyFormat = "$store $row `[` $index `]` attr-dict `:` type($row)";
  let hasVerifier = 1;
}

def Plan_WriteRowOp : Plan_Op<"write_row"> {
  let summary = "writes a store's row that is not f32";
  let description = [{
    Rounds `numbers` to what the store keeps: all at once, since numbers of FP8 share scales.

    Constraints: (C1) the module has the store, and its rows are not f32; (C2) `row` is one of them; (C3) `numbers` are as
    many f32.

    Example: `plan.write_row "latent" %x, %row : memref<576xf32>, memref<656xi8>`.
  }];
  let arguments = (ins StrAttr:$store, Arg<Plan_StaticMemory, "", [MemRead]>:$numbers,
                       Arg<Plan_StaticMemory, "", [MemWrite]>:$row);
  let assemblyFormat = "$store $numbers `,` $row attr-dict `:` type($numbers) `,` type($row)";
  let hasVerifier = 1;
}

def Plan_OperandOp : Plan_Op<"operand", [Pure]> {
  let summary = "what a dispatch gives a generated function";
  let description = [{
    Operand `number` of the dispatch: a weight, a table, or memory with `factor` rows for each row of the dispatch. Of
    such memory `item` picks the rows of one row of the dispatch, which are the first size then. Memory without a factor
    has a number of rows that nobody asks for.

    Constraints: (C1) an item's memory has as many rows as the factor says; (C2) other memory with a factor has a dynamic
    first size.

    Examples:
    ```mlir
    %x = plan.operand 0 of %task at %item factor 2 : memref<2x128xf32>
    %w = plan.operand 1 of %task : memref<48x128xbf16>
    %y = plan.operand 2 of %task factor 2 : memref<?x128xf32>
    ```
  }];
  let arguments = (ins Plan_TaskType:$task, Plan_Count:$number, Optional<Index>:$item, OptionalAttr<Plan_Count>:$factor);
  let results = (outs AnyTypeOf<[Plan_RowsMemory, Plan_TableType]>:$result);
  let assemblyFormat = [{
    $number `of` $task (`at` $item^)? (`factor` $factor^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def Plan_LayerOp : Plan_Op<"layer", [Pure]> {
  let summary = "the layer whose part of the cache a dispatch uses";
  let description = [{ Example: `%l = plan.layer of %task`. }];
  let arguments = (ins Plan_TaskType:$task);
  let results = (outs Index:$result);
  let assemblyFormat = "`of` $task attr-dict";
}

def Plan_TemporaryOp : Plan_Op<"temporary", [Pure]> {
  let summary = "scratch memory at a fixed offset";
  let description = [{
    A temporary of a generated function. Temporaries that are alive at the same time are apart.

    Example: `%m = plan.temporary of %scratch offset 64 : memref<16x128xf32>`.
  }];
  let arguments = (ins Plan_ScratchType:$scratch, Plan_Count:$offset);
  let results = (outs Plan_StaticMemory:$result);
  let assemblyFormat = "`of` $scratch `offset` $offset attr-dict `:` type($result)";
}

def Plan_KernelOp : Plan_Op<"kernel", [Symbol, IsolatedFromAbove]> {
  let summary = "a kernel of the catalog with the constants of some dispatches";
  let description = [{
    `constants` are in the catalog's order; real ones are the bits of an f64. Codegen links the kernel's bitcode with
    them, so that shapes and strides are constants of the machine code. The region, if there is one, is the
    epilogue on each output: it takes the output and one f32 of each extra operand, which follow the kernel's own
    operands in a dispatch.

    Constraints: (C1) an epilogue takes one f32 or more and ends with `plan.yield`.

    Example:
    ```mlir
    plan.kernel @k0 = "x86_f32_moe_combine" operands 4 constants [128, 6, 0] {
    ^bb0(%sum: f32, %residual: f32):
      %0 = arith.addf %sum, %residual : f32
      plan.yield %0
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$kernel, Plan_Count:$operand_count,
                       DenseI64ArrayAttr:$constants);
  let regions = (region MaxSizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    $sym_name `=` $kernel `operands` $operand_count `constants` $constants ($epilogue^)? attr-dict
  }];
  let hasRegionVerifier = 1;
}

def Plan_YieldOp : Plan_Op<"yield", [Pure, Terminator, HasParent<"KernelOp">]> {
  let summary = "ends an epilogue with the output's value";
  let description = [{ Example: `plan.yield %0`. }];
  let arguments = (ins F32:$value);
  let assemblyFormat = "$value attr-dict";
}

def Plan_DispatchOp : Plan_Op<"dispatch", [AttrSizedOperandSegments, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                           DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "runs a kernel or a generated function over its items, in parallel, to the end";
  let description = [{
    The kernel reads `inputs` and `extras`, which are its epilogue's, and writes `outputs`; it finds rows of the stores
    `reads` and `writes` in the cache of `layer`. That is all that it touches, so dispatches that touch nothing of each
    other's may run at the same time. `rows` is fathom_dispatch.rows.

    Constraints: (C1) `kernel` names a `plan.kernel`, and there are as many operands as it and its epilogue take;
    (C2) those of the epilogue are f32 or bf16 rows of a static width, or a vector of bf16, f16 or f32 with a number for each
    column, and of the same type in every dispatch of the kernel; or (C3) it names a function of a task, each
    `plan.operand` of which is one of the operands and of its type, but for the number of rows; (C4) the module has the
    stores. Memory is contiguous: a kernel gets its address alone, in the order of inputs, outputs and extras.

    Example:
    ```mlir
    plan.dispatch @k0 of %call rows %n layer %l ins(%x, %w : memref<?x128xf32>, memref<48x128xbf16>)
        outs(%y : memref<?x48xf32>)
    plan.dispatch @k1 of %call rows %n layer %l ins(%q : memref<?x192xf32>) outs(%o : memref<?x128xf32>) reads ["latent"]
    ```
  }];
  let arguments = (ins Plan_CallType:$call, FlatSymbolRefAttr:$kernel, Index:$rows, Index:$layer,
                       Variadic<AnyTypeOf<[Plan_Memory, Plan_TableType]>>:$inputs, Variadic<Plan_Memory>:$outputs,
                       Variadic<Plan_Memory>:$extras, DefaultValuedAttr<StrArrayAttr, "{}">:$reads,
                       DefaultValuedAttr<StrArrayAttr, "{}">:$writes);
  let assemblyFormat = [{
    $kernel `of` $call `rows` $rows `layer` $layer (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    (`outs` `(` $outputs^ `:` type($outputs) `)`)? (`extras` `(` $extras^ `:` type($extras) `)`)? (`reads` $reads^)?
    (`writes` $writes^)? attr-dict
  }];
  let extraClassDeclaration = [{
    /// Inputs, outputs and extras: what the kernel gets addresses of.
    mlir::OperandRange getArguments() { return getOperation()->getOperands().drop_front(3); }
  }];
  let hasVerifier = 1;
}

def Plan_RecordStateOp : Plan_Op<"record_state"> {
  let summary = "copies a layer's output to the caller, if it asked for states";
  let description = [{
    Constraints: (C1) the input is f32 or bf16 rows of a static width.

    Example: `plan.record_state of %call %x layer 1 : memref<?x128xf32>`.
  }];
  let arguments = (ins Plan_CallType:$call, Plan_Memory:$input, Plan_Count:$layer);
  let hasVerifier = 1;
  let assemblyFormat = "`of` $call $input `layer` $layer attr-dict `:` type($input)";
}

#endif // FATHOM_DIALECTS_PLAN_PLANOPS_TD
