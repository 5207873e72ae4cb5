// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration and verifiers of the `plan` dialect.

#include "dialects/plan/Plan.h"

#include "dialects/RowFormat.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/plan/PlanDialect.cpp.inc"

#include "dialects/plan/PlanEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/plan/PlanAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/plan/PlanTypes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.cpp.inc"

namespace fathom::plan {

void PlanDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/plan/PlanAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/plan/PlanTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/plan/PlanOps.cpp.inc"
      >();
}

bool isMemory(Type memref) {
  auto type = cast<MemRefType>(memref);
  Type element = type.getElementType();
  return type.getLayout().isIdentity() && !type.getMemorySpace() && element.isIntOrFloat() &&
         element.getIntOrFloatBitWidth() % 8 == 0;
}

bool isRowsMemory(Type memref) {
  auto type = cast<MemRefType>(memref);
  return isMemory(type) && type.getRank() > 0 && !ShapedType::isDynamicShape(type.getShape().drop_front());
}

bool isStaticMemory(Type memref) { return isMemory(memref) && cast<MemRefType>(memref).hasStaticShape(); }

LogicalResult TableType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, MemRefType element) {
  return isStaticMemory(element) ? success() : emitError() << "expects contiguous static elements, but got " << element;
}

LogicalResult StoreAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, StringRef name, int64_t layers,
                                int64_t heads, int64_t width, Type element, int64_t tail, int64_t offset) {
  auto inRange = [](int64_t count) { return count >= 1 && count <= kLargestDimension; };
  if (!inRange(layers) || !inRange(heads) || !inRange(width) || offset < 0) { // C1
    return emitError() << "expects 1 to " << kLargestDimension
                       << " layers, heads and numbers at an offset of 0 or more, but got " << layers << " layers of "
                       << heads << " x " << width << " numbers at " << offset;
  }
  return verifyRowFormat(emitError, element, width, tail); // C2
}

int64_t StoreAttr::getRowElement() const { return *fathom::getRowElement(getElement()); }

int64_t StoreAttr::getRowBytes() const { return fathom_row_bytes(getRowElement(), getWidth(), getTail()); }

MemRefType StoreAttr::getRowType() const {
  return getElement().isF32() ? MemRefType::get({getWidth()}, getElement())
                              : MemRefType::get({getRowBytes()}, IntegerType::get(getContext(), 8));
}

static constexpr CallArray kCallArrays[] = {
#define FATHOM_CALL_INPUT(field, element, rows) {#field, #element, Rows::rows},
#define FATHOM_CALL_OUTPUT FATHOM_CALL_INPUT
#include "fathom/call_inputs.def"
};

const CallArray *findCallArray(StringRef name) {
  const auto *found = llvm::find_if(kCallArrays, [&](const CallArray &array) { return array.name == name; });
  return found == std::end(kCallArrays) ? nullptr : found;
}

StoreAttr findStore(Operation *op, StringRef name) {
  auto module = op->getParentOfType<ModuleOp>();
  auto stores = module ? module->getAttrOfType<ArrayAttr>(kStoresAttr) : ArrayAttr();
  if (!stores) {
    return StoreAttr();
  }
  auto range = stores.getAsRange<StoreAttr>();
  auto found = llvm::find_if(range, [&](StoreAttr store) { return store.getName() == name; });
  return found == range.end() ? StoreAttr() : *found;
}

static LogicalResult verifyStores(Operation *op, Attribute value) {
  auto stores = dyn_cast<ArrayAttr>(value);
  if (!stores || stores.size() > kMostStores || !llvm::all_of(stores, llvm::IsaPred<StoreAttr>)) {
    return emitError(op->getLoc(), "expects an array of at most ")
           << kMostStores << " #plan.store as '" << kStoresAttr << "', but got " << value;
  }
  return success();
}

LogicalResult PlanDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kStoresAttr) {
    return verifyStores(op, attribute.getValue());
  }
  constexpr StringRef counts[] = {kMaxRowsAttr,      kMaxPositionsAttr, kArenaBytesAttr, kFirstSliceAttr,
                                  kScratchBytesAttr, kPageBytesAttr,    kItemsAttr};
  auto count = dyn_cast<IntegerAttr>(attribute.getValue());
  if (llvm::is_contained(counts, name) && !(count && count.getType().isInteger(64) && count.getInt() >= 0)) {
    return emitError(op->getLoc(), "expects an i64 of 0 or more as '") << name << "', but got " << attribute.getValue();
  }
  return success();
}

