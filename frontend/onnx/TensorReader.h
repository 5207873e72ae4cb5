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

/// A file that tensors have their data in.
struct ExternalFile {
  /// Nothing where it cannot be read.
  std::optional<uint64_t> size;
  /// What its first bytes show it to be instead of data, where that is a known mistake.
  llvm::StringRef mistake;
  /// Whether a tensor that lies beyond its end was reported: one of thousands says it.
  bool isReported = false;
};

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
  ExternalFile look(const proto::TensorProto &tensor, const std::string &location);
  ExternalFile &find(const proto::TensorProto &tensor, const std::string &location);
  bool refuseShort(const proto::TensorProto &tensor, ExternalFile &file, const llvm::Twine &missing);

  const std::string &path;
  std::string folder;
  int mostRank;
  checkpoint::Diagnostics &diagnostics;
  /// Files that were named, and what they are by their numbers.
  checkpoint::StringIndex names;
  std::vector<ExternalFile> files;
};

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_TENSORREADER_H
