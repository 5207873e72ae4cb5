// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text that is not PTX, or not what is known of it, is an error that says where; nothing crashes.

#include "test/runtime/ptxsim/simulator.h"

#include "runtime/device/ptxsim/random.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fathom::runtime;
using namespace fathom::runtime::ptxsim;
using test::Simulator;
using testing::HasSubstr;

/// The report of a kernel with this body.
std::string reportOf(const std::string &body) {
  Simulator simulator;
  EXPECT_EQ(simulator.load(test::module(".visible .entry k(.param .u64 p) {\n.reg .b32 %r<4>; .reg .b64 %rd<4>; .reg "
                                        ".pred %p<2>; .reg .f32 %f<3>;\n" +
                                        body + "\nret;\n}\n")),
            cuda::kInvalidPtx);
  return lastReport();
}

TEST(PtxHostileTest, UnknownOpcodesAndModifiersAreNamed) {
  EXPECT_THAT(reportOf("frobnicate.b32 %r1, %r2;"), HasSubstr("PTX line 6: unknown opcode 'frobnicate'"));
  EXPECT_THAT(reportOf("add.cc.u32 %r1, %r2, %r3;"), HasSubstr("PTX line 6: add: unknown modifier '.cc'"));
  EXPECT_THAT(reportOf("add.f16x4 %r1, %r2, %r3;"), HasSubstr("add: expected a type"));
  EXPECT_THAT(reportOf("popc.u32 %r1, %r2;"), HasSubstr("popc: unknown type '.u32'"));
  EXPECT_THAT(reportOf("vote.sync.b32 %r1, %p1, -1;"), HasSubstr("expected one of the modifiers .all, .any"));
  EXPECT_THAT(reportOf("setp.b32 %p1, %r1, %r2;"), HasSubstr("expected a comparison"));
}

TEST(PtxHostileTest, OperandsAreChecked) {
  EXPECT_THAT(reportOf("add.u32 %r1, %r2;"), HasSubstr("too few operands"));
  EXPECT_THAT(reportOf("add.u32 %r1, %r2, %r3, %r1;"), HasSubstr("too many operands"));
  EXPECT_THAT(reportOf("add.u32 %r1, %r2, %r4;"), HasSubstr("unknown name '%r4'"));
  EXPECT_THAT(reportOf("add.u32 %r1, %rd1, %r3;"), HasSubstr("'%rd1' has 64 bits, .u32 has 32"));
  EXPECT_THAT(reportOf("add.u32 5, %r1, %r3;"), HasSubstr("expected a register to write"));
  EXPECT_THAT(reportOf("add.u32 %tid.x, %r1, %r3;"), HasSubstr("expected a register to write"));
  EXPECT_THAT(reportOf("add.u32 %r1, !%r1, %r3;"), HasSubstr("'!%r1' is not a predicate"));
  EXPECT_THAT(reportOf("add.u32 %r1, {%r1, %r2}, %r3;"), HasSubstr("expected a register or a number"));
  EXPECT_THAT(reportOf("add.u32 %r1, %clock, %r3;"), HasSubstr("'%clock' can only be read by mov"));
  EXPECT_THAT(reportOf("ld.global.u32 %r1, %rd1;"), HasSubstr("expected an address in brackets"));
  EXPECT_THAT(reportOf("ld.global.v4.u32 {%r1, %r2}, [%rd1];"), HasSubstr("expected as many registers as elements"));
  EXPECT_THAT(reportOf("ld.global.u32 %r1, [%f1+1.5];"), HasSubstr("expected an integer"));
  EXPECT_THAT(reportOf("lop3.b32 %r1, %r1, %r1, %r1, 256;"), HasSubstr("expected an integer of at most 255"));
  EXPECT_THAT(reportOf("st.const.u32 [%rd1], %r1;"), HasSubstr(".const memory is not written"));
  EXPECT_THAT(reportOf("@%r1 add.u32 %r1, %r2, %r3;"), HasSubstr("'%r1' has 32 bits, .pred has 1"));
}

TEST(PtxHostileTest, ControlIsChecked) {
  EXPECT_THAT(reportOf("bra NOWHERE;"), HasSubstr("unknown label 'NOWHERE'"));
  EXPECT_THAT(reportOf("L: L: bra L;"), HasSubstr("label 'L' is defined twice"));
  EXPECT_THAT(reportOf("brx.idx %r1, T;"), HasSubstr("unknown list of labels 'T'"));
  EXPECT_THAT(reportOf("call missing;"), HasSubstr("calls through pointers are not supported"));
  EXPECT_THAT(reportOf("call k;"), HasSubstr("'k' has no body"));
  EXPECT_THAT(reportOf("setmaxnreg.inc.sync.aligned.u32 100;"), HasSubstr("expected a multiple of 8 from 24 to 256"));
}

