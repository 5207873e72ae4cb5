// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Careful opening and reading.

#include "frontend/checkpoint/Files.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cerrno>
#include <cstdlib>
#include <dirent.h>
#include <sys/stat.h>
#include <system_error>

namespace fathom::checkpoint {

void reportSystemError(int number, llvm::StringRef file, const llvm::Twine &what, Diagnostics &diagnostics,
                       llvm::StringRef hint) {
  const char *advice = adviseOnShortage(number);
  diagnostics.error(advice ? Problem::Resources : Problem::InputOutput, "io", file, "",
                    what + ": " +
                        (number ? std::generic_category().message(number) : "the file shrank while it was read"),
                    advice ? advice : hint);
}

static llvm::StringRef describeMode(mode_t mode) {
  if (S_ISDIR(mode)) {
    return "a directory";
  }
  if (S_ISFIFO(mode)) {
    return "a named pipe";
  }
  return S_ISSOCK(mode) ? "a socket" : "a device";
}

std::optional<File> openFile(const std::string &path, llvm::StringRef shown, Problem problem, Diagnostics &diagnostics,
                             llvm::StringRef hint) {
  mode_t mode = 0;
  std::optional<File> file = File::open(path, mode);
  if (!file && errno != 0) {
    reportSystemError(errno, shown, "cannot open", diagnostics, hint);
  } else if (!file) {
    diagnostics.error(problem, "not-a-file", shown, "", "is " + describeMode(mode) + ", expected a regular file", hint);
  }
  return file;
}

bool exists(const std::string &path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

std::vector<std::string> listDirectory(const std::string &path) {
  std::vector<std::string> names;
  if (DIR *directory = ::opendir(path.c_str())) {
    while (const dirent *entry = ::readdir(directory)) {
      names.push_back(entry->d_name);
    }
    ::closedir(directory);
  }
  llvm::sort(names);
  return names;
}

/// The path with links resolved; empty where it does not resolve.
static std::string realPath(const std::string &path) {
  char *resolved = ::realpath(path.c_str(), nullptr);
  std::string result = resolved ? resolved : "";
  std::free(resolved);
  return result;
}

static llvm::StringRef parentOf(llvm::StringRef path) { return path.take_front(path.rfind('/')); }

static bool isBeneath(llvm::StringRef path, llvm::StringRef directory) {
  return path.consume_front(directory) && path.starts_with("/");
}

/// Whether a path names a file of huggingface_hub's cache, models--<owner>--<name>/blobs/<hash>, wherever that is.
static bool isCachedBlob(llvm::StringRef path) {
  llvm::StringRef blobs = parentOf(path), entry = parentOf(blobs);
  llvm::StringRef hash = path.drop_front(blobs.size()).ltrim('/');
  bool named = blobs.ends_with("/blobs") && entry.drop_front(parentOf(entry).size()).starts_with("/models--");
  return named && (hash.size() == 40 || hash.size() == 64) && llvm::all_of(hash, llvm::isHexDigit);
}

bool isInCache(llvm::StringRef directory) { return parentOf(realPath(directory.str())).ends_with("/snapshots"); }

bool staysInside(llvm::StringRef directory, llvm::StringRef name, Diagnostics &diagnostics) {
  std::string path = joinPath(directory, name), target = realPath(path), root = realPath(directory.str());
  struct stat status;
  if (target.empty() || ::stat(target.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return true;
  }
  bool cached = isInCache(root) && isBeneath(target, (parentOf(parentOf(root)) + "/blobs").str());
  if (cached || isCachedBlob(target) || isBeneath(target, root == "/" ? "" : root)) {
    return true;
  }
  diagnostics.error(
      Problem::BadInput, "link-outside", path, "", "is a link out of the checkpoint directory, to " + escape(target),
      "copy the file (cp -rL copies a directory with what its links lead to), or pass the directory it is really in");
  return false;
}

std::optional<std::string> readTextFile(const std::string &path, llvm::StringRef shown, uint64_t limit,
                                        Diagnostics &diagnostics) {
  std::optional<File> file = openFile(path, shown, Problem::InputOutput, diagnostics);
  if (!file) {
    return std::nullopt;
  }
  if (file->size() > limit) {
    diagnostics.error(Problem::Resources, "too-large", shown, "",
                      "has " + llvm::Twine(file->size()) + " bytes, more than the limit of " + llvm::Twine(limit));
    return std::nullopt;
  }
  std::string text(file->size(), '\0');
  if (!file->read(text.data(), text.size(), 0)) {
    reportSystemError(errno, shown, "cannot read", diagnostics);
    return std::nullopt;
  }
  return text;
}

llvm::StringRef recognize(llvm::StringRef head) {
  struct Signature {
    llvm::StringRef bytes;
    llvm::StringRef meaning;
  };
  if (head.empty()) {
    return "the file is empty: the download may be incomplete; download the file again";
  }
  static const Signature signatures[] = {
      {{"\0\0\0\0\0\0\0\0", 8}, "the file begins with zeros: the download may be incomplete; download the file again"},
      {"version https://git-lfs", "this is a Git LFS pointer; fetch the real file with `git lfs pull`"},
      {"<!DOCTYPE", "this is an HTML page; the download was an error or login page"},
      {"<!doctype", "this is an HTML page; the download was an error or login page"},
      {"<html", "this is an HTML page; the download was an error or login page"},
      {"PK\x03\x04", "this is a ZIP archive, as PyTorch saves pickles; convert the model to safetensors"},
      {"\x80\x02", "this is a Python pickle, which is refused; convert the model to safetensors"},
      {"\x80\x04", "this is a Python pickle, which is refused; convert the model to safetensors"},
      {"GGUF", "this is a GGUF file; pass it by itself, under its own name"},
      {"\x1f\x8b", "this is a gzip archive; unpack it first"},
      {"\x28\xb5\x2f\xfd", "this is a Zstandard archive; unpack it first"},
  };
  for (const Signature &signature : signatures) {
    if (head.starts_with(signature.bytes)) {
      return signature.meaning;
    }
  }
  return {};
}

bool isGguf(llvm::StringRef path) {
  mode_t mode = 0;
  char magic[4];
  std::optional<File> file = File::open(path.str(), mode);
  return file && file->size() >= sizeof(magic) && file->read(magic, sizeof(magic), 0) &&
         llvm::StringRef(magic, sizeof(magic)) == "GGUF";
}

bool refuseGguf(const std::string &path, Diagnostics &diagnostics) {
  if (!isGguf(path)) {
    return false;
  }
  diagnostics.error(Problem::Unsupported, "gguf", path, "",
                    "is a GGUF file, not a compiled model or a checkpoint's directory",
                    "compile the file itself: fathom compile " + escape(path) + " -o model.fathom");
  return true;
}

std::string joinPath(llvm::StringRef directory, llvm::StringRef name) {
  std::string path = directory.str();
  if (!path.empty() && path.back() != '/') {
    path += '/';
  }
  return path + name.str();
}

} // namespace fathom::checkpoint
