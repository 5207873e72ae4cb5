// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An ONNX file as its fields lie: protobuf would copy all weights to memory to get at the graph.

#ifndef FATHOM_FRONTEND_ONNX_MODELSCAN_H
#define FATHOM_FRONTEND_ONNX_MODELSCAN_H

#include "frontend/checkpoint/Diagnostics.h"

#include <google/protobuf/io/zero_copy_stream.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fathom::onnx {

/// Bytes of a file.
struct Range {
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct ScannedModel {
  /// A serialized ModelProto, but for the raw data of the main graph's initializers that is not small.
  std::string message;
  /// Of each initializer of the main graph, in their order, where its raw data are, left out or not.
  std::vector<std::optional<Range>> rawData;
};

struct ScanLimits {
  /// Of the message without raw data.
  uint64_t messageBytes = uint64_t(1) << 30;
  /// Of raw data that stays in the message as well.
  uint32_t smallBytes = 1024;
};

/// Reads a file of `size` bytes, which protobuf's limit keeps below 2 GiB. Nothing after a finding.
std::optional<ScannedModel> scanModel(google::protobuf::io::ZeroCopyInputStream &input, int size, llvm::StringRef file,
                                      checkpoint::Diagnostics &diagnostics, const ScanLimits &limits = {});

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_MODELSCAN_H
