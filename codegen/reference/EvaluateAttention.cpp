// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotation, the cache and attention through kernels/ref, a row at a time: each row has its own sequence.

#include "codegen/reference/Frame.h"

#include "kernels/ref/ref.h"

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

/// A rope table and the positions of rows in it.
struct Rotation {
  const Tensor &table;
  const Tensor &positions;
};

/// Rows' positions must have angles in the table, `width` numbers each.
static bool expectRotation(Operation *op, const Rotation &rotation, int64_t rows, int64_t width, Frame &frame) {
  const Tensor &table = rotation.table;
  bool inRange = llvm::all_of(rotation.positions.ids, [&](int32_t p) { return p >= 0 && p < table.rows(); });
  return frame.expect(inRange && rotation.positions.size() == rows && table.size() == table.rows() * width, op,
                      "a position in the rope table for each row");
}

static ref::RopeLayout convert(RopeLayout layout) {
  return layout == RopeLayout::interleaved ? ref::RopeLayout::Interleaved : ref::RopeLayout::HalfSplit;
}

static void evaluate(RopeOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  Rotation rotation = {frame.tensor(op.getTable()), frame.tensor(op.getPositions())};
  int64_t headDim = op.getHeadDim();
  if (!expectRotation(op, rotation, input.rows(), headDim, frame)) {
    return;
  }
  std::vector<float> out(input.size());
  ref::rope(input.reals.data(), rotation.positions.ids.data(), rotation.table.reals.data(), input.rows(),
            input.width() / headDim, headDim, convert(op.getLayout()), out.data());
  frame.setReals(op.getResult(), input.shape, std::move(out));
}

/// A cache with `row(t)` written to `store` for each row.
template <typename Op>
static void append(Op op, StringRef store, const Tensor &positions, Frame &frame,
                   llvm::function_ref<std::vector<float>(int64_t)> row) {
  Cache cache = *frame.cache(op.getCache());
  int64_t layer = frame.index(op.getLayer());
  if (!frame.expect(positions.size() == int64_t(frame.sequences.size()), op, "a sequence for each row")) {
    return;
  }
  for (int64_t t = 0; t < positions.size(); ++t) {
    cache.written[{store.str(), frame.sequences[t], layer, positions.ids[t]}] = row(t);
  }
  frame.set(op.getResult(), std::make_shared<const Cache>(std::move(cache)));
}

static void evaluate(CacheAppendOp op, Frame &frame) {
  const Tensor &positions = frame.tensor(op.getPositions());
  auto hasRows = [&](Value part) { return frame.tensor(part).rows() == positions.size(); };
  if (!frame.expect(llvm::all_of(op.getParts(), hasRows), op, "a row per position")) {
    return;
  }
  append(op, op.getStore(), positions, frame, [&](int64_t t) {
    std::vector<float> row;
    for (Value value : op.getParts()) {
      const Tensor &part = frame.tensor(value);
      llvm::append_range(row, ArrayRef(part.reals).slice(t * part.width(), part.width()));
    }
    return row;
  });
}

static void evaluate(MlaAppendOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &norm = frame.tensor(op.getNorm());
  Rotation rotation = {frame.tensor(op.getTable()), frame.tensor(op.getPositions())};
  int64_t width = input.width(), rank = norm.size();
  bool fits = rank < width && width == op.getCache().getType().getWidth(kLatentStore);
  if (!frame.expect(fits, op, "an input of the latents' width") ||
      !expectRotation(op, rotation, input.rows(), width - rank, frame)) {
    return;
  }
  double eps = op.getEps().convertToDouble();
  append(op, kLatentStore, rotation.positions, frame, [&](int64_t t) {
    std::vector<float> row(width);
    const float *from = input.reals.data() + t * width;
    ref::rms_norm(from, norm.reals.data(), 1, rank, eps, row.data());
    ref::rope(from + rank, &rotation.positions.ids[t], rotation.table.reals.data(), 1, 1, width - rank,
              convert(op.getLayout()), row.data() + rank);
    return row;
  });
}

/// A position beyond it is a mistake, and its past would fill the memory.
constexpr int32_t kMostPositions = 1 << 16;

