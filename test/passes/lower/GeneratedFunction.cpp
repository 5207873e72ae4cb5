// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text of a module around one op, its compilation, and calls.

#include "test/passes/lower/GeneratedFunction.h"

#include "codegen/x86/Image.h"
#include "dialects/RegisterDialects.h"
#include "passes/lower/Passes.h"
#include "passes/plan/GeneratedBodies.h"
#include "passes/plan/Stores.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>

namespace fathom::test {

using llvm::formatv;
using llvm::StringRef;

namespace {

/// Layers of the caches that tests call functions with.
constexpr int64_t kLayers = 2;

/// The most positions of a sequence in those.
constexpr int64_t kContext = 200;

constexpr const char *kModule =
    "module attributes {{deepseek.model = {{family = \"deepseek_v3\", vocabulary = 8 : i64, hidden = 8 : i64,\n"
    "layers = {0} : i64, max_context = {1} : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}} {{\n{2}}\n";

/// A module with the op on tensors, and facts where it reads caches.
std::string writeModule(const std::string &op, const Operands &inputs, const Operands &outputs) {
  std::string parameters;
  bool hasCache = false;
  for (const Operand &input : inputs) {
    parameters += (parameters.empty() ? "%" : ", %") + input.name + ": " + input.type;
    hasCache |= StringRef(input.type).starts_with("!deepseek.cache");
  }
  // An op whose results are not tensors has a cache for one.
  std::string text = formatv("func.func @tensors({0}) {{\n%results:{1} = {2}\nreturn\n}\n", parameters,
                             std::max<size_t>(outputs.size(), 1), op);
  return hasCache ? formatv(kModule, kLayers, kContext, text).str() : text;
}

/// Plans the op of such a module in an entry point, on memory that is slices of the weight table.
class Planner {
public:
  explicit Planner(mlir::ModuleOp module) : module(module), builder(module.getBodyRegion()) {
    mlir::Type call = plan::CallType::get(module.getContext());
    run = mlir::func::FuncOp::create(builder, loc, "run", builder.getFunctionType(call, builder.getI32Type()));
    run->setAttr(plan::kMaxRowsAttr, builder.getI64IntegerAttr(4));
    builder.setInsertionPointToStart(run.addEntryBlock());
    mlir::Value rows = plan::RowsOp::create(builder, loc, builder.getIndexType(), run.getArgument(0), plan::Rows::rows);
    signature = Signature{run, run.getArgument(0), {rows, 4}, {}, {}, Places()};
  }

  mlir::LogicalResult plan(const Operands &inputs, const Operands &outputs) {
    auto tensors = module.lookupSymbol<mlir::func::FuncOp>("tensors");
    mlir::Operation *op = &tensors.front().front();
    mlir::IRMapping indices;
    for (auto [argument, input] : llvm::zip(tensors.getArguments(), inputs)) {
      if (input.isTensor()) {
        places[argument] = place(argument.getType(), input);
      } else if (argument.getType().isIndex()) {
        indices.map(argument, mlir::arith::ConstantIndexOp::create(builder, loc, 1));
      }
    }
    for (auto [result, output] : llvm::zip(op->getResults(), outputs)) {
      places[result] = place(result.getType(), output);
    }
    Buffers buffers(builder, signature.call, places);
    mlir::LogicalResult planned = GeneratedBodies(module).dispatch(builder, op, signature, buffers, indices);
    mlir::Value zero = mlir::arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
    mlir::func::ReturnOp::create(builder, loc, zero);
    tensors.erase();
    return planned;
  }

private:
  /// The next slice, or slices of experts, with as many rows as the call says.
  Place place(mlir::Type type, const Operand &operand) {
    auto memory = getMemRefType(type);
    if (operand.experts) {
      auto expert = mlir::MemRefType::get(memory.getShape().drop_front(), memory.getElementType());
      return {slice(plan::TableType::get(type.getContext(), expert), operand.experts), {}};
    }
    if (memory.hasStaticShape()) {
      return {slice(memory, 1), {}};
    }
    mlir::Value rows = signature.rows.rows;
    if (operand.perRow != 1) {
      mlir::Value factor = mlir::arith::ConstantIndexOp::create(builder, loc, operand.perRow);
      rows = mlir::arith::MulIOp::create(builder, loc, rows, factor);
    }
    return {castToRows(memory, rows), {rows, 4 * operand.perRow}};
  }

  mlir::Value slice(mlir::Type type, int64_t count) {
    int64_t first = std::exchange(slices, slices + count);
    return plan::WeightOp::create(builder, loc, type, signature.call, "table", first, count, mlir::Value());
  }

