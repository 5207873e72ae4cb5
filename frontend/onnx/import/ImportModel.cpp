// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The module of a model: its files, its initializers, and @main.

#include "frontend/onnx/import/ImportModel.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/deepseek/Phase.h"
#include "dialects/support/Hash.h"
#include "frontend/checkpoint/Files.h"
#include "frontend/onnx/import/ImportTypes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

#include <cerrno>

using namespace mlir;

namespace fathom::onnx {

using checkpoint::Diagnostics;
using checkpoint::Problem;

/// Initializers of so few elements stand in the IR, where people look for them.
static constexpr int64_t kMostInline = 8;
/// What is looked at of a file to know it again.
static constexpr uint64_t kHeadBytes = 4096;

namespace {
class ModelImporter {
public:
  ModelImporter(MLIRContext &context, const Model &model, const TypedModel &typed, Diagnostics &diagnostics)
      : builder(&context), loc(builder.getUnknownLoc()), model(model), typed(typed), diagnostics(diagnostics),
        values(typed.values.size()) {}

  ImportedModel run();

private:
  void addInitializers();
  mlir::Value addInitializer(const Tensor &tensor);
  StringAttr addSymbol(const Tensor &tensor, RankedTensorType type);
  mlir::Value addConstant(ElementsAttr value) { return ConstantOp::create(builder, loc, value); }
  std::optional<std::string> readData(const Tensor &tensor);
  int64_t findFile(const std::string &path);
  void addMain();
  void addGraph(const TypedGraph &graph, Block &block);
  void addNode(const TypedNode &node);
  bool addKnown(const TypedNode &node);
  mlir::Value makeKnown(ValueId id);
  DictionaryAttr convertAttributes(const proto::NodeProto &node);
  void listFiles(ModuleOp module);
  void eraseUnusedInitializers();
  mlir::Value get(ValueId id);
  Type typeOf(ValueId id) {
    return id == kNoValue ? builder.getNoneType() : convertType(builder, typed.values[id], typed.symbols);
  }
  /// Where messages find a node by its name.
  Location locate(const proto::NodeProto &node);

