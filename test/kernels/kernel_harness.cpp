// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls kernels as compiled code does, with more checks.

#include "test/kernels/kernel_harness.h"

#include "kernels/nvptx/host/launch.h"
#include "kernels/ref/ref.h"
#include "runtime/device/cpu/cpu_features.h"
#include "test/kernels/device_launch.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <set>

#define FATHOM_KERNEL(symbol, ...)                                                                                     \
  extern "C" int64_t symbol##_items(int64_t, const int64_t *);                                                         \
  extern "C" void symbol(const fathom_dispatch_t *, const int64_t *, int64_t, void *);

#include "kernels/cpu/kernels.inc"
#undef FATHOM_KERNEL
#define FATHOM_KERNEL(symbol, ...) extern "C" void symbol(const fathom_dispatch_t *, const int64_t *);

#include "kernels/nvptx/kernels.inc"
#undef FATHOM_KERNEL

static bool checks_rounding;
static double rounding_tolerance;
static const std::vector<float> *epilogue_extra;
static int64_t epilogue_stride;

extern "C" void fathom_epilogue(const fathom_dispatch_t *, int64_t row, int64_t column, int64_t count, float *values);
void fathom_epilogue(const fathom_dispatch_t *, int64_t row, int64_t column, int64_t count, float *values) {
  for (int64_t i = 0; epilogue_extra && i < count; ++i) {
    values[i] += (*epilogue_extra)[row * epilogue_stride + column + i];
  }
}

extern "C" float fathom_epilogue_scalar(const fathom_dispatch_t *dispatch, int64_t row, int64_t column, float value);
float fathom_epilogue_scalar(const fathom_dispatch_t *dispatch, int64_t row, int64_t column, float value) {
  fathom_epilogue(dispatch, row, column, 1, &value);
  return value;
}