TEST(PtxHostileTest, FunctionsThatCallThemselves) {
  Simulator simulator;
  EXPECT_EQ(simulator.load(test::module(".func f() { call f; ret; }\n.visible .entry k() { call f; ret; }")),
            cuda::kInvalidPtx);
  EXPECT_THAT(lastReport(), HasSubstr("'f' is recursive"));
}

TEST(PtxHostileTest, SizesAreBounded) {
  EXPECT_THAT(reportOf(".local .b8 x[1000000000];\nst.local.b8 [x], %r1;"), HasSubstr("bytes of local memory"));
  EXPECT_THAT(reportOf(".shared .b8 x[300000];\nst.shared.b8 [x], %r1;"), HasSubstr("bytes of shared memory"));
  EXPECT_THAT(reportOf(".local .b8 x[18446744073709551615];"), HasSubstr("'x' is too large"));
  EXPECT_THAT(reportOf(".local .b8 x[17179869184][1073741824];"), HasSubstr("'x' is too large"));
  Simulator simulator;
  EXPECT_EQ(simulator.load(test::module(".global .b8 x[8000000000];")), cuda::kOutOfMemory);
  EXPECT_EQ(simulator.load(test::module(".visible .entry k() { .reg .b32 %r<4000000000>; mov.u32 %r3999999999, 1; }")),
            cuda::kSuccess)
      << lastReport();
}

/// The report of a module with this text.
std::string reportOfModule(const std::string &text) {
  Simulator simulator;
  EXPECT_EQ(simulator.load(test::module(text)), cuda::kInvalidPtx);
  return lastReport();
}

TEST(PtxHostileTest, VariablesAreChecked) {
  EXPECT_THAT(reportOfModule(".global .b8 x[4];\n.global .b8 x[400];"), HasSubstr("line 5: 'x' is defined twice"));
  EXPECT_THAT(reportOfModule(".global .b8 x[2] = {1, 2, 3};"), HasSubstr("'x' has more initial values than elements"));
  EXPECT_THAT(reportOfModule(".global .b32 x;\n.global .b32 y = x;"),
              HasSubstr("an address needs an element of 64 bits"));
  EXPECT_THAT(reportOfModule(".extern .global .b32 x;\n.visible .entry k() { .reg .b32 %r; ld.global.b32 %r, [x]; }"),
              HasSubstr("'x' is declared, but not defined"));
}

TEST(PtxHostileTest, NegativeNumbersAreOfAnyWidth) {
  Simulator simulator;
  EXPECT_EQ(simulator.load(test::module(".global .b128 x = -1;\n.global .b8 y = -1;")), cuda::kSuccess);
}

TEST(PtxHostileTest, ModulesForOtherMachines) {
  Simulator simulator;
  EXPECT_EQ(simulator.load(test::module("", "sm_90a")), cuda::kNoBinaryForGpu);
  EXPECT_THAT(lastReport(), HasSubstr("code for 'sm_90a' does not run on sm_80"));
  EXPECT_EQ(simulator.load(".version 9.9\n.target sm_80\n"), cuda::kUnsupportedPtxVersion);
  EXPECT_EQ(simulator.load("\177ELF"), cuda::kNoBinaryForGpu);
  EXPECT_EQ(simulator.load(""), cuda::kInvalidPtx);
  EXPECT_EQ(simulator.load("hello"), cuda::kInvalidPtx);
}

/// The largest space for parameters: whatever a damaged text declares, it reads no more of each.
using Parameter = std::array<uint8_t, 32764>;

/// A kernel and how it is launched: `parameters` fills those that it has.
struct Victim {
  const char *file, *name;
  test::Shape shape;
  void (*fill)(std::vector<Parameter> &parameters, uint64_t memory);
  int major = 8;
};

template <class T>
void set(Parameter &parameter, const T &value) {
  std::memcpy(parameter.data(), &value, sizeof(value));
}

/// Pointers, and a small number behind them.
template <size_t pointers>
void fillPointers(std::vector<Parameter> &parameters, uint64_t memory) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    set(parameters[i], i < pointers ? memory : uint64_t{32});
  }
}

