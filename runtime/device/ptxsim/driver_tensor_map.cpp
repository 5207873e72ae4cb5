// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuTensorMapEncodeTiled.

#include "runtime/device/ptxsim/driver_functions.h"
#include "runtime/device/ptxsim/tensor_map.h"

namespace fathom::runtime::ptxsim {

/// What is wrong with an argument; the driver itself says only that it is invalid.
static cuda::CUresult refuse(Driver &driver, std::string_view problem) {
  driver.report = "cuTensorMapEncodeTiled: " + std::string(problem);
  return cuda::kInvalidValue;
}

cuda::CUresult simulateEncodeTiledMap(Driver &driver, void *bytes, int type, uint32_t rank, void *address,
                                      const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,
                                      const uint32_t *elementStrides, int interleave, int swizzle, int promotion,
                                      int fill) {
  if (type < 0 || type > static_cast<int>(MapType::TF32Ftz) || swizzle < 0 || swizzle > 3 || interleave != 0 ||
      rank > kMaxRank) {
    return refuse(driver, "this data type, swizzle, interleaving or rank is not supported");
  }
  TensorMap map;
  map.type = static_cast<MapType>(type);
  map.rank = static_cast<uint8_t>(rank);
  map.swizzle = static_cast<Swizzle>(swizzle);
  map.fillsNan = fill != 0;
  map.address = reinterpret_cast<uint64_t>(address);
  for (unsigned i = 0; i < rank; ++i) {
    if (elementStrides[i] != 1) {
      return refuse(driver, "only element strides of 1 are supported");
    }
    map.sizes[i] = sizes[i];
    map.box[i] = box[i];
    map.strides[i] = i == 0 ? bytesOf(map.type) : strides[i - 1];
  }
  if (const char *problem = check(map)) {
    return refuse(driver, problem);
  }
  encode(map, static_cast<uint8_t *>(bytes));
  return cuda::kSuccess;
}

} // namespace fathom::runtime::ptxsim
