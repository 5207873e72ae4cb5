// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks fields of ModelProto, its graph and their initializers; all others are copied as they are.

#include "frontend/onnx/ModelScan.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <onnx/onnx_pb.h>

namespace fathom::onnx {

using checkpoint::Problem;
using google::protobuf::internal::WireFormatLite;
namespace io = google::protobuf::io;

static constexpr uint32_t tagOf(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}
static constexpr uint32_t kGraph = tagOf(::onnx::ModelProto::kGraphFieldNumber);
static constexpr uint32_t kInitializer = tagOf(::onnx::GraphProto::kInitializerFieldNumber);
static constexpr uint32_t kRawData = tagOf(::onnx::TensorProto::kRawDataFieldNumber);

namespace {
/// Scans one file; one use.
class Scanner {
public:
  Scanner(io::ZeroCopyInputStream &input, int size, llvm::StringRef file, checkpoint::Diagnostics &diagnostics,
          const ScanLimits &limits)
      : in(&input), file(file), diagnostics(diagnostics), limits(limits), messageLeft(limits.messageBytes) {
    in.SetTotalBytesLimit(size);
    in.PushLimit(size);
  }

  std::optional<ScannedModel> run();

private:
  using Message = llvm::function_ref<bool(uint32_t tag, io::CodedOutputStream &out)>;

  bool fail(Problem problem, const char *code, const llvm::Twine &message, llvm::StringRef hint = {});
  bool malformed(const char *what);
  bool readLength(int &length);
  bool copyMessage(std::string &to, Message field);
  bool copyInner(uint32_t tag, io::CodedOutputStream &out, Message field);
  bool copyField(uint32_t tag, io::CodedOutputStream &out);
  bool keepBytes(uint32_t tag, int length, io::CodedOutputStream &out);
  bool copyInitializerField(uint32_t tag, io::CodedOutputStream &out);

  io::CodedInputStream in;
  llvm::StringRef file;
  checkpoint::Diagnostics &diagnostics;
  const ScanLimits &limits;
  uint64_t messageLeft;
  ScannedModel model;
};
} // namespace

bool Scanner::fail(Problem problem, const char *code, const llvm::Twine &message, llvm::StringRef hint) {
  diagnostics.error(problem, code, file, "byte " + std::to_string(in.CurrentPosition()), message, hint);
  return false;
}

bool Scanner::malformed(const char *what) {
  return fail(Problem::BadInput, "bad-message", llvm::Twine("is not an ONNX model: expected ") + what);
}

bool Scanner::readLength(int &length) {
  uint32_t declared = 0;
  if (!in.ReadVarint32(&declared)) {
    return malformed("the length of a field");
  }
  if (declared > static_cast<uint32_t>(in.BytesUntilLimit())) {
    return fail(Problem::BadInput, "truncated",
                "a field declares " + llvm::Twine(declared) + " bytes, but " + llvm::Twine(in.BytesUntilLimit()) +
                    " are left: the file is truncated or damaged",
                "download or export it again");
  }
  length = static_cast<int>(declared);
  return true;
}

bool Scanner::copyMessage(std::string &to, Message field) {
  io::StringOutputStream stream(&to);
  io::CodedOutputStream out(&stream);
  while (uint32_t tag = in.ReadTag()) {
    if (!field(tag, out)) {
      return false;
    }
  }
  return in.ConsumedEntireMessage() || malformed("a field");
}

bool Scanner::copyInner(uint32_t tag, io::CodedOutputStream &out, Message field) {
  int length = 0;
  if (!readLength(length)) {
    return false;
  }
  io::CodedInputStream::Limit outer = in.PushLimit(length);
  std::string inner;
  if (!copyMessage(inner, field)) {
    return false;
  }
  in.PopLimit(outer);
  out.WriteTag(tag);
  out.WriteVarint32(static_cast<uint32_t>(inner.size()));
  out.WriteString(inner);
  return true;
}

bool Scanner::keepBytes(uint32_t tag, int length, io::CodedOutputStream &out) {
  if (static_cast<uint64_t>(length) > messageLeft) {
    return fail(Problem::Resources, "too-large",
                "the graph has more than " + llvm::Twine(limits.messageBytes) + " bytes beside raw data",
                "save its weights as raw or external data");
  }
  messageLeft -= length;
  std::string bytes;
  if (!in.ReadString(&bytes, length)) {
    return malformed("the bytes of a field");
  }
  out.WriteTag(tag);
  out.WriteVarint32(static_cast<uint32_t>(length));
  out.WriteString(bytes);
  return true;
}

bool Scanner::copyField(uint32_t tag, io::CodedOutputStream &out) {
  uint64_t wide = 0;
  uint32_t narrow = 0;
  int length = 0;
  switch (WireFormatLite::GetTagWireType(tag)) {
  case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
    return readLength(length) && keepBytes(tag, length, out);
  case WireFormatLite::WIRETYPE_VARINT:
    out.WriteTag(tag);
    return in.ReadVarint64(&wide) ? (out.WriteVarint64(wide), true) : malformed("a number");
  case WireFormatLite::WIRETYPE_FIXED64:
    out.WriteTag(tag);
    return in.ReadLittleEndian64(&wide) ? (out.WriteLittleEndian64(wide), true) : malformed("eight bytes");
  case WireFormatLite::WIRETYPE_FIXED32:
    out.WriteTag(tag);
    return in.ReadLittleEndian32(&narrow) ? (out.WriteLittleEndian32(narrow), true) : malformed("four bytes");
  default:
    return malformed("a field");
  }
}

// Protobuf takes the last of a field's values.
bool Scanner::copyInitializerField(uint32_t tag, io::CodedOutputStream &out) {
  if (tag != kRawData) {
    return copyField(tag, out);
  }
  int length = 0;
  if (!readLength(length)) {
    return false;
  }
  model.rawData.back() = Range{static_cast<uint64_t>(in.CurrentPosition()), static_cast<uint64_t>(length)};
  if (static_cast<uint32_t>(length) <= limits.smallBytes) {
    return keepBytes(tag, length, out);
  }
  return in.Skip(length) || malformed("raw data");
}

std::optional<ScannedModel> Scanner::run() {
  auto initializer = [&](uint32_t tag, io::CodedOutputStream &out) { return copyInitializerField(tag, out); };
  auto graph = [&](uint32_t tag, io::CodedOutputStream &out) {
    if (tag != kInitializer) {
      return copyField(tag, out);
    }
    model.rawData.emplace_back();
    return copyInner(tag, out, initializer);
  };
  bool whole = copyMessage(model.message, [&](uint32_t tag, io::CodedOutputStream &out) {
    return tag == kGraph ? copyInner(tag, out, graph) : copyField(tag, out);
  });
  return whole ? std::optional<ScannedModel>(std::move(model)) : std::nullopt;
}

std::optional<ScannedModel> scanModel(io::ZeroCopyInputStream &input, int size, llvm::StringRef file,
                                      checkpoint::Diagnostics &diagnostics, const ScanLimits &limits) {
  return Scanner(input, size, file, diagnostics, limits).run();
}

} // namespace fathom::onnx