/// The rows of `store` up to `position`, [position + 1, width].
static std::vector<float> readStore(const Cache &cache, StringRef store, int64_t sequence, int64_t layer,
                                    int64_t position) {
  std::vector<float> out;
  for (int64_t p = 0; p <= position; ++p) {
    std::vector<float> row = cache.read({store.str(), sequence, layer, p});
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

/// Whether positions of `rows` rows are those of the call, each with a past that can be read.
static bool expectPast(Operation *op, const Tensor &positions, int64_t rows, Frame &frame) {
  bool fits = positions.size() == rows && rows == int64_t(frame.sequences.size()) &&
              llvm::all_of(positions.ids, [](int32_t p) { return p >= 0 && p < kMostPositions; });
  return frame.expect(fits, op, "a sequence and a position for each row");
}

static void evaluate(GqaAttentionOp op, Frame &frame) {
  ref::GqaShape shape = {int64_t(op.getNumHeads()), int64_t(op.getNumKvHeads()), int64_t(op.getHeadDim())};
  const Tensor &query = frame.tensor(op.getQuery()), &positions = frame.tensor(op.getPositions());
  CachePtr cache = frame.cache(op.getCache());
  int64_t layer = frame.index(op.getLayer()), rows = query.rows();
  if (!expectPast(op, positions, rows, frame)) {
    return;
  }
  std::vector<float> out(query.size());
  for (int64_t t = 0; t < rows; ++t) {
    auto read = [&](StringRef store) { return readStore(*cache, store, frame.sequences[t], layer, positions.ids[t]); };
    std::vector<float> keys = read(kKeyStore), values = read(kValueStore);
    ref::gqa_attention(query.reals.data() + t * query.width(), keys.data(), values.data(), &positions.ids[t], 1, shape,
                       op.getSoftmaxScale().convertToDouble(), out.data() + t * query.width());
  }
  frame.setReals(op.getResult(), query.shape, std::move(out));
}

/// kernels/ref rotates adjacent pairs, as every released MLA model does.
template <typename Op>
static bool expectInterleaved(Op op, Frame &frame) {
  return frame.expect(op.getLayout() == RopeLayout::interleaved, op, "the interleaved layout");
}

/// Not every op with heads has a verifier: sizes that no model has would overflow products of them.
static bool expectShape(Operation *op, const ref::MlaShape &shape, Frame &frame) {
  int64_t sizes[] = {shape.heads, shape.nope, shape.rope, shape.value, shape.rank};
  bool sane = llvm::all_of(sizes, [](int64_t size) { return size >= 0 && size < (1 << 15); });
  return frame.expect(sane && shape.heads > 0 && shape.rank > 0, op, "heads and widths of a model");
}

static void evaluate(MlaAttentionOp op, Frame &frame) {
  ref::MlaShape shape = {int64_t(op.getNumHeads()), int64_t(op.getNopeDim()), int64_t(op.getRopeDim()),
                         int64_t(op.getValueDim()), op.getLatentDim()};
  const Tensor &query = frame.tensor(op.getQuery());
  Rotation rotation = {frame.tensor(op.getTable()), frame.tensor(op.getPositions())};
  CachePtr cache = frame.cache(op.getCache());
  if (!expectShape(op, shape, frame)) {
    return;
  }
  int64_t layer = frame.index(op.getLayer()), rows = query.rows(), width = shape.heads * shape.value;
  std::vector<float> weight = decodeMatrix(op.getKvB(), op.getScale(), op.getBlockAttr(), false, 0, frame);
  if (!expectInterleaved(op, frame) || !expectRotation(op, rotation, rows, shape.rope, frame) ||
      !frame.expect(rows == int64_t(frame.sequences.size()), op, "a sequence for each row")) {
    return;
  }
  std::vector<float> out(rows * width);
  for (int64_t t = 0; t < rows; ++t) {
    const int32_t *position = &rotation.positions.ids[t];
    std::vector<float> latents = readStore(*cache, kLatentStore, frame.sequences[t], layer, *position);
    ref::mla_attention(query.reals.data() + t * query.width(), weight.data(), latents.data(), position,
                       rotation.table.reals.data(), 1, shape, op.getSoftmaxScale().convertToDouble(),
                       out.data() + t * width);
  }
  frame.setReals(op.getResult(), {rows, width}, std::move(out));
}

static void evaluate(MlaAbsorbQueryOp op, Frame &frame) {
  const Tensor &query = frame.tensor(op.getQuery());
  Rotation rotation = {frame.tensor(op.getTable()), frame.tensor(op.getPositions())};
  int64_t heads = op.getNumHeads(), rank = getWidth(op.getKvB().getType());
  ref::MlaShape shape = {heads, int64_t(op.getNopeDim()), int64_t(op.getRopeDim()), int64_t(op.getValueDim()), rank};
  if (!expectShape(op, shape, frame)) {
    return;
  }
  std::vector<float> weight = decodeMatrix(op.getKvB(), op.getScale(), op.getBlockAttr(), false, 0, frame);
  bool fits = query.width() == heads * (shape.nope + shape.rope) &&
              int64_t(weight.size()) == heads * (shape.nope + shape.value) * rank;
  if (!expectInterleaved(op, frame) || !expectRotation(op, rotation, query.rows(), shape.rope, frame) ||
      !frame.expect(fits, op, "a query and weight of its heads")) {
    return;
  }
  int64_t width = heads * (rank + shape.rope);
  std::vector<float> out(query.rows() * width);
  ref::mla_absorb_query(query.reals.data(), weight.data(), rotation.positions.ids.data(), rotation.table.reals.data(),
                        query.rows(), shape, out.data());
  frame.setReals(op.getResult(), {query.rows(), width}, std::move(out));
}

static void evaluate(MlaLatentAttentionOp op, Frame &frame) {
  ref::MlaShape shape = {int64_t(op.getNumHeads()), 0, int64_t(op.getRopeDim()), 0, op.getLatentDim()};
  const Tensor &query = frame.tensor(op.getQuery()), &positions = frame.tensor(op.getPositions());
  CachePtr cache = frame.cache(op.getCache());
  if (!expectShape(op, shape, frame)) {
    return;
  }
  int64_t layer = frame.index(op.getLayer()), rows = query.rows(), width = shape.heads * shape.rank;
  bool fits = query.width() == shape.heads * (shape.rank + shape.rope) && positions.size() == rows &&
              rows == int64_t(frame.sequences.size()) &&
              llvm::all_of(positions.ids, [](int32_t p) { return p >= 0 && p < kMostPositions; });
  if (!frame.expect(fits, op, "a query of its heads, and a sequence for each row")) {
    return;
  }
  std::vector<float> out(rows * width);
  for (int64_t t = 0; t < rows; ++t) {
    std::vector<float> latents = readStore(*cache, kLatentStore, frame.sequences[t], layer, positions.ids[t]);
    ref::mla_latent_attention(query.reals.data() + t * query.width(), latents.data(), &positions.ids[t], 1, shape,
                              op.getSoftmaxScale().convertToDouble(), out.data() + t * width);
  }
  frame.setReals(op.getResult(), {rows, width}, std::move(out));
}

static void evaluate(MlaExpandOutputOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  int64_t heads = op.getNumHeads(), rank = getWidth(op.getKvB().getType());
  ref::MlaShape shape = {heads, int64_t(op.getNopeDim()), 0, int64_t(op.getValueDim()), rank};
  if (!expectShape(op, shape, frame)) {
    return;
  }
  std::vector<float> weight = decodeMatrix(op.getKvB(), op.getScale(), op.getBlockAttr(), false, 0, frame);
  bool fits = input.width() == heads * rank && int64_t(weight.size()) == heads * (shape.nope + shape.value) * rank;
  if (!frame.expect(fits, op, "an input and weight of its heads")) {
    return;
  }
  std::vector<float> out(input.rows() * heads * shape.value);
  ref::mla_expand_output(input.reals.data(), weight.data(), input.rows(), shape, out.data());
  frame.setReals(op.getResult(), {input.rows(), heads * shape.value}, std::move(out));
}

void addAttentionEvaluators(Evaluators &evaluators) {
  addEvaluators<RopeOp, CacheAppendOp, GqaAttentionOp, MlaAppendOp, MlaAttentionOp, MlaAbsorbQueryOp,
                MlaLatentAttentionOp, MlaExpandOutputOp>(evaluators);
}

} // namespace fathom::reference
