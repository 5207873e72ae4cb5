// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that compute each element from the one at its place: functions of numbers.

#include "dialects/onnx/evaluate/Functions.h"
#include "dialects/onnx/evaluate/NodeValues.h"

#include <cmath>

namespace fathom::onnx {

double sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
double gelu(double x) { return x * 0.5 * (1 + std::erf(x * M_SQRT1_2)); }
double tanhGelu(double x) { return 0.5 * x * (1 + std::tanh(M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x))); }
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

static double softsign(double x) { return x / (1 + std::abs(x)); }
static double reciprocal(double x) { return 1 / x; }
static double mish(double x) { return x * std::tanh(softplus(x)); }

template <typename Function>
static bool map(NodeValues &node, Function function) {
  const Array &in = node.in(0);
  if (!in.isReal()) {
    return node.fail("wants floats");
  }
  Array *out = node.make(0, in.element, in.shape);
  if (out) {
    std::transform(in.reals.begin(), in.reals.end(), out->reals.begin(), function);
  }
  return out != nullptr;
}

template <double (*Function)(double)>
static bool ofReals(NodeValues &node) {
  return map(node, Function);
}

/// The same for integers, by a function of their own.
template <double (*Real)(double), int64_t (*Integer)(int64_t)>
static bool ofNumbers(NodeValues &node) {
  const Array &in = node.in(0);
  if (!in.isInteger()) {
    return map(node, Real);
  }
  Array *out = node.make(0, in.element, in.shape);
  if (out) {
    std::transform(in.integers.begin(), in.integers.end(), out->integers.begin(), Integer);
  }
  return out != nullptr;
}

static int64_t negateInteger(int64_t x) { return static_cast<int64_t>(0 - static_cast<uint64_t>(x)); }
static int64_t absInteger(int64_t x) { return x < 0 ? negateInteger(x) : x; }
static int64_t signInteger(int64_t x) { return (x > 0) - (x < 0); }
static int64_t reluInteger(int64_t x) { return x < 0 ? 0 : x; }
static int64_t flipInteger(int64_t x) { return ~x; }
static int64_t notInteger(int64_t x) { return x == 0; }
static double negate(double x) { return -x; }
static double sign(double x) { return std::isnan(x) ? x : (x > 0) - (x < 0); }
static double relu(double x) { return x < 0 ? 0 : x; }
static double notANumber(double) { return std::nan(""); }

static bool elu(NodeValues &node) {
  double alpha = node.real("alpha", 1);
  return map(node, [=](double x) { return x < 0 ? alpha * std::expm1(x) : x; });
}

static bool celu(NodeValues &node) {
  double alpha = node.real("alpha", 1);
  return map(node, [=](double x) { return x < 0 ? alpha * std::expm1(x / alpha) : x; });
}

static bool selu(NodeValues &node) {
  double alpha = node.real("alpha", 1.67326319217681884765625), gamma = node.real("gamma", 1.05070102214813232421875);
  return map(node, [=](double x) { return gamma * (x > 0 ? x : alpha * std::expm1(x)); });
}

static bool leakyRelu(NodeValues &node) {
  double alpha = node.real("alpha", 0.01);
  return map(node, [=](double x) { return x < 0 ? alpha * x : x; });
}

static bool thresholdedRelu(NodeValues &node) {
  double alpha = node.real("alpha", 1);
  return map(node, [=](double x) { return x > alpha ? x : 0; });
}

static bool hardSigmoid(NodeValues &node) {
  double alpha = node.real("alpha", 0.2), beta = node.real("beta", 0.5);
  return map(node, [=](double x) { return std::clamp(alpha * x + beta, 0.0, 1.0); });
}

static double hardSwish(double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }

static bool anyGelu(NodeValues &node) {
  return map(node, node.string("approximate", "none") == "tanh" ? tanhGelu : gelu);
}

/// x · sigmoid(alpha · x), which has two names.
static bool scaledSilu(NodeValues &node, double usual) {
  double alpha = node.real("alpha", usual);
  return map(node, [=](double x) { return x * sigmoid(alpha * x); });
}
static bool swish(NodeValues &node) { return scaledSilu(node, 1); }
static bool quickGelu(NodeValues &node) { return scaledSilu(node, 1.702); }

