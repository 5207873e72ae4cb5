// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parses options by their table.

#include "runtime/cli/options.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/output.h"
#include "runtime/src/buffer.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace fathom::cli {

namespace {
/// One run over argv.
class Parser {
public:
  Parser(const Command &command, int argc, const char *const *argv) : command(command), argc(argc), argv(argv) {}

  int run(int first, size_t *positionalCount);

private:
  void parseLong(const char *word);
  void parseShort(const char *word);
  void parsePositional(const char *word);
  void take(const Option &option, const char *spelled, const char *value);
  void append(TextList &list, const char *spelled, const char *value);
  void assign(const Option &option, const char *spelled, const char *value);
  void setFlag(const Option &option, const char *spelled, const char *value, bool to);
  void failUnknown(const char *name, size_t length);
  int printHelp() const;
  const Option *find(const char *name, size_t length) const;
  bool markGiven(const Option &option, const char *spelled);
  [[gnu::format(printf, 2, 3)]] void fail(const char *format, ...);

  const Command &command;
  int argc;
  const char *const *argv;
  int at = 0;
  size_t positionals = 0;
  bool failed = false;
  /// Something is wrong that |command.otherName| does not explain.
  bool failedHere = false;
  bool helped = false;
  Buffer<bool> seen;
  /// Flags that are true without being given: parsing overwrites their own values.
  Buffer<bool> on;
};
} // namespace

void Parser::fail(const char *format, ...) {
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  printError(command.name, kUsage, "%s", text);
  failed = failedHere = true;
}

const Option *Parser::find(const char *name, size_t length) const {
  for (size_t i = 0; i < command.optionCount; ++i) {
    const char *known = command.options[i].name;
    if (known && strlen(known) == length && !strncmp(known, name, length)) {
      return &command.options[i];
    }
  }
  return nullptr;
}

bool Parser::markGiven(const Option &option, const char *spelled) {
  size_t index = static_cast<size_t>(&option - command.options);
  if (seen[index] && option.kind != OptionKind::kTexts) {
    fail("option '%s' repeats or contradicts an earlier one", spelled);
    return false;
  }
  seen[index] = true;
  if (option.given) {
    *option.given = true;
  }
  return true;
}

void Parser::setFlag(const Option &option, const char *spelled, const char *value, bool to) {
  if (value) {
    fail("option '%s' takes no value; use --%s or --no-%s", spelled, option.name, option.name);
  } else if (markGiven(option, spelled)) {
    *static_cast<bool *>(option.value) = to;
  }
}

static bool isChoice(const char *choices, const char *value) {
  size_t length = strlen(value);
  for (const char *at = choices; *at;) {
    size_t span = strcspn(at, "|");
    if (span == length && !strncmp(at, value, length)) {
      return true;
    }
    at += span + (at[span] == '|');
  }
  return false;
}

static bool parseNumber(const char *text, double *value) {
  char *end = nullptr;
  *value = strtod(text, &end);
  return *text && !*end && isfinite(*value);
}

void Parser::append(TextList &list, const char *spelled, const char *value) {
  if (list.count == TextList::kMost) {
    fail("option '%s': given more than %zu times", spelled, TextList::kMost);
    return;
  }
  list.items[list.count++] = value;
}

void Parser::assign(const Option &option, const char *spelled, const char *value) {
  uint64_t count;
  switch (option.kind) {
  case OptionKind::kFlag:
    return;
  case OptionKind::kText:
    *static_cast<const char **>(option.value) = value;
    return;
  case OptionKind::kTexts:
    append(*static_cast<TextList *>(option.value), spelled, value);
    return;
  case OptionKind::kChoice:
    if (!isChoice(option.choices, value)) {
      fail("option '%s': expected one of %s, but got '%s'", spelled, option.choices, value);
    }
    *static_cast<const char **>(option.value) = value;
    return;
  case OptionKind::kNumber:
    if (!parseNumber(value, static_cast<double *>(option.value))) {
      fail("option '%s': expected a number, but got '%s'", spelled, value);
    }
    return;
  case OptionKind::kCount:
    if (!parseCount(value, &count) || count < option.least || count > option.most) {
      fail("option '%s': expected an integer between %llu and %llu, but got '%s'", spelled,
           static_cast<unsigned long long>(option.least), static_cast<unsigned long long>(option.most), value);
      return;
    }
    *static_cast<uint64_t *>(option.value) = count;
    return;
  }
}

