// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Routings are guessed and tried: there are few, and what a gate is made of says less than what it gives.

#include "passes/raise/Routing.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <numeric>

namespace fathom::raise {

using deepseek::GroupRule;
using deepseek::Scoring;
using llvm::ArrayRef;

/// A factor as a model has it, of 16 for one: roundings of f32 are taken off.
static double roundFactor(double factor) {
  double rounded = std::round(factor * 1e4) / 1e4;
  return std::abs(rounded - factor) <= 1e-6 * std::abs(factor) ? rounded : factor;
}

static std::vector<double> computeScores(Scoring scoring, ArrayRef<double> logits) {
  std::vector<double> scores(logits.begin(), logits.end());
  double largest = scoring == Scoring::softmax ? *llvm::max_element(logits) : 0, sum = 0;
  for (double &score : scores) {
    score = scoring == Scoring::softmax ? std::exp(score - largest) : 1 / (1 + std::exp(-score));
    sum += score;
  }
  if (scoring == Scoring::softmax) {
    llvm::for_each(scores, [&](double &score) { score /= sum; });
  }
  return scores;
}

/// The places of the `count` largest, ties going to the first.
static std::vector<size_t> findLargest(ArrayRef<double> values, int64_t count) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order, [&](size_t a, size_t b) { return values[a] > values[b]; });
  order.resize(std::min<size_t>(count, order.size()));
  return order;
}

static double rateGroup(GroupRule rule, ArrayRef<double> scores) {
  double worth = 0;
  for (size_t place : findLargest(scores, rule == GroupRule::top2_sum ? 2 : 1)) {
    worth += scores[place];
  }
  return worth;
}

/// Experts of all but the best groups drop out.
static void dropGroups(const Routing &routing, std::vector<double> &scores) {
  size_t size = scores.size() / routing.groups;
  std::vector<double> worths, all = scores;
  for (int64_t group = 0; group < routing.groups; ++group) {
    worths.push_back(rateGroup(routing.groupRule, ArrayRef(scores).slice(group * size, size)));
  }
  scores.assign(scores.size(), -INFINITY);
  for (size_t group : findLargest(worths, routing.topGroups)) {
    std::copy_n(all.begin() + group * size, size, scores.begin() + group * size);
  }
}

std::vector<double> route(const Routing &routing, ArrayRef<double> logits, ArrayRef<double> bias) {
  std::vector<double> scores = computeScores(routing.scoring, logits), biased = scores;
  for (size_t i = 0; i < bias.size(); ++i) {
    biased[i] += bias[i];
  }
  if (routing.groupRule != GroupRule::none) {
    dropGroups(routing, biased);
  }
  std::vector<size_t> chosen = findLargest(biased, routing.topK);
  double sum = 0;
  for (size_t expert : chosen) {
    sum += scores[expert];
  }
  std::vector<double> weights(logits.size());
  for (size_t expert : chosen) {
    weights[expert] = scores[expert] * routing.factor / (routing.normalize ? sum + 1e-20 : 1);
  }
  return weights;
}

/// How many experts each row has; nothing where rows differ.
static std::optional<int64_t> countChosen(ArrayRef<RoutedRow> rows) {
  auto count = [](const RoutedRow &row) {
    return llvm::count_if(row.weights, [](double weight) { return weight != 0; });
  };
  int64_t chosen = rows.empty() ? 0 : count(rows.front());
  bool alike = chosen > 0 && llvm::all_of(rows, [&](const RoutedRow &row) { return count(row) == chosen; });
  return alike ? std::optional(chosen) : std::nullopt;
}

/// Every way to choose `chosen` of `experts`, those without groups first.
static std::vector<Routing> listRoutings(int64_t experts, int64_t chosen) {
  std::vector<Routing> all;
  auto add = [&](GroupRule rule, int64_t groups, int64_t topGroups) {
    for (Scoring scoring : {Scoring::softmax, Scoring::sigmoid}) {
      for (bool normalize : {false, true}) {
        all.push_back({scoring, rule, chosen, groups, topGroups, normalize});
      }
    }
  };
  add(GroupRule::none, 1, 1);
  for (int64_t groups = 2; groups <= experts / 2; ++groups) {
    int64_t size = experts / groups, least = llvm::divideCeil(chosen, size);
    for (int64_t topGroups = least; experts % groups == 0 && topGroups < groups; ++topGroups) {
      add(GroupRule::max, groups, topGroups);
      add(GroupRule::top2_sum, groups, topGroups);
    }
  }
  return all;
}

/// What the weights of a row have to be multiplied by to be those that it has.
static std::optional<double> findFactor(const Routing &routing, const RoutedRow &row, ArrayRef<double> bias) {
  constexpr double tolerance = 1e-5;
  std::optional<double> factor;
  std::vector<double> weights = route(routing, row.logits, bias);
  for (auto [given, weight] : llvm::zip_equal(row.weights, weights)) {
    if ((given == 0) != (weight == 0)) {
      return std::nullopt;
    }
    if (weight != 0 && !factor) {
      factor = given / weight;
    }
    if (weight != 0 && std::abs(given - *factor * weight) > tolerance * std::abs(given)) {
      return std::nullopt;
    }
  }
  return factor;
}

/// The factor that all rows share.
static std::optional<double> findFactor(const Routing &routing, ArrayRef<RoutedRow> rows, ArrayRef<double> bias) {
  constexpr double tolerance = 1e-5;
  std::optional<double> first;
  for (const RoutedRow &row : rows) {
    std::optional<double> factor = findFactor(routing, row, bias);
    if (!factor || (first && std::abs(*factor - *first) > tolerance * std::abs(*first))) {
      return std::nullopt;
    }
    first = first ? first : factor;
  }
  return first;
}

std::optional<Routing> inferRouting(ArrayRef<RoutedRow> rows, ArrayRef<double> bias) {
  std::optional<int64_t> chosen = countChosen(rows);
  if (!chosen) {
    return std::nullopt;
  }
  for (Routing &routing : listRoutings(int64_t(rows.front().logits.size()), *chosen)) {
    if (std::optional<double> factor = findFactor(routing, rows, bias)) {
      routing.factor = roundFactor(*factor);
      return routing;
    }
  }
  return std::nullopt;
}

} // namespace fathom::raise