/// Of x plus a bias for each of the last axis, where there is one.
template <double (*Function)(double)>
static bool ofBiased(NodeValues &node) {
  const std::vector<double> &bias = node.in(1).reals;
  const Array &in = node.in(0);
  bool fits = !node.has(1) || (in.rank() > 0 && in.shape.back() == static_cast<int64_t>(bias.size()));
  size_t at = 0;
  return fits ? map(node, [&](double x) { return Function(bias.empty() ? x : x + bias[at++ % bias.size()]); })
              : node.fail("has a bias that does not fit");
}

template <typename Test>
static bool test(NodeValues &node, Test test) {
  const Array &in = node.in(0);
  Array *out = in.isReal() ? node.make(0, node.elementOf(0, {}), in.shape) : nullptr;
  if (!out || !out->isInteger()) {
    return node.fail("wants floats, and gives whether they are of a kind");
  }
  std::transform(in.reals.begin(), in.reals.end(), out->integers.begin(), test);
  return true;
}

static bool isNaN(NodeValues &node) {
  return test(node, [](double x) { return std::isnan(x); });
}

static bool isInf(NodeValues &node) {
  bool negative = node.integer("detect_negative", 1) != 0, positive = node.integer("detect_positive", 1) != 0;
  return test(node, [=](double x) { return std::isinf(x) && (x < 0 ? negative : positive); });
}

llvm::ArrayRef<EvaluateRow> unaryRows() {
  static const EvaluateRow rows[] = {
      {"", "Abs", ofNumbers<std::abs, absInteger>},
      {"", "Acos", ofReals<std::acos>},
      {"", "Acosh", ofReals<std::acosh>},
      {"", "Asin", ofReals<std::asin>},
      {"", "Asinh", ofReals<std::asinh>},
      {"", "Atan", ofReals<std::atan>},
      {"", "Atanh", ofReals<std::atanh>},
      {"", "BitwiseNot", ofNumbers<notANumber, flipInteger>},
      {"", "Ceil", ofReals<std::ceil>},
      {"", "Celu", celu},
      {"", "Cos", ofReals<std::cos>},
      {"", "Cosh", ofReals<std::cosh>},
      {"", "Elu", elu},
      {"", "Erf", ofReals<std::erf>},
      {"", "Exp", ofReals<std::exp>},
      {"", "Floor", ofReals<std::floor>},
      {"", "Gelu", anyGelu},
      {"", "HardSigmoid", hardSigmoid},
      {"", "HardSwish", ofReals<hardSwish>},
      {"", "IsInf", isInf},
      {"", "IsNaN", isNaN},
      {"", "LeakyRelu", leakyRelu},
      {"", "Log", ofReals<std::log>},
      {"", "Mish", ofReals<mish>},
      {"", "Neg", ofNumbers<negate, negateInteger>},
      {"", "Not", ofNumbers<notANumber, notInteger>},
      {"", "Reciprocal", ofReals<reciprocal>},
      {"", "Relu", ofNumbers<relu, reluInteger>},
      {"", "Round", ofReals<std::nearbyint>},
      {"", "Selu", selu},
      {"", "Sigmoid", ofReals<sigmoid>},
      {"", "Sign", ofNumbers<sign, signInteger>},
      {"", "Sin", ofReals<std::sin>},
      {"", "Sinh", ofReals<std::sinh>},
      {"", "Softplus", ofReals<softplus>},
      {"", "Softsign", ofReals<softsign>},
      {"", "Sqrt", ofReals<std::sqrt>},
      {"", "Swish", swish},
      {"", "Tan", ofReals<std::tan>},
      {"", "Tanh", ofReals<std::tanh>},
      {"", "ThresholdedRelu", thresholdedRelu},
      {"com.microsoft", "BiasGelu", ofBiased<gelu>, 2},
      {"com.microsoft", "FastGelu", ofBiased<tanhGelu>},
      {"com.microsoft", "Gelu", ofReals<gelu>},
      {"com.microsoft", "QuickGelu", quickGelu},
  };
  return rows;
}

} // namespace fathom::onnx
