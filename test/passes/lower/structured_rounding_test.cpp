// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Activations of bf16 in generated code: an op gives what it gives of the same numbers in f32, rounded once, to the
// last bit.

#include "test/passes/lower/StructuredValues.h"

#include "kernels/ref/ref.h"

#include <cstring>
#include <limits>

namespace fathom::test {

namespace {

constexpr int64_t kContext = 200, kLayers = 2, kLayer = 1, kRows = 5;

/// An op on f32. `stays` are operands that are f32 whatever others are; {0}, {1}, … of the text are inputs' types, or
/// it ends in its functional type.
struct RoundedOp {
  const char *name;
  std::string text;
  Operands inputs;
  Operand output;
  std::vector<std::string> stays;
  /// Heads and widths of the cache's stores.
  std::vector<int64_t> widths = {1};
  int64_t heads = 1;
};

void PrintTo(const RoundedOp &op, std::ostream *stream) { *stream << op.name; }

bool isRounded(const RoundedOp &op, const Operand &operand) {
  return llvm::StringRef(operand.type).starts_with("tensor<?x") && llvm::StringRef(operand.type).ends_with("xf32>") &&
         !llvm::is_contained(op.stays, operand.name);
}

int64_t getWidth(const Operand &operand) {
  llvm::StringRef columns = llvm::StringRef(operand.type).split('x').second;
  int64_t width = 1;
  columns.consumeInteger(10, width);
  return width;
}

Floats decode(const std::vector<uint16_t> &codes) {
  Floats numbers;
  for (uint16_t code : codes) {
    numbers.push_back(ref::bf16_to_f32(code));
  }
  return numbers;
}

/// Types of activations replaced by those of bf16.
Operands roundTypes(const RoundedOp &op, Operands operands) {
  for (Operand &operand : operands) {
    if (isRounded(op, operand)) {
      operand.type = operand.type.substr(0, operand.type.size() - 4) + "bf16>";
    }
  }
  return operands;
}

GeneratedFunction generate(const RoundedOp &op, const Operands &inputs, const Operand &output) {
  std::string text = op.text;
  bool isFunctional = text.find("{0}") == std::string::npos;
  for (size_t i = 0; i < inputs.size(); ++i) {
    size_t place = text.find("{" + std::to_string(i) + "}");
    if (place != std::string::npos) {
      text.replace(place, 3, inputs[i].type);
    }
  }
  return isFunctional ? GeneratedFunction::create(text, inputs, {output}) : GeneratedFunction(text, inputs, {output});
}

/// Memory of operands, with activations as f32 and as bf16.
struct Arguments {
  std::vector<std::vector<uint16_t>> codes;
  std::vector<Floats> numbers;
  std::vector<Ints> ids;
  Memory wide, narrow;

