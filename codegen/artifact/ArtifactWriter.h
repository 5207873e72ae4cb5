// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes artifacts: alone, in an executable, in an object file.

#ifndef FATHOM_CODEGEN_ARTIFACT_ARTIFACTWRITER_H
#define FATHOM_CODEGEN_ARTIFACT_ARTIFACTWRITER_H

#include "codegen/artifact/ArtifactContents.h"
#include "codegen/artifact/WeightPacker.h"
#include "dialects/support/AtomicFile.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"

namespace fathom::codegen {

struct WriteOptions {
  PackOptions pack;
  /// Files and directories that the output must not replace.
  std::vector<std::string> inputs;
  /// nullptr: the real one.
  FileSystem *fileSystem = nullptr;
};

/// What a successful write tells.
struct WriteReport {
  uint64_t fileBytes = 0;
  uint64_t packedWeightBytes = 0;
  /// Weights with values that cannot be meant: NaN, infinities, negative scales.
  std::vector<std::string> warnings;
};

/// Writes `path`, a .fathom file. The bytes depend on `contents` alone. Errors carry an exit code
/// (ExitError.h); after one, whatever was at `path` is still there.
llvm::Expected<WriteReport> writeArtifact(const ArtifactContents &contents, llvm::StringRef path,
                                          const WriteOptions &options);

/// Writes an executable file: the bytes of `stub`, which is the runtime's own executable, and the artifact at
/// the next page boundary.
llvm::Expected<WriteReport> writeExecutable(const ArtifactContents &contents, llvm::MemoryBufferRef stub,
                                            llvm::StringRef path, const WriteOptions &options);

/// What the header of an object begins with.
inline constexpr llvm::StringLiteral kObjectHeaderMark = "/* Made by fathom compile --emit=obj";

/// Writes a relocatable ELF object with the artifact in a page-aligned read-only section, as the symbols
/// `fathom_model_NAME` and `fathom_model_NAME_size` (a uint64_t), and beside it the C header that declares
/// them. NAME is `name` with everything but letters, digits and underscores replaced by underscores.
llvm::Expected<WriteReport> writeObject(const ArtifactContents &contents, llvm::StringRef name,
                                        llvm::StringRef objectPath, llvm::StringRef headerPath,
                                        const WriteOptions &options);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_ARTIFACTWRITER_H
