// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ways to compile a test model, and suites that go through them.

#ifndef FATHOM_TEST_E2E_VARIANTS_H
#define FATHOM_TEST_E2E_VARIANTS_H

#include "test/e2e/Model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>

namespace fathom::test {

/// A way to compile a model. Every one must give the reference's answers.
struct Variant {
  const char *name;
  codegen::WeightStorage weights;
  bool kernels;
  const char *mcpu;
  huggingface::StoredType cacheType = huggingface::StoredType::F32;
  ActivationType activation = ActivationType::F32;
  const char *target = "cpu";
  const char *weightType = "keep";
};

constexpr Variant kPacked = {"packed", codegen::WeightStorage::Pack, true, "native"};
constexpr Variant kBaseline = {"x86_64_v3", codegen::WeightStorage::Pack, true, "x86-64-v3"};
constexpr Variant kReference = {"reference", codegen::WeightStorage::Reference, true, "native"};
constexpr Variant kNoKernels = {"no_kernels", codegen::WeightStorage::Pack, false, "native"};
constexpr Variant kBf16 = {"bf16", codegen::WeightStorage::Pack, true, "native", huggingface::StoredType::Bf16};
constexpr Variant kFp8 = {"fp8", codegen::WeightStorage::Pack, true, "native", huggingface::StoredType::Fp8};
/// Activations of bf16, which are compared with each other and with golden answers within what rounding explains.
constexpr Variant kActBf16 = {"act_bf16", codegen::WeightStorage::Pack,  true,
                              "native",   huggingface::StoredType::Bf16, ActivationType::Bf16};
constexpr Variant kActBf16NoKernels = {"act_bf16_no_kernels",         codegen::WeightStorage::Pack, false, "native",
                                       huggingface::StoredType::Bf16, ActivationType::Bf16};
/// Of the same arithmetic on both kinds of machines.
constexpr Variant kNoKernelsGpu = {"no_kernels_gpu", codegen::WeightStorage::Pack, false,
                                   "native",         huggingface::StoredType::F32, ActivationType::F32,
                                   "cpu,cuda"};

/// A model of test/models, compiled one way.
struct Case {
  std::string model;
  Variant variant;

  std::string directory() const { return std::string(FATHOM_TEST_MODELS) + "/" + model; }
  /// The artifact.
  std::string compile() const {
    driver::CompileOptions options;
    options.input = directory();
    options.weights = variant.weights;
    options.kernels = variant.kernels;
    options.mcpu = variant.mcpu;
    options.cacheType = variant.cacheType;
    options.activation = variant.activation;
    options.target = variant.target;
    options.weightType = variant.weightType;
    options.cubin = variant.target == std::string("cpu") ? options.cubin : "none";
    return test::compile(options);
  }
};

inline void PrintTo(const Case &value, std::ostream *stream) { *stream << value.model << '/' << value.variant.name; }

/// The name of a test of a suite with cases.
inline std::string nameOf(const testing::TestParamInfo<Case> &info) {
  std::string name = info.param.model + "_" + info.param.variant.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

} // namespace fathom::test

#endif // FATHOM_TEST_E2E_VARIANTS_H
