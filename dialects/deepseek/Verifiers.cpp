// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks that verifiers of the `deepseek` dialect share.

#include "dialects/deepseek/Verifiers.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom::deepseek {

bool isRows(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  return type.getRank() == 2 && !type.isDynamicDim(1) && type.getDimSize(1) >= 1 &&
         llvm::isUInt<31>(type.getDimSize(1));
}

bool isActivationElement(Type type) { return type.isF32() || type.isBF16(); }

bool isActivation(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isRows(tensor) && tensor.isDynamicDim(0) && isActivationElement(tensor.getElementType());
}

bool isPackedElement(Type type) {
  return type.isIntOrFloat() && llvm::is_contained({2u, 4u, 8u}, type.getIntOrFloatBitWidth());
}

SmallVector<float> listValues(Type packed) {
  unsigned bits = packed.getIntOrFloatBitWidth();
  return llvm::map_to_vector(llvm::seq(1u << bits), [&](unsigned pattern) {
    APInt number(bits, pattern);
    if (auto real = dyn_cast<FloatType>(packed)) {
      return float(APFloat(real.getFloatSemantics(), number).convertToDouble());
    }
    return packed.isUnsignedInteger() ? float(number.getZExtValue()) : float(number.getSExtValue());
  });
}

bool isStoredElement(Type type) { return isPackedElement(type) || isa<BFloat16Type, Float16Type, Float32Type>(type); }

bool hasKnownLayout(Type tensor) { return isRowByRow(tensor) || getLayout(tensor); }

bool isRowByRow(Type tensor) { return !cast<RankedTensorType>(tensor).getEncoding(); }

bool isStored(Type tensor) {
  constexpr int64_t most = int64_t(1) << 40;
  int64_t elements = 1;
  for (int64_t size : cast<RankedTensorType>(tensor).getShape()) {
    if (size < 1 || size > most / elements) {
      return false;
    }
    elements *= size;
  }
  return true;
}

LogicalResult verifyWidth(Operation *op, StringRef name, Type type, int64_t width) {
  if (getWidth(type) != width) {
    return op->emitOpError("expects ") << name << " of " << width << " numbers, but got " << type;
  }
  return success();
}

LogicalResult verifyShape(Operation *op, StringRef name, Type type, ArrayRef<int64_t> shape) {
  auto matches = [](auto sizes) {
    auto [actual, expected] = sizes;
    return ShapedType::isDynamic(expected) || actual == expected;
  };
  ArrayRef<int64_t> actual = cast<RankedTensorType>(type).getShape();
  if (actual.size() == shape.size() && llvm::all_of(llvm::zip_equal(actual, shape), matches)) {
    return success();
  }
  InFlightDiagnostic error = op->emitOpError("expects ") << name << " of shape [";
  llvm::interleaveComma(shape, error, [&](int64_t size) {
    if (ShapedType::isDynamic(size)) {
      error << '?';
    } else {
      error << size;
    }
  });
  return error << "], but got " << type;
}

LogicalResult verifyRopeTable(Operation *op, Type table, int64_t width) {
  auto type = cast<RankedTensorType>(table);
  if (width % 2 != 0) {
    return op->emitOpError("expects pairs of numbers to rotate, but got ") << width << " numbers";
  }
  if (type.getRank() != 3 || type.getDimSize(1) != width / 2 || type.getDimSize(2) != 2) {
    return op->emitOpError("expects a table [positions, ") << width / 2 << ", 2], but got " << table;
  }
  // The runtime lets a context grow as far as the fact says, and kernels look positions up unchecked.
  std::optional<int64_t> context = getFact(op, "max_context");
  if (context && !type.isDynamicDim(0) && type.getDimSize(0) < *context) {
    return op->emitOpError("expects a row for each of ") << *context << " positions of max_context, but got " << table;
  }
  return success();
}

LogicalResult verifyEps(Operation *op, const APFloat &eps) {
  if (!eps.isFinite() || (eps.isNegative() && !eps.isZero())) {
    return op->emitOpError("expects a finite eps of 0 or more, but got ") << eps.convertToDouble();
  }
  return success();
}

RankedTensorType getScaleType(RankedTensorType weight, BlockScaleAttr block) {
  SmallVector<int64_t> shape(weight.getShape());
  shape.end()[-1] = llvm::divideCeil(shape.end()[-1], block.getColumns());
  shape.end()[-2] = llvm::divideCeil(shape.end()[-2], block.getRows());
  Builder builder(weight.getContext());
  Type element = weight.getElementType().isSignlessInteger(8) ? Type(builder.getF16Type()) : builder.getF32Type();
  return RankedTensorType::get(shape, element, getLayout(weight));
}

bool isQuantizedElement(Type element) { return isa<Float8E4M3FNType>(element) || element.isSignlessInteger(8); }