void Parser::take(const Option &option, const char *spelled, const char *value) {
  if (option.kind == OptionKind::kFlag) {
    setFlag(option, spelled, value, true);
    return;
  }
  if (!value) {
    if (at + 1 >= argc) {
      fail("option '%s' needs a value (%s)", spelled, option.placeholder);
      return;
    }
    value = argv[++at];
  }
  if (markGiven(option, spelled)) {
    assign(option, spelled, value);
  }
}

void Parser::failUnknown(const char *name, size_t length) {
  Buffer<const char *> names;
  for (size_t i = 0; i < command.optionCount; ++i) {
    (void)names.push(command.options[i].name);
  }
  char word[64];
  snprintf(word, sizeof(word), "%.*s", static_cast<int>(length), name);
  const char *near = suggest(word, names.data(), names.size());
  // Switches are turned off by another name.
  const char *positive = strncmp(word, "no-", 3) == 0 ? word + 3 : word;
  if (isChoice(command.otherOptions, positive)) {
    printError(command.name, kUsage, "option '--%s' %s", word, command.otherHint);
    failed = true;
  } else if (near) {
    fail("unknown option '--%s'; did you mean '--%s'?", word, near);
  } else {
    fail("unknown option '--%s'", word);
  }
}

void Parser::parseLong(const char *word) {
  const char *name = word + 2, *equals = strchr(name, '=');
  size_t length = equals ? static_cast<size_t>(equals - name) : strlen(name);
  const char *value = equals ? equals + 1 : nullptr;
  if (length == 4 && !strncmp(name, "help", 4)) {
    helped = true;
    return;
  }
  if (const Option *option = find(name, length)) {
    take(*option, word, value);
    return;
  }
  const Option *negated = !strncmp(name, "no-", 3) ? find(name + 3, length - 3) : nullptr;
  if (negated && negated->kind == OptionKind::kFlag) {
    setFlag(*negated, word, value, false);
    return;
  }
  failUnknown(name, length);
}

void Parser::parseShort(const char *word) {
  if (word[1] == 'h' && !word[2]) {
    helped = true;
    return;
  }
  for (size_t i = 0; i < command.optionCount; ++i) {
    const Option &option = command.options[i];
    if (option.name && option.letter == word[1]) {
      char spelled[3] = {'-', word[1], '\0'};
      const char *value = word[2] == '=' ? word + 3 : word[2] ? word + 2 : nullptr;
      take(option, spelled, value);
      return;
    }
  }
  fail("unknown option '%s'", word);
}

void Parser::parsePositional(const char *word) {
  if (positionals == command.maxPositionals) {
    const char *hint = command.positionalHint;
    fail("unexpected argument '%s'%s%s", word, hint ? "; " : "", hint ? hint : "");
    return;
  }
  if (!*word) {
    // A path made of a variable that is not set.
    fail("argument %zu is empty", positionals + 1);
  }
  command.positionals[positionals++] = word;
}

// More choices than fit into a line are listed behind the help.
static constexpr size_t kMostChoices = 72;

static void printChoices(const char *choices) {
  constexpr size_t kIndent = 36, kWidth = 110;
  size_t column = kWidth;
  for (const char *name = choices; *name;) {
    size_t length = strcspn(name, "|");
    if (column + length < kWidth) {
      printf(" ");
    } else {
      printf("%s%*s", name == choices ? "" : "\n", static_cast<int>(kIndent), "");
      column = kIndent;
    }
    column += length + 2;
    printf("%.*s%s", static_cast<int>(length), name, name[length] ? "," : "\n");
    name += length + (name[length] != 0);
  }
}

static void printOption(const Option &option, bool on) {
  char left[192];
  char letter[8] = "    ";
  if (option.letter) {
    snprintf(letter, sizeof(letter), "-%c, ", option.letter);
  }
  bool flag = option.kind == OptionKind::kFlag, listed = option.choices && strlen(option.choices) > kMostChoices;
  const char *shown = option.choices && !listed ? option.choices : option.placeholder;
  snprintf(left, sizeof(left), "  %s--%s%s%s%s", letter, on ? "[no-]" : "", option.name, flag ? "" : "=",
           flag ? "" : shown);
  const char *gap = strlen(left) > 34 ? "\n" : "";
  printf("%s%s%*s%s%s\n", left, gap, static_cast<int>(*gap ? 36 : 36 - strlen(left)), "", option.help,
         listed ? "; one of" : "");
  if (listed) {
    printChoices(option.choices);
  }
}

