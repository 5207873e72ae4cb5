// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The curve of `fathom bench --svg`: lines over linear axes, so that what grows in proportion looks so.

#include "tools/driver/BenchReport.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>

namespace fathom::driver {

static constexpr double kWidth = 720, kHeight = 420, kLeft = 70, kRight = 20, kTop = 30, kBottom = 50;
static constexpr const char *kColors[] = {"#0b62a8", "#c2410c", "#15803d", "#7e22ce"};

namespace {
class Curve {
public:
  explicit Curve(const std::vector<BenchResults> &results);
  std::string draw();

private:
  using Value = double (BenchResults::*)(const DepthResults &) const;

  double x(double depth) const { return kLeft + (kWidth - kLeft - kRight) * depth / mostDepth; }
  double y(double ms) const { return kHeight - kBottom - (kHeight - kTop - kBottom) * ms / mostMs; }
  void addLine(double x1, double y1, double x2, double y2, const char *color);
  void addText(double x, double y, const char *anchor, const llvm::Twine &text, const char *color = "#333");
  void addAxes();
  void addSeries(const BenchResults &r, Value seconds, const char *color, bool dashed);
  void addLegend();

  const std::vector<BenchResults> &results;
  double mostDepth = 1, mostMs = 0, msStep = 1;
  std::string text;
  llvm::raw_string_ostream out{text};
};
} // namespace

/// The least of 1, 2, 5, 10, 20, ... (and their tenths) of which five reach `most`.
static double chooseStep(double most) {
  double power = std::pow(10, std::floor(std::log10(most / 5)));
  for (double factor : {1.0, 2.0, 5.0}) {
    if (5 * factor * power >= most) {
      return factor * power;
    }
  }
  return 10 * power;
}

Curve::Curve(const std::vector<BenchResults> &results) : results(results) {
  for (const BenchResults &r : results) {
    for (const DepthResults &at : r.depths) {
      mostDepth = std::max(mostDepth, static_cast<double>(at.depth));
      mostMs = std::max({mostMs, 1e3 * r.stepSeconds(at), 1e3 * r.leastStepSeconds(at)});
    }
  }
  msStep = chooseStep(std::max(mostMs, 1e-3));
  mostMs = 5 * msStep;
}

/// A name as XML has it.
static std::string escapeXml(llvm::StringRef name) {
  std::string text;
  for (char c : name) {
    text += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c < ' ' && c >= 0 ? '?' : c);
  }
  return text;
}

void Curve::addLine(double x1, double y1, double x2, double y2, const char *color) {
  out << llvm::formatv("<line x1=\"{0:f1}\" y1=\"{1:f1}\" x2=\"{2:f1}\" y2=\"{3:f1}\" stroke=\"{4}\"/>\n", x1, y1, x2,
                       y2, color);
}

void Curve::addText(double x, double y, const char *anchor, const llvm::Twine &content, const char *color) {
  out << llvm::formatv("<text x=\"{0:f1}\" y=\"{1:f1}\" text-anchor=\"{2}\" fill=\"{3}\">{4}</text>\n", x, y, anchor,
                       color, escapeXml(content.str()));
}

static std::string formatNumber(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", number);
  return text;
}

static std::string formatDepth(uint64_t depth) {
  return depth > 0 && depth % 1000 == 0 ? std::to_string(depth / 1000) + "k" : std::to_string(depth);
}

void Curve::addAxes() {
  for (int i = 0; i <= 5; ++i) {
    double at = y(i * msStep);
    addLine(kLeft, at, kWidth - kRight, at, "#ddd");
    addText(kLeft - 8, at + 4, "end", formatNumber(i * msStep));
  }
  for (const DepthResults &at : results.front().depths) {
    double left = x(static_cast<double>(at.depth));
    addLine(left, kHeight - kBottom, left, kHeight - kBottom + 5, "#333");
    addText(left, kHeight - kBottom + 20, "middle", formatDepth(at.depth));
  }
  addText(kLeft - 50, kTop - 12, "start", "ms a step");
  addText(kWidth - kRight, kHeight - 10, "end", "tokens in the context");
}

void Curve::addSeries(const BenchResults &r, Value seconds, const char *color, bool dashed) {
  out << llvm::formatv("<polyline fill=\"none\" stroke=\"{0}\" stroke-width=\"2\"{1} points=\"", color,
                       dashed ? " stroke-dasharray=\"5 4\"" : "");
  std::vector<const DepthResults *> ordered;
  for (const DepthResults &at : r.depths) {
    ordered.push_back(&at);
  }
  llvm::sort(ordered, [](const DepthResults *a, const DepthResults *b) { return a->depth < b->depth; });
  for (const DepthResults *at : ordered) {
    out << llvm::formatv("{0:f1},{1:f1} ", x(static_cast<double>(at->depth)), y(1e3 * (r.*seconds)(*at)));
  }
  out << "\"/>\n";
}

void Curve::addLegend() {
  double at = kTop + 14;
  for (size_t i = 0; i < results.size(); ++i, at += 18) {
    addText(kLeft + 14, at, "start", llvm::sys::path::stem(results[i].model), kColors[i % std::size(kColors)]);
  }
  addText(kLeft + 14, at, "start", "dashed: what reading alone would take");
}

std::string Curve::draw() {
  out << llvm::formatv("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" "
                       "font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
                       int(kWidth), int(kHeight));
  addAxes();
  for (size_t i = 0; i < results.size(); ++i) {
    const char *color = kColors[i % std::size(kColors)];
    addSeries(results[i], &BenchResults::leastStepSeconds, color, true);
    addSeries(results[i], &BenchResults::stepSeconds, color, false);
  }
  addLegend();
  out << "</svg>\n";
  return text;
}

std::string drawCurve(const std::vector<BenchResults> &results) { return Curve(results).draw(); }

} // namespace fathom::driver
