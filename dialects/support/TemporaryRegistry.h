// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of half-written files, which a signal handler removes when the process is interrupted.

#ifndef FATHOM_DIALECTS_SUPPORT_TEMPORARYREGISTRY_H
#define FATHOM_DIALECTS_SUPPORT_TEMPORARYREGISTRY_H

#include <string>

namespace fathom {

/// Remembers one temporary file for as long as it lives. Each makes sure that there are handlers of SIGINT, SIGTERM
/// and SIGHUP, which remove all remembered files and then raise the signal again with the disposition that was there
/// before, and has SIGXFSZ ignored, so that a write beyond a limit fails instead of killing the process.
class TemporaryRegistration {
public:
  /// Remembers `name` in the open directory `directory`, which must outlive this object, and is at `path`. `name` is at
  /// most NAME_MAX bytes long.
  TemporaryRegistration(int directory, const std::string &path, const std::string &name);
  ~TemporaryRegistration();
  TemporaryRegistration(const TemporaryRegistration &) = delete;
  TemporaryRegistration &operator=(const TemporaryRegistration &) = delete;

  /// False when too many files are remembered already: an interruption would leave this one behind.
  bool isRegistered() const { return slot >= 0; }

private:
  int slot;
};

/// Removes all remembered files. A signal handler may call it.
void removeTemporaries();

/// From here on the files that a child process remembers are known to its parent as well. Call it before fork, while
/// no file is remembered. False if memory runs out.
bool shareTemporaries();

/// Removes what a child process that is gone has left behind; it remembers nothing afterwards.
void removeTemporariesOfChild();

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_TEMPORARYREGISTRY_H
