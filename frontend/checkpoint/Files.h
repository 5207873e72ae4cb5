// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opening files that may be anything: pipes, devices, directories, dangling links, downloads gone wrong.

#ifndef FATHOM_FRONTEND_CHECKPOINT_FILES_H
#define FATHOM_FRONTEND_CHECKPOINT_FILES_H

#include "dialects/support/File.h"
#include "frontend/checkpoint/Diagnostics.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fathom::checkpoint {

/// Opens `path` for reading. Anything but a regular file is reported to `diagnostics`, as `problem`; what the system
/// refuses is an I/O error. Messages name `shown`; `hint` says what to do.
std::optional<File> openFile(const std::string &path, llvm::StringRef shown, Problem problem, Diagnostics &diagnostics,
                             llvm::StringRef hint = {});

/// True for anything of that name, a dangling link included: opening it tells the story.
bool exists(const std::string &path);

/// The names in a directory, sorted; none where it cannot be read.
std::vector<std::string> listDirectory(const std::string &path);

/// Whether a directory is a snapshot in huggingface_hub's cache, whose files are in <entry>/blobs.
bool isInCache(llvm::StringRef directory);

/// Checks where a link called `name` in the checkpoint `directory` leads: to a file in the directory, in blobs/ of the
/// same Hugging Face cache entry, whose layout is <entry>/snapshots/<revision>/<file> -> <entry>/blobs/<hash>, or to
/// such a blob of any entry, since downloads to a folder of the user's choice link to the cache.
/// False after a finding about any other file; true for what is not a file, which opening it reports.
bool staysInside(llvm::StringRef directory, llvm::StringRef name, Diagnostics &diagnostics);

/// Reads all of a small text file. A file above `limit` bytes, unreadable or not a regular file is reported,
/// and nothing returned.
std::optional<std::string> readTextFile(const std::string &path, llvm::StringRef shown, uint64_t limit,
                                        Diagnostics &diagnostics);

/// What the first bytes of a file show it to be, when that is a known mistake: a Git LFS pointer, an HTML
/// page, a pickle, GGUF, an archive, nothing. Empty otherwise.
llvm::StringRef recognize(llvm::StringRef head);

/// Whether `path` is a GGUF file, as its first bytes say it.
bool isGguf(llvm::StringRef path);
/// The same; one is reported, as unsupported.
bool refuseGguf(const std::string &path, Diagnostics &diagnostics);

/// `directory`/`name`.
std::string joinPath(llvm::StringRef directory, llvm::StringRef name);

/// Reports that `what` ("cannot open") failed for `file` with an error number; 0: the file ended too early. A lack of
/// descriptors or memory is one of resources, whatever file it met; for anything else, `hint` says what to do.
void reportSystemError(int number, llvm::StringRef file, const llvm::Twine &what, Diagnostics &diagnostics,
                       llvm::StringRef hint = {});

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_FILES_H
