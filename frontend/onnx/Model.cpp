// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading a model: its fields, what the message says of itself, then tensors and graphs.

#include "frontend/onnx/Model.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/checkpoint/StringIndex.h"
#include "frontend/onnx/CheckGraphs.h"
#include "frontend/onnx/TensorReader.h"

#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/stubs/logging.h>

#include <cerrno>
#include <limits>

namespace fathom::onnx {

using checkpoint::Diagnostics;
using checkpoint::Problem;
namespace io = google::protobuf::io;

llvm::StringRef normalizeDomain(llvm::StringRef domain) { return domain == "ai.onnx" ? "" : domain; }
llvm::StringRef nameOfDomain(llvm::StringRef domain) { return domain.empty() ? "ai.onnx" : domain; }

std::string describe(const proto::NodeProto &node) {
  llvm::StringRef name = node.name();
  if (name.empty() && node.output_size() > 0) {
    name = node.output(0);
  }
  return "node '" + escape(name, 80) + "' (" + escape(node.op_type(), 80) + ")";
}

int64_t Model::opset(llvm::StringRef domain) const {
  for (const proto::OperatorSetIdProto &set : message.opset_import()) {
    if (normalizeDomain(set.domain()) == domain) {
      return set.version();
    }
  }
  return 0;
}

/// Reads one model; one use.
class ModelReader {
public:
  ModelReader(const std::string &path, Diagnostics &diagnostics, const ModelLimits &limits)
      : diagnostics(diagnostics), limits(limits), model(std::make_unique<Model>()) {
    model->file = path;
  }

  std::unique_ptr<Model> read(io::ZeroCopyInputStream &input, int size, llvm::StringRef head);

private:
  void checkVersions();
  void checkOpset(const proto::OperatorSetIdProto &set);
  void readTensors(const std::vector<std::optional<Range>> &rawData);
  void fail(Problem problem, const char *code, llvm::StringRef where, const llvm::Twine &message,
            llvm::StringRef hint = {}) {
    diagnostics.error(problem, code, model->file, where, message, hint);
  }

  Diagnostics &diagnostics;
  const ModelLimits &limits;
  std::unique_ptr<Model> model;
};

void ModelReader::checkOpset(const proto::OperatorSetIdProto &set) {
  llvm::StringRef domain = normalizeDomain(set.domain());
  if (!domain.empty() || (set.version() >= kOldestOpset && set.version() <= kNewestOpset)) {
    return;
  }
  fail(Problem::Unsupported, "opset", "opset_import",
       "is of opset " + llvm::Twine(set.version()) + "; Fathom reads " + llvm::Twine(kOldestOpset) + " to " +
           llvm::Twine(kNewestOpset),
       "export the model with one of these, or convert it with onnx.version_converter");
}

void ModelReader::checkVersions() {
  int64_t version = model->message.ir_version();
  if (!model->message.has_graph()) {
    return fail(Problem::BadInput, "no-graph", "", "is not an ONNX model: it has no graph");
  }
  if (version < kOldestIr || version > kNewestIr) {
    fail(Problem::Unsupported, "ir-version", "ir_version",
         "is of version " + llvm::Twine(version) + " of ONNX's IR; Fathom reads " + llvm::Twine(kOldestIr) + " to " +
             llvm::Twine(kNewestIr));
  }
  checkpoint::StringIndex seen;
  for (const proto::OperatorSetIdProto &set : model->message.opset_import()) {
    if (!seen.insert(normalizeDomain(set.domain())).second) {
      fail(Problem::BadInput, "opset", "opset_import", "imports '" + escape(set.domain(), 80) + "' twice");
    }
    checkOpset(set);
  }
  if (model->message.training_info_size() > 0) {
    diagnostics.warning("training", model->file, "training_info", "is not read: Fathom does not train");
  }
}

void ModelReader::readTensors(const std::vector<std::optional<Range>> &rawData) {
  TensorReader reader(model->file, limits.rank, diagnostics);
  const proto::GraphProto &graph = model->message.graph();
  for (int i = 0; i < graph.initializer_size(); ++i) {
    if (std::optional<Tensor> tensor = reader.read(graph.initializer(i), rawData[i])) {
      model->tensors.push_back(*tensor);
    }
  }
  if (graph.sparse_initializer_size() > 0) {
    fail(Problem::Unsupported, "sparse-tensor", "sparse_initializer",
         "has " + llvm::Twine(graph.sparse_initializer_size()) + " sparse tensors, which Fathom does not read");
  }
}

std::unique_ptr<Model> ModelReader::read(io::ZeroCopyInputStream &input, int size, llvm::StringRef head) {
  google::protobuf::LogSilencer silencer;
  size_t before = diagnostics.errorCount();
  Diagnostics scan;
  std::optional<ScannedModel> scanned = scanModel(input, size, model->file, scan, limits.scan);
  llvm::StringRef known = scanned && size > 0 ? "" : checkpoint::recognize(head);
  if (!known.empty()) {
    fail(Problem::BadInput, "not-onnx", "", "is not an ONNX model", known);
    return nullptr;
  }
  for (const checkpoint::Finding &finding : scan.findings()) {
    diagnostics.report(finding);
  }
  if (!scanned) {
    return nullptr;
  }
  if (!model->message.ParsePartialFromString(scanned->message)) {
    fail(Problem::BadInput, "bad-message", "",
         "is not an ONNX model: a message in it is damaged, or its subgraphs are too deep for protobuf");
    return nullptr;
  }
  std::string().swap(scanned->message);
  checkVersions();
  readTensors(scanned->rawData);
  checkGraphs(*model, limits, diagnostics);
  return diagnostics.errorCount() == before ? std::move(model) : nullptr;
}

std::unique_ptr<Model> Model::parse(llvm::StringRef bytes, const std::string &path, Diagnostics &diagnostics,
                                    const ModelLimits &limits) {
  io::ArrayInputStream input(bytes.data(), static_cast<int>(bytes.size()));
  return ModelReader(path, diagnostics, limits).read(input, static_cast<int>(bytes.size()), bytes.take_front(64));
}

std::unique_ptr<Model> Model::open(const std::string &path, Diagnostics &diagnostics) {
  std::optional<File> file = checkpoint::openFile(path, path, Problem::InputOutput, diagnostics);
  if (!file) {
    return nullptr;
  }
  if (file->size() > std::numeric_limits<int>::max()) {
    diagnostics.error(Problem::Unsupported, "too-large", path, "",
                      "has " + llvm::Twine(file->size()) + " bytes, and protobuf reads no more than 2 GiB",
                      "save its weights as external data: onnx.save_model(..., save_as_external_data=True)");
    return nullptr;
  }
  std::string head(std::min<uint64_t>(64, file->size()), '\0');
  if (!file->read(head.data(), head.size(), 0)) {
    checkpoint::reportSystemError(errno, path, "cannot read", diagnostics);
    return nullptr;
  }
  io::FileInputStream input(file->fd());
  return ModelReader(path, diagnostics, {}).read(input, static_cast<int>(file->size()), head);
}

} // namespace fathom::onnx
