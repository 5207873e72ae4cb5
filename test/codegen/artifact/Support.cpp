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

Source ShardBuilder::addScaled(int64_t rows, int64_t columns, uint32_t seed) {
  Source source = add(rows, columns, ElementType::F8E4M3, seed);
  source.scale = ScaleSource{0, bytes.size()};
  int64_t blocks = (rows + 127) / 128 * ((columns + 127) / 128);
  for (int64_t i = 0; i < blocks; ++i) {
    float scale = 0.001f * static_cast<float>(seed + i + 1);
    bytes.append(reinterpret_cast<const char *>(&scale), sizeof(scale));
  }
  return source;
}

ShardFile ShardBuilder::save(const std::string &path) const {
  writeFile(path, bytes);
  return {path, bytes.size()};
}

namespace {

/// A row of the mapped matrix: of a source, or padding.
struct MappedRow {
  const Source *source;
  int64_t row;
};

} // namespace

static std::vector<MappedRow> mapRows(const SliceRecipe &recipe) {
  std::vector<MappedRow> rows;
  if (recipe.rowMap == RowMap::Concat) {
    for (const Source &source : recipe.sources) {
      for (int64_t row = 0; row < source.rows; ++row) {
        rows.push_back({&source, row});
      }
    }
    return rows;
  }
  for (int64_t begin = 0; begin < recipe.sources[0].rows; begin += 32) {
    for (const Source &source : recipe.sources) {
      for (int64_t row = begin; row < begin + 32; ++row) {
        rows.push_back({row < source.rows ? &source : nullptr, row});
      }
    }
  }
  return rows;
}

static std::string elementAt(const MappedRow &row, int64_t column, uint64_t width, const std::string &shard) {
  if (!row.source) {
    return std::string(width, '\0');
  }
  return shard.substr(row.source->offset + (row.row * row.source->columns + column) * width, width);
}

static float scaleAt(const MappedRow &row, int64_t block, const std::string &shard) {
  float scale = 0;
  if (row.source) {
    int64_t blocks = (row.source->columns + 127) / 128;
    memcpy(&scale, shard.data() + row.source->scale->offset + (row.row / 128 * blocks + block) * 4, 4);
  }
  return scale;
}

static void appendFloat(std::string &bytes, float value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
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

static std::string packRope(const RopeTable &rope) {
  std::string bytes;
  for (int64_t position = 0; position < rope.positions; ++position) {
    for (double frequency : rope.frequencies) {
      appendFloat(bytes, static_cast<float>(rope.magnitude * std::cos(position * frequency)));
      appendFloat(bytes, static_cast<float>(rope.magnitude * std::sin(position * frequency)));
    }
  }
  return bytes;
}

/// Element k of a row, as the recipe has it written.
static void appendElement(const SliceRecipe &recipe, const MappedRow &row, int64_t k, const std::string &shard,
                          std::string &bytes) {
  ElementType type = row.source ? row.source->type : recipe.sources[0].type;
  std::string element = elementAt(row, k, byteWidth(type), shard);
  if (recipe.widen) {
    appendFloat(bytes, decode(type, element));
  } else {
    bytes += element;
  }
}

static std::string packRows(const SliceRecipe &recipe, const std::vector<MappedRow> &rows, const std::string &shard) {
  std::string bytes;
  for (const MappedRow &row : rows) {
    for (int64_t k = 0; k < recipe.sources[0].columns; ++k) {
      appendElement(recipe, row, k, shard, bytes);
    }
  }
  return bytes;
}

std::string packNaively(const SliceRecipe &recipe, const std::string &shard) {
  if (recipe.layout == Layout::RopeTable) {
    return packRope(recipe.rope);
  }
  std::vector<MappedRow> rows = mapRows(recipe);
  if (recipe.layout == Layout::Rows) {
    return packRows(recipe, rows, shard);
  }
  rows.resize((rows.size() + 31) / 32 * 32, MappedRow{nullptr, 0});
  int64_t columns = recipe.sources[0].columns;
  bool scales = recipe.layout == Layout::PanelScales;
  std::string bytes;
  for (size_t panel = 0; panel < rows.size(); panel += 32) {
    for (int64_t k = 0; k < columns; k += scales ? 128 : 1) {
      for (size_t j = panel; j < panel + 32; ++j) {
        if (scales) {
          appendFloat(bytes, scaleAt(rows[j], k / 128, shard));
        } else {
          appendElement(recipe, rows[j], k, shard, bytes);
        }
      }
    }
  }
  return bytes;
}

ArtifactContents makeSmallContents(const ShardFile &shard, const std::vector<Source> &sources, llvm::StringRef code) {
  ArtifactContents contents;
  contents.target = {{}, "x86_64-unknown-linux-gnu", "x86-64-v3", {"avx512f"}};
  contents.model = {{}, "deepseek_v3", 256, 64, 2, 128, 0, {1, 2}, 0.5f, 0.9f, 0};
  contents.pageBytes = 2 * 64 * 48 * 4;
  contents.stores = {{{}, "row", 2, fathom::artifact::StoreElement::f32, 48}};
  contents.code = code;
  contents.scratchBytes = 4096;
  contents.entryPoints = {{{}, "prefill", artifact::Form::expanded, 0, 1, 64, 0, 1 << 16},
                          {{}, "decode", artifact::Form::absorbed, 64, 1, 8, 0, 1 << 14}};
  contents.shards = {shard};
  for (size_t i = 0; i < sources.size(); ++i) {
    SliceRecipe recipe;
    recipe.layout = i % 2 ? Layout::Panels : Layout::Rows;
    recipe.sources = {sources[i]};
    std::vector<int64_t> shape = {sources[i].rows, sources[i].columns};
    std::string name = "layers." + std::to_string(i) + ".q_proj";
    contents.weights.push_back({{{}, name, "bf16", shape, i % 2 ? "panels" : "rows"}, {recipe}, {}});
  }
  SliceRecipe rope;
  rope.layout = Layout::RopeTable;
  rope.rope = {128, {1.0, 0.1}, 1.0};
  contents.weights.push_back({{{}, "rope", "f32", {128, 2, 2}, "rows"}, {rope}, {}});
  contents.kernels = {{{}, "avx2_bf16_gemm", "gemm", 14}};
  contents.buffers = {{{}, "hidden", 0, 4096}};
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