  OpBuilder builder;
  Location loc;
  const Model &model;
  const TypedModel &typed;
  Diagnostics &diagnostics;
  std::vector<mlir::Value> values;
  mlir::Value none;
  ImportedModel imported;
  std::optional<SymbolTable> symbols; ///< of the module, with its functions
};
} // namespace

Location ModelImporter::locate(const proto::NodeProto &node) {
  StringRef name = node.name();
  if (name.empty() && node.output_size() > 0) {
    name = node.output(0);
  }
  return NameLoc::get(builder.getStringAttr(name.empty() ? node.op_type() : name));
}

std::optional<DataFile> lookAtFile(StringRef name, const std::string &path, Diagnostics &diagnostics) {
  std::optional<File> file = checkpoint::openFile(path, path, Problem::InputOutput, diagnostics);
  if (!file) {
    return std::nullopt;
  }
  DataFile data = {name.str(), path, file->size(), std::min(file->size(), kHeadBytes)};
  std::string head(data.headBytes, '\0');
  if (!file->read(head.data(), head.size(), 0)) {
    checkpoint::reportSystemError(errno, path, "cannot read", diagnostics);
    return std::nullopt;
  }
  data.headHash = hashBytes(head);
  return data;
}

/// The number of a file in the module's list.
int64_t ModelImporter::findFile(const std::string &path) {
  auto found = llvm::find_if(imported.files, [&](const DataFile &file) { return file.path == path; });
  if (found != imported.files.end()) {
    return found - imported.files.begin();
  }
  StringRef folder = StringRef(model.path()).take_front(StringRef(model.path()).rfind('/') + 1);
  StringRef name = path;
  name.consume_front(folder);
  std::optional<DataFile> file = lookAtFile(name, path, diagnostics);
  imported.files.push_back(file ? *file : DataFile{name.str(), path});
  return int64_t(imported.files.size()) - 1;
}

/// Nothing after a finding.
std::optional<std::string> ModelImporter::readData(const Tensor &tensor) {
  std::string bytes(tensor.bytes, '\0');
  std::optional<File> file =
      checkpoint::openFile(tensor.data.file, tensor.data.file, Problem::InputOutput, diagnostics);
  if (file && !file->read(bytes.data(), bytes.size(), tensor.data.range.offset)) {
    checkpoint::reportSystemError(errno, tensor.data.file, "cannot read", diagnostics);
    file.reset();
  }
  return file ? std::optional(std::move(bytes)) : std::nullopt;
}

mlir::Value ModelImporter::addInitializer(const Tensor &tensor) {
  RankedTensorType type = convertType(builder, *tensor.proto);
  bool inMessage = tensor.data.file.empty() || tensor.proto->raw_data().size() == tensor.bytes;
  bool isSmall = type && type.getNumElements() <= kMostInline;
  if (tensor.data.file.empty() || (isSmall && inMessage)) {
    return addConstant(convertTensor(builder, *tensor.proto));
  }
  if (isSmall) {
    std::optional<std::string> bytes = readData(tensor);
    return bytes ? addConstant(convertRaw(type, *bytes)) : mlir::Value();
  }
  return GetInitializerOp::create(builder, loc, type, addSymbol(tensor, type));
}

/// Declares an initializer; its name is that of the tensor unless the function of the graph has that.
StringAttr ModelImporter::addSymbol(const Tensor &tensor, RankedTensorType type) {
  OpBuilder outer(builder.getContext());
  return symbols->insert(InitializerOp::create(outer, loc, tensor.proto->name(), type, findFile(tensor.data.file),
                                               int64_t(tensor.data.range.offset)));
}

void ModelImporter::addInitializers() {
  for (auto [tensor, constant] : llvm::zip_equal(model.initializers(), typed.main.constants)) {
    values[constant.first] = addInitializer(tensor);
  }
}

mlir::Value ModelImporter::get(ValueId id) {
  if (id != kNoValue && values[id]) {
    return values[id];
  }
  return none;
}

/// A value that is known before anything runs; null for any other.
mlir::Value ModelImporter::makeKnown(ValueId id) {
  const Value &value = typed.values[id];
  auto type = dyn_cast<RankedTensorType>(typeOf(id));
  if (!value.contents || !type || !type.hasStaticShape() || !type.getElementType().isInteger()) {
    return {};
  }
  if (llvm::all_of(*value.contents, [](const Extent &number) { return number.constant().has_value(); })) {
    SmallVector<APInt> numbers = llvm::map_to_vector(*value.contents, [&](const Extent &number) {
      return APInt(type.getElementTypeBitWidth(), uint64_t(*number.constant()), /*isSigned=*/true,
                   /*implicitTrunc=*/true);
    });
    return addConstant(DenseElementsAttr::get(type, numbers));
  }
  SmallVector<StringAttr> numbers = llvm::map_to_vector(
      *value.contents, [&](const Extent &number) { return builder.getStringAttr(number.str(typed.symbols)); });
  return ExtentsOp::create(builder, loc, type, ShapeAttr::get(builder.getContext(), numbers));
}

static bool isConstant(const proto::NodeProto &node) {
  return normalizeDomain(node.domain()).empty() && node.op_type() == "Constant" && node.attribute_size() == 1;
}

/// The tensor that the attribute of a Constant is.
static ElementsAttr convertConstant(Builder &builder, const proto::AttributeProto &attribute) {
  auto list = [&](Type element, int64_t count) { return RankedTensorType::get({count}, element); };
  auto scalar = [&](Type element) { return RankedTensorType::get({}, element); };
  switch (attribute.type()) {
  case proto::AttributeProto::TENSOR:
    return convertTensor(builder, attribute.t());
  case proto::AttributeProto::FLOAT:
    return DenseElementsAttr::get(scalar(builder.getF32Type()), attribute.f());
  case proto::AttributeProto::INT:
    return DenseElementsAttr::get(scalar(builder.getI64Type()), attribute.i());
  case proto::AttributeProto::FLOATS:
    return DenseElementsAttr::get(list(builder.getF32Type(), attribute.floats_size()),
                                  ArrayRef(attribute.floats().data(), attribute.floats_size()));
  case proto::AttributeProto::INTS: {
    SmallVector<int64_t> numbers(attribute.ints().begin(), attribute.ints().end());
    return DenseElementsAttr::get(list(builder.getI64Type(), attribute.ints_size()), ArrayRef(numbers));
  }
  case proto::AttributeProto::STRING:
    return DenseStringElementsAttr::get(scalar(StringType::get(builder.getContext())), {StringRef(attribute.s())});
  case proto::AttributeProto::STRINGS: {
    SmallVector<StringRef> strings(attribute.strings().begin(), attribute.strings().end());
    return DenseStringElementsAttr::get(list(StringType::get(builder.getContext()), attribute.strings_size()), strings);
  }
  default:
    return {};
  }
}

/// Sets what a node gives where all of it is known; false where it has to be computed.
bool ModelImporter::addKnown(const TypedNode &node) {
  if (isConstant(*node.proto)) {
    ElementsAttr value = convertConstant(builder, node.proto->attribute(0));
    values[node.outputs[0]] = value ? addConstant(value) : mlir::Value();
    return value != nullptr;
  }
  for (ValueId id : node.outputs) {
    if (id != kNoValue && !(values[id] = makeKnown(id))) {
      return false;
    }
  }
  return true;
}

DictionaryAttr ModelImporter::convertAttributes(const proto::NodeProto &node) {
  SmallVector<NamedAttribute> attributes;
  llvm::StringSet<> seen;
  for (const proto::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g() || !seen.insert(attribute.name()).second) {
      continue;
    }
    if (Attribute converted = convertAttribute(builder, attribute)) {
      attributes.push_back(builder.getNamedAttr(attribute.name(), converted));
    } else {
      diagnostics.error(Problem::Unsupported, "attribute", model.path(), describe(node),
                        "has the attribute '" + escape(attribute.name(), 80) + "' of a kind that Fathom does not read");
    }
  }
  return builder.getDictionaryAttr(attributes);
}

