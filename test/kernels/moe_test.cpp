// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Routing, permutation, the experts' products, and their sum.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <array>
#include <cmath>
#include <limits>
#include <set>

namespace fathom::test {

class MoeGateTest : public testing::TestWithParam<const Kernel *> {};
class MoePermuteTest : public testing::TestWithParam<const Kernel *> {};
class MoeGemmTest : public testing::TestWithParam<const Kernel *> {};
class MoeGemmSwigluTest : public testing::TestWithParam<const Kernel *> {};
class MoeCombineTest : public testing::TestWithParam<const Kernel *> {};

namespace {

struct Routes {
  Ints ids;
  Floats weights;
};

} // namespace

static Routes route(const Kernel *kernel, const ref::GateOptions &o, const Floats &logits, const Floats &bias) {
  int64_t T = static_cast<int64_t>(logits.size()) / o.experts;
  Routes routes{Ints(T * o.chosen), Floats(T * o.chosen)};
  Constants constants = {{"E", o.experts},
                         {"k", o.chosen},
                         {"n_group", o.groups},
                         {"topk_group", o.chosen_groups},
                         {"scoring", o.scoring == ref::Scoring::Sigmoid},
                         {"group_rule", static_cast<int>(o.group_rule)},
                         {"normalize", o.normalize},
                         {"factor", o.factor},
                         {"has_bias", !bias.empty()}};
  run({kernel, constants, {logits.data(), bias.data(), routes.ids.data(), routes.weights.data()}, T});
  return routes;
}

static ref::GateOptions options(int64_t experts, int64_t chosen) {
  ref::GateOptions o;
  o.experts = experts;
  o.chosen = chosen;
  return o;
}

static void expect_reference_routes(const Kernel *kernel, const ref::GateOptions &o, const Floats &logits,
                                    const Floats &bias) {
  int64_t T = static_cast<int64_t>(logits.size()) / o.experts;
  Routes want{Ints(T * o.chosen), Floats(T * o.chosen)}, got = route(kernel, o, logits, bias);
  ref::moe_gate(logits.data(), bias.empty() ? nullptr : bias.data(), T, o, want.ids.data(), want.weights.data());
  EXPECT_EQ(got.ids, want.ids);
  expect_near(got.weights, want.weights, 1e-7, 1e-6);
}

TEST_P(MoeGateTest, MatchesReferenceOverRules) {
  for (auto [experts, chosen, groups, kept] :
       {std::array<int64_t, 4>{1, 1, 1, 1}, {8, 2, 4, 2}, {20, 3, 5, 2}, {64, 6, 1, 1}, {256, 8, 8, 4}}) {
    for (auto rule : {ref::GroupRule::None, ref::GroupRule::Max, ref::GroupRule::Top2Sum}) {
      for (auto scoring : {ref::Scoring::Softmax, ref::Scoring::Sigmoid}) {
        SCOPED_TRACE(testing::Message() << experts << " experts, rule " << static_cast<int>(rule));
        ref::GateOptions o = options(experts, chosen);
        o.groups = groups;
        o.chosen_groups = kept;
        o.group_rule = rule;
        o.scoring = scoring;
        o.normalize = scoring == ref::Scoring::Sigmoid;
        o.factor = 2.5;
        Floats logits = random_floats(17 * experts, 1), bias = random_floats(experts, 2);
        expect_reference_routes(GetParam(), o, logits, {});
        expect_reference_routes(GetParam(), o, logits, bias);
      }
    }
  }
}

TEST_P(MoeGateTest, TiesGoToTheLowestIndex) {
  Routes routes = route(GetParam(), options(20, 4), Floats(20, 0.5f), {});
  EXPECT_EQ(routes.ids, (Ints{0, 1, 2, 3}));
  ref::GateOptions grouped = options(20, 4);
  grouped.groups = 5;
  grouped.chosen_groups = 2;
  grouped.group_rule = ref::GroupRule::Top2Sum;
  EXPECT_EQ(route(GetParam(), grouped, Floats(20, 0.5f), {}).ids, (Ints{0, 1, 2, 3}));
}

TEST_P(MoeGateTest, DroppedGroupsLoseToNegativeChoices) {
  ref::GateOptions o = options(4, 2);
  o.groups = 2;
  o.chosen_groups = 1;
  o.group_rule = ref::GroupRule::Max;
  o.scoring = ref::Scoring::Sigmoid;
  Floats bias = {-5, -9, -6, -6};
  EXPECT_EQ(route(GetParam(), o, Floats(4, 0.0f), bias).ids, (Ints{0, 1}));
}

TEST_P(MoeGateTest, OddLogitsStillChooseDistinctExperts) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  for (const Floats &logits : {Floats(20, nan), Floats(20, inf), Floats(20, -inf), Floats{nan, 1, inf, -inf}}) {
    for (auto scoring : {ref::Scoring::Softmax, ref::Scoring::Sigmoid}) {
      ref::GateOptions o = options(logits.size(), 3);
      o.scoring = scoring;
      Ints ids = route(GetParam(), o, logits, {}).ids;
      EXPECT_EQ(std::set<int32_t>(ids.begin(), ids.end()).size(), 3u);
      for (int32_t id : ids) {
        EXPECT_TRUE(id >= 0 && id < static_cast<int32_t>(logits.size())) << id;
      }
    }
  }
}

