// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which paths an output file may have.

#include "dialects/support/OutputPath.h"

#include "dialects/support/ExitError.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fathom {

SplitPath splitPath(llvm::StringRef path) {
  size_t slash = path.rfind('/');
  if (slash == llvm::StringRef::npos) {
    return {".", path.str()};
  }
  llvm::StringRef directory = path.take_front(slash).rtrim('/');
  return {directory.empty() ? "/" : directory.str(), path.drop_front(slash + 1).str()};
}

static llvm::Error usageError(llvm::StringRef path, const llvm::Twine &why) {
  return makeError(ExitCode::Usage, "output " + quotePath(path) + " " + why);
}

static llvm::Error checkSpelling(llvm::StringRef path) {
  if (path.empty()) {
    return makeError(ExitCode::Usage, "the output path is empty; name a file with -o");
  }
  if (path == "-") {
    return usageError(path, "means standard output, which cannot be replaced atomically; name a file (./- for "
                            "a file of that name)");
  }
  if (path.contains('\0')) {
    return usageError(path, "contains a NUL character");
  }
  llvm::StringRef last = path.drop_front(path.rfind('/') + 1);
  if (last.empty() || last == "." || last == "..") {
    return usageError(path, "is a directory; name a file in it");
  }
  return llvm::Error::success();
}

static const char *describeKind(mode_t mode) {
  if (S_ISDIR(mode)) {
    return "is a directory; name a file in it";
  }
  if (S_ISCHR(mode) || S_ISBLK(mode)) {
    return "is a device, which a file cannot replace; name a regular file";
  }
  return "is a pipe or a socket, which a file cannot replace; name a regular file";
}

static bool isSameFile(const struct stat &a, const struct stat &b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Files of a checkpoint. A model compiled into the checkpoint's own directory is not one, and may be replaced.
static bool looksLikeInput(llvm::StringRef name) {
  for (const char *suffix : {".safetensors", ".json", ".onnx", ".txt", ".jinja", ".model"}) {
    if (name.ends_with(suffix)) {
      return true;
    }
  }
  return false;
}

/// Whether a file in `directory`, or what a link in it points to, is `output`.
static bool directoryHolds(const std::string &directory, const struct stat &output) {
  DIR *stream = opendir(directory.c_str());
  if (!stream) {
    return false;
  }
  bool found = false;
  while (dirent *entry = found ? nullptr : readdir(stream)) {
    struct stat status;
    found = looksLikeInput(entry->d_name) && fstatat(dirfd(stream), entry->d_name, &status, 0) == 0 &&
            S_ISREG(status.st_mode) && isSameFile(status, output);
  }
  closedir(stream);
  return found;
}

static bool isInput(const struct stat &output, const std::string &input) {
  struct stat status;
  if (stat(input.c_str(), &status) != 0) {
    return false;
  }
  return S_ISDIR(status.st_mode) ? directoryHolds(input, output) : isSameFile(status, output);
}

llvm::Error checkOutputPath(llvm::StringRef path, llvm::ArrayRef<std::string> inputs) {
  if (llvm::Error error = checkSpelling(path)) {
    return error;
  }
  // Followed: what a link to a device or to an input stands for must not be lost either.
  struct stat status;
  if (stat(path.str().c_str(), &status) != 0) {
    // A link to nothing, or no file: rename takes either. Whatever else is wrong, creating the file will tell.
    return llvm::Error::success();
  }
  if (!S_ISREG(status.st_mode)) {
    return usageError(path, describeKind(status.st_mode));
  }
  for (const std::string &input : inputs) {
    if (isInput(status, input)) {
      return usageError(path, "is the input " + quotePath(input) + " or part of it; name another file");
    }
  }
  return llvm::Error::success();
}

llvm::Error checkOutputDirectory(llvm::StringRef path) {
  SplitPath parts = splitPath(path);
  if (parts.name.size() > NAME_MAX) {
    return makeSystemError("cannot create output file " + quotePath(path), ENAMETOOLONG);
  }
  struct stat status;
  if (stat(parts.directory.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) {
    return makeSystemError("cannot create a file in " + quotePath(parts.directory), ENOTDIR);
  }
  if (faccessat(AT_FDCWD, parts.directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return makeSystemError("cannot create a file in directory " + quotePath(parts.directory), errno);
  }
  return llvm::Error::success();
}

mode_t readUmask() {
  // umask(2) can only be read by setting it, which other threads would notice; Linux shows it here.
  if (FILE *status = fopen("/proc/self/status", "re")) {
    char line[256];
    while (fgets(line, sizeof(line), status)) {
      if (strncmp(line, "Umask:", 6) == 0) {
        fclose(status);
        return static_cast<mode_t>(strtoul(line + 6, nullptr, 8)) & 0777;
      }
    }
    fclose(status);
  }
  mode_t mask = umask(077);
  umask(mask);
  return mask;
}

} // namespace fathom