void ModelImporter::addNode(const TypedNode &node) {
  if (addKnown(node)) {
    return;
  }
  const proto::NodeProto &proto = *node.proto;
  SmallVector<mlir::Value> inputs = llvm::map_to_vector(node.inputs, [&](ValueId id) { return get(id); });
  SmallVector<Type> outputs = llvm::map_to_vector(node.outputs, [&](ValueId id) { return typeOf(id); });
  StringRef domain = normalizeDomain(proto.domain());
  SmallVector<StringRef> graphNames;
  for (const proto::AttributeProto &attribute : proto.attribute()) {
    if (attribute.has_g()) {
      graphNames.push_back(attribute.name());
    }
  }
  auto op = NodeOp::create(
      builder, locate(proto), outputs, builder.getStringAttr(proto.op_type()),
      domain.empty() ? StringAttr() : builder.getStringAttr(domain), node.opset, inputs, convertAttributes(proto),
      graphNames.empty() ? ArrayAttr() : builder.getStrArrayAttr(graphNames), unsigned(node.graphs.size()));
  for (auto [id, output] : llvm::zip_equal(node.outputs, op.getOutputs())) {
    if (id != kNoValue && !values[id]) {
      values[id] = output;
    }
  }
  for (auto [region, graph] : llvm::zip(op.getGraphs(), node.graphs)) {
    addGraph(graph, region.emplaceBlock());
  }
}

/// The inputs, nodes and outputs of a graph of a node.
void ModelImporter::addGraph(const TypedGraph &graph, Block &block) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&block);
  for (ValueId id : graph.inputs) {
    values[id] = block.addArgument(typeOf(id), loc);
  }
  for (auto [id, tensor] : graph.constants) {
    values[id] = addConstant(convertTensor(builder, *tensor));
  }
  for (const TypedNode &node : graph.nodes) {
    addNode(node);
  }
  YieldOp::create(builder, loc, llvm::map_to_vector(graph.outputs, [&](ValueId id) { return get(id); }));
}

/// Operations that nobody reads, the last first.
static void eraseUnused(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    for (Region &region : op.getRegions()) {
      for (Block &inner : region) {
        eraseUnused(inner);
      }
    }
    if (isOpTriviallyDead(&op)) {
      op.erase();
    }
  }
}

void ModelImporter::addMain() {
  const proto::GraphProto &graph = model.proto().graph();
  SmallVector<Type> inputs = llvm::map_to_vector(typed.main.inputs, [&](ValueId id) { return typeOf(id); });
  auto main = func::FuncOp::create(builder, loc, kMainFunction, builder.getFunctionType(inputs, {}));
  symbols.emplace(*imported.module);
  Block *entry = main.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  none = NoneOp::create(builder, loc);
  addInitializers();
  for (auto [id, argument] : llvm::zip_equal(typed.main.inputs, entry->getArguments())) {
    values[id] = argument;
  }
  // What has a value is not an input, even where it is listed as one.
  llvm::StringSet<> given;
  for (const Tensor &tensor : model.initializers()) {
    given.insert(tensor.proto->name());
  }
  unsigned number = 0;
  for (const proto::ValueInfoProto &input : graph.input()) {
    if (!given.contains(input.name())) {
      main.setArgAttr(number++, kNameAttr, builder.getStringAttr(input.name()));
    }
  }
  for (const TypedNode &node : typed.main.nodes) {
    addNode(node);
  }
  SmallVector<mlir::Value> outputs = llvm::map_to_vector(typed.main.outputs, [&](ValueId id) { return get(id); });
  func::ReturnOp::create(builder, loc, outputs);
  main.setType(builder.getFunctionType(inputs, TypeRange(ValueRange(outputs))));
  for (int i = 0; i < graph.output_size(); ++i) {
    main.setResultAttr(i, kNameAttr, builder.getStringAttr(graph.output(i).name()));
  }
  eraseUnused(*entry);
}

void ModelImporter::listFiles(ModuleOp module) {
  SmallVector<Attribute> shards = llvm::map_to_vector(imported.files, [&](const DataFile &file) -> Attribute {
    return deepseek::ShardAttr::get(builder.getContext(), file.name, file.bytes, file.headHash);
  });
  module->setAttr(deepseek::kShardsAttr, builder.getArrayAttr(shards));
}

void ModelImporter::eraseUnusedInitializers() {
  llvm::StringSet<> used;
  imported.module->walk([&](GetInitializerOp op) { used.insert(op.getInitializer()); });
  for (InitializerOp op : llvm::make_early_inc_range(imported.module->getOps<InitializerOp>())) {
    if (!used.contains(op.getSymName())) {
      op.erase();
    }
  }
}

ImportedModel ModelImporter::run() {
  imported.module = ModuleOp::create(loc);
  ModuleOp module = *imported.module;
  deepseek::markPhase(module, "onnx");
  builder.setInsertionPointToEnd(module.getBody());
  addMain();
  listFiles(module);
  eraseUnusedInitializers();
  return std::move(imported);
}

ImportedModel importModel(MLIRContext &context, const Model &model, const TypedModel &typed, Diagnostics &diagnostics) {
  return ModelImporter(context, model, typed, diagnostics).run();
}

} // namespace fathom::onnx
