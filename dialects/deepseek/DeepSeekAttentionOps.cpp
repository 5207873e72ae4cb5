// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding, cache and attention: verifiers, and what others must know of the ops.

#include "dialects/deepseek/Verifiers.h"

using namespace mlir;

namespace fathom::deepseek {

LogicalResult RopeOp::verify() {
  RankedTensorType table = getTable().getType();
  int64_t width = getWidth(getInput().getType());
  if (table.getRank() != 3 || table.getDimSize(2) != 2) { // C1
    return emitOpError("expects a table [positions, pairs, 2], but got ") << table;
  }
  if (getHeadWidth() < getTurnedWidth()) { // C2
    return emitOpError("expects a head_dim of ") << getTurnedWidth() << " or more, but got " << getHeadWidth();
  }
  if (width % getHeadWidth() != 0) {
    return emitOpError("expects heads of ") << getHeadWidth() << " numbers, but got a row of " << width;
  }
  return success();
}

KernelUse RopeOp::getKernelUse() { return {"rope", getStoredTypeName(getTable())}; }

void RopeOp::describe(KernelDescription &kernel) {
  kernel.addColumns("x", getInput());
  kernel.addInputs(getTable());
  kernel.addConstant("H", getWidth(getType()) / getHeadWidth());
  kernel.addConstant("d", getHeadWidth());
  kernel.addConstant("dr", getTurnedWidth());
  kernel.addConstant("half_split", getLayout() == RopeLayout::half_split);
  kernel.addElement("x_element", getInput());
}

LogicalResult CacheAppendOp::verify() {
  int64_t expected = getCache().getType().getWidth(getStore()), width = 0;
  if (expected == 0) { // C1
    return emitOpError("expects a store ") << getStoreAttr() << ", but got " << getCache().getType();
  }
  for (Value part : getParts()) {
    width += getWidth(part.getType());
  }
  if (width != expected) { // C2
    return emitOpError("expects parts of ") << expected << " numbers together, but got " << width;
  }
  bool hasHeads = getCache().getType().findStore(getStore()).getHeads() != 1;
  return hasHeads && getParts().size() != 1 ? emitOpError("expects one part for all heads of ") << getStoreAttr() // C3
                                            : success();
}

/// Several parts are what `fathom-fuse-rope-cache-write` makes something of that has a kernel.
KernelUse CacheAppendOp::getKernelUse() {
  return getParts().size() == 1 ? useStores(getCache().getType(), {getStore()}, 0, {"cache_append"}) : KernelUse();
}

void CacheAppendOp::describe(KernelDescription &kernel) {
  kernel.addColumns("x", getParts().front());
  StoreAttr store = getCache().getType().findStore(getStore());
  kernel.addConstant("G", store.getHeads());
  kernel.addConstant("d", store.getWidth());
  kernel.addStore("store", getStore());
  kernel.addElement("x_element", getParts().front());
}

Value CacheAppendOp::getRowsOperand() { return getParts().front(); }

LogicalResult MlaAppendOp::verify() {
  auto norm = cast<RankedTensorType>(getNorm().getType());
  int64_t width = getWidth(getInput().getType());
  if (norm.getRank() != 1 || norm.getDimSize(0) >= width) { // C1
    return emitOpError("expects a norm [latent] of less than ") << width << " numbers, but got " << norm;
  }
  if (failed(verifyRopeTable(*this, getTable().getType(), width - norm.getDimSize(0)))) { // C2
    return failure();
  }
  if (failed(verifyStore(*this, getCache().getType(), kLatentStore, width))) { // C3
    return failure();
  }
  return verifyEps(*this, getEps()); // C4
}

/// Numbers of a row of what `heads` heads attend to, `width` of each: of the result, or of its parts.
static int64_t getAttendedWidth(int64_t heads, int64_t width, std::optional<uint64_t> parts) {
  return parts ? int64_t(*parts) * heads * (width + 2) : heads * width;
}

/// A result of attention by heads of `width`, or its parts.
template <typename Op>
static LogicalResult verifyAttended(Op op, int64_t width) {
  Type result = op.getResult().getType();
  if (failed(verifyWidth(op, "a result", result, getAttendedWidth(op.getNumHeads(), width, op.getParts())))) {
    return failure();
  }
  return op.getParts() && !getElementTypeOrSelf(result).isF32()
             ? op.emitOpError("expects parts of f32, but got ") << result
             : success();
}

template <typename Op>
static void describeParts(Op op, KernelDescription &kernel) {
  if (op.getParts()) {
    kernel.addConstant("parts", *op.getParts());
  }
}

LogicalResult GqaAttentionOp::verify() {
  int64_t heads = getNumHeads(), groups = getNumKvHeads(), headDim = getHeadDim();
  if (heads % groups != 0) { // C1
    return emitOpError("expects num_kv_heads to divide ") << heads << " heads, but got " << groups;
  }
  if (failed(verifyWidth(*this, "a query", getQuery().getType(), heads * headDim)) || // C2
      failed(verifyAttended(*this, headDim))) {
    return failure();
  }
  CacheType cache = getCache().getType();
  return failure(failed(verifyStore(*this, cache, kKeyStore, headDim, groups)) || // C3
                 failed(verifyStore(*this, cache, kValueStore, headDim, groups)));
}

KernelUse GqaAttentionOp::getKernelUse() {
  return useStores(getCache().getType(), {kKeyStore, kValueStore}, 0, {getParts() ? "gqa_partials" : "gqa_attention"});
}

void GqaAttentionOp::describe(KernelDescription &kernel) {
  kernel.addInputs(getQuery());
  kernel.addConstant("H", getNumHeads());
  kernel.addConstant("G", getNumKvHeads());
  kernel.addConstant("d", getHeadDim());
  describeParts(*this, kernel);
  kernel.addStore("key_store", kKeyStore);
  kernel.addStore("value_store", kValueStore);
  kernel.addReal("scale", getSoftmaxScale());
  kernel.addElement("x_element", getQuery());
}

bool GqaAttentionOp::staysF32(Value value) { return getParts() && value == getResult(); }

LogicalResult AttentionCombineOp::verify() {
  int64_t heads = getNumHeads(), width = getWidth(getType()) / heads;
  if (failed(verifyWidth(*this, "a result", getType(), heads * width))) { // C1
    return failure();
  }
  return verifyWidth(*this, "parts", getInput().getType(), getAttendedWidth(heads, width, getParts()));
}

KernelUse AttentionCombineOp::getKernelUse() { return {"attention_combine"}; }

void AttentionCombineOp::describe(KernelDescription &kernel) {
  kernel.addInputs(getInput());
  kernel.addConstant("H", getNumHeads());
  kernel.addConstant("d", getWidth(getType()) / int64_t(getNumHeads()));
  kernel.addConstant("parts", getParts());
  kernel.addElement("x_element", getResult());
}

bool AttentionCombineOp::staysF32(Value value) { return value == getInput(); }

/// Kernels of MLA rotate adjacent pairs.
template <typename Op>
static KernelUse useInterleaved(Op op, const KernelUse &use) {
  return op.getLayout() == RopeLayout::interleaved ? use : KernelUse();
}

KernelUse MlaAppendOp::getKernelUse() {
  return useStores(getCache().getType(), {kLatentStore}, getWidth(getInput().getType()) - getWidth(getNorm().getType()),
                   useInterleaved(*this, {"mla_append", getStoredTypeName(getNorm())}));
}

void MlaAppendOp::describe(KernelDescription &kernel) {
  int64_t latent = getWidth(getNorm().getType());
  kernel.addColumns("kv", getInput());
  kernel.addInputs({getNorm(), getTable()});
  kernel.addConstant("r", latent);
  kernel.addConstant("dr", getWidth(getInput().getType()) - latent);
  kernel.addStore("latent_store", kLatentStore);
  kernel.addReal("eps", getEps());
  kernel.addElement("x_element", getInput());
}

Value MlaAppendOp::getRowsOperand() { return getInput(); }

/// `kv_b` for heads of these widths and a latent.
template <typename Op>
static LogicalResult verifyKvB(Op op, int64_t latent) {
  int64_t outputs = op.getNumHeads() * (op.getNopeDim() + op.getValueDim());
  return verifyShape(op, "kv_b", op.getKvB().getType(), {outputs, latent});
}

template <typename Op>
static LogicalResult verifyKvBScale(Op op) {
  return verifyScale(op, op.getKvB().getType(), op.getScale(), op.getBlockAttr());
}

template <typename Op>
static KernelUse useKvB(StringRef kernel, Op op) {
  return {kernel, getStoredTypeName(op.getKvB()), kRowsLayout, op.getBlockAttr()};
}

/// Widths of heads that all ops with `kv_b` have.
template <typename Op>
static void describeHeads(Op op, KernelDescription &kernel) {
  kernel.addConstant("H", op.getNumHeads());
  kernel.addConstant("dn", op.getNopeDim());
  kernel.addConstant("dv", op.getValueDim());
  kernel.addConstant("r", getWidth(op.getKvB().getType()));
}

static LogicalResult verifyLatents(Operation *op, CacheType cache, int64_t ropeDim) {
  if (cache.getWidth(kLatentStore) > ropeDim) {
    return success();
  }
  return op->emitOpError("expects a store \"latent\" of rows wider than rope_dim, ")
         << ropeDim << ", but got " << cache;
}

/// C1 to C3 of attention that gets its keys and values from `kv_b`.
template <typename Op>
static LogicalResult verifyExpandedAttention(Op op) {
  int64_t heads = op.getNumHeads();
  int64_t query = heads * int64_t(op.getNopeDim() + op.getRopeDim());
  int64_t result = heads * int64_t(op.getValueDim());
  if (failed(verifyLatents(op, op.getCache().getType(), op.getRopeDim())) || // C1
      failed(verifyWidth(op, "a query", op.getQuery().getType(), query)) || failed(verifyKvB(op, op.getLatentDim())) ||
      failed(verifyWidth(op, "a result", op.getResult().getType(), result)) ||
      failed(verifyRopeTable(op, op.getTable().getType(), op.getRopeDim()))) { // C2
    return failure();
  }
  return verifyKvBScale(op); // C3
}

LogicalResult MlaAttentionOp::verify() { return verifyExpandedAttention(*this); }

KernelUse MlaAttentionOp::getKernelUse() {
  return useStores(getCache().getType(), {kLatentStore}, getRopeDim(),
                   useInterleaved(*this, useKvB("mla_attention", *this)));
}

void MlaAttentionOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getQuery(), getKvB(), getScale(), getTable()});
  describeHeads(*this, kernel);
  kernel.addConstant("dr", getRopeDim());
  kernel.addStore("latent_store", kLatentStore);
  kernel.addReal("scale", getSoftmaxScale());
  kernel.addElement("x_element", getQuery());
}

