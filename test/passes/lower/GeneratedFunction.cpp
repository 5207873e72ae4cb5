// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text of a module around one op, its compilation, and calls.

#include "test/passes/lower/GeneratedFunction.h"

#include "codegen/x86/Image.h"
#include "dialects/RegisterDialects.h"
#include "passes/lower/Passes.h"
#include "passes/plan/Stores.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>

namespace fathom::test {

using llvm::formatv;
using llvm::StringRef;

namespace {

/// Layers of the caches that tests call functions with.
constexpr int64_t kLayers = 2;

/// A module with the op in a function like those of fathom-convert-deepseek-to-plan, and an entry point that calls it
/// with slices of the weight table.
class ModuleText {
public:
  void addInput(const Operand &input) {
    if (input.type == "index") {
      return;
    }
    if (!input.isTensor() || input.experts) {
      std::string source = input.experts ? formatv("%m{0} : {1}", count, getMemory(input)).str() : "%call : !plan.call";
      body += formatv("%{0} = builtin.unrealized_conversion_cast {1} to {2}\n", input.name, source, input.type);
    } else {
      body += formatv("%{0} = bufferization.to_tensor %m{1} restrict : {2} to {3}\n", input.name, count,
                      getMemory(input), input.type);
    }
    if (input.isTensor()) {
      addParameter(input);
    }
  }

  void addOp(const std::string &op, size_t results) { body += formatv("%results:{0} = {1}\n", results, op); }

  void addOutput(const Operand &output, size_t result) {
    body += formatv("bufferization.materialize_in_destination %results#{0} in restrict writable %m{1} : ({2}, {3}) -> "
                    "()\n",
                    result, count, output.type, getMemory(output));
    addParameter(output);
  }

  std::string get() const {
    return "func.func private @op(%call: !plan.call, %layer: index" + parameters + ") {\n" + body +
           "return\n}\n"
           "func.func @run(%call: !plan.call) -> i32 attributes {plan.max_rows = 4 : i64} {\n"
           "%layer = arith.constant 1 : index\n%rows = plan.rows rows of %call\n" +
           slices + "call @op(%call, %layer" + arguments + ") : (!plan.call, index" + types +
           ") -> ()\n"
           "%zero = arith.constant 0 : i32\nreturn %zero : i32\n}\n";
  }

private:
  /// What is between the brackets of a tensor's type.
  static StringRef getShape(const Operand &operand) {
    return StringRef(operand.type).drop_front(StringRef("tensor<").size()).drop_back();
  }

  static std::string getMemory(const Operand &operand) {
    StringRef shape = getShape(operand);
    return operand.experts ? formatv("!plan.table<memref<{0}>>", shape.drop_front(shape.find('x') + 1)).str()
                           : formatv("memref<{0}>", shape).str();
  }

  void addParameter(const Operand &operand) {
    std::string memory = getMemory(operand);
    parameters += formatv(", %m{0}: {1}", count, memory);
    arguments += formatv(", %m{0}", count);
    types += ", " + memory;
    if (getShape(operand).starts_with("?")) {
      addRows(operand);
    } else {
      slices += formatv("%m{0} = plan.weight of %call @table slices {1}, {2} : {3}\n", count, slice,
                        operand.countSlices(), memory);
    }
    ++count;
    slice += operand.countSlices();
  }

  /// A slice that has as many rows as the call says.
  void addRows(const Operand &operand) {
    StringRef row = getShape(operand).drop_front(2);
    auto [width, element] = row.split('x');
    bool isVector = element.empty();
    slices += formatv("%factor{0} = arith.constant {1} : index\n%n{0} = arith.muli %rows, %factor{0} : index\n", count,
                      operand.perRow);
    slices += formatv("%slice{0} = plan.weight of %call @table slices {1}, 1 : memref<1x{2}>\n", count, slice, row);
    slices +=
        formatv("%m{0} = memref.reinterpret_cast %slice{0} to offset: [0], sizes: [%n{0}{1}], strides: [{2}1] : "
                "memref<1x{3}> to {4}\n",
                count, isVector ? "" : ", " + width.str(), isVector ? "" : width.str() + ", ", row, getMemory(operand));
  }

  size_t count = 0;
  int64_t slice = 0;
  std::string parameters, arguments, types, slices, body;
};

std::string writeModule(const std::string &op, const Operands &inputs, const Operands &outputs) {
  ModuleText text;
  for (const Operand &input : inputs) {
    text.addInput(input);
  }
  // An op whose results are not tensors has a cache for one.
  text.addOp(op, std::max<size_t>(outputs.size(), 1));
  for (size_t i = 0; i < outputs.size(); ++i) {
    text.addOutput(outputs[i], i);
  }
  return text.get();
}

/// Decomposes the op, and changes what it became.
void make(Mistake mistake, mlir::ModuleOp module) {
  mlir::PassManager manager(module->getContext());
  manager.addPass(createConvertDeepSeekToStructured());
  if (mlir::failed(manager.run(module))) {
    llvm::report_fatal_error("cannot decompose");
  }
  module.walk([&](mlir::Operation *op) { mistake(op); });
}

codegen::CodeImage compile(const std::string &text, Mistake mistake) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
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
  if (mistake) {
    make(mistake, *module);
  }
  mlir::PassManager manager(&context);
  addLowerPipeline(manager);
  if (mlir::failed(manager.run(*module))) {
    llvm::report_fatal_error(StringRef("cannot lower\n" + text));
  }
  codegen::X86Target target = llvm::cantFail(codegen::findX86Target("x86-64-v3"));
  codegen::ModelCode code = llvm::cantFail(codegen::translateModel(*module, target));
  return llvm::cantFail(codegen::emitImage(code, target, /*threads=*/1));
}

/// A host that counts what is not given back.
struct CountingHost {
  fathom_host_t table = {sizeof(table), FATHOM_ARTIFACT_VERSION_MAJOR, this, nullptr, allocate, deallocate};
  int64_t live = 0;

  static void *allocate(void *self, size_t bytes) {
    ++static_cast<CountingHost *>(self)->live;
    size_t size = (bytes + 63) / 64 * 64;
    return std::memset(std::aligned_alloc(64, size), 0xFF, size);
  }
  static void deallocate(void *self, void *memory) {
    --static_cast<CountingHost *>(self)->live;
    std::free(memory);
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
  codegen::CodeImage compiled = compile(writeModule(op, inputs, outputs), mistake);
  const auto *bytes = reinterpret_cast<const unsigned char *>(compiled.bytes.data());
  EXPECT_EQ(image.load(bytes, compiled.bytes.size()), FATHOM_STATUS_OK);
  entry = reinterpret_cast<fathom_entry_fn>(const_cast<void *>(image.function(compiled.entryPoints.lookup("run"))));
}

void GeneratedFunction::run(int64_t rows, const std::vector<const void *> &memory, fathom_cache_t cache) const {
  ASSERT_TRUE(entry);
  ASSERT_EQ(memory.size(), slices);
  CountingHost host;
  fathom_call_t call = {};
  call.struct_size = sizeof(call);
  call.host = &host.table;
  call.weights = memory.data();
  call.rows = rows;
  call.cache = cache;
  EXPECT_EQ(entry(&call), 0);
  EXPECT_EQ(host.live, 0) << "blocks of memory were not given back";
}

} // namespace fathom::test
