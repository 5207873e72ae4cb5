// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What waits for what, by what commands touch.

#include "runtime/src/command_edges.h"

#include <gtest/gtest.h>
#include <memory>
#include <vector>

namespace fathom::runtime {
namespace {

using artifact::Access;
using artifact::Action;
using artifact::Operand;
using artifact::Place;
using Commands = std::vector<artifact::CommandT>;
/// For each command those that it waits for, the last one first.
using Edges = std::vector<std::vector<uint32_t>>;

Operand at(uint64_t offset, uint64_t size, Access access) { return Operand(offset, size, 0, Place::buffer, access); }
Operand read(uint64_t buffer) { return at(buffer * 64, 64, Access::read); }
Operand write(uint64_t buffer) { return at(buffer * 64, 64, Access::write); }
Operand of(Place place, Access access, uint64_t offset = 0) { return Operand(offset, 1, 0, place, access); }

artifact::CommandT command(Action action, std::vector<Operand> operands, int32_t layer = -1) {
  artifact::CommandT made;
  made.action = action;
  made.layer = layer;
  made.operands = std::move(operands);
  return made;
}
artifact::CommandT launch(std::vector<Operand> operands) { return command(Action::launch, std::move(operands)); }

Edges edges(const Commands &commands) {
  artifact::FunctionT function;
  function.name = "f";
  for (const artifact::CommandT &one : commands) {
    function.commands.push_back(std::make_unique<artifact::CommandT>(one));
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(artifact::CreateFunction(builder, &function));
  CommandEdges found;
  EXPECT_EQ(found.find(*flatbuffers::GetRoot<artifact::Function>(builder.GetBufferPointer())), FATHOM_STATUS_OK);
  Edges result;
  for (uint32_t i = 0; i < commands.size(); ++i) {
    CommandNumbers earlier = found.earlier(i);
    result.emplace_back(earlier.begin(), earlier.end());
  }
  return result;
}

TEST(CommandEdgesTest, AReaderWaitsForTheWriter) {
  EXPECT_EQ(edges({launch({write(1)}), launch({read(1), write(2)})}), (Edges{{}, {0}}));
}

TEST(CommandEdgesTest, AWriterWaitsForReadersAndWriters) {
  EXPECT_EQ(edges({launch({read(1)}), launch({write(1)}), launch({write(1)})}), (Edges{{}, {0}, {1}}));
}

TEST(CommandEdgesTest, ReadersDoNotWaitForEachOther) {
  EXPECT_EQ(edges({launch({write(1)}), launch({read(1), write(2)}), launch({read(1), write(3)})}),
            (Edges{{}, {0}, {0}}));
}

TEST(CommandEdgesTest, WhatMeetsWaitsForBothWays) {
  Commands diamond = {launch({write(1)}), launch({read(1), write(2)}), launch({read(1), write(3)}),
                      launch({read(1), read(2), read(3), write(4)})};
  // That command 0 has ended follows.
  EXPECT_EQ(edges(diamond), (Edges{{}, {0}, {0}, {2, 1}}));
}

TEST(CommandEdgesTest, BuffersConflictWhereTheyOverlap) {
  auto conflict = [](uint64_t offset, uint64_t size) {
    return edges({launch({at(100, 50, Access::write)}), launch({at(offset, size, Access::read)})})[1].size() == 1;
  };
  EXPECT_FALSE(conflict(0, 100));
  EXPECT_TRUE(conflict(0, 101));
  EXPECT_TRUE(conflict(149, 1));
  EXPECT_FALSE(conflict(150, 100));
  EXPECT_TRUE(conflict(0, 1000));
  EXPECT_FALSE(conflict(120, 0));
}

TEST(CommandEdgesTest, WhoReadsAStoreWaitsForWhoAppendsToIt) {
  Operand appends = of(Place::store, Access::write, 1), attends = of(Place::store, Access::read, 1);
  EXPECT_EQ(edges({launch({appends}), launch({attends})}), (Edges{{}, {0}}));
  EXPECT_EQ(edges({launch({appends}), launch({of(Place::store, Access::read, 0)})}), (Edges{{}, {}}));
}

TEST(CommandEdgesTest, ArraysOfACallAreOneMemoryEach) {
  EXPECT_EQ(edges({launch({of(Place::logits, Access::write)}), launch({of(Place::logits, Access::write)})}),
            (Edges{{}, {0}}));
  EXPECT_EQ(edges({launch({of(Place::logits, Access::write)}), launch({of(Place::tokens, Access::read)})}),
            (Edges{{}, {}}));
}

TEST(CommandEdgesTest, WeightsAreOnlyRead) {
  Operand weight = of(Place::weight, Access::read), experts = of(Place::experts, Access::read);
  EXPECT_EQ(edges({launch({weight, experts}), launch({weight, experts})}), (Edges{{}, {}}));
}

// Of a layer: both may be the rows that its caller keeps.
TEST(CommandEdgesTest, InputAndOutputMayBeTheSameMemory) {
  Operand input = of(Place::input, Access::read), output = of(Place::output, Access::write);
  EXPECT_EQ(edges({launch({input}), launch({output})}), (Edges{{}, {0}}));
  EXPECT_EQ(edges({launch({input}), launch({input})}), (Edges{{}, {}}));
}

TEST(CommandEdgesTest, ACallRunsAlone) {
  artifact::CommandT call = command(Action::call, {read(1), write(2)}, 0);
  EXPECT_EQ(edges({launch({write(7)}), launch({write(8)}), call, call, launch({write(9)}), launch({read(9)})}),
            (Edges{{}, {}, {1, 0}, {2}, {3}, {4}}));
}

TEST(CommandEdgesTest, StatesOfOneLayerAreWrittenInOrder) {
  auto record = [](int32_t layer) { return command(Action::record_state, {read(1)}, layer); };
  EXPECT_EQ(edges({launch({write(1)}), record(0), record(1), record(0)}), (Edges{{}, {0}, {0}, {1}}));
}

TEST(CommandEdgesTest, ALongFunctionHasAnEdgeAStep) {
  Commands chain;
  for (uint64_t i = 0; i < 300; ++i) {
    chain.push_back(launch({read(i % 3), write((i + 1) % 3)}));
  }
  Edges found = edges(chain);
  for (uint32_t i = 1; i < found.size(); ++i) {
    EXPECT_EQ(found[i], std::vector{i - 1}) << i;
  }
}

} // namespace
} // namespace fathom::runtime
