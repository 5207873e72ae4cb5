// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Machine code of units, kept in a folder for compilations to come.

#include "codegen/llvm/UnitCache.h"

#include "dialects/support/AtomicFile.h"
#include "dialects/support/Hash.h"
#include "kernels/KernelBitcode.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

using namespace llvm;

namespace fathom::codegen {

namespace {
/// A file that a crash of the machine leaves torn is not found later, so nothing waits for the disk.
class LazyFileSystem : public FileSystem {
public:
  int sync(int) override { return 0; }
};
} // namespace

/// Ends a file. The key is part of it: a file of one unit under the name of another is not found.
static uint64_t computeChecksum(StringRef key, StringRef bytes) { return hashBytes(bytes, hashBytes(key)); }

/// More than any unit has: what is larger is something else.
static constexpr uint64_t kLargestUnit = uint64_t(1) << 30;

UnitCache::UnitCache(std::string directory, std::string compiler)
    : directory(std::move(directory)), compiler(std::move(compiler)) {
  // By age alone. To know how full the disk is, LLVM ends the process where that cannot be known.
  CachePruningPolicy policy;
  policy.MaxSizePercentageOfAvailableSpace = 0;
  policy.MaxSizeFiles = 0;
  pruneCache(this->directory, policy);
}

std::string UnitCache::computeKey(const Module &unit, const CodeTarget &target, CodeGenFileType type) const {
  SmallString<0> text;
  raw_svector_ostream stream(text);
  std::unique_ptr<TargetMachine> machine = target.createMachine();
  for (StringRef part : {StringRef(compiler), StringRef(machine->getTargetTriple().str()), machine->getTargetCPU(),
                         machine->getTargetFeatureString()}) {
    stream << part << '\0';
  }
  stream << int(type);
  // Linked when a unit is optimized.
  kernels::KernelBitcode memory = kernels::findKernelBitcode("memory");
  stream.write(reinterpret_cast<const char *>(memory.data), memory.size);
  WriteBitcodeToFile(unit, stream);
  return toHex(SHA256::hash(arrayRefFromStringRef(text)), /*LowerCase=*/true);
}

std::string UnitCache::computeKey(ArrayRef<StringRef> parts) const {
  std::string text = compiler;
  for (StringRef part : parts) {
    text += '\0';
    text += part;
  }
  return toHex(SHA256::hash(arrayRefFromStringRef(StringRef(text))), /*LowerCase=*/true);
}

bool UnitCache::read(StringRef key, SmallVectorImpl<char> &bytes) const {
  // A pipe or a device may never end.
  sys::fs::file_status status;
  if (sys::fs::status(getPath(key), status) || status.type() != sys::fs::file_type::regular_file ||
      status.getSize() > kLargestUnit) {
    return false;
  }
  // Read, not mapped: somebody may cut the file.
  auto file = MemoryBuffer::getFile(getPath(key), /*IsText=*/false, /*RequiresNullTerminator=*/false,
                                    /*IsVolatile=*/true);
  if (!file || (*file)->getBufferSize() < sizeof(uint64_t)) {
    return false;
  }
  StringRef unit = (*file)->getBuffer().drop_back(sizeof(uint64_t));
  if (support::endian::read64le(unit.end()) != computeChecksum(key, unit)) {
    return false;
  }
  bytes.assign(unit.begin(), unit.end());
  return true;
}

void UnitCache::write(StringRef key, StringRef bytes) const {
  LazyFileSystem fileSystem;
  sys::fs::create_directories(directory);
  auto file = AtomicFile::create(getPath(key), {/*executable=*/false, /*inputs=*/{}, &fileSystem});
  if (!file) {
    return consumeError(file.takeError());
  }
  char checksum[sizeof(uint64_t)];
  support::endian::write64le(checksum, computeChecksum(key, bytes));
  Error error = joinErrors((*file)->writeAt(0, bytes), (*file)->writeAt(bytes.size(), {checksum, sizeof(checksum)}));
  consumeError(error ? std::move(error) : (*file)->commit());
}

/// LLVM's pruning takes no other files.
std::string UnitCache::getPath(StringRef key) const {
  SmallString<256> path(directory);
  sys::path::append(path, "llvmcache-" + key);
  return path.str().str();
}

} // namespace fathom::codegen
