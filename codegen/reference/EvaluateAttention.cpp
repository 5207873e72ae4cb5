// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotation, the cache and attention through kernels/ref, a row at a time: each row has its own sequence.

#include "codegen/reference/AttendingRows.h"
#include "dialects/RowFormat.h"

#include "kernels/ref/ref.h"

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

static ref::RopeLayout convert(RopeLayout layout) {
  return layout == RopeLayout::interleaved ? ref::RopeLayout::Interleaved : ref::RopeLayout::HalfSplit;
}

/// A rope table and the positions of rows in it.
struct Rotation {
  const Tensor &table;
  const Tensor &positions;
};

/// What `op` rotates its `rows` rows by; each position must have `width` numbers in the table.
template <typename Op>
static Rotation getRotation(Op op, int64_t rows, int64_t width, Frame &frame) {
  Rotation rotation = {frame.tensor(op.getTable()), frame.tensor(op.getPositions())};
  const Tensor &table = rotation.table;
  bool inRange = llvm::all_of(rotation.positions.ids, [&](int32_t p) { return p >= 0 && p < table.rows(); });
  frame.expect(inRange && rotation.positions.size() == rows && table.size() == table.rows() * width, op,
               "a position in the rope table for each row");
  return rotation;
}

static void evaluate(RopeOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  int64_t head = op.getHeadWidth(), rotatedWidth = op.getTurnedWidth();
  Rotation rotation = getRotation(op, input.rows(), rotatedWidth, frame);
  if (frame.failed()) {
    return;
  }
  std::vector<float> out(input.size());
  ref::rope(input.reals.data(), rotation.positions.ids.data(), rotation.table.reals.data(), input.rows(),
            input.width() / head, head, rotatedWidth, convert(op.getLayout()), out.data());
  frame.setReals(op.getResult(), input.shape, std::move(out));
}

/// A row of numbers of each head as the store gives it back.
static std::vector<float> roundRow(StoreAttr store, std::vector<float> row) {
  int64_t width = store.getWidth();
  if (store.isF32() || int64_t(row.size()) != store.getHeads() * width) {
    return row;
  }
  ref::RowFormat format = {*getRowElement(store.getElement()), width, store.getTail()};
  for (int64_t head = 0; head < store.getHeads(); ++head) {
    float *numbers = row.data() + head * width;
    llvm::copy(ref::decode_row(ref::encode_row(numbers, format).data(), format), numbers);
  }
  return row;
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
    StoreAttr format = op.getCache().getType().findStore(store);
    cache.written[{store.str(), frame.sequences[t], layer, positions.ids[t]}] = roundRow(format, row(t));
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
  int64_t width = input.width(), rank = norm.size();
  Rotation rotation = getRotation(op, input.rows(), width - rank, frame);
  bool fits = rank < width && width == op.getCache().getType().getWidth(kLatentStore);
  if (!frame.expect(fits, op, "an input of the latents' width")) {
    return;
  }
  double eps = op.getEps().convertToDouble();
  append(op, kLatentStore, rotation.positions, frame, [&](int64_t t) {
    std::vector<float> row(width);
    const float *from = input.reals.data() + t * width;
    ref::rms_norm(from, norm.reals.data(), 1, rank, eps, row.data());
    ref::rope(from + rank, &rotation.positions.ids[t], rotation.table.reals.data(), 1, 1, width - rank, width - rank,
              convert(op.getLayout()), row.data() + rank);
    return row;
  });
}

std::vector<float> readStore(const Cache &cache, StringRef store, int64_t sequence, int64_t layer, int64_t position) {
  std::vector<float> out;
  for (int64_t p = 0; p <= position; ++p) {
    llvm::append_range(out, cache.read({store.str(), sequence, layer, p}));
  }
  return out;
}

/// `width` numbers for each row of the query.
template <typename Op>
static void attend(Op op, int64_t queryWidth, int64_t width, ArrayRef<StringRef> stores, Frame &frame,
                   llvm::function_ref<void(const AttendingRow &, float *)> attendRow) {
  int64_t rows = frame.tensor(op.getQuery()).rows();
  std::vector<float> out(rows * width);
  forEachRow(op, queryWidth, stores, frame,
             [&](const AttendingRow &row) { attendRow(row, out.data() + row.number * width); });
  frame.setReals(op.getResult(), {rows, width}, std::move(out));
}

static void evaluate(GqaAttentionOp op, Frame &frame) {
  ref::GqaShape shape = {int64_t(op.getNumHeads()), int64_t(op.getNumKvHeads()), int64_t(op.getHeadDim())};
  double scale = op.getSoftmaxScale().convertToDouble();
  auto attendRow = [&](const AttendingRow &row, float *out) {
    const float *keys = row.past[0].data(), *values = row.past[1].data();
    if (std::optional<uint64_t> parts = op.getParts()) {
      return ref::gqa_partials(row.query, keys, values, &row.position, 1, shape, scale, *parts, out);
    }
    ref::gqa_attention(row.query, keys, values, &row.position, 1, shape, scale, out);
  };
  attend(op, shape.heads * shape.head_dim, getWidth(op.getType()), {kKeyStore, kValueStore}, frame, attendRow);
}

