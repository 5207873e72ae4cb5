// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM IR to machine code, and machine code to an ELF image.

#include "codegen/x86/Image.h"

#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

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

/// A folder of its own for the linker's files; removed with everything in it.
Expected<std::string> createFolder() {
  SmallString<128> path;
  if (std::error_code code = sys::fs::createUniqueDirectory("fathom", path)) {
    return createStringError(code, "cannot make a temporary folder: " + code.message());
  }
  return path.str().str();
}

Error writeFile(StringRef path, StringRef bytes) {
  std::error_code code;
  raw_fd_ostream stream(path, code);
  stream << bytes;
  stream.close();
  if (code || stream.has_error()) {
    code = code ? code : stream.error();
    stream.clear_error();
    return createStringError(code, "cannot write '" + path + "': " + code.message());
  }
  return Error::success();
}

/// Links one object into a shared object without imports: --no-undefined makes lld say which there are.
Error link(StringRef object, StringRef image) {
  std::string input = object.str();
  std::string output = image.str();
  std::vector<const char *> arguments = {
      "ld.lld", "-shared",     "-Bsymbolic",    "--no-undefined",  "-z",          "norelro",     "-z", "separate-code",
      "-z",     "noexecstack", "--gc-sections", "--build-id=none", "--threads=1", input.c_str(), "-o", output.c_str()};
  std::string messages;
  raw_string_ostream stream(messages);
  bool linked = lld::elf::link(arguments, stream, stream, /*exitEarly=*/false, /*disableOutput=*/false);
  lld::CommonLinkerContext::destroy();
  if (!linked) {
    return createStringError("cannot link the code image: " + messages);
  }
  return Error::success();
}

Expected<CodeImage> readImage(StringRef path, ArrayRef<std::string> entryPoints) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(path);
  if (!buffer) {
    return createStringError(buffer.getError(), "cannot read the linked image");
  }
  CodeImage image;
  image.bytes = (*buffer)->getBuffer().str();
  auto file = object::ELFObjectFile<object::ELF64LE>::create((*buffer)->getMemBufferRef());
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
  Expected<std::string> folder = createFolder();
  if (!folder) {
    return folder.takeError();
  }
  scope_exit cleanUp([&] { sys::fs::remove_directories(*folder); });
  std::string object = *folder + "/model.o";
  std::string image = *folder + "/model.so";
  if (Error error = writeFile(object, bytes)) {
    return std::move(error);
  }
  if (Error error = link(object, image)) {
    return std::move(error);
  }
  return readImage(image, entryPoints);
}

} // namespace fathom::codegen
