// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What only sm_90a has, on the device: see nv.h. Barriers in memory, which copies in bulk complete, and products of
// four warps.

#ifndef FATHOM_KERNELS_NVPTX_DEVICE_WARPGROUPS_H
#define FATHOM_KERNELS_NVPTX_DEVICE_WARPGROUPS_H

namespace fathom::nv {

/// Threads that arrive, and bytes that come, complete a phase of it; then the next begins. In shared memory.
struct Barrier {
  uint64_t state;
};

/// For one thread; others may use it after the block's next barrier(), copies see publish_barriers.
FATHOM_INLINE void begin_barrier(Barrier *barrier, uint32_t arrivals) {
  __asm__ volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

/// For the thread that began barriers: copies may complete them after the block's next barrier().
FATHOM_INLINE void publish_barriers() { __asm__ volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

/// What this thread did before is seen by those that wait for the phase.
FATHOM_INLINE void arrive(Barrier *barrier) {
  __asm__ volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}

/// The phase waits for so many bytes of copies in bulk as well.
FATHOM_INLINE void arrive_expecting(Barrier *barrier, uint32_t bytes) {
  __asm__ volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
                   : "memory");
}

/// Waits for the end of the last phase whose number modulo 2 is `parity`; of a new barrier that of 1 has ended.
FATHOM_INLINE void wait_for(Barrier *barrier, uint32_t parity) {
  uint32_t done;
  do {
    __asm__ volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.b32 %0, 1, 0, p; }"
                     : "=r"(done)
                     : "r"(shared_address(barrier)), "r"(parity)
                     : "memory");
  } while (done == 0);
}

/// Copies to shared memory; addresses and size are multiples of 16. Who waits for the barrier's phase has the bytes.
FATHOM_INLINE void copy_bulk(void *to, const void *from, uint32_t bytes, Barrier *barrier) {
  __asm__ volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                       shared_address(to)),
                   "l"((const __attribute__((address_space(1))) void *)from), "r"(bytes), "r"(shared_address(barrier))
                   : "memory");
}

