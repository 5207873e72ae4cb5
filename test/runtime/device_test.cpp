// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every device must do: have memory that holds what it is given, and run models as the CPU does, bit for bit. A
// new device is one more of listDevices().

#include "runtime/device/cpu/cpu_device.h"
#include "runtime/device/cuda/cuda_device.h"
#include "runtime/device/ptxsim/ptxsim_device.h"
#include "runtime/src/cache.h"
#include "runtime/src/memory.h"
#include "runtime/src/weights.h"
#include "test/runtime/apart_device.h"
#include "test/runtime/fake_driver.h"
#include "test/runtime/toy_artifact.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace fathom::test {
namespace {

using runtime::Device;
using runtime::DeviceAddress;
using runtime::DeviceMemory;
using runtime::kAlignment;
using runtime::kCpuDevice;

/// And a GPU where the suite is run for one.
std::vector<const Device *> listDevices() {
  std::vector<const Device *> devices = {&kCpuDevice, &kApartDevice, &kFakeCudaDevice, &runtime::kPtxsimDevice};
  const char *name = getenv("FATHOM_TEST_DEVICE");
  if (name && name == std::string(runtime::kCudaDevice.name)) {
    devices.push_back(&runtime::kCudaDevice);
  }
  return devices;
}

/// A device with a ledger: what lives on it, and what it may have at most.
class Ledger {
public:
  static const Device &open(const Device &device) {
    inner = &device;
    most = UINT64_MAX;
    counted = device;
    counted.isOnlyByName = false;
    counted.allocate = [](const void *code, uint64_t size, DeviceAddress *address) {
      bool made = size <= most - bytes && inner->allocate(code, size, address);
      blocks += made;
      bytes += made ? size : 0;
      return made;
    };
    counted.free = [](const void *code, DeviceAddress address, uint64_t size) {
      inner->free(code, address, size);
      blocks -= 1;
      bytes -= size;
    };
    counted.grow =
        !device.grow ? nullptr : [](const void *code, DeviceAddress *address, uint64_t size, uint64_t newSize) {
          bool grown = newSize - size <= most - bytes && inner->grow(code, address, size, newSize);
          bytes += grown ? newSize - size : 0;
          return grown;
        };
    counted.upload = [](const void *code, DeviceAddress to, const void *from, uint64_t size) {
      bool fails = failing.exchange(false);
      return fails ? runtime::fail(FATHOM_STATUS_FAILED, "the device is lost") : inner->upload(code, to, from, size);
    };
    counted.load = [](uint32_t number, const artifact::Artifact &contents, const artifact::Program &program,
                      const runtime::ByteSource &source, void **code) {
      fathom_status_t status = inner->load(number, contents, program, source, code);
      codes += status == FATHOM_STATUS_OK;
      return status;
    };
    counted.unload = [](void *code) {
      inner->unload(code);
      codes -= 1;
    };
    counted.start = [](const void *code, const DeviceAddress *weights, uint32_t threads,
                       const std::atomic<bool> *cancelled, void **executor) {
      fathom_status_t status = inner->start(code, weights, threads, cancelled, executor);
      executors += status == FATHOM_STATUS_OK;
      return status;
    };
    counted.stop = [](void *executor) {
      inner->stop(executor);
      executors -= 1;
    };
    return counted;
  }

  static inline const Device *inner = nullptr;
  static inline Device counted = {};
  /// Whether the next upload fails.
  static inline std::atomic<bool> failing{false};
  static inline std::atomic<uint64_t> blocks{0}, bytes{0}, codes{0}, executors{0}, most{UINT64_MAX};
};

/// A toy's code on the device that is used.
class LoadedCode {
public:
  explicit LoadedCode(const Tweak &tweak = {}) : bytes(makeToy(tweak)) {
    source.openMemory(bytes.data(), bytes.size());
    EXPECT_OK(metadata.read(source));
    EXPECT_OK(code.load(metadata.contents(), source));
  }

