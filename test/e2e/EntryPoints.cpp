// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls entry points through the device, as a session does.

#include "test/e2e/EntryPoints.h"

#include "fathom/fathom.h"

#include <gtest/gtest.h>

#include <numeric>

namespace fathom::test {

/// More than any prompt of an oracle has.
static constexpr size_t kPages = 4;

#define EXPECT_STATUS_OK(call) EXPECT_EQ(call, FATHOM_STATUS_OK) << fathom_status_message()

EntryPoints::EntryPoints(const std::string &artifact) : OpenedArtifact(artifact, /*threads=*/2) {
  int32_t table[kPages];
  std::iota(table, table + kPages, 0);
  uint64_t bytes = fathom_whole_groups(kPages) * metadata.contents().cache()->page_bytes();
  EXPECT_TRUE(pages.grow(bytes) && tables.grow(sizeof(table)));
  EXPECT_STATUS_OK(tables.upload(0, table, sizeof(table)));
}

const artifact::EntryPoint *EntryPoints::find(const std::string &name) const {
  for (const artifact::EntryPoint *entry : *code.program().entry_points()) {
    if (entry->name()->str() == name) {
      return entry;
    }
  }
  return nullptr;
}

EntryPoints::Outputs EntryPoints::call(const std::string &name, const std::vector<int32_t> &tokens, int32_t first,
                                       const std::vector<float> &hidden) {
  const artifact::EntryPoint *entry = find(name);
  size_t rows = tokens.size();
  std::vector<int32_t> positions(rows), all(rows), onlyTable(rows);
  std::iota(positions.begin(), positions.end(), first);
  std::iota(all.begin(), all.end(), 0);
  Outputs outputs = {std::vector<float>(entry->logits() ? rows * getVocabulary() : 0),
                     std::vector<float>(rows * getHidden())};
  fathom_call_t call = {};
  call.rows = int64_t(rows);
  call.tokens = tokens.data();
  call.positions = positions.data();
  call.hidden = hidden.data();
  call.page_tables = onlyTable.data();
  call.logit_rows = entry->logits() ? int64_t(rows) : 0;
  call.logit_row_ids = all.data();
  call.logits = outputs.logits.data();
  call.hidden_out = outputs.hidden.data();
  runtime::CacheMemory cache = {pages.address(), metadata.contents().cache()->page_bytes(), tables.address(), kPages};
  EXPECT_STATUS_OK(space.device->run(executor, *entry, call, cache));
  return outputs;
}

EntryPoints::Outputs EntryPoints::prefill(const std::vector<int32_t> &tokens, const std::string &suffix) {
  uint32_t most = find("prefill" + suffix)->max_positions();
  if (most == 0 || tokens.size() <= most) {
    return call("prefill" + suffix, tokens, 0);
  }
  Outputs outputs = call("prefill" + suffix, {tokens.begin(), tokens.begin() + most}, 0);
  Outputs rest = call("prefill_sparse" + suffix, {tokens.begin() + most, tokens.end()}, int32_t(most));
  outputs.logits.insert(outputs.logits.end(), rest.logits.begin(), rest.logits.end());
  outputs.hidden.insert(outputs.hidden.end(), rest.hidden.begin(), rest.hidden.end());
  return outputs;
}

} // namespace fathom::test
