// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every rule of the safetensors format about tensors, and limits where it has none.

#include "frontend/checkpoint/SafetensorsParser.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <algorithm>

namespace fathom::checkpoint {

using json::Kind;

void SafetensorsParser::bad(const char *code, llvm::StringRef where, const llvm::Twine &message) {
  diagnostics.error(Problem::BadInput, code, file, where, message);
}

void SafetensorsParser::run() {
  size_t errorsBefore = diagnostics.errorCount();
  llvm::StringRef name;
  reader.enterObject();
  bool whole = true;
  while (whole && reader.nextKey(name, header.unescaped)) {
    whole = acceptName(name) && (name == "__metadata__" ? metadata() : tensor(name));
  }
  if (!reader.failed() && !whole) {
    return;
  }
  if (!reader.finish()) {
    json::SyntaxError error = reader.error();
    bad("bad-header", "header byte " + std::to_string(error.offset), error.message);
  } else if (beyond > 0) {
    reportTruncation();
  }
  if (diagnostics.errorCount() == errorsBefore) {
    checkLayout();
  }
}

/// One finding, however many tensors the missing bytes belong to.
void SafetensorsParser::reportTruncation() {
  diagnostics.error(Problem::BadInput, "truncated", file, firstBeyond,
                    "the file is truncated: its header declares " + llvm::Twine(declaredSize) +
                        " bytes of data, but only " + llvm::Twine(dataSize) + " follow; " + llvm::Twine(beyond) +
                        (beyond == 1 ? " tensor is" : " tensors are") + " incomplete or missing",
                    "download it again");
}

/// Checks a key of the header; false where reading on is pointless.
bool SafetensorsParser::acceptName(llvm::StringRef name) {
  if (name != "__metadata__" && ++entries > limits.tensors) {
    diagnostics.error(Problem::Resources, "too-many-tensors", file, "",
                      "the header has more than " + llvm::Twine(limits.tensors) + " tensors");
    return false;
  }
  if (name.empty() || name.size() > limits.nameBytes || name.contains('\0')) {
    bad("bad-tensor-name", escape(name),
        "a tensor name has " + llvm::Twine(name.size()) + " bytes, expected 1 to " + llvm::Twine(limits.nameBytes) +
            " and no NUL");
  }
  if (!names.insert(name).second) {
    bad("duplicate-tensor", name, "the header has this name twice");
  }
  return true;
}

bool SafetensorsParser::metadata() {
  if (reader.peek() != Kind::Object) {
    bad("bad-metadata", "__metadata__", "expected an object of strings");
    return reader.skipValue();
  }
  reader.enterObject();
  StringIndex keys;
  unescaped.clear();
  llvm::StringRef key;
  while (reader.nextKey(key, unescaped)) {
    if (keys.size() == limits.metadataEntries) {
      diagnostics.error(Problem::Resources, "too-much-metadata", file, "__metadata__",
                        "has more than " + llvm::Twine(limits.metadataEntries) + " entries");
      return false;
    }
    if (!keys.insert(key).second) {
      bad("bad-metadata", "__metadata__", "duplicate key \"" + escape(key) + "\"");
    }
    std::optional<Kind> kind = reader.peek();
    if (kind && *kind != Kind::String) {
      bad("bad-metadata", "__metadata__", "\"" + escape(key) + "\" is " + describe(*kind) + ", expected a string");
    }
    if (!reader.skipValue()) {
      return false;
    }
  }
  return !reader.failed();
}

bool SafetensorsParser::tensor(llvm::StringRef name) {
  std::optional<Kind> kind = reader.peek();
  if (kind && *kind != Kind::Object) {
    bad("bad-entry", name, "the entry is " + describe(*kind) + ", expected an object");
    return reader.skipValue();
  }
  if (!reader.enterObject()) {
    return false;
  }
  Entry entry;
  size_t errorsBefore = diagnostics.errorCount();
  llvm::SmallVector<llvm::StringRef, 4> keys;
  size_t fields = 0;
  unescaped.clear();
  llvm::StringRef key;
  while (reader.nextKey(key, unescaped)) {
    if (++fields > limits.fields) {
      bad("bad-entry", name, "the entry has more than " + llvm::Twine(limits.fields) + " fields");
      return false;
    }
    bool known = key == "dtype" || key == "shape" || key == "data_offsets";
    if (llvm::is_contained(keys, key)) {
      bad("bad-entry", name, "duplicate key \"" + escape(key) + "\"");
    } else if (known || keys.size() < 8) {
      // Fields the format may get later are passed over; remembering few of them keeps this linear.
      keys.push_back(key);
    }
    if (!field(key, name, entry)) {
      return false;
    }
  }
  if (!reader.failed() && diagnostics.errorCount() == errorsBefore) {
    finishEntry(name, entry);
  }
  return !reader.failed();
}

bool SafetensorsParser::field(llvm::StringRef key, llvm::StringRef name, Entry &entry) {
  if (key == "dtype") {
    return dtypeField(name, entry);
  }
  if (key == "shape") {
    return shapeField(name, entry);
  }
  return key == "data_offsets" ? offsetsField(name, entry) : reader.skipValue();
}

bool SafetensorsParser::dtypeField(llvm::StringRef name, Entry &entry) {
  std::optional<Kind> kind = reader.peek();
  if (kind && *kind != Kind::String) {
    bad("bad-dtype", name, "dtype is " + describe(*kind) + ", expected a string");
    return reader.skipValue();
  }
  llvm::StringRef spelling;
  if (!reader.readString(spelling, unescaped)) {
    return false;
  }
  entry.dtype = parseDType(spelling);
  if (!entry.dtype && parseDType(spelling.upper())) {
    bad("bad-dtype", name, "dtype \"" + escape(spelling) + "\" must be in upper case");
  } else if (!entry.dtype) {
    diagnostics.error(Problem::Unsupported, "unknown-dtype", file, name, "unknown dtype \"" + escape(spelling) + "\"");
  }
  return true;
}

/// Reads a number spelled as digits only, at most `limit`; `value` stays empty after a finding.
bool SafetensorsParser::unsignedNumber(llvm::StringRef name, llvm::StringRef what, uint64_t limit,
                                       std::optional<uint64_t> &value) {
  std::optional<Kind> kind = reader.peek();
  if (kind && *kind != Kind::Number) {
    bad("bad-number", name, what + " holds " + describe(*kind) + ", expected a non-negative integer");
    return reader.skipValue();
  }
  llvm::StringRef spelling;
  if (!reader.readNumber(spelling)) {
    return false;
  }
  uint64_t parsed = 0;
  if (spelling.getAsInteger(10, parsed) || parsed > limit) {
    bad("bad-number", name,
        what + " holds " + escape(spelling, 40) + ", expected an integer from 0 to " + llvm::Twine(limit));
    return true;
  }
  value = parsed;
  return true;
}

bool SafetensorsParser::shapeField(llvm::StringRef name, Entry &entry) {
  if (reader.peek() != Kind::Array) {
    bad("bad-shape", name, "shape is not an array");
    return reader.skipValue();
  }
  reader.enterArray();
  llvm::SmallVector<int64_t, 8> dims;
  size_t rank = 0;
  bool sound = true;
  while (reader.nextElement()) {
    std::optional<uint64_t> dim;
    if (++rank > limits.rank) { // counted, for the message, but not kept
      if (!reader.skipValue()) {
        return false;
      }
      continue;
    }
    if (!unsignedNumber(name, "shape", INT64_MAX, dim)) {
      return false;
    }
    sound = sound && dim;
    dims.push_back(static_cast<int64_t>(dim.value_or(0)));
  }
  if (rank > limits.rank) {
    diagnostics.error(Problem::BadInput, "bad-shape", file, name,
                      "shape has " + llvm::Twine(rank) + " dimensions, more than the limit of " +
                          llvm::Twine(limits.rank));
  } else if (sound) {
    entry.shape = llvm::ArrayRef<int64_t>(dims).copy(header.shapes);
  }
  return !reader.failed();
}

bool SafetensorsParser::offsetsField(llvm::StringRef name, Entry &entry) {
  if (reader.peek() != Kind::Array) {
    bad("bad-offsets", name, "data_offsets is not an array");
    return reader.skipValue();
  }
  reader.enterArray();
  size_t count = 0;
  while (reader.nextElement()) {
    std::optional<uint64_t> ignored;
    std::optional<uint64_t> &target = count == 0 ? entry.begin : count == 1 ? entry.end : ignored;
    ++count;
    if (count > 2 ? !reader.skipValue() : !unsignedNumber(name, "data_offsets", UINT64_MAX, target)) {
      return false;
    }
  }
  if (count != 2 && !reader.failed()) {
    bad("bad-offsets", name, "data_offsets has " + llvm::Twine(count) + " numbers, expected 2");
  }
  return !reader.failed();
}

/// Checks one entry by itself and keeps it.
void SafetensorsParser::finishEntry(llvm::StringRef name, const Entry &entry) {
  if (!entry.dtype || !entry.shape || !entry.begin || !entry.end) {
    llvm::StringRef absent = !entry.dtype ? "dtype" : !entry.shape ? "shape" : "data_offsets";
    bad("bad-entry", name, "the entry has no " + absent);
    return;
  }
  if (*entry.end < *entry.begin) {
    bad("bad-offsets", name,
        "data_offsets end at " + llvm::Twine(*entry.end) + " before they begin at " + llvm::Twine(*entry.begin));
    return;
  }
  if (*entry.end > dataSize) {
    firstBeyond = beyond++ == 0 ? name : firstBeyond;
    declaredSize = std::max(declaredSize, *entry.end);
    return;
  }
  checkSize(name, entry);
  // Offsets stay relative to the data until the layout is checked; nothing overflows: end <= fileSize - head.
  header.all.push_back(
      {name, *entry.shape, header.head.size() + *entry.begin, *entry.end - *entry.begin, *entry.dtype});
}

void SafetensorsParser::checkSize(llvm::StringRef name, const Entry &entry) {
  uint64_t bits = bitWidth(*entry.dtype);
  bool overflow = false;
  for (int64_t dim : *entry.shape) {
    overflow = __builtin_mul_overflow(bits, static_cast<uint64_t>(dim), &bits) || overflow;
  }
  uint64_t size = *entry.end - *entry.begin;
  if (overflow) {
    bad("bad-shape", name, "the shape's byte size does not fit 64 bits");
  } else if (bits % 8 != 0) {
    bad("bad-shape", name,
        llvm::Twine(bits) + " bits of " + checkpoint::name(*entry.dtype) + " do not fill whole bytes");
  } else if (bits / 8 != size) {
    bad("bad-size", name,
        "shape and dtype need " + llvm::Twine(bits / 8) + " bytes, but data_offsets span " + llvm::Twine(size));
  }
}

/// Tensors must cover the data exactly: no hole, no overlap, nothing after the last.
void SafetensorsParser::checkLayout() {
  // Headers list tensors by name, or as they lie: then there is nothing to sort.
  std::vector<uint32_t> order(header.all.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  auto key = [&](uint32_t i) { return std::pair(header.all[i].offset, header.all[i].size); };
  auto less = [&](uint32_t a, uint32_t b) { return key(a) < key(b); };
  if (!std::is_sorted(order.begin(), order.end(), less)) {
    std::sort(order.begin(), order.end(), less);
  }
  uint64_t covered = header.head.size();
  for (uint32_t i : order) {
    const TensorInfo &tensor = header.all[i];
    if (tensor.offset > covered) {
      bad("bad-offsets", tensor.name,
          "a hole of " + llvm::Twine(tensor.offset - covered) + " bytes before this tensor");
    } else if (tensor.offset < covered) {
      bad("bad-offsets", tensor.name,
          "overlaps the tensor before it by " + llvm::Twine(covered - tensor.offset) + " bytes");
    }
    covered = std::max(covered, tensor.offset + tensor.size);
  }
  uint64_t fileSize = header.head.size() + dataSize;
  if (covered != fileSize) {
    bad("trailing-bytes", "",
        llvm::Twine(fileSize - covered) + " bytes follow the last tensor: the header declares " + llvm::Twine(covered) +
            " bytes, but the file has " + llvm::Twine(fileSize));
  }
}

} // namespace fathom::checkpoint
