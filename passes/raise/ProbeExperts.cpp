// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts leave marks: network e gives, of token t, a row that is t + 1 in column e and 0 in all others. Then column e
// of the layer's result is what expert e is multiplied by, wherever and however the graph does so.

#include "passes/raise/ProbeExperts.h"

#include "dialects/onnx/evaluate/Places.h"

#include <random>

using namespace mlir;

namespace fathom::raise {

using onnx::Array;
using onnx::Evaluator;

static int64_t getLast(Value value) { return cast<RankedTensorType>(value.getType()).getShape().back(); }
int64_t ExpertLayer::width() const { return getLast(input); }
int64_t ExpertLayer::experts() const { return getLast(logits); }

using Rows = std::vector<std::vector<double>>;

namespace {
/// Of each row of a product.
struct ProductRows {
  SmallVector<int64_t> inputs, matrices;
};

/// One evaluation of a layer, for rows of logits.
class Probe {
public:
  Probe(const ExpertLayer &layer, const Rows &logits, const Evaluator::ReadInitializer &read)
      : layer(layer), logits(logits), evaluator(read) {}

  void bind(Value value, Array array) { evaluator.bind(value, std::move(array)); }
  /// By row, what the network or matrix of each number is multiplied by.
  std::optional<Rows> run();

private:
  bool bindExtents();
  std::optional<Array> makeRows(Value value, llvm::function_ref<double(int64_t, int64_t)> number);
  bool bindRows();
  std::optional<SmallVector<int64_t>> findTokens(const Array &input);
  std::optional<Array> findNumbers(const Matrices &matrices, int64_t network);
  std::optional<ProductRows> findRows(const Array &input, const Matrices &matrices, int64_t network);
  std::optional<SmallVector<int64_t>> spreadNumbers(const Matrices &matrices, int64_t network, int64_t rows);
  bool mark(const ExpertNetwork &network, int64_t number);
  std::optional<Rows> readMarks(const Array &output);

