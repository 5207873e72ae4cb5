// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a decode step must read of the cache, by what an artifact says of its stores and entry points.

#ifndef FATHOM_TOOLS_DRIVER_STEPBYTES_H
#define FATHOM_TOOLS_DRIVER_STEPBYTES_H

#include "fathom/fathom.h"

#include <string>
#include <vector>

namespace fathom::driver {

/// Bytes of one store.
struct StoreBytes {
  std::string name;
  double bytes = 0;
};

/// What the next token of a sequence must read of each store where the sequence has `positions`, its own included: each
/// row once. With sparse attention that is every index key, and as many rows of the other stores as are selected; up to
/// that many, all rows and no index key. `info` is of the loaded model.
std::vector<StoreBytes> countCacheBytes(const fathom_model_info_t &info, double positions);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_STEPBYTES_H
