// C[m][16] = A[m][k] * B[16][k]^T in bf16: two warps, tiles of 32 rows and k = 32, a ring of three stages of cp.async.
// Made with: nvcc -ptx -arch=sm_80, comments and blanks removed.
#include <stdint.h>
constexpr int STAGES = 3, TILE_K = 32;
__device__ __forceinline__ uint32_t at(uint32_t row, uint32_t chunk) { return row * 64 + ((chunk ^ (row >> 1 & 3)) << 4); }
__device__ __forceinline__ void copy(uint32_t to, const void *from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void ldm4(uint32_t (&r)[4], uint32_t a) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(a) : "memory");
}
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
extern "C" __global__ void __launch_bounds__(64) gemm80(const uint16_t *a, const uint16_t *b, float *c, int m, int k) {
  __shared__ alignas(1024) unsigned char shared[STAGES][48 * 64];
  uint32_t base = (uint32_t)__cvta_generic_to_shared(shared);
  int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  int row0 = blockIdx.x * 32, steps = k / TILE_K;
  float d[2][4] = {};
  auto load = [&](int step) {
    uint32_t stage = base + step % STAGES * 3072;
    int row = tid / 4, chunk = tid % 4;
#pragma unroll 1
    for (int i = 0; i < 32; i += 16)
      copy(stage + at(row + i, chunk), a + (size_t)(row0 + row + i) * k + step * TILE_K + chunk * 8, row0 + row + i < m ? 16 : 0);
    copy(stage + 2048 + at(row, chunk), b + (size_t)row * k + step * TILE_K + chunk * 8, 16);
  };
#pragma unroll 1
  for (int s = 0; s < STAGES - 1; ++s) {
    if (s < steps) load(s);
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
#pragma unroll 1
  for (int s = 0; s < steps; ++s) {
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    if (s + STAGES - 1 < steps) load(s + STAGES - 1);
    asm volatile("cp.async.commit_group;" ::: "memory");
    uint32_t stage = base + s % STAGES * 3072;
#pragma unroll 1
    for (int j = 0; j < 2; ++j) {
      uint32_t ra[4];
      ldm4(ra, stage + at(warp * 16 + lane % 16, j * 2 + lane / 16));
      uint32_t rb[4];
      ldm4(rb, stage + 2048 + at(lane % 8 + lane / 16 * 8, j * 2 + lane / 8 % 2));
      mma(d[0], ra, rb[0], rb[1]);
      mma(d[1], ra, rb[2], rb[3]);
    }
  }
  int row = row0 + warp * 16 + lane / 4;
#pragma unroll
  for (int n = 0; n < 2; ++n) {
    float *to = c + (size_t)row * 16 + n * 8 + lane % 4 * 2;
    if (row < m) { to[0] = d[n][0]; to[1] = d[n][1]; }
    if (row + 8 < m) { to[8 * 16] = d[n][2]; to[8 * 16 + 1] = d[n][3]; }
  }
}