/// Code copies or reads such rows with a width it knows.
static LogicalResult verifyRows(Operation *op, Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref || memref.getRank() == 0 || memref.isDynamicDim(memref.getRank() - 1) ||
      !(memref.getElementType().isF32() || memref.getElementType().isBF16())) {
    return op->emitOpError("expects f32 or bf16 rows of a static width, but got ") << type;
  }
  return success();
}

/// What an epilogue reads beside a sum: rows, or a number for each column.
static LogicalResult verifyExtra(Operation *op, Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  bool vector = memref && memref.getRank() == 1 && memref.hasStaticShape() && isa<FloatType>(memref.getElementType()) &&
                memref.getElementTypeBitWidth() >= 16;
  return vector ? success() : verifyRows(op, type);
}

LogicalResult ArgumentOp::verify() {
  const CallArray *array = findCallArray(getName());
  if (!array) { // C1
    return emitOpError("expects an array of a call, but got ") << getNameAttr();
  }
  auto type = cast<MemRefType>(getType());
  bool rows = array->element == "f32";
  Type element = rows ? Type(Float32Type::get(getContext())) : IntegerType::get(getContext(), 32);
  if (type.getRank() != 1 + rows || !type.isDynamicDim(0) || type.getElementType() != element) { // C2
    return emitOpError("expects ") << (rows ? "memref<?xWx" : "memref<?x") << array->element << ">, but got " << type;
  }
  return success();
}

LogicalResult BufferOp::verify() {
  size_t expected = cast<MemRefType>(getType()).getNumDynamicDims();
  return getSizes().size() == expected
             ? success()
             : emitOpError("expects ") << expected << " sizes, but got " << getSizes().size(); // C1
}

LogicalResult OperandOp::verify() {
  auto memory = dyn_cast<MemRefType>(getType());
  int64_t rows = memory ? memory.getDimSize(0) : 0, factor = getFactor().value_or(0);
  if (getItem() && (factor == 0 || rows != factor)) { // C1
    return emitOpError("expects an item's memory of as many rows as its factor, but got ") << getType();
  }
  if (!getItem() && factor > 0 && rows != ShapedType::kDynamic) { // C2
    return emitOpError("expects memory of any number of rows with a factor, but got ") << getType();
  }
  return success();
}

LogicalResult ExpertOp::verify() {
  if (getType() != getTable().getType().getElement()) { // C1
    return emitOpError("expects ") << getTable().getType().getElement() << ", but got " << getType();
  }
  return success();
}

LogicalResult CacheRowOp::verify() {
  StoreAttr store = findStore(*this, getStore());
  if (!store) { // C1
    return emitOpError("expects a store of '") << kStoresAttr << "', but got " << getStoreAttr();
  }
  MemRefType row = store.getRowType();
  return getType() == row ? success() : emitOpError("expects ") << row << ", but got " << getType(); // C2
}

/// A row as bytes of a store that the module has.
static LogicalResult verifyBytesOfRow(Operation *op, StringAttr name, Type row) {
  StoreAttr store = findStore(op, name);
  if (!store || store.getElement().isF32()) { // C1
    return op->emitOpError("expects a store of '") << kStoresAttr << "' that is not f32, but got " << name;
  }
  return row == store.getRowType()
             ? success()
             : op->emitOpError("expects a row ") << store.getRowType() << ", but got " << row; // C2
}

LogicalResult ReadNumberOp::verify() { return verifyBytesOfRow(*this, getStoreAttr(), getRow().getType()); }

LogicalResult WriteRowOp::verify() {
  if (failed(verifyBytesOfRow(*this, getStoreAttr(), getRow().getType()))) {
    return failure();
  }
  int64_t width = findStore(*this, getStore()).getWidth();
  auto numbers = MemRefType::get({width}, Float32Type::get(getContext()));
  return getNumbers().getType() == numbers
             ? success()
             : emitOpError("expects numbers ") << numbers << ", but got " << getNumbers().getType(); // C3
}

