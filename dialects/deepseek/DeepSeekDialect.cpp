// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration of the `deepseek` dialect's ops, types and attributes.

#include "dialects/RowFormat.h"
#include "dialects/deepseek/DeepSeek.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/deepseek/DeepSeekDialect.cpp.inc"

namespace fathom::deepseek {

/// 512 x f8E4M3FN + 64 x bf16: numbers of a row, after its heads where there are several.
static ParseResult parseRow(AsmParser &parser, SmallVectorImpl<int64_t> &shape, Type &element, int64_t &tail) {
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseDimensionList(shape, /*allowDynamic=*/false) || parser.parseType(element)) {
    return failure();
  }
  if (shape.empty() || shape.size() > 2) {
    return parser.emitError(loc, "expected a width, or heads x width");
  }
  if (failed(parser.parseOptionalPlus())) {
    return success();
  }
  SmallVector<int64_t> rest;
  Type type;
  loc = parser.getCurrentLocation();
  if (parser.parseDimensionList(rest, /*allowDynamic=*/false) || parser.parseType(type)) {
    return failure();
  }
  if (rest.size() != 1 || !type.isBF16() || __builtin_add_overflow(shape.back(), rest[0], &shape.back())) {
    return parser.emitError(loc, "expected a tail of bf16 numbers");
  }
  tail = rest[0];
  return success();
}

/// latent: 576 x f32, key: 2 x 128 x f32, …
static ParseResult parseStores(AsmParser &parser, SmallVectorImpl<StoreAttr> &stores) {
  return parser.parseCommaSeparatedList([&]() -> ParseResult {
    std::string name;
    SmallVector<int64_t> shape;
    Type element;
    int64_t tail = 0;
    if (parser.parseKeywordOrString(&name) || parser.parseColon() || parseRow(parser, shape, element, tail)) {
      return failure();
    }
    int64_t heads = shape.size() == 2 ? shape.front() : 1;
    stores.push_back(StoreAttr::get(parser.getContext(), name, heads, shape.back(), element, tail));
    return success();
  });
}

static void printStores(AsmPrinter &printer, ArrayRef<StoreAttr> stores) {
  llvm::interleaveComma(stores, printer, [&](StoreAttr store) {
    printer.printKeywordOrString(store.getName());
    printer << ": ";
    if (store.getHeads() != 1) {
      printer << store.getHeads() << " x ";
    }
    printer << store.getWidth() - store.getTail() << " x " << store.getElement();
    if (store.getTail() != 0) {
      printer << " + " << store.getTail() << " x bf16";
    }
  });
}

} // namespace fathom::deepseek

#define GET_TYPEDEF_CLASSES
#include "dialects/deepseek/DeepSeekTypes.cpp.inc"

namespace fathom::deepseek {

void DeepSeekDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/deepseek/DeepSeekTypes.cpp.inc"
      >();
  registerAttrs();
  addOperations<
#define GET_OP_LIST
#include "dialects/deepseek/DeepSeekOps.cpp.inc"
      >();
}

LogicalResult CacheType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, ArrayRef<StoreAttr> stores) {
  if (stores.empty() || stores.size() > kMostStores) { // C1
    return emitError() << "expects 1 to " << kMostStores << " stores, but got " << stores.size();
  }
  llvm::StringSet<> names;
  for (StoreAttr store : stores) {
    if (!names.insert(store.getName()).second) { // C1
      return emitError() << "expects stores with distinct names, but got '" << store.getName() << "' twice";
    }
    int64_t heads = store.getHeads(), width = store.getWidth();
    if (heads < 1 || width < 1 || heads > kLargestDimension || width > kLargestDimension / heads) { // C2
      return emitError() << "expects rows of 1 to " << kLargestDimension << " numbers, but got " << heads << " x "
                         << width;
    }
    if (failed(verifyRowFormat(emitError, store.getElement(), width, store.getTail()))) { // C3
      return failure();
    }
  }
  return success();
}

StoreAttr CacheType::findStore(StringRef name) const {
  const auto *found = llvm::find_if(getStores(), [&](StoreAttr store) { return store.getName() == name; });
  return found == getStores().end() ? StoreAttr() : *found;
}

int64_t CacheType::getWidth(StringRef name) const {
  StoreAttr store = findStore(name);
  return store ? store.getHeads() * store.getWidth() : 0;
}

/// -> tensor<?x128xbf16>, where that is not the type of the input.
static ParseResult parseResultType(OpAsmParser &parser, Type &result, Type input) {
  result = input;
  return failed(parser.parseOptionalArrow()) ? success() : parser.parseType(result);
}

static void printResultType(OpAsmPrinter &printer, Operation *, Type result, Type input) {
  if (result != input) {
    printer << " -> " << result;
  }
}

Value sliceColumns(OpBuilder &builder, Location loc, Value input, OpFoldResult rows, int64_t offset, int64_t width) {
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  return tensor::ExtractSliceOp::create(builder, loc, input, ArrayRef<OpFoldResult>{zero, builder.getIndexAttr(offset)},
                                        ArrayRef<OpFoldResult>{rows, builder.getIndexAttr(width)},
                                        ArrayRef<OpFoldResult>{one, one});
}

} // namespace fathom::deepseek

#define GET_OP_CLASSES
#include "dialects/deepseek/DeepSeekOps.cpp.inc"
