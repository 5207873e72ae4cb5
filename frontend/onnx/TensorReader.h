// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors of an ONNX model: that they have the bytes which their shapes say, in the message or in files.

#ifndef FATHOM_FRONTEND_ONNX_TENSORREADER_H
#define FATHOM_FRONTEND_ONNX_TENSORREADER_H

#include "frontend/checkpoint/StringIndex.h"
#include "frontend/onnx/Model.h"

#include <optional>

namespace fathom::onnx {

class TensorReader {
public:
  /// `path` is the model's, beside which external data lie.
  TensorReader(const std::string &path, int mostRank, checkpoint::Diagnostics &diagnostics);

  /// A tensor whose raw data are at `rawData` of the model's file, in the message or not. Nothing after a
  /// finding.
  std::optional<Tensor> read(const proto::TensorProto &tensor, std::optional<Range> rawData = std::nullopt);

private:
  bool fail(const proto::TensorProto &tensor, const char *code, const llvm::Twine &message,
            checkpoint::Problem problem = checkpoint::Problem::BadInput);
  std::optional<uint64_t> countElements(const proto::TensorProto &tensor);
  bool readInMessage(const proto::TensorProto &tensor, uint64_t elements, Tensor &found);
  bool readExternal(const proto::TensorProto &tensor, Tensor &found);
  bool acceptLocation(const proto::TensorProto &tensor, llvm::StringRef location);
  std::optional<uint64_t> sizeOf(const proto::TensorProto &tensor, const std::string &location);

  const std::string &path;
  std::string folder;
  int mostRank;
  checkpoint::Diagnostics &diagnostics;
  /// Files that were named, and by their numbers the sizes; nothing where one cannot be read.
  checkpoint::StringIndex files;
  std::vector<std::optional<uint64_t>> sizes;
};

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_TENSORREADER_H