static void evaluate(AttentionCombineOp op, Frame &frame) {
  const Tensor &parts = frame.tensor(op.getInput());
  int64_t heads = op.getNumHeads(), width = getWidth(op.getType());
  if (!frame.expect(parts.width() == int64_t(op.getParts()) * (width + 2 * heads), op, "parts of its heads")) {
    return;
  }
  std::vector<float> out(parts.rows() * width);
  ref::attention_combine(parts.reals.data(), parts.rows(), heads, width / heads, op.getParts(), out.data());
  frame.setReals(op.getResult(), {parts.rows(), width}, std::move(out));
}

/// Not every op with heads has a verifier: sizes that no model has would overflow products of them.
static bool expectShape(Operation *op, const ref::MlaShape &shape, Frame &frame) {
  int64_t sizes[] = {shape.heads, shape.nope, shape.rope, shape.value, shape.rank};
  bool sane = llvm::all_of(sizes, [](int64_t size) { return size >= 0 && size < (1 << 15); });
  return frame.expect(sane && shape.heads > 0 && shape.rank > 0, op, "heads and widths of a model");
}

/// kv_b in f32, [heads * (nope + value), rank]; a problem where shape or weight are not those of heads.
template <typename Op>
static std::vector<float> decodeKvB(Op op, const ref::MlaShape &shape, Frame &frame) {
  if (!expectShape(op, shape, frame)) {
    return {};
  }
  std::vector<float> weight = decodeMatrix(op.getKvB(), op.getScale(), op.getBlockAttr(), 0, frame);
  int64_t size = shape.heads * (shape.nope + shape.value) * shape.rank;
  frame.expect(int64_t(weight.size()) == size, op, "a weight of its heads");
  return weight;
}

/// The rotation of queries: kernels/ref rotates adjacent pairs, as every released MLA model does.
template <typename Op>
static Rotation getQueryRotation(Op op, Frame &frame) {
  frame.expect(op.getLayout() == RopeLayout::interleaved, op, "the interleaved layout");
  return getRotation(op, frame.tensor(op.getQuery()).rows(), op.getRopeDim(), frame);
}

static void evaluate(MlaAttentionOp op, Frame &frame) {
  ref::MlaShape shape = {int64_t(op.getNumHeads()), int64_t(op.getNopeDim()), int64_t(op.getRopeDim()),
                         int64_t(op.getValueDim()), op.getLatentDim()};
  std::vector<float> weight = decodeKvB(op, shape, frame);
  const float *table = getQueryRotation(op, frame).table.reals.data();
  if (frame.failed()) {
    return;
  }
  int64_t queryWidth = shape.heads * (shape.nope + shape.rope), width = shape.heads * shape.value;
  double scale = op.getSoftmaxScale().convertToDouble();
  attend(op, queryWidth, width, {kLatentStore}, frame, [&](const AttendingRow &row, float *out) {
    ref::mla_attention(row.query, weight.data(), row.past[0].data(), &row.position, table, 1, shape, scale, out);
  });
}

static void evaluate(MlaAbsorbQueryOp op, Frame &frame) {
  const Tensor &query = frame.tensor(op.getQuery());
  int64_t heads = op.getNumHeads(), rank = getWidth(op.getKvB().getType());
  ref::MlaShape shape = {heads, int64_t(op.getNopeDim()), int64_t(op.getRopeDim()), int64_t(op.getValueDim()), rank};
  std::vector<float> weight = decodeKvB(op, shape, frame);
  Rotation rotation = getQueryRotation(op, frame);
  if (frame.failed() || !frame.expect(query.width() == heads * (shape.nope + shape.rope), op, "a query of its heads")) {
    return;
  }
  int64_t width = heads * (rank + shape.rope);
  std::vector<float> out(query.rows() * width);
  ref::mla_absorb_query(query.reals.data(), weight.data(), rotation.positions.ids.data(), rotation.table.reals.data(),
                        query.rows(), shape, out.data());
  frame.setReals(op.getResult(), {query.rows(), width}, std::move(out));
}

/// Positions ascend up to that of the row, at least one, and −1 stands behind the last.
static bool expectSelection(Operation *op, ArrayRef<int32_t> selection, int32_t position, Frame &frame) {
  ArrayRef<int32_t> selected = selection.take_until([](int32_t p) { return p == -1; });
  ArrayRef<int32_t> rest = selection.drop_front(selected.size());
  bool ascends = llvm::adjacent_find(selected, std::greater_equal<>()) == selected.end();
  bool valid = !selected.empty() && selected.front() >= 0 && selected.back() <= position && ascends &&
               llvm::all_of(rest, [](int32_t p) { return p == -1; });
  return frame.expect(valid, op, "a selection of positions that ascend up to the row's, and -1 behind them");
}