namespace fathom::test {

namespace {

/// Of a kernel of a CPU `items` and `run`, of one of a GPU `launch`.
struct Entry {
  int64_t (*items)(int64_t, const int64_t *);
  void (*run)(const fathom_dispatch_t *, const int64_t *, int64_t, void *);
  nv::host::Kernel launch;
};

} // namespace

static Entry find_entry(std::string_view symbol) {
#define FATHOM_KERNEL(name, ...)                                                                                       \
  if (symbol == #name) {                                                                                               \
    return {name##_items, name, nullptr};                                                                              \
  }

#include "kernels/cpu/kernels.inc"
#undef FATHOM_KERNEL
#define FATHOM_KERNEL(name, ...)                                                                                       \
  if (symbol == #name) {                                                                                               \
    return {nullptr, nullptr, name};                                                                                   \
  }

#include "kernels/nvptx/kernels.inc"
#undef FATHOM_KERNEL
  return {};
}

/// A kernel of a GPU runs on every machine, by the shim that stands in for one, unless a device is to run it.
static bool can_run(std::string_view name) {
  const kernels::Arch *arch = kernels::findArch(name);
  const std::vector<std::string_view> &features = arch->features;
  if (is_of_gpu(*arch)) {
    return !finds_device() || device_runs(*arch);
  }
  return std::all_of(features.begin(), features.end(),
                     [](std::string_view feature) { return runtime::hasFeature(std::string(feature).c_str()); });
}

bool is_of_gpu(const kernels::Arch &arch) { return arch.device->name == "cuda"; }
bool is_of_gpu(const Kernel &kernel) { return kernel.grid != nullptr; }

std::vector<const Kernel *> kernels_of(std::string_view op) {
  std::vector<const Kernel *> found;
  for (const Kernel &kernel : kernels::catalog()) {
    if (kernel.op == op && can_run(kernel.arch)) {
      found.push_back(&kernel);
    }
  }
  return found;
}

std::string kernel_name(const testing::TestParamInfo<const Kernel *> &info) { return std::string(info.param->symbol); }

static int64_t bytes_of_row(const ref::RowFormat &format) {
  return fathom_row_bytes(format.element, format.width, format.tail);
}

static RowFormats in_f32(const Widths &widths) {
  RowFormats formats;
  for (int64_t width : widths) {
    formats.push_back({FATHOM_ROW_F32, width});
  }
  return formats;
}

Cache::Cache(int64_t tokens, int64_t layers, const Widths &widths, int64_t sequences, int64_t heads)
    : Cache(in_f32(widths), tokens, layers, sequences, heads) {}

Cache::Cache(RowFormats given, int64_t tokens, int64_t layers, int64_t sequences, int64_t heads)
    : formats(std::move(given)), heads(heads), page_tables(sequences) {
  for (const ref::RowFormat &format : formats) {
    offsets.push_back(offsets.back() + layers * heads * FATHOM_PAGE_TOKENS * bytes_of_row(format));
  }
  auto count = static_cast<int32_t>(tokens / FATHOM_PAGE_TOKENS + 1), next = count * static_cast<int32_t>(sequences);
  memory.assign(fathom_whole_groups(next) * offsets.back() / sizeof(float), std::numeric_limits<float>::quiet_NaN());
  for (int32_t p = 0; p < count; ++p) {
    for (Ints &table : page_tables) {
      table.push_back(--next);
    }
  }
}

uint8_t *Cache::bytes(int64_t layer, int64_t position, int64_t sequence, size_t store, int64_t head) {
  fathom_cache_t cache = of({sequence});
  return reinterpret_cast<uint8_t *>(
      fathom_cache_row(&cache, 0, layer * heads + head, position, offsets[store], bytes_of_row(formats[store])));
}

Floats Cache::fill(int64_t layer, int64_t tokens, uint32_t seed, int64_t sequence, size_t store) {
  const ref::RowFormat &format = formats[store];
  Floats dense = random_floats(tokens * heads * format.width, seed);
  for (int64_t i = 0; i < tokens * heads; ++i) {
    float *numbers = &dense[i * format.width];
    uint8_t *row = bytes(layer, i / heads, sequence, store, i % heads);
    std::vector<uint8_t> encoded = ref::encode_row(numbers, format);
    std::copy(encoded.begin(), encoded.end(), row);
    Floats decoded = ref::decode_row(row, format);
    std::copy(decoded.begin(), decoded.end(), numbers);
  }
  return dense;
}

fathom_cache_t Cache::of(const std::vector<int64_t> &sequences) {
  tables.clear();
  for (int64_t sequence : sequences) {
    tables.push_back(page_tables[sequence].data());
  }
  return {reinterpret_cast<char *>(memory.data()), offsets.back(), tables.data()};
}

Cache decode(Cache &cache, int64_t tokens, int64_t layers, int64_t layer) {
  Widths widths;
  for (const ref::RowFormat &format : cache.formats) {
    widths.push_back(format.width);
  }
  auto sequences = static_cast<int64_t>(cache.page_tables.size());
  Cache decoded(tokens, layers, widths, sequences, cache.heads);
  for (int64_t i = 0; i < sequences * tokens * cache.heads; ++i) {
    int64_t head = i % cache.heads, position = i / cache.heads % tokens, sequence = i / cache.heads / tokens;
    for (size_t store = 0; store < widths.size(); ++store) {
      Floats numbers = ref::decode_row(cache.bytes(layer, position, sequence, store, head), cache.formats[store]);
      std::copy(numbers.begin(), numbers.end(), decoded.row(layer, position, sequence, store, head));
    }
  }
  return decoded;
}

static const std::set<std::string, std::less<>> kTunedConstants = {"panels_per_item", "heads_per_item"};
static constexpr std::string_view kReadElement = "x_element", kResultElement = "out_element";

static std::vector<int64_t> constant_array(const Kernel &kernel, const Constants &given) {
  std::vector<int64_t> values;
  // What is tuned is given to kernels that have nothing of the kind, too.
  size_t used = std::count_if(given.begin(), given.end(), [&](const Constants::value_type &constant) {
    return kTunedConstants.count(constant.first) && kernel.findConstant(constant.first) < 0;
  });
  for (const kernels::Constant &constant : kernel.constants) {
    auto found = given.find(std::string(constant.name));
    if (found == given.end() && (constant.name == kReadElement || constant.name == kResultElement)) {
      values.push_back(FATHOM_ROW_F32);
      continue;
    }
    ++used;
    EXPECT_NE(found, given.end()) << kernel.symbol << " wants a constant " << constant.name;
    double value = found == given.end() ? 1 : found->second;
    values.push_back(static_cast<int64_t>(value));
    if (constant.isReal) {
      std::memcpy(&values.back(), &value, sizeof value);
    }
  }
  EXPECT_EQ(given.size(), used) << kernel.symbol;
  return values;
}

static void run_item(const Entry &entry, const fathom_dispatch_t &dispatch, const std::vector<int64_t> &constants,
                     int64_t item, size_t bytes) {
  constexpr size_t kGuard = 256;
  constexpr unsigned char kMark = 0xAB; // as an f32, -1.2e-12: reading it unset shows
  size_t size = (bytes + kGuard + 63) / 64 * 64;
  std::unique_ptr<void, decltype(&std::free)> scratch(std::aligned_alloc(64, size), &std::free);
  auto *memory = static_cast<unsigned char *>(scratch.get());
  std::memset(memory, kMark, size);
  entry.run(&dispatch, constants.data(), item, memory);
  for (size_t i = bytes; i < size; ++i) {
    if (memory[i] != kMark) {
      ADD_FAILURE() << "item " << item << " writes byte " << i << " of " << bytes << " bytes of scratch";
      return;
    }
  }
}

/// Runs each time on a grid of another size, from one block to more than suit.
static void run_grid(const Call &call, const Entry &entry, const fathom_dispatch_t &dispatch,
                     const std::vector<int64_t> &constants) {
  // A process may run one test: tests begin with different grids.
  static int64_t calls = std::hash<std::string>()(testing::UnitTest::GetInstance()->current_test_info()->name()) % 1000;
  kernels::Grid grid = call.kernel->grid(constants.data());
  int64_t suits = (call.rows + grid.rowsPerBlock - 1) / grid.rowsPerBlock * grid.blocks;
  const int64_t counts[] = {suits, suits / 2 + 1, suits + 3, std::min<int64_t>(suits, 1 + calls % 5)};
  int64_t blocks = counts[calls++ % 4];
  bool adds = call.kernel->hasEpilogue && epilogue_extra;
  DeviceLaunch on_device{
      call, constants, dispatch, blocks, adds ? epilogue_extra : nullptr, adds ? epilogue_stride : 0};
  note_kernel(on_device);
  if (finds_device()) {
    run_on_device(on_device);
    return;
  }
  nv::host::Grid launched{blocks, static_cast<int>(grid.threads), grid.sharedBytes};
  EXPECT_EQ(nv::host::launch(entry.launch, launched, dispatch, constants.data()), "") << call.kernel->symbol;
}

static void run_items(const Call &call, const Entry &entry, const fathom_dispatch_t &dispatch,
                      const std::vector<int64_t> &constants) {
  size_t bytes = call.kernel->scratchBytes(call.rows, constants.data());
  for (int64_t item = entry.items(call.rows, constants.data()); item-- > 0;) {
    run_item(entry, dispatch, constants, item, bytes);
  }
}

static void run_once(const Call &call) {
  Entry entry = find_entry(call.kernel->symbol);
  ASSERT_TRUE(entry.run || entry.launch);
  ASSERT_EQ(call.operands.size(), call.kernel->operandNames.size()) << call.kernel->symbol;
  std::vector<int64_t> constants = constant_array(*call.kernel, call.constants);
  std::vector<int64_t> sequences = call.sequences.empty() ? std::vector<int64_t>(call.rows) : call.sequences;
  fathom_cache_t cache = call.cache ? call.cache->of(sequences) : fathom_cache_t();
  std::vector<void *> operands;
  for (const void *operand : call.operands) {
    operands.push_back(const_cast<void *>(operand));
  }
  fathom_dispatch_t dispatch{operands.data(), call.rows, call.layer, call.positions.data(), &cache};
  (entry.launch ? run_grid : run_items)(call, entry, dispatch, constants);
}

namespace {

/// Memory of an operand, and a copy of it where activations are bf16.
struct OperandPair {
  std::vector<uint8_t> exact, rounded;
  bool is_rounded;
};

} // namespace

template <class T>
static std::vector<uint8_t> bytes_of(const std::vector<T> &values) {
  auto *bytes = reinterpret_cast<const uint8_t *>(values.data());
  return {bytes, bytes + values.size() * sizeof(T)};
}

static Floats floats_of(const void *bytes, size_t size) {
  auto *floats = static_cast<const float *>(bytes);
  return {floats, floats + size / sizeof(float)};
}

static OperandPair make_pair(const void *from, size_t size, bool is_input, bool is_rounded) {
  auto *bytes = static_cast<const uint8_t *>(from);
  if (!is_rounded) {
    return {{bytes, bytes + size}, {bytes, bytes + size}, false};
  }
  Floats numbers = floats_of(from, size);
  return {bytes_of(is_input ? round_numbers(numbers) : numbers), bytes_of(encode(numbers)), true};
}

static void expect_rounded(const OperandPair &pair) {
  Floats want = floats_of(pair.exact.data(), pair.exact.size());
  if (rounding_tolerance > 0) {
    auto *codes = reinterpret_cast<const uint16_t *>(pair.rounded.data());
    Floats got = pair.is_rounded ? Floats(want.size()) : floats_of(pair.rounded.data(), pair.rounded.size());
    std::transform(codes, codes + (pair.is_rounded ? got.size() : 0), got.begin(), ref::bf16_to_f32);
    expect_near(got, want, rounding_tolerance, pair.is_rounded ? 0x1p-7 : 0);
  } else {
    EXPECT_EQ(pair.rounded, pair.is_rounded ? bytes_of(encode(want)) : pair.exact);
  }
}

/// A call whose activations are numbers of bf16, as f32 and as the elements say.
static void check_rounding(const Call &call, const Constants &elements) {
  Call exact = call, rounded = call;
  for (const auto &[name, element] : elements) {
    rounded.constants[name] = element; // whatever the call says
  }
  auto wide = call.kernel->listOperands(constant_array(*call.kernel, call.constants).data());
  auto narrow = call.kernel->listOperands(constant_array(*call.kernel, rounded.constants).data());
  std::vector<OperandPair> pairs(wide.size());
  size_t inputs = wide.size() - call.kernel->outputCount;
  for (size_t i = 0; i < wide.size(); ++i) {
    bool is_rounded = wide[i].type != narrow[i].type;
    if (is_rounded || i >= inputs) {
      pairs[i] = make_pair(call.operands[i], bytes_of(wide[i], call), i < inputs, is_rounded);
      exact.operands[i] = pairs[i].exact.data();
      rounded.operands[i] = pairs[i].rounded.data();
    }
  }
  Cache cache = call.cache ? *call.cache : Cache(0, 0, {}), other = cache;
  exact.cache = &cache;
  rounded.cache = &other;
  run_once(exact);
  run_once(rounded);
  for (size_t i = inputs; i < wide.size(); ++i) {
    SCOPED_TRACE(testing::Message() << call.kernel->symbol << ", " << wide[i].name);
    expect_rounded(pairs[i]);
  }
  EXPECT_EQ(bytes_of(other.memory), bytes_of(cache.memory)) << call.kernel->symbol;
}

void run(const Call &call) {
  run_once(call);
  if (!checks_rounding) {
    return;
  }
  std::vector<Constants> choices = {{}};
  for (std::string_view name : {kReadElement, kResultElement}) {
    size_t count = call.kernel->findConstant(name) < 0 ? 0 : choices.size();
    for (size_t i = 0; i < count; ++i) {
      choices.push_back(choices[i]);
      choices.back()[std::string(name)] = FATHOM_ROW_BF16;
    }
  }
  ASSERT_GT(choices.size(), 1u) << call.kernel->symbol << " has no activations";
  for (size_t i = 1; i < choices.size(); ++i) {
    check_rounding(call, choices[i]);
  }
}

RoundingScope::RoundingScope(double tolerance) {
  checks_rounding = true;
  rounding_tolerance = tolerance;
}

RoundingScope::~RoundingScope() { checks_rounding = false; }

std::vector<uint16_t> encode(const Floats &numbers) {
  std::vector<uint16_t> codes(numbers.size());
  std::transform(numbers.begin(), numbers.end(), codes.begin(), ref::f32_to_bf16);
  return codes;
}

Floats round_numbers(const Floats &numbers) {
  Floats rounded(numbers.size());
  std::transform(numbers.begin(), numbers.end(), rounded.begin(),
                 [](float number) { return ref::bf16_to_f32(ref::f32_to_bf16(number)); });
  return rounded;
}

EpilogueScope::EpilogueScope(const Floats &extra, int64_t stride) {
  epilogue_extra = &extra;
  epilogue_stride = stride;
}

EpilogueScope::~EpilogueScope() { epilogue_extra = nullptr; }

Floats random_floats(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Floats values(count);
  for (float &value : values) {
    value = static_cast<float>(random() >> 8) * 0x1p-23f - 1.0f;
  }
  return values;
}

static int64_t ceil_div(int64_t count, int64_t size) { return (count + size - 1) / size; }

Weight::Weight(std::string_view type, int64_t rows, int64_t columns, uint32_t seed)
    : quantized(type == "f8e4m3" || type == "i8"), rows(rows), columns(columns), element(type == "f32"    ? 4
                                                                                         : type == "bf16" ? 2
                                                                                                          : 1),
      scale_rows(type == "i8" ? 1 : 128), scale_columns(type == "i8" ? 32 : 128), data(rows * columns * element),
      decoded(random_floats(rows * columns, seed)) {
  if (quantized) {
    quantize(seed + 1);
    return;
  }
  for (int64_t i = 0; i < rows * columns; ++i) {
    if (element == 2) {
      uint16_t bits = ref::f32_to_bf16(decoded[i]);
      std::memcpy(&data[i * 2], &bits, 2);
      decoded[i] = ref::bf16_to_f32(bits);
    } else {
      std::memcpy(&data[i * 4], &decoded[i], 4);
    }
  }
}

void Weight::quantize(uint32_t seed) {
  std::mt19937 random(seed);
  Floats values(ceil_div(rows, scale_rows) * ceil_div(columns, scale_columns));
  for (float &value : values) {
    value = static_cast<float>(random() % 1000 + 1) * 1e-5f;
  }
  scales.resize(values.size() * scale_bytes());
  for (uint8_t &number : data) {
    number = static_cast<uint8_t>(random() % 2 * 128 + random() % 127);
  }
  if (scale_rows == 1) {
    std::vector<_Float16> halves(values.begin(), values.end());
    std::memcpy(scales.data(), halves.data(), scales.size());
    ref::dequantize(reinterpret_cast<int8_t *>(data.data()), Floats(halves.begin(), halves.end()).data(), rows, columns,
                    decoded.data());
  } else {
    std::memcpy(scales.data(), values.data(), scales.size());
    ref::dequantize(data.data(), values.data(), rows, columns, decoded.data());
  }
}

Floats swap_pairs(const Floats &numbers, int64_t columns) {
  Floats swapped = numbers;
  for (size_t i = 0; i < numbers.size(); i += columns) {
    for (int64_t k = 0; k + 1 < columns; k += 2) {
      std::swap(swapped[i + k], swapped[i + k + 1]);
    }
  }
  return swapped;
}

Weight Weight::swap_pairs() const {
  Weight swapped = *this;
  swapped.decoded = test::swap_pairs(decoded, columns);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t k = 0; k + 1 < columns; k += 2) {
      uint8_t *pair = &swapped.data[(i * columns + k) * element];
      std::swap_ranges(pair, pair + element, pair + element);
    }
  }
  return swapped;
}