TEST_P(MoeGateTest, NaNAmongScoresOrBiasesMakesWeightsNaN) {
  const float nan = std::nanf("");
  ref::GateOptions o = options(20, 3);
  o.scoring = ref::Scoring::Sigmoid;
  Floats odd(20, 0.5f);
  odd[17] = nan;
  for (float weight : route(GetParam(), o, odd, {}).weights) {
    EXPECT_TRUE(std::isnan(weight));
  }
  for (float weight : route(GetParam(), o, Floats(20, 0.5f), odd).weights) {
    EXPECT_TRUE(std::isnan(weight));
  }
}

namespace {

/// A permutation by the reference, of random distinct choices that leave some experts without rows.
struct Permutation {
  Permutation(int64_t T, int64_t E, int64_t k) : ids(T * k), offsets(E + 1), source_row(T * k), slot(T * k) {
    Floats random = random_floats(T * k, 3);
    for (int64_t t = 0; t < T; ++t) {
      int64_t first = static_cast<int64_t>((random[t] + 1) * 100);
      for (int64_t j = 0; j < k; ++j) {
        ids[t * k + j] = static_cast<int32_t>((first + (k - j) * 2) % E);
      }
    }
    ref::moe_permute(ids.data(), T, E, k, offsets.data(), source_row.data(), slot.data());
  }
  Ints ids, offsets, source_row, slot;
};

} // namespace

TEST_P(MoePermuteTest, MatchesReference) {
  for (auto [T, E, k] : {std::array<int64_t, 3>{1, 1, 1}, {1, 9, 3}, {13, 9, 3}, {300, 64, 6}, {5, 300, 8}}) {
    Permutation want(T, E, k);
    Ints offsets(E + 1), source_row(T * k), slot(T * k);
    Constants constants = {{"E", E}, {"k", k}};
    run({GetParam(), constants, {want.ids.data(), offsets.data(), source_row.data(), slot.data()}, T});
    EXPECT_EQ(offsets, want.offsets);
    EXPECT_EQ(source_row, want.source_row);
    EXPECT_EQ(slot, want.slot);
  }
}