  const runtime::DeviceCode &operator*() const { return code; }
  const runtime::DeviceCode *operator->() const { return &code; }
  const artifact::Artifact &contents() const { return metadata.contents(); }
  const runtime::ByteSource &artifact() const { return source; }

private:
  std::string bytes;
  runtime::ByteSource source;
  runtime::Metadata metadata;
  runtime::DeviceCode code;
};

class DeviceTest : public testing::TestWithParam<const Device *> {
protected:
  void SetUp() override { useDevice(Ledger::open(*GetParam())); }
  void TearDown() override {
    code.reset();
    useDevice(kCpuDevice);
    EXPECT_EQ(Ledger::blocks, 0u);
    EXPECT_EQ(Ledger::bytes, 0u);
    EXPECT_EQ(Ledger::codes, 0u);
    EXPECT_EQ(Ledger::executors, 0u);
  }

  /// What a call fails with that finds no memory on the device.
  static fathom_status_t outOfMemory() {
    bool isGpu = GetParam()->architecture == std::string("nvptx64");
    return isGpu ? FATHOM_STATUS_DEVICE : FATHOM_STATUS_OUT_OF_RESOURCES;
  }

  /// Of memory that a test has for itself.
  runtime::MemorySpace space() {
    code = code ? std::move(code) : std::make_unique<LoadedCode>();
    return (*code)->space();
  }

private:
  std::unique_ptr<LoadedCode> code;
};

std::vector<char> someBytes(size_t count, int seed) {
  std::vector<char> bytes(count);
  for (size_t i = 0; i < count; ++i) {
    bytes[i] = static_cast<char>(i * 7 + i / 251 + static_cast<size_t>(seed));
  }
  return bytes;
}

void upload(DeviceMemory &memory, uint64_t offset, const std::vector<char> &bytes) {
  EXPECT_OK(memory.upload(offset, bytes.data(), bytes.size()));
}

std::vector<char> readBack(const DeviceMemory &memory, uint64_t offset, size_t count) {
  std::vector<char> bytes(count);
  EXPECT_OK(memory.readBack(offset, bytes.data(), count));
  return bytes;
}

TEST_P(DeviceTest, MemoryIsAlignedForKernels) {
  for (uint64_t size : {1, 63, 100, 5000}) {
    DeviceMemory memory;
    memory.open(space());
    ASSERT_TRUE(memory.grow(size));
    EXPECT_EQ(memory.address() % kAlignment, 0u) << size;
    EXPECT_EQ(memory.size(), size);
  }
}

TEST_P(DeviceTest, WhatIsUploadedCanBeReadBack) {
  DeviceMemory memory, neighbor;
  for (DeviceMemory *each : {&memory, &neighbor}) {
    each->open(space());
    ASSERT_TRUE(each->grow(3 << 20));
  }
  upload(neighbor, 0, someBytes(3 << 20, 5));
  uint64_t offset = 0;
  for (size_t size : {size_t(1), size_t(63), size_t(4096), (size_t(1) << 20) + 3}) {
    upload(memory, offset, someBytes(size, 1));
    EXPECT_EQ(readBack(memory, offset, size), someBytes(size, 1)) << size;
    offset += size;
  }
  EXPECT_EQ(readBack(memory, 1, 63), someBytes(63, 1));
  EXPECT_EQ(readBack(neighbor, 0, 3 << 20), someBytes(3 << 20, 5));
}

TEST_P(DeviceTest, UploadsMayBeOverwrittenAtOnce) {
  DeviceMemory memory;
  memory.open(space());
  ASSERT_TRUE(memory.grow(1000));
  std::vector<char> bytes = someBytes(1000, 3);
  upload(memory, 0, bytes);
  bytes.assign(1000, 0);
  EXPECT_EQ(readBack(memory, 0, 1000), someBytes(1000, 3));
}

TEST_P(DeviceTest, CopiesWithinItsMemory) {
  DeviceMemory memory;
  memory.open(space());
  ASSERT_TRUE(memory.grow(10000));
  upload(memory, 0, someBytes(10000, 2));
  EXPECT_OK(memory.copy(6001, 17, 3000));
  std::vector<char> expected = someBytes(10000, 2);
  memcpy(&expected[6001], &someBytes(10000, 2)[17], 3000);
  EXPECT_EQ(readBack(memory, 0, 10000), expected);
}

TEST_P(DeviceTest, MemoryThatGrowsKeepsWhatItHolds) {
  DeviceMemory memory;
  memory.open(space());
  ASSERT_TRUE(memory.grow(100));
  upload(memory, 0, someBytes(100, 9));
  for (uint64_t size : {101, 5000, 1 << 20, 9 << 20}) {
    ASSERT_TRUE(memory.grow(size));
    EXPECT_EQ(readBack(memory, 0, 100), someBytes(100, 9)) << size;
    upload(memory, size - 1, {1});
  }
}

TEST_P(DeviceTest, MemoryThatCannotGrowStays) {
  DeviceMemory memory, other;
  memory.open(space());
  other.open(space());
  ASSERT_TRUE(memory.grow(100));
  upload(memory, 0, someBytes(100, 9));
  EXPECT_FALSE(memory.grow(uint64_t(1) << 62));
  EXPECT_FALSE(other.grow(uint64_t(1) << 62));
  EXPECT_EQ(memory.size(), 100u);
  EXPECT_EQ(readBack(memory, 0, 100), someBytes(100, 9));
}

TEST_P(DeviceTest, PagesKeepIndexAndContentsWhileThePoolGrows) {
  constexpr uint64_t kPage = 3 << 12;
  runtime::PagePool pool;
  ASSERT_OK(pool.initialize(space(), kPage, 0));
  for (int32_t index = 0; index < 100; ++index) {
    int32_t taken = -1;
    ASSERT_TRUE(pool.tryTake(&taken));
    ASSERT_EQ(taken, index);
    upload(pool.memory(), uint64_t(index) * kPage, someBytes(kPage, index));
  }
  for (int32_t index = 0; index < 100; ++index) {
    EXPECT_EQ(readBack(pool.memory(), uint64_t(index) * kPage, kPage), someBytes(kPage, index)) << index;
  }
}

std::vector<int32_t> someTokens(size_t count, int32_t seed = 1) {
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = static_cast<int32_t>((static_cast<size_t>(seed) * 37 + i * 11) % kToyVocabulary);
  }
  return tokens;
}

