// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention of both domains.

#include "passes/functions/Heads.h"

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

/// Whether a query at `position` sees key `j`.
static Value isBehind(NodeBuilder &b, Value j, Value position) { return b.isNot(b.less(position, j)); }

/// Gives the result, the keys and the values, and what scores are at a stage, as far as the node has them.
static bool giveAttention(NodeBuilder &b, const std::optional<Attention> &steps, Value key, Value value) {
  return steps && giveHeads(b, steps->result) && giveCache(b, key) && giveCache(b, value);
}

// Query, key, value, mask, past key and value, and how many keys of each of a batch are not padding.
static bool attention(NodeBuilder &b) {
  int64_t keyHeads = b.integer("kv_num_heads", 0);
  Value query = readHeads(b, 0, b.integer("q_num_heads", 0)), key = readHeads(b, 1, keyHeads),
        value = readHeads(b, 2, keyHeads);
  key = key ? appendHeads(b, 4, key) : key;
  value = value ? appendHeads(b, 5, value) : value;
  if (!query || !key || !value) {
    return false;
  }
  Value queries = b.size(query, 2), past = countPast(b, 4);
  auto mask = readMask(b, 3, {b.size(query, 0), b.size(query, 1), queries, b.size(key, 2)});
  if (!mask) {
    return false;
  }
  bool causal = b.integer("is_causal", 0) != 0, padded = b.has(6);
  padded ? checkCount(b, 6, b.size(query, 0), "has lengths for another batch") : void();
  auto lengthAt = [&](Value batch) { return b.toIndex(b.at(b.in(6), {batch})); };
  AttentionTerms terms = {query, key, value, b.number("scale", 0), b.number("softcap", 0)};
  terms.mask = [&](ValueRange i) {
    Value first = padded ? b.subtract(lengthAt(i[0]), queries) : past, score = (*mask)(i);
    score = causal ? hideUnless(b, isBehind(b, i[3], b.add(i[2], first)), score) : score;
    return padded ? hideUnless(b, b.less(i[3], lengthAt(i[0])), score) : score;
  };
  std::optional<Attention> steps = attend(b, terms);
  if (!giveAttention(b, steps, key, value) || b.op()->getNumResults() < 4) {
    return steps.has_value();
  }
  int64_t mode = b.integer("qk_matmul_output_mode", 0);
  return giveCache(b, mode == 1 ? steps->masked : mode == 2 ? steps->capped : mode == 3 ? steps->weights : steps->raw);
}

/// An input [batch, positions, width] with its part of input 3, whose numbers from `first` on are added to each
/// position.
static Value addBias(NodeBuilder &b, size_t input, Value first) {
  Value in = readFloats(b, input);
  if (!in || !b.has(3)) {
    return in;
  }
  Value bias = readFloats(b, 3);
  if (!bias || b.rank(3) != 1 || b.rank(input) != 3) {
    b.fail("a bias that does not fit");
    return {};
  }
  Value isOver = b.less(b.size(bias, 0), b.add(first, b.size(in, 2)));
  b.check(b.isNot(isOver), "has a bias that does not fit");
  return b.make(b.builder.getF32Type(), b.sizesOf(in),
                [&](ValueRange i) { return b.add(b.at(in, i), b.at(bias, {b.add(first, i[2])})); });
}

/// Whether the padding of input 4 lets key `i[3]` be seen: a number for each key, or how many there are.
static Value isUnpadded(NodeBuilder &b, ValueRange i) {
  if (b.rank(4) == 1) {
    return b.less(i[3], b.toIndex(b.at(b.in(4), {i[0]})));
  }
  return b.convert(b.at(b.in(4), {i[0], i[3]}), b.elementOf(4), b.builder.getI1Type());
}

static bool checkPadding(NodeBuilder &b, Value query, Value key) {
  if (!b.has(4)) {
    return true;
  }
  if (b.isReal(4) || b.rank(4) < 1 || b.rank(4) > 2) {
    return b.fail("a padding of its keys that does not fit");
  }
  b.checkEqual(b.size(b.in(4), 0), b.size(query, 0), "has a padding of its keys that does not fit");
  b.rank(4) == 2 ? b.checkEqual(b.size(b.in(4), 1), b.size(key, 2), "has a padding of its keys that does not fit")
                 : void();
  return true;
}

// Query, key, value, bias, padding of keys, mask, past key and value.
static bool multiHeadAttention(NodeBuilder &b) {
  int64_t heads = b.integer("num_heads", 0);
  if (b.rank(0) != 3 || !b.has(1) || !b.has(2) || heads < 1) {
    return b.fail("queries, keys and values that are not apart");
  }
  Value width = b.size(b.in(0), 2),
        parts[] = {addBias(b, 0, b.index(0)), addBias(b, 1, width), addBias(b, 2, b.multiply(width, 2))};
  const size_t pasts[] = {b.inputCount(), 6, 7};
  for (auto [part, past] : llvm::zip_equal(parts, pasts)) {
    part = part ? intoHeads(b, part, b.index(heads)) : part;
    part = part ? appendHeads(b, past, part) : part;
  }
  auto [query, key, value] = parts;
  if (!query || !key || !value || !checkPadding(b, query, key)) {
    return false;
  }
  auto mask = readMask(b, 5, {b.size(query, 0), b.size(query, 1), b.size(query, 2), b.size(key, 2)});
  if (!mask) {
    return false;
  }
  Value past = countPast(b, 6);
  bool causal = b.integer("unidirectional", 0) != 0;
  AttentionTerms terms = {query, key, value, b.number("scale", 0)};
  terms.mask = [&](ValueRange i) {
    Value score = (*mask)(i), filter = b.real(b.number("mask_filter_value", -10000));
    score = b.has(4) ? b.add(score, b.select(isUnpadded(b, i), b.real(0), filter)) : score;
    return causal ? hideUnless(b, isBehind(b, i[3], b.add(i[2], past)), score) : score;
  };
  return giveAttention(b, attend(b, terms), key, value);
}

ArrayRef<DecomposeRow> decomposeAttentionRows() {
  static const DecomposeRow rows[] = {
      {"", "Attention", attention, 3},
      {"com.microsoft", "MultiHeadAttention", multiHeadAttention},
  };
  return rows;
}

} // namespace fathom
