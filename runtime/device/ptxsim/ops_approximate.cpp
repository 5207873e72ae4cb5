// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Approximations of a device: ex2, lg2, rsqrt, sin, cos, tanh. Computed as doubles and rounded once, which is within
// their bounds; what a device gives may differ in the last bits.

#include "runtime/device/ptxsim/opcodes.h"
#include "runtime/device/ptxsim/ops_float.h"

namespace fathom::runtime::ptxsim {

namespace {
/// Of a double, rounded to T. Numbers of 16 bits are doubles, rounded when they are stored.
#define FATHOM_PTX_APPROXIMATION(name, expression)                                                                     \
  struct name {                                                                                                        \
    template <class T>                                                                                                 \
    static T run(T argument) {                                                                                         \
      auto x = static_cast<double>(argument);                                                                          \
      return static_cast<T>(expression);                                                                               \
    }                                                                                                                  \
  }

FATHOM_PTX_APPROXIMATION(PowerOfTwo, std::exp2(x));
FATHOM_PTX_APPROXIMATION(Logarithm, std::log2(x));
FATHOM_PTX_APPROXIMATION(ReciprocalRoot, 1 / std::sqrt(x));
FATHOM_PTX_APPROXIMATION(Sine, std::sin(x));
FATHOM_PTX_APPROXIMATION(Cosine, std::cos(x));
FATHOM_PTX_APPROXIMATION(HyperbolicTangent, std::tanh(x));

#undef FATHOM_PTX_APPROXIMATION
} // namespace

template <class Operation>
static void decodeApproximation(Decoder &decoder) {
  Instruction &instruction = decoder.instruction();
  if (!decoder.take("approx")) {
    return decoder.fail("expected .approx");
  }
  instruction.flush = decoder.take("ftz");
  instruction.type = decoder.takeType();
  decoder.destination(instruction.type);
  decoder.source(instruction.type);
  decoder.emit(floatHandlerOf<Operation, Arity::One>(instruction));
}

static constexpr Opcode kOpcodes[] = {
    {"ex2", decodeApproximation<PowerOfTwo>},       {"lg2", decodeApproximation<Logarithm>},
    {"rsqrt", decodeApproximation<ReciprocalRoot>}, {"sin", decodeApproximation<Sine>},
    {"cos", decodeApproximation<Cosine>},           {"tanh", decodeApproximation<HyperbolicTangent>},
};

std::span<const Opcode> approximateOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
