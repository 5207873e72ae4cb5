// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vocabulary on a CPU, for tests: see nv.h. device.h says what each function does; here stands what is checked.
//
// A thread is a fiber. What threads do together is done by the last of them to arrive, for all. A mistake that hardware
// may hide shows: shared memory begins as NaN, a copy is done only when it is waited for, and where it goes is NaN
// until then, as are sums of products in flight; a misaligned address ends the program.

#ifndef FATHOM_KERNELS_NVPTX_HOST_NV_H
#define FATHOM_KERNELS_NVPTX_HOST_NV_H

namespace fathom::nv {

namespace host {

/// What the threads of a group do: each gives a pointer, the last that arrives calls `act` with those of all.
using Act = void (*)(void *const *arguments, int count);

enum class Group { Warp, Warpgroup, Block };

int thread();
int64_t block();
int64_t blocks();
char *shared_memory();
void meet(Group group, void *argument, Act act);
void copy(void *to, const void *from, bool valid);
void commit();
void wait(int pending);
/// Ends the program where `at` is not a multiple of `alignment`, or not `size` bytes of shared memory.
void check_shared(const void *at, int64_t size, int64_t alignment);

// Acts: arguments are those of the lanes of a warp.
struct Shuffle {
  int32_t value;
  int from;
  int32_t result;
};
struct Ballot {
  bool value;
  uint32_t result;
};
struct LoadMatrices {
  const void *row;
  uint32_t *to;
};
struct Multiply {
  float *sums;
  const uint32_t *a;
  uint32_t b[2];
};
void act_nothing(void *const *, int);
void act_shuffle(void *const *arguments, int count);
void act_ballot(void *const *arguments, int count);
void act_load_matrices(void *const *arguments, int count);
void act_load_transposed(void *const *arguments, int count);
void act_multiply(void *const *arguments, int count);

} // namespace host

FATHOM_INLINE int thread() { return host::thread(); }
FATHOM_INLINE int64_t block() { return host::block(); }
FATHOM_INLINE int64_t blocks() { return host::blocks(); }
FATHOM_INLINE char *shared_memory() { return host::shared_memory(); }

FATHOM_INLINE void barrier() { host::meet(host::Group::Block, nullptr, host::act_nothing); }
FATHOM_INLINE void warp_barrier() { host::meet(host::Group::Warp, nullptr, host::act_nothing); }

FATHOM_INLINE int32_t shuffle(int32_t x, int from) {
  host::Shuffle shuffle = {x, from, 0};
  host::meet(host::Group::Warp, &shuffle, host::act_shuffle);
  return shuffle.result;
}
FATHOM_INLINE int32_t shuffle_xor(int32_t x, int distance) { return shuffle(x, host::thread() % kWarp ^ distance); }
FATHOM_INLINE float shuffle_xor(float x, int distance) {
  return __builtin_bit_cast(float, shuffle_xor(__builtin_bit_cast(int32_t, x), distance));
}

FATHOM_INLINE uint32_t ballot(bool x) {
  host::Ballot ballot = {x, 0};
  host::meet(host::Group::Warp, &ballot, host::act_ballot);
  return ballot.result;
}

FATHOM_INLINE uint32_t round_to_bf16(float x) {
  auto bits = __builtin_bit_cast(uint32_t, x);
  return x == x ? (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 : bits >> 16 | 0x40;
}
FATHOM_INLINE uint32_t pack_bf16(float low, float high) { return round_to_bf16(low) | round_to_bf16(high) << 16; }

FATHOM_INLINE int64_t unknown(int64_t x) { return x; }

FATHOM_INLINE void copy_async(void *to, const void *from, bool valid) { host::copy(to, from, valid); }
FATHOM_INLINE void commit_copies() { host::commit(); }
template <int Pending>
FATHOM_INLINE void wait_copies() {
  host::wait(Pending);
}

FATHOM_INLINE void load_matrices(uint32_t (&to)[4], const void *row) {
  host::LoadMatrices load = {row, to};
  host::meet(host::Group::Warp, &load, host::act_load_matrices);
}

FATHOM_INLINE void load_transposed(uint32_t (&to)[4], const void *row) {
  host::LoadMatrices load = {row, to};
  host::meet(host::Group::Warp, &load, host::act_load_transposed);
}

FATHOM_INLINE void multiply(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  host::Multiply multiply = {sums, a, {b0, b1}};
  host::meet(host::Group::Warp, &multiply, host::act_multiply);
}

FATHOM_INLINE uint32_t permute_bytes(uint32_t low, uint32_t high, uint32_t selector) {
  uint64_t bytes = static_cast<uint64_t>(high) << 32 | low;
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    result |= static_cast<uint32_t>(bytes >> 8 * (selector >> 4 * i & 7) & 0xFF) << 8 * i;
  }
  return result;
}

FATHOM_INLINE uint32_t scale_bf16(uint32_t both) {
  return pack_bf16(__builtin_bit_cast(float, both << 16) * 0x1p120f,
                   __builtin_bit_cast(float, both & 0xFFFF0000) * 0x1p120f);
}

} // namespace fathom::nv

#include "kernels/nvptx/host/warpgroups.h"

#endif // FATHOM_KERNELS_NVPTX_HOST_NV_H