LogicalResult verifyScale(Operation *op, RankedTensorType weight, Value scale, BlockScaleAttr block) {
  bool quantized = isQuantizedElement(weight.getElementType());
  if (quantized != bool(scale) || quantized != bool(block)) {
    return op->emitOpError("expects a scale and a block if and only if the weight is f8 or i8, but the weight is ")
           << weight;
  }
  if (!quantized) {
    return success();
  }
  LayoutAttr layout = getLayout(weight);
  if (layout && block.getRows() != 1) {
    return op->emitOpError("expects a scale for each output of a weight in a layout, but got blocks of ")
           << block.getRows() << " rows";
  }
  RankedTensorType expected = getScaleType(weight, block);
  return scale.getType() == expected
             ? success()
             : op->emitOpError("expects scales ") << expected << ", but got " << scale.getType();
}

bool canMultiplyIntegers(Type element, BlockScaleAttr block) {
  return element.isSignlessInteger(8) && block && block.getRows() == 1 && block.getColumns() == kScaleGroup;
}

LogicalResult verifyIntegers(Operation *op, Type input, RankedTensorType weight, BlockScaleAttr block) {
  return canMultiplyIntegers(weight.getElementType(), block) || !getElementTypeOrSelf(input).isSignlessInteger(8)
             ? success()
             : op->emitOpError("expects a weight of i8 in blocks of 1 x ")
                   << kScaleGroup << " for an input of i8, but got " << weight;
}

LogicalResult verifyProduct(Operation *op, Type input, Type result, RankedTensorType weight, int64_t outputsPerResult,
                            bool experts) {
  if (weight.getRank() != 2 + int64_t(experts)) {
    return op->emitOpError(experts ? "expects a weight [E, N, K], but got " : "expects a weight [N, K], but got ")
           << weight;
  }
  if (getWidth(weight) != getWidth(input)) {
    return op->emitOpError("expects a weight of ") << getWidth(input) << " inputs, but got " << weight;
  }
  int64_t outputs = outputsPerResult * getWidth(result);
  if (countRows(weight) != outputs) {
    return op->emitOpError("expects a weight of ") << outputs << " outputs, but got " << weight;
  }
  LayoutAttr layout = getLayout(weight);
  bool interleaved = layout && layout.getInterleave() != 0;
  if (layout && interleaved != (outputsPerResult == 2)) {
    return op->emitOpError(interleaved ? "expects rows in order, but got " : "expects gates and ups in turns, but got ")
           << weight;
  }
  return success();
}

LogicalResult verifyEpilogue(Operation *op, Region &epilogue, ValueRange extras, Type result) {
  if (epilogue.empty()) {
    return extras.empty() ? success() : op->emitOpError("expects an epilogue for its extra operands");
  }
  Block &body = epilogue.front();
  bool scalars = llvm::all_of(body.getArgumentTypes(), [](Type type) { return type.isF32(); });
  auto yield = body.empty() ? YieldOp() : dyn_cast<YieldOp>(body.back());
  if (body.getNumArguments() != extras.size() + 1 || !scalars || !yield || !yield.getValue().getType().isF32()) {
    return op->emitOpError("expects an epilogue of ") << extras.size() + 1 << " f32 arguments that yields an f32";
  }
  for (Type type : extras.getTypes()) {
    auto extra = cast<RankedTensorType>(type);
    bool vector = extra.getRank() == 1 && extra.getDimSize(0) == getWidth(result);
    if (type != result && !vector) {
      return op->emitOpError("expects extra operands of the result's type, ")
             << result << ", or with a number for each of its columns, but got " << type;
    }
  }
  return success();
}

LogicalResult verifyStore(Operation *op, CacheType cache, StringRef name, int64_t width, int64_t heads) {
  StoreAttr store = cache.findStore(name);
  if (store && store.getHeads() == heads && store.getWidth() == width) {
    return success();
  }
  return op->emitOpError("expects a store \"") << name << "\" of " << (heads == 1 ? "" : std::to_string(heads) + " x ")
                                               << width << " numbers, but got " << cache;
}

LogicalResult verifyIndexer(Operation *op, Type query, Type weights, CacheType cache, int64_t heads, int64_t headDim) {
  return failure(failed(verifyWidth(op, "an index query", query, heads * headDim)) ||
                 failed(verifyWidth(op, "index weights", weights, heads)) ||
                 failed(verifyStore(op, cache, kIndexStore, headDim)));
}

KernelUse useStores(CacheType cache, ArrayRef<StringRef> stores, int64_t tail, const KernelUse &use) {
  auto isKnown = [&](StringRef name) {
    StoreAttr store = cache.findStore(name);
    return store.getTail() == (store.isF8() ? tail : 0);
  };
  return llvm::all_of(stores, isKnown) ? use : KernelUse();
}

} // namespace fathom::deepseek
