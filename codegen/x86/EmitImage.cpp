// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM IR to machine code, and machine code to an ELF image.

#include "codegen/x86/Image.h"

#include "codegen/artifact/ExitError.h"

#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/thread.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace fathom::codegen {

namespace {

Error emit(Module &module, const X86Target &target, CodeGenFileType type, SmallVectorImpl<char> &bytes) {
  std::unique_ptr<TargetMachine> machine = target.createMachine();
  raw_svector_ostream stream(bytes);
  legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, type)) {
    return createStringError("this build of LLVM cannot emit x86 code");
  }
  passes.run(module);
  return Error::success();
}

// The linker wants paths. It gets those of a file in memory and of a pipe: no disk is needed, which may be full or
// read-only, and nothing is left behind.

std::string pathOf(int file) { return "/proc/self/fd/" + std::to_string(file); }

/// A file in memory that holds an object file.
class MemoryFile {
public:
  MemoryFile() = default;
  ~MemoryFile() {
    if (file >= 0) {
      ::close(file);
    }
  }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  std::string path() const { return pathOf(file); }

  Error write(StringRef bytes) {
    file = memfd_create("model.o", MFD_CLOEXEC);
    if (file < 0) {
      return makeSystemError("cannot make a file in memory for the linker", errno);
    }
    while (!bytes.empty()) {
      ssize_t written = ::write(file, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) {
        return makeSystemError("cannot write the object file in memory", errno);
      }
      bytes = bytes.drop_front(written < 0 ? 0 : size_t(written));
    }
    return Error::success();
  }

private:
  int file = -1;
};

/// A pipe whose contents are collected by a thread. To anything but a pipe or a device lld writes by way of a
/// temporary file beside it.
class CollectingPipe {
public:
  CollectingPipe() = default;
  ~CollectingPipe() { finish(); }
  CollectingPipe(const CollectingPipe &) = delete;
  CollectingPipe &operator=(const CollectingPipe &) = delete;

  Error start() {
    if (pipe2(ends, O_CLOEXEC) != 0) {
      return makeSystemError("cannot make a pipe for the linker", errno);
    }
    reader = llvm::thread(std::optional<unsigned>(stackBytes), [this] { collect(); });
    return Error::success();
  }
  std::string path() const { return pathOf(ends[1]); }
  /// Everything written so far; nothing can be written any more.
  StringRef finish() {
    if (ends[1] >= 0) {
      ::close(ends[1]);
      reader.join();
      ::close(ends[0]);
      ends[1] = -1;
    }
    return bytes;
  }

private:
  static constexpr unsigned stackBytes = 256 << 10;

  void collect() {
    char block[1 << 16];
    for (ssize_t size = 0; (size = ::read(ends[0], block, sizeof(block))) != 0;) {
      bytes.append(block, size > 0 ? size_t(size) : 0);
    }
  }

  int ends[2] = {-1, -1};
  llvm::thread reader;
  std::string bytes;
};

/// Links one object into a shared object without imports: --no-undefined makes lld say which there are.
Error link(const std::string &object, const std::string &image) {
  std::vector<const char *> arguments = {
      "ld.lld", "-shared",     "-Bsymbolic",    "--no-undefined",  "-z",          "norelro",      "-z", "separate-code",
      "-z",     "noexecstack", "--gc-sections", "--build-id=none", "--threads=1", object.c_str(), "-o", image.c_str()};
  std::string messages;
  raw_string_ostream stream(messages);
  bool linked = lld::elf::link(arguments, stream, stream, /*exitEarly=*/false, /*disableOutput=*/false);
  lld::CommonLinkerContext::destroy();
  return linked ? Error::success()
                : makeError(ExitClass::Internal, "cannot link the code image: " + StringRef(messages).rtrim());
}

Expected<CodeImage> readImage(StringRef bytes, ArrayRef<std::string> entryPoints) {
  CodeImage image;
  image.bytes = bytes.str();
  auto file = object::ELFObjectFile<object::ELF64LE>::create({image.bytes, "image"});
  if (!file) {
    return file.takeError();
  }
  for (object::ELFSymbolRef symbol : file->getDynamicSymbolIterators()) {
    Expected<StringRef> name = symbol.getName();
    Expected<uint64_t> address = symbol.getAddress();
    if (!name || !address) {
      return joinErrors(name.takeError(), address.takeError());
    }
    if (is_contained(entryPoints, *name)) {
      image.entryPoints[*name] = *address;
    }
  }
  return image;
}

} // namespace

Expected<std::string> emitAssembly(Module &module, const X86Target &target) {
  SmallString<0> bytes;
  if (Error error = emit(module, target, CodeGenFileType::AssemblyFile, bytes)) {
    return std::move(error);
  }
  return bytes.str().str();
}

Expected<CodeImage> emitImage(Module &module, const X86Target &target, ArrayRef<std::string> entryPoints) {
  SmallString<0> bytes;
  if (Error error = emit(module, target, CodeGenFileType::ObjectFile, bytes)) {
    return std::move(error);
  }
  MemoryFile object;
  CollectingPipe image;
  if (Error error = object.write(bytes)) {
    return std::move(error);
  }
  if (Error error = image.start()) {
    return std::move(error);
  }
  if (Error error = link(object.path(), image.path())) {
    return std::move(error);
  }
  return readImage(image.finish(), entryPoints);
}

} // namespace fathom::codegen
