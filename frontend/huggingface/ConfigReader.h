// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Typed access to the keys of a JSON object, with a finding for everything that is not as expected.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_CONFIGREADER_H
#define FATHOM_FRONTEND_HUGGINGFACE_CONFIGREADER_H

#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/checkpoint/Json.h"
#include "llvm/ADT/StringSet.h"

#include <optional>
#include <string>
#include <vector>

namespace fathom::huggingface {

/// Whether a key may be absent or null. Nullable: it must be there, and null says "none". NotNull: null is not the
/// default that an absent key has. Defaulted: the same, and the default is the family's, where it has one.
enum class Need { Required, Nullable, NotNull, Defaulted, Optional };

/// Reads one object of a configuration file. Every function leaves its output alone where the key is absent
/// or wrong, and returns true where it set it.
class ConfigReader {
public:
  /// `prefix` names the object in messages ("rope_scaling."), `owner` who needs the keys ("deepseek_v3").
  ConfigReader(checkpoint::json::Value object, llvm::StringRef file, std::string prefix, std::string owner,
               checkpoint::Diagnostics &diagnostics)
      : object(object), file(file), prefix(std::move(prefix)), owner(std::move(owner)), diagnostics(diagnostics) {}

  /// The value of a key; a null handle where it is absent or null. A finding where `need` forbids that.
  checkpoint::json::Value get(llvm::StringRef key, Need need = Need::Optional);

  /// An integer in [low, high], spelled without fraction and exponent.
  bool integer(llvm::StringRef key, int64_t &out, int64_t low, int64_t high, Need need = Need::Required);
  /// A finite number in [low, high].
  bool real(llvm::StringRef key, double &out, double low, double high, Need need = Need::Required);
  bool boolean(llvm::StringRef key, bool &out, Need need = Need::Optional);
  bool string(llvm::StringRef key, std::string &out, Need need = Need::Optional);
  /// One token id or an array of them, each in [0, high]. Those that cannot come are left out: -1, which some trainers
  /// write for none, and, with a warning, what is above `high`.
  bool tokens(llvm::StringRef key, std::vector<int64_t> &out, int64_t high);

  /// The same value where both `key` and its older spelling may be written; a finding where they differ.
  checkpoint::json::Value getEither(llvm::StringRef key, llvm::StringRef older);

  /// Whether a key is there and says null.
  bool isNull(llvm::StringRef key) const {
    checkpoint::json::Value value = object.find(key);
    return value && value.isNull();
  }

  /// Whether a key is there, whatever it says.
  bool has(llvm::StringRef key) {
    asked.insert(key);
    return bool(object.find(key));
  }

  /// Whether a key was asked for.
  bool hasRead(llvm::StringRef key) const { return asked.contains(key); }
  const llvm::StringSet<> &keysRead() const { return asked; }

  /// Warns of each key that was not asked for and says something, unless it is one of the words in `described`:
  /// "<key> is <value>, which <reader> reads".
  void warnOfUnread(llvm::StringRef described, const llvm::Twine &reader);

  /// Warns that a key is absent that decides, and which value is taken.
  void warnOfDefault(llvm::StringRef key, llvm::StringRef taken);

  /// Names who needs the keys from now on.
  void setOwner(std::string name) { owner = std::move(name); }

  void bad(llvm::StringRef key, const llvm::Twine &message);
  void unsupported(llvm::StringRef key, const llvm::Twine &message, llvm::StringRef hint = {});

private:
  std::string place(llvm::StringRef key) const;
  std::string named(llvm::StringRef key) const { return "\"" + prefix + key.str() + "\""; }
  bool token(llvm::StringRef key, checkpoint::json::Value value, int64_t high, std::vector<int64_t> &out);

  checkpoint::json::Value object;
  llvm::StringRef file;
  std::string prefix;
  std::string owner;
  checkpoint::Diagnostics &diagnostics;
  llvm::StringSet<> asked;
};

/// A value as a message quotes it.
std::string quote(checkpoint::json::Value value);
std::string quote(double value);

/// An object that says nothing counts as absent.
checkpoint::json::Value unlessEmpty(checkpoint::json::Value object);

/// A setting that changes answers and that Fathom does not implement.
struct UndoneSetting {
  const char *key;
  /// The number that changes nothing, as files with all defaults have it. null, false, [] and {} never do.
  double inert = 0;
};

/// Whether a value of such a setting changes nothing.
bool isInert(checkpoint::json::Value value, double number);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_CONFIGREADER_H