std::vector<float> decode(fathom_session_t *session, const std::vector<fathom_sequence_t> &sequences,
                          const std::vector<int32_t> &tokens) {
  std::vector<float> logits(tokens.size() * kToyVocabulary);
  EXPECT_OK(
      fathom_session_decode(session, sequences.data(), tokens.data(), tokens.size(), logits.data(), logits.size()));
  return logits;
}

std::vector<char> save(fathom_session_t *session, fathom_sequence_t sequence) {
  size_t size = 0;
  EXPECT_EQ(fathom_session_save_sequence(session, sequence, nullptr, 0, &size), FATHOM_STATUS_TOO_SMALL);
  std::vector<char> bytes(size);
  EXPECT_OK(fathom_session_save_sequence(session, sequence, bytes.data(), bytes.size(), &size));
  return bytes;
}

/// What a model gave, in the order it gave it.
struct Given {
  std::vector<float> numbers;
  std::vector<char> bytes;

  void add(const std::vector<float> &more) { numbers.insert(numbers.end(), more.begin(), more.end()); }
  bool operator==(const Given &o) const { return numbers == o.numbers && saved() == o.saved(); }

private:
  /// A saved sequence begins with a hash, and with that of its artifact, which each architecture has its own of.
  std::vector<char> saved() const { return {bytes.begin() + (bytes.empty() ? 0 : 24), bytes.end()}; }
};

/// Whether |use| is given the same by the device of a test as by the CPU.
void expectAsOnTheCpu(const Tweak &tweak, const std::function<Given(fathom_model_t *)> &use) {
  auto run = [&] {
    ToyModel model(tweak);
    return use(model);
  };
  Given given = run();
  useDevice(kCpuDevice);
  EXPECT_EQ(given, run());
}

TEST_P(DeviceTest, PrefillIsAsOnTheCpu) {
  expectAsOnTheCpu({}, [](fathom_model_t *model) {
    Given given;
    for (uint32_t chunk : {0, 1, 7}) {
      ToySession session(model, [&](auto &options) { options.prefill_chunk = chunk; });
      given.add(session.prefill(session.sequence(), someTokens(150)));
    }
    return given;
  });
}

