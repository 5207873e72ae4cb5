// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the metadata of a GGUF file say of a model, as a config.json says it.

#ifndef FATHOM_FRONTEND_GGUF_CONVERTCONFIG_H
#define FATHOM_FRONTEND_GGUF_CONVERTCONFIG_H

#include "frontend/gguf/MetadataReader.h"

#include <utility>

namespace fathom::gguf {

/// An architecture that is read.
struct Architecture {
  const char *name;
  bool latentAttention;
  bool experts;
  /// Rows of attn_q and attn_k alternate between the halves of a head.
  bool alternates;
};

/// That of general.architecture; null, with a finding, where it is not read.
const Architecture *findArchitecture(MetadataReader &metadata);

/// A key of config.json, and that of the metadata which it comes from.
using KeyName = std::pair<std::string, std::string>;

struct ConvertedConfig {
  /// The text of a config.json; empty after an error.
  std::string text;
  std::vector<KeyName> keys;
  int64_t heads = 0, keyValueHeads = 0;
  /// Further layers draft tokens.
  int64_t layers = 0;
};

/// Reports what is of a wrong type, and what says that a model computes something that Fathom does not.
ConvertedConfig convertConfig(MetadataReader &metadata, const Architecture &architecture, Diagnostics &diagnostics);

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_CONVERTCONFIG_H
