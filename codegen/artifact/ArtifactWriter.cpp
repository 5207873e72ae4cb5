// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes artifacts: alone, in an executable, in an object file.

#include "codegen/artifact/ArtifactWriter.h"

#include "codegen/artifact/ElfObject.h"
#include "codegen/artifact/Metadata.h"
#include "dialects/support/ExitError.h"
#include "dialects/support/Hash.h"
#include "fathom/artifact_abi.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>

namespace fathom::codegen {

template <typename Struct>
static llvm::StringRef asBytes(const Struct &value) {
  return {reinterpret_cast<const char *>(&value), sizeof(value)};
}

/// The header that goes with `metadata`.
static fathom_artifact_header_t makeHeader(llvm::StringRef metadata, uint64_t totalSize) {
  fathom_artifact_header_t header = {};
  memcpy(header.magic, FATHOM_ARTIFACT_MAGIC, FATHOM_ARTIFACT_MAGIC_SIZE);
  header.version_major = FATHOM_ARTIFACT_VERSION_MAJOR;
  header.version_minor = FATHOM_ARTIFACT_VERSION_MINOR;
  header.metadata_size = metadata.size();
  header.metadata_hash = hashBytes(metadata);
  header.total_size = totalSize;
  header.header_hash = hashBytes(asBytes(header).take_front(offsetof(fathom_artifact_header_t, header_hash)));
  return header;
}

/// "1 value is", "2 values are".
static std::string count(uint64_t number, const char *thing) {
  return std::to_string(number) + " " + thing + (number == 1 ? " is" : "s are");
}

/// What a user calls a slice, or the part of it that comes from one source.
static std::string nameSlice(const WeightContents &weight, uint32_t slice, std::optional<size_t> source) {
  return weight.sliceName ? weight.sliceName(slice, source) : weight.name;
}

static std::string describeOddValues(const WeightContents &weight, const WeightFindings &findings) {
  const OddValues &odd = findings.odd;
  std::optional<size_t> source;
  std::string text;
  if (odd.nonFinite != 0) {
    text = count(odd.nonFinite, "value") + " NaN or infinite";
    source = odd.firstNonFinite.source;
  }
  if (odd.badScales != 0) {
    text += (text.empty() ? "" : " and ") + count(odd.badScales, "scale") + " NaN, infinite or negative";
  }
  return text + ", the first in " + nameSlice(weight, findings.firstSlice, source);
}

/// An indexer chooses what is attended to, and NaN loses to every number there: it comes out of nothing.
static bool onlyChooses(llvm::StringRef tensor) { return tensor.contains(".indexer."); }

/// Refuses weights with which an answer would be wrong without a sign of it: kernels read the FP8 codes of NaN as
/// numbers, integers have none, and what only chooses never reaches a logit.
static llvm::Error checkSilent(const WeightContents &weight, const WeightFindings &findings) {
  ElementPlace first = findings.odd.firstNonFinite;
  std::string name = nameSlice(weight, findings.firstSlice, first.source);
  bool fp8 = weight.element_type == "f8e4m3";
  bool isSilent = fp8 || weight.element_type == "i8" || onlyChooses(name);
  if (findings.odd.nonFinite == 0 || !isSilent) {
    return llvm::Error::success();
  }
  return makeError(ExitCode::BadInput, name + (fp8 ? ": is NaN at [" : ": is NaN or infinite at [") +
                                           llvm::Twine(first.row) + ", " + llvm::Twine(first.column) +
                                           (fp8 ? "] (FP8 code 0x7f or 0xff)" : "], where no answer would show it") +
                                           ", the first of " + llvm::Twine(findings.odd.nonFinite) + " such values");
}

namespace {

/// What an output file holds around the artifact, which begins at `base`.
struct Surroundings {
  llvm::StringRef before = {};
  uint64_t base = 0;
  llvm::StringRef behind = {};
  bool executable = false;
};

/// One artifact on its way into a file.
class Emission {
public:
  Emission(const ArtifactContents &contents, const WriteOptions &options) : contents(contents), options(options) {}

  llvm::Error plan();
  uint64_t size() const { return layout.totalSize; }
  /// Writes the file at `path`. A file that belongs to it, complete but for its commit, appears with it.
  llvm::Expected<WriteReport> writeFile(llvm::StringRef path, const Surroundings &around,
                                        AtomicFile *companion = nullptr);

private:
  llvm::Error write(AtomicFile &file, uint64_t base);
  llvm::Error judge(const PackResult &packed);