LogicalResult MlaAbsorbQueryOp::verify() {
  int64_t heads = getNumHeads();
  int64_t query = heads * int64_t(getNopeDim() + getRopeDim());
  int64_t latent = getKvB().getType().getShape().back();
  if (failed(verifyWidth(*this, "a query", getQuery().getType(), query)) || // C1
      failed(verifyKvB(*this, latent)) ||
      failed(verifyWidth(*this, "a result", getResult().getType(), heads * (latent + int64_t(getRopeDim())))) ||
      failed(verifyRopeTable(*this, getTable().getType(), getRopeDim()))) { // C2
    return failure();
  }
  return verifyKvBScale(*this); // C3
}

KernelUse MlaAbsorbQueryOp::getKernelUse() { return useInterleaved(*this, useKvB("mla_absorb_query", *this)); }

void MlaAbsorbQueryOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getQuery(), getKvB(), getScale(), getTable()});
  describeHeads(*this, kernel);
  kernel.addConstant("dr", getRopeDim());
  kernel.addElement("x_element", getQuery());
}

/// A head each.
int64_t MlaAbsorbQueryOp::getItemCount() { return getNumHeads(); }

LogicalResult MlaLatentAttentionOp::verify() {
  int64_t heads = getNumHeads();
  CacheType cache = getCache().getType();
  if (failed(verifyLatents(*this, cache, getRopeDim())) || // C1
      failed(verifyWidth(*this, "a query", getQuery().getType(), heads * cache.getWidth(kLatentStore)))) {
    return failure();
  }
  return verifyAttended(*this, getLatentDim()); // C1, C2
}