namespace {

struct MoeShape {
  int64_t T, E, k, K, N, panelsPerItem;
};

constexpr MoeShape kMoeShapes[] = {{1, 9, 3, 64, 32, 1},   {2, 9, 3, 130, 33, 2}, {13, 9, 3, 130, 100, 1},
                                   {65, 9, 2, 128, 70, 4}, {3, 3, 1, 20, 40, 1},  {6, 3, 2, 130, 70, 4},
                                   {5, 3, 2, 130, 128, 4}};

/// Weights of every expert.
struct Experts {
  Experts(const Kernel &kernel, const MoeShape &shape, bool gated) {
    bool panels = kernel.layout == "panels";
    for (int64_t e = 0; e < shape.E; ++e) {
      gate.emplace_back(kernel.weightType, shape.N, shape.K, 100 + e);
      up.emplace_back(kernel.weightType, shape.N, shape.K, 200 + e);
      data.push_back(panels ? gate[e].panels() : gate[e].data);
      scales.push_back(panels ? gate[e].panel_scales() : gate[e].scales);
      if (gated) {
        Gated both(gate[e], up[e]);
        data[e] = both.data;
        scales[e] = both.scales;
      }
    }
    for (int64_t e = 0; e < shape.E; ++e) {
      table.push_back(data[e].data());
      scale_table.push_back(scales[e].data());
      stack.insert(stack.end(), data[e].begin(), data[e].end());
      scale_stack.insert(scale_stack.end(), scales[e].begin(), scales[e].end());
      gate_decoded.push_back(gate[e].decoded.data());
      up_decoded.push_back(up[e].decoded.data());
    }
    weight_operand = panels ? static_cast<const void *>(stack.data()) : table.data();
    scale_operand = panels ? static_cast<const void *>(scale_stack.data()) : scale_table.data();
  }
  std::vector<Weight> gate, up;
  std::vector<std::vector<uint8_t>> data, scales;
  std::vector<const void *> table, scale_table;
  std::vector<uint8_t> stack, scale_stack;
  /// What a kernel takes: panels as a stack, rows as a table.
  const void *weight_operand, *scale_operand;
  std::vector<const float *> gate_decoded, up_decoded;
};

} // namespace

static Floats moe_product(const Kernel &kernel, const MoeShape &shape, const Experts &experts, const Floats &x,
                          const Permutation &p, bool gather) {
  Floats out(shape.T * shape.k * shape.N, std::nanf(""));
  Constants constants = {{"K", shape.K}, {"N", shape.N},     {"E", shape.E},
                         {"k", shape.k}, {"gather", gather}, {"panels_per_item", shape.panelsPerItem}};
  Call call{&kernel, constants, {x.data(), p.offsets.data(), p.source_row.data(), experts.weight_operand}, shape.T};
  if (experts.gate.front().quantized) {
    call.operands.push_back(experts.scale_operand);
  }
  call.operands.push_back(out.data());
  run(call);
  return out;
}

TEST_P(MoeGemmTest, MatchesReferenceOverShapes) {
  for (const MoeShape &shape : kMoeShapes) {
    for (bool gather : {false, true}) {
      SCOPED_TRACE(testing::Message() << "T " << shape.T << " K " << shape.K << " N " << shape.N << " " << gather);
      Permutation p(shape.T, shape.E, shape.k);
      Experts experts(*GetParam(), shape, false);
      Floats x = random_floats(shape.T * shape.k * shape.K, 5), want(shape.T * shape.k * shape.N),
             extra = random_floats(want.size(), 6);
      ref::moe_linear(x.data(), p.offsets.data(), gather ? p.source_row.data() : nullptr, experts.gate_decoded.data(),
                      shape.E, shape.K, shape.N, want.data());
      ref::add(want.data(), extra.data(), want.size(), want.data());
      EpilogueScope epilogue(extra, shape.N);
      expect_near(moe_product(*GetParam(), shape, experts, x, p, gather), want, 5e-5);
    }
  }
}

TEST_P(MoeGemmSwigluTest, MatchesReferenceOverShapes) {
  for (const MoeShape &shape : kMoeShapes) {
    SCOPED_TRACE(testing::Message() << "T " << shape.T << " K " << shape.K << " N " << shape.N);
    Permutation p(shape.T, shape.E, shape.k);
    Experts experts(*GetParam(), shape, true);
    Floats x = random_floats(shape.T * shape.K, 5), want(shape.T * shape.k * shape.N), up(want.size());
    ref::moe_linear(x.data(), p.offsets.data(), p.source_row.data(), experts.gate_decoded.data(), shape.E, shape.K,
                    shape.N, want.data());
    ref::moe_linear(x.data(), p.offsets.data(), p.source_row.data(), experts.up_decoded.data(), shape.E, shape.K,
                    shape.N, up.data());
    ref::swiglu(want.data(), up.data(), want.size(), want.data());
    expect_near(moe_product(*GetParam(), shape, experts, x, p, true), want, 5e-4, 1e-5);
  }
}

