// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the text of an instruction to what is executed: what the decoders of opcodes work with.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_DECODER_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_DECODER_H

#include "runtime/device/ptxsim/kernel_builder.h"

#include <initializer_list>
#include <span>

namespace fathom::runtime::ptxsim {

/// One instruction on its way. A decoder takes the modifiers that it knows, then the operands in their order, and emits
/// with a handler; what it leaves is an error that names it. After an error all that follows is ignored.
class Decoder {
public:
  Decoder(KernelBuilder &builder, const Function &function, const ParsedInstruction &parsed);

  // --- Modifiers, in any order -----------------------------------------------------------------------------------

  bool take(std::string_view modifier);
  /// Which of `modifiers` is there; an error if there is not one of them.
  size_t takeOne(std::initializer_list<std::string_view> modifiers);
  /// The next modifier that is a type; an error if there is none.
  Type takeType();
  /// What takeType would take, or Type::None.
  Type peekType() const;
  /// One that is of `types`.
  Type takeType(std::initializer_list<Type> types);
  /// .global and the like; Space::Generic if there is none.
  Space takeSpace();
  /// .rn, .rz, .rm, .rp, or `absent`.
  Rounding takeRounding(Rounding absent = Rounding::Nearest);
  /// Modifiers without meaning here: cache hints, .uni and so on.
  void skip(std::initializer_list<std::string_view> modifiers);
  void skipPrefixed(std::string_view prefix);
  bool has(std::string_view modifier) const;

  // --- Operands, in their order ----------------------------------------------------------------------------------

  size_t operandsLeft() const { return parsed_.operands.size() - nextOperand_; }
  const ParsedOperand *peek() const { return operandsLeft() == 0 ? nullptr : &parsed_.operands[nextOperand_]; }
  /// The next one as it stands in the text; an error if there is none.
  const ParsedOperand *next();

  /// A register of `type`'s width, or `_`. `wider`: it may be wider.
  void destination(Type type, bool wider = false);
  void source(Type type, bool wider = false);
  /// {a, b, …} or one: all are added; how many.
  unsigned destinations(Type type, bool wider = false);
  unsigned sources(Type type, bool wider = false);
  /// d|p: both are added; of d alone, the second is a sink.
  void destinationPair(Type first, Type second);
  /// [base + offset]; `Instruction::space` is that of a .param variable.
  void address();
  /// Adds what another operand, not of the list, resolves to.
  void addDestination(const ParsedOperand &operand, Type type, bool wider = false);
  void addSource(const ParsedOperand &operand, Type type, bool wider = false);
  void addAddress(const ParsedOperand &operand);
  void addConstant(uint64_t value);
  /// An operand that must be an integer of the text.
  uint64_t integer(uint64_t most);

  // --- The result --------------------------------------------------------------------------------------------------

  Instruction &instruction() { return instruction_; }
  KernelBuilder &builder() { return builder_; }
  const Function &function() const { return function_; }
  const ParsedInstruction &parsed() const { return parsed_; }
  /// Control goes to a label.
  void branchTo(std::string_view label);
  void branchToAny(std::string_view targets);
  /// It is executed for all lanes of the mask in the operand that was added last.
  void gatherMembers();

  /// Adds the instruction. A null handler is a type that the opcode does not have.
  void emit(Handler handler);
  /// The instruction is more than one: adds this one, and goes on with the next.
  void emitPart(Handler handler);
  /// Nothing of the text is left; part of emit.
  void finish();
  void fail(std::string text);
  bool failed() const { return failed_; }

private:
  Operand resolve(const ParsedOperand &operand, Type type, bool wider);
  Operand literal(const ParsedOperand &operand, Type type);
  Operand clocked(Operand operand, const ParsedOperand &parsed);
  bool checkWidth(const ParsedOperand &parsed, unsigned bits, Type type, bool wider);

  KernelBuilder &builder_;
  const Function &function_;
  const ParsedInstruction &parsed_;
  std::vector<std::string_view> modifiers_;
  size_t nextOperand_ = 0;
  Instruction instruction_;
  bool failed_ = false;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_DECODER_H
