// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Typed access, and the findings when the type is wrong.

#include "frontend/huggingface/ConfigReader.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

namespace fathom::huggingface {

using checkpoint::Problem;
using checkpoint::json::Kind;
using checkpoint::json::Value;

std::string quote(Value value) {
  switch (value.kind()) {
  case Kind::String:
    return "\"" + escape(value.string(), 80) + "\"";
  case Kind::Array:
  case Kind::Object:
    return describe(value.kind()).str();
  default:
    return escape(value.spelling(), 80);
  }
}

std::string quote(double value) { return llvm::formatv("{0}", llvm::format("%.10g", value)); }

bool isInert(Value value, double number) {
  switch (value.kind()) {
  case Kind::Array:
  case Kind::Object:
    return value.size() == 0;
  default:
    return value.isNull() || value.boolean() == false || value.number() == number;
  }
}

Value unlessEmpty(Value object) {
  bool empty = object.isObject();
  for (auto [key, value] : object.members()) {
    empty = empty && value.isNull();
  }
  return empty ? Value() : object;
}

std::string ConfigReader::place(llvm::StringRef key) const {
  Value value = object.find(key);
  return value ? value.where() : object ? object.where() : "";
}

void ConfigReader::bad(llvm::StringRef key, const llvm::Twine &message) {
  diagnostics.error(Problem::BadInput, "bad-config", file, place(key), named(key) + " " + message);
}

void ConfigReader::unsupported(llvm::StringRef key, const llvm::Twine &message, llvm::StringRef hint) {
  diagnostics.error(Problem::Unsupported, "unsupported-config", file, place(key), named(key) + " " + message, hint);
}

Value ConfigReader::get(llvm::StringRef key, Need need) {
  asked.insert(key);
  Value value = object.find(key);
  if (value && !value.isNull()) {
    return value;
  }
  bool wanted = value ? need == Need::NotNull || need == Need::Defaulted : need == Need::Nullable;
  if (need == Need::Required || wanted) {
    bad(key, llvm::Twine(value ? "is null" : "is missing") + ", but " + owner + " needs it" +
                 (need == Need::Nullable ? " (null for none)" : ""));
  }
  return {};
}

bool ConfigReader::integer(llvm::StringRef key, int64_t &out, int64_t low, int64_t high, Need need) {
  Value value = get(key, need);
  if (!value) {
    return false;
  }
  std::optional<int64_t> number = value.integer();
  if (!number || *number < low || *number > high) {
    bad(key, llvm::formatv("is {0}, expected an integer from {1} to {2}", quote(value), low, high).str());
    return false;
  }
  out = *number;
  return true;
}

bool ConfigReader::real(llvm::StringRef key, double &out, double low, double high, Need need) {
  Value value = get(key, need);
  if (!value) {
    return false;
  }
  std::optional<double> number = value.number();
  if (!number || *number < low || *number > high) {
    std::string range = llvm::formatv("from {0} to {1}", llvm::format("%g", low), llvm::format("%g", high));
    bad(key, "is " + quote(value) + ", expected a number " + range);
    return false;
  }
  out = *number;
  return true;
}

bool ConfigReader::boolean(llvm::StringRef key, bool &out, Need need) {
  Value value = get(key, need);
  if (!value) {
    return false;
  }
  if (!value.boolean()) {
    bad(key, "is " + quote(value) + ", expected true or false");
    return false;
  }
  out = *value.boolean();
  return true;
}

bool ConfigReader::string(llvm::StringRef key, std::string &out, Need need) {
  Value value = get(key, need);
  if (!value) {
    return false;
  }
  if (!value.isString()) {
    bad(key, "is " + quote(value) + ", expected a string");
    return false;
  }
  out = value.string().str();
  return true;
}

bool ConfigReader::token(llvm::StringRef key, Value value, int64_t high, std::vector<int64_t> &out) {
  std::optional<int64_t> id = value.integer();
  if (id == -1) {
    return true;
  }
  if (id && *id > high && *id <= INT32_MAX) {
    diagnostics.warning("token-id", file, value.where(),
                        named(key) + " holds " + quote(value) + ", but the model has tokens 0 to " + llvm::Twine(high) +
                            " only; ignored");
    return true;
  }
  if (!id || *id < 0 || *id > high) {
    bad(key, "holds " + quote(value) + ", expected a token id from 0 to " + llvm::Twine(high) + ", or -1 for none");
    return false;
  }
  out.push_back(*id);
  return true;
}

bool ConfigReader::tokens(llvm::StringRef key, std::vector<int64_t> &out, int64_t high) {
  Value value = get(key);
  std::vector<int64_t> ids;
  if (!value || (!value.isArray() && !token(key, value, high, ids))) {
    return false;
  }
  for (Value element : value.elements()) {
    if (!token(key, element, high, ids)) {
      return false;
    }
  }
  out = std::move(ids);
  return true;
}

Value ConfigReader::getEither(llvm::StringRef key, llvm::StringRef older) {
  Value value = get(key), alias = get(older);
  if (value && alias && quote(value) != quote(alias)) {
    bad(key, "is " + quote(value) + ", but \"" + older + "\" is " + quote(alias));
  }
  return value ? value : alias;
}

void ConfigReader::warnOfDefault(llvm::StringRef key, llvm::StringRef taken) {
  diagnostics.warning("default-config", file, place(key),
                      named(key) + " is not given; using " + taken + ", as Hugging Face's transformers does");
}

void ConfigReader::warnOfUnread(llvm::StringRef described, const llvm::Twine &reader) {
  llvm::SmallVector<llvm::StringRef> nothing;
  described.split(nothing, ' ');
  for (auto [key, value] : object.members()) {
    if (!hasRead(key) && !isInert(value, 0) && !llvm::is_contained(nothing, key)) {
      diagnostics.warning("unread-config", file, value.where(),
                          "\"" + prefix + escape(key, 80) + "\" is " + quote(value) + ", which " + reader +
                              " reads; answers are computed without it");
    }
  }
}

} // namespace fathom::huggingface
