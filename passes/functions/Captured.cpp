// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What nests use, in memory: numbers, and of descriptors what their types do not say.

#include "passes/functions/CodeOfCall.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fathom {

namespace {
/// Which numbers of a descriptor have places. Strides of dense memory follow from its sizes.
struct Layout {
  explicit Layout(MemRefType type) : sizes(type.getShape()) {
    bool known = succeeded(type.getStridesAndOffset(strides, offset));
    assert(known && "code has strided memory only");
    (void)known;
    isDense = type.getLayout().isIdentity();
  }

  bool hasOffset() const { return ShapedType::isDynamic(offset); }
  bool hasStride(int64_t axis) const { return !isDense && ShapedType::isDynamic(strides[axis]); }

  SmallVector<int64_t> sizes, strides;
  int64_t offset = 0;
  bool isDense = false;
};
} // namespace

void CodeOfCall::storeCaptured(Value area, int64_t &next, Value value) {
  auto store = [&](Value part) {
    LLVM::StoreOp::create(builder, loc, part, address(i64, area, next));
    ++next;
  };
  auto type = dyn_cast<MemRefType>(value.getType());
  if (!type) {
    return store(value.getType().isIndex() ? Value(arith::IndexCastOp::create(builder, loc, i64, value)) : value);
  }
  Layout layout(type);
  MemRefDescriptor memory(toDescriptor(value));
  store(memory.alignedPtr(builder, loc));
  layout.hasOffset() ? store(memory.offset(builder, loc)) : void();
  for (unsigned axis = 0; axis < type.getRank(); ++axis) {
    type.isDynamicDim(axis) ? store(memory.size(builder, loc, axis)) : void();
    layout.hasStride(axis) ? store(memory.stride(builder, loc, axis)) : void();
  }
}

Value CodeOfCall::loadMemory(Value area, int64_t &next, MemRefType type) {
  Layout layout(type);
  auto load = [&](bool isOpen, int64_t known) { return isOpen ? loadElement(i64, area, next++) : number(known); };
  Value memory = loadElement(pointer, area, next++);
  Value offset = load(layout.hasOffset(), layout.offset);
  SmallVector<Value> sizes, strides;
  for (unsigned axis = 0; axis < type.getRank(); ++axis) {
    sizes.push_back(load(type.isDynamicDim(axis), layout.sizes[axis]));
    strides.push_back(layout.isDense ? Value() : load(layout.hasStride(axis), layout.strides[axis]));
  }
  if (layout.isDense) {
    return makeMemory(memory, type, sizes);
  }
  auto descriptor = MemRefDescriptor::poison(builder, loc, converter.convertType(type));
  descriptor.setAllocatedPtr(builder, loc, memory);
  descriptor.setAlignedPtr(builder, loc, memory);
  descriptor.setOffset(builder, loc, offset);
  for (unsigned axis = 0; axis < type.getRank(); ++axis) {
    descriptor.setSize(builder, loc, axis, sizes[axis]);
    descriptor.setStride(builder, loc, axis, strides[axis]);
  }
  return fromDescriptor(descriptor, type);
}

Value CodeOfCall::loadCaptured(Value area, int64_t &next, Type type) {
  if (auto memory = dyn_cast<MemRefType>(type)) {
    return loadMemory(area, next, memory);
  }
  // Of any type at a place of 8 bytes.
  Value value = LLVM::LoadOp::create(builder, loc, type.isIndex() ? i64 : type, address(i64, area, next++));
  return type.isIndex() ? Value(arith::IndexCastOp::create(builder, loc, type, value)) : value;
}

} // namespace fathom
