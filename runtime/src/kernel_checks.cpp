// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What launches say that they touch, against what their kernels do.

#include "runtime/src/kernel_checks.h"

#include "fathom/artifact_abi.h"

namespace fathom::runtime {

namespace {
using U64 = unsigned long long;
using artifact::Access;
using artifact::Place;

/// Operands of a launch that follow each other.
struct OperandGroup {
  uint32_t count;
  bool areStores;
  Access access;
};

/// All operands of a kernel.
struct KernelOperands {
  explicit KernelOperands(const artifact::Kernel &kernel)
      : groups{{kernel.inputs(), false, Access::read},
               {kernel.outputs(), false, Access::write},
               {kernel.extras(), false, Access::read},
               {kernel.store_reads(), true, Access::read},
               {kernel.store_writes(), true, Access::write}} {}

  U64 count() const {
    U64 sum = 0;
    for (const OperandGroup &group : groups) {
      sum += group.count;
    }
    return sum;
  }

  OperandGroup groups[5];
};
} // namespace

void checkKernels(const artifact::Program &program, Findings &findings) {
  for (const artifact::Kernel *kernel : *program.kernels()) {
    U64 count = KernelOperands(*kernel).count();
    findings.require(count <= FATHOM_MOST_OPERANDS, "kernel '%.64s' has %llu operands, expected at most %d",
                     kernel->name()->c_str(), count, FATHOM_MOST_OPERANDS);
  }
}

// By what its operands say, a launch waits for others.
static void checkEffect(const NumberedCommand &command, uint32_t number, const OperandGroup &group,
                        Findings &findings) {
  const artifact::Operand &operand = command.operand(number);
  if (operand.place() > Place::MAX || operand.access() > Access::MAX) {
    return; // There is no name for what it says: who looks at each operand tells.
  }
  bool isStore = operand.place() == Place::store;
  findings.require(isStore == group.areStores && operand.access() == group.access,
                   "function '%.32s', command %u: operand %u says %s of %s, but there the kernel's is %s of %s",
                   command.name(), command.index, number, EnumNameAccess(operand.access()),
                   EnumNamePlace(operand.place()), EnumNameAccess(group.access),
                   group.areStores ? "a store" : "memory");
}

void checkLaunch(const artifact::Program &program, const NumberedCommand &command, Findings &findings) {
  uint32_t kernels = program.kernels()->size();
  if (command->target() >= kernels) {
    findings.require(false, "function '%.32s', command %u: kernel is %u, but there are %u kernels", command.name(),
                     command.index, command->target(), kernels);
    return;
  }
  const artifact::Kernel &kernel = *program.kernels()->Get(command->target());
  KernelOperands wanted(kernel);
  if (command.operands() != wanted.count()) {
    findings.require(false, "function '%.32s', command %u: %u operands, but kernel '%.64s' has %llu", command.name(),
                     command.index, command.operands(), kernel.name()->c_str(), wanted.count());
    return;
  }
  uint32_t number = 0;
  for (const OperandGroup &group : wanted.groups) {
    for (uint32_t last = number + group.count; number < last; ++number) {
      checkEffect(command, number, group, findings);
    }
  }
}

} // namespace fathom::runtime
