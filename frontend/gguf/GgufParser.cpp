// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/GgufParser.h"

#include "dialects/support/Hash.h"
#include "frontend/checkpoint/Files.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

#include <algorithm>
#include <cerrno>
#include <tuple>

namespace fathom::gguf {

namespace endian = llvm::support::endian;

static constexpr uint64_t kStep = 1 << 20;
/// Of a tensor: behind it, sizes in bytes of whatever type fit 64 bits.
static constexpr uint64_t kMostElements = uint64_t(1) << 50;

void GgufParser::error(Problem problem, const char *code, llvm::StringRef where, const llvm::Twine &message,
                       llvm::StringRef hint) {
  diagnostics.error(problem, code, file, where, message, hint);
}

void GgufParser::run() {
  uint64_t tensors = 0, entries = 0;
  if (!readStart(tensors, entries)) {
    return;
  }
  for (uint64_t i = 0; i < entries; ++i) {
    if (!readEntry()) {
      return;
    }
  }
  for (uint64_t i = 0; i < tensors; ++i) {
    if (!readTensor()) {
      return;
    }
  }
  result.head.resize(at);
  result.headHash = hashBytes(result.head);
  if (!indexKeys()) {
    return;
  }
  if (std::optional<uint64_t> dataStart = findDataStart()) {
    addTensors(*dataStart);
  }
}

/// Whether the next `bytes` are there; loads them.
bool GgufParser::need(uint64_t bytes) {
  if (bytes > fileSize - at) {
    bad("truncated", here(),
        "the file ends in its head: " + llvm::Twine(bytes) + " bytes are expected, " + llvm::Twine(fileSize - at) +
            " are left");
    return false;
  }
  if (at + bytes > limits.headBytes) {
    error(Problem::Resources, "too-much-metadata", here(),
          "metadata and tensor table have more than " + llvm::Twine(limits.headBytes) + " bytes");
    return false;
  }
  return at + bytes <= result.head.size() || load(at + bytes);
}

bool GgufParser::load(uint64_t end) {
  uint64_t begin = result.head.size();
  end = std::min(fileSize, std::max(end, begin + kStep));
  result.head.resize(end);
  if (input && input->read(result.head.data() + begin, end - begin, begin)) {
    return true;
  }
  checkpoint::reportSystemError(input ? errno : 0, file, "cannot read the head", diagnostics);
  return false;
}

bool GgufParser::read32(uint32_t &number) {
  if (!need(4)) {
    return false;
  }
  number = endian::read32le(result.head.data() + at);
  at += 4;
  return true;
}

bool GgufParser::read64(uint64_t &number) {
  if (!need(8)) {
    return false;
  }
  number = endian::read64le(result.head.data() + at);
  at += 8;
  return true;
}

bool GgufParser::readString(uint64_t &offset, uint64_t &bytes) {
  if (!read64(bytes) || !need(bytes)) {
    return false;
  }
  offset = at;
  at += bytes;
  return true;
}

bool GgufParser::readStart(uint64_t &tensors, uint64_t &entries) {
  uint32_t magic = 0, version = 0;
  if (!read32(magic)) {
    return false;
  }
  if (text(0, 4) != "GGUF") {
    error(Problem::BadInput, "bad-header", "", "not a GGUF file: it does not begin with 'GGUF'",
          checkpoint::recognize(text(0, 64)));
    return false;
  }
  if (!read32(version) || !checkVersion(version) || !read64(tensors) || !read64(entries)) {
    return false;
  }
  if (tensors > limits.tensors || entries > limits.entries) {
    error(Problem::Resources, tensors > limits.tensors ? "too-many-tensors" : "too-much-metadata", "",
          "says that it has " + llvm::Twine(tensors) + " tensors and " + llvm::Twine(entries) +
              " metadata entries; the limits are " + llvm::Twine(limits.tensors) + " and " +
              llvm::Twine(limits.entries));
    return false;
  }
  return true;
}

bool GgufParser::checkVersion(uint32_t version) {
  if (version == 2 || version == 3) {
    return true;
  }
  bool swapped = (version & 0xffff) == 0 && version != 0;
  error(Problem::Unsupported, "gguf-version", "",
        swapped ? "is a big-endian GGUF file; only little-endian ones are read"
                : "is of GGUF version " + llvm::Twine(version) + "; versions 2 and 3 are read");
  return false;
}

bool GgufParser::readEntry() {
  uint64_t offset = 0, bytes = 0;
  if (!readString(offset, bytes)) {
    return false;
  }
  std::string key = text(offset, bytes).str();
  if (key.empty() || key.size() > limits.nameBytes || !llvm::json::isUTF8(key) || key.find('\0') != key.npos) {
    bad("bad-key", here(),
        "a metadata key has " + llvm::Twine(bytes) + " bytes, expected 1 to " + llvm::Twine(limits.nameBytes) +
            " of UTF-8 and no NUL");
    return false;
  }
  Value value;
  uint32_t type = 0;
  if (!read32(type)) {
    return false;
  }
  value.type = static_cast<ValueType>(type);
  if (!readValue(key, value, 0)) {
    return false;
  }
  keyPlaces.emplace_back(offset, bytes);
  result.values.push_back(value);
  return true;
}

bool GgufParser::readValue(llvm::StringRef key, Value &value, unsigned depth) {
  if (name(value.type).empty()) {
    bad("bad-metadata", key,
        "has a value of type " + llvm::Twine(static_cast<uint32_t>(value.type)) + ", which the format does not have");
    return false;
  }
  if (value.type == ValueType::String) {
    return readString(value.offset, value.count);
  }
  if (value.type == ValueType::Array) {
    return readArray(key, value, depth);
  }
  uint64_t bytes = byteWidth(value.type);
  if (!need(bytes)) {
    return false;
  }
  value.offset = at;
  at += bytes;
  unsigned first = static_cast<uint8_t>(result.head[value.offset]);
  if (value.type == ValueType::Bool && first > 1) {
    bad("bad-metadata", key, "is a bool of " + llvm::Twine(first) + ", expected 0 or 1");
    return false;
  }
  return true;
}

bool GgufParser::readArray(llvm::StringRef key, Value &value, unsigned depth) {
  uint32_t element = 0;
  if (!read32(element) || !read64(value.count)) {
    return false;
  }
  value.element = static_cast<ValueType>(element);
  value.offset = at;
  if (name(value.element).empty()) {
    bad("bad-metadata", key,
        "is an array of elements of type " + llvm::Twine(element) + ", which the format does not have");
    return false;
  }
  if (depth == limits.depth) {
    error(Problem::Unsupported, "bad-metadata", key,
          "has arrays in arrays, more than " + llvm::Twine(limits.depth) + " deep");
    return false;
  }
  return skipElements(key, value, depth);
}

bool GgufParser::skipElements(llvm::StringRef key, const Value &array, unsigned depth) {
  // A string has at least its length, an array its type and length.
  uint64_t scalar = byteWidth(array.element);
  uint64_t least = scalar ? scalar : array.element == ValueType::String ? 8 : 12;
  if (array.count > (fileSize - at) / least) {
    bad("truncated", key,
        "is an array of " + llvm::Twine(array.count) + " elements, for which " + llvm::Twine(fileSize - at) +
            " bytes left in the file are too few");
    return false;
  }
  if (scalar) {
    return need(array.count * scalar) && (at += array.count * scalar, true);
  }
  for (uint64_t i = 0; i < array.count; ++i) {
    Value element;
    element.type = array.element;
    if (!readValue(key, element, depth + 1)) {
      return false;
    }
  }
  return true;
}

bool GgufParser::readTensor() {
  Listed listed;
  uint32_t rank = 0;
  if (!readString(listed.nameOffset, listed.nameBytes) || !read32(rank)) {
    return false;
  }
  llvm::StringRef name = text(listed.nameOffset, listed.nameBytes);
  if (name.empty() || name.size() > limits.nameBytes || name.contains('\0')) {
    bad("bad-tensor-name", here(),
        "a tensor name has " + llvm::Twine(name.size()) + " bytes, expected 1 to " + llvm::Twine(limits.nameBytes) +
            " and no NUL");
    return false;
  }
  if (rank < 1 || rank > 4) {
    bad("bad-shape", escape(name), "has " + llvm::Twine(rank) + " dimensions, expected 1 to 4");
    return false;
  }
  listed.dimensions.resize(rank);
  for (uint64_t &dimension : listed.dimensions) {
    if (!read64(dimension)) {
      return false;
    }
  }
  if (!read32(listed.type) || !read64(listed.offset)) {
    return false;
  }
  table.push_back(std::move(listed));
  return true;
}

/// From here on the head does not move, and names are parts of it.
bool GgufParser::indexKeys() {
  bool sound = true;
  for (auto [offset, bytes] : keyPlaces) {
    llvm::StringRef key = text(offset, bytes);
    result.allKeys.push_back(key);
    if (!result.keyNumbers.insert(key).second) {
      bad("bad-metadata", key, "the metadata have this key twice");
      sound = false;
    }
  }
  return sound;
}

std::optional<uint64_t> GgufParser::findDataStart() {
  if (const Value *value = result.find("general.alignment")) {
    int64_t number = result.integer(*value).value_or(0);
    if (number < 1 || number > (1 << 30) || (number & (number - 1)) != 0) {
      bad("bad-metadata", "general.alignment", "expected a power of two below 2^31, as an integer");
      return std::nullopt;
    }
    alignment = static_cast<uint64_t>(number);
  }
  // The head is far shorter than 2^63.
  return (at + alignment - 1) / alignment * alignment;
}

void GgufParser::addTensors(uint64_t dataStart) {
  size_t errorsBefore = diagnostics.errorCount();
  checkpoint::StringIndex names;
  for (const Listed &listed : table) {
    llvm::StringRef name = text(listed.nameOffset, listed.nameBytes);
    if (!names.insert(name).second) {
      bad("duplicate-tensor", escape(name), "the table has this name twice");
    }
    addTensor(listed, dataStart, alignment);
  }
  if (beyond > 0) {
    error(Problem::BadInput, "truncated", escape(firstBeyond),
          "the file is truncated: its tensors end at byte " + llvm::Twine(declaredSize) + ", but it has " +
              llvm::Twine(fileSize) + "; " + llvm::Twine(beyond) + (beyond == 1 ? " tensor is" : " tensors are") +
              " incomplete or missing",
          "download it again");
  }
  if (diagnostics.errorCount() == errorsBefore && !table.empty()) {
    checkLayout(dataStart, alignment);
  }
}

void GgufParser::addTensor(const Listed &listed, uint64_t dataStart, uint64_t alignment) {
  TensorEntry entry;
  entry.name = text(listed.nameOffset, listed.nameBytes);
  entry.format = findFormat(listed.type);
  if (!entry.format) {
    llvm::StringRef known = nameOfOther(listed.type);
    error(Problem::Unsupported, "unknown-dtype", escape(entry.name),
          "is of type " + (known.empty() ? std::to_string(listed.type) : known.str()) + "; types that are read are " +
              listFormats());
    return;
  }
  if (!measure(listed, entry)) {
    return;
  }
  if (listed.offset % alignment != 0) {
    bad("bad-offsets", escape(entry.name),
        "lies at byte " + llvm::Twine(listed.offset) + " of the data, which " + llvm::Twine(alignment) +
            " does not divide");
    return;
  }
  bool fits = !__builtin_add_overflow(dataStart, listed.offset, &entry.offset);
  uint64_t end = 0;
  fits = fits && !__builtin_add_overflow(entry.offset, entry.size, &end);
  if (!fits || end > fileSize) {
    firstBeyond = beyond++ == 0 ? entry.name : firstBeyond;
    declaredSize = std::max(declaredSize, fits ? end : UINT64_MAX);
    return;
  }
  result.entries.push_back(std::move(entry));
}

/// Shape and size of a tensor.
bool GgufParser::measure(const Listed &listed, TensorEntry &entry) {
  uint64_t elements = 1;
  for (uint64_t dimension : llvm::reverse(listed.dimensions)) {
    if (dimension < 1 || __builtin_mul_overflow(elements, dimension, &elements) || elements > kMostElements) {
      bad("bad-shape", escape(entry.name),
          "has a dimension of " + llvm::Twine(dimension) + ", with which it has no element, or more than 2^50");
      return false;
    }
    entry.shape.push_back(static_cast<int64_t>(dimension));
  }
  const BlockFormat &format = *entry.format;
  if (listed.dimensions.front() % format.elements != 0) {
    bad("bad-shape", escape(entry.name),
        "has rows of " + llvm::Twine(listed.dimensions.front()) + " elements, which are not whole blocks of " +
            llvm::Twine(format.elements) + ", as " + format.name + " has them");
    return false;
  }
  entry.size = elements / format.elements * format.bytes;
  return true;
}

/// Tensors lie one after the other, each at the next multiple of the alignment.
void GgufParser::checkLayout(uint64_t dataStart, uint64_t alignment) {
  std::vector<const TensorEntry *> order;
  for (const TensorEntry &entry : result.entries) {
    order.push_back(&entry);
  }
  llvm::sort(order, [](const TensorEntry *a, const TensorEntry *b) {
    return std::tie(a->offset, a->name) < std::tie(b->offset, b->name);
  });
  uint64_t covered = dataStart;
  for (const TensorEntry *entry : order) {
    if (entry->offset < covered) {
      bad("bad-offsets", escape(entry->name),
          "overlaps the tensor before it by " + llvm::Twine(covered - entry->offset) + " bytes");
    } else if (entry->offset - covered >= alignment) {
      bad("bad-offsets", escape(entry->name),
          "a hole of " + llvm::Twine(entry->offset - covered) + " bytes before this tensor");
    }
    covered = std::max(covered, entry->offset + entry->size);
  }
  if (fileSize - covered >= alignment) {
    diagnostics.warning("trailing-bytes", file, "",
                        llvm::Twine(fileSize - covered) + " bytes follow the last tensor, which nothing reads");
  }
}

static std::unique_ptr<GgufFile> finish(std::unique_ptr<GgufFile> result, Diagnostics &diagnostics, size_t errors) {
  return diagnostics.errorCount() == errors ? std::move(result) : nullptr;
}

std::unique_ptr<GgufFile> GgufFile::read(const File &input, llvm::StringRef file, Diagnostics &diagnostics,
                                         const GgufLimits &limits) {
  size_t errors = diagnostics.errorCount();
  auto result = std::make_unique<GgufFile>();
  GgufParser(*result, &input, input.size(), file, diagnostics, limits).run();
  return finish(std::move(result), diagnostics, errors);
}

std::unique_ptr<GgufFile> GgufFile::parse(std::string bytes, uint64_t fileSize, llvm::StringRef file,
                                          Diagnostics &diagnostics, const GgufLimits &limits) {
  size_t errors = diagnostics.errorCount();
  auto result = std::make_unique<GgufFile>();
  result->head = std::move(bytes);
  GgufParser(*result, nullptr, fileSize, file, diagnostics, limits).run();
  return finish(std::move(result), diagnostics, errors);
}

} // namespace fathom::gguf
