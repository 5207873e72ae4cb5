// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Commands that lie are refused, each for what it says.

#include "test/runtime/toy_artifact.h"

namespace fathom::test {
namespace {

using artifact::Access;
using artifact::Action;
using artifact::Operand;
using artifact::Place;
using artifact::StoreElement;

fathom_status_t load(const Tweak &tweak) {
  std::string artifact = makeToy([&](ToyContents &c) {
    tweak(c);
    bool isLarge = c.functions.size() > 100 || c.functions[1].commands.size() > 100;
    c.moreMetadata = isLarge ? 16 << 20 : 0;
  });
  fathom_model_t *model = nullptr;
  fathom_status_t status = fathom_model_load_memory(artifact.data(), artifact.size(), nullptr, &model);
  if (model) {
    fathom_model_release(model);
  }
  return status;
}

/// Commands of the toy: of its model 0 launches, 1 and 3 call, 2 and 4 record, 5 launches; of its layer 0 appends, and
/// 1 attends.
ToyCommand &model(ToyContents &c, size_t command) { return c.functions[0].commands[command]; }
ToyCommand &layer(ToyContents &c, size_t command) { return c.functions[1].commands[command]; }

Operand buffer(uint64_t offset, uint64_t size, Access access = Access::read) {
  return Operand(offset, size, 0, Place::buffer, access);
}
Operand written(uint64_t offset, uint64_t size) { return buffer(offset, size, Access::write); }
Operand of(Place place, uint64_t offset = 0, uint64_t size = 1, uint32_t stride = 0, Access access = Access::read) {
  return Operand(offset, size, stride, place, access);
}
/// The layer's weight, of the last of two instances.
void weigh(ToyContents &c, const Operand &weight) {
  model(c, 3).instance = 1;
  layer(c, 0).operands[1] = weight;
}

struct Lie {
  const char *name;
  Tweak tweak;
  /// A part of the message.
  const char *message;
};

class CommandLieTest : public testing::TestWithParam<Lie> {};

TEST_P(CommandLieTest, IsRefusedWithAMessage) {
  EXPECT_EQ(load(GetParam().tweak), FATHOM_STATUS_BAD_DATA);
  EXPECT_NE(std::string(fathom_status_message()).find(GetParam().message), std::string::npos)
      << fathom_status_message();
}

const Lie lies[] = {
    {"ManyFunctions", [](ToyContents &c) { c.functions.resize(1025, c.functions[1]); },
     "1025 functions, expected at most 1024"},
    {"NoCommands", [](ToyContents &c) { c.functions[1].commands.clear(); },
     "function 'layer' has 0 commands, expected 1 to 4096"},
    {"ManyCommands", [](ToyContents &c) { c.functions[1].commands.resize(4097, layer(c, 0)); },
     "function 'layer' has 4097 commands"},
    {"ManyOperands", [](ToyContents &c) { layer(c, 0).operands.resize(65, buffer(0, 1)); },
     "function 'layer', command 0: 65 operands, expected at most 64"},
    {"ManyOperandsInAll",
     [](ToyContents &c) {
       layer(c, 0).operands.resize(64, buffer(0, 1));
       c.functions[1].commands.resize(4096, layer(c, 0));
     },
     "262093 operands of commands, expected at most 131072"},
    {"KernelOfManyOperands", [](ToyContents &c) { c.kernels[0].outputs = 65; },
     "kernel 'begin' has 65 operands, expected at most 64"},
    {"EntryPointWithoutFunction", [](ToyContents &c) { c.entries[1].function = 2; },
     "entry point 'decode': function is 2, but there are 2 functions"},
    {"UnknownAction", [](ToyContents &c) { model(c, 0).action = Action(3); },
     "command 0 is of unknown action 3 or rows 0"},
    {"UnknownRows", [](ToyContents &c) { model(c, 0).rows = artifact::Rows(2); }, "unknown action 0 or rows 2"},
    {"NoFactor", [](ToyContents &c) { model(c, 0).factor = 0; },
     "function 'model', command 0 has factor 0, expected 1 to 16777216"},
    {"NoFactorInTheLastVariant",
     [](ToyContents &c) {
       c.targets.resize(2);
       c.lastFunctions = c.functions;
       c.lastFunctions[0].commands[0].factor = 0;
     },
     "variant 1: function 'model', command 0 has factor 0"},
    {"HugeFactor", [](ToyContents &c) { model(c, 0).factor = UINT32_MAX; }, "has factor 4294967295"},
    {"FactorOfMoreRowsThanItWrites", [](ToyContents &c) { model(c, 0).factor = 65; },
     "entry point 'prefill': function 'model', command 0 has factor 65, which makes 1040 rows, but the buffers that it "
     "writes have 1024 bytes"},
    {"NegativeLayer", [](ToyContents &c) { model(c, 0).layer = -2; },
     "function 'model', command 0 is of layer -2, expected -1 to 1"},
    {"LayerOfNoStoreAndNoModel", [](ToyContents &c) { model(c, 0).layer = 2; },
     "function 'model', command 0 is of layer 2, expected -1 to 1"},
    {"LayerBeyondTheDraft",
     [](ToyContents &c) {
       addDraft(c);
       model(c, 0).layer = 3;
     },
     "function 'model', command 0 is of layer 3, expected -1 to 2"},
    {"UnknownKernel", [](ToyContents &c) { model(c, 0).target = 99; }, "kernel is 99, but there are 15 kernels"},
    {"FewerOperandsThanTheKernel", [](ToyContents &c) { model(c, 0).operands.clear(); },
     "function 'model', command 0: 0 operands, but kernel 'begin' has 1"},
    {"MoreOperandsThanTheKernel", [](ToyContents &c) { model(c, 0).operands.push_back(buffer(0, 1)); },
     "function 'model', command 0: 2 operands, but kernel 'begin' has 1"},
    {"StoreBeforeOperands", [](ToyContents &c) { std::swap(layer(c, 0).operands[0], layer(c, 0).operands[2]); },
     "function 'layer', command 0: operand 0 says write of store, but there the kernel's is read of memory"},
    {"LaunchWithoutItsStore", [](ToyContents &c) { layer(c, 1).operands.pop_back(); },
     "function 'layer', command 1: 2 operands, but kernel 'attend' has 3"},
    {"MemoryInPlaceOfAStore", [](ToyContents &c) { layer(c, 1).operands[2] = buffer(2048, 64); },
     "function 'layer', command 1: operand 2 says read of buffer, but there the kernel's is read of a store"},
    {"WriteThatSaysItReads",
     [](ToyContents &c) { layer(c, 1).operands[1] = Operand(0, 0, 0, Place::output, Access::read); },
     "function 'layer', command 1: operand 1 says read of output, but there the kernel's is write of memory"},
    {"ReadThatSaysItWrites",
     [](ToyContents &c) { layer(c, 1).operands[0] = Operand(0, 0, 0, Place::output, Access::write); },
     "function 'layer', command 1: operand 0 says write of output, but there the kernel's is read of memory"},
    {"StoreWrittenThatSaysItIsRead", [](ToyContents &c) { layer(c, 0).operands[2] = of(Place::store, 0, 0); },
     "function 'layer', command 0: operand 2 says read of store, but there the kernel's is write of a store"},
    {"StoreReadThatSaysItIsWritten",
     [](ToyContents &c) { layer(c, 1).operands[2] = of(Place::store, 0, 0, 0, Access::write); },
     "function 'layer', command 1: operand 2 says write of store, but there the kernel's is read of a store"},
    {"CallOfNoFunction", [](ToyContents &c) { model(c, 1).target = 2; },
     "function 'model', command 1 calls function 2 of 2"},
    {"CallOfAnEntryPoint", [](ToyContents &c) { model(c, 1).target = 0; },
     "function 'model', command 1 calls function 0 of 2, expected a function that nobody calls to call one that an "
     "entry point does not name"},
    {"CallInACall",
     [](ToyContents &c) {
       c.functions.push_back(c.functions[1]);
       layer(c, 0) = model(c, 1);
       layer(c, 0).target = 2;
     },
     "function 'layer', command 0 calls function 2 of 3"},
    {"CallWithOneOperand", [](ToyContents &c) { model(c, 1).operands.pop_back(); },
     "command 1 calls with 1 operands for layer 0, expected one to read, one to write, and a layer"},
    {"CallThatReadsItsOutput", [](ToyContents &c) { model(c, 1).operands[1] = buffer(1024, 1024); },
     "command 1 calls with 2 operands for layer 0, expected one to read, one to write, and a layer"},
    {"CallOnFewRows", [](ToyContents &c) { model(c, 1).operands[0] = buffer(0, 255); },
     "entry point 'prefill': function 'model', command 1: 255 bytes for rows of the model, which have 256"},
    {"CallForFewRows", [](ToyContents &c) { model(c, 1).operands[1] = written(1024, 255); },
     "entry point 'prefill': function 'model', command 1: 255 bytes for rows of the model, which have 256"},
    {"CallForFewRowsOfBf16",
     [](ToyContents &c) {
       model(c, 1).operands[1] = written(1024, 127);
       model(c, 1).element = StoreElement::bf16;
     },
     "entry point 'prefill': function 'model', command 1: 127 bytes for rows of the model, which have 128"},
    {"CallForOtherNumbers", [](ToyContents &c) { model(c, 1).element = StoreElement::f8e4m3; },
     "function 'model', command 1 is of numbers of type 2, expected f32 or bf16"},
    {"CallForNoLayer", [](ToyContents &c) { model(c, 1).layer = -1; }, "calls with 2 operands for layer -1"},
    {"CallWithWeights", [](ToyContents &c) { model(c, 1).operands[0] = of(Place::weight); },
     "operand 0 is of place weight, where no layer's rows are"},
    {"StateOfNothing", [](ToyContents &c) { model(c, 2).operands.clear(); },
     "command 2 records 0 operands as the state of layer 0"},
    {"StateThatIsWritten", [](ToyContents &c) { model(c, 2).operands[0] = written(1024, 1024); },
     "as the state of layer 0, expected a function that nobody calls to record one that it reads, of 2 layers"},
    {"StateOfHiddenOutThatIsNot", [](ToyContents &c) { model(c, 2).operands[0] = of(Place::hidden_out); },
     "entry point 'prefill' has no hidden_out, but function 'model', command 2"},
    {"StateOfAnotherLayer", [](ToyContents &c) { model(c, 2).layer = 2; }, "as the state of layer 2"},
    {"StateInALayer", [](ToyContents &c) { layer(c, 0) = model(c, 2); },
     "function 'layer', command 0 records 1 operands as the state of layer 0, expected a function that nobody calls"},
    {"StateOfFewRows", [](ToyContents &c) { model(c, 2).operands[0] = buffer(1024, 255); },
     "entry point 'prefill': function 'model', command 2: 255 bytes for rows of the model, which have 256"},
    {"StateOfFewRowsOfBf16",
     [](ToyContents &c) {
       model(c, 2).operands[0] = buffer(1024, 127);
       model(c, 2).element = StoreElement::bf16;
     },
     "entry point 'prefill': function 'model', command 2: 127 bytes for rows of the model, which have 128"},
    {"StateOfOtherNumbers", [](ToyContents &c) { model(c, 2).element = StoreElement::f8e4m3; },
     "function 'model', command 2 is of numbers of type 2, expected f32 or bf16"},
    {"UnknownPlace", [](ToyContents &c) { model(c, 0).operands[0] = of(Place(13)); },
     "operand 0 is of unknown place 13 or access 0"},
    {"UnknownAccess", [](ToyContents &c) { model(c, 0).operands[0] = of(Place::buffer, 0, 1, 0, Access(2)); },
     "operand 0 is of unknown place 0 or access 2"},
    {"WrittenWeight", [](ToyContents &c) { weigh(c, of(Place::weight, 0, 1, 0, Access::write)); },
     "function 'layer', command 0: operand 1 writes to weight, which is only read"},
    {"WrittenPositions", [](ToyContents &c) { layer(c, 0).operands[0] = of(Place::positions, 0, 1, 0, Access::write); },
     "operand 0 writes to positions, which is only read"},
    {"WrittenHidden", [](ToyContents &c) { layer(c, 0).operands[0] = of(Place::hidden, 0, 1, 0, Access::write); },
     "operand 0 writes to hidden, which is only read"},
    {"WrittenRowIds",
     [](ToyContents &c) { layer(c, 0).operands[0] = of(Place::logit_row_ids, 0, 1, 0, Access::write); },
     "operand 0 writes to logit_row_ids, which is only read"},
    {"WrittenExperts", [](ToyContents &c) { weigh(c, of(Place::experts, 0, 1, 0, Access::write)); },
     "operand 1 writes to experts, which is only read"},
    {"WrittenInput", [](ToyContents &c) { layer(c, 1).operands[1] = of(Place::input, 0, 0, 0, Access::write); },
     "operand 1 writes to input, which is only read"},
    {"WrittenTokens", [](ToyContents &c) { layer(c, 0).operands[0] = of(Place::tokens, 0, 1, 0, Access::write); },
     "operand 0 writes to tokens, which is only read"},
    {"InputOfAnEntryPoint", [](ToyContents &c) { model(c, 0).operands[0] = of(Place::input); },
     "function 'model', command 0: operand 0 is the input of a call, but nobody calls the function"},
    {"OutputOfAnEntryPoint",
     [](ToyContents &c) { model(c, 0).operands[0] = of(Place::output, 0, 0, 0, Access::write); },
     "function 'model', command 0: operand 0 is the output of a call, but nobody calls the function"},
    {"WeightBeyondTable", [](ToyContents &c) { weigh(c, of(Place::weight, 1)); },
     "1 weight slices from index 1, and 0 more for the last instance, of a table of 1"},
    {"InstanceBeyondTable", [](ToyContents &c) { weigh(c, of(Place::weight, 0, 1, 1)); },
     "1 weight slices from index 0, and 1 more for the last instance, of a table of 1"},
    {"WrappingWeight", [](ToyContents &c) { weigh(c, of(Place::experts, UINT64_MAX, 2)); },
     "2 weight slices from index"},
    {"WeightOfNoSlice", [](ToyContents &c) { weigh(c, of(Place::experts, 0, 0)); }, "0 weight slices from index 0"},
    {"WeightOfTwoSlices",
     [](ToyContents &c) {
       c.slices.push_back(c.slices[0]);
       weigh(c, of(Place::weight, 0, 2));
     },
     "2 weight slices from index 0"},
    {"UnknownStore", [](ToyContents &c) { layer(c, 0).operands[2] = of(Place::store, 1); },
     "store is 1, but there are 1 stores"},
    {"StoreOfNoLayer", [](ToyContents &c) { c.functions[0].commands.push_back(layer(c, 0)); },
     "function 'model', command 6 runs for layer -1, but store 'row' has 2 layers"},
    {"LayerBeyondStore",
     [](ToyContents &c) {
       c.stores.push_back({"wide", 2, 2, 1, 0, 1024});
       c.pageBytes *= 2;
       c.stores[0].layers = 1;
     },
     "function 'layer', command 0 runs for layer 1, but store 'row' has 1 layers"},
    {"BufferThatIsNotAligned", [](ToyContents &c) { model(c, 0).operands[0] = written(32, 1024); },
     "function 'model', command 0: buffer at offset 32, expected a multiple of 64"},
    {"OffsetInAnArray", [](ToyContents &c) { layer(c, 0).operands[0] = of(Place::tokens, 4); },
     "function 'layer', command 0: tokens from offset 4 on, expected from 0 on"},
    {"BufferBeyondArena", [](ToyContents &c) { model(c, 0).operands[0] = written(4032, 65); },
     "entry point 'prefill': function 'model', command 0: 65 bytes at offset 4032 exceed its arena of 4096 bytes"},
    {"WrappingBuffer", [](ToyContents &c) { model(c, 0).operands[0] = written(UINT64_MAX - 63, 64); },
     "exceed its arena of 4096 bytes"},
    {"BufferBeyondASmallerArena", [](ToyContents &c) { c.entries[1].arenaBytes = 2047; },
     "entry point 'decode': function 'model', command 1: 1024 bytes at offset 1024 exceed its arena of 2047 bytes"},
    {"BufferOfALayerBeyondArena", [](ToyContents &c) { layer(c, 0).operands[1] = buffer(4096, 1); },
     "entry point 'prefill': function 'layer', command 0: 1 bytes at offset 4096 exceed its arena"},
    {"BufferOverInput", [](ToyContents &c) { layer(c, 0).operands[1] = buffer(960, 1); },
     "function 'layer', command 0: its buffer overlaps the input of a call"},
    {"BufferOverOutput",
     [](ToyContents &c) {
       model(c, 3).operands[1] = written(2048, 1024);
       layer(c, 0).operands[1] = buffer(3008, 1);
     },
     "function 'layer', command 0: its buffer overlaps the output of a call"},
    {"LogitsOfAnEntryPointWithoutThem",
     [](ToyContents &c) {
       c.entries.push_back(c.entries[0]);
       c.entries.back().logits = false;
     },
     "entry point 'prefill' has no logit_row_ids, but function 'model', command 5"},
    {"HiddenOfNoDraft", [](ToyContents &c) { model(c, 1).operands[0] = of(Place::hidden); },
     "entry point 'prefill' has no hidden, but function 'model', command 1"},
    {"HiddenOutOfAnEntryPointWithoutThem", [](ToyContents &c) { layer(c, 1).operands[0] = of(Place::hidden_out); },
     "entry point 'prefill' has no hidden_out, but function 'layer', command 1"},
    {"LogitsThatNobodyWrites", [](ToyContents &c) { c.functions[0].commands.pop_back(); },
     "entry point 'prefill' has logits, but no command writes them"},
    {"HiddenOutThatNobodyWrites",
     [](ToyContents &c) {
       addDraft(c);
       c.functions[0].commands.pop_back();
     },
     "entry point 'prefill' has hidden_out, but no command writes them"},
    {"ArgmaxThatNobodyWrites", [](ToyContents &c) { c.entries[0].argmax = true; },
     "entry point 'prefill' has argmax, but no command writes them"},
    {"ArgmaxOfAnEntryPointWithout",
     [](ToyContents &c) { model(c, 5).operands.back() = of(Place::argmax, 0, 0, 0, Access::write); },
     "entry point 'prefill' has no argmax, but function 'model', command 5"},
    {"StatesOfSomeLayers", [](ToyContents &c) { model(c, 4).layer = 0; },
     "entry point 'prefill' records states of 1 layers, expected of all 2 or of none"},
    {"ManyLaunches",
     [](ToyContents &c) {
       c.functions[1].commands.resize(4096, layer(c, 0));
       c.functions[0].commands.resize(70, model(c, 3));
     },
     "more than 262144 launches in all entry points"},
};

INSTANTIATE_TEST_SUITE_P(All, CommandLieTest, testing::ValuesIn(lies),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(CommandChecksTest, AnOperandOfAnUnknownPlaceIsToldOnce) {
  EXPECT_EQ(load([](ToyContents &c) { model(c, 0).operands[0] = of(Place(13)); }), FATHOM_STATUS_BAD_DATA);
  EXPECT_STREQ(fathom_status_message(),
               "artifact metadata: function 'model', command 0: operand 0 is of unknown place 13 or access 0");
}

TEST(CommandChecksTest, AnEntryPointMayRecordNoStates) {
  EXPECT_OK(load([](ToyContents &c) {
    c.functions[0].commands.erase(c.functions[0].commands.begin() + 4);
    c.functions[0].commands.erase(c.functions[0].commands.begin() + 2);
  }));
}

// Hidden states are the output of a layer.
TEST(CommandChecksTest, ACallMayWriteWhatAnEntryPointPromises) {
  EXPECT_OK(load([](ToyContents &c) {
    c.entries[0].hiddenOut = c.entries[1].hiddenOut = true;
    model(c, 1).operands[1] = of(Place::hidden_out, 0, 0, 0, Access::write);
  }));
}

TEST(CommandChecksTest, HiddenStatesMayBeRecorded) {
  EXPECT_OK(load([](ToyContents &c) {
    addDraft(c);
    c.functions[0].commands.push_back(model(c, 2));
    c.functions[0].commands.back().operands[0] = of(Place::hidden_out, 0, 0);
  }));
}

TEST(CommandChecksTest, AWeightOfEveryInstanceMayBeRead) {
  EXPECT_OK(load([](ToyContents &c) {
    c.slices.resize(3, c.slices[0]);
    weigh(c, of(Place::experts, 0, 2, 1));
  }));
}

} // namespace
} // namespace fathom::test