  const ArtifactContents &contents;
  const WriteOptions &options;
  ArtifactLayout layout;
  std::vector<std::string> warnings;
};

} // namespace

llvm::Error Emission::plan() {
  llvm::Expected<ArtifactLayout> planned = layOutArtifact(contents);
  if (!planned) {
    return planned.takeError();
  }
  layout = std::move(*planned);
  return llvm::Error::success();
}

/// Writes the artifact at `base`, a page boundary of `file`. The header comes last: a torn file has none.
llvm::Error Emission::write(AtomicFile &file, uint64_t base) {
  for (auto [program, placed] : llvm::zip_equal(contents.variants, layout.variants)) {
    placed.code.hash = hashBytes(program.code);
    if (llvm::Error error = file.writeAt(base + placed.code.offset, program.code)) {
      return error;
    }
  }
  llvm::Expected<PackResult> packed = packWeights(layout.jobs, layout.distinct.size(), contents.shards, file,
                                                  base + layout.weights.offset, layout.weights.size, options.pack);
  if (!packed) {
    return packed.takeError();
  }
  // Weights come before the metadata that has their hash, so that they are read once.
  layout.weights.hash = packed->hash;
  if (llvm::Error error = judge(*packed)) {
    return error;
  }
  flatbuffers::DetachedBuffer buffer = buildMetadata(contents, layout);
  llvm::StringRef metadata(reinterpret_cast<const char *>(buffer.data()), buffer.size());
  if (metadata.size() != layout.metadataSize) {
    return makeError(ExitCode::Internal, "the size of the metadata changed while the artifact was written");
  }
  fathom_artifact_header_t header = makeHeader(metadata, layout.totalSize);
  if (llvm::Error error = file.writeAt(base + sizeof(header), metadata)) {
    return error;
  }
  return file.writeAt(base, asBytes(header));
}

static std::string describeZeros(const WeightContents &weight, const ZeroTensors &zeros) {
  return std::to_string(zeros.count) + (zeros.count == 1 ? " tensor is" : " tensors are") + " all zero, the first is " +
         nameSlice(weight, zeros.slice, zeros.source) + "; is the download complete?";
}

/// What was found in the weights: all that is refused, or warnings.
llvm::Error Emission::judge(const PackResult &packed) {
  if (packed.zeros.count != 0) {
    warnings.push_back(describeZeros(*layout.distinct[packed.zeros.weight], packed.zeros));
  }
  llvm::Error refused = llvm::Error::success();
  for (auto [weight, found] : llvm::zip_equal(layout.distinct, packed.findings)) {
    refused = llvm::joinErrors(std::move(refused), checkSilent(*weight, found));
    if (found.odd.any()) {
      warnings.push_back(describeOddValues(*weight, found));
    }
  }
  return refused;
}

/// Opens an output file of known size.
static llvm::Expected<std::unique_ptr<AtomicFile>> createFile(llvm::StringRef path, uint64_t size, bool executable,
                                                              const WriteOptions &options) {
  llvm::Expected<std::unique_ptr<AtomicFile>> file =
      AtomicFile::create(path, {executable, options.inputs, options.fileSystem});
  if (file) {
    if (llvm::Error error = (*file)->reserve(size)) {
      return std::move(error);
    }
  }
  return file;
}

llvm::Expected<WriteReport> Emission::writeFile(llvm::StringRef path, const Surroundings &around,
                                                AtomicFile *companion) {
  uint64_t fileSize = around.base + size() + around.behind.size();
  auto file = createFile(path, fileSize, around.executable, options);
  if (!file) {
    return file.takeError();
  }
  llvm::Error error = (*file)->writeAt(0, around.before);
  error = error ? std::move(error) : write(**file, around.base);
  error = error ? std::move(error) : (*file)->writeAt(around.base + size(), around.behind);
  error = error ? std::move(error) : (*file)->commit();
  error = error || !companion ? std::move(error) : companion->commit();
  if (error) {
    return std::move(error);
  }
  return WriteReport{fileSize, layout.weights.size, std::move(warnings)};
}

llvm::Expected<WriteReport> writeArtifact(const ArtifactContents &contents, llvm::StringRef path,
                                          const WriteOptions &options) {
  Emission emission(contents, options);
  if (llvm::Error error = emission.plan()) {
    return std::move(error);
  }
  return emission.writeFile(path, {});
}

llvm::Expected<WriteReport> writeExecutable(const ArtifactContents &contents, llvm::MemoryBufferRef stub,
                                            llvm::StringRef path, const WriteOptions &options) {
  Emission emission(contents, options);
  if (llvm::Error error = emission.plan()) {
    return std::move(error);
  }
  fathom_artifact_trailer_t trailer = {};
  trailer.artifact_offset = llvm::alignTo(stub.getBufferSize(), FATHOM_SEGMENT_ALIGNMENT);
  memcpy(trailer.magic, FATHOM_ARTIFACT_MAGIC, FATHOM_ARTIFACT_MAGIC_SIZE);
  return emission.writeFile(path, {stub.getBuffer(), trailer.artifact_offset, asBytes(trailer), /*executable=*/true});
}

llvm::Expected<WriteReport> writeObject(const ArtifactContents &contents, llvm::StringRef name,
                                        llvm::StringRef objectPath, llvm::StringRef headerPath,
                                        const WriteOptions &options) {
  Emission emission(contents, options);
  if (llvm::Error error = emission.plan()) {
    return std::move(error);
  }
  llvm::Expected<ElfObject> object = makeElfObject(name, contents.variants.front().target.triple, emission.size());
  if (!object) {
    return object.takeError();
  }
  std::string text = makeObjectHeader(name, emission.size());
  auto header = createFile(headerPath, text.size(), /*executable=*/false, options);
  if (!header) {
    return header.takeError();
  }
  if (llvm::Error error = (*header)->writeAt(0, text)) {
    return std::move(error);
  }
  return emission.writeFile(objectPath, {object->prefix, object->dataOffset}, header->get());
}

} // namespace fathom::codegen
