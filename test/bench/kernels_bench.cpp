// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Speed of kernels with their constants folded in, against this machine's own limits measured in the same run.
//
// `of_bandwidth` is bytes of weights a second over the read bandwidth of as many threads; `of_peak` is multiply-adds a
// second over those of a loop of nothing else. Built once for each register tile.

// Sources, so that constants fold.
#include "kernels/cpu/gemm.cpp"
#include "kernels/cpu/gqa_attention.cpp"
#include "kernels/cpu/index_candidates.cpp"
#include "kernels/cpu/index_merge.cpp"
#include "kernels/cpu/index_select.cpp"
#include "kernels/cpu/mla_attention.cpp"
#include "kernels/cpu/mla_latent_attention.cpp"
#include "runtime/device/cpu/cpu_features.h"

#include <algorithm>
#include <atomic>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <sys/mman.h>
#include <thread>
#include <type_traits>
#include <vector>

using namespace fathom::cpu;
using Tile = FATHOM_BENCH_TILE;

namespace {

constexpr size_t kBytes = size_t(1) << 30;

/// Memory whose pages are there, large ones as the runtime asks for, full of 0x3c: an ordinary number in every type.
/// Subnormal ones would be slow.
struct Buffer {
  explicit Buffer(size_t bytes) : data(static_cast<char *>(std::aligned_alloc(1 << 21, bytes))) {
    madvise(data, bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < bytes; ++i) {
      data[i] = 0x3c;
    }
  }
  ~Buffer() { std::free(data); }
  char *data;
};

char *weights() {
  static Buffer buffer(kBytes);
  return buffer.data;
}

/// Processor time of the calling thread: a busy machine takes turns away, not speed.
double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Runs body(item, thread) for every item; returns the time of the thread that was busy longest.
template <class Body>
double parallel(int threads, int64_t items, const Body &body) {
  std::atomic<int64_t> next{0};
  std::vector<double> times(threads);
  auto work = [&](int thread) {
    double start = thread_seconds();
    for (int64_t item; (item = next.fetch_add(1)) < items;) {
      body(item, thread);
    }
    times[thread] = thread_seconds() - start;
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back(work, i);
  }
  work(0);
  for (std::thread &thread : others) {
    thread.join();
  }
  return *std::max_element(times.begin(), times.end());
}

double read_bandwidth(int threads) {
  constexpr int64_t kPiece = 1 << 20;
  weights();
  double best = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    double elapsed = parallel(threads, kBytes / kPiece, [](int64_t item, int) {
      const float *from = reinterpret_cast<const float *>(weights() + item * kPiece);
      f32x16 sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
      for (int64_t i = 0; i < kPiece / 4; i += 64) {
        for (int j = 0; j < 4; ++j) {
          sums[j] = larger(sums[j], load(from + i + j * 16));
        }
      }
      benchmark::DoNotOptimize(sum(sums[0] + sums[1] + sums[2] + sums[3]));
    });
    best = std::max(best, kBytes / elapsed);
  }
  return best;
}

/// Multiply-adds a second of one thread.
double fma_peak() {
  constexpr int kChains = 6 * Tile::kVectors;
  constexpr int64_t kSteps = 1 << 22;
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    f32x16 chains[kChains];
    for (f32x16 &chain : chains) {
      chain = 1.0f;
    }
    f32x16 factor = 0.999f, term = 0.001f;
    benchmark::DoNotOptimize(factor);
    benchmark::DoNotOptimize(term);
    double start = thread_seconds();
    for (int64_t i = 0; i < kSteps; ++i) {
      FATHOM_UNROLL for (int j = 0; j < kChains; ++j) { chains[j] = fma(chains[j], factor, term); }
    }
    double elapsed = thread_seconds() - start;
    for (f32x16 &chain : chains) {
      benchmark::DoNotOptimize(chain);
    }
    best = std::max(best, static_cast<double>(kSteps) * kChains * kLanes / elapsed);
  }
  return best;
}

