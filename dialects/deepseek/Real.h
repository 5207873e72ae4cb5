// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A finite double as an attribute parameter: compared by its bits, printed so that it reads back as the same bits.

#ifndef FATHOM_DIALECTS_DEEPSEEK_REAL_H
#define FATHOM_DIALECTS_DEEPSEEK_REAL_H

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/bit.h"

namespace fathom::deepseek {

struct Real {
  double value = 0.0;

  Real() = default;
  Real(double value) : value(value) {}
  operator double() const { return value; }
  friend bool operator==(const Real &a, const Real &b) {
    return llvm::bit_cast<uint64_t>(a.value) == llvm::bit_cast<uint64_t>(b.value);
  }
};

inline llvm::hash_code hash_value(const Real &real) { return llvm::hash_value(llvm::bit_cast<uint64_t>(real.value)); }

inline mlir::AsmPrinter &operator<<(mlir::AsmPrinter &printer, const Real &real) {
  printer.printFloat(llvm::APFloat(real.value));
  return printer;
}

} // namespace fathom::deepseek

namespace mlir {
template <>
struct FieldParser<fathom::deepseek::Real> {
  static FailureOr<fathom::deepseek::Real> parse(AsmParser &parser) {
    llvm::APFloat value(0.0);
    SMLoc location = parser.getCurrentLocation();
    if (failed(parser.parseFloat(llvm::APFloat::IEEEdouble(), value))) {
      return failure();
    }
    if (!value.isFinite()) {
      return parser.emitError(location, "expected a finite number");
    }
    return fathom::deepseek::Real(value.convertToDouble());
  }
};
} // namespace mlir

#endif // FATHOM_DIALECTS_DEEPSEEK_REAL_H