LogicalResult RecordStateOp::verify() { return verifyRows(*this, getInput().getType()); } // C1

LogicalResult KernelOp::verifyRegions() {
  if (getEpilogue().empty()) {
    return success();
  }
  Block &body = getEpilogue().front();
  bool scalars = llvm::all_of(body.getArgumentTypes(), [](Type type) { return type.isF32(); });
  if (body.getNumArguments() == 0 || !scalars || body.empty() || !isa<YieldOp>(body.back())) { // C1
    return emitOpError("expects an epilogue of f32 arguments that ends with plan.yield");
  }
  return success();
}

bool isTask(FunctionOpInterface function) {
  ArrayRef<Type> types = function.getArgumentTypes();
  return types.size() == 3 && isa<TaskType>(types[0]) && types[1].isIndex() && isa<ScratchType>(types[2]);
}

/// Memory of any number of rows may be given for that of an item.
static bool isGiven(OperandOp operand, Type type) {
  auto memory = dyn_cast<MemRefType>(type);
  if (!operand.getItem() || !memory) {
    return type == operand.getType();
  }
  auto taken = cast<MemRefType>(operand.getType());
  return memory.getRank() == taken.getRank() && memory.isDynamicDim(0) && memory.getLayout().isIdentity() &&
         memory.getElementType() == taken.getElementType() &&
         memory.getShape().drop_front() == taken.getShape().drop_front();
}

static LogicalResult verifyOperands(DispatchOp op, FunctionOpInterface function) {
  WalkResult result = function.walk([&](OperandOp operand) -> WalkResult { // C3
    if (operand.getNumber() >= op.getArguments().size()) {
      return op.emitOpError("expects an operand ") << operand.getNumber() << " for " << op.getKernelAttr();
    }
    Type given = op.getArguments()[operand.getNumber()].getType();
    return isGiven(operand, given)
               ? WalkResult::advance()
               : WalkResult(op.emitOpError("expects ")
                            << operand.getType() << " as operand " << operand.getNumber() << ", but got " << given);
  });
  return failure(result.wasInterrupted());
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto function = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getKernelAttr());
  if (function && isTask(function)) {
    return verifyOperands(*this, function);
  }
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel) { // C1
    return emitOpError("expects a plan.kernel, but got unknown symbol ") << getKernelAttr();
  }
  size_t extras = kernel.getEpilogue().empty() ? 0 : kernel.getEpilogue().getNumArguments() - 1;
  size_t own = getInputs().size() + getOutputs().size();
  if (own != kernel.getOperandCount() || getExtras().size() != extras) {
    return emitOpError("expects ") << kernel.getOperandCount() << " inputs and outputs and " << extras << " extras for "
                                   << getKernelAttr() << ", but got " << own << " and " << getExtras().size();
  }
  for (Value extra : getExtras()) {
    if (failed(verifyExtra(*this, extra.getType()))) { // C2
      return failure();
    }
  }
  return success();
}

LogicalResult DispatchOp::verify() {
  for (Attribute name : llvm::concat<const Attribute>(getReads(), getWrites())) {
    if (!findStore(*this, cast<StringAttr>(name))) { // C4
      return emitOpError("expects stores of '") << kStoresAttr << "', but got " << name;
    }
  }
  return success();
}

namespace {
/// The cache of all sequences of a call.
struct CacheResource : SideEffects::Resource::Base<CacheResource> {
  StringRef getName() final { return "cache"; }
};
} // namespace

void DispatchOp::getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  auto add = [&](MutableOperandRange range, MemoryEffects::Effect *effect) {
    for (OpOperand &operand : range) {
      effects.emplace_back(effect, &operand);
    }
  };
  add(getInputsMutable(), MemoryEffects::Read::get());
  add(getExtrasMutable(), MemoryEffects::Read::get());
  add(getOutputsMutable(), MemoryEffects::Write::get());
  for (Attribute store : getReads()) {
    effects.emplace_back(MemoryEffects::Read::get(), store, CacheResource::get());
  }
  for (Attribute store : getWrites()) {
    effects.emplace_back(MemoryEffects::Write::get(), store, CacheResource::get());
  }
}

} // namespace fathom::plan
