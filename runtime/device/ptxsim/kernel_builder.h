// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Puts together what a kernel needs to run: its code and that of the functions it calls, registers, variables.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_KERNEL_BUILDER_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_KERNEL_BUILDER_H

#include "runtime/device/ptxsim/instruction.h"
#include "runtime/device/ptxsim/specials.h"

#include <span>
#include <unordered_map>

namespace fathom::runtime::ptxsim {

/// What a name stands for.
struct Symbol {
  enum class Kind : uint8_t { Unknown, Register, Special, Variable, Function };
  Kind kind = Kind::Unknown;
  /// Of registers and special registers.
  uint32_t place = 0;
  unsigned bits = 0;
  Special special = Special::Count;
  /// Of variables: where it is, and the constant that has its address.
  Space space = Space::Generic;
  uint32_t addressPlace = 0;
  const Function *function = nullptr;
};

/// Addresses of a module's .global and .const variables.
using GlobalAddresses = std::unordered_map<std::string_view, uint64_t>;

/// Functions do not call themselves: each has registers and local memory of its own in every thread.
class KernelBuilder {
public:
  KernelBuilder(const Module &module, const GlobalAddresses &globals, Problem &problem)
      : module_(module), globals_(globals), problem_(problem) {}

  bool build(const Function &entry, Kernel &kernel);

  // --- What decoders use -------------------------------------------------------------------------------------------

  Symbol find(const Function &function, unsigned scope, std::string_view name);
  /// The place of a constant.
  uint32_t constant(uint64_t value);
  /// Of 128 bits, in two places.
  uint32_t constantPair(uint64_t low);
  /// The place of a register that nothing reads.
  uint32_t sink();
  const Function *findFunction(std::string_view name) const;
  /// Where the code of a function that `caller` calls begins is not known yet: patches the instruction that is added
  /// next.
  void callNext(const Function &caller, const Function &callee);
  /// Patches the instruction that is added next; false if there is no such label.
  bool branchNext(const Function &function, unsigned scope, std::string_view label);
  bool branchAnyNext(const Function &function, unsigned scope, std::span<const std::string_view> labels);
  const std::vector<std::string_view> *branchTargets(const Function &function, unsigned scope,
                                                     std::string_view label) const;
  bool labelIndex(const Function &function, unsigned scope, std::string_view label, size_t &index) const;
  /// Local address of a parameter or result of a function that is not an entry.
  uint64_t localAddress(const Variable &variable);
  void add(Instruction instruction, const ParsedInstruction &parsed);
  Kernel &kernel() { return *kernel_; }
  void fail(unsigned line, std::string text);

private:
  /// A jump whose target is an instruction of the text: -1 for `target`, else an index of `targets`.
  struct Jump {
    size_t instruction;
    size_t label;
    int which;
  };
  struct Frame {
    std::map<std::pair<unsigned, std::string_view>, uint32_t> places;
    /// Where the code of each instruction of the text begins.
    std::vector<uint32_t> starts;
    std::vector<Jump> jumps;
    std::vector<const Function *> callees;
    uint32_t start = 0;
    unsigned depth = 0;
  };

  bool buildFunction(const Function &function);
  void decode(const Function &function, const ParsedInstruction &parsed);
  void layOutParameters(const Function &entry);
  void patchCalls();
  bool checkCalls(const Function &function, unsigned depth);
  void placeDynamicShared();
  Symbol findRegister(const Function &function, unsigned scope, std::string_view name);
  Symbol findSpecial(std::string_view name) const;
  const Variable *findVariable(const Function &function, unsigned scope, std::string_view name, Space &space) const;
  Symbol symbolOf(const Variable &variable, Space space);
  uint32_t place(const Function &function, unsigned scope, std::string_view name, unsigned bits);

  const Module &module_;
  const GlobalAddresses &globals_;
  Problem &problem_;
  Kernel *kernel_ = nullptr;
  std::unordered_map<const Function *, Frame> frames_;
  std::vector<const Function *> work_;
  std::unordered_map<uint64_t, uint32_t> constants_;
  std::unordered_map<const Variable *, Symbol> variables_;
  std::vector<std::pair<size_t, const Function *>> calls_;
  std::vector<uint32_t> dynamicShared_;
  uint32_t sink_ = 0;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_KERNEL_BUILDER_H