  void add(const RoundedOp &op, const Operand &input, uint32_t seed);
  void addIds(int64_t count);
};

int64_t countNumbers(const Operand &operand) {
  llvm::SmallVector<llvm::StringRef> sizes;
  llvm::StringRef(operand.type).drop_front(strlen("tensor<")).split(sizes, 'x');
  int64_t count = 1;
  for (llvm::StringRef size : llvm::ArrayRef(sizes).drop_back()) {
    int64_t extent = kRows * operand.perRow;
    size.consumeInteger(10, extent);
    count *= extent;
  }
  return count;
}

/// 0, 1, …: an expert, a slot or a position for each row.
void Arguments::addIds(int64_t count) {
  Ints &own = ids.emplace_back(consecutive(count, 0));
  wide.push_back(own.data());
  narrow.push_back(own.data());
}

void Arguments::add(const RoundedOp &op, const Operand &input, uint32_t seed) {
  llvm::StringRef type = input.type;
  if (!input.isTensor()) {
    return;
  }
  int64_t count = countNumbers(input);
  if (type.ends_with("i32>")) {
    return addIds(count);
  }
  codes.push_back(encode(random_floats(count, seed)));
  numbers.push_back(decode(codes.back()));
  int64_t slices = std::max<int64_t>(input.experts, 1);
  for (int64_t slice = 0; slice < slices; ++slice) {
    const void *code = &codes.back()[slice * count / slices], *number = &numbers.back()[slice * count / slices];
    wide.push_back(type.ends_with("bf16>") ? code : number);
    narrow.push_back(type.ends_with("bf16>") || isRounded(op, input) ? code : number);
  }
}

Operand matrix(const char *name, int64_t rows, int64_t columns) {
  return {name, formatv("tensor<{0}x{1}xbf16>", rows, columns)};
}

Operand experts(const char *name, int64_t rows, int64_t columns) {
  return {name, formatv("tensor<{0}x{1}x{2}xbf16>", kRows, rows, columns), 1, kRows};
}

Operand vector(const char *name, int64_t size) { return {name, formatv("tensor<{0}xbf16>", size)}; }

Operand angles(int64_t width) { return {"table", formatv("tensor<{0}x{1}x2xf32>", kContext, width / 2)}; }

Operand cache(const char *stores) { return {"cache", formatv("!deepseek.cache<{0}>", stores)}; }

const Operand kLayerOperand = {"layer", "index"}, kOffsets = {"offsets", "tensor<6xi32>"};
constexpr const char *kHeads = "{num_heads = 3 : i64, nope_dim = 8 : i64, rope_dim = 4 : i64, value_dim = 5 : i64";

std::vector<RoundedOp> listOps() {
  const std::string heads = kHeads;
  return {
      {"embedding",
       "deepseek.embedding %tokens, %table",
       {ids("tokens"), {"table", "tensor<11x33xf32>"}},
       rows("y", 33)},
      {"select_rows", "deepseek.select_rows %x, %ids", {rows("x", 33), ids("ids")}, rows("y", 33)},
      {"rms_norm", "deepseek.rms_norm %x, %w eps 1.0e-6 : {0}, {1}", {rows("x", 33), vector("w", 11)}, rows("y", 33)},
      {"layer_norm",
       "deepseek.layer_norm %x, %w, %b eps 1.0e-6 : {0}, {1}, {2}",
       {rows("x", 33), vector("w", 33), vector("b", 33)},
       rows("y", 33)},
      {"swiglu", "deepseek.swiglu %gate, %up : {0}", {rows("gate", 33), rows("up", 33)}, rows("y", 33)},
      {"rope",
       "deepseek.rope half_split %x, %table at %positions : {0}, {1}, {2}",
       {rows("x", 24), angles(8), ids("positions")},
       rows("y", 24)},
      {"hadamard", "deepseek.hadamard %x {head_dim = 8 : i64} : {0}", {rows("x", 24)}, rows("y", 24)},
      {"concat", "tensor.concat dim(1) %x, %y", {rows("x", 7), rows("y", 7)}, rows("z", 14)},
      {"linear",
       std::string("deepseek.linear %x, %w") + kEpilogue,
       {rows("x", 37), matrix("w", 43, 37), rows("extra", 43)},
       rows("y", 43)},
      {"router", "deepseek.linear %x, %w", {rows("x", 37), matrix("w", 9, 37)}, rows("y", 9), {"y"}},
      {"linear_swiglu", "deepseek.linear_swiglu %x, %w", {rows("x", 37), matrix("w", 86, 37)}, rows("y", 43)},
      {"moe_linear",
       "deepseek.moe_linear gather %x, %offsets, %source, %w top_k 1",
       {rows("x", 37), kOffsets, ids("source"), experts("w", 43, 37)},
       rows("y", 43)},
      {"moe_linear_swiglu",
       "deepseek.moe_linear_swiglu gather %x, %offsets, %source, %w top_k 1",
       {rows("x", 37), kOffsets, ids("source"), experts("w", 86, 37)},
       rows("y", 43)},
      {"moe_combine",
       "deepseek.moe_combine %x, %slots, %weights",
       {rows("x", 33), {"slots", "tensor<?x1xi32>"}, rows("weights", 1)},
       rows("y", 33),
       {"weights"}},
      {"mla_absorb_query",
       "deepseek.mla_absorb_query interleaved %q, %kv_b, %table at %positions " + heads + "}",
       {rows("q", 36), matrix("kv_b", 39, 16), angles(4), ids("positions")},
       rows("y", 60)},
      {"mla_expand_output",
       "deepseek.mla_expand_output %x, %kv_b {num_heads = 3 : i64, nope_dim = 8 : i64, value_dim = 5 : i64}",
       {rows("x", 48), matrix("kv_b", 39, 16)},
       rows("y", 15)},
      {"mla_latent_attention",
       "deepseek.mla_latent_attention %q, %cache[%layer] at %positions {num_heads = 3 : i64, rope_dim = 4 : i64, "
       "softmax_scale = 0.25 : f64}",
       {rows("q", 60), cache("latent: 20 x f32"), kLayerOperand, ids("positions")},
       rows("y", 48),
       {},
       {20}},
      {"mla_attention",
       "deepseek.mla_attention interleaved %q, %cache[%layer], %kv_b, %table at %positions " + heads +
           ", softmax_scale = 0.25 : f64}",
       {rows("q", 36), cache("latent: 20 x f32"), kLayerOperand, matrix("kv_b", 39, 16), angles(4), ids("positions")},
       rows("y", 15),
       {},
       {20}},
      {"gqa_attention",
       "deepseek.gqa_attention %q, %cache[%layer] at %positions {num_heads = 4 : i64, num_kv_heads = 2 : i64, "
       "head_dim = 8 : i64, softmax_scale = 0.25 : f64}",
       {rows("q", 32), cache("key: 2 x 8 x f32, value: 2 x 8 x f32"), kLayerOperand, ids("positions")},
       rows("y", 32),
       {},
       {8, 8},
       2},
  };
}

class RoundedOpsTest : public testing::TestWithParam<RoundedOp> {};

INSTANTIATE_TEST_SUITE_P(Ops, RoundedOpsTest, testing::ValuesIn(listOps()),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace

TEST_P(RoundedOpsTest, RoundOnce) {
  const RoundedOp &op = GetParam();
  Arguments arguments;
  uint32_t seed = 0;
  for (const Operand &input : op.inputs) {
    arguments.add(op, input, ++seed);
  }
  Cache cache(kContext, kLayers, op.widths, 1, op.heads);
  for (size_t store = 0; store < op.widths.size(); ++store) {
    cache.fill(kLayer, kContext, ++seed, 0, store);
  }
  fathom_cache_t pages = cache.of(std::vector<int64_t>(kRows));
  bool rounds = isRounded(op, op.output);
  Floats wide = unset(countNumbers(op.output)), kept = wide;
  std::vector<uint16_t> codes(wide.size(), 0xFFFF);
  arguments.wide.push_back(wide.data());
  arguments.narrow.push_back(rounds ? static_cast<const void *>(codes.data()) : kept.data());
  generate(op, op.inputs, op.output).run(kRows, arguments.wide, pages);
  generate(op, roundTypes(op, op.inputs), roundTypes(op, {op.output}).front()).run(kRows, arguments.narrow, pages);
  if (rounds) {
    EXPECT_EQ(codes, encode(wide));
  } else {
    expect_same_bits(kept, wide);
  }
}

// What the norm reads is the sum as others read it.
TEST(RoundedSumsTest, NormReadsTheRoundedSum) {
  const int64_t width = 33;
  auto typed = [&](const char *name) { return Operand{name, formatv("tensor<?x{0}xbf16>", width)}; };
  Operand x = typed("x"), residual = typed("residual"), weight = vector("w", width);
  GeneratedFunction norm("deepseek.rms_norm %x, %w eps 1.0e-6 : " + listTypes({x, weight}), {x, weight}, {typed("y")});
  GeneratedFunction addNorm("deepseek.add_rms_norm %x, %residual, %w eps 1.0e-6 : " + listTypes({x, weight}),
                            {x, residual, weight}, {typed("sum"), typed("y")});
  std::vector<uint16_t> a = encode(random_floats(kRows * width, 1)), b = encode(random_floats(kRows * width, 2));
  std::vector<uint16_t> w = encode(random_floats(width, 3)), sum(a.size()), got(a.size()), want(a.size());
  addNorm.run(kRows, {a.data(), b.data(), w.data(), sum.data(), got.data()});
  Floats added(a.size());
  ref::add(decode(a).data(), decode(b).data(), kRows * width, added.data());
  EXPECT_EQ(sum, encode(added));
  norm.run(kRows, {sum.data(), w.data(), want.data()});
  EXPECT_EQ(got, want);
}

// To nearest even, with infinities and NaN that stay so.
TEST(RoundedSumsTest, RoundToNearestEven) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  Floats table = {1.00390625f, 1.01171875f, 1.005f, -1.00390625f, 3.4e38f, -3.4e38f, 1e-40f, nan, inf, -inf, -0.0f, 0};
  Operand rows = {"table", "tensor<1x12xf32>"};
  auto embedding = GeneratedFunction::create("deepseek.embedding %tokens, %table", {ids("tokens"), rows},
                                             {{"y", "tensor<?x12xbf16>"}});
  Ints tokens = {0};
  std::vector<uint16_t> got(table.size());
  embedding.run(1, {tokens.data(), table.data(), got.data()});
  EXPECT_EQ(got, encode(table));
  EXPECT_EQ(got[0], 0x3F80); // halfway, to the even one below
  EXPECT_EQ(got[1], 0x3F82); // halfway, to the even one above
}

} // namespace fathom::test
