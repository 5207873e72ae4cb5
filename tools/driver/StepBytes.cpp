// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows that a step reads, times their bytes.

#include "tools/driver/StepBytes.h"

#include "runtime/src/stores.h"

#include <algorithm>

namespace fathom::driver {

/// Bytes that the model's layers keep of one position. A store may have layers more, which are a draft's.
static double bytesOfPosition(const artifact::Program &program, const artifact::Store &store) {
  double layers = std::min(store.layers(), program.model()->layers());
  return layers * store.heads() * static_cast<double>(runtime::rowBytes(store));
}

std::vector<StoreBytes> countCacheBytes(const void *metadata, double positions) {
  const artifact::Program &program = *artifact::GetProgram(metadata);
  std::vector<StoreBytes> stores;
  for (const artifact::Store *store : *program.cache()->stores()) {
    stores.push_back({store->name()->str(), positions * bytesOfPosition(program, *store)});
  }
  return stores;
}

} // namespace fathom::driver