std::vector<uint8_t> Weight::panels() const {
  std::vector<uint8_t> panels((rows + 31) / 32 * 32 * columns * element);
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t k = 0; k < columns; ++k) {
      std::memcpy(&panels[((n / 32 * columns + k) * 32 + n % 32) * element], &data[(n * columns + k) * element],
                  element);
    }
  }
  return panels;
}

std::vector<uint8_t> Weight::panel_scales() const {
  int64_t blocks = ceil_div(columns, scale_columns), bytes = scale_bytes();
  std::vector<uint8_t> panels(quantized ? ceil_div(rows, 32) * blocks * 32 * bytes : 0);
  for (int64_t n = 0; quantized && n < rows; ++n) {
    for (int64_t b = 0; b < blocks; ++b) {
      std::memcpy(&panels[((n / 32 * blocks + b) * 32 + n % 32) * bytes],
                  &scales[(n / scale_rows * blocks + b) * bytes], bytes);
    }
  }
  return panels;
}

Gated::Gated(Weight gates, Weight ups) : gate(std::move(gates)), up(std::move(ups)) {
  data = alternate(gate.panels(), up.panels(), gate.columns * 32 * gate.element);
  std::vector<uint8_t> scales_of_gate = gate.panel_scales();
  if (gate.quantized) {
    scales = alternate(scales_of_gate, up.panel_scales(), scales_of_gate.size() / ceil_div(gate.rows, 32));
  }
}

