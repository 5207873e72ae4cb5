// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A driver without a GPU: what it is asked to do waits until somebody waits for it, nodes of a graph run in any order
// that its edges allow, and kernels are those of toy_model.c.

#ifndef FATHOM_TEST_RUNTIME_FAKE_DRIVER_H
#define FATHOM_TEST_RUNTIME_FAKE_DRIVER_H

#include "runtime/device/cuda/driver.h"
#include "runtime/device/device.h"

#include <cstdint>
#include <string>
#include <vector>

namespace fathom::test {

/// What a test asks of the driver, and hears from it. It ends the process where a handle or an address is not its own.
class FakeDriver {
public:
  /// Everything as in the beginning, but for what is alive.
  static void reset();

  /// Calls of a function of the table since the last reset.
  static uint64_t calls(const std::string &function);
  /// The names of all functions.
  static const std::vector<std::string> &functions();

  /// Lets call number |first| of a function fail, counted from the last reset, and if |forever| all after it.
  static void failAt(const std::string &function, uint64_t first, bool forever, runtime::cuda::CUresult result);

  /// Contexts, modules, streams, graphs and blocks of memory that somebody has.
  static uint64_t alive();

  static inline int gpus = 1;
  static inline int architecture = 80;
  static inline int sharedBytes = 100000;
  /// Of the GPU; what is allocated counts.
  static inline uint64_t memoryBytes = uint64_t(1) << 32;
  /// What the assembler of the driver says; if it says something, it fails.
  static inline std::string assemblerLog;
  /// Machine code as the driver takes it, made from text: an ELF file.
  static std::string machineCode(const std::string &text);
  /// Whether the driver takes machine code.
  static inline bool takesMachineCode = true;
  /// So far.
  static inline uint64_t bytesReadBack = 0;
  /// Of all launches so far: the function's name, blocks, dynamic shared bytes, and whether it would have been given
  /// zeros for parameters that it does not have.
  struct Launched {
    std::string name;
    unsigned blocks, sharedBytes;
    bool restIsZero;
  };
  static inline std::vector<Launched> launched;
};

extern const runtime::cuda::DriverTable kFakeDriver;

/// A GPU over that driver, "fakecuda".
extern const runtime::Device kFakeCudaDevice;
/// The same, "fakesim", for those alone who ask for it.
extern const runtime::Device kFakeSimDevice;

} // namespace fathom::test

#endif // FATHOM_TEST_RUNTIME_FAKE_DRIVER_H
