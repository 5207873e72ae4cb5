// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Errors that know their exit code.

#ifndef FATHOM_DIALECTS_SUPPORT_EXITERROR_H
#define FATHOM_DIALECTS_SUPPORT_EXITERROR_H

#include "dialects/support/Escape.h"
#include "fathom/exit_code.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <string>

namespace fathom {

/// A failure with a message for the user and the exit code it leads to.
class ExitError : public llvm::ErrorInfo<ExitError> {
public:
  static char ID;
  ExitError(ExitCode exitCode, std::string message) : exitCode(exitCode), text(std::move(message)) {}

  ExitCode getExitCode() const { return exitCode; }
  void log(llvm::raw_ostream &stream) const override;
  std::error_code convertToErrorCode() const override;

private:
  ExitCode exitCode;
  std::string text;
};

/// An error of kind `exitCode` that says `message`.
llvm::Error makeError(ExitCode exitCode, const llvm::Twine &message);

/// The error for a system call that failed with `errorNumber`: "MESSAGE: No space left on device". Of kind Resources
/// for a lack of descriptors or memory, InputOutput for anything else.
llvm::Error makeSystemError(const llvm::Twine &message, int errorNumber);

/// Consumes `error`: its message, and the exit code it leads to (0 for success, 70 for a foreign error).
struct ExitStatus {
  int code;
  std::string message;
};
ExitStatus takeExitStatus(llvm::Error error);

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_EXITERROR_H
