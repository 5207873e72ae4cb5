// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes toy artifacts with the FlatBuffers builder.

#include "test/runtime/toy_artifact.h"

#include "fathom/artifact_generated.h"
#include "runtime/device/device.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>
#include <unistd.h>
#include <xxhash.h>

namespace fathom::test {

namespace fbs = fathom::artifact;

constexpr uint64_t kCodeOffset = 65536;

static std::string readFile(const char *path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

/// A file that the build made; FATHOM_TOY_FOLDER, where it has been moved.
static std::string findFile(const std::string &built) {
  const char *folder = getenv("FATHOM_TOY_FOLDER");
  return folder ? folder + built.substr(built.rfind('/')) : built;
}

std::string toyCode() { return readFile(findFile(FATHOM_TOY_IMAGE).c_str()); }

void *toySymbol(const char *symbol) {
  void *image = dlopen(findFile(FATHOM_TOY_IMAGE).c_str(), RTLD_NOW | RTLD_LOCAL);
  return image ? dlsym(image, symbol) : nullptr;
}

uint64_t toyAddress(const char *symbol) {
  void *address = toySymbol(symbol);
  Dl_info facts = {};
  EXPECT_TRUE(address && dladdr(address, &facts)) << symbol;
  return static_cast<char *>(address) - static_cast<char *>(facts.dli_fbase);
}

static flatbuffers::Offset<fbs::AddedTokens> addTokens(flatbuffers::FlatBufferBuilder &builder, bool some) {
  std::vector<fbs::AddedToken> tokens;
  std::vector<uint32_t> first(257, 0);
  if (some) {
    // Sorted by text: <A> <U> <b> <e>.
    for (int32_t id : {kToyAssistant, kToyUser, kToyBos, kToyEos}) {
      tokens.emplace_back(static_cast<uint32_t>(id), fbs::AddedTokenFlags{});
    }
    std::fill(first.begin() + '<' + 1, first.end(), 4);
  }
  return fbs::CreateAddedTokens(builder, builder.CreateVectorOfStructs(tokens), builder.CreateVector(first));
}

static flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbs::Split>>>
addSplits(flatbuffers::FlatBufferBuilder &builder) {
  std::vector<fbs::Matcher> numbers = {fbs::Matcher::number}, words = {fbs::Matcher::word, fbs::Matcher::spaces};
  return builder.CreateVector(
      std::vector{fbs::CreateSplitDirect(builder, &numbers), fbs::CreateSplitDirect(builder, &words)});
}

/// <b> {% for m in messages %} <U> content, or <A> content <e>, or content {% endfor %}, and <A> where it should
/// answer.
static flatbuffers::Offset<fbs::ChatTemplate> makeChat(flatbuffers::FlatBufferBuilder &builder,
                                                       const ToyContents &contents) {
  using Kind = fbs::ChatNodeKind;
  enum Text : uint32_t { Begin, End, User, Assistant, Messages, M, Role, Content, UserRole, AssistantRole, Generate };
  std::vector<fbs::ChatNode> nodes;
  std::vector<uint32_t> operands;
  auto add = [&](Kind kind, uint32_t value, std::initializer_list<uint32_t> of) {
    nodes.emplace_back(kind, 1, 1, value, uint32_t(operands.size()), uint32_t(of.size()));
    operands.insert(operands.end(), of);
    return uint32_t(nodes.size() - 1);
  };
  auto write = [&](Text text) { return add(Kind::text, text, {}); };
  auto content = [&] { return add(Kind::output, 0, {add(Kind::attribute, Content, {add(Kind::name, M, {})})}); };
  auto hasRole = [&](Text role) {
    uint32_t own = add(Kind::attribute, Role, {add(Kind::name, M, {})});
    return add(Kind::compare, 0,
               {own, add(Kind::comparison, uint32_t(fbs::ChatOperator::equal), {add(Kind::literal, role, {})})});
  };
  uint32_t user = add(Kind::block, 0, {write(User), content()});
  uint32_t assistant = add(Kind::block, 0, {write(Assistant), content(), write(End)});
  uint32_t branch = add(Kind::branch, 0, {hasRole(UserRole), user, hasRole(AssistantRole), assistant, content()});
  uint32_t loop = add(Kind::loop, 0, {add(Kind::name, M, {}), add(Kind::name, Messages, {}), 0xffffffff, branch});
  uint32_t generate = add(Kind::branch, 0, {add(Kind::name, Generate, {}), write(Assistant)});
  add(Kind::block, 0, {write(Begin), loop, generate});
  operands.back() += contents.chatOperand;
  const std::vector<std::string> texts = {
      "<b>", "<e>", "<U>", "<A>", "messages", "m", "role", "content", "user", "assistant", "add_generation_prompt"};
  return fbs::CreateChatTemplate(builder, builder.CreateString("default"), builder.CreateVectorOfStructs(nodes),
                                 builder.CreateVector(operands), builder.CreateVector(std::vector<int64_t>()),
                                 builder.CreateVector(std::vector<double>()), builder.CreateVectorOfStrings(texts));
}

static flatbuffers::Offset<fbs::Tokenizer> makeTokenizer(flatbuffers::FlatBufferBuilder &builder,
                                                         const ToyContents &contents) {
  std::vector<uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), 0);
  std::vector<uint32_t> offsets(257), byteTokens(256), special = {256, 257, 258, 259};
  std::iota(offsets.begin(), offsets.end(), 0);
  std::iota(byteTokens.begin(), byteTokens.end(), 0);
  for (const char *text : {"<b>", "<e>", "<U>", "<A>"}) {
    bytes.insert(bytes.end(), text, text + 3);
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  std::vector<fbs::MergeSlot> merges(2, fbs::MergeSlot(0, 0, 0, 0xffffffff));
  std::vector<uint32_t> wholeWords = {'a', 0xffffffff};
  auto chats = builder.CreateVector(contents.chat ? std::vector{makeChat(builder, contents)}
                                                  : std::vector<flatbuffers::Offset<fbs::ChatTemplate>>());
  return fbs::CreateTokenizer(builder, builder.CreateVector(bytes), builder.CreateVector(offsets),
                              builder.CreateVector(byteTokens), builder.CreateVectorOfStructs(merges),
                              builder.CreateVector(wholeWords), addTokens(builder, true), addTokens(builder, false),
                              builder.CreateVector(special), addSplits(builder), fbs::Normalizer::none, true, kToyBos,
                              kToyEos, chats);
}

static auto makeKernels(flatbuffers::FlatBufferBuilder &builder, const ToyContents &contents) {
  std::vector<flatbuffers::Offset<fbs::Kernel>> kernels;
  for (const ToyKernel &k : contents.kernels) {
    flatbuffers::Offset<fbs::Grid> grid;
    if (k.grid) {
      const ToyGrid &g = *k.grid;
      grid = fbs::CreateGrid(builder, g.module, g.threads, g.blocks, g.rowsPerBlock, g.sharedBytes, g.scratchBytes);
    }
    kernels.push_back(fbs::CreateKernel(builder, builder.CreateString(k.name), 0, k.task, k.items, k.inputs, k.outputs,
                                        /*extras=*/0, k.storeReads, k.storeWrites, /*dispatches=*/0,
                                        /*generated=*/false, grid));
  }
  return builder.CreateVector(kernels);
}

static auto makeModules(flatbuffers::FlatBufferBuilder &builder, const std::vector<ToyModule> &all) {
  std::vector<flatbuffers::Offset<fbs::Module>> modules;
  for (const ToyModule &m : all) {
    modules.push_back(fbs::CreateModule(builder, m.ptxOffset, m.ptxSize, m.cubinOffset, m.cubinSize));
  }
  return builder.CreateVector(modules);
}

static flatbuffers::Offset<fbs::TensorType> makeTensor(flatbuffers::FlatBufferBuilder &b, const char *name,
                                                       const ToyTensor &t) {
  return fbs::CreateTensorType(b, b.CreateString(name), t.element, b.CreateVector(t.sizes),
                               b.CreateVectorOfStrings(t.symbols));
}

static flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbs::NamedFunction>>>
makeNamedFunctions(flatbuffers::FlatBufferBuilder &b, const std::vector<ToyNamedFunction> &functions) {
  std::vector<flatbuffers::Offset<fbs::NamedFunction>> tables;
  for (const ToyNamedFunction &f : functions) {
    std::vector<flatbuffers::Offset<fbs::TensorType>> inputs = {makeTensor(b, "x", f.input)},
                                                      outputs = {makeTensor(b, "y", f.output)};
    tables.push_back(
        fbs::CreateNamedFunction(b, b.CreateString("main"), f.code, b.CreateVector(inputs), b.CreateVector(outputs)));
  }
  return b.CreateVector(tables);
}

static auto makeFunctions(flatbuffers::FlatBufferBuilder &builder, const std::vector<ToyFunction> &all) {
  std::vector<flatbuffers::Offset<fbs::Function>> functions;
  for (const ToyFunction &f : all) {
    std::vector<flatbuffers::Offset<fbs::Command>> commands;
    for (const ToyCommand &c : f.commands) {
      auto operands = builder.CreateVectorOfStructs(c.operands);
      commands.push_back(
          fbs::CreateCommand(builder, c.action, c.target, c.rows, c.factor, c.layer, c.instance, operands, c.element));
    }
    functions.push_back(fbs::CreateFunction(builder, builder.CreateString(f.name), builder.CreateVector(commands)));
  }
  return builder.CreateVector(functions);
}

static std::string makeMetadata(const ToyContents &c) {
  flatbuffers::FlatBufferBuilder b;
  auto model = fbs::CreateModel(b, b.CreateString("deepseek_v3"), c.vocabulary, c.hidden, c.layers, c.maxContext, c.bos,
                                b.CreateVector(c.eos), c.temperature, c.topP, c.topK, c.minP, c.repetitionPenalty);
  std::vector<flatbuffers::Offset<fbs::Store>> stores;
  for (const ToyStore &s : c.stores) {
    stores.push_back(fbs::CreateStore(b, b.CreateString(s.name), s.layers, fbs::StoreElement(c.storeElement), s.width,
                                      s.stride, s.window, s.offset, s.heads, s.tail));
  }
  auto cache = fbs::CreateCache(b, c.pageBytes, b.CreateVector(stores));
  auto modules = c.modules.empty() ? 0 : makeModules(b, c.modules);
  auto code = fbs::CreateCode(b, c.codeSegment, c.scratchBytes, modules);
  std::vector<flatbuffers::Offset<fbs::Segment>> segments;
  for (const ToySegment &s : c.segments) {
    segments.push_back(fbs::CreateSegment(b, b.CreateString(s.name), b.CreateString(s.directory), s.external, s.offset,
                                          s.size, s.hash, s.contentsHash, s.headBytes));
  }
  std::vector<flatbuffers::Offset<fbs::EntryPoint>> entries;
  for (const ToyEntry &e : c.entries) {
    entries.push_back(fbs::CreateEntryPoint(b, b.CreateString(e.name), e.form, e.function, e.minRows, e.maxRows,
                                            e.maxPositions, e.arenaBytes, e.logits, e.hidden, e.hiddenOut, e.argmax));
  }
  std::vector<fbs::WeightSlice> slices;
  for (const ToySlice &s : c.slices) {
    slices.emplace_back(s.offset, s.size, s.segment);
  }
  std::vector<flatbuffers::Offset<fbs::Weight>> weights = {fbs::CreateWeight(
      b, b.CreateString("table"), b.CreateString("f32"), b.CreateVector(std::vector<int64_t>{c.dimension}),
      b.CreateString("rows"), c.firstSlice, c.sliceCount, c.experts)};
  std::vector<flatbuffers::Offset<fbs::Buffer>> buffers = {
      fbs::CreateBuffer(b, b.CreateString("sums"), c.bufferOffset, c.bufferSize)};
  flatbuffers::Offset<fbs::Tokenizer> tokenizer;
  if (c.tokenizer) {
    tokenizer = makeTokenizer(b, c);
  }
  auto build = fbs::CreateBuildRecord(b, b.CreateString("0.1.0"), b.CreateString("22"), b.CreateString(""));
  auto entryTable = b.CreateVector(entries);
  auto sliceTable = b.CreateVectorOfStructs(slices);
  auto weightTable = b.CreateVector(weights);
  auto kernelTable = makeKernels(b, c);
  auto functionTable = makeFunctions(b, c.functions);
  auto lastFunctionTable = c.lastFunctions.empty() ? functionTable : makeFunctions(b, c.lastFunctions);
  auto bufferTable = b.CreateVector(buffers);
  auto namedTable = makeNamedFunctions(b, c.namedFunctions);
  // Variants share all but their target, and the last one's functions: tables of a FlatBuffer may be referred to more
  // than once.
  std::vector<flatbuffers::Offset<fbs::Program>> variants;
  for (const ToyTarget &t : c.targets) {
    auto target = fbs::CreateTarget(b, b.CreateString(t.triple), b.CreateString(t.cpu),
                                    b.CreateVectorOfStrings(t.features), t.activation);
    variants.push_back(fbs::CreateProgram(b, target, code, entryTable, sliceTable, weightTable, kernelTable,
                                          &t == &c.targets.back() ? lastFunctionTable : functionTable, bufferTable,
                                          &t == &c.targets.front() || c.othersAreNamed ? namedTable : 0));
  }
  fbs::FinishArtifactBuffer(
      b, fbs::CreateArtifact(b, model, cache, b.CreateVector(segments), b.CreateVector(variants), tokenizer, build));
  return {reinterpret_cast<const char *>(b.GetBufferPointer()), b.GetSize()};
}

void rehash(std::string &artifact) {
  fathom_artifact_header_t header;
  memcpy(&header, artifact.data(), sizeof(header));
  size_t available = artifact.size() - sizeof(header);
  header.metadata_hash =
      XXH3_64bits(artifact.data() + sizeof(header), std::min<size_t>(available, header.metadata_size));
  header.header_hash = XXH3_64bits(&header, offsetof(fathom_artifact_header_t, header_hash));
  memcpy(artifact.data(), &header, sizeof(header));
}

static fbs::Operand buffer(uint64_t offset, fbs::Access access) {
  return fbs::Operand(offset, 1024, 0, fbs::Place::buffer, access);
}
static fbs::Operand array(fbs::Place place, fbs::Access access = fbs::Access::read) {
  return fbs::Operand(0, place == fbs::Place::weight, 0, place, access);
}
static fbs::Operand hiddenOut() { return array(fbs::Place::hidden_out, fbs::Access::write); }

// States after the last layer, and after the first.
static const fbs::Operand kStates = buffer(0, fbs::Access::read), kFirstStates = buffer(1024, fbs::Access::read);
static const fbs::Operand kTokens = array(fbs::Place::tokens), kTable = array(fbs::Place::weight);
static const fbs::Operand kRowIds = array(fbs::Place::logit_row_ids);
static const fbs::Operand kLogits = array(fbs::Place::logits, fbs::Access::write);
static const fbs::Operand kAppends = array(fbs::Place::store, fbs::Access::write);
static const fbs::Operand kAttends = array(fbs::Place::store);

static void addKernels(ToyContents &c) {
  // Inputs and outputs, then stores that are read and written.
  c.kernels = {{"begin", 0, 0, 0, 1},
               {"append", 0, 0, 2, 0, 0, 1},
               {"attend", 0, 0, 1, 1, 1},
               {"copy", 0, 0, 1, 1},
               {"mark", 0, 0, 0, 1},
               {"logits", 0, 0, 2, 1},
               {"argmax", 0, 0, 1, 1},
               {"poison", 0, 0, 3, 1},
               {"draft_append", 0, 0, 2, 0, 0, 1},
               {"draft_append_once", 0, 0, 2, 0, 0, 1},
               {"draft_states", 0, 0, 3, 2, 1},
               {"draft_logits", 0, 0, 3, 1},
               {"below_40", 0, 0, 0, 1},
               {"from_40", 0, 0, 0, 1},
               {"trap", 0, 0, 0, 1}};
  for (ToyKernel &kernel : c.kernels) {
    kernel.task = toyAddress(("toy_" + kernel.name).c_str());
    kernel.items = toyAddress("toy_items");
  }
}

void makeGpuToy(ToyContents &c, bool isPtx) {
  c.targets = {{"nvptx64-nvidia-cuda", "sm_80"}};
  c.code.clear();
  for (ToyKernel &kernel : c.kernels) {
    kernel.task = kernel.items = 0;
    bool hasScratch = kernel.name == "begin" || kernel.name == "append" || kernel.name == "attend";
    kernel.grid = {0, 32, 1, 1, 0, hasScratch ? c.scratchBytes : 0};
    c.code += "ptx " + kernel.name + " " + std::to_string(kernel.inputs + kernel.outputs) + "\n";
  }
  c.code = isPtx ? readFile(findFile(FATHOM_TOY_PTX).c_str()) : c.code;
  c.code += '\0';
  c.modules = {{0, c.code.size()}};
}

static ToyCommand launch(const ToyContents &c, const std::string &kernel, const std::vector<fbs::Operand> &operands,
                         int32_t layer = -1) {
  uint32_t number = 0;
  while (c.kernels[number].name != kernel) {
    ++number;
  }
  return {fbs::Action::launch, number, operands, layer};
}

static ToyCommand launchForLogits(const ToyContents &c, const std::string &kernel,
                                  const std::vector<fbs::Operand> &operands) {
  ToyCommand command = launch(c, kernel, operands);
  command.rows = fbs::Rows::logit_rows;
  return command;
}

static std::vector<ToyCommand> runLayers(const ToyContents &c, bool record) {
  fbs::Operand begins = buffer(0, fbs::Access::write), ends = buffer(1024, fbs::Access::write);
  std::vector<ToyCommand> commands = {launch(c, "begin", {begins})};
  commands.push_back({fbs::Action::call, 1, {kStates, ends}, 0});
  if (record) {
    commands.push_back({fbs::Action::record_state, 0, {kFirstStates}, 0});
  }
  commands.push_back({fbs::Action::call, 1, {kFirstStates, begins}, 1});
  if (record) {
    commands.push_back({fbs::Action::record_state, 0, {kStates}, 1});
  }
  return commands;
}

static std::vector<ToyCommand> makeDraft(const ToyContents &c, const std::string &name) {
  fbs::Operand hidden = array(fbs::Place::hidden), sums = buffer(2048, fbs::Access::write);
  const char *append = name.find("not_rewound") == std::string::npos ? "draft_append" : "draft_append_once";
  std::vector<ToyCommand> commands;
  if (name.find("trap") != std::string::npos) {
    commands = {launch(c, "trap", {sums})};
  }
  commands.insert(commands.end(),
                  {launch(c, append, {kTokens, hidden, kAppends}, kToyLayers),
                   launch(c, "draft_states", {kTokens, hidden, kTable, sums, hiddenOut(), kAttends}, kToyLayers)});
  if (name.find("headless") == std::string::npos) {
    commands.push_back(launchForLogits(c, "draft_logits", {buffer(2048, fbs::Access::read), kRowIds, kTable, kLogits}));
  }
  return commands;
}

static std::vector<ToyCommand> makeFunction(const ToyContents &c, const std::string &name) {
  if (name == "trap") {
    return {launch(c, "trap", {kLogits})};
  }
  std::vector<ToyCommand> commands = runLayers(c, name != "headless");
  if (name == "headless") {
    commands.push_back(launch(c, "mark", {buffer(1024, fbs::Access::write)}));
    commands.push_back({fbs::Action::record_state, 0, {kFirstStates}, 0});
    commands.push_back({fbs::Action::record_state, 0, {kFirstStates}, 1});
    return commands;
  }
  if (name == "below_40" || name == "from_40") {
    commands.push_back(launch(c, name, {buffer(0, fbs::Access::write)}));
  }
  commands.push_back(launchForLogits(c, "logits", {kStates, kRowIds, kLogits}));
  if (name == "poisoned") {
    commands.push_back(launchForLogits(c, "poison", {kTokens, kRowIds, kTable, kLogits}));
  }
  if (!c.entries.empty() && c.entries[0].hiddenOut) {
    commands.push_back(launch(c, "copy", {kStates, hiddenOut()}));
  }
  return commands;
}

uint32_t addFunction(ToyContents &c, const std::string &name) {
  bool drafts = name.rfind("draft", 0) == 0;
  c.functions.push_back({name, drafts ? makeDraft(c, name) : makeFunction(c, name)});
  return static_cast<uint32_t>(c.functions.size() - 1);
}

void addDraft(ToyContents &c, ToyDraft draft) {
  c.stores[0].layers = kToyLayers + 1;
  c.pageBytes = c.stores[0].layers * 64 * c.stores[0].width * sizeof(float);
  for (float value : {draft.errs, draft.bears, draft.logitOffset, draft.poison}) {
    c.table.push_back(value);
  }
  c.slices[0].size = c.segments[1].size = c.table.size() * sizeof(float);
  for (ToyEntry &entry : c.entries) {
    entry.hiddenOut = true;
  }
  c.functions[0].commands.push_back(launch(c, "copy", {kStates, hiddenOut()}));
  uint32_t whole = addFunction(c, "draft"), headless = addFunction(c, "draft_headless");
  c.entries.push_back({"draft", fbs::Form::absorbed, whole, 1, 16, 4096, true, true, true});
  c.entries.push_back({"draft_headless", fbs::Form::absorbed, headless, 1, 16, 4096, false, true, true});
}

void addArgmax(ToyContents &c) {
  fbs::Operand logits = array(fbs::Place::logits), argmax = array(fbs::Place::argmax, fbs::Access::write);
  std::set<uint32_t> functions;
  for (ToyEntry &entry : c.entries) {
    entry.argmax = entry.logits;
    if (entry.logits && functions.insert(entry.function).second) {
      c.functions[entry.function].commands.push_back(launchForLogits(c, "argmax", {logits, argmax}));
    }
  }
}

std::string makeToy(const Tweak &tweak) {
  ToyContents c;
  c.code = toyCode();
  addKernels(c);
  const runtime::Device &device = *runtime::devices()[0];
  if (std::string(device.architecture) != "x86_64") {
    makeGpuToy(c, device.name == std::string("ptxsim") || device.name == std::string("cuda"));
  }
  uint64_t weightsOffset = kCodeOffset + (c.code.size() + 4095) / 4096 * 4096;
  uint64_t tableBytes = c.table.size() * sizeof(float);
  c.segments = {{"code", "", false, kCodeOffset, c.code.size(), 0},
                {"weights", "", false, weightsOffset, tableBytes, 0}};
  addFunction(c, "model");
  fbs::Operand input = array(fbs::Place::input), output = array(fbs::Place::output, fbs::Access::write);
  c.functions.push_back(
      {"layer", {launch(c, "append", {kTokens, kTable, kAppends}), launch(c, "attend", {input, output, kAttends})}});
  c.entries = {{"prefill", fbs::Form::expanded, 0, 1, 16, 4096}, {"decode", fbs::Form::absorbed, 0, 1, 4, 4096}};
  c.slices = {{0, tableBytes, 1}};
  uint64_t codeHash = 1, tableHash = 1;
  c.segments[0].hash = codeHash;
  c.segments[1].hash = tableHash;
  if (tweak) {
    tweak(c);
  }
  for (ToySegment &segment : c.segments) {
    segment.offset += c.moreMetadata;
  }
  weightsOffset += c.moreMetadata;
  tableBytes = c.table.size() * sizeof(float);
  if (c.segments.size() > 0 && c.segments[0].hash == codeHash) {
    c.segments[0].hash = XXH3_64bits(c.code.data(), c.code.size());
  }
  if (c.segments.size() > 1 && c.segments[1].hash == tableHash) {
    c.segments[1].hash = XXH3_64bits(c.table.data(), tableBytes);
  }
  std::string metadata = makeMetadata(c);
  fathom_artifact_header_t header = {};
  memcpy(header.magic, FATHOM_ARTIFACT_MAGIC, FATHOM_ARTIFACT_MAGIC_SIZE);
  header.version_major = c.versionMajor;
  header.version_minor = c.versionMinor;
  header.required_features = c.requiredFeatures;
  header.metadata_size = metadata.size();
  header.total_size = weightsOffset + tableBytes;
  std::string result(header.total_size, '\0');
  memcpy(result.data(), &header, sizeof(header));
  memcpy(result.data() + sizeof(header), metadata.data(), metadata.size());
  memcpy(result.data() + kCodeOffset + c.moreMetadata, c.code.data(), c.code.size());
  memcpy(result.data() + weightsOffset, c.table.data(), tableBytes);
  rehash(result);
  return result;
}

std::string writeTemporary(const std::string &name, const std::string &bytes) {
  std::string path = testing::TempDir() + "fathom-" + std::to_string(getpid()) + "-" + name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

float toyState(const std::vector<int32_t> &tokens, uint32_t layer) {
  float sum = 0;
  for (uint32_t l = 0; l <= layer; ++l) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      sum += static_cast<float>(tokens[i] * static_cast<int32_t>(l + 1)) + static_cast<float>(i % 4);
    }
  }
  return sum;
}