void expect_near(const Floats &got, const Floats &want, double absolute, double relative) {
  ASSERT_EQ(got.size(), want.size());
  size_t worst = 0;
  double excess = -1;
  for (size_t i = 0; i < got.size(); ++i) {
    double over = std::fabs(static_cast<double>(got[i]) - want[i]) - absolute - relative * std::fabs(want[i]);
    if (!(over <= excess)) {
      excess = over;
      worst = i;
    }
    if (std::isnan(over)) {
      break;
    }
  }
  EXPECT_LE(excess, 0) << "element " << worst << " is " << got[worst] << ", expected " << want[worst];
}

void expect_same_bits(const Floats &got, const Floats &want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::memcmp(&got[i], &want[i], sizeof(float)) != 0) {
      FAIL() << "element " << i << " is " << got[i] << ", expected the bits of " << want[i];
    }
  }
}

Floats rope_table(int64_t positions, int64_t d) {
  Floats table;
  for (int64_t p = 0; p < positions; ++p) {
    for (int64_t i = 0; i < d / 2; ++i) {
      double angle = static_cast<double>(p) * std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(d));
      table.push_back(static_cast<float>(std::cos(angle)));
      table.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return table;
}

Ints consecutive(int64_t count, int32_t first) {
  Ints values(count);
  for (int32_t &value : values) {
    value = first++;
  }
  return values;
}

} // namespace fathom::test
