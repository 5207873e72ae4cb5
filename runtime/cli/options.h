// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The option parser of every Fathom tool: a table says what there is, and parsing, checking and --help follow it.

#ifndef FATHOM_RUNTIME_CLI_OPTIONS_H
#define FATHOM_RUNTIME_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

namespace fathom::cli {

enum class OptionKind {
  /// bool: --name, --no-name.
  kFlag,
  /// const char *: points into argv.
  kText,
  /// uint64_t, within [least, most]; may end in k, m, g (powers of 1000) or K, M, G (powers of 1024),
  /// and then in B or iB.
  kCount,
  /// double, finite.
  kNumber,
  /// const char *, one of `choices`.
  kChoice,
  /// TextList: the option may be given again.
  kTexts
};

/// Texts of an option, in their order; point into argv.
struct TextList {
  static constexpr size_t kMost = 128;
  const char *items[kMost];
  size_t count = 0;
};

struct Option {
  /// Without dashes; NULL starts a group whose title is `help`.
  const char *name;
  /// The one-letter form; 0: none.
  char letter;
  OptionKind kind;
  /// Where the value goes; what is there before is the default.
  void *value;
  /// What --help calls the value, e.g. "TEXT".
  const char *placeholder;
  const char *help;
  uint64_t least = 0;
  uint64_t most = UINT64_MAX;
  /// For kChoice: names separated by '|'.
  const char *choices = nullptr;
  /// If not NULL, set once the option was given.
  bool *given = nullptr;
};

struct Command {
  /// For messages and the usage line, e.g. "fathom run".
  const char *name;
  /// What follows the name in the usage line, e.g. "MODEL [options]".
  const char *usage;
  /// A sentence or two, and examples, for --help.
  const char *about;
  const Option *options;
  size_t optionCount;
  /// Where arguments that are not options go.
  const char **positionals;
  size_t maxPositionals;
  /// What to do instead of giving one more of them, e.g. "say -p TEXT"; may be NULL.
  const char *positionalHint = nullptr;
  /// Options of another verb, separated by '|', what to say where one of them is given, and the verb, which explains
  /// them.
  const char *otherOptions = "", *otherHint = "", *otherName = "";
};

/// The tool goes on.
constexpr int kContinue = -1;

/// Parses |argv| from |argv[first]| on; all errors are printed to stderr, and a hint after the last. Returns kContinue,
/// 0 after --help (printed to stdout; 5 if it cannot be), or 2. |*positionalCount| may be NULL. "--" ends options; "-"
/// is a positional.
int parseOptions(const Command &command, int argc, const char *const *argv, int first, size_t *positionalCount);

/// An option that cannot change anything beside the others, and why, if it was given.
struct Useless {
  bool given;
  const char *option;
  const char *why;
};

/// Refuses the first that was given: nothing that is asked for does nothing. Returns kContinue, or 2.
int refuseUseless(const char *program, const Useless *useless, size_t count);
/// Prints a note of each instead, where other programs take what would be refused.
void noteUseless(const char *program, const Useless *useless, size_t count);

/// The entry of |names| (|count| of them, NULLs skipped) nearest to |word|, or NULL if none is near.
const char *suggest(const char *word, const char *const *names, size_t count);

/// Reads an integer with an optional suffix; false if |text| is not one or does not fit.
bool parseCount(const char *text, uint64_t *value);

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_OPTIONS_H