Given prefillStates(fathom_model_t *model) {
  ToySession session(model, [](auto &options) { options.prefill_chunk = 4; });
  std::vector<int32_t> tokens = someTokens(10);
  Given given;
  given.numbers.resize(kToyLayers * tokens.size() * kToyHidden);
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.states = given.numbers.data();
  outputs.states_capacity = given.numbers.size();
  EXPECT_OK(fathom_session_prefill(session, session.sequence(), tokens.data(), tokens.size(), &outputs));
  return given;
}

TEST_P(DeviceTest, StatesAreAsOnTheCpu) { expectAsOnTheCpu({}, prefillStates); }

// The toy's are f32: what comes out is what they are as bf16 side by side.
TEST_P(DeviceTest, StatesOfBf16AreAsOnTheCpu) {
  auto makeBf16 = [](ToyContents &contents) {
    for (ToyCommand &command : contents.functions[0].commands) {
      bool isRecord = command.action == artifact::Action::record_state;
      command.element = isRecord ? artifact::StoreElement::bf16 : command.element;
    }
  };
  expectAsOnTheCpu(makeBf16, prefillStates);
}

// Tables and pages move while sequences join, and indices stay.
TEST_P(DeviceTest, BatchesAreAsOnTheCpuWhileTheCacheGrows) {
  expectAsOnTheCpu({}, [](fathom_model_t *model) {
    ToySession session(model);
    std::vector<fathom_sequence_t> sequences;
    std::vector<int32_t> next;
    Given given;
    for (int32_t i = 0; i < 7; ++i) {
      sequences.push_back(session.sequence());
      session.prefill(sequences.back(), someTokens(10 + static_cast<size_t>(i) * 31, i));
      next.push_back(i);
      for (int step = 0; step < 4; ++step) {
        given.add(decode(session, sequences, next));
      }
    }
    return given;
  });
}

TEST_P(DeviceTest, RewoundSequencesAreAsOnTheCpu) {
  expectAsOnTheCpu({}, [](fathom_model_t *model) {
    ToySession session(model);
    fathom_sequence_t first = session.sequence(), second = session.sequence();
    Given given;
    session.prefill(first, someTokens(200));
    EXPECT_OK(fathom_session_rewind_sequence(session, first, 30));
    // Takes the pages that the first gave back.
    given.add(session.prefill(second, someTokens(150, 4)));
    given.add(session.prefill(first, someTokens(120, 5)));
    EXPECT_OK(fathom_session_destroy_sequence(session, second));
    given.add(session.prefill(session.sequence(), someTokens(70, 6)));
    return given;
  });
}

TEST_P(DeviceTest, SavedSequencesAreAsOnTheCpuAndComeBack) {
  for (uint32_t length : {1, 63, 64, 65, 200}) {
    useDevice(Ledger::open(*GetParam()));
    expectAsOnTheCpu({}, [&](fathom_model_t *model) {
      ToySession session(model), other(model);
      other.prefill(other.sequence(), someTokens(100, 3));
      fathom_sequence_t sequence = session.sequence(), restored = 0;
      session.prefill(sequence, someTokens(length));
      Given given = {{}, save(session, sequence)};
      EXPECT_OK(fathom_session_restore_sequence(other, given.bytes.data(), given.bytes.size(), &restored));
      EXPECT_EQ(save(other, restored), given.bytes) << length;
      given.add(decode(other, {restored}, {3}));
      EXPECT_EQ(decode(session, {sequence}, {3}), given.numbers) << length;
      return given;
    });
  }
}

TEST_P(DeviceTest, DraftsAreAsOnTheCpu) {
  expectAsOnTheCpu([](ToyContents &contents) { addDraft(contents, {3, 0}); },
                   [](fathom_model_t *model) {
                     ToySession session(model, [](auto &options) { options.draft = 3; });
                     fathom_sequence_t sequence = session.sequence();
                     session.prefill(sequence, someTokens(60));
                     int32_t token = 4, drafts[3] = {};
                     Given given;
                     for (int step = 0; step < 8; ++step) {
                       uint32_t count = 3;
                       EXPECT_OK(fathom_session_draft(session, &sequence, &token, 1, drafts, &count));
                       given.add({drafts, drafts + count});
                       given.add(decode(session, {sequence}, {token}));
                       token += 1;
                     }
                     given.bytes = save(session, sequence);
                     return given;
                   });
}

