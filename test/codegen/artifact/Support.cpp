// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tests of the artifact share.

#include "test/codegen/artifact/Support.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace fathom::codegen::test {

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = testing::TempDir() + "/fathom-artifact-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  root = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  for (const std::string &name : list()) {
    if (unlink(path(name).c_str()) != 0) {
      rmdir(path(name).c_str());
    }
  }
  rmdir(root.c_str());
}

std::vector<std::string> TemporaryDirectory::list() const {
  std::vector<std::string> names;
  if (DIR *stream = opendir(root.c_str())) {
    while (dirent *entry = readdir(stream)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") {
        names.push_back(name);
      }
    }
    closedir(stream);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void writeFile(const std::string &path, const std::string &bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::string readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// A value of `width` bytes that is finite in every element type.
static void appendFinite(std::string &bytes, uint64_t width, uint32_t &state) {
  for (uint64_t i = 0; i < width; ++i) {
    state = state * 1664525 + 1013904223;
    // The top byte holds the exponent's upper bits: at most 0x3f or 0xbf is far from infinity everywhere.
    uint8_t mask = i + 1 == width ? 0xbf : 0xff;
    bytes.push_back(static_cast<char>(state >> 24 & mask));
  }
}

Source ShardBuilder::add(int64_t rows, int64_t columns, ElementType type, uint32_t seed) {
  Source source;
  source.offset = bytes.size();
  source.rows = rows;
  source.columns = columns;
  source.type = type;
  for (int64_t i = 0; i < rows * columns; ++i) {
    appendFinite(bytes, byteWidth(type), seed);
  }
  return source;
}

Source ShardBuilder::addScales(int64_t rows, int64_t columns, uint32_t seed) {
  Source source{0, bytes.size(), (rows + 127) / 128, (columns + 127) / 128, ElementType::F32, /*scale=*/true};
  for (int64_t i = 0; i < source.rows * source.columns; ++i) {
    float scale = 0.001f * static_cast<float>(seed + i + 1);
    bytes.append(reinterpret_cast<const char *>(&scale), sizeof(scale));
  }
  return source;
}

ShardFile ShardBuilder::save(const std::string &path) const {
  writeFile(path, bytes);
  return {path, bytes.size()};
}

/// Adds a step and returns the number of what it makes.
static uint32_t addStep(SliceRecipe &recipe, StepAction action, llvm::SmallVector<uint32_t, 2> inputs) {
  recipe.steps.push_back({std::move(action), std::move(inputs)});
  return recipe.sources.size() + recipe.steps.size() - 1;
}

static void addActions(SliceRecipe &recipe, llvm::SmallVector<uint32_t, 2> matrices,
                       const std::vector<StepAction> &actions) {
  for (const StepAction &action : actions) {
    if (std::holds_alternative<ConcatRows>(action)) {
      matrices = {addStep(recipe, action, matrices)};
      continue;
    }
    for (uint32_t &matrix : matrices) {
      matrix = addStep(recipe, action, {matrix});
    }
  }
}

SliceRecipe makeRecipe(std::vector<Source> sources, const std::vector<StepAction> &actions) {
  SliceRecipe recipe;
  recipe.sources = std::move(sources);
  llvm::SmallVector<uint32_t, 2> matrices;
  for (uint32_t i = 0; i < recipe.sources.size(); ++i) {
    matrices.push_back(i);
  }
  addActions(recipe, matrices, actions);
  return recipe;
}

SliceRecipe makeScalesRecipe(const std::vector<std::pair<Source, int64_t>> &scales,
                             const std::vector<StepAction> &actions) {
  SliceRecipe recipe;
  for (const auto &[source, rows] : scales) {
    recipe.sources.push_back(source);
  }
  llvm::SmallVector<uint32_t, 2> matrices;
  for (uint32_t i = 0; i < scales.size(); ++i) {
    matrices.push_back(addStep(recipe, RepeatRows{128, scales[i].second}, {i}));
  }
  addActions(recipe, matrices, actions);
  return recipe;
}

namespace {

/// A whole matrix of a recipe.
struct Matrix {
  int64_t rows;
  int64_t columns;
  ElementType type;
  std::string bytes;

  /// The element's bytes; zeros beyond the last row.
  std::string at(int64_t row, int64_t column) const {
    uint64_t width = byteWidth(type);
    return row < rows ? bytes.substr((row * columns + column) * width, width) : std::string(width, '\0');
  }
  void appendRow(const Matrix &from, int64_t row) {
    for (int64_t k = 0; k < columns; ++k) {
      bytes += from.at(row, k);
    }
    ++rows;
  }
};

} // namespace

static void appendFloat(std::string &bytes, float value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
}

/// The upper half of an f32, and one more where the lower is more than a half, or a half and the upper odd.
static void appendBF16(std::string &bytes, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  uint32_t upper = bits >> 16, lower = bits & 0xffff;
  auto rounded = static_cast<uint16_t>(upper + (lower > 0x8000 || (lower == 0x8000 && upper % 2 == 1) ? 1 : 0));
  bytes.append(reinterpret_cast<const char *>(&rounded), sizeof(rounded));
}

/// The value of one element by its definition.
static float decode(ElementType type, const std::string &bytes) {
  uint32_t bits = 0;
  memcpy(&bits, bytes.data(), bytes.size());
  if (type == ElementType::BF16 || type == ElementType::F32) {
    bits <<= type == ElementType::BF16 ? 16 : 0;
    float value;
    memcpy(&value, &bits, 4);
    return value;
  }
  int mantissaBits = type == ElementType::F16 ? 10 : 3;
  int exponentBits = type == ElementType::F16 ? 5 : 4;
  int bias = (1 << (exponentBits - 1)) - 1;
  int exponent = bits >> mantissaBits & ((1 << exponentBits) - 1);
  int mantissa = bits & ((1 << mantissaBits) - 1);
  int implicit = exponent ? 1 << mantissaBits : 0;
  double value = std::ldexp(mantissa + implicit, std::max(exponent, 1) - bias - mantissaBits);
  return static_cast<float>(bits >> (mantissaBits + exponentBits) ? -value : value);
}

using Inputs = std::vector<Matrix>;

static Matrix run(const RopeTable &rope, const Inputs &inputs) {
  Matrix table{rope.positions, static_cast<int64_t>(rope.frequencies.size() * 2), ElementType::F32, ""};
  for (int64_t position = 0; position < rope.positions; ++position) {
    for (double frequency : rope.frequencies) {
      appendFloat(table.bytes, static_cast<float>(rope.magnitude * std::cos(position * frequency)));
      appendFloat(table.bytes, static_cast<float>(rope.magnitude * std::sin(position * frequency)));
    }
  }
  return table;
}

static Matrix convert(const Matrix &source, ElementType type, void (*append)(std::string &bytes, float value)) {
  Matrix result{source.rows, source.columns, type, ""};
  for (int64_t row = 0; row < result.rows; ++row) {
    for (int64_t k = 0; k < result.columns; ++k) {
      append(result.bytes, decode(source.type, source.at(row, k)));
    }
  }
  return result;
}

static Matrix run(const ToF32 &, const Inputs &inputs) { return convert(inputs[0], ElementType::F32, appendFloat); }

static Matrix run(const ToBF16 &, const Inputs &inputs) { return convert(inputs[0], ElementType::BF16, appendBF16); }

static Matrix run(const Unpack &unpack, const Inputs &inputs) {
  int64_t inByte = 8 / unpack.bits;
  Matrix result{inputs[0].rows, inputs[0].columns * inByte, ElementType::F32, ""};
  for (unsigned char byte : inputs[0].bytes) {
    for (int64_t i = 0; i < inByte; ++i) {
      appendFloat(result.bytes, unpack.values[byte % unpack.values.size()]);
      byte = static_cast<unsigned char>(byte / unpack.values.size());
    }
  }
  return result;
}

static Matrix run(const Dequantize &dequantize, const Inputs &inputs) {
  Matrix result{inputs[0].rows, dequantize.columns, dequantize.type, ""};
  for (int64_t row = 0; row < result.rows; ++row) {
    for (int64_t k = 0; k < result.columns; ++k) {
      auto ofBlock = [&](size_t input) {
        return decode(ElementType::F32, inputs[input].at(row / dequantize.blockRows, k / dequantize.blockColumns));
      };
      float zero = inputs.size() == 3 ? ofBlock(2) : dequantize.zero;
      std::string number;
      appendFloat(number, (decode(ElementType::F32, inputs[0].at(row, k)) - zero) * ofBlock(1));
      // Tests scale by powers of two where the result is bf16: what is cut off is zeros.
      result.bytes += number.substr(4 - byteWidth(dequantize.type));
    }
  }
  return result;
}

/// The numbers of the group that column `k` is in.
static std::vector<float> getGroup(const Matrix &matrix, int64_t row, int64_t k, int64_t group) {
  std::vector<float> numbers;
  for (int64_t i = k / group * group; i < std::min(matrix.columns, (k / group + 1) * group); ++i) {
    numbers.push_back(decode(matrix.type, matrix.at(row, i)));
  }
  return numbers;
}

static float getScale(const std::vector<float> &numbers, ElementType quantized) {
  float largest = 0;
  for (float number : numbers) {
    largest = std::max(largest, std::abs(number));
  }
  return quantized == ElementType::F8E4M3
             ? largest / 448
             : static_cast<float>(static_cast<_Float16>(std::min(largest / 127, 65504.0f)));
}

static char roundToInteger(float value) {
  return static_cast<char>(std::clamp(std::nearbyint(value), -127.0f, 127.0f));
}

/// The code of the nearest number, of two the even one.
static char roundToF8(float value) {
  int best = 0;
  auto distance = [&](int code) {
    return std::fabs(std::fabs(value) - decode(ElementType::F8E4M3, std::string(1, static_cast<char>(code))));
  };
  for (int code = 1; code < 0x7f; ++code) {
    bool isNearer = distance(code) < distance(best) || (distance(code) == distance(best) && code % 2 == 0);
    best = isNearer ? code : best;
  }
  return static_cast<char>(std::signbit(value) ? best | 0x80 : best);
}

static Matrix run(const Quantize &quantize, const Inputs &inputs) {
  Matrix result{inputs[0].rows, inputs[0].columns, quantize.type, ""};
  bool isF8 = quantize.type == ElementType::F8E4M3;
  for (int64_t row = 0; row < result.rows; ++row) {
    for (int64_t k = 0; k < result.columns; ++k) {
      std::vector<float> group = getGroup(inputs[0], row, k, quantize.group);
      float scale = getScale(group, quantize.type), quotient = group[k % quantize.group] / scale;
      result.bytes += scale == 0 ? '\0' : isF8 ? roundToF8(quotient) : roundToInteger(quotient);
    }
  }
  return result;
}

static Matrix run(const QuantizeScales &quantize, const Inputs &inputs) {
  Matrix result{inputs[0].rows, (inputs[0].columns + quantize.group - 1) / quantize.group,
                getScaleType(quantize.quantized), ""};
  for (int64_t row = 0; row < result.rows; ++row) {
    for (int64_t k = 0; k < inputs[0].columns; k += quantize.group) {
      float scale = getScale(getGroup(inputs[0], row, k, quantize.group), quantize.quantized);
      auto half = static_cast<_Float16>(scale);
      bool isF8 = quantize.quantized == ElementType::F8E4M3;
      result.bytes.append(isF8 ? reinterpret_cast<const char *>(&scale) : reinterpret_cast<const char *>(&half),
                          isF8 ? sizeof(scale) : sizeof(half));
    }
  }
  return result;
}

static Matrix run(const Constant &constant, const Inputs &inputs) {
  return {constant.rows, constant.columns, constant.type, constant.bytes};
}

static Matrix run(const Transpose &, const Inputs &inputs) {
  Matrix result{inputs[0].columns, inputs[0].rows, inputs[0].type, ""};
  for (int64_t row = 0; row < result.rows; ++row) {
    for (int64_t k = 0; k < result.columns; ++k) {
      result.bytes += inputs[0].at(k, row);
    }
  }
  return result;
}

static Matrix run(const SliceRows &slice, const Inputs &inputs) {
  Matrix result{0, inputs[0].columns, inputs[0].type, ""};
  for (int64_t row = 0; row < slice.rows; ++row) {
    result.appendRow(inputs[0], slice.begin + row * slice.step);
  }
  return result;
}

static Matrix run(const RepeatRows &repeat, const Inputs &inputs) {
  Matrix result{0, inputs[0].columns, inputs[0].type, ""};
  for (int64_t row = 0; row < repeat.rows; ++row) {
    result.appendRow(inputs[0], row / repeat.block);
  }
  return result;
}

static Matrix run(const ConcatRows &, const Inputs &inputs) {
  Matrix result{0, inputs[0].columns, inputs[0].type, ""};
  for (const Matrix &input : inputs) {
    for (int64_t row = 0; row < input.rows; ++row) {
      result.appendRow(input, row);
    }
  }
  return result;
}

static Matrix run(const InterleaveRows &interleave, const Inputs &inputs) {
  Matrix result{0, inputs[0].columns, inputs[0].type, ""};
  int64_t half = inputs[0].rows / 2;
  for (int64_t begin = 0; begin < half; begin += interleave.block) {
    for (int64_t first : {int64_t(0), half}) {
      for (int64_t row = begin; row < begin + interleave.block; ++row) {
        result.appendRow(inputs[0], row < half ? first + row : inputs[0].rows);
      }
    }
  }
  return result;
}

static Matrix run(const PackPanels &pack, const Inputs &inputs) {
  int64_t width = pack.width;
  Matrix result{(inputs[0].rows + width - 1) / width, inputs[0].columns * width, inputs[0].type, ""};
  for (int64_t panel = 0; panel < result.rows; ++panel) {
    for (int64_t k = 0; k < inputs[0].columns; ++k) {
      for (int64_t j = 0; j < width; ++j) {
        result.bytes += inputs[0].at(width * panel + j, k);
      }
    }
  }
  return result;
}

std::string packNaively(const SliceRecipe &recipe, const std::string &shard) {
  std::vector<Matrix> matrices;
  for (const Source &source : recipe.sources) {
    uint64_t size = source.rows * source.columns * byteWidth(source.type);
    matrices.push_back({source.rows, source.columns, source.type, shard.substr(source.offset, size)});
  }
  for (const Step &step : recipe.steps) {
    Inputs inputs;
    for (uint32_t input : step.inputs) {
      inputs.push_back(matrices[input]);
    }
    matrices.push_back(std::visit([&](const auto &action) { return run(action, inputs); }, step.action));
  }
  return matrices.back().bytes;
}

/// A function that launches a kernel twice: on its tokens, and for logits on what the first launch wrote.
static artifact::FunctionT makeFunction(const char *name, uint32_t kernel) {
  using artifact::Access, artifact::Operand, artifact::Place;
  Operand tokens(0, 0, 0, Place::tokens, Access::read), weight(0, 1, 0, Place::weight, Access::read);
  Operand written(0, 256, 0, Place::buffer, Access::write), read(0, 256, 0, Place::buffer, Access::read);
  Operand logits(0, 0, 0, Place::logits, Access::write);
  artifact::FunctionT function;
  function.name = name;
  for (const std::vector<Operand> &operands :
       {std::vector{tokens, weight, written}, std::vector{read, weight, logits}}) {
    auto command = std::make_unique<artifact::CommandT>();
    command->target = kernel;
    command->layer = 0;
    command->operands = operands;
    function.commands.push_back(std::move(command));
  }
  return function;
}

ArtifactContents makeSmallContents(const ShardFile &shard, const std::vector<Source> &sources, llvm::StringRef code) {
  ArtifactContents contents;
  ProgramContents &program = contents.variants.emplace_back();
  program.target = {{}, "x86_64-unknown-linux-gnu", "x86-64-v3", {"avx512f"}};
  contents.model = {{}, "deepseek_v3", 256, 64, 2, 128, 0, {1, 2}, 0.5f, 0.9f, 0};
  contents.pageBytes = 2 * 64 * 48 * 4;
  contents.stores = {{{}, "row", 2, fathom::artifact::StoreElement::f32, 48}};
  program.code = code.str();
  program.scratchBytes = 4096;
  program.functions = {makeFunction("prefill", 0), makeFunction("decode", 0)};
  program.entryPoints = {{{}, "prefill", artifact::Form::expanded, 0, 1, 64, 0, 1 << 16},
                         {{}, "decode", artifact::Form::absorbed, 1, 1, 8, 0, 1 << 14}};
  contents.shards = {shard};
  for (size_t i = 0; i < sources.size(); ++i) {
    std::vector<StepAction> actions;
    if (i % 2) {
      actions.push_back(PackPanels{32});
    }
    SliceRecipe recipe = makeRecipe({sources[i]}, actions);
    std::vector<int64_t> shape = {sources[i].rows, sources[i].columns};
    std::string name = "layers." + std::to_string(i) + ".q_proj";
    program.weights.push_back({{{}, name, "bf16", shape, i % 2 ? "panels" : "rows"}, {recipe}, {}});
  }
  SliceRecipe rope{{}, {{RopeTable{128, {1.0, 0.1}, 1.0}, {}}}};
  program.weights.push_back({{{}, "rope", "f32", {128, 2, 2}, "rows"}, {rope}, {}});
  artifact::KernelT &kernel = program.kernels.emplace_back();
  kernel.name = "avx2_bf16_gemm";
  kernel.op = "gemm";
  kernel.task = 64;
  kernel.items = 128;
  kernel.inputs = 2;
  kernel.outputs = 1;
  kernel.dispatches = 14;
  program.buffers = {{{}, "hidden", 0, 4096}};
  contents.build = {{}, "0.1.0", "22.1.8", "--mcpu=x86-64-v3"};
  return contents;
}

int exitCode(llvm::Error error) {
  ExitStatus status = takeExitStatus(std::move(error));
  // A failure without a message would leave the user alone.
  EXPECT_EQ(status.code == 0, status.message.empty());
  return status.code;
}

} // namespace fathom::codegen::test
