// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `plan` dialect: buffers at fixed places, dispatches of kernels and of generated functions.

#ifndef FATHOM_DIALECTS_PLAN_PLANDIALECT_TD
#define FATHOM_DIALECTS_PLAN_PLANDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let summary = "programs as buffers and dispatches";
  let description = [{
    A function with `plan.max_rows` is an entry point of the artifact: it takes a `!plan.call` (a fathom_call_t of
    runtime/include/fathom/artifact_abi.h), runs dispatches and calls layers. A layer's function takes the call, the
    layer's input and output, its index in the model and its place among the layers that share the function, and calls
    nothing. The artifact has these functions as lists of commands, an op each.

    Activations are memrefs: the call's own, or `plan.buffer`s at fixed offsets of one arena. Weights are slices of the
    program's weight table. A dispatch runs the items of a kernel in parallel. It waits for those before it that write what it
    touches or touch what it writes, and for no others.

    What no kernel runs is dispatched as well, as a function `(!plan.task, index, !plan.scratch)` of one op, which the
    lower phase turns into loops: it is a kernel's task (`fathom_task_fn` of kernel_abi.h) for the item that it is given.
    It has an item for each row of its dispatch, or `plan.items`.

    An entry point has `deepseek.form`, `plan.max_rows` and `plan.arena_bytes`, and `plan.max_positions` where rows are
    below that position; weights and recipes in use have
    `plan.first_slice`, their place in the weight table; the module has `plan.scratch_bytes`, what a thread needs,
    `plan.stores`, an array of `#plan.store`, and `plan.page_bytes`, the size of a page that holds them.

    `fathom compile CHECKPOINT -o - --emit=plan` prints the plan of a checkpoint.
  }];
  let cppNamespace = "::fathom::plan";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
}

class Plan_Op<string mnemonic, list<Trait> traits = []> : Op<Plan_Dialect, mnemonic, traits>;

def Plan_CallType : TypeDef<Plan_Dialect, "Call"> {
  let mnemonic = "call";
  let summary = "the arguments of one call of an entry point";
  let description = [{
    What a caller gives (fathom_call_t of artifact_abi.h: tokens, positions, page tables, and where logits go), and what
    only the plan sees beside it: the arena and the program's weight table (artifact.fbs). Commands name places in them.
  }];
}

def Plan_TaskType : TypeDef<Plan_Dialect, "Task"> {
  let mnemonic = "task";
  let summary = "what the items of one dispatch of a generated function share";
  let description = [{ A pointer to a fathom_dispatch_t (kernel_abi.h): operands, rows, layer and cache. }];
}

def Plan_ScratchType : TypeDef<Plan_Dialect, "Scratch"> {
  let mnemonic = "scratch";
  let summary = "memory of the thread that runs an item";
  let description = [{ A pointer to `plan.scratch_bytes` bytes, which the next item of the thread writes over. }];
}

def Plan_TableType : TypeDef<Plan_Dialect, "Table"> {
  let mnemonic = "table";
  let summary = "a table of pointers to weights of one type: the experts of a layer";
  let description = [{
    What `plan.weight` gives for a weight with experts that stay where a checkpoint has them; `plan.expert` takes one out.

    Constraints: the element is contiguous and static.

    Example: `!plan.table<memref<4x8xbf16>>`.
  }];
  let parameters = (ins "mlir::MemRefType":$element);
  let assemblyFormat = "`<` $element `>`";
  let genVerifyDecl = 1;
}

def Plan_StoreAttr : AttrDef<Plan_Dialect, "Store"> {
  let mnemonic = "store";
  let summary = "where a page of the cache holds a store";
  let description = [{
    From `offset` on, in bytes, rows [layers][heads][FATHOM_PAGE_TOKENS] of `width` numbers, which are f32, bf16, or
    f8E4M3FN but for the last `tail`, which are bf16 then (kernel_abi.h says how they lie).

    Constraints: (C1) layers, heads and width are 1 to 2^24, the offset is 0 or more; (C2) numbers are f32, bf16 or
    f8E4M3FN, and a tail of less than the width is behind f8E4M3FN alone.

    Example: `#plan.store<"latent", layers = 27, width = 576, element = f8E4M3FN, tail = 64, offset = 0>`.
  }];
  let parameters = (ins StringRefParameter<>:$name, "int64_t":$layers, DefaultValuedParameter<"int64_t", "1">:$heads,
                        "int64_t":$width,
                        DefaultValuedParameter<"mlir::Type", "::mlir::Float32Type::get($_ctxt)">:$element,
                        DefaultValuedParameter<"int64_t", "0">:$tail, "int64_t":$offset);
  let assemblyFormat = "`<` $name `,` struct($layers, $heads, $width, $element, $tail, $offset) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Of FATHOM_ROW_*.
    int64_t getRowElement() const;
    int64_t getRowBytes() const;
    /// What a row is to code: f32 numbers, or bytes that `plan.read_number` and `plan.write_row` know.
    mlir::MemRefType getRowType() const;
  }];
}

class Plan_MemoryOf<string predicate, string name>
    : ConfinedType<AnyMemRef, [CPred<"::fathom::plan::" # predicate # "($_self)">], name>;

/// What a descriptor can be made for: numbers of whole bytes side by side.
def Plan_Memory : Plan_MemoryOf<"isMemory", "contiguous memref of numbers">;
def Plan_RowsMemory : Plan_MemoryOf<"isRowsMemory", "contiguous memref of numbers, of static shape but for the first dimension">;
def Plan_StaticMemory : Plan_MemoryOf<"isStaticMemory", "contiguous memref of numbers, of static shape">;
def Plan_Count : ConfinedAttr<I64Attr, [IntNonNegative]>;

/// Which count of rows.
def Plan_Rows : I32EnumAttr<"Rows", "a count of rows of the call", [
  I32EnumAttrCase<"rows", 0>,
  I32EnumAttrCase<"logit_rows", 1>
]> {
  let cppNamespace = "::fathom::plan";
}

#endif // FATHOM_DIALECTS_PLAN_PLANDIALECT_TD
