// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A loaded artifact: what the handle fathom_model_t names.

#ifndef FATHOM_RUNTIME_SRC_MODEL_H
#define FATHOM_RUNTIME_SRC_MODEL_H

#include "runtime/device/device.h"
#include "runtime/src/handle_table.h"
#include "runtime/src/tokenizer/tokenizer.h"
#include "runtime/src/weights.h"

namespace fathom::runtime {

/// Immutable once loaded.
class Model {
public:
  static constexpr HandleKind kKind = HandleKind::kModel;

  fathom_status_t loadFile(const char *path, const fathom_model_options_t &options);
  fathom_status_t loadMemory(const void *data, size_t size, const fathom_model_options_t &options);

  const artifact::Artifact &contents() const { return metadata.contents(); }
  const artifact::Model &facts() const { return *contents().model(); }
  /// Of the variants, the one that this machine runs.
  const artifact::Program &program() const { return deviceCode.program(); }
  const DeviceCode &code() const { return deviceCode; }
  /// Of calls of functions; 0: one for each processor.
  uint32_t callThreads() const { return threads; }
  const DeviceAddress *weights() const { return tensors.addresses(); }
  uint64_t identity() const { return metadata.header().metadata_hash; }

  /// IO if the artifact, or a file its weights are in, shrank.
  fathom_status_t checkStillWhole() const;

  bool hasTokenizer() const { return contents().tokenizer() != nullptr; }
  /// Only if hasTokenizer().
  tokenizer::Tokenizer tokenizer() const { return tokenizer::Tokenizer(*contents().tokenizer()); }

  /// Whether |token| ends an answer.
  bool isEos(int32_t token) const;

  void describe(fathom_model_info_t *info) const;
  /// What the model's authors say about sampling; what they leave open keeps its neutral value.
  void recommend(fathom_sampling_t *sampling) const;

private:
  fathom_status_t load(const Weights::Places &places, const fathom_model_options_t &options);

  ByteSource source;
  Metadata metadata;
  DeviceChoice choice;
  uint32_t threads = 0;
  DeviceCode deviceCode;
  Weights tensors;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_MODEL_H