/// What this thread wrote to shared memory is there for multiply_group by who waits for it.
FATHOM_INLINE void publish_to_products() { __asm__ volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

/// Before the first product of a group: sums are as products find them.
template <int Count>
FATHOM_INLINE void begin_products(float (&sums)[Count]) {
  // Nothing computes them later.
  FATHOM_UNROLL for (int i = 0; i < Count; ++i) { __asm__ volatile("" : "+f"(sums[i])); }
  __asm__ volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
/// The same, and what of a is in registers.
template <int Count, int Parts>
FATHOM_INLINE void begin_products(float (&sums)[Count], uint32_t (&a)[Parts][2][4]) {
  FATHOM_UNROLL for (int i = 0; i < Parts * 8; ++i) { __asm__ volatile("" : "+r"(a[i / 8][i / 4 % 2][i % 4])); }
  begin_products(sums);
}
/// Ends a group.
FATHOM_INLINE void commit_products() { __asm__ volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/// Waits for all groups of products but the `Pending` latest; until then sums, and what is multiplied, belong to them.
template <int Pending = 0, int Count>
FATHOM_INLINE void wait_products(float (&sums)[Count]) {
  __asm__ volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
  FATHOM_UNROLL for (int i = 0; i < Count; ++i) { __asm__ volatile("" : "+f"(sums[i])::"memory"); }
}

/// What stands before this is not merged with what stands before that of another number: sums of different products
/// that meet in one register would have their products wait for each other.
template <int Number>
FATHOM_INLINE void keep_apart() {
  __asm__ volatile("" ::"n"(Number) : "memory");
}

#define FATHOM_SUMS_4(i) "+f"(sums[i]), "+f"(sums[i + 1]), "+f"(sums[i + 2]), "+f"(sums[i + 3])
#define FATHOM_SUMS_16(i) FATHOM_SUMS_4(i), FATHOM_SUMS_4(i + 4), FATHOM_SUMS_4(i + 8), FATHOM_SUMS_4(i + 12)
#define FATHOM_NAMES_4 "%0, %1, %2, %3"
#define FATHOM_NAMES_16 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define FATHOM_NAMES_32                                                                                                \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, "               \
  "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define FATHOM_NAMES_64                                                                                                \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, "               \
  "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, "               \
  "%42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, "               \
  "%62, %63"
#define FATHOM_WGMMA(tokens, names, ...)                                                                               \
  __asm__ volatile("{ .reg .pred p; setp.ne.b32 p, %[adds], 0; wgmma.mma_async.sync.aligned.m64n" #tokens              \
                   "k16.f32.bf16.bf16 {" names "}, {%[a0], %[a1], %[a2], %[a3]}, %[b], p, 1, 1, 0; }"                  \
                   : __VA_ARGS__                                                                                       \
                   : [a0] "r"(a[0]), [a1] "r"(a[1]), [a2] "r"(a[2]), [a3] "r"(a[3]), [b] "l"(b), [adds] "r"(int(adds)) \
                   : "memory")

/// Rows of 128 bytes in shared memory, one after the other from a multiple of 1024 bytes on; piece i of 16 bytes of row
/// n lies where piece i ^ n % 8 would.
struct SharedRows {
  uint32_t sixteenths; ///< of the address

  /// `bytes` is a multiple of 16.
  FATHOM_INLINE SharedRows operator+(int bytes) const { return {sixteenths + bytes / 16}; }
  /// As the instruction has them.
  FATHOM_INLINE uint64_t describe() const {
    constexpr uint64_t kEightRows = 1024, kSwizzled128 = 1;
    return sixteenths | kEightRows >> 4 << 32 | kSwizzled128 << 62;
  }
};
/// Computed anew each time: nobody keeps what a loop adds to it in registers.
FATHOM_INLINE SharedRows rows_at(const void *at) {
  SharedRows rows = {shared_address(at) >> 4};
  __asm__ volatile("" : "+r"(rows.sixteenths));
  return rows;
}

/// sums = a * b, plus sums if `adds`: 64 rows and 2 * `Count` columns, of 16 products of bf16 each, by four warps whose
/// first is a multiple of four. A warp has 16 of the rows, and its lanes have of a and of each eight columns of the
/// sums what they have for `multiply`. b is in SharedRows, of which `columns` points to these sixteen numbers of the
/// first.
template <int Count>
FATHOM_INLINE void multiply_group(float (&sums)[Count], const uint32_t (&a)[4], const void *columns, bool adds) {
  uint64_t b = SharedRows{shared_address(columns) >> 4}.describe();
  static_assert(Count == 4 || Count == 16 || Count == 64);
  if constexpr (Count == 4) {
    FATHOM_WGMMA(8, FATHOM_NAMES_4, FATHOM_SUMS_4(0));
  } else if constexpr (Count == 16) {
    FATHOM_WGMMA(32, FATHOM_NAMES_16, FATHOM_SUMS_16(0));
  } else {
    FATHOM_WGMMA(128, FATHOM_NAMES_64, FATHOM_SUMS_16(0), FATHOM_SUMS_16(16), FATHOM_SUMS_16(32), FATHOM_SUMS_16(48));
  }
}

#define FATHOM_WGMMA_SHARED(tokens, names, ...)                                                                        \
  __asm__ volatile("{ .reg .pred p; setp.ne.b32 p, %[adds], 0; wgmma.mma_async.sync.aligned.m64n" #tokens              \
                   "k16.f32.bf16.bf16 {" names "}, %[a], %[b], p, 1, 1, %[turned], 0; }"                               \
                   : __VA_ARGS__                                                                                       \
                   : [a] "l"(a), [b] "l"(b), [adds] "r"(int(adds)), [turned] "n"(int(Turned))                          \
                   : "memory")

/// The same with a in shared memory too. If `Turned`, its rows there are steps of k, each of 64 rows of a.
template <bool Turned, int Count>
FATHOM_INLINE void multiply_shared(float (&sums)[Count], SharedRows rows, SharedRows columns, bool adds) {
  uint64_t a = rows.describe(), b = columns.describe();
  static_assert(Count == 16 || Count == 32);
  if constexpr (Count == 16) {
    FATHOM_WGMMA_SHARED(32, FATHOM_NAMES_16, FATHOM_SUMS_16(0));
  } else {
    FATHOM_WGMMA_SHARED(64, FATHOM_NAMES_32, FATHOM_SUMS_16(0), FATHOM_SUMS_16(16));
  }
}

/// For all threads of a warpgroup, once: from here on each has `Count` registers. Those that take wait until others
/// gave.
template <int Count>
FATHOM_INLINE void give_registers() {
  __asm__ volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count) : "memory");
}
template <int Count>
FATHOM_INLINE void take_registers() {
  __asm__ volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count) : "memory");
}

#undef FATHOM_WGMMA_SHARED
#undef FATHOM_WGMMA
#undef FATHOM_NAMES_64
#undef FATHOM_NAMES_32
#undef FATHOM_NAMES_16
#undef FATHOM_NAMES_4
#undef FATHOM_SUMS_16
#undef FATHOM_SUMS_4

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_DEVICE_WARPGROUPS_H
