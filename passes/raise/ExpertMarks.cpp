// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts leave marks: network e gives, of token t, a row that is t + 1 in column e and 0 in all others. Then column e
// of the layer's result is what expert e is multiplied by, wherever and however the graph does so.

#include "passes/raise/ExpertMarks.h"

#include "dialects/onnx/evaluate/Places.h"

using namespace mlir;

namespace fathom::raise {

using onnx::Array;
using onnx::Evaluator;

static int64_t getLast(Value value) { return cast<RankedTensorType>(value.getType()).getShape().back(); }
int64_t ExpertLayer::width() const { return getLast(input); }
int64_t ExpertLayer::experts() const { return getLast(logits); }

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
  const Array *find(Value value);
  bool bindExtents();
  std::optional<Array> makeRows(Value value, llvm::function_ref<double(int64_t, int64_t)> number);
  bool bindRows();
  std::optional<SmallVector<int64_t>> findTokens(const Array &input);
  std::optional<Array> findNumbers(const Matrices &matrices, int64_t network);
  std::optional<ProductRows> findSlices(const Matrices &matrices, int64_t rows);
  std::optional<ProductRows> findRows(const Array &input, const Matrices &matrices, int64_t network);
  std::optional<SmallVector<int64_t>> spreadNumbers(const Matrices &matrices, int64_t network, int64_t rows);
  std::optional<SmallVector<int64_t>> findShape(const ExpertNetwork &network, const Array &input);
  bool mark(const ExpertNetwork &network, int64_t number);
  std::optional<Rows> readMarks(const Array &output);

  const ExpertLayer &layer;
  const Rows &logits;
  Evaluator evaluator;
};
} // namespace

/// What a value is; null where it cannot be told.
const Array *Probe::find(Value value) {
  llvm::Expected<const Array *> array = evaluator.evaluate(value);
  if (!array) {
    llvm::consumeError(array.takeError());
    return nullptr;
  }
  return *array;
}

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
  const Array *ids = find(matrices.ids);
  if (!ids) {
    return std::nullopt;
  }
  Array numbers = *ids;
  // A GatherND has places of one index.
  if (matrices.idsArePlaces) {
    numbers.shape.pop_back();
  }
  return numbers.isInteger() ? std::optional(numbers) : std::nullopt;
}

/// Of rows that are sorted by their matrices: each is in the slice of one, and slices follow each other.
std::optional<ProductRows> Probe::findSlices(const Matrices &matrices, int64_t rows) {
  const Array *begins = find(matrices.begins), *ends = find(matrices.ends);
  int64_t count = matrices.count(), next = 0;
  if (!begins || !ends || begins->integers.size() != size_t(count) || ends->integers.size() != size_t(count)) {
    return std::nullopt;
  }
  ProductRows result;
  for (int64_t matrix = 0; matrix < count; ++matrix) {
    int64_t begin = next, end = ends->integers[matrix];
    if (begins->integers[matrix] != begin || end < begin || end > rows) {
      return std::nullopt;
    }
    for (; next < end; ++next) {
      result.inputs.push_back(next);
      result.matrices.push_back(matrix);
    }
  }
  return next == rows ? std::optional(result) : std::nullopt;
}

/// Of each row of a product, which row of `input` it is of, and which matrix multiplied that.
std::optional<ProductRows> Probe::findRows(const Array &input, const Matrices &matrices, int64_t network) {
  if (matrices.begins) {
    return input.rank() == 2 ? findSlices(matrices, input.shape[0]) : std::nullopt;
  }
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
  if (matrices.begins) {
    std::optional<ProductRows> slices = findSlices(matrices, rows);
    return slices ? std::optional(slices->matrices) : std::nullopt;
  }
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

/// The shape of what a network gives. How many rows come out of a loop, types do not say: as many as go in.
std::optional<SmallVector<int64_t>> Probe::findShape(const ExpertNetwork &network, const Array &input) {
  return network.down.begins && input.rank() == 2 ? SmallVector<int64_t>{input.shape[0], layer.width()}
                                                  : getExtents(evaluator, network.output);
}

/// Says what a network gives: of rows that all three products multiply by matrices of one number, a mark of it.
bool Probe::mark(const ExpertNetwork &network, int64_t number) {
  const Array *input = find(network.input);
  if (!input) {
    return false;
  }
  std::optional<SmallVector<int64_t>> tokens = findTokens(*input), shape = findShape(network, *input);
  std::optional<ProductRows> gate = findRows(*input, network.gate, number), up = findRows(*input, network.up, number);
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
  const Array *output = find(layer.output);
  return output ? readMarks(*output) : std::nullopt;
}

std::optional<Rows> readWeights(const ExpertLayer &layer, const Rows &logits, const Evaluator::ReadInitializer &read,
                                Value bias, ArrayRef<double> numbers) {
  Probe probe(layer, logits, read);
  if (bias) {
    auto type = cast<RankedTensorType>(bias.getType());
    Array array(type.getElementType(), type.getShape());
    array.reals = numbers.vec();
    probe.bind(bias, std::move(array));
  }
  return probe.run();
}

} // namespace fathom::raise