int32_t toyNext(const std::vector<int32_t> &tokens) {
  return static_cast<int32_t>(std::fmod(toyState(tokens, kToyLayers - 1), kToyVocabulary));
}

ToyModel::ToyModel(const Tweak &tweak) : bytes(makeToy(tweak)) {
  aligned = static_cast<char *>(aligned_alloc(4096, (bytes.size() + 4095) / 4096 * 4096));
  memcpy(aligned, bytes.data(), bytes.size());
  EXPECT_OK(fathom_model_load_memory(aligned, bytes.size(), nullptr, &model));
}

ToyModel::~ToyModel() {
  fathom_model_release(model);
  free(aligned);
}

ToySession::ToySession(fathom_model_t *model, const std::function<void(fathom_session_options_t &)> &tweak) {
  fathom_session_options_t options;
  fathom_session_options_initialize(&options);
  options.threads = 2;
  if (tweak) {
    tweak(options);
  }
  EXPECT_OK(fathom_session_create(model, &options, &session));
}

fathom_sequence_t ToySession::sequence() const {
  fathom_sequence_t result = 0;
  EXPECT_OK(fathom_session_create_sequence(session, &result));
  return result;
}

std::vector<float> ToySession::prefill(fathom_sequence_t sequence, const std::vector<int32_t> &tokens) const {
  std::vector<float> logits(tokens.size() * kToyVocabulary);
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_ALL;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  EXPECT_OK(fathom_session_prefill(session, sequence, tokens.data(), tokens.size(), &outputs));
  return logits;
}

} // namespace fathom::test
