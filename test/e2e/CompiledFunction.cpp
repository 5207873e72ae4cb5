// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a module to code in memory, and a call of it.

#include "test/e2e/CompiledFunction.h"

#include "codegen/x86/Image.h"
#include "dialects/RegisterDialects.h"
#include "dialects/onnx/Onnx.h"
#include "fathom/function_abi.h"
#include "passes/functions/Passes.h"
#include "runtime/device/cpu/code_image.h"

#include "mlir/IR/Diagnostics.h"

namespace fathom::test {

using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using onnx::Array;

namespace {
/// Code, and where @main is in it.
struct Compiled {
  runtime::CodeImage image;
  uint64_t address = 0;
  std::string bytes;
  /// What it gives: of as many axes as the code has, where a graph does not know that.
  llvm::SmallVector<mlir::Type> outputs;
};

/// A call with memory that lives as long as it.
struct Call : fathom_function_call_t {
  std::vector<std::unique_ptr<char, decltype(&free)>> blocks;

  static void *take(fathom_function_call_t *call, uint64_t bytes) {
    constexpr uint64_t kMost = uint64_t(1) << 30;
    if (bytes > kMost) {
      return nullptr;
    }
    auto *memory = static_cast<char *>(aligned_alloc(64, bytes / 64 * 64 + 64));
    static_cast<Call *>(call)->blocks.emplace_back(memory, &free);
    return memory;
  }

  static void give(fathom_function_call_t *call, void *memory) {
    auto &blocks = static_cast<Call *>(call)->blocks;
    blocks.erase(llvm::find_if(blocks, [&](const auto &block) { return block.get() == memory; }));
  }

  /// The second half first: items run in any order.
  static const char *runHalves(fathom_function_call_t *, fathom_nest_fn nest, void *captured, int64_t items, int64_t) {
    const char *second = nest(captured, items / 2, items);
    const char *first = items / 2 > 0 ? nest(captured, 0, items / 2) : nullptr;
    return first ? first : second;
  }
};
} // namespace

static Error compile(mlir::ModuleOp module, Compiled &compiled) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  module.getContext()->appendDialectRegistry(registry);
  std::string said;
  mlir::ScopedDiagnosticHandler handler(module.getContext(), [&](mlir::Diagnostic &diagnostic) {
    said += diagnostic.str() + "; ";
    return mlir::success();
  });
  mlir::PassManager decompose(module.getContext()), lower(module.getContext());
  addDecomposePipeline(decompose);
  addLowerFunctionsPipeline(lower);
  if (failed(decompose.run(module))) {
    return createStringError(kNotCompiled + said);
  }
  auto main = module.lookupSymbol<mlir::func::FuncOp>(onnx::kMainFunction);
  for (unsigned i = 0; i < main.getNumResults(); ++i) {
    compiled.outputs.push_back(main.getResultAttrOfType<mlir::TypeAttr>(i, kTensorTypeAttr).getValue());
  }
  if (failed(lower.run(module))) {
    return createStringError(kNotCompiled + said);
  }
  auto target = codegen::findX86Target("x86-64-v3");
  auto code = target ? codegen::translateModel(module, *target, {}) : target.takeError();
  auto image = code ? codegen::emitImage(*code, *target, 1) : code.takeError();
  if (!image) {
    return createStringError(kNotCompiled + toString(image.takeError()));
  }
  compiled.bytes = std::move(image->bytes);
  compiled.address = image->addresses.lookup(codegen::getCallName(onnx::kMainFunction));
  const auto *bytes = reinterpret_cast<const unsigned char *>(compiled.bytes.data());
  return compiled.image.load(bytes, compiled.bytes.size()) == FATHOM_STATUS_OK
             ? Error::success()
             : createStringError(fathom_status_message());
}

static uint64_t getBits(double value, mlir::FloatType type) {
  llvm::APFloat number(value);
  bool inexact = false;
  number.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return number.bitcastToAPInt().getZExtValue();
}

/// The numbers of a tensor as calls take them.
static std::string toBytes(const Array &array) {
  std::string bytes;
  auto real = llvm::dyn_cast_or_null<mlir::FloatType>(array.element);
  unsigned width = real || array.isInteger() ? (array.element.getIntOrFloatBitWidth() + 7) / 8 : 0;
  for (int64_t i = 0; width > 0 && i < array.size(); ++i) {
    uint64_t bits = real ? getBits(array.reals[i], real) : static_cast<uint64_t>(array.integers[i]);
    bytes.append(reinterpret_cast<const char *>(&bits), width);
  }
  return bytes;
}

/// As tensors of a call, of which code knows the types.
static Expected<std::vector<Array>> readOutputs(mlir::TypeRange types, llvm::ArrayRef<void *> data,
                                                llvm::ArrayRef<int64_t> sizes) {
  std::vector<Array> arrays;
  for (auto [type, address] : llvm::zip_equal(types, data)) {
    auto tensor = llvm::cast<mlir::RankedTensorType>(type);
    llvm::ArrayRef<int64_t> shape = sizes.take_front(tensor.getRank());
    sizes = sizes.drop_front(tensor.getRank());
    auto own = mlir::RankedTensorType::get(shape, tensor.getElementType());
    uint64_t bytes = own.getNumElements() * ((own.getElementTypeBitWidth() + 7) / 8);
    auto array = onnx::readBytes(own, {static_cast<const char *>(address), bytes});
    if (!array) {
      return array.takeError();
    }
    arrays.push_back(std::move(*array));
  }
  return arrays;
}

Expected<std::vector<Array>> callCompiled(mlir::ModuleOp graph, llvm::ArrayRef<Array> inputs) {
  mlir::OwningOpRef<mlir::ModuleOp> own(graph.clone());
  Compiled compiled;
  if (Error error = compile(*own, compiled)) {
    return std::move(error);
  }
  size_t axes = 0;
  for (mlir::Type type : compiled.outputs) {
    axes += llvm::cast<mlir::RankedTensorType>(type).getRank();
  }
  std::vector<std::string> bytes;
  std::vector<const void *> data;
  std::vector<int64_t> sizes, outSizes(axes);
  std::vector<void *> outData(compiled.outputs.size());
  for (const Array &input : inputs) {
    bytes.push_back(toBytes(input));
    sizes.insert(sizes.end(), input.shape.begin(), input.shape.end());
  }
  for (const std::string &one : bytes) {
    data.push_back(one.data());
  }
  Call call = {};
  call.inputs = data.data();
  call.input_sizes = sizes.data();
  call.outputs = outData.data();
  call.output_sizes = outSizes.data();
  call.allocate = Call::take;
  call.release = Call::give;
  call.run = Call::runHalves;
  auto *function =
      reinterpret_cast<fathom_function_fn>(reinterpret_cast<uintptr_t>(compiled.image.function(compiled.address)));
  if (const char *fault = function(&call)) {
    return createStringError(fault);
  }
  return readOutputs(compiled.outputs, outData, outSizes);
}

} // namespace fathom::test