/// A product of `rows` rows over weights of `Bytes` bytes, K = 2048.
template <class Source, int64_t N, int64_t element = FATHOM_ROW_F32>
void gemm(benchmark::State &state) {
  using Kernel = Gemm<Tile, Source>;
  constexpr int64_t K = 2048;
  constexpr bool integers = element == FATHOM_ROW_I8;
  const int64_t kConstants[] = {
      K, N, integers ? fathom_row_bytes(element, K, 0) : K, 0, N, 0, element, integers ? FATHOM_ROW_F32 : element, 4};
  int64_t rows = state.range(0);
  int threads = static_cast<int>(state.range(1));
  using Type = typename Source::Type;
  std::vector<float> x(rows * K, 0.5f), out(rows * N);
  std::vector<typename Type::Scale> scales((N + 31) / 32 * K / Type::kSteps * 32, 1.0f);
  std::vector<std::vector<char>> scratch(threads, std::vector<char>(product_scratch(rows) + 64));
  std::vector<void *> operands = {x.data(), weights()};
  if (Source::kScaled) {
    operands.push_back(scales.data());
  }
  operands.push_back(out.data());
  fathom_dispatch_t dispatch{operands.data(), rows, 0, nullptr, nullptr};
  double limit = rows == 1 ? read_bandwidth(threads) : fma_peak() * threads;
  double best = 1e30;
  for (auto _ : state) {
    double elapsed = parallel(threads, Kernel::items(rows, kConstants), [&](int64_t item, int thread) {
      auto address = (reinterpret_cast<uintptr_t>(scratch[thread].data()) + 63) & ~uintptr_t(63);
      Kernel::run(&dispatch, kConstants, item, reinterpret_cast<void *>(address));
    });
    best = std::min(best, elapsed);
  }
  if (rows == 1) {
    double bytes = static_cast<double>(N) * K * sizeof(typename Type::Stored);
    bytes += Source::kScaled ? static_cast<double>(scales.size() * sizeof(scales.front())) : 0;
    state.counters["GB/s"] = bytes / best * 1e-9;
    state.counters["read_GB/s"] = limit * 1e-9;
    state.counters["of_bandwidth"] = bytes / best / limit;
  } else {
    double steps = static_cast<double>(N) * K * static_cast<double>(rows);
    state.counters["GFLOP/s"] = 2e-9 * steps / best;
    state.counters["peak_GFLOP/s"] = 2e-9 * limit;
    state.counters["of_peak"] = steps / best / limit;
  }
}

/// Memory for a thread's item, where a line of the cache begins.
struct Scratch {
  explicit Scratch(int64_t floats) : memory(floats + kLanes) {}
  void *get() { return reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t(63)); }
  std::vector<float> memory;
};

/// One token's attention over a long context, an item of DeepSeek-V3's 128 heads. Rows are cold: as in a model, where
/// weights pass between two steps.
template <int64_t element>
void latent_attention(benchmark::State &state) {
  using Kernel = MlaLatentAttention<Tile>;
  static constexpr int64_t kConstants[] = {
      128, 512, 64, 0, element, 0x3FB0000000000000, FATHOM_ROW_F32, heads_of_item(128, element)};
  constexpr int64_t kHeads = heads_of_item(128, element);
  int64_t row = row_format(element, 576, 64).bytes(), context = state.range(0), layers = kBytes / (context * row);
  std::vector<float> q(128 * 576, 0.02f), out(128 * 512);
  std::vector<int32_t> pages(context / 64);
  std::iota(pages.begin(), pages.end(), 0);
  const int32_t *table = pages.data();
  fathom_cache_t view = {weights(), layers * 64 * row, &table};
  int32_t position = static_cast<int32_t>(context - 1);
  void *operands[] = {q.data(), out.data()};
  Scratch scratch(floats<AttendingHead>(kHeads) + attended_size(element, 576));
  double limit = fma_peak(), best = 1e30;
  int64_t layer = 0;
  for (auto _ : state) {
    fathom_dispatch_t dispatch{operands, 1, layer++ % layers, &position, &view};
    double start = thread_seconds();
    Kernel::run(&dispatch, kConstants, 0, scratch.get());
    best = std::min(best, thread_seconds() - start);
  }
  double steps = kHeads * (576 + 512.0) * static_cast<double>(context);
  state.counters["GFLOP/s"] = 2e-9 * steps / best;
  state.counters["of_peak"] = steps / best / limit;
}

