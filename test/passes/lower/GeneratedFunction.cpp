// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text of a module around one op, its compilation, and calls.

#include "test/passes/lower/GeneratedFunction.h"

#include "codegen/x86/Image.h"
#include "dialects/RegisterDialects.h"
#include "dialects/plan/CountedRows.h"
#include "passes/lower/Passes.h"
#include "passes/plan/GeneratedBodies.h"
#include "passes/plan/Stores.h"

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

/// Plans the op of such a module, and knows what its dispatch passes.
class Planner {
public:
  explicit Planner(mlir::ModuleOp module) : module(module), builder(module.getBodyRegion()) {
    mlir::Type call = plan::CallType::get(module.getContext());
    auto run = mlir::func::FuncOp::create(builder, loc, "run", builder.getFunctionType(call, {}));
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
    mlir::func::ReturnOp::create(builder, loc);
    tensors.erase();
    return planned;
  }

  plan::DispatchOp getDispatch() { return *signature.function.getOps<plan::DispatchOp>().begin(); }
  /// Which piece of memory each operand of the dispatch is, or begins with.
  std::vector<GeneratedFunction::Piece> listPieces() {
    std::vector<GeneratedFunction::Piece> list;
    for (mlir::Value memory : getDispatch().getArguments()) {
      list.push_back({pieces.lookup(memory), mlir::isa<plan::TableType>(memory.getType())});
    }
    return list;
  }
  /// Rows of the dispatch for each row of a call.
  int64_t countRows() { return plan::getCountedRows(getDispatch().getRows())->factor; }

private:
  /// The next piece of memory, or pieces of experts, with as many rows as the call says.
  Place place(mlir::Type type, const Operand &operand) {
    auto memory = getMemRefType(type);
    RowCount count;
    if (!operand.experts && !memory.hasStaticShape()) {
      mlir::Value factor = mlir::arith::ConstantIndexOp::create(builder, loc, operand.perRow);
      mlir::Value rows = signature.rows.rows;
      count = {operand.perRow == 1 ? rows : mlir::arith::MulIOp::create(builder, loc, rows, factor),
               4 * operand.perRow};
    }
    mlir::Value made = operand.experts ? makeTable(memory) : makeBuffer(memory, count);
    pieces[made] = std::exchange(next, next + operand.countSlices());
    return {made, count};
  }

  mlir::Value makeTable(mlir::MemRefType stack) {
    auto expert = mlir::MemRefType::get(stack.getShape().drop_front(), stack.getElementType());
    auto table = plan::TableType::get(stack.getContext(), expert);
    return plan::WeightOp::create(builder, loc, table, signature.call, "table", 0, stack.getDimSize(0), mlir::Value());
  }

  mlir::Value makeBuffer(mlir::MemRefType memory, const RowCount &count) {
    mlir::ValueRange sizes = count.rows ? mlir::ValueRange(count.rows) : mlir::ValueRange();
    return plan::BufferOp::create(builder, loc, memory, signature.call, builder.getI64IntegerAttr(0),
                                  mlir::IntegerAttr(), sizes);
  }

  mlir::ModuleOp module;
  mlir::OpBuilder builder;
  mlir::Location loc = builder.getUnknownLoc();
  Signature signature;
  Places places;
  llvm::DenseMap<mlir::Value, size_t> pieces;
  size_t next = 0;
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
  std::vector<GeneratedFunction::Piece> pieces;
  int64_t rowsPerRow = 1;
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
  Planner planner(*module);
  if (mlir::failed(planner.plan(inputs, outputs))) {
    llvm::report_fatal_error(StringRef("cannot plan\n" + text));
  }
  Compiled compiled;
  compiled.pieces = planner.listPieces();
  compiled.rowsPerRow = planner.countRows();
  if (mistake) {
    make(mistake, *module);
  }
  mlir::PassManager manager(&context);
  addLowerPipeline(manager);
  if (mlir::failed(manager.run(*module))) {
    llvm::report_fatal_error(StringRef("cannot lower\n" + text));
  }
  auto scratch = (*module)->getAttrOfType<mlir::IntegerAttr>(plan::kScratchBytesAttr);
  compiled.scratchBytes = scratch ? scratch.getInt() : 0;
  codegen::X86Target target = llvm::cantFail(codegen::findX86Target("x86-64-v3"));
  codegen::ModelCode code = llvm::cantFail(codegen::translateModel(*module, target, {}));
  compiled.image = llvm::cantFail(codegen::emitImage(code, target, /*threads=*/1));
  return compiled;
}

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
  auto find = [&](const char *name) { return image.function(compiled.image.addresses.lookup(name)); };
  task = reinterpret_cast<fathom_task_fn>(const_cast<void *>(find("generated_0.task")));
  items = reinterpret_cast<fathom_items_fn>(const_cast<void *>(find("generated_0.items")));
  scratchBytes = compiled.scratchBytes;
  pieces = compiled.pieces;
  rowsPerRow = compiled.rowsPerRow;
}

// Items run backwards, each with scratch memory of NaN.
void GeneratedFunction::run(int64_t rows, const std::vector<const void *> &memory, fathom_cache_t cache) const {
  ASSERT_TRUE(task && items);
  ASSERT_EQ(memory.size(), slices);
  std::vector<void *> operands;
  for (Piece piece : pieces) {
    const void *const *first = &memory[piece.first];
    operands.push_back(const_cast<void *>(piece.isTable ? static_cast<const void *>(first) : *first));
  }
  fathom_dispatch_t dispatch = {operands.data(), rows * rowsPerRow, /*layer=*/1, nullptr, &cache};
  size_t bytes = (scratchBytes + 64) / 64 * 64;
  std::unique_ptr<void, decltype(&std::free)> scratch(std::aligned_alloc(64, bytes), std::free);
  for (int64_t item = items(dispatch.rows); item-- > 0;) {
    task(&dispatch, item, std::memset(scratch.get(), 0xFF, bytes));
  }
}

} // namespace fathom::test
