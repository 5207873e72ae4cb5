// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text is read in windows. As in llama.cpp's perplexity, what is predicted in the first half of a window is not
// counted: there is too little before it.

#include "tools/driver/BenchQuality.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/output.h"
#include "runtime/cli/prompt.h"
#include "runtime/cli/signals.h"
#include "tools/driver/MeasureModel.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace fathom::driver {

/// Rows of logits that are held at once.
static constexpr size_t kRows = 32;

namespace {
/// A model and what it made of the text so far.
class Reader {
public:
  /// 0, or an exit code with a message on stderr; as other functions.
  int open(const cli::ModelSource &source, const char *path, const BenchOptions &options);
  /// Starts a window with the tokens whose successors are not counted.
  int begin(const int32_t *tokens, size_t count);
  /// Reads `count` tokens more, at most kRows, and finds how likely every token is behind each.
  int read(const int32_t *tokens, size_t count);
  /// Counts that `next` came behind token `row` of those that were read last.
  void count(size_t row, int32_t next);
  void compare(const Reader &other, size_t row);

  double perplexity() const { return std::exp(loss / static_cast<double>(predicted)); }
  double sameTop() const { return static_cast<double>(same) / static_cast<double>(predicted); }
  double meanDivergence() const;
  /// Which all but a hundredth do not exceed.
  double divergence99() const;

  std::string name;
  Buffer<int32_t> tokens;
  uint64_t predicted = 0;
  uint64_t vocabulary() const { return loaded.info.vocabulary; }
  uint64_t context() const { return loaded.info.max_context; }

private:
  const float *row(size_t index) const { return &logits[index * vocabulary()]; }
  int makeLogarithms(float *row) const;

  const char *program = "";
  cli::LoadedModel loaded;
  fathom_sequence_t sequence = 0;
  /// Of probabilities, natural logarithms; [kRows, vocabulary].
  std::vector<float> logits;
  std::vector<double> divergences;
  double loss = 0;
  uint64_t same = 0;
};
} // namespace

int Reader::open(const cli::ModelSource &source, const char *path, const BenchOptions &options) {
  program = source.program;
  name = path ? path : "";
  cli::RunOptions run = runOptionsOf(options, path);
  run.promptFile = options.text;
  run.tokenIds = options.tokenIds;
  if (int code = loaded.open(source, run, 1)) {
    return code;
  }
  Buffer<char> text;
  if (int code = cli::readPrompt(program, run, loaded, &tokens, &text)) {
    return code;
  }
  logits.resize(kRows * vocabulary());
  fathom_status_t status = fathom_session_create_sequence(loaded.session, &sequence);
  return status ? cli::report(program, status) : 0;
}

int Reader::begin(const int32_t *first, size_t count) {
  fathom_status_t status = fathom_session_rewind_sequence(loaded.session, sequence, 0);
  if (!status && count > 0) {
    status = fathom_session_prefill(loaded.session, sequence, first, count, nullptr);
  }
  return status ? cli::report(program, status) : 0;
}

int Reader::read(const int32_t *next, size_t count) {
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_ALL;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  fathom_status_t status = cli::checkInterrupted();
  status = status ? status : fathom_session_prefill(loaded.session, sequence, next, count, &outputs);
  int code = status ? cli::report(program, status) : 0;
  for (size_t i = 0; !code && i < count; ++i) {
    code = makeLogarithms(&logits[i * vocabulary()]);
  }
  return code;
}

/// Of logits, the logarithms of the probabilities that they stand for.
int Reader::makeLogarithms(float *row) const {
  float largest = *std::max_element(row, row + vocabulary());
  double sum = 0;
  for (uint64_t i = 0; i < vocabulary(); ++i) {
    sum += std::exp(static_cast<double>(row[i] - largest));
  }
  if (!std::isfinite(sum)) {
    return cli::printError(program, cli::kInternal, "%s: logits are not finite", name.c_str());
  }
  double shift = largest + std::log(sum);
  std::transform(row, row + vocabulary(), row, [=](float logit) { return static_cast<float>(logit - shift); });
  return 0;
}

void Reader::count(size_t index, int32_t next) {
  loss -= row(index)[next];
  ++predicted;
}

void Reader::compare(const Reader &other, size_t index) {
  const float *mine = row(index), *theirs = other.row(index);
  double divergence = 0;
  for (uint64_t i = 0; i < vocabulary(); ++i) {
    divergence += std::exp(static_cast<double>(theirs[i])) * (static_cast<double>(theirs[i]) - mine[i]);
  }
  divergences.push_back(divergence);
  same +=
      std::max_element(mine, mine + vocabulary()) - mine == std::max_element(theirs, theirs + vocabulary()) - theirs;
}

double Reader::meanDivergence() const {
  double sum = 0;
  for (double divergence : divergences) {
    sum += divergence;
  }
  return sum / static_cast<double>(divergences.size());
}

double Reader::divergence99() const {
  std::vector<double> sorted = divergences;
  auto place = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) * 99 / 100);
  std::nth_element(sorted.begin(), place, sorted.end());
  return *place;
}

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
  size_t countCompared() const { return readers.size() - (options.against ? 1 : 0); }
  void writeJson(llvm::json::OStream &out, const Reader &reader) const;

  const cli::ModelSource &source;
  const BenchOptions &options;
  std::vector<std::unique_ptr<Reader>> readers;
  size_t window = 0;
};
} // namespace

int QualityBench::open() {
  std::vector<const char *> paths = options.models;
  if (options.against) {
    paths.push_back(options.against);
  }
  for (const char *path : paths) {
    readers.push_back(std::make_unique<Reader>());
    if (int code = readers.back()->open(source, path, options)) {
      return code;
    }
  }
  return check();
}

/// Of the same tokens, all of which models know.
int QualityBench::check() {
  const Reader &first = *readers.front();
  window = std::min<size_t>(options.window, first.tokens.size());
  for (const std::unique_ptr<Reader> &reader : readers) {
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
  for (const std::unique_ptr<Reader> &reader : readers) {
    if (int code = reader->begin(tokens, half)) {
      return code;
    }
  }
  for (size_t from = half; from + 1 < count; from += kRows) {
    size_t rows = std::min(kRows, count - 1 - from);
    for (const std::unique_ptr<Reader> &reader : readers) {
      if (int code = reader->read(tokens + from, rows)) {
        return code;
      }
    }
    for (size_t row = 0; row < rows; ++row) {
      for (size_t i = 0; i < readers.size(); ++i) {
        readers[i]->count(row, tokens[from + row + 1]);
        i < countCompared() && options.against ? readers[i]->compare(*readers.back(), row) : void();
      }
    }
  }
  return 0;
}

void QualityBench::print() const {
  for (const std::unique_ptr<Reader> &reader : readers) {
    std::printf("%s%s", reader->name.c_str(), reader->name.empty() ? "" : "\n");
    std::printf("perplexity  %10.4f  %llu tokens, in windows of %zu\n", reader->perplexity(),
                (unsigned long long)reader->predicted, window);
    if (options.against && reader != readers.back()) {
      std::printf("divergence  %10.2e  mean KL; %.2e at 99 %%; %.2f %% same top token as %s\n",
                  reader->meanDivergence(), reader->divergence99(), 100 * reader->sameTop(), options.against);
    }
  }
}

void QualityBench::writeJson(llvm::json::OStream &out, const Reader &reader) const {
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
    for (const std::unique_ptr<Reader> &reader : readers) {
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