/// Attention over a long context in as many layers as a gigabyte holds, 12 heads in 2 groups of R1-Distill-Qwen-1.5B:
/// of one token, or of the last `rows`.
template <int64_t element, int64_t context>
void grouped_attention(benchmark::State &state) {
  using Kernel = GqaAttention<Tile>;
  constexpr int64_t kRow = element == FATHOM_ROW_F32    ? 512
                           : element == FATHOM_ROW_BF16 ? 256
                                                        : 132,
                    layers = kBytes / (context * 4 * kRow);
  constexpr int64_t kStore = layers * 2 * 64 * kRow;
  static constexpr int64_t kConstants[] = {12, 2, 128, 0, element, kStore, element, 0x3FB0000000000000, FATHOM_ROW_F32};
  int64_t rows = state.range(0);
  int threads = static_cast<int>(state.range(1));
  std::vector<float> q(rows * 12 * 128, 0.02f), out(rows * 12 * 128);
  std::vector<int32_t> pages(context / 64), positions(rows);
  std::iota(pages.begin(), pages.end(), 0);
  std::iota(positions.begin(), positions.end(), static_cast<int32_t>(context - rows));
  std::vector<const int32_t *> tables(rows, pages.data());
  fathom_cache_t view = {weights(), 2 * kStore, tables.data()};
  void *operands[] = {q.data(), out.data()};
  int64_t items = Kernel::items(rows, kConstants), heads = 6 * attended_rows(rows);
  std::vector<Scratch> scratch(threads, Scratch(floats<AttendingHead>(heads) + attended_size(element, 128)));
  double limit = read_bandwidth(threads), peak = fma_peak() * threads, best = 1e30;
  for (auto _ : state) {
    double elapsed = parallel(threads, rows > 1 ? items : layers * items, [&](int64_t item, int thread) {
      fathom_dispatch_t dispatch{operands, rows, item / items, positions.data(), &view};
      Kernel::run(&dispatch, kConstants, item % items, scratch[thread].get());
    });
    best = std::min(best, elapsed);
  }
  double read = static_cast<double>((rows > 1 ? 1 : layers) * context);
  state.counters["GB/s"] = read * 4 * kRow / best * 1e-9;
  state.counters["of_bandwidth"] = read * 4 * kRow / best / limit;
  state.counters["of_peak"] = read * static_cast<double>(rows) * 12 * 2 * 128 / best / peak;
}

/// Keys of an index: unlike each other, so that the selection has work to do.
char *index_keys() {
  static Buffer buffer(kBytes);
  static bool filled = false;
  auto *numbers = reinterpret_cast<float *>(buffer.data);
  uint32_t random = 1;
  for (size_t i = 0; !filled && i < kBytes / sizeof(float); ++i) {
    random = random * 1664525 + 1013904223;
    numbers[i] = static_cast<float>(random >> 8) * 0x1p-23f - 1.0f;
  }
  filled = true;
  return buffer.data;
}

/// A token whose index, 64 heads of 128 numbers of DeepSeek-V3.2, seeks 2048 keys of a long context, in as many layers
/// as a gigabyte holds. Without AMX what bounds it is the multiply-adds, 64 for each number.
template <int64_t context>
struct IndexedToken {
  static constexpr int64_t kLayers = kBytes / (context * 128 * kFloat), kMostParts = 16;
  static constexpr int64_t kPage = kLayers * 64 * 128 * kFloat;

  explicit IndexedToken(int threads) : threads(threads) {
    std::iota(pages.begin(), pages.end(), 0);
    for (size_t i = 0; i < q.size(); ++i) {
      q[i] = i % 7 < 3 ? 0.5f : -0.25f;
      w[i / 128] = i / 128 % 5 == 0 ? -0.1f : 0.2f;
    }
  }

  template <class Kernel>
  void run(int64_t layer, int thread, void **operands, const int64_t *constants, int64_t item) {
    fathom_dispatch_t dispatch{operands, 1, layer, &position, &view};
    auto address = (reinterpret_cast<uintptr_t>(scratch[thread].data()) + 63) & ~uintptr_t(63);
    Kernel::run(&dispatch, constants, item, reinterpret_cast<void *>(address));
  }

  template <class Step>
  void measure(benchmark::State &state, Step step) {
    double bandwidth = read_bandwidth(threads), peak = fma_peak() * threads, best = 1e30;
    for (auto _ : state) {
      best = std::min(best, parallel(threads, kLayers, step));
    }
    double bytes = static_cast<double>(kBytes), steps = bytes / kFloat * 64;
    state.counters["GB/s"] = bytes / best * 1e-9;
    state.counters["of_bandwidth"] = bytes / best / bandwidth;
    state.counters["GFLOP/s"] = 2e-9 * steps / best;
    state.counters["of_peak"] = steps / best / peak;
  }

