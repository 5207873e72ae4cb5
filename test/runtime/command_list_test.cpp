// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What entry points launch, with functions put in the place of their calls.

#include "runtime/src/command_list.h"

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace fathom::runtime {
namespace {

using artifact::Access;
using artifact::Action;
using artifact::CommandT;
using artifact::Operand;
using artifact::Place;

Operand of(Place place, Access access, uint64_t offset = 0, uint32_t stride = 0) {
  return Operand(offset, 64, stride, place, access);
}

CommandT command(Action action, uint32_t target, std::vector<Operand> operands, int32_t layer, uint32_t instance = 0) {
  CommandT made;
  made.action = action;
  made.target = target;
  made.operands = std::move(operands);
  made.layer = layer;
  made.instance = instance;
  return made;
}

/// A program of functions, the first of which is its only entry point's.
class Lists {
public:
  explicit Lists(const std::vector<std::vector<CommandT>> &functions) {
    artifact::ProgramT program;
    program.target = std::make_unique<artifact::TargetT>();
    program.target->triple = "x86_64";
    program.code = std::make_unique<artifact::CodeT>();
    program.entry_points.push_back(std::make_unique<artifact::EntryPointT>());
    program.entry_points[0]->name = "decode";
    for (const char *name : {"mix", "sum"}) {
      program.kernels.push_back(std::make_unique<artifact::KernelT>());
      program.kernels.back()->name = name;
    }
    for (const std::vector<CommandT> &commands : functions) {
      program.functions.push_back(std::make_unique<artifact::FunctionT>());
      program.functions.back()->name = "f";
      for (const CommandT &one : commands) {
        program.functions.back()->commands.push_back(std::make_unique<CommandT>(one));
      }
    }
    builder.Finish(artifact::CreateProgram(builder, &program));
    EXPECT_EQ(lists.load(read()), FATHOM_STATUS_OK);
  }

  CommandList list() const { return lists.of(*read().entry_points()->Get(0)); }

private:
  const artifact::Program &read() const { return *flatbuffers::GetRoot<artifact::Program>(builder.GetBufferPointer()); }

  flatbuffers::FlatBufferBuilder builder;
  CommandLists lists;
};

const Operand kInput = of(Place::input, Access::read), kOutput = of(Place::output, Access::write);

/// A call from buffer |from| to buffer |to|.
CommandT call(uint32_t function, uint64_t from, uint64_t to, int32_t layer, uint32_t instance = 0) {
  return command(Action::call, function, {of(Place::buffer, Access::read, from), of(Place::buffer, Access::write, to)},
                 layer, instance);
}

std::string namesOf(const CommandList &list) {
  std::string names;
  for (uint32_t i = 0; i < list.size; ++i) {
    names += list.launches[i].name + std::string(" ") + std::to_string(list.launches[i].layer) + " ";
  }
  return names;
}

std::vector<uint32_t> earlier(const CommandList &list, uint32_t launch) {
  CommandNumbers numbers = list.earlier(launch);
  return {numbers.begin(), numbers.end()};
}

// As layers with and without experts do: each function's edges are those of its own.
TEST(CommandListTest, FunctionsMayBeCalledInTurns) {
  Operand own = of(Place::buffer, Access::write, 512), same = of(Place::buffer, Access::read, 512);
  std::vector<CommandT> chain = {command(Action::launch, 0, {kInput, own}, -1),
                                 command(Action::launch, 1, {same, kOutput}, -1)};
  std::vector<CommandT> apart = {command(Action::launch, 0, {of(Place::buffer, Access::write, 1024)}, -1),
                                 command(Action::launch, 1, {of(Place::buffer, Access::write, 2048)}, -1)};
  Lists lists({{call(1, 0, 64, 0), call(2, 64, 0, 1), call(1, 0, 64, 2)}, chain, apart});
  CommandList list = lists.list();
  EXPECT_EQ(namesOf(list), "mix 0 sum 0 mix 1 sum 1 mix 2 sum 2 ");
  EXPECT_EQ(earlier(list, 1), (std::vector<uint32_t>{0}));
  EXPECT_EQ(earlier(list, 2), (std::vector<uint32_t>{1}));
  EXPECT_EQ(earlier(list, 3), (std::vector<uint32_t>{1}));
  EXPECT_EQ(earlier(list, 4), (std::vector<uint32_t>{2, 3}));
  EXPECT_EQ(earlier(list, 5), (std::vector<uint32_t>{4}));
}

TEST(CommandListTest, OperandsAreThoseOfTheCall) {
  std::vector<CommandT> layer = {command(Action::launch, 0, {kInput, of(Place::weight, Access::read, 3, 5)}, -1)};
  Lists lists({{call(1, 128, 64, 0, 2)}, layer});
  const LaunchOperand *operands = lists.list().allOperands;
  EXPECT_EQ(operands[0].place, Place::buffer);
  EXPECT_EQ(operands[0].offset, 128u);
  EXPECT_EQ(operands[1].offset, (3 + 2 * 5) * sizeof(uint64_t));
}

TEST(CommandListTest, RecordedStatesHaveNoKernel) {
  Lists lists({{command(Action::launch, 1, {of(Place::buffer, Access::write)}, -1),
                command(Action::record_state, 0, {of(Place::buffer, Access::read)}, 4)}});
  CommandList list = lists.list();
  EXPECT_EQ(list.launches[0].kernel, 1u);
  EXPECT_EQ(list.launches[1].kernel, kNoKernel);
  EXPECT_EQ(namesOf(list), "sum -1 record_state 4 ");
}

} // namespace
} // namespace fathom::runtime
