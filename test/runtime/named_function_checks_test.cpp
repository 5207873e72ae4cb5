// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Artifacts that lie about functions of tensors are refused, each for what it says.

#include "test/runtime/toy_artifact.h"

namespace fathom::test {
namespace {

/// Loads an artifact of one function in the place of a language model, which `tweak` changes.
fathom_status_t load(const Tweak &tweak) {
  std::string artifact = makeToy([&](ToyContents &c) {
    c.namedFunctions = {{c.kernels[0].task, {}, {}}};
    c.entries.clear();
    c.functions.clear();
    c.stores.clear();
    tweak(c);
  });
  fathom_model_t *model = nullptr;
  fathom_status_t status = fathom_model_load_memory(artifact.data(), artifact.size(), nullptr, &model);
  if (model) {
    fathom_model_release(model);
  }
  return status;
}

struct Lie {
  const char *name;
  Tweak tweak;
  /// A part of the message.
  const char *message;
};

class NamedFunctionChecksTest : public testing::TestWithParam<Lie> {};

TEST_P(NamedFunctionChecksTest, ALieIsRefusedWithAMessage) {
  EXPECT_EQ(load(GetParam().tweak), FATHOM_STATUS_BAD_DATA);
  EXPECT_NE(std::string(fathom_status_message()).find(GetParam().message), std::string::npos)
      << fathom_status_message();
}

const Lie lies[] = {
    {"CodeBeyondTheImage", [](ToyContents &c) { c.namedFunctions[0].code = UINT64_MAX; }, "where no code is"},
    {"UnknownElement", [](ToyContents &c) { c.namedFunctions[0].input.element = artifact::TensorElement(99); },
     "tensor 'x' has elements of unknown type 99"},
    {"SizeWithoutAName", [](ToyContents &c) { c.namedFunctions[0].output.symbols.pop_back(); },
     "tensor 'y' has 2 sizes and 1 names of them"},
    {"NegativeSize", [](ToyContents &c) { c.namedFunctions[0].output.sizes[1] = -2; },
     "tensor 'y': size 1 is below -1"},
    {"TooManyAxes",
     [](ToyContents &c) {
       c.namedFunctions[0].input.sizes.resize(FATHOM_MOST_AXES + 1, 1);
       c.namedFunctions[0].input.symbols.resize(FATHOM_MOST_AXES + 1);
     },
     "at most 16"},
    {"TooManyFunctions",
     [](ToyContents &c) {
       c.namedFunctions.resize(FATHOM_MOST_FUNCTIONS + 1, c.namedFunctions[0]);
       c.moreMetadata = 1 << 20;
     },
     "1025 named functions, expected at most 1024"},
    {"StoresOfNoModel", [](ToyContents &c) { c.stores = {{"row", 2, 2, 1, 0, 0}}; }, "there are 1 stores"},
    {"OneVariantOfTwo",
     [](ToyContents &c) {
       c.targets.resize(2, c.targets[0]);
       c.othersAreNamed = false;
     },
     "1 of 2 variants have named functions"},
};
INSTANTIATE_TEST_SUITE_P(All, NamedFunctionChecksTest, testing::ValuesIn(lies),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(NamedFunctionChecksTest, AnArtifactWithoutALanguageModelIsLoaded) {
  EXPECT_OK(load([](ToyContents &) {}));
}

TEST(NamedFunctionChecksTest, FunctionsBesideEntryPointsAreRefused) {
  std::string artifact = makeToy([](ToyContents &c) { c.namedFunctions = {{c.kernels[0].task, {}, {}}}; });
  fathom_model_t *model = nullptr;
  EXPECT_EQ(fathom_model_load_memory(artifact.data(), artifact.size(), nullptr, &model), FATHOM_STATUS_BAD_DATA);
  EXPECT_NE(std::string(fathom_status_message()).find("named functions beside"), std::string::npos)
      << fathom_status_message();
}

} // namespace
} // namespace fathom::test