TEST_P(MoeGemmTest, RoundsNumbersOnce) {
  RoundingScope rounding(order_tolerance(*GetParam()));
  for (const MoeShape &shape : kMoeShapes) {
    for (bool gather : {false, true}) {
      SCOPED_TRACE(testing::Message() << "T " << shape.T << " K " << shape.K << " N " << shape.N << " " << gather);
      Experts experts(*GetParam(), shape, false);
      moe_product(*GetParam(), shape, experts, random_floats(shape.T * shape.k * shape.K, 5),
                  Permutation(shape.T, shape.E, shape.k), gather);
    }
  }
}

TEST_P(MoeGemmSwigluTest, RoundsNumbersOnce) {
  RoundingScope rounding(10 * order_tolerance(*GetParam()));
  for (const MoeShape &shape : {kMoeShapes[1], kMoeShapes[2]}) {
    Experts experts(*GetParam(), shape, true);
    moe_product(*GetParam(), shape, experts, random_floats(shape.T * shape.K, 5),
                Permutation(shape.T, shape.E, shape.k), true);
  }
}

TEST_P(MoeGemmTest, TokenAloneHasTheBitsItHasInABatch) {
  const MoeShape shape{13, 9, 3, 130, 70, 2}, alone{1, 9, 3, 130, 70, 1};
  Permutation p(shape.T, shape.E, shape.k);
  Experts experts(*GetParam(), shape, false);
  Floats x = random_floats(shape.T * shape.K, 5), batch = moe_product(*GetParam(), shape, experts, x, p, true);
  for (int64_t t = 0; t < shape.T; t += 4) {
    Permutation one(1, shape.E, shape.k);
    one.ids.assign(&p.ids[t * shape.k], &p.ids[t * shape.k] + shape.k);
    ref::moe_permute(one.ids.data(), 1, shape.E, shape.k, one.offsets.data(), one.source_row.data(), one.slot.data());
    Floats row(&x[t * shape.K], &x[t * shape.K] + shape.K);
    Floats got = moe_product(*GetParam(), alone, experts, row, one, true);
    for (int64_t j = 0; j < shape.k; ++j) {
      const float *want = &batch[p.slot[t * shape.k + j] * shape.N], *mine = &got[one.slot[j] * shape.N];
      expect_same_bits(Floats(mine, mine + shape.N), Floats(want, want + shape.N));
    }
  }
}

TEST_P(MoeCombineTest, MatchesReference) {
  for (int64_t H : {1, 32, 50, 100}) {
    const int64_t T = 5, E = 9, k = 3;
    Permutation p(T, E, k);
    Floats y = random_floats(T * k * H, 7), weights = random_floats(T * k, 8), out(T * H), want(T * H),
           extra = random_floats(T * H, 9);
    ref::moe_combine(y.data(), p.slot.data(), weights.data(), T, H, k, want.data());
    ref::add(want.data(), extra.data(), T * H, want.data());
    EpilogueScope epilogue(extra, H);
    Constants constants = {{"H", H}, {"k", k}};
    run({GetParam(), constants, {y.data(), p.slot.data(), weights.data(), out.data()}, T});
    expect_near(out, want, 1e-6);
  }
}

TEST_P(MoeCombineTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  for (int64_t H : {1, 100}) {
    const int64_t T = 5, k = 3;
    Permutation p(T, 9, k);
    Floats y = random_floats(T * k * H, 7), weights = random_floats(T * k, 8), out(T * H), extra(T * H, 0.3f);
    EpilogueScope epilogue(extra, H);
    run({GetParam(), {{"H", H}, {"k", k}}, {y.data(), p.slot.data(), weights.data(), out.data()}, T});
  }
}

INSTANTIATE_TEST_SUITE_P(Catalog, MoeGateTest, testing::ValuesIn(kernels_of("moe_gate")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, MoePermuteTest, testing::ValuesIn(kernels_of("moe_permute")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, MoeGemmTest, testing::ValuesIn(kernels_of("moe_gemm")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, MoeGemmSwigluTest, testing::ValuesIn(kernels_of("moe_gemm_swiglu")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, MoeCombineTest, testing::ValuesIn(kernels_of("moe_combine")), kernel_name);

} // namespace fathom::test