static void evaluate(MlaLatentAttentionOp op, Frame &frame) {
  ref::MlaShape shape = {int64_t(op.getNumHeads()), 0, int64_t(op.getRopeDim()), 0, op.getLatentDim()};
  const Tensor *selection = op.getSelection() ? &frame.tensor(op.getSelection()) : nullptr;
  bool fits = !selection || selection->rows() == frame.tensor(op.getQuery()).rows();
  if (!expectShape(op, shape, frame) || !frame.expect(fits, op, "a selection for each row")) {
    return;
  }
  double scale = op.getSoftmaxScale().convertToDouble();
  std::optional<uint64_t> parts = op.getParts();
  auto attendRow = [&](const AttendingRow &row, float *out) {
    const float *latents = row.past[0].data();
    if (!selection) {
      return parts ? ref::mla_latent_partials(row.query, latents, &row.position, 1, shape, scale, *parts, out)
                   : ref::mla_latent_attention(row.query, latents, &row.position, 1, shape, scale, out);
    }
    int64_t most = selection->width();
    ArrayRef<int32_t> selected = ArrayRef(selection->ids).slice(row.number * most, most);
    if (expectSelection(op, selected, row.position, frame)) {
      parts ? ref::mla_selected_partials(row.query, latents, selected.data(), 1, most, shape, scale, *parts, out)
            : ref::mla_selected_attention(row.query, latents, selected.data(), 1, most, shape, scale, out);
    }
  };
  attend(op, shape.heads * (shape.rank + shape.rope), getWidth(op.getType()), {kLatentStore}, frame, attendRow);
}

/// In absorbed form: kernels/ref has no other of a selection.
static void evaluate(SparseAttentionOp op, Frame &frame) {
  ref::MlaShape shape = {int64_t(op.getNumHeads()), int64_t(op.getNopeDim()), int64_t(op.getRopeDim()),
                         int64_t(op.getValueDim()), op.getLatentDim()};
  ref::IndexShape index = {int64_t(op.getIndexHeads()), int64_t(op.getIndexDim()), int64_t(op.getTopK())};
  std::vector<float> weight = decodeKvB(op, shape, frame);
  const float *table = getQueryRotation(op, frame).table.reals.data();
  const Tensor &query = frame.tensor(op.getIndexQuery()), &weights = frame.tensor(op.getIndexWeights());
  bool fits = query.width() == index.heads * index.head_dim && weights.width() == index.heads &&
              query.rows() == frame.tensor(op.getQuery()).rows() && weights.rows() == query.rows();
  if (!frame.expect(fits && index.kept < kMostPositions, op, "an index query and weights of its heads for each row")) {
    return;
  }
  int64_t queryWidth = shape.heads * (shape.nope + shape.rope);
  std::vector<int32_t> selection(index.kept);
  std::vector<float> absorbed(shape.heads * (shape.rank + shape.rope)), attended(shape.heads * shape.rank);
  auto attendRow = [&](const AttendingRow &row, float *out) {
    const float *indexQuery = query.reals.data() + row.number * query.width();
    const float *headWeights = weights.reals.data() + row.number * index.heads;
    ref::index_select(indexQuery, headWeights, row.past[1].data(), &row.position, 1, index, selection.data());
    settlePositions(indexQuery, headWeights, row.past[1], index, selection.data(), frame.choices);
    ref::mla_absorb_query(row.query, weight.data(), &row.position, table, 1, shape, absorbed.data());
    ref::mla_selected_attention(absorbed.data(), row.past[0].data(), selection.data(), 1, index.kept, shape,
                                op.getSoftmaxScale().convertToDouble(), attended.data());
    ref::mla_expand_output(attended.data(), weight.data(), 1, shape, out);
  };
  attend(op, queryWidth, shape.heads * shape.value, {kLatentStore, kIndexStore}, frame, attendRow);
}

static void evaluate(MlaExpandOutputOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  int64_t heads = op.getNumHeads(), rank = getWidth(op.getKvB().getType());
  ref::MlaShape shape = {heads, int64_t(op.getNopeDim()), 0, int64_t(op.getValueDim()), rank};
  std::vector<float> weight = decodeKvB(op, shape, frame);
  if (frame.failed() || !frame.expect(input.width() == heads * rank, op, "an input of its heads")) {
    return;
  }
  std::vector<float> out(input.rows() * heads * shape.value);
  ref::mla_expand_output(input.reals.data(), weight.data(), input.rows(), shape, out.data());
  frame.setReals(op.getResult(), {input.rows(), heads * shape.value}, std::move(out));
}

void addAttentionEvaluators(Evaluators &evaluators) {
  addEvaluators<RopeOp, CacheAppendOp, GqaAttentionOp, AttentionCombineOp, MlaAppendOp, MlaAttentionOp,
                MlaAbsorbQueryOp, MlaLatentAttentionOp, MlaExpandOutputOp, SparseAttentionOp>(evaluators);
}

} // namespace fathom::reference