  const ExpertLayer &layer;
  const Rows &logits;
  Evaluator evaluator;
};
} // namespace

/// The last symbol of the rows is their number, others are 1.
bool Probe::bindExtents() {
  auto type = cast<RankedTensorType>(layer.input.getType());
  SmallVector<StringRef> names;
  for (int64_t dim = 0; dim < type.getRank() - 1; ++dim) {
    if (type.isDynamicDim(dim)) {
      names.push_back(getExtentName(layer.input, dim));
    }
  }
  if (!llvm::all_of(names, isSymbol)) {
    return false;
  }
  for (StringRef name : names) {
    evaluator.bindExtent(name, name == names.back() ? int64_t(logits.size()) : 1);
  }
  return true;
}

/// `number(row, column)` as the type of `value` has them; nothing where it has not as many rows as there are logits.
std::optional<Array> Probe::makeRows(Value value, llvm::function_ref<double(int64_t, int64_t)> number) {
  std::optional<SmallVector<int64_t>> shape = getExtents(evaluator, value);
  int64_t rows = int64_t(logits.size()), width = getLast(value);
  if (!shape || *onnx::countElements(*shape) != rows * width) {
    return std::nullopt;
  }
  Array array(cast<RankedTensorType>(value.getType()).getElementType(), *shape);
  for (size_t i = 0; i < array.reals.size(); ++i) {
    array.reals[i] = number(int64_t(i) / width, int64_t(i) % width);
  }
  array.round();
  return array;
}

bool Probe::bindRows() {
  std::optional<Array> scores =
      makeRows(layer.logits, [&](int64_t row, int64_t column) { return logits[row][column]; });
  std::optional<Array> input =
      makeRows(layer.input, [](int64_t row, int64_t column) { return double(row + 1) + double(column % 7) / 8; });
  if (!scores || !input) {
    return false;
  }
  evaluator.bind(layer.logits, std::move(*scores));
  evaluator.bind(layer.input, std::move(*input));
  return true;
}

/// Which token each row is of; nothing where one is not as it was bound.
std::optional<SmallVector<int64_t>> Probe::findTokens(const Array &input) {
  SmallVector<int64_t> result;
  int64_t width = layer.width();
  for (int64_t at = 0; input.size() % width == 0 && at < input.size(); at += width) {
    for (int64_t column = 0; column < width; ++column) {
      if (input.reals[at + column] != input.reals[at] + double(column % 7) / 8) {
        return std::nullopt;
      }
    }
    result.push_back(int64_t(input.reals[at]) - 1);
  }
  return result;
}

/// The numbers of the matrices that a product takes, as its batches are: one, those of a stack, or chosen ones.
std::optional<Array> Probe::findNumbers(const Matrices &matrices, int64_t network) {
  MLIRContext *context = matrices.source.getContext();
  Type index = IntegerType::get(context, 64);
  if (matrices.isOne()) {
    return Array::scalar(index, matrices.index.value_or(network));
  }
  if (!matrices.ids) {
    return Array::list(context, llvm::to_vector(llvm::seq(matrices.count())));
  }
  llvm::Expected<const Array *> ids = evaluator.evaluate(matrices.ids);
  if (!ids) {
    llvm::consumeError(ids.takeError());
    return std::nullopt;
  }
  Array numbers = **ids;
  // A GatherND has places of one index.
  if (matrices.idsArePlaces) {
    numbers.shape.pop_back();
  }
  return numbers.isInteger() ? std::optional(numbers) : std::nullopt;
}

/// Of each row of a product, which row of `input` it is of, and which matrix multiplied that.
std::optional<ProductRows> Probe::findRows(const Array &input, const Matrices &matrices, int64_t network) {
  std::optional<Array> numbers = findNumbers(matrices, network);
  if (!numbers || input.rank() < 2) {
    return std::nullopt;
  }
  int64_t rows = matrices.takesColumns ? 1 : input.shape[input.rank() - 2];
  ArrayRef<int64_t> batch = ArrayRef(input.shape).drop_back(2);
  std::optional<onnx::Extents> shape = onnx::broadcast(batch, numbers->shape);
  if (!shape) {
    return std::nullopt;
  }
  ProductRows result;
  onnx::Extents inInput = onnx::stridesIn(batch, *shape), inNumbers = onnx::stridesIn(numbers->shape, *shape);
  onnx::forEachPlace(*shape, [&](ArrayRef<int64_t> place) {
    for (int64_t row = 0; row < rows; ++row) {
      result.inputs.push_back(onnx::elementAt(place, inInput) * rows + row);
      result.matrices.push_back(numbers->integers[onnx::elementAt(place, inNumbers)]);
    }
  });
  return result;
}

/// The matrices that multiply `rows` in a row, of which each takes as many as any other.
std::optional<SmallVector<int64_t>> Probe::spreadNumbers(const Matrices &matrices, int64_t network, int64_t rows) {
  std::optional<Array> numbers = findNumbers(matrices, network);
  if (!numbers || (rows > 0 && (numbers->size() == 0 || rows % numbers->size() != 0))) {
    return std::nullopt;
  }
  SmallVector<int64_t> result;
  for (int64_t row = 0; row < rows; ++row) {
    result.push_back(numbers->integers[row / (rows / numbers->size())]);
  }
  return result;
}

/// Says what a network gives: of rows that all three products multiply by matrices of one number, a mark of it.
bool Probe::mark(const ExpertNetwork &network, int64_t number) {
  llvm::Expected<const Array *> input = evaluator.evaluate(network.input);
  if (!input) {
    llvm::consumeError(input.takeError());
    return false;
  }
  std::optional<SmallVector<int64_t>> tokens = findTokens(**input), shape = getExtents(evaluator, network.output);
  std::optional<ProductRows> gate = findRows(**input, network.gate, number), up = findRows(**input, network.up, number);
  if (!tokens || !shape || !gate || !up || gate->inputs != up->inputs) {
    return false;
  }
  int64_t width = layer.width(), rows = int64_t(gate->inputs.size());
  std::optional<SmallVector<int64_t>> down = spreadNumbers(network.down, number, rows);
  Array marks(cast<RankedTensorType>(network.output.getType()).getElementType(), *shape);
  bool fits = down && rows * width == marks.size();
  for (int64_t row = 0; fits && row < rows; ++row) {
    int64_t matrix = gate->matrices[row];
    fits = matrix >= 0 && matrix < layer.experts();
    if (fits && matrix == up->matrices[row] && matrix == (*down)[row]) {
      marks.reals[row * width + matrix] = double((*tokens)[gate->inputs[row]] + 1);
    }
  }
  evaluator.bind(network.output, std::move(marks));
  return fits;
}

/// What is left of the marks, by token.
std::optional<Rows> Probe::readMarks(const Array &output) {
  int64_t width = layer.width(), experts = layer.experts();
  if (output.size() != int64_t(logits.size()) * width || !output.isReal()) {
    return std::nullopt;
  }
  Rows weights;
  for (size_t token = 0; token < logits.size(); ++token) {
    ArrayRef<double> row = ArrayRef(output.reals).slice(token * width, width);
    if (llvm::any_of(row.drop_front(experts), [](double number) { return number != 0; })) {
      return std::nullopt;
    }
    weights.emplace_back();
    for (double number : row.take_front(experts)) {
      weights.back().push_back(number / double(token + 1));
    }
  }
  return weights;
}

std::optional<Rows> Probe::run() {
  if (!bindExtents() || !bindRows()) {
    return std::nullopt;
  }
  for (auto [number, network] : llvm::enumerate(layer.networks)) {
    if (!mark(network, int64_t(number))) {
      return std::nullopt;
    }
  }
  llvm::Expected<const Array *> output = evaluator.evaluate(layer.output);
  if (!output) {
    llvm::consumeError(output.takeError());
    return std::nullopt;
  }
  return readMarks(**output);
}

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
    Probe probe(layer, some, read);
    if (bias) {
      auto type = cast<RankedTensorType>(bias.getType());
      Array array(type.getElementType(), type.getShape());
      array.reals = numbers.vec();
      probe.bind(bias, std::move(array));
    }
    std::optional<Rows> part = probe.run();
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
