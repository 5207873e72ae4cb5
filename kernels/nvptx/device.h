// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vocabulary on the device: see nv.h.
//
// What computes is asm without `volatile`, what touches memory or waits is volatile and clobbers memory.

#ifndef FATHOM_KERNELS_NVPTX_DEVICE_H
#define FATHOM_KERNELS_NVPTX_DEVICE_H

extern "C" __attribute__((address_space(3), aligned(1024))) unsigned char fathom_shared[];

namespace fathom::nv {

/// Index in the block, and that of the block.
FATHOM_INLINE int thread() { return __nvvm_read_ptx_sreg_tid_x(); }
FATHOM_INLINE int64_t block() { return __nvvm_read_ptx_sreg_ctaid_x(); }
FATHOM_INLINE int64_t blocks() { return __nvvm_read_ptx_sreg_nctaid_x(); }

FATHOM_INLINE char *shared_memory() { return (char *)(fathom_shared); }

/// All threads of the block meet; what they wrote is seen by all.
FATHOM_INLINE void barrier() { __syncthreads(); }

/// The same for a warp.
FATHOM_INLINE void warp_barrier() { __nvvm_bar_warp_sync(-1); }

/// What lane `lane() ^ distance`, or lane `from`, has of x. All lanes of a warp call it.
FATHOM_INLINE float shuffle_xor(float x, int distance) { return __nvvm_shfl_sync_bfly_f32(-1, x, distance, 31); }
FATHOM_INLINE int32_t shuffle_xor(int32_t x, int distance) { return __nvvm_shfl_sync_bfly_i32(-1, x, distance, 31); }
FATHOM_INLINE int32_t shuffle(int32_t x, int from) { return __nvvm_shfl_sync_idx_i32(-1, x, from, 31); }

/// A bit for each lane of the warp.
FATHOM_INLINE uint32_t ballot(bool x) { return __nvvm_vote_ballot_sync(-1, x); }

/// bf16 codes of two numbers, rounded to nearest, ties to even; the first in the low half.
FATHOM_INLINE uint32_t pack_bf16(float low, float high) {
  uint32_t both;
  __asm__("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

/// x, of which the compiler then knows nothing: what it adds to constants is not kept for each of them.
FATHOM_INLINE int64_t unknown(int64_t x) {
  __asm__("" : "+l"(x));
  return x;
}

FATHOM_INLINE uint32_t shared_address(const void *at) {
  return (uint32_t)(uintptr_t)(const __attribute__((address_space(3))) void *)at;
}

/// Copies 16 bytes to shared memory, or zeros where `valid` is false, both addresses multiples of 16. They are there
/// after wait_copies and, for other threads, the barrier behind it.
FATHOM_INLINE void copy_async(void *to, const void *from, bool valid) {
  __asm__ volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                   :
                   : "r"(shared_address(to)), "l"((const __attribute__((address_space(1))) void *)from),
                     "r"(valid ? 16 : 0)
                   : "memory");
}

/// Ends a group of this thread's copies.
FATHOM_INLINE void commit_copies() { __asm__ volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits for all groups of this thread's but the `Pending` latest.
template <int Pending>
FATHOM_INLINE void wait_copies() {
  __asm__ volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

/// Four 8 x 8 matrices of bf16 from shared memory: lane i says where row i % 8 of matrix i / 8 is, 16 bytes; it gets
/// numbers 2 * (i % 4) and the next of row i / 4 of each.
FATHOM_INLINE void load_matrices(uint32_t (&to)[4], const void *row) {
  __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                   : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                   : "r"(shared_address(row))
                   : "memory");
}

/// The same of matrices that are transposed meanwhile: lane i gets number i / 4 of row 2 * (i % 4) and of the next.
FATHOM_INLINE void load_transposed(uint32_t (&to)[4], const void *row) {
  __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                   : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                   : "r"(shared_address(row))
                   : "memory");
}

/// sums += a * b, 16 x 8 sums of 16 products of bf16 each. Lane i has, with g = i / 4 and t = i % 4, of a rows g and
/// g + 8 at columns 2t, 2t + 1 and, behind them, both at columns 2t + 8, 2t + 9; of b column g at rows 2t, 2t + 1 and
/// 2t + 8, 2t + 9; of the sums row g at columns 2t, 2t + 1, and row g + 8.
FATHOM_INLINE void multiply(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  __asm__("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
          "{%0, %1, %2, %3};"
          : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Bytes of two words, picked by the four digits of `selector`, lowest first: 0 to 3 of `low`, 4 to 7 of `high`.
FATHOM_INLINE uint32_t permute_bytes(uint32_t low, uint32_t high, uint32_t selector) {
  return __nvvm_prmt(low, high, selector);
}

/// Two bf16 times 2^120, exactly.
FATHOM_INLINE uint32_t scale_bf16(uint32_t both) {
  uint32_t scaled;
  __asm__("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(scaled) : "r"(both), "r"(0x7B807B80), "r"(0x80008000));
  return scaled;
}

} // namespace fathom::nv

#include "kernels/nvptx/device_warpgroups.h"

#endif // FATHOM_KERNELS_NVPTX_DEVICE_H
