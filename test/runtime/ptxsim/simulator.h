// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A simulated device for tests: loads PTX, launches, and reads results back.

#ifndef FATHOM_TEST_RUNTIME_PTXSIM_SIMULATOR_H
#define FATHOM_TEST_RUNTIME_PTXSIM_SIMULATOR_H

#include "runtime/device/ptxsim/ptxsim.h"

#include <string>
#include <vector>

namespace fathom::runtime::ptxsim::test {

struct Shape {
  unsigned blocks = 1, threads = 32, shared = 0;
};

/// A device of its own, which is there until the next one is made.
class Simulator {
public:
  explicit Simulator(Options options = {});

  /// The result of loading; the module is the last one that was loaded.
  cuda::CUresult load(const std::string &text);
  cuda::CUresult launch(const char *name, Shape shape, std::vector<uint64_t> parameters);
  cuda::CUfunction find(const char *name);

  uint64_t allocate(size_t bytes);
  template <class T>
  uint64_t upload(const std::vector<T> &values) {
    uint64_t memory = allocate(values.size() * sizeof(T));
    table.upload(memory, values.data(), values.size() * sizeof(T), nullptr);
    return memory;
  }
  template <class T>
  std::vector<T> read(uint64_t memory, size_t count) {
    std::vector<T> values(count);
    table.readBack(values.data(), memory, count * sizeof(T), nullptr);
    return values;
  }

  const cuda::DriverTable &table = driver();
  cuda::CUmodule module = nullptr;
};

/// A module for sm_80 around text.
std::string module(const std::string &text, const std::string &target = "sm_80");

/// `k(out, a, b, c)`: 32 threads, each with elements of 64 bits of a, b and c in %a, %b and %c; `body` leaves its
/// result in %d. Narrower registers of the same names: %a32 to %d32, %a16 to %d16, and predicates %p, %q.
std::string elementKernel(const std::string &body);

/// Runs an instruction or more for 32 elements; an empty vector after an error, which is lastReport().
std::vector<uint64_t> compute(const std::string &body, std::vector<uint64_t> a, std::vector<uint64_t> b = {},
                              std::vector<uint64_t> c = {});

/// The text of a file of test/runtime/ptxsim/kernels.
std::string kernelText(const std::string &name);

} // namespace fathom::runtime::ptxsim::test

#endif // FATHOM_TEST_RUNTIME_PTXSIM_SIMULATOR_H
