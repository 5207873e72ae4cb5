// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Measures read bandwidth and multiply-add throughput.

#include "tools/driver/MachineSpeed.h"

#include <algorithm>
#include <cstring>
#include <immintrin.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <vector>

namespace fathom::driver {

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Keeps a result alive, with all that it was computed from.
template <typename Vector>
static inline __attribute__((always_inline)) void keep(Vector &value) {
  __asm__ volatile("" : "+m"(value));
}

namespace {
/// What one thread does, all of them from the same moment on: when they can take the gate.
struct Crew {
  void (*work)(Crew &crew, uint32_t index);
  uint32_t threads;
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  bool complete = false;
  const char *data = nullptr;
  size_t bytesEach = 0;
  unsigned streams = 1;
};

struct Member {
  Crew *crew;
  uint32_t index;
  pthread_t thread;
  double start, end;
};
} // namespace

static void *runMember(void *argument) {
  Member &member = *static_cast<Member *>(argument);
  Crew &crew = *member.crew;
  pthread_mutex_lock(&crew.gate);
  bool work = crew.complete;
  pthread_mutex_unlock(&crew.gate);
  member.start = now();
  if (work) {
    crew.work(crew, member.index);
  }
  member.end = now();
  return nullptr;
}

// Seconds from the first thread's start to the last one's end, by their own clocks: the one that waits for them may
// be scheduled late. 0 if they cannot be started.
static double timeCrew(Crew &crew) {
  std::vector<Member> members(crew.threads);
  uint32_t started = 0;
  pthread_mutex_lock(&crew.gate);
  for (; started < crew.threads; ++started) {
    members[started] = {&crew, started, {}, 0, 0};
    if (pthread_create(&members[started].thread, nullptr, runMember, &members[started]) != 0) {
      break;
    }
  }
  crew.complete = started == crew.threads;
  pthread_mutex_unlock(&crew.gate);
  double start = 1e300, end = 0;
  for (uint32_t i = 0; i < started; ++i) {
    pthread_join(members[i].thread, nullptr);
    start = std::min(start, members[i].start);
    end = std::max(end, members[i].end);
  }
  return crew.complete ? end - start : 0;
}

static __attribute__((target("avx2"))) void readStreams(Crew &crew, uint32_t index) {
  constexpr size_t kStep = 256;
  const char *begin = crew.data + index * crew.bytesEach;
  size_t each = crew.bytesEach / crew.streams / kStep * kStep;
  __m256 sums[8] = {};
  for (size_t at = 0; at < each; at += kStep) {
    for (unsigned stream = 0; stream < crew.streams; ++stream) {
      const float *from = reinterpret_cast<const float *>(begin + stream * each + at);
      for (int i = 0; i < 8; ++i) {
        sums[i] = _mm256_xor_ps(sums[i], _mm256_load_ps(from + i * 8));
      }
    }
  }
  for (int i = 1; i < 8; ++i) {
    sums[0] = _mm256_xor_ps(sums[0], sums[i]);
  }
  keep(sums[0]);
}

static constexpr int kFmaRounds = 5000000;
static constexpr int kFmaChains = 12;

static __attribute__((target("avx2,fma"))) void multiplyAdd256(Crew &, uint32_t) {
  __m256 sums[kFmaChains], factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(0.001f);
  for (int i = 0; i < kFmaChains; ++i) {
    sums[i] = _mm256_set1_ps(static_cast<float>(i));
  }
  for (int round = 0; round < kFmaRounds; ++round) {
    for (int i = 0; i < kFmaChains; ++i) {
      sums[i] = _mm256_fmadd_ps(sums[i], factor, term);
    }
    // Otherwise the compiler may see through chains of constants.
    __asm__ volatile("" : "+x"(factor));
  }
  for (int i = 1; i < kFmaChains; ++i) {
    sums[0] = _mm256_add_ps(sums[0], sums[i]);
  }
  keep(sums[0]);
}

static __attribute__((target("avx512f"))) void multiplyAdd512(Crew &, uint32_t) {
  __m512 sums[kFmaChains], factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(0.001f);
  for (int i = 0; i < kFmaChains; ++i) {
    sums[i] = _mm512_set1_ps(static_cast<float>(i));
  }
  for (int round = 0; round < kFmaRounds; ++round) {
    for (int i = 0; i < kFmaChains; ++i) {
      sums[i] = _mm512_fmadd_ps(sums[i], factor, term);
    }
    __asm__ volatile("" : "+v"(factor));
  }
  for (int i = 1; i < kFmaChains; ++i) {
    sums[0] = _mm512_add_ps(sums[0], sums[i]);
  }
  keep(sums[0]);
}

ReadBandwidth::ReadBandwidth(uint32_t threads, size_t bytes) : threads(threads), bytes(bytes) {
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) {
    buffer = static_cast<char *>(memory);
    madvise(buffer, bytes, MADV_HUGEPAGE);
    // Zero pages would all be one page.
    std::memset(buffer, 1, bytes);
  }
}

ReadBandwidth::~ReadBandwidth() {
  if (buffer) {
    munmap(buffer, bytes);
  }
}

double ReadBandwidth::measureStreams(unsigned streams) {
  Crew crew = {readStreams, threads};
  crew.data = buffer;
  crew.bytesEach = bytes / threads / 4096 * 4096;
  crew.streams = streams;
  double seconds = timeCrew(crew);
  return seconds > 0 ? static_cast<double>(crew.bytesEach) * threads / seconds : 0;
}

double ReadBandwidth::measure() { return std::max(measureStreams(1), measureStreams(4)); }

double measureFmaPeak(uint32_t threads) {
  bool wide = __builtin_cpu_supports("avx512f");
  Crew crew = {wide ? multiplyAdd512 : multiplyAdd256, threads};
  double seconds = timeCrew(crew);
  double operations = 2.0 * (wide ? 16 : 8) * kFmaChains * kFmaRounds * threads;
  return seconds > 0 ? operations / seconds : 0;
}

} // namespace fathom::driver