TEST_P(DeviceTest, AnswersAreAsOnTheCpu) {
  for (float temperature : {0.0f, 0.8f}) {
    useDevice(Ledger::open(*GetParam()));
    expectAsOnTheCpu({}, [&](fathom_model_t *model) {
      ToySession session(model);
      fathom_sampling_t sampling;
      fathom_sampling_initialize(&sampling);
      sampling.temperature = temperature;
      std::vector<int32_t> prompt = someTokens(50);
      Given given;
      fathom_generate_options_t options;
      fathom_generate_options_initialize(&options);
      options.sampling = &sampling;
      options.tokens = prompt.data();
      options.token_count = prompt.size();
      options.max_tokens = 100;
      options.ignore_eos = 1;
      options.user = &given;
      options.on_token = [](void *user, int32_t token, const char *, size_t) {
        static_cast<Given *>(user)->numbers.push_back(static_cast<float>(token));
        return FATHOM_CONTINUE;
      };
      EXPECT_OK(fathom_session_generate(session, &options, nullptr));
      return given;
    });
  }
}

/// One sequence of a toy, below the C API.
class Rows {
public:
  explicit Rows(const Tweak &tweak, const std::atomic<bool> *cancelled = nullptr) : code(tweak) {
    fathom_model_options_t options;
    fathom_model_options_initialize(&options);
    options.copy_weights = 1;
    EXPECT_OK(weights.open(code.contents(), code->program(), code.artifact(), {}, code->space(), options));
    EXPECT_OK(executor.start(*code, weights.addresses(), /*threads=*/2, cancelled));
    EXPECT_OK(cache.initialize(code->space(), code.contents().cache()->page_bytes(), kToyContext, 1, 0));
    EXPECT_OK(cache.createSequence(&id));
    EXPECT_OK(cache.find(id, &sequence));
    EXPECT_OK(cache.reserve(sequence, 4));
  }

  /// Decodes four tokens, of which the second and the last have logits.
  fathom_status_t run(float *logits, int32_t *argmax) {
    const int32_t tokens[] = {3, 7, 11, 200}, positions[] = {0, 1, 2, 3}, tables[4] = {}, ids[] = {1, 3};
    fathom_call_t call = {};
    call.rows = 4;
    call.tokens = tokens;
    call.positions = positions;
    call.page_tables = tables;
    call.logit_rows = 2;
    call.logit_row_ids = ids;
    call.logits = logits;
    call.argmax = argmax;
    return executor.run(artifact::Form::absorbed, call, cache.memory());
  }

private:
  LoadedCode code;
  runtime::Weights weights;
  runtime::Cache cache;
  runtime::Executor executor;
  uint64_t id = 0;
  runtime::Sequence *sequence = nullptr;
};

TEST_P(DeviceTest, FindsTheArgmaxWithLogitsAndWithout) {
  Rows rows({});
  std::vector<float> logits(2 * kToyVocabulary);
  std::vector<int32_t> alone(2), beside(2), expected = {toyNext({3, 7}), toyNext({3, 7, 11, 200})};
  EXPECT_OK(rows.run(nullptr, alone.data()));
  EXPECT_OK(rows.run(logits.data(), beside.data()));
  EXPECT_EQ(alone, expected);
  EXPECT_EQ(beside, expected);
  EXPECT_EQ(logits[static_cast<size_t>(expected[0])], 0);
}

TEST_P(DeviceTest, AnEntryPointMayFindTheArgmaxItself) {
  Rows rows(addArgmax);
  std::vector<float> logits(2 * kToyVocabulary);
  std::vector<int32_t> argmax(2), expected = {toyNext({3, 7}), toyNext({3, 7, 11, 200})};
  EXPECT_OK(rows.run(nullptr, argmax.data()));
  EXPECT_EQ(argmax, expected);
  EXPECT_OK(rows.run(logits.data(), nullptr));
  EXPECT_EQ(logits[static_cast<size_t>(expected[0])], 0);
}

