// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulated driver: handles, memory, graphs, counters and faults.

#include "test/runtime/ptxsim/simulator.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

namespace {

using namespace fathom::runtime;
using namespace fathom::runtime::ptxsim;
using test::Simulator;

/// `append(memory, digit)`: memory[0] = memory[0] * 10 + digit; `fault()` writes nowhere; `spin()` does not end.
const char *const kText =
    ".version 7.8\n.target sm_80\n.address_size 64\n"
    ".visible .entry append(.param .u64 memory, .param .u32 digit) {\n.reg .b64 %a; .reg .b32 %v, %d;\n"
    "ld.param.u64 %a, [memory]; ld.param.u32 %d, [digit]; ld.global.u32 %v, [%a];\n"
    "mad.lo.u32 %v, %v, 10, %d; st.global.u32 [%a], %v; ret;\n}\n"
    ".visible .entry fault() {\n.reg .b64 %a;\nmov.b64 %a, 64; st.global.u32 [%a], 1; ret;\n}\n"
    ".visible .entry spin() {\nagain:\nbra again;\n}\n";

struct DriverTest : testing::Test {
  DriverTest() { EXPECT_EQ(simulator.load(kText), cuda::kSuccess) << lastReport(); }

  cuda::CUgraphNode add(cuda::CUgraph graph, uint32_t digit, std::vector<cuda::CUgraphNode> earlier) {
    void *parameters[] = {&memory, &digit};
    cuda::KernelNodeParameters node = {simulator.find("append"), 1, 1, 1, 1, 1, 1, 0, parameters, nullptr};
    cuda::CUgraphNode added = nullptr;
    EXPECT_EQ(table.addKernelNode(&added, graph, earlier.data(), earlier.size(), &node), cuda::kSuccess);
    return added;
  }

