// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The machines that a call compiles for.

#ifndef FATHOM_TOOLS_DRIVER_SELECTTARGET_H
#define FATHOM_TOOLS_DRIVER_SELECTTARGET_H

#include "codegen/llvm/CodeTarget.h"
#include "dialects/deepseek/DeepSeek.h"
#include "tools/driver/CompileModel.h"

namespace fathom::driver {

/// A machine, and which option calls it how.
struct NamedTarget {
  std::unique_ptr<codegen::CodeTarget> machine;
  llvm::StringRef option;
  std::string name;
};

/// What --target, --mcpu and --sm name, faster ones first; all that is wrong with them, and what these machines cannot
/// be given.
llvm::Expected<std::vector<NamedTarget>> selectTargets(const CompileOptions &options);

/// The target that passes compiled for; fails as well for what it cannot be given.
llvm::Expected<std::unique_ptr<codegen::CodeTarget>> getTarget(deepseek::TargetAttr attribute,
                                                               const CompileOptions &options);

/// The options that give such targets.
std::string describeTargets(const codegen::ArtifactContents &contents);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_SELECTTARGET_H
