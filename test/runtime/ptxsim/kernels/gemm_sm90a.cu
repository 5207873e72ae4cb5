// C[m][64] = A[m][k] * B[64][k]^T in bf16 on sm_90a: a producer warp with TMA, a consumer warpgroup with wgmma, and
// results through shared memory and a TMA store.
// Made with: nvcc -ptx -arch=sm_90a, comments and blanks removed.
#include <stdint.h>
constexpr int STAGES = 3, TILE_K = 64;
struct alignas(64) Map { char bytes[128]; };
__device__ __forceinline__ void arrive(uint32_t bar) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(bar) : "memory");
}
__device__ __forceinline__ void wait(uint32_t bar, uint32_t parity) {
  uint32_t done;
  do {
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
                 : "=r"(done) : "r"(bar), "r"(parity) : "memory");
  } while (done == 0);
}
__device__ __forceinline__ void load(uint32_t to, const Map *map, int x, int y, uint32_t bar) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];"
               ::"r"(to), "l"(map), "r"(x), "r"(y), "r"(bar) : "memory");
}
__device__ __forceinline__ uint64_t descriptor(uint32_t a) { return (uint64_t)((a & 0x3ffff) >> 4) | 64ull << 32 | 1ull << 62; }
#define D8(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
__device__ __forceinline__ void wgmma(float (&d)[32], uint64_t a, uint64_t b, int add) {
  asm volatile("{ .reg .pred p; setp.ne.b32 p, %34, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}, "
    "%32, %33, p, 1, 1, 0, 0; }"
    : D8(0), D8(8), D8(16), D8(24) : "l"(a), "l"(b), "r"(add) : "memory");
}
extern "C" __global__ void __launch_bounds__(160) gemm90(const __grid_constant__ Map a, const __grid_constant__ Map b,
                                                          const __grid_constant__ Map c, int k) {
  extern __shared__ __align__(1024) unsigned char shared[];
  __shared__ alignas(8) uint64_t bars[2 * STAGES];
  uint32_t base = (uint32_t)__cvta_generic_to_shared(shared), full = (uint32_t)__cvta_generic_to_shared(bars), empty = full + 8 * STAGES;
  int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, steps = k / TILE_K;
  if (tid == 0) {
#pragma unroll 1
    for (int s = 0; s < STAGES; ++s) {
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(full + 8 * s) : "memory");
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 4;" ::"r"(empty + 8 * s) : "memory");
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  if (warp == 4) {
    if (lane == 0) {
#pragma unroll 1
      for (int s = 0; s < steps; ++s) {
        uint32_t stage = s % STAGES;
        wait(empty + 8 * stage, (s / STAGES & 1) ^ 1);
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(full + 8 * stage), "r"(16384) : "memory");
        load(base + stage * 16384, &a, s * TILE_K, blockIdx.x * 64, full + 8 * stage);
        load(base + stage * 16384 + 8192, &b, s * TILE_K, 0, full + 8 * stage);
      }
    }
    return;
  }
  float d[32];
#pragma unroll 1
  for (int s = 0; s < steps; ++s) {
    uint32_t stage = s % STAGES;
    wait(full + 8 * stage, s / STAGES & 1);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    uint64_t da = descriptor(base + stage * 16384), db = descriptor(base + stage * 16384 + 8192);
#pragma unroll
    for (int j = 0; j < 2; ++j) wgmma(d, da + 2 * j, db + 2 * j, s + j);
#pragma unroll
    for (int j = 2; j < 4; ++j) wgmma(d, da + 2 * j, db + 2 * j, 1);
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" : D8(0), D8(8), D8(16), D8(24) :: "memory");
    if (lane == 0) arrive(empty + 8 * stage);
  }
  // Results in the first stages, which nothing reads any more: 64 rows of 64 floats, in two boxes of 32 columns.
  asm volatile("bar.sync 1, 128;" ::: "memory");
  int row = warp * 16 + lane / 4;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    float *to = (float *)(shared + i / 4 * 8192) + row * 32 + i % 4 * 8 + lane % 4 * 2;
    to[0] = d[4 * i]; to[1] = d[4 * i + 1];
    to[8 * 32] = d[4 * i + 2]; to[8 * 32 + 1] = d[4 * i + 3];
  }
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  asm volatile("bar.sync 1, 128;" ::: "memory");
  if (tid == 0) {
#pragma unroll 1
    for (int i = 0; i < 2; ++i)
      asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%0, {%1, %2}], [%3];"
                   ::"l"(&c), "r"(i * 32), "r"(blockIdx.x * 64), "r"(base + i * 8192) : "memory");
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
  }
}
