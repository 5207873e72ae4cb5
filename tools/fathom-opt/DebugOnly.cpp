// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `--debug-only` does not exist in Debian's LLVM; LLVM_DEBUG in files of ours works where asserts do.

#include "tools/fathom-opt/DebugOnly.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Debug.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

static cl::list<std::string> types("fathom-debug-only", cl::CommaSeparated, cl::value_desc("flag of a pass,..."),
                                   cl::desc("debug output of these passes (builds with assertions)"));

namespace fathom {

void applyDebugOnly() {
  if (types.empty()) {
    return;
  }
#ifdef NDEBUG
  llvm::errs() << "warning: --fathom-debug-only: this build has no debug output; configure with "
                  "-DFATHOM_ENABLE_ASSERTIONS=ON\n";
#else
  std::vector<const char *> names;
  for (const std::string &type : types) {
    names.push_back(type.c_str());
  }
  llvm::DebugFlag = true;
  llvm::setCurrentDebugTypes(names.data(), names.size());
#endif
}

} // namespace fathom
