// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every rule of TensorProto about sizes, and of its external data about files.

#include "frontend/onnx/TensorReader.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/checkpoint/WeightIndex.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"

namespace fathom::onnx {

using checkpoint::Problem;

TensorReader::TensorReader(const std::string &path, int mostRank, checkpoint::Diagnostics &diagnostics)
    : path(path), folder(path, 0, path.rfind('/') + 1), mostRank(mostRank), diagnostics(diagnostics) {
  folder = folder.empty() ? "." : folder;
}

bool TensorReader::fail(const proto::TensorProto &tensor, const char *code, const llvm::Twine &message,
                        Problem problem) {
  diagnostics.error(problem, code, path, "tensor '" + escape(tensor.name(), 80) + "'", message);
  return false;
}

std::optional<uint64_t> TensorReader::countElements(const proto::TensorProto &tensor) {
  if (tensor.dims_size() > mostRank) {
    fail(tensor, "bad-shape",
         "has " + llvm::Twine(tensor.dims_size()) + " dimensions; Fathom reads up to " + llvm::Twine(mostRank));
    return std::nullopt;
  }
  std::optional<uint64_t> elements = 1;
  for (int64_t extent : tensor.dims()) {
    if (extent < 0) {
      fail(tensor, "bad-shape", "has a dimension of " + llvm::Twine(extent));
      return std::nullopt;
    }
    elements = elements ? llvm::checkedMulUnsigned(*elements, static_cast<uint64_t>(extent)) : std::nullopt;
  }
  // Bits of the widest type still fit.
  if (!elements || *elements > UINT64_MAX / 128) {
    fail(tensor, "bad-shape", "has more elements than can be counted");
    return std::nullopt;
  }
  return elements;
}

/// Entries of the field that `type` is kept in.
static uint64_t countEntries(const proto::TensorProto &tensor, const ElementType &type) {
  switch (type.field) {
  case TypedField::Float:
    return tensor.float_data_size();
  case TypedField::Int32:
    return tensor.int32_data_size();
  case TypedField::String:
    return tensor.string_data_size();
  case TypedField::Int64:
    return tensor.int64_data_size();
  case TypedField::Double:
    return tensor.double_data_size();
  case TypedField::UInt64:
    return tensor.uint64_data_size();
  }
  llvm_unreachable("unknown field");
}

static uint64_t countTyped(const proto::TensorProto &tensor) {
  return tensor.float_data_size() + tensor.int32_data_size() + tensor.string_data_size() + tensor.int64_data_size() +
         tensor.double_data_size() + tensor.uint64_data_size();
}

bool TensorReader::readInMessage(const proto::TensorProto &tensor, uint64_t elements, Tensor &found) {
  bool isRaw = tensor.has_raw_data() || !found.data.file.empty();
  uint64_t typed = countTyped(tensor), entries = countEntries(tensor, *found.type);
  if (isRaw && typed > 0) {
    return fail(tensor, "two-data", "has raw data and others; one of them must not be there");
  }
  if (typed != entries) {
    return fail(tensor, "wrong-data", "has its numbers in a field that is not that of " + found.type->name);
  }
  if (isRaw && found.type->bits == 0) {
    return fail(tensor, "wrong-data", "has raw data, which strings cannot have");
  }
  if (isRaw) {
    uint64_t bytes = found.data.file.empty() ? tensor.raw_data().size() : found.data.range.size;
    return bytes == found.bytes || fail(tensor, "wrong-size",
                                        "has " + llvm::Twine(bytes) + " bytes of raw data; its shape and type, " +
                                            found.type->name + ", want " + llvm::Twine(found.bytes));
  }
  uint64_t perEntry = found.type->bits > 0 && found.type->bits < 8 ? 8 / found.type->bits : 1;
  uint64_t wanted = llvm::divideCeil(elements * found.type->entries, perEntry);
  return entries == wanted ||
         fail(tensor, "wrong-size", "has " + llvm::Twine(entries) + " numbers; its shape wants " + llvm::Twine(wanted));
}

bool TensorReader::acceptLocation(const proto::TensorProto &tensor, llvm::StringRef location) {
  llvm::SmallVector<llvm::StringRef> names;
  location.split(names, '/');
  for (llvm::StringRef name : names) {
    llvm::StringRef fault = checkpoint::faultOfFileName(name);
    if (!fault.empty()) {
      return fail(tensor, "bad-location",
                  "has its data in '" + escape(location, 80) + "', of which '" + escape(name, 80) + "' " + fault +
                      "; expected a plain path within the model's folder");
    }
  }
  return true;
}

ExternalFile TensorReader::look(const proto::TensorProto &tensor, const std::string &location) {
  ExternalFile found;
  if (!acceptLocation(tensor, location) || !checkpoint::staysInside(folder, location, diagnostics)) {
    return found;
  }
  std::string shown = checkpoint::joinPath(folder == "." ? "" : folder, location);
  std::string hint = escape(path) + " has data there, of tensor '" + escape(tensor.name(), 80) +
                     "' for one: put the file beside it, by that name";
  std::optional<File> file = checkpoint::openFile(shown, shown, Problem::BadInput, diagnostics, hint);
  if (!file) {
    return found;
  }
  found.size = file->size();
  char head[32];
  size_t count = std::min<uint64_t>(sizeof(head), *found.size);
  found.mistake = file->read(head, count, 0) ? checkpoint::recognize({head, count}) : "";
  return found;
}

ExternalFile &TensorReader::find(const proto::TensorProto &tensor, const std::string &location) {
  auto [number, isNew] = names.insert(location);
  if (isNew) {
    files.push_back(look(tensor, location));
  }
  return files[number];
}

bool TensorReader::refuseShort(const proto::TensorProto &tensor, ExternalFile &file, const llvm::Twine &missing) {
  if (!file.isReported) {
    llvm::StringRef advice = "others beyond its end are not listed; copy or download the file again";
    diagnostics.error(Problem::BadInput, "truncated", path, "tensor '" + escape(tensor.name(), 80) + "'", missing,
                      file.mistake.empty() ? advice : file.mistake);
  }
  file.isReported = true;
  return false;
}

/// An entry of a tensor's external data; NULL for none.
static const std::string *findEntry(const proto::TensorProto &tensor, llvm::StringRef key) {
  for (const proto::StringStringEntryProto &entry : tensor.external_data()) {
    if (entry.key() == key) {
      return &entry.value();
    }
  }
  return nullptr;
}

bool TensorReader::readExternal(const proto::TensorProto &tensor, Tensor &found) {
  checkpoint::StringIndex keys;
  for (const proto::StringStringEntryProto &entry : tensor.external_data()) {
    if (!keys.insert(entry.key()).second) {
      return fail(tensor, "bad-external-data", "has '" + escape(entry.key(), 80) + "' twice");
    }
  }
  if (tensor.has_raw_data() || !found.data.file.empty() || countTyped(tensor) > 0) {
    return fail(tensor, "two-data", "has external data and others; one of them must not be there");
  }
  if (found.type->bits == 0) {
    return fail(tensor, "wrong-data", "has external data, which strings cannot have");
  }
  uint64_t offset = 0, length = found.bytes;
  for (auto [key, value] : {std::pair("offset", &offset), std::pair("length", &length)}) {
    const std::string *text = findEntry(tensor, key);
    if (text && (!llvm::all_of(*text, llvm::isDigit) || llvm::StringRef(*text).getAsInteger(10, *value))) {
      return fail(tensor, "bad-external-data",
                  "has the " + llvm::Twine(key) + " '" + escape(*text, 40) + "', expected a number of bytes");
    }
  }
  if (length != found.bytes) {
    return fail(tensor, "wrong-size",
                "has " + llvm::Twine(length) + " bytes of external data; its shape and type, " + found.type->name +
                    ", want " + llvm::Twine(found.bytes));
  }
  const std::string *given = findEntry(tensor, "location");
  static const std::string nowhere;
  const std::string &location = given ? *given : nowhere;
  ExternalFile &file = find(tensor, location);
  if (file.size && (offset > *file.size || length > *file.size - offset)) {
    return refuseShort(tensor, file,
                       "has " + llvm::Twine(length) + " bytes at " + llvm::Twine(offset) + " of '" +
                           escape(location, 80) + "', which has " + llvm::Twine(*file.size) +
                           ": it is truncated, or of another export");
  }
  found.data = {checkpoint::joinPath(folder == "." ? "" : folder, location), {offset, length}};
  return file.size.has_value();
}

std::optional<Tensor> TensorReader::read(const proto::TensorProto &tensor, std::optional<Range> rawData) {
  Tensor found = {&tensor, findElementType(tensor.data_type()), {}};
  if (rawData) {
    found.data = {path, *rawData};
  }
  if (!found.type) {
    fail(tensor, "element-type", "is of type " + llvm::Twine(tensor.data_type()) + ", which Fathom does not know",
         tensor.data_type() > 0 ? Problem::Unsupported : Problem::BadInput);
    return std::nullopt;
  }
  if (tensor.has_segment()) {
    fail(tensor, "segment", "is a segment of a tensor, which Fathom does not read", Problem::Unsupported);
    return std::nullopt;
  }
  std::optional<uint64_t> elements = countElements(tensor);
  if (!elements) {
    return std::nullopt;
  }
  found.bytes = llvm::divideCeil(*elements * found.type->bits, 8);
  bool external = tensor.data_location() == proto::TensorProto::EXTERNAL;
  bool good = external ? readExternal(tensor, found) : readInMessage(tensor, *elements, found);
  return good ? std::optional<Tensor>(found) : std::nullopt;
}

} // namespace fathom::onnx