  int threads;
  std::vector<float> q = std::vector<float>(64 * 128), w = std::vector<float>(64);
  std::vector<int32_t> pages = std::vector<int32_t>(context / 64);
  const int32_t *table = pages.data();
  fathom_cache_t view = {index_keys(), kPage, &table};
  int32_t position = static_cast<int32_t>(context - 1);
  std::vector<std::vector<float>> scratch = std::vector<std::vector<float>>(
      threads, std::vector<float>(IndexScratch<int64_t>(0, 64, 128, FATHOM_ROW_F32, kMostParts * 2048).end + kLanes));
};

template <int64_t context>
void index_select(benchmark::State &state) {
  static constexpr int64_t kConstants[] = {64, 128, 2048, 64, 0, 0, FATHOM_ROW_F32, FATHOM_ROW_F32};
  IndexedToken<context> token(static_cast<int>(state.range(0)));
  token.measure(state, [&](int64_t layer, int thread) {
    std::vector<int32_t> own(2048);
    void *operands[] = {token.q.data(), token.w.data(), own.data()};
    token.template run<IndexSelect<Tile>>(layer, thread, operands, kConstants, 0);
    benchmark::DoNotOptimize(own.data());
  });
}

/// The same by index_merge of the candidates of as many parts as a context of 160k tokens has, of which a shorter one
/// uses few.
template <int64_t context>
void index_parts(benchmark::State &state) {
  constexpr int64_t kParts = IndexedToken<context>::kMostParts;
  static constexpr int64_t kConstants[] = {64, 128, 2048, kParts, 64, 0, 0, FATHOM_ROW_F32, FATHOM_ROW_F32};
  IndexedToken<context> token(static_cast<int>(state.range(0)));
  token.measure(state, [&](int64_t layer, int thread) {
    static thread_local std::vector<float> scores(kParts * 2048), bounds(kParts);
    static thread_local std::vector<int32_t> ids(kParts * 2048), own(2048);
    void *found[] = {token.q.data(), token.w.data(), scores.data(), ids.data(), bounds.data()};
    for (int64_t part = 0; part < kParts; ++part) {
      token.template run<IndexCandidates<Tile>>(layer, thread, found, kConstants, part);
    }
    void *merged[] = {scores.data(), ids.data(), bounds.data(), token.q.data(), token.w.data(), own.data()};
    token.template run<IndexMerge<Tile>>(layer, thread, merged, kConstants, 0);
    benchmark::DoNotOptimize(own.data());
  });
}

/// One head over a prompt, of DeepSeek-V2-Lite.
void attention(benchmark::State &state) {
  using Kernel = MlaAttention<Tile, Bf16>;
  static constexpr int64_t kConstants[] = {
      16, 128, 64, 128, 512, 0, FATHOM_ROW_F32, 0x3FB0000000000000, FATHOM_ROW_F32};
  int64_t rows = state.range(0), pages_count = (rows + 63) / 64;
  std::vector<float> cache(fathom_whole_groups(pages_count) * 64 * 576, 0.01f), q(rows * 16 * 192, 0.02f),
      out(rows * 16 * 128), table(rows * 64, 0.5f);
  std::vector<int32_t> pages(pages_count), positions(rows);
  std::iota(pages.begin(), pages.end(), 0);
  std::iota(positions.begin(), positions.end(), 0);
  std::vector<const int32_t *> tables(rows, pages.data());
  fathom_cache_t view = {reinterpret_cast<char *>(cache.data()), 64 * 576 * kFloat, tables.data()};
  void *operands[] = {q.data(), weights(), table.data(), out.data()};
  fathom_dispatch_t dispatch{operands, rows, 0, positions.data(), &view};
  std::vector<char> scratch(MlaAttentionScratch<int64_t>(0, rows, kConstants).end * kFloat + 64);
  double limit = fma_peak(), best = 1e30;
  for (auto _ : state) {
    double start = thread_seconds();
    auto address = (reinterpret_cast<uintptr_t>(scratch.data()) + 63) & ~uintptr_t(63);
    Kernel::run(&dispatch, kConstants, 3, reinterpret_cast<void *>(address));
    best = std::min(best, thread_seconds() - start);
  }
  double n = static_cast<double>(rows), steps = n * 512 * 256 + n * n / 2 * 320;
  state.counters["GFLOP/s"] = 2e-9 * steps / best;
  state.counters["of_peak"] = steps / best / limit;
}

} // namespace

