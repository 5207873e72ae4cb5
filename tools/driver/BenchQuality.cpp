// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text is read in windows. As in llama.cpp's perplexity, what is predicted in the first half of a window is not
// counted: there is too little before it.

#include "tools/driver/BenchQuality.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/output.h"
#include "tools/driver/QualityReader.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <memory>

namespace fathom::driver {

namespace {
/// All models side by side; the one that others are compared with, if any, comes last.
class QualityBench {
public:
  QualityBench(const cli::ModelSource &source, const BenchOptions &options) : source(source), options(options) {}

  int open();
  int run();
  void print() const;
  void printJson() const;

private:
  int check();
  int runWindow(const int32_t *tokens, size_t count);
  void writeJson(llvm::json::OStream &out, const QualityReader &reader) const;

  const cli::ModelSource &source;
  const BenchOptions &options;
  std::vector<std::unique_ptr<QualityReader>> readers;
  size_t window = 0;
};
} // namespace

int QualityBench::open() {
  std::vector<const char *> paths = options.models;
  if (options.against) {
    paths.push_back(options.against);
  }
  for (const char *path : paths) {
    readers.push_back(std::make_unique<QualityReader>());
    if (int code = readers.back()->open(source, path, options)) {
      return code;
    }
  }
  return check();
}

/// Of the same tokens, all of which models know.
int QualityBench::check() {
  const QualityReader &first = *readers.front();
  window = std::min<size_t>(options.window, first.tokens.size());
  for (const std::unique_ptr<QualityReader> &reader : readers) {
    const Buffer<int32_t> &tokens = reader->tokens;
    bool agrees = reader->vocabulary() == first.vocabulary() &&
                  std::equal(tokens.begin(), tokens.end(), first.tokens.begin(), first.tokens.end());
    if (!agrees) {
      return cli::printError(source.program, cli::kBadInput, "%s has other tokens than %s: they cannot be compared",
                             reader->name.c_str(), first.name.c_str());
    }
    window = std::min<size_t>(window, reader->context());
  }
  for (int32_t token : first.tokens) {
    if (token < 0 || static_cast<uint64_t>(token) >= first.vocabulary()) {
      return cli::printError(source.program, cli::kBadInput, "token %d is not one of the model's %llu", token,
                             (unsigned long long)first.vocabulary());
    }
  }
  return window >= 2 ? 0
                     : cli::printError(source.program, cli::kBadInput,
                                       "the text has %zu tokens: nothing can be predicted", first.tokens.size());
}

int QualityBench::run() {
  const Buffer<int32_t> &tokens = readers.front()->tokens;
  for (size_t from = 0; from + window <= tokens.size(); from += window) {
    if (int code = runWindow(&tokens[from], window)) {
      return code;
    }
  }
  return 0;
}

int QualityBench::runWindow(const int32_t *tokens, size_t count) {
  size_t half = count / 2;
  for (const std::unique_ptr<QualityReader> &reader : readers) {
    if (int code = reader->begin(tokens, half)) {
      return code;
    }
  }
  for (size_t from = half; from + 1 < count; from += kQualityRows) {
    size_t rows = std::min(kQualityRows, count - 1 - from);
    for (const std::unique_ptr<QualityReader> &reader : readers) {
      if (int code = reader->read(tokens + from, rows)) {
        return code;
      }
    }
    for (size_t row = 0; row < rows; ++row) {
      for (size_t i = 0; i < readers.size(); ++i) {
        readers[i]->count(row, tokens[from + row + 1]);
        if (options.against && i + 1 < readers.size()) {
          readers[i]->compare(*readers.back(), row);
        }
      }
    }
  }
  return 0;
}

void QualityBench::print() const {
  for (const std::unique_ptr<QualityReader> &reader : readers) {
    std::printf("%s%s", reader->name.c_str(), reader->name.empty() ? "" : "\n");
    std::printf("perplexity  %10.4f  %llu tokens, in windows of %zu\n", reader->perplexity(),
                (unsigned long long)reader->predicted, window);
    if (options.against && reader != readers.back()) {
      std::printf("divergence  %10.2e  mean KL; %.2e at 99 %%; %.2f %% same top token as %s\n",
                  reader->meanDivergence(), reader->divergence99(), 100 * reader->sameTop(), options.against);
    }
  }
}

void QualityBench::writeJson(llvm::json::OStream &out, const QualityReader &reader) const {
  out.object([&] {
    out.attribute("model", reader.name);
    out.attribute("perplexity", reader.perplexity());
    out.attribute("tokens", int64_t(reader.predicted));
    out.attribute("window", int64_t(window));
    if (options.against && &reader != readers.back().get()) {
      out.attribute("against", options.against);
      out.attribute("mean_divergence", reader.meanDivergence());
      out.attribute("divergence_99", reader.divergence99());
      out.attribute("same_top", reader.sameTop());
    }
  });
}

void QualityBench::printJson() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream out(stream, 2);
  out.array([&] {
    for (const std::unique_ptr<QualityReader> &reader : readers) {
      writeJson(out, *reader);
    }
  });
  std::printf("%s\n", text.c_str());
}

int benchQuality(const cli::ModelSource &source, const BenchOptions &options) {
  QualityBench bench(source, options);
  int code = bench.open();
  code = code ? code : bench.run();
  if (code) {
    return code;
  }
  options.json ? bench.printJson() : bench.print();
  return cli::flushStandardOutput(source.program);
}

} // namespace fathom::driver
