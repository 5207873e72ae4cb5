// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Places in shared memory that some threads fill and others read, each with two barriers: that of its filling, and that
// of its being read. Who fills goes ahead of who reads by as many places as there are.

#ifndef FATHOM_KERNELS_NVPTX_RING_H
#define FATHOM_KERNELS_NVPTX_RING_H

#include "kernels/nvptx/nv.h"
#include "kernels/nvptx/sizes.h"

namespace fathom::nv {

/// Where a thread is. All threads of a block go through the same turns, from tile to tile.
struct Ring {
  uint32_t place = 0, parity = 0;

  /// Of each place; then all threads meet. Of kFetchers threads each arrives when it has filled one, and one of them
  /// before, with the bytes that come in bulk; a lane of each warp of kMultipliers threads when it has been read.
  static FATHOM_INLINE Ring begin() {
    if (thread() == 0) {
      for (uint32_t place = 0; place < kPlaces; ++place) {
        begin_barrier(Ring{place}.filled(), kFetchers + 1);
        begin_barrier(Ring{place}.empty(), kMultipliers / kWarp);
      }
      publish_barriers();
    }
    barrier();
    return {};
  }

  FATHOM_INLINE char *data() const { return shared<char>(place * kPlaceBytes); }
  FATHOM_INLINE Barrier *filled() const { return shared<Barrier>(kPlaces * kPlaceBytes) + place; }
  FATHOM_INLINE Barrier *empty() const { return filled() + kPlaces; }

  FATHOM_INLINE void wait_until_filled() const { wait_for(filled(), parity); }
  /// Places are empty before the first turn.
  FATHOM_INLINE void wait_until_empty() const { wait_for(empty(), parity ^ 1); }

  FATHOM_INLINE void advance() {
    ++place;
    if (place == kPlaces) {
      place = 0;
      parity ^= 1;
    }
  }
};

/// Of a thread that fetches, and of one that multiplies, for all of a kernel.
struct FetchingRing : Ring {};
struct MultiplyingRing : Ring {};

/// use(ring) with that of this thread. What it does is compiled for each of them, with registers of its own.
template <class Use>
FATHOM_INLINE void share_ring(const Use &use) {
  Ring ring = Ring::begin();
  // By a warp that the compiler knows to be that of all lanes.
  if (shuffle(warp(), 0) >= kMultipliers / kWarp) {
    give_registers<kRegistersToFetch>();
    FetchingRing fetching = {ring};
    use(fetching);
  } else {
    take_registers<kRegistersToMultiply>();
    MultiplyingRing multiplying = {ring};
    use(multiplying);
  }
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_RING_H