BENCHMARK(gemm<PanelWeights<Bf16>, 1 << 18>)->Args({1, 1})->Args({1, 2})->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<PanelWeights<Bf16>, 1 << 18, FATHOM_ROW_BF16>)
    ->Args({1, 1})
    ->Args({1, 2})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<PanelWeights<F8E4M3>, 1 << 18>)->Args({1, 1})->Args({1, 2})->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<PanelWeights<I8>, 1 << 18>)->Args({1, 1})->Args({1, 2})->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<PanelWeights<F32>, 1 << 17>)->Args({1, 1})->Args({1, 2})->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<RowWeights<Bf16>, 1 << 18>)->Args({1, 1})->Args({1, 2})->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<RowWeights<F8E4M3>, 1 << 18>)->Args({1, 1})->Args({1, 2})->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<RowWeights<F32>, 1 << 17>)->Args({1, 1})->Args({1, 2})->Unit(benchmark::kMillisecond);
// Rows of an expert, whose weights no cache holds.
BENCHMARK(gemm<PanelWeights<Bf16>, 1408 * 64>)
    ->ArgsProduct({{2, 3, 4, 6, 8, 12, 16, 24, 48, 96}, {1}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<PanelWeights<F8E4M3>, 1408 * 64>)->ArgsProduct({{4, 8, 12, 24}, {1}})->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<PanelWeights<Bf16>, 4096>)->Args({4, 1})->Args({8, 1})->Args({32, 1})->Args({256, 1});
BENCHMARK(gemm<PanelWeights<Bf16>, 4096, FATHOM_ROW_BF16>)->Args({4, 1})->Args({8, 1})->Args({32, 1})->Args({256, 1});
BENCHMARK(gemm<PanelWeights<F8E4M3>, 4096>)->Args({8, 1})->Args({256, 1});
BENCHMARK(gemm<PanelWeights<I8>, 4096>)->Args({8, 1})->Args({256, 1});
BENCHMARK(gemm<PanelWeights<I8>, 1 << 18, FATHOM_ROW_I8>)->Args({1, 1})->Args({1, 2})->Unit(benchmark::kMillisecond);
BENCHMARK(gemm<PanelWeights<I8>, 4096, FATHOM_ROW_I8>)->Args({2, 1})->Args({4, 1})->Args({8, 1})->Args({256, 1});
BENCHMARK(gemm<PanelWeights<F32>, 4096>)->Args({256, 1});
BENCHMARK(gemm<RowWeights<Bf16>, 4096>)->Args({256, 1});
BENCHMARK(latent_attention<FATHOM_ROW_F32>)->Arg(1024)->Arg(16384)->Unit(benchmark::kMicrosecond);
BENCHMARK(latent_attention<FATHOM_ROW_BF16>)->Arg(1024)->Arg(16384)->Unit(benchmark::kMicrosecond);
BENCHMARK(latent_attention<FATHOM_ROW_F8E4M3>)->Arg(1024)->Arg(16384)->Unit(benchmark::kMicrosecond);
BENCHMARK(grouped_attention<FATHOM_ROW_F32, 4096>)->Args({1, 1});
BENCHMARK(grouped_attention<FATHOM_ROW_F32, 16384>)->Args({1, 2})->Args({256, 1})->Unit(benchmark::kMillisecond);
BENCHMARK(grouped_attention<FATHOM_ROW_BF16, 4096>)->Args({1, 1});
BENCHMARK(grouped_attention<FATHOM_ROW_BF16, 16384>)->Args({1, 2})->Args({256, 1})->Unit(benchmark::kMillisecond);
BENCHMARK(grouped_attention<FATHOM_ROW_F8E4M3, 4096>)->Args({1, 1});
BENCHMARK(grouped_attention<FATHOM_ROW_F8E4M3, 16384>)->Args({1, 2})->Args({256, 1})->Unit(benchmark::kMillisecond);
BENCHMARK(index_select<4096>)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(index_select<16384>)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(index_select<65536>)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);
BENCHMARK(index_parts<4096>)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(index_parts<16384>)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(index_parts<65536>)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(attention)->Arg(512);

int main(int argc, char **argv) {
  bool amx = fathom::runtime::hasFeature("amx_tile"); // also asks the system for it
  if (std::is_same_v<Tile, AmxTile> && !amx) {
    std::fputs("this machine has no AMX\n", stderr);
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
