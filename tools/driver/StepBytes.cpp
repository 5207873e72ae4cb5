// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows that a step reads, times their bytes.

#include "tools/driver/StepBytes.h"

#include "runtime/src/stores.h"

#include <algorithm>
#include <string_view>

namespace fathom::driver {

/// The store of the keys by which sparse attention selects.
static constexpr std::string_view kIndexStore = "index";

/// Bytes that the model's layers keep of one position. A store may have layers more, which are a draft's.
static double bytesOfPosition(const artifact::Artifact &contents, const artifact::Store &store) {
  double layers = std::min(store.layers(), contents.model()->layers());
  return layers * store.heads() * static_cast<double>(runtime::rowBytes(store));
}

/// Positions that a row selects; 0 where it attends to all. The expanded entry points of sparse attention are dense,
/// and end where there is something to select from.
static uint32_t selectedPositions(const artifact::Program &program) {
  uint32_t selected = 0;
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    selected = std::max(selected, entry->max_positions());
  }
  return selected;
}

std::vector<StoreBytes> countCacheBytes(const fathom_model_info_t &info, double positions) {
  const artifact::Artifact &contents = *artifact::GetArtifact(info.metadata);
  uint32_t selected = selectedPositions(*contents.variants()->Get(info.variant));
  bool sparse = selected > 0 && positions > selected;
  std::vector<StoreBytes> stores;
  for (const artifact::Store *store : *contents.cache()->stores()) {
    double indexed = sparse ? positions : 0, attended = sparse ? selected : positions;
    double read = store->name()->string_view() == kIndexStore ? indexed : attended;
    stores.push_back({store->name()->str(), read * bytesOfPosition(contents, *store)});
  }
  return stores;
}

} // namespace fathom::driver