  mlir::Value castToRows(mlir::MemRefType type, mlir::Value rows) {
    llvm::SmallVector<int64_t> shape(type.getShape());
    shape.front() = 1;
    mlir::Value row = slice(mlir::MemRefType::get(shape, type.getElementType()), 1);
    auto sizes = mlir::getAsIndexOpFoldResult(type.getContext(), shape);
    sizes.front() = rows;
    auto strides = mlir::getAsIndexOpFoldResult(type.getContext(), mlir::computeStrides(shape));
    return mlir::memref::ReinterpretCastOp::create(builder, loc, type, row, builder.getIndexAttr(0), sizes, strides);
  }

  mlir::ModuleOp module;
  mlir::OpBuilder builder;
  mlir::Location loc = builder.getUnknownLoc();
  mlir::func::FuncOp run;
  Signature signature;
  Places places;
  int64_t slices = 0;
};

/// Decomposes the op, and changes what it became.
void make(Mistake mistake, mlir::ModuleOp module) {
  mlir::PassManager manager(module->getContext());
  manager.addPass(createConvertDeepSeekToStructured());
  if (mlir::failed(manager.run(module))) {
    llvm::report_fatal_error("cannot decompose");
  }
  module.walk([&](mlir::Operation *op) { mistake(op); });
}

struct Compiled {
  codegen::CodeImage image;
  int64_t scratchBytes = 0;
};

Compiled compile(const std::string &op, const Operands &inputs, const Operands &outputs, Mistake mistake) {
  std::string text = writeModule(op, inputs, outputs);
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<plan::PlanDialect, mlir::arith::ArithDialect, mlir::bufferization::BufferizationDialect,
                      mlir::memref::MemRefDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module) {
    llvm::report_fatal_error(StringRef("cannot parse\n" + text));
  }
  module->walk([&](mlir::Operation *op) {
    for (mlir::Type type : op->getOperandTypes()) {
      if (auto cache = mlir::dyn_cast<deepseek::CacheType>(type);
          cache && mlir::failed(placeStores(*module, cache, kLayers))) {
        llvm::report_fatal_error(StringRef("cannot place the stores of\n" + text));
      }
    }
  });
  if (mlir::failed(Planner(*module).plan(inputs, outputs))) {
    llvm::report_fatal_error(StringRef("cannot plan\n" + text));
  }
  if (mistake) {
    make(mistake, *module);
  }
  mlir::PassManager manager(&context);
  addLowerPipeline(manager);
  if (mlir::failed(manager.run(*module))) {
    llvm::report_fatal_error(StringRef("cannot lower\n" + text));
  }
  auto scratch = (*module)->getAttrOfType<mlir::IntegerAttr>(plan::kScratchBytesAttr);
  codegen::X86Target target = llvm::cantFail(codegen::findX86Target("x86-64-v3"));
  codegen::ModelCode code = llvm::cantFail(codegen::translateModel(*module, target));
  return {llvm::cantFail(codegen::emitImage(code, target, /*threads=*/1)), scratch ? scratch.getInt() : 0};
}

/// A host that runs items backwards, each with scratch memory of NaN.
struct Host {
  fathom_host_t table = {sizeof(table), FATHOM_ARTIFACT_VERSION_MAJOR, this, parallel};
  size_t scratchBytes;
  std::unique_ptr<void, decltype(&std::free)> scratch{std::aligned_alloc(64, scratchBytes), std::free};

  explicit Host(int64_t scratchBytes) : scratchBytes((scratchBytes + 64) / 64 * 64) {}

  static void parallel(void *self, fathom_task_fn task, const void *argument, int64_t items) {
    auto *host = static_cast<Host *>(self);
    while (items-- > 0) {
      task(argument, items, std::memset(host->scratch.get(), 0xFF, host->scratchBytes));
    }
  }
};

} // namespace

std::string listTypes(const Operands &operands) {
  std::string types;
  for (const Operand &operand : operands) {
    types += (types.empty() ? "" : ", ") + operand.type;
  }
  return types;
}

GeneratedFunction::GeneratedFunction(const std::string &op, const Operands &inputs, const Operands &outputs,
                                     Mistake mistake)
    : slices(outputs.size()) {
  for (const Operand &input : inputs) {
    slices += input.countSlices();
  }
  Compiled compiled = compile(op, inputs, outputs, mistake);
  const std::string &code = compiled.image.bytes;
  EXPECT_EQ(image.load(reinterpret_cast<const unsigned char *>(code.data()), code.size()), FATHOM_STATUS_OK);
  uint64_t address = compiled.image.entryPoints.lookup("run");
  entry = reinterpret_cast<fathom_entry_fn>(const_cast<void *>(image.function(address)));
  scratchBytes = compiled.scratchBytes;
}

void GeneratedFunction::run(int64_t rows, const std::vector<const void *> &memory, fathom_cache_t cache) const {
  ASSERT_TRUE(entry);
  ASSERT_EQ(memory.size(), slices);
  Host host(scratchBytes);
  fathom_call_t call = {};
  call.struct_size = sizeof(call);
  call.host = &host.table;
  call.weights = memory.data();
  call.rows = rows;
  call.cache = cache;
  EXPECT_EQ(entry(&call), 0);
}

} // namespace fathom::test