int Parser::printHelp() const {
  bool counts = false;
  printf("usage: %s %s\n\n%s\n", command.name, command.usage, command.about);
  for (size_t i = 0; i < command.optionCount; ++i) {
    const Option &option = command.options[i];
    counts |= option.kind == OptionKind::kCount;
    if (option.name) {
      printOption(option, on[i]);
    } else {
      printf("\n%s:\n", option.help);
    }
  }
  printf("  -h, --help                        print this and exit\n");
  if (counts) {
    printf("\nIntegers may end in k, m or g (4k is 4000), or in K, M or G (4K is 4096).\n");
  }
  return flushStandardOutput(command.name);
}

int Parser::run(int first, size_t *positionalCount) {
  if (!seen.allocate(command.optionCount) || !on.allocate(command.optionCount)) {
    return printError(command.name, kResources, "out of memory");
  }
  for (size_t i = 0; i < command.optionCount; ++i) {
    const Option &option = command.options[i];
    on[i] = option.name && option.kind == OptionKind::kFlag && *static_cast<bool *>(option.value);
  }
  bool onlyPositionals = false;
  for (at = first; at < argc; ++at) {
    const char *word = argv[at];
    if (onlyPositionals || word[0] != '-' || !word[1]) {
      parsePositional(word);
    } else if (!strcmp(word, "--")) {
      onlyPositionals = true;
    } else if (word[1] == '-') {
      parseLong(word);
    } else {
      parseShort(word);
    }
  }
  if (positionalCount) {
    *positionalCount = positionals;
  }
  if (helped) {
    return printHelp();
  }
  if (failed) {
    printNote(command.name, "see '%s --help'", failedHere ? command.name : command.otherName);
    return kUsage;
  }
  return kContinue;
}

static size_t least(size_t a, size_t b, size_t c) {
  size_t d = a < b ? a : b;
  return d < c ? d : c;
}

// The edits (insert, delete, replace) between two short words.
static size_t distance(const char *a, const char *b) {
  constexpr size_t kLongest = 48;
  size_t n = strlen(a), m = strlen(b), row[kLongest + 1];
  if (n > kLongest || m > kLongest) {
    return kLongest;
  }
  for (size_t j = 0; j <= m; ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= n; ++i) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; ++j) {
      size_t above = row[j];
      row[j] = least(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
      corner = above;
    }
  }
  return row[m];
}

int parseOptions(const Command &command, int argc, const char *const *argv, int first, size_t *positionalCount) {
  return Parser(command, argc, argv).run(first, positionalCount);
}

const char *suggest(const char *word, const char *const *names, size_t count) {
  const char *best = nullptr;
  // A third of the word may be wrong, and two letters of a short one.
  size_t bound = strlen(word) / 3;
  bound = bound < 2 ? 2 : bound;
  for (size_t i = 0; i < count; ++i) {
    size_t edits = names[i] ? distance(word, names[i]) : bound + 1;
    if (edits <= bound && edits < strlen(word)) {
      best = names[i];
      bound = edits - (edits > 0);
    }
  }
  return best;
}

// What follows a number: nothing, k, m, g, K, M or G, and maybe B, or iB after a capital.
static bool parseUnit(const char *text, uint64_t *unit) {
  *unit = 1;
  if (!*text) {
    return true;
  }
  const char *const letters = "kmgKMG";
  const char *found = strchr(letters, *text);
  if (!found) {
    return !strcmp(text, "B");
  }
  size_t index = static_cast<size_t>(found - letters);
  for (size_t i = 0; i <= index % 3; ++i) {
    *unit *= index < 3 ? 1000 : 1024;
  }
  return !text[1] || !strcmp(text + 1, "B") || (index >= 3 && !strcmp(text + 1, "iB"));
}

bool parseCount(const char *text, uint64_t *value) {
  if (*text < '0' || *text > '9') {
    return false;
  }
  char *end = nullptr;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (errno) {
    return false;
  }
  uint64_t unit;
  return parseUnit(end, &unit) && !__builtin_mul_overflow(static_cast<uint64_t>(number), unit, value);
}

int refuseUseless(const char *program, const Useless *useless, size_t count) {
  for (const Useless *at = useless; at != useless + count; ++at) {
    if (at->given) {
      return printUsageError(program, "--%s has no effect: %s", at->option, at->why);
    }
  }
  return kContinue;
}

void noteUseless(const char *program, const Useless *useless, size_t count) {
  for (const Useless *at = useless; at != useless + count; ++at) {
    if (at->given) {
      printNote(program, "--%s has no effect: %s", at->option, at->why);
    }
  }
}

} // namespace fathom::cli