TEST_P(DeviceTest, ARowThatIsNotFiniteHasNoArgmax) {
  Rows rows([](ToyContents &contents) { contents.table[2] = std::nanf(""); });
  std::vector<int32_t> argmax(2);
  EXPECT_OK(rows.run(nullptr, argmax.data()));
  EXPECT_EQ(argmax, (std::vector<int32_t>{toyNext({3, 7}), -1}));
}

// Where calls are short they come to their end.
TEST_P(DeviceTest, ACallThatIsCancelledHarmsNoOther) {
  std::atomic<bool> cancelled{true};
  Rows rows({}, &cancelled);
  std::vector<int32_t> argmax(2);
  bool isSlow = GetParam() == &runtime::kPtxsimDevice;
  EXPECT_EQ(rows.run(nullptr, argmax.data()), isSlow ? FATHOM_STATUS_CANCELLED : FATHOM_STATUS_OK);
  cancelled = false;
  EXPECT_OK(rows.run(nullptr, argmax.data()));
  EXPECT_EQ(argmax, (std::vector<int32_t>{toyNext({3, 7}), toyNext({3, 7, 11, 200})}));
}

TEST_P(DeviceTest, ARequestThatFindsNoMemoryFailsAlone) {
  ToyModel model;
  ToySession session(model);
  std::vector<int32_t> tokens = someTokens(kToyContext);
  fathom_sequence_t first = 0;
  // Memory comes for a group of pages.
  for (uint32_t pages = 0; pages < FATHOM_GROUP_PAGES; pages += kToyContext / FATHOM_PAGE_TOKENS) {
    first = session.sequence();
    session.prefill(first, tokens);
  }
  fathom_sequence_t second = session.sequence();
  Ledger::most = Ledger::bytes.load();
  EXPECT_EQ(fathom_session_prefill(session, second, tokens.data(), tokens.size(), nullptr), outOfMemory());
  EXPECT_EQ(std::string(fathom_status_message()),
            std::string("the device '") + GetParam()->name + "' has no memory for a page of the cache (1024 bytes)");
  EXPECT_OK(fathom_session_rewind_sequence(session, first, 60));
  tokens.resize(60);
  tokens.push_back(7);
  std::vector<float> logits = decode(session, {first}, {7});
  EXPECT_EQ(std::max_element(logits.begin(), logits.end()) - logits.begin(), toyNext(tokens));
}

TEST_P(DeviceTest, PagesThatADeviceWasNotToldOfAreNotTheSequences) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence();
  std::vector<int32_t> tokens = someTokens(60);
  Ledger::failing = true;
  EXPECT_EQ(fathom_session_prefill(session, sequence, tokens.data(), tokens.size(), nullptr), FATHOM_STATUS_FAILED);
  session.prefill(sequence, tokens);
  tokens.push_back(7);
  std::vector<float> logits = decode(session, {sequence}, {7});
  EXPECT_EQ(std::max_element(logits.begin(), logits.end()) - logits.begin(), toyNext(tokens));
}

TEST_P(DeviceTest, ModelsLoadWhereWeightsHaveRoomAndNowhereElse) {
  Ledger::most = 8;
  std::string bytes = makeToy();
  std::unique_ptr<void, void (*)(void *)> aligned(aligned_alloc(4096, (bytes.size() + 4095) / 4096 * 4096), free);
  memcpy(aligned.get(), bytes.data(), bytes.size());
  fathom_model_t *model = nullptr;
  fathom_status_t status = fathom_model_load_memory(aligned.get(), bytes.size(), nullptr, &model);
  // Weights that a device adopts take none of its memory.
  if (GetParam()->adopt(nullptr, aligned.get(), 16)) {
    EXPECT_OK(status);
    fathom_model_release(model);
  } else {
    EXPECT_EQ(status, outOfMemory());
    EXPECT_EQ(std::string(fathom_status_message()),
              std::string("the device '") + GetParam()->name + "' has no memory for the 16 bytes of 'weights'");
  }
}

INSTANTIATE_TEST_SUITE_P(All, DeviceTest, testing::ValuesIn(listDevices()),
                         [](const auto &info) { return std::string(info.param->name); });

} // namespace
} // namespace fathom::test
