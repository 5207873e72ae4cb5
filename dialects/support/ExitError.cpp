// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Errors that know their exit code.

#include "dialects/support/ExitError.h"

#include "llvm/Support/raw_ostream.h"

#include <cstring>

namespace fathom {

char ExitError::ID = 0;

void ExitError::log(llvm::raw_ostream &stream) const { stream << text; }

std::error_code ExitError::convertToErrorCode() const { return llvm::inconvertibleErrorCode(); }

llvm::Error makeError(ExitCode exitCode, const llvm::Twine &message) {
  return llvm::make_error<ExitError>(exitCode, message.str());
}

llvm::Error makeSystemError(const llvm::Twine &message, int errorNumber) {
  const char *advice = adviseOnShortage(errorNumber);
  return makeError(advice ? ExitCode::Resources : ExitCode::InputOutput,
                   message + ": " + strerror(errorNumber) + (advice ? "; " : "") + (advice ? advice : ""));
}

ExitStatus takeExitStatus(llvm::Error error) {
  ExitStatus status{0, ""};
  auto append = [&status](const llvm::ErrorInfoBase &info, int code) {
    status.code = status.code ? status.code : code;
    status.message += (status.message.empty() ? "" : "\n") + info.message();
  };
  llvm::handleAllErrors(
      std::move(error), [&](const ExitError &info) { append(info, static_cast<int>(info.getExitCode())); },
      [&](const llvm::ErrorInfoBase &info) { append(info, static_cast<int>(ExitCode::Internal)); });
  return status;
}

} // namespace fathom