  Simulator simulator;
  const cuda::DriverTable &table = simulator.table;
  uint64_t memory = simulator.upload(std::vector<uint32_t>{0});
};

TEST_F(DriverTest, WrongHandlesAndPointersAreErrors) {
  EXPECT_EQ(table.free(memory + 4), cuda::kInvalidValue);
  EXPECT_EQ(table.free(memory), cuda::kSuccess);
  EXPECT_EQ(table.free(memory), cuda::kInvalidValue);
  EXPECT_EQ(table.freeHost(&memory), cuda::kInvalidValue);
  auto *wrong = reinterpret_cast<void *>(uintptr_t{8});
  EXPECT_EQ(table.unloadModule(static_cast<cuda::CUmodule>(wrong)), cuda::kInvalidHandle);
  EXPECT_EQ(table.destroyStream(static_cast<cuda::CUstream>(wrong)), cuda::kInvalidHandle);
  EXPECT_EQ(table.synchronize(static_cast<cuda::CUstream>(wrong)), cuda::kInvalidHandle);
  EXPECT_EQ(table.destroyGraph(static_cast<cuda::CUgraph>(wrong)), cuda::kInvalidHandle);
  EXPECT_EQ(table.destroyExecutable(static_cast<cuda::CUgraphExec>(wrong)), cuda::kInvalidHandle);
  EXPECT_EQ(table.launch(static_cast<cuda::CUfunction>(wrong), 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr),
            cuda::kInvalidHandle);
  cuda::CUfunction function = nullptr;
  EXPECT_EQ(table.findFunction(&function, simulator.module, "missing"), cuda::kNotFound);
  EXPECT_EQ(table.upload(memory, &function, 8, nullptr), cuda::kInvalidValue);
}

TEST_F(DriverTest, MemoryIsBounded) {
  size_t available = 0, total = 0;
  cuda::CUdeviceptr more = 0;
  EXPECT_EQ(table.memoryInfo(&available, &total), cuda::kSuccess);
  EXPECT_EQ(available, total - 4);
  EXPECT_EQ(table.allocate(&more, available + 1), cuda::kOutOfMemory);
  EXPECT_EQ(table.allocate(&more, 0), cuda::kInvalidValue);
}

TEST_F(DriverTest, NothingWorksBeforeInitOrWithoutAContext) {
  reset({});
  int count = 0;
  cuda::CUdeviceptr pointer = 0;
  EXPECT_NE(table.deviceCount(&count), cuda::kSuccess);
  EXPECT_EQ(table.init(0), cuda::kSuccess);
  EXPECT_EQ(table.deviceCount(&count), cuda::kSuccess);
  EXPECT_NE(table.allocate(&pointer, 16), cuda::kSuccess);
}

TEST_F(DriverTest, DeviceSaysWhatItIs) {
  Simulator other({.major = 9, .minor = 0, .multiprocessors = 132});
  int major = 0, processors = 0;
  char name[16];
  EXPECT_EQ(table.deviceAttribute(&major, cuda::kComputeCapabilityMajor, 0), cuda::kSuccess);
  EXPECT_EQ(table.deviceAttribute(&processors, cuda::kMultiprocessorCount, 0), cuda::kSuccess);
  EXPECT_EQ(table.deviceName(name, sizeof(name), 0), cuda::kSuccess);
  EXPECT_EQ(major, 9);
  EXPECT_EQ(processors, 132);
  EXPECT_STREQ(name, "ptxsim");
  EXPECT_EQ(table.deviceName(name, sizeof(name), 1), cuda::kInvalidDevice);
  const char *text = nullptr;
  EXPECT_EQ(table.errorName(cuda::kIllegalAddress, &text), cuda::kSuccess);
  EXPECT_STREQ(text, "CUDA_ERROR_ILLEGAL_ADDRESS");
}

TEST_F(DriverTest, LaunchesAreChecked) {
  uint32_t digit = 1;
  void *parameters[] = {&memory, &digit};
  auto launch = [&](unsigned blocks, unsigned threads, unsigned shared) {
    return table.launch(simulator.find("append"), blocks, 1, 1, threads, 1, 1, shared, nullptr, parameters, nullptr);
  };
  EXPECT_EQ(launch(0, 1, 0), cuda::kInvalidValue);
  EXPECT_THAT(lastReport(), testing::HasSubstr("kernel append: grid, block, shared memory or parameters are not"));
  EXPECT_EQ(launch(1, 1025, 0), cuda::kInvalidValue);
  EXPECT_EQ(launch(1, 1, 100000), cuda::kInvalidValue);
  EXPECT_EQ(table.setFunctionAttribute(simulator.find("append"), cuda::kMaxDynamicSharedSizeBytes, 100000),
            cuda::kSuccess);
  EXPECT_EQ(launch(1, 1, 100000), cuda::kSuccess) << lastReport();
  EXPECT_EQ(table.setFunctionAttribute(simulator.find("append"), cuda::kMaxDynamicSharedSizeBytes, 1 << 20),
            cuda::kInvalidValue);
}

TEST_F(DriverTest, ParametersAreNotNull) {
  EXPECT_EQ(simulator.launch("append", {}, {}), cuda::kInvalidValue);
  void *parameters[] = {&memory, nullptr};
  EXPECT_EQ(table.launch(simulator.find("append"), 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr),
            cuda::kInvalidValue);
  EXPECT_EQ(lastReport(), "kernel append: parameter 1 is null");
}

TEST_F(DriverTest, ErrorsOfKernelsStayUntilTheContextGoes) {
  EXPECT_EQ(simulator.launch("fault", {}, {}), cuda::kIllegalAddress);
  EXPECT_EQ(simulator.launch("append", {}, {memory, 1}), cuda::kIllegalAddress);
  EXPECT_EQ(table.synchronize(nullptr), cuda::kIllegalAddress);
  EXPECT_EQ(table.free(memory), cuda::kSuccess);
  EXPECT_EQ(table.releaseContext(0), cuda::kSuccess);
  cuda::CUcontext context = nullptr;
  EXPECT_EQ(table.retainContext(&context, 0), cuda::kSuccess);
  EXPECT_EQ(table.synchronize(nullptr), cuda::kSuccess);
}

TEST_F(DriverTest, LaunchesCanBeEndedFromOutside) {
  std::atomic<bool> flag{false};
  std::thread other([&flag] {
    std::this_thread::sleep_for(std::chrono::milliseconds(10)); // into the launch, usually; before it is as good
    flag = true;
  });
  endLaunchesWhen(&flag);
  EXPECT_EQ(simulator.launch("spin", {}, {}), cuda::kLaunchTimeout);
  other.join();
  endLaunchesWhen(nullptr);
  EXPECT_EQ(simulator.launch("append", {}, {memory, 7}), cuda::kSuccess);
  EXPECT_EQ(simulator.read<uint32_t>(memory, 1), std::vector<uint32_t>{7});
}

TEST_F(DriverTest, ErrorsSayWhatTheLastCallDidWrong) {
  auto textOf = [&](cuda::CUresult result) {
    const char *text = nullptr;
    table.errorString(result, &text);
    return std::string(text);
  };
  EXPECT_EQ(simulator.load("hello"), cuda::kInvalidPtx);
  EXPECT_THAT(textOf(cuda::kInvalidPtx), testing::HasSubstr("PTX line 1"));
  cuda::CUdeviceptr pointer = 0;
  EXPECT_EQ(table.allocate(&pointer, uint64_t{1} << 40), cuda::kOutOfMemory);
  EXPECT_EQ(textOf(cuda::kOutOfMemory), "out of memory");
  EXPECT_EQ(simulator.launch("fault", {}, {}), cuda::kIllegalAddress);
  EXPECT_EQ(table.synchronize(nullptr), cuda::kIllegalAddress);
  EXPECT_THAT(textOf(cuda::kIllegalAddress), testing::HasSubstr("kernel fault"));
  EXPECT_EQ(table.releaseContext(0), cuda::kSuccess);
  EXPECT_EQ(textOf(cuda::kIllegalAddress), "an illegal memory access was encountered");
}

TEST_F(DriverTest, TextsOfErrorsStayWhenOtherThreadsFail) {
  const char *text = nullptr;
  simulator.load("hello");
  table.errorString(cuda::kInvalidPtx, &text);
  std::string before = text;
  std::thread([&] {
    const char *other = nullptr;
    simulator.load(".version 7.8\n.target sm_80\n" + std::string(1000, '\n') + "hello");
    table.errorString(cuda::kInvalidPtx, &other);
  }).join();
  EXPECT_EQ(text, before);
}

TEST_F(DriverTest, GraphsRunInTheOrderOfTheirEdges) {
  cuda::CUgraph graph = nullptr;
  cuda::CUgraphExec executable = nullptr;
  ASSERT_EQ(table.createGraph(&graph, 0), cuda::kSuccess);
  cuda::CUgraphNode first = add(graph, 1, {}), second = add(graph, 2, {first});
  add(graph, 3, {second});
  ASSERT_EQ(table.instantiateGraph(&executable, graph, 0), cuda::kSuccess);
  EXPECT_EQ(table.destroyGraph(graph), cuda::kSuccess);
  for (uint64_t seed = 0; seed < 10; ++seed) {
    setSeed(seed);
    uint32_t zero = 0;
    table.upload(memory, &zero, 4, nullptr);
    ASSERT_EQ(table.launchGraph(executable, nullptr), cuda::kSuccess) << lastReport();
    EXPECT_EQ(simulator.read<uint32_t>(memory, 1)[0], 123u);
  }
  EXPECT_EQ(counters().kernels, 30u);
}

TEST_F(DriverTest, MissingEdgesShow) {
  cuda::CUgraph graph = nullptr;
  cuda::CUgraphExec executable = nullptr;
  table.createGraph(&graph, 0);
  add(graph, 1, {});
  add(graph, 2, {});
  table.instantiateGraph(&executable, graph, 0);
  std::vector<uint32_t> seen;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    setSeed(seed);
    uint32_t zero = 0;
    table.upload(memory, &zero, 4, nullptr);
    table.launchGraph(executable, nullptr);
    seen.push_back(simulator.read<uint32_t>(memory, 1)[0]);
  }
  EXPECT_THAT(seen, testing::Contains(12u));
  EXPECT_THAT(seen, testing::Contains(21u));
}

