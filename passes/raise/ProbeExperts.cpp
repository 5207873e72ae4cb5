// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What routing gives the weights that a layer is seen to multiply its experts by.

#include "passes/raise/ProbeExperts.h"

#include <random>

using namespace mlir;

namespace fathom::raise {

using onnx::Array;
using onnx::Evaluator;

namespace {
/// Evaluates a layer with numbers for its bias, if it has one.
class LayerProber {
public:
  LayerProber(const ExpertLayer &layer, const Evaluator::ReadInitializer &read) : layer(layer), read(read) {}

  /// With any numbers, or with those that the graph has.
  void setBias(Value value);
  bool readBias(Value value);
  std::optional<KnownRouting> infer();

private:
  int64_t countRows() const;
  std::optional<Rows> weigh(const Rows &logits, ArrayRef<double> numbers);
  std::optional<SmallVector<int64_t>> findExperts();
  double random(double low, double high);

  const ExpertLayer &layer;
  const Evaluator::ReadInitializer &read;
  Value bias;
  std::vector<double> numbers;
  std::mt19937 engine;
};
} // namespace

double LayerProber::random(double low, double high) {
  return low + (high - low) * double(engine()) / double(engine.max());
}

void LayerProber::setBias(Value value) {
  bias = value;
  numbers.clear();
  for (int64_t expert = 0; expert < layer.experts(); ++expert) {
    // Of few digits, so that every type has it; below 0, which some graphs have in place of -inf.
    numbers.push_back(std::round(random(-128, -8)) / 128);
  }
}

bool LayerProber::readBias(Value value) {
  Evaluator evaluator(read);
  llvm::Expected<const Array *> array = evaluator.evaluate(value);
  if (!array) {
    llvm::consumeError(array.takeError());
    return false;
  }
  bias = value;
  numbers = (*array)->reals;
  return int64_t(numbers.size()) == layer.experts();
}

/// How many rows are evaluated at once: as many as do not take much memory, or those that the graph is of; 0: too many,
/// or of more experts than can be told from each other in seconds, which grows with their third power.
int64_t LayerProber::countRows() const {
  constexpr int64_t most = 16, mostExperts = 512, elements = int64_t(1) << 24;
  int64_t experts = layer.experts(), width = layer.width();
  bool fits = experts > 0 && experts <= mostExperts && width > 0 && width <= elements / experts;
  auto type = cast<RankedTensorType>(layer.input.getType());
  if (!fits || type.hasStaticShape()) {
    std::optional<int64_t> count = fits ? onnx::countElements(type.getShape()) : std::nullopt;
    return count && *count <= elements ? *count / width : 0;
  }
  return std::min(elements / (width * experts), most);
}

/// What experts are multiplied by, by number of their network, with `numbers` for the bias.
std::optional<Rows> LayerProber::weigh(const Rows &logits, ArrayRef<double> numbers) {
  size_t count = countRows();
  if (count == 0) {
    return std::nullopt;
  }
  Rows weights;
  for (size_t begin = 0; begin < logits.size(); begin += count) {
    Rows some(logits.begin() + begin, logits.begin() + std::min(begin + count, logits.size()));
    some.resize(count, some.back());
    std::optional<Rows> part = readWeights(layer, some, read, bias, numbers);
    if (!part) {
      return std::nullopt;
    }
    llvm::append_range(weights, *part);
  }
  weights.resize(logits.size());
  return weights;
}

/// The expert of each network: a row that prefers it to all others gives it the largest weight.
std::optional<SmallVector<int64_t>> LayerProber::findExperts() {
  int64_t count = layer.experts();
  Rows logits;
  for (int64_t preferred = 0; preferred < count; ++preferred) {
    std::vector<double> row;
    for (int64_t expert = 0; expert < count; ++expert) {
      row.push_back(expert == preferred ? 8 : random(-8, -4));
    }
    logits.push_back(std::move(row));
  }
  std::optional<Rows> weights = weigh(logits, std::vector<double>(count));
  SmallVector<int64_t> experts(count, -1);
  for (int64_t preferred = 0; weights && preferred < count; ++preferred) {
    experts[llvm::max_element((*weights)[preferred]) - (*weights)[preferred].begin()] = preferred;
  }
  return weights && !llvm::is_contained(experts, -1) ? std::optional(experts) : std::nullopt;
}

std::optional<KnownRouting> LayerProber::infer() {
  std::optional<SmallVector<int64_t>> experts = findExperts();
  if (!experts) {
    return std::nullopt;
  }
  constexpr int64_t tried = 64;
  Rows logits;
  for (int64_t i = 0; i < tried; ++i) {
    // Of even experts, of uneven ones, and of such as have no score to speak of beside a bias.
    auto [low, high] = std::array<std::pair<double, double>, 3>{{{-1, 1}, {-6, 6}, {-12, -4}}}[i % 3];
    std::vector<double> row(layer.experts());
    for (double &logit : row) {
      logit = float(random(low, high));
    }
    logits.push_back(std::move(row));
  }
  std::optional<Rows> weights = weigh(logits, numbers);
  std::vector<RoutedRow> rows(weights ? tried : 0);
  for (auto [number, row] : llvm::enumerate(rows)) {
    row.logits = logits[number];
    row.weights.resize(layer.experts());
    for (auto [network, expert] : llvm::enumerate(*experts)) {
      row.weights[expert] = (*weights)[number][network];
    }
  }
  std::optional<Routing> routing = inferRouting(rows, bias ? ArrayRef<double>(numbers) : ArrayRef<double>());
  return routing ? std::optional(KnownRouting{*routing, bias, *experts, true}) : std::nullopt;
}

std::optional<KnownRouting> probeExperts(const ExpertLayer &layer, ArrayRef<Value> biases,
                                         const Evaluator::ReadInitializer &read) {
  LayerProber prober(layer, read);
  std::optional<KnownRouting> found;
  if (biases.empty()) {
    found = prober.infer();
  }
  for (Value bias : biases) {
    prober.setBias(bias);
    found = found ? found : prober.infer();
    // Some gates are like a routing for such biases alone as the model has.
    if (!found && prober.readBias(bias) && (found = prober.infer())) {
      found->holdsForAnyBias = false;
    }
  }
  return found;
}

} // namespace fathom::raise
