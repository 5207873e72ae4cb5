// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Umbrella header of the `plan` dialect.

#ifndef FATHOM_DIALECTS_PLAN_PLAN_H
#define FATHOM_DIALECTS_PLAN_PLAN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace fathom::plan {

/// What ODS says of memory: numbers of whole bytes side by side; with at most one dynamic dimension, the first; with
/// none.
bool isMemory(mlir::Type memref);
bool isRowsMemory(mlir::Type memref);
bool isStaticMemory(mlir::Type memref);

} // namespace fathom::plan

#include "dialects/plan/PlanDialect.h.inc"

#include "dialects/plan/PlanEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/plan/PlanAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/plan/PlanTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.h.inc"

namespace fathom::plan {

/// On an entry point: the most rows it takes, the arena it needs.
constexpr llvm::StringLiteral kMaxRowsAttr = "plan.max_rows";
constexpr llvm::StringLiteral kArenaBytesAttr = "plan.arena_bytes";
/// On an entry point, where it does not take rows at every position of a context: they are below it.
constexpr llvm::StringLiteral kMaxPositionsAttr = "plan.max_positions";
/// On a weight or recipe: its first slice in the weight table.
constexpr llvm::StringLiteral kFirstSliceAttr = "plan.first_slice";
/// On a generated function: how many items it has, whatever the rows of a dispatch. Without, it has one for each row.
constexpr llvm::StringLiteral kItemsAttr = "plan.items";
/// On the module: scratch memory that a thread needs. On a generated function, once it is lowered: what that needs of
/// it.
constexpr llvm::StringLiteral kScratchBytesAttr = "plan.scratch_bytes";
/// On the module: where a page of the cache holds which store, and the size of a page.
constexpr llvm::StringLiteral kStoresAttr = "plan.stores";
constexpr llvm::StringLiteral kPageBytesAttr = "plan.page_bytes";

/// Parameters of a layer's function: the call, the layer's input and output, its index in the model, and its place
/// among the layers that share the function. An entry point has the first alone.
enum LayerParameter : unsigned {
  kCallParameter,
  kInputParameter,
  kOutputParameter,
  kLayerParameter,
  kInstanceParameter
};

/// An array of a call, by fathom/call_inputs.def.
struct CallArray {
  llvm::StringLiteral name;
  /// i32 or f32; f32 arrays have rows of numbers.
  llvm::StringLiteral element;
  Rows rows;
};
/// The array of that name; null: a call has none.
const CallArray *findCallArray(llvm::StringRef name);

/// Whether a function is a generated one, which computes an item: it takes a task, the item, and scratch memory.
bool isTask(mlir::FunctionOpInterface function);

/// The place of the store `name` in a page, by the module around `op`; null: there is none.
StoreAttr findStore(mlir::Operation *op, llvm::StringRef name);

} // namespace fathom::plan

#endif // FATHOM_DIALECTS_PLAN_PLAN_H