TEST_F(DriverTest, CallsAndBytesAreCounted) {
  clearCounters();
  simulator.launch("append", {1, 1}, {memory, 4});
  simulator.read<uint32_t>(memory, 1);
  DriverCounters counted = counters();
  EXPECT_EQ(counted.of(Call::launch), 1u);
  EXPECT_EQ(counted.of(Call::readBack), 1u);
  EXPECT_EQ(counted.of(Call::upload), 0u);
  EXPECT_EQ(counted.bytesReadBack, 4u);
  EXPECT_EQ(counted.executed.instructions, 6u);
  EXPECT_EQ(counted.executed.bytesRead[static_cast<size_t>(Space::Global)], 4u);
  EXPECT_EQ(counted.executed.bytesRead[static_cast<size_t>(Space::Param)], 12u);
  EXPECT_EQ(counted.executed.bytesWritten[static_cast<size_t>(Space::Global)], 4u);
}

TEST_F(DriverTest, CallsCanBeMadeToFail) {
  cuda::CUdeviceptr pointer = 0;
  failCall(Call::allocate, 2, cuda::kOutOfMemory);
  EXPECT_EQ(table.allocate(&pointer, 16), cuda::kSuccess);
  EXPECT_EQ(table.allocate(&pointer, 16), cuda::kOutOfMemory);
  EXPECT_EQ(table.allocate(&pointer, 16), cuda::kSuccess);
  failCall(Call::allocate, 1, cuda::kOutOfMemory, true);
  EXPECT_EQ(table.allocate(&pointer, 16), cuda::kOutOfMemory);
  EXPECT_EQ(table.allocate(&pointer, 16), cuda::kOutOfMemory);
}

TEST_F(DriverTest, WhatIsHeldIsKnown) {
  void *host = nullptr;
  cuda::CUstream stream = nullptr;
  table.allocateHost(&host, 100, 0);
  table.createStream(&stream, 0);
  Holdings held = holdings();
  EXPECT_EQ(held.allocations, 1u);
  EXPECT_EQ(held.hostAllocations, 1u);
  EXPECT_EQ(held.streams, 1u);
  EXPECT_EQ(held.modules, 1u);
  table.freeHost(host);
  table.destroyStream(stream);
  table.releaseContext(0);
  held = holdings();
  EXPECT_EQ(held.allocations + held.hostAllocations + held.streams + held.modules + held.contexts, 0u);
}

TEST_F(DriverTest, LogSaysWhatIsWrongWithAModule) {
  char log[128];
  int names[] = {cuda::kJitErrorLogBuffer, cuda::kJitErrorLogBufferSizeBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  cuda::CUmodule module = nullptr;
  EXPECT_EQ(
      table.loadModule(&module, ".version 7.8\n.target sm_80\n.visible .entry k() { nonsense; }", 2, names, values),
      cuda::kInvalidPtx);
  EXPECT_STREQ(log, "ptxsim: PTX line 3: unknown opcode 'nonsense'");
}

} // namespace
