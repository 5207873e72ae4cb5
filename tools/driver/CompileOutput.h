// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a compilation's result goes: text, an artifact, an executable, or an object with its header.

#ifndef FATHOM_TOOLS_DRIVER_COMPILEOUTPUT_H
#define FATHOM_TOOLS_DRIVER_COMPILEOUTPUT_H

#include "codegen/artifact/ArtifactContents.h"
#include "codegen/artifact/ArtifactWriter.h"
#include "tools/driver/CompileModel.h"
#include "tools/driver/WeightFiles.h"

#include "llvm/Support/Error.h"

namespace fathom::driver {

/// Writes what `options.output` and `options.product` ask for, all of it or nothing. Every step returns false after it
/// reported why it failed.
class CompileOutput {
public:
  CompileOutput(const CompileOptions &options, checkpoint::Diagnostics &diagnostics)
      : options(options), diagnostics(diagnostics) {}

  /// What can be said about the output before anything is computed; creating the file tells the rest.
  bool check();
  bool writeText(llvm::StringRef text);
  /// `contents` lacks only what `files` and the options say.
  bool writeBinary(codegen::ArtifactContents &contents, const WeightFiles &files);
  /// Of a failure that is reported already and no finding, or 0.
  int exitCode() const { return code; }

private:
  llvm::Expected<codegen::WriteReport> write(const codegen::ArtifactContents &contents,
                                             const codegen::WriteOptions &write);
  llvm::Error listExternalShards(const WeightFiles &files, codegen::ArtifactContents &contents) const;
  std::string describeOptions(const codegen::ArtifactContents &contents) const;
  std::string headerPath() const;
  llvm::Error checkHeader();
  bool fail(llvm::Error error);

  const CompileOptions &options;
  checkpoint::Diagnostics &diagnostics;
  int code = 0;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_COMPILEOUTPUT_H
