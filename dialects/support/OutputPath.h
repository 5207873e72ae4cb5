// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which paths an output file may have.

#ifndef FATHOM_DIALECTS_SUPPORT_OUTPUTPATH_H
#define FATHOM_DIALECTS_SUPPORT_OUTPUTPATH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <sys/types.h>

namespace fathom {

/// "a/b" is "a" and "b"; "b" is "." and "b"; "/b" is "/" and "b".
struct SplitPath {
  std::string directory;
  std::string name;
};
SplitPath splitPath(llvm::StringRef path);

/// Fails unless `path` is free, or is a regular file (or a link to one, or to nothing) that is none of
/// `inputs`. An input that is a directory stands for the checkpoint files in it.
llvm::Error checkOutputPath(llvm::StringRef path, llvm::ArrayRef<std::string> inputs);

/// Fails if no file can be created in the directory of `path`, as far as that can be known without trying.
llvm::Error checkOutputDirectory(llvm::StringRef path);

/// The process's file mode creation mask, read without changing it where the system allows that.
mode_t readUmask();

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_OUTPUTPATH_H
