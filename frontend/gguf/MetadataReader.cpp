// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/MetadataReader.h"

#include "llvm/Support/JSON.h"

#include <charconv>
#include <cmath>

namespace fathom::gguf {

const Value *MetadataReader::ask(llvm::StringRef key) {
  asked.insert(key);
  return file.find(key);
}

void MetadataReader::refuse(llvm::StringRef key, const Value &value, llvm::StringRef expected) {
  std::string found = name(value.type).str();
  if (value.type == ValueType::Array) {
    found += " of " + name(value.element).str();
    unsupported(key, "is " + llvm::Twine(found) + ", but the only supported value is " + expected);
    return;
  }
  bad(key, "is " + llvm::Twine(found) + ", expected " + expected);
}

template <typename Result>
std::optional<Result> MetadataReader::take(llvm::StringRef key,
                                           std::optional<Result> (GgufFile::*read)(const Value &) const,
                                           llvm::StringRef expected) {
  const Value *value = ask(key);
  if (!value) {
    return std::nullopt;
  }
  std::optional<Result> result = (file.*read)(*value);
  if (!result) {
    refuse(key, *value, expected);
  }
  return result;
}

std::optional<int64_t> MetadataReader::integer(llvm::StringRef key) {
  return take(key, &GgufFile::integer, "an integer below 2^63");
}

std::optional<double> MetadataReader::real(llvm::StringRef key) {
  std::optional<double> number = take(key, &GgufFile::real, "a number");
  if (number && !std::isfinite(*number)) {
    bad(key, "is not a finite number");
    return std::nullopt;
  }
  return number;
}

std::optional<bool> MetadataReader::boolean(llvm::StringRef key) { return take(key, &GgufFile::boolean, "a bool"); }

std::optional<llvm::StringRef> MetadataReader::string(llvm::StringRef key) {
  std::optional<llvm::StringRef> text = take(key, &GgufFile::string, "a string");
  if (text && !llvm::json::isUTF8(*text)) {
    bad(key, "is not UTF-8");
    return std::nullopt;
  }
  return text;
}

std::optional<std::vector<llvm::StringRef>> MetadataReader::strings(llvm::StringRef key) {
  auto texts = take(key, &GgufFile::strings, "an array of strings");
  for (size_t i = 0; texts && i < texts->size(); ++i) {
    if (!llvm::json::isUTF8((*texts)[i])) {
      bad(key, "has an element " + llvm::Twine(i) + " that is not UTF-8");
      return std::nullopt;
    }
  }
  return texts;
}

std::optional<std::vector<int64_t>> MetadataReader::integers(llvm::StringRef key) {
  return take(key, &GgufFile::integers, "an array of integers");
}

std::string spell(float number) {
  char text[32];
  return {text, std::to_chars(text, std::end(text), number).ptr};
}

std::optional<std::string> MetadataReader::spellReal(llvm::StringRef key) {
  std::optional<double> number = real(key);
  return number ? std::optional(spell(static_cast<float>(*number))) : std::nullopt;
}

void MetadataReader::warnOfUnread(llvm::StringRef prefix) {
  for (llvm::StringRef key : file.keys()) {
    if (key.starts_with(prefix) && !asked.contains(key)) {
      diagnostics.warning("unread-metadata", path, escape(key),
                          "is not read by Fathom; answers are computed without it");
    }
  }
}

} // namespace fathom::gguf
