// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An ONNX model that was read and checked: every name it uses is there, every tensor has the bytes its shape says, and
// every file it names lies in its folder. What its operators mean is not looked at here.

#ifndef FATHOM_FRONTEND_ONNX_MODEL_H
#define FATHOM_FRONTEND_ONNX_MODEL_H

#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/onnx/ElementType.h"
#include "frontend/onnx/ModelScan.h"

#include <memory>
#include <onnx/onnx_pb.h>
#include <string>
#include <vector>

namespace fathom::onnx {

/// Messages of the format.
namespace proto = ::onnx;

/// What Fathom reads of the format.
constexpr int64_t kOldestIr = 3, kNewestIr = 13;
constexpr int64_t kOldestOpset = 11, kNewestOpset = 24;

/// Where a tensor's numbers are: little-endian, elements of less than a byte packed from the lowest bits up.
struct TensorData {
  /// The file that has them; empty: the message has, as raw data or by elements.
  std::string file;
  Range range;
};

struct Tensor {
  const proto::TensorProto *proto;
  const ElementType *type;
  TensorData data;
  /// Bytes of the numbers; 0 for strings.
  uint64_t bytes = 0;
};

/// Limits where the format has none.
struct ModelLimits {
  ScanLimits scan;
  size_t nodes = 4'000'000;
  size_t nameBytes = 4096;
  int rank = 8;
};

class Model {
public:
  /// Opens and checks a file, which may name others in its folder. Reports all findings; nothing after an error.
  static std::unique_ptr<Model> open(const std::string &path, checkpoint::Diagnostics &diagnostics);
  /// The same of bytes that are called `path`.
  static std::unique_ptr<Model> parse(llvm::StringRef bytes, const std::string &path,
                                      checkpoint::Diagnostics &diagnostics, const ModelLimits &limits = {});

  const proto::ModelProto &proto() const { return message; }
  const std::string &path() const { return file; }
  /// Initializers of the main graph, in its order.
  const std::vector<Tensor> &initializers() const { return tensors; }
  /// The version of a domain's operators, "" for ai.onnx; 0 where it is not imported.
  int64_t opset(llvm::StringRef domain) const;

private:
  friend class ModelReader;
  std::string file;
  proto::ModelProto message;
  std::vector<Tensor> tensors;
};

/// The domain with one name for ONNX's own, which has two: "" where domains are compared, "ai.onnx" for people.
llvm::StringRef normalizeDomain(llvm::StringRef domain);
llvm::StringRef nameOfDomain(llvm::StringRef domain);

/// How messages name a node: "node 'name' (MatMul)", by its first output where it has no name.
std::string describe(const proto::NodeProto &node);

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_MODEL_H
