// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What only sm_90a has, on a CPU: device_warpgroups.h says what each function does.

#ifndef FATHOM_KERNELS_NVPTX_HOST_WARPGROUPS_H
#define FATHOM_KERNELS_NVPTX_HOST_WARPGROUPS_H

namespace fathom::nv {

struct Barrier {
  uint64_t state;
};

struct SharedRows {
  const char *data;

  FATHOM_INLINE SharedRows operator+(int bytes) const { return {data + bytes}; }
};
FATHOM_INLINE SharedRows rows_at(const void *at) { return {static_cast<const char *>(at)}; }

namespace host {

void begin_barrier(const void *barrier, uint32_t arrivals);
void arrive(const void *barrier, uint32_t bytes);
void wait_for(const void *barrier, uint32_t parity);
void copy_bulk(void *to, const void *from, uint32_t bytes, const void *barrier);

/// An act of a warpgroup.
struct MultiplyGroup {
  float *sums;
  int count;
  const uint32_t *a;
  const void *columns;
  bool adds;
};
void act_multiply_group(void *const *arguments, int count);

/// The same with a in shared memory.
struct MultiplyShared {
  float *sums;
  int count;
  const void *rows, *columns;
  bool turned, adds;
};
void act_multiply_shared(void *const *arguments, int count);
void commit_products();
void wait_products(int pending);

} // namespace host

FATHOM_INLINE void begin_barrier(Barrier *barrier, uint32_t arrivals) { host::begin_barrier(barrier, arrivals); }
FATHOM_INLINE void publish_barriers() {}
FATHOM_INLINE void arrive(Barrier *barrier) { host::arrive(barrier, 0); }
FATHOM_INLINE void arrive_expecting(Barrier *barrier, uint32_t bytes) { host::arrive(barrier, bytes); }
FATHOM_INLINE void wait_for(Barrier *barrier, uint32_t parity) { host::wait_for(barrier, parity); }
FATHOM_INLINE void copy_bulk(void *to, const void *from, uint32_t bytes, Barrier *barrier) {
  host::copy_bulk(to, from, bytes, barrier);
}
FATHOM_INLINE void publish_to_products() {}

template <int Count>
FATHOM_INLINE void begin_products(float (&)[Count]) {}
template <int Count, int Parts>
FATHOM_INLINE void begin_products(float (&)[Count], uint32_t (&)[Parts][2][4]) {}
FATHOM_INLINE void commit_products() { host::commit_products(); }
template <int Pending = 0, int Count>
FATHOM_INLINE void wait_products(float (&)[Count]) {
  host::wait_products(Pending);
}
template <int Count>
FATHOM_INLINE void multiply_group(float (&sums)[Count], const uint32_t (&a)[4], const void *columns, bool adds) {
  host::MultiplyGroup multiply = {sums, Count, a, columns, adds};
  host::meet(host::Group::Warpgroup, &multiply, host::act_multiply_group);
}
template <bool Turned, int Count>
FATHOM_INLINE void multiply_shared(float (&sums)[Count], SharedRows rows, SharedRows columns, bool adds) {
  host::MultiplyShared multiply = {sums, Count, rows.data, columns.data, Turned, adds};
  host::meet(host::Group::Warpgroup, &multiply, host::act_multiply_shared);
}

template <int Count>
FATHOM_INLINE void give_registers() {}
template <int>
FATHOM_INLINE void keep_apart() {}
template <int Count>
FATHOM_INLINE void take_registers() {}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_HOST_WARPGROUPS_H