void fillMaps(std::vector<Parameter> &parameters, uint64_t memory) {
  constexpr int kBf16Type = 9, kF32Type = 7;
  for (unsigned i = 0; i < 3; ++i) {
    bool isResult = i == 2;
    uint64_t sizes[] = {64, 64}, strides[] = {isResult ? 256u : 128u};
    uint32_t box[] = {isResult ? 32u : 64u, 64}, ones[] = {1, 1};
    EXPECT_EQ(driver().encodeTiledMap(parameters[i].data(), isResult ? kF32Type : kBf16Type, 2,
                                      reinterpret_cast<void *>(memory), sizes, strides, box, ones, 0, isResult ? 0 : 3,
                                      0, 0),
              cuda::kSuccess);
  }
  set(parameters[3], uint32_t{64});
}

/// Runs what a text became, if it is a module that still has the kernel; whether it has it.
bool launchDamaged(const Victim &victim, const std::string &text) {
  Simulator simulator({.threads = 1, .major = victim.major, .budget = 1000});
  uint64_t memory = simulator.upload(std::vector<uint8_t>(1 << 16));
  cuda::CUfunction function = simulator.load(text) == cuda::kSuccess ? simulator.find(victim.name) : nullptr;
  if (function == nullptr) {
    return false;
  }
  // More than a text can declare.
  std::vector<Parameter> parameters(8);
  victim.fill(parameters, memory);
  std::vector<void *> pointers(256, parameters.back().data());
  std::transform(parameters.begin(), parameters.end(), pointers.begin(), [](Parameter &each) { return each.data(); });
  simulator.table.setFunctionAttribute(function, cuda::kMaxDynamicSharedSizeBytes,
                                       static_cast<int>(victim.shape.shared));
  simulator.table.launch(function, victim.shape.blocks, 1, 1, victim.shape.threads, 1, 1, victim.shape.shared, nullptr,
                         pointers.data(), nullptr);
  return true;
}

/// Most often another digit, with which many texts still load; else anything.
std::string damage(const std::string &text, Random &random) {
  std::string damaged = text;
  for (unsigned changes = random.below(4) + 1; changes != 0; --changes) {
    auto length = static_cast<unsigned>(damaged.size());
    size_t at = random.below(length);
    switch (random.below(6)) {
    case 0:
      damaged[at] = static_cast<char>(32 + random.below(95));
      break;
    case 1:
      damaged.replace(at, random.below(12), damaged.substr(random.below(length), 12));
      break;
    default:
      damaged[std::min(damaged.find_first_of("0123456789", at), damaged.size() - 1)] =
          static_cast<char>('0' + random.below(10));
    }
  }
  return damaged;
}

class DamagedTextTest : public testing::TestWithParam<Victim> {};

TEST_P(DamagedTextTest, PrefixesAreErrors) {
  std::string text = test::kernelText(GetParam().file);
  for (size_t length = 0; length < text.size(); length += 5) {
    launchDamaged(GetParam(), text.substr(0, length));
  }
}

TEST_P(DamagedTextTest, WhatLoadsRunsOrIsReported) {
  std::string text = test::kernelText(GetParam().file);
  ASSERT_TRUE(launchDamaged(GetParam(), text)) << lastReport();
  Random random(1);
  unsigned launched = 0;
  for (int i = 0; i < 1000; ++i) {
    launched += launchDamaged(GetParam(), damage(text, random));
  }
  EXPECT_GT(launched, 50u);
}

INSTANTIATE_TEST_SUITE_P(Kernels, DamagedTextTest,
                         testing::Values(Victim{"nvcc_call.ptx", "collatz_steps", {1, 32}, fillPointers<2>},
                                         Victim{"nvcc_shared.ptx", "transpose", {1, 32, 4224}, fillPointers<2>},
                                         Victim{"nvcc_shared.ptx", "histogram", {1, 32}, fillPointers<3>},
                                         Victim{"llvm_rms_norm.ptx", "rms_norm", {1, 128}, fillPointers<3>},
                                         Victim{"gemm_sm80.ptx", "gemm80", {1, 64}, fillPointers<3>},
                                         Victim{"gemm_sm90a.ptx", "gemm90", {1, 160, 3 * 16384}, fillMaps, 9}),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(PtxHostileTest, DeepNestingIsAnError) {
  EXPECT_THAT(reportOf("mov.b32 %r1, " + std::string(100000, '{') + ";"), HasSubstr("nested too deep"));
  Simulator simulator;
  EXPECT_EQ(simulator.load(test::module(".global .b8 x[4] = " + std::string(100000, '{') + ";")), cuda::kInvalidPtx);
  EXPECT_EQ(simulator.load(test::module(".visible .entry k() " + std::string(100000, '{'))), cuda::kInvalidPtx);
}

} // namespace
