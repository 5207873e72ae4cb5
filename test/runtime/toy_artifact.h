// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Artifacts of the toy model, right ones and wrong ones, written without the compiler.

#ifndef FATHOM_TEST_RUNTIME_TOY_ARTIFACT_H
#define FATHOM_TEST_RUNTIME_TOY_ARTIFACT_H

#include "fathom/artifact_abi.h"
#include "fathom/artifact_generated.h"
#include "fathom/fathom.h"

#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

namespace fathom::test {

constexpr uint32_t kToyVocabulary = 320;
constexpr uint32_t kToyHidden = 4;
constexpr uint32_t kToyLayers = 2;
constexpr uint32_t kToyContext = 256;
/// Tokens 0 to 255 are bytes.
constexpr int32_t kToyBos = 256, kToyEos = 257, kToyUser = 258, kToyAssistant = 259;

struct ToyTarget {
  std::string triple = "x86_64-unknown-linux-gnu";
  std::string cpu = "toy-cpu";
  std::vector<std::string> features = {};
  artifact::StoreElement activation = artifact::StoreElement::f32;
};

struct ToySegment {
  std::string name, directory;
  bool external;
  uint64_t offset, size, hash;
  flatbuffers::Optional<uint64_t> contentsHash = flatbuffers::nullopt;
  flatbuffers::Optional<uint64_t> headBytes = flatbuffers::nullopt;
};

struct ToyStore {
  std::string name;
  uint32_t layers, width, stride, window;
  uint64_t offset;
  uint32_t heads = 1;
  uint32_t tail = 0;
};

struct ToyEntry {
  std::string name;
  artifact::Form form;
  uint32_t function;
  uint32_t minRows, maxRows;
  uint64_t arenaBytes;
  bool logits = true;
  bool hidden = false, hiddenOut = false;
  uint32_t maxPositions = 0;
  bool argmax = false;
};

struct ToyModule {
  uint64_t ptxOffset, ptxSize, cubinOffset = 0, cubinSize = 0;
};

struct ToyGrid {
  uint32_t module = 0, threads = 32, blocks = 1, rowsPerBlock = 1, sharedBytes = 0;
  uint64_t scratchBytes = 0;
};

struct ToyKernel {
  std::string name;
  uint64_t task, items;
  uint32_t inputs, outputs;
  uint32_t storeReads = 0, storeWrites = 0;
  std::optional<ToyGrid> grid = {};
};

struct ToyCommand {
  artifact::Action action;
  uint32_t target;
  std::vector<artifact::Operand> operands;
  int32_t layer = -1;
  artifact::Rows rows = artifact::Rows::rows;
  uint32_t factor = 1;
  uint32_t instance = 0;
  artifact::StoreElement element = artifact::StoreElement::f32;
};

struct ToyFunction {
  std::string name;
  std::vector<ToyCommand> commands;
};

struct ToyTensor {
  artifact::TensorElement element = artifact::TensorElement::f32;
  std::vector<int64_t> sizes = {-1, 4};
  std::vector<std::string> symbols = {"n", ""};
};

/// Takes and gives a tensor.
struct ToyNamedFunction {
  uint64_t code;
  ToyTensor input, output;
};

struct ToySlice {
  uint64_t offset, size;
  uint32_t segment;
};

/// Everything an artifact says; a test changes what it is about.
struct ToyContents {
  uint16_t versionMajor = FATHOM_ARTIFACT_VERSION_MAJOR, versionMinor = FATHOM_ARTIFACT_VERSION_MINOR;
  uint32_t requiredFeatures = 0;
  /// Of each variant.
  std::vector<ToyTarget> targets = {{}};
  uint32_t vocabulary = kToyVocabulary, hidden = kToyHidden, layers = kToyLayers, maxContext = kToyContext;
  int32_t bos = kToyBos;
  std::vector<int32_t> eos = {kToyEos};
  flatbuffers::Optional<float> temperature, topP, minP, repetitionPenalty;
  flatbuffers::Optional<int32_t> topK;
  std::vector<ToyStore> stores = {{"row", 2, 2, 1, 0, 0}};
  uint64_t pageBytes = 2 * 64 * 2 * sizeof(float);
  uint8_t storeElement = 0;
  uint32_t codeSegment = 0;
  uint64_t scratchBytes = 100;
  std::vector<ToySegment> segments;
  std::vector<ToyEntry> entries;
  /// The first is that of all entry points, the second that of layers, which it calls.
  std::vector<ToyFunction> functions;
  /// If there are any, those of the last variant.
  std::vector<ToyFunction> lastFunctions;
  std::vector<ToyKernel> kernels;
  /// Of the first variant, and of the others if there are any.
  std::vector<ToyNamedFunction> namedFunctions;
  bool othersAreNamed = true;
  std::vector<ToySlice> slices;
  uint32_t firstSlice = 0, sliceCount = 1, experts = 0;
  int64_t dimension = 4;
  uint64_t bufferOffset = 0, bufferSize = 64;
  bool tokenizer = true;
  bool chat = true;
  /// Added to the last operand of the chat template.
  uint32_t chatOperand = 0;
  /// More bytes between the header and the first segment, for metadata of more than 64 KiB.
  uint64_t moreMetadata = 0;
  std::string code;
  /// Of a GPU.
  std::vector<ToyModule> modules;
  /// The weights: four values.
  std::vector<float> table = {0, 1, 2, 3};
};

/// How a toy drafts; as toy_model.c says.
struct ToyDraft {
  /// At every how many positions it errs, 0: never; stale rows that it bears.
  float errs = 0, bears = 0;
  float logitOffset = 0, poison = -1;
};

/// Gives a toy a draft layer, in a cache of its own.
void addDraft(ToyContents &contents, ToyDraft draft = {});

/// Adds a function for an entry point, and returns its number: "model"; "headless", whose states are -1; "poisoned",
/// "below_40" and "from_40", as kernels of toy_model.c say; "draft", "draft_not_rewound" and "draft_trap", with or
/// without "_headless" behind; "trap". What traps may not run.
uint32_t addFunction(ToyContents &contents, const std::string &name);

/// Has entry points that give logits find the argmax.
void addArgmax(ToyContents &contents);

using Tweak = std::function<void(ToyContents &)>;

/// What toy_model.c exports.
void *toySymbol(const char *symbol);

/// For a GPU: in place of the toy's code PTX, or text that names its kernels, which the fake driver takes for it.
void makeGpuToy(ToyContents &contents, bool isPtx = false);

/// The bytes of an artifact: for a GPU if that is the first device there is.
std::string makeToy(const Tweak &tweak = {});

/// Puts right the hashes of an artifact whose bytes were edited.
void rehash(std::string &artifact);

/// Writes bytes to a file of the test's own temporary folder and returns its path.
std::string writeTemporary(const std::string &name, const std::string &bytes);

/// The offset of a function in the toy's code image.
uint64_t toyAddress(const char *symbol);
std::string toyCode();

/// The token the toy says after |tokens|, computed independently.
int32_t toyNext(const std::vector<int32_t> &tokens);
/// Its last state without the offset of the column.
float toyState(const std::vector<int32_t> &tokens, uint32_t layer);

/// Loads an artifact from memory, with a copy of its own; frees at the end.
class ToyModel {
public:
  explicit ToyModel(const Tweak &tweak = {});
  ToyModel(const ToyModel &) = delete;
  ~ToyModel();
  operator fathom_model_t *() const { return model; }

private:
  std::string bytes;
  char *aligned = nullptr;
  fathom_model_t *model = nullptr;
};

class ToySession {
public:
  explicit ToySession(fathom_model_t *model, const std::function<void(fathom_session_options_t &)> &tweak = {});
  ToySession(const ToySession &) = delete;
  ~ToySession() { fathom_session_release(session); }
  operator fathom_session_t *() const { return session; }
  fathom_sequence_t sequence() const;
  /// Prefills and returns the logits of all tokens.
  std::vector<float> prefill(fathom_sequence_t sequence, const std::vector<int32_t> &tokens) const;

private:
  fathom_session_t *session = nullptr;
};

#define EXPECT_OK(expression) EXPECT_EQ(expression, FATHOM_STATUS_OK) << fathom_status_message()
#define ASSERT_OK(expression) ASSERT_EQ(expression, FATHOM_STATUS_OK) << fathom_status_message()

} // namespace fathom::test

#endif // FATHOM_TEST_RUNTIME_TOY_ARTIFACT_H