KernelUse MlaLatentAttentionOp::getKernelUse() {
  StringRef kernel = getSelection() ? (getParts() ? "mla_selected_partials" : "mla_selected_attention")
                                    : (getParts() ? "mla_latent_partials" : "mla_latent_attention");
  return useStores(getCache().getType(), {kLatentStore}, getRopeDim(), {kernel});
}

bool MlaLatentAttentionOp::staysF32(Value value) { return getParts() && value == getResult(); }

void MlaLatentAttentionOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getQuery(), getSelection()});
  kernel.addConstant("H", getNumHeads());
  kernel.addConstant("r", getLatentDim());
  kernel.addConstant("dr", getRopeDim());
  if (getSelection()) {
    kernel.addConstant("k", getWidth(getSelection().getType()));
  }
  describeParts(*this, kernel);
  kernel.addStore("latent_store", kLatentStore);
  kernel.addReal("scale", getSoftmaxScale());
  kernel.addElement("x_element", getQuery());
}

LogicalResult MlaExpandOutputOp::verify() {
  int64_t heads = getNumHeads();
  int64_t latent = getKvB().getType().getShape().back();
  if (failed(verifyKvB(*this, latent)) || // C1
      failed(verifyWidth(*this, "an input", getInput().getType(), heads * latent)) ||
      failed(verifyWidth(*this, "a result", getResult().getType(), heads * int64_t(getValueDim())))) {
    return failure();
  }
  return verifyKvBScale(*this); // C2
}

KernelUse MlaExpandOutputOp::getKernelUse() { return useKvB("mla_expand_output", *this); }

void MlaExpandOutputOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getInput(), getKvB(), getScale()});
  describeHeads(*this, kernel);
  kernel.addElement("x_element", getInput());
}

int64_t MlaExpandOutputOp::getItemCount() { return countItems(getWidth(getType())); }

LogicalResult SparseAttentionOp::verify() {
  if (failed(verifyExpandedAttention(*this))) { // C1, C2, C3
    return failure();
  }
  return verifyIndexer(*this, getIndexQuery().getType(), getIndexWeights().getType(), getCache().getType(),
                       getIndexHeads(), getIndexDim()); // C4
}

/// `fathom-lower-sparse-attention` replaces it before kernels are chosen. Its weights of heads are columns to that.
KernelUse SparseAttentionOp::getKernelUse() { return {}; }

void SparseAttentionOp::describe(KernelDescription &kernel) { kernel.addColumns("w", getIndexWeights()); }

bool SparseAttentionOp::staysF32(Value value) { return value == getIndexWeights(); }

} // namespace fathom::deepseek
