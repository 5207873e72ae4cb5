// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds instructions by their opcodes: LLVM writes one on a line.

#include "test/mutants/PtxMutants.h"

#include <map>
#include <regex>

namespace fathom::test {

namespace {
/// A line with an instruction: what is in front of it, its guard, its opcode, and the rest.
struct Statement {
  std::string before, guard, opcode, operands;

  bool begins(const std::string &prefix) const { return opcode.compare(0, prefix.size(), prefix) == 0; }
  bool beginsWithAny(std::initializer_list<const char *> prefixes) const {
    for (const char *prefix : prefixes) {
      if (begins(prefix)) {
        return true;
      }
    }
    return false;
  }
  std::string with(const std::string &newOperands) const { return before + guard + opcode + " " + newOperands; }
};

/// Finds the mutants of one line after the other.
class Finder {
public:
  explicit Finder(std::vector<Mutant> &mutants) : mutants(mutants) {}

  void visit(size_t line, const Statement &statement);

private:
  void add(MutantKind kind, const std::string &how, std::string replacement);
  void deleteIt();
  void shiftAddresses();
  void shiftMatrix();
  void confuseLanes();

  std::vector<Mutant> &mutants;
  std::map<std::string, unsigned> seen;
  size_t line = 0;
  Statement at;
};
} // namespace

// What a kernel writes as assembly may begin with a predicate, which is declared, and perhaps set.
static bool parse(const std::string &line, Statement &statement) {
  static const std::regex kInstruction(R"(^([\s{]*(?:[$\w]+:\s*)?(?:\.reg \.pred [^;]*; (?:setp[^;]*; )?)?))"
                                       R"((@!?%?\w+\s+)?([a-z][\w.:]*)(?:\s+(.*)|(;.*))$)");
  std::smatch parts;
  if (!std::regex_match(line, parts, kInstruction)) {
    return false;
  }
  statement = {parts[1], parts[2], parts[3], parts[4].matched ? parts[4] : parts[5]};
  return true;
}

void Finder::add(MutantKind kind, const std::string &how, std::string replacement) {
  mutants.push_back(
      {kind, at.opcode + " " + std::to_string(seen[at.opcode]) + " " + how, line, std::move(replacement)});
}

void Finder::deleteIt() {
  if (at.beginsWithAny({"mbarrier.try_wait", "mbarrier.test_wait"})) {
    std::string predicate = at.operands.substr(0, at.operands.find(',')),
                rest = at.operands.substr(at.operands.find(';'));
    add(MutantKind::Deleted, "deleted", at.before + at.guard + "setp.eq.s32 " + predicate + ", 0, 0" + rest);
  } else if (at.beginsWithAny({"bar.", "barrier.", "cp.async.wait_", "cp.async.commit_group", "cp.async.bulk.wait_",
                               "cp.async.bulk.commit_group", "cp.async.mbarrier", "fence.", "membar.",
                               "mbarrier.arrive", "wgmma.fence", "wgmma.wait_", "wgmma.commit_group"})) {
    add(MutantKind::Deleted, "deleted", at.before);
  }
}

/// Bytes that an instruction moves for a lane.
static unsigned bytesOf(const Statement &statement) {
  static const std::regex kType(R"(\.[busf](8|16|32|64|128)$)");
  if (statement.beginsWithAny({"ldmatrix", "stmatrix", "cp."})) {
    return 16;
  }
  std::smatch bits;
  if (!std::regex_search(statement.opcode, bits, kType)) {
    return 4;
  }
  bool two = statement.opcode.find(".v2") != std::string::npos,
       four = statement.opcode.find(".v4") != std::string::npos;
  return static_cast<unsigned>(std::stoul(bits[1])) / 8 * (two ? 2 : four ? 4 : 1);
}

void Finder::shiftAddresses() {
  static const std::regex kAddress(R"(\[([^\]{,+]+)(?:\+(-?\d+))?\])");
  if (!at.beginsWithAny(
          {"ld.", "st.", "atom.", "red.", "ldmatrix", "stmatrix", "cp.async.c", "cp.async.bulk", "mbarrier."}) ||
      at.beginsWithAny({"ld.param", "st.param", "cp.async.bulk.commit", "cp.async.bulk.wait"})) {
    return;
  }
  long bytes = bytesOf(at), number = 1;
  for (std::sregex_iterator found(at.operands.begin(), at.operands.end(), kAddress), end; found != end; ++found) {
    const std::smatch &match = *found;
    long offset = bytes + (match[2].matched ? std::stol(match[2]) : 0);
    std::string operands = match.prefix().str() + "[" + match[1].str() + "+" + std::to_string(offset) + "]";
    operands += at.operands.substr(static_cast<size_t>(match.position() + match.length()));
    // The prefix of a later match begins behind the earlier one.
    operands.insert(0, at.operands, 0, static_cast<size_t>(match.position()) - match.prefix().str().size());
    add(MutantKind::Shifted, "shifted by " + std::to_string(bytes) + " at address " + std::to_string(number++),
        at.with(operands));
  }
}

/// Where a matrix is says a number, in units of 16 bytes.
void Finder::shiftMatrix() {
  static const std::regex kDescriptor(R"(^(\{.*\}, )(%rd\d+)(, [^;]*;)(.*)$)");
  std::smatch match;
  if (at.begins("wgmma.mma_async") && std::regex_match(at.operands, match, kDescriptor)) {
    add(MutantKind::Shifted, "shifted by 16",
        at.before + "{ .reg .b64 other; add.s64 other, " + match[2].str() + ", 1; " + at.guard + at.opcode + " " +
            match[1].str() + "other" + match[3].str() + " }" + match[4].str());
  }
}

void Finder::confuseLanes() {
  static const std::regex kMask(R"((-1|0xffffffff|0xFFFFFFFF)(\s*;.*)$)"), kDistance(R"(, (\d+)(, \d+, [-\w]+;.*)$)");
  if (!at.beginsWithAny({"shfl.", "vote.", "match.", "redux.", "bar.warp.sync"})) {
    return;
  }
  std::smatch match;
  if (std::regex_search(at.operands, match, kMask)) {
    add(MutantKind::Lanes, "without lane 31", at.with(match.prefix().str() + "2147483647" + match[2].str()));
  }
  if (at.begins("shfl.") && std::regex_search(at.operands, match, kDistance)) {
    unsigned long distance = std::stoul(match[1]), other = distance > 1 ? distance / 2 : 2;
    add(MutantKind::Lanes, "by " + std::to_string(other) + " for " + match[1].str(),
        at.with(match.prefix().str() + ", " + std::to_string(other) + match[2].str()));
  }
}

void Finder::visit(size_t number, const Statement &statement) {
  line = number;
  at = statement;
  ++seen[at.opcode];
  deleteIt();
  shiftAddresses();
  shiftMatrix();
  confuseLanes();
}

/// Loops are unrolled: of the addresses of an opcode the first, the last and the one in the middle are enough.
static void thinOut(std::vector<Mutant> &mutants) {
  std::map<std::string, std::vector<size_t>> shifted;
  auto keyOf = [](const Mutant &mutant) {
    return mutant.what.substr(0, mutant.what.find(' ')) + mutant.what.substr(mutant.what.find("shifted"));
  };
  for (size_t i = 0; i < mutants.size(); ++i) {
    if (mutants[i].kind == MutantKind::Shifted) {
      shifted[keyOf(mutants[i])].push_back(i);
    }
  }
  std::vector<Mutant> kept;
  for (size_t i = 0; i < mutants.size(); ++i) {
    if (mutants[i].kind == MutantKind::Shifted) {
      const std::vector<size_t> &like = shifted[keyOf(mutants[i])];
      if (i != like.front() && i != like.back() && i != like[like.size() / 2]) {
        continue;
      }
    }
    kept.push_back(mutants[i]);
  }
  mutants = std::move(kept);
}

PtxText::PtxText(const std::string &text) {
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  Finder finder(all);
  for (size_t line = 0; line < lines.size(); ++line) {
    Statement statement;
    if (parse(lines[line], statement)) {
      finder.visit(line, statement);
    }
  }
  thinOut(all);
}

static std::string join(const std::vector<std::string> &lines) {
  std::string text;
  for (const std::string &line : lines) {
    text += line + "\n";
  }
  return text;
}

std::string PtxText::with(const Mutant &mutant) const {
  std::vector<std::string> copy = lines;
  copy[mutant.line] = mutant.replacement;
  return join(copy);
}

std::string PtxText::watched(uint64_t address) const {
  std::vector<std::string> copy = lines;
  for (size_t i = 0; i < all.size(); ++i) {
    Statement statement;
    parse(lines[all[i].line], statement);
    std::string &line = copy[all[i].line];
    line.insert(statement.before.size(), statement.guard + "st.global.b8 [" + std::to_string(address + i) + "], 1; ");
  }
  return join(copy);
}

} // namespace fathom::test
