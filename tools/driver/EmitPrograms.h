// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a model's code to the programs of an artifact, one for each kind of machine, or to text.

#ifndef FATHOM_TOOLS_DRIVER_EMITPROGRAMS_H
#define FATHOM_TOOLS_DRIVER_EMITPROGRAMS_H

#include "codegen/llvm/ModelCode.h"
#include "tools/driver/CompileOutput.h"
#include "tools/driver/SelectTarget.h"

#include "llvm/ADT/StringMap.h"

namespace fathom::driver {

/// Emits code for one target after the other, faster ones first. Every step returns false after it reported why it
/// failed.
class ProgramEmitter {
public:
  ProgramEmitter(const CompileOptions &options, checkpoint::Diagnostics &diagnostics, CompileOutput &output,
                 codegen::ArtifactContents &contents)
      : options(options), diagnostics(diagnostics), output(output), contents(contents) {}

  /// False, with a note: there is a program that runs wherever one for `target` would, which then never ran.
  bool add(const artifact::TargetT &target, const NamedTarget &named);
  /// Writes the code as text where that was asked for; else `program` becomes a variant of the artifact.
  bool emit(const codegen::ModelCode &code, const codegen::CodeTarget &target, codegen::ProgramContents &program);

private:
  std::optional<std::string> findAssembler(const codegen::CodeTarget &target);
  void settleNewer(const codegen::ProgramContents &program);
  bool emitProgram(const codegen::ModelCode &code, const codegen::CodeTarget &target,
                   codegen::ProgramContents &program);
  bool writeText(const codegen::ModelCode &code, const codegen::CodeTarget &target);
  bool fail(llvm::Error error, llvm::StringRef code);

  const CompileOptions &options;
  checkpoint::Diagnostics &diagnostics;
  CompileOutput &output;
  codegen::ArtifactContents &contents;
  /// By the processor that a program is for, the name of the target it is of.
  llvm::StringMap<std::string> programs;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_EMITPROGRAMS_H
