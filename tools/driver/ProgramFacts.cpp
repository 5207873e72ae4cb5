// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From attributes and ops of a planned module to the artifact's tables.

#include "tools/driver/ProgramFacts.h"

#include "codegen/commands/LowerCommands.h"
#include "dialects/deepseek/DeepSeek.h"
#include "dialects/plan/Plan.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace fathom::driver {

/// The facts of the attribute that the frontend put on the module.
static artifact::ModelT readModel(DictionaryAttr facts) {
  auto integer = [&](StringRef name) { return cast<IntegerAttr>(facts.get(name)).getInt(); };
  auto real = [&](StringRef name) -> flatbuffers::Optional<float> {
    auto value = facts.getAs<FloatAttr>(name);
    return value ? flatbuffers::Optional<float>(float(value.getValueAsDouble())) : flatbuffers::nullopt;
  };
  artifact::ModelT model;
  model.family = cast<StringAttr>(facts.get("family")).str();
  model.vocabulary = integer("vocabulary");
  model.hidden = integer("hidden");
  model.layers = integer("layers");
  model.max_context = integer("max_context");
  model.bos_token = integer("bos_token");
  for (int64_t token : cast<DenseI64ArrayAttr>(facts.get("eos_tokens")).asArrayRef()) {
    model.eos_tokens.push_back(token);
  }
  model.temperature = real("temperature");
  model.top_p = real("top_p");
  model.min_p = real("min_p");
  model.repetition_penalty = real("repetition_penalty");
  if (facts.contains("top_k")) {
    model.top_k = int32_t(integer("top_k"));
  }
  return model;
}

static std::vector<artifact::StoreT> listStores(ModuleOp module) {
  std::vector<artifact::StoreT> stores;
  for (auto store : module->getAttrOfType<ArrayAttr>(plan::kStoresAttr).getAsRange<plan::StoreAttr>()) {
    artifact::StoreT &table = stores.emplace_back();
    table.name = store.getName().str();
    table.layers = store.getLayers();
    table.heads = store.getHeads();
    table.width = store.getWidth();
    table.element = artifact::StoreElement(store.getRowElement());
    table.tail = store.getTail();
    table.offset = store.getOffset();
  }
  return stores;
}

/// Whether an entry point uses an array of its calls.
static bool hasArray(func::FuncOp entry, StringRef name) {
  return llvm::any_of(entry.getOps<plan::ArgumentOp>(), [&](plan::ArgumentOp op) { return op.getName() == name; });
}

static uint32_t findFunction(ArrayRef<artifact::FunctionT> functions, StringRef name) {
  return std::distance(functions.begin(), llvm::find_if(functions, [&](auto &one) { return one.name == name; }));
}

static std::vector<artifact::EntryPointT> listEntryPoints(ModuleOp module, ArrayRef<artifact::FunctionT> functions) {
  std::vector<artifact::EntryPointT> entries;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (auto rows = function->getAttrOfType<IntegerAttr>(plan::kMaxRowsAttr)) {
      bool absorbed = function->getAttrOfType<StringAttr>(deepseek::kFormAttr) == deepseek::kAbsorbedForm;
      auto form = absorbed ? artifact::Form::absorbed : artifact::Form::expanded;
      auto positions = function->getAttrOfType<IntegerAttr>(plan::kMaxPositionsAttr);
      uint64_t arena = function->getAttrOfType<IntegerAttr>(plan::kArenaBytesAttr).getInt();
      entries.push_back({{},
                         function.getName().str(),
                         form,
                         findFunction(functions, function.getName()),
                         1,
                         uint32_t(rows.getInt()),
                         uint32_t(positions ? positions.getInt() : 0),
                         arena,
                         hasArray(function, deepseek::kLogitsOutput),
                         hasArray(function, deepseek::kHiddenInput),
                         hasArray(function, deepseek::kHiddenOutput),
                         hasArray(function, deepseek::kArgmaxOutput)});
    }
  }
  return entries;
}

/// The kernel or generated function that writes a buffer: the first to take it.
static StringRef findWriter(plan::BufferOp buffer) {
  Operation *first = nullptr;
  for (Operation *user : buffer->getUsers()) {
    bool takes = isa<plan::DispatchOp, func::CallOp>(user) && user->getBlock() == buffer->getBlock();
    first = takes && (!first || user->isBeforeInBlock(first)) ? user : first;
  }
  if (auto dispatch = dyn_cast_or_null<plan::DispatchOp>(first)) {
    return dispatch.getKernel();
  }
  auto call = dyn_cast_or_null<func::CallOp>(first);
  return call ? call.getCallee() : "unused";
}

/// Buffers by the function they are in and what writes them.
static std::vector<artifact::BufferT> listBuffers(ModuleOp module) {
  std::vector<artifact::BufferT> buffers;
  for (auto function : module.getOps<func::FuncOp>()) {
    function.walk([&](plan::BufferOp op) {
      std::string name = (function.getName() + "/" + findWriter(op)).str();
      buffers.push_back({{}, name, op.getOffset().value_or(0), op.getBytes()});
    });
  }
  return buffers;
}

void collectModelFacts(ModuleOp module, codegen::ArtifactContents &contents) {
  auto facts = cast<DictionaryAttr>(module->getAttr(deepseek::kModelAttr));
  contents.model = readModel(facts);
  contents.pageBytes = module->getAttrOfType<IntegerAttr>(plan::kPageBytesAttr).getInt();
  contents.stores = listStores(module);
}

void collectProgramFacts(ModuleOp module, codegen::ProgramContents &program) {
  codegen::CommandTables commands = codegen::lowerCommands(module);
  program.kernels = std::move(commands.kernels);
  program.functions = std::move(commands.functions);
  program.entryPoints = listEntryPoints(module, program.functions);
  program.buffers = listBuffers(module);
}

} // namespace fathom::driver
