// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows of an op that reads what their sequences have in the cache. Internal to the evaluator.

#ifndef FATHOM_CODEGEN_REFERENCE_ATTENDINGROWS_H
#define FATHOM_CODEGEN_REFERENCE_ATTENDINGROWS_H

#include "codegen/reference/Frame.h"
#include "kernels/ref/ref.h"

namespace fathom::reference {

/// A position beyond it is a mistake, and its past would fill the memory.
constexpr int32_t kMostPositions = 1 << 16;

struct AttendingRow {
  int64_t number;
  const float *query;
  int32_t position;
  /// Of each store [position + 1, width]: what its sequence has there up to its position.
  llvm::SmallVector<std::vector<float>> past;
};

/// The rows of `store` up to `position`, [position + 1, width].
std::vector<float> readStore(const Cache &cache, llvm::StringRef store, int64_t sequence, int64_t layer,
                             int64_t position);

/// Calls `visit` for each row of the query, which must have `queryWidth`.
template <typename Op>
void forEachRow(Op op, int64_t queryWidth, llvm::ArrayRef<llvm::StringRef> stores, Frame &frame,
                llvm::function_ref<void(const AttendingRow &)> visit) {
  const Tensor &query = frame.tensor(op.getQuery()), &positions = frame.tensor(op.getPositions());
  CachePtr cache = frame.cache(op.getCache());
  int64_t layer = frame.index(op.getLayer()), rows = query.rows();
  bool fits = query.width() == queryWidth && positions.size() == rows && rows == int64_t(frame.sequences.size()) &&
              llvm::all_of(positions.ids, [](int32_t p) { return p >= 0 && p < kMostPositions; });
  if (!frame.expect(fits, op, "a query of its heads, and a sequence and a position for each row")) {
    return;
  }
  for (int64_t t = 0; t < rows && !frame.failed(); ++t) {
    auto read = [&](llvm::StringRef store) {
      return readStore(*cache, store, frame.sequences[t], layer, positions.ids[t]);
    };
    visit({t, query.reals.data() + t * queryWidth, positions.ids[t], llvm::map_to_vector(stores, read)});
  }
}

/// Settles which positions a row selects, by an index query, weights of its heads and the keys of its past.
void settlePositions(const float *query, const float *weights, llvm::ArrayRef<float> keys, const ref::IndexShape &shape,
                     int32_t *own, Choices &choices);

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_ATTENDINGROWS_H
