// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every kernel of GPUs with every mistake of a kind is noticed by the simulator, or gives another result.

#include "kernels/Catalog.h"
#include "test/mutants/Cases.h"
#include "test/mutants/Examination.h"
#include "test/runtime/apart_device.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>

namespace fathom::test {
namespace {

class MutantsTest : public testing::TestWithParam<size_t> {
protected:
  void SetUp() override { useDevice(kExaminingDevice); }
  void TearDown() override { resetDevice(); }
};

/// What a mutant is, without its number in the text.
std::string nameOf(const Mutant &mutant) {
  size_t number = mutant.what.find(' ');
  return mutant.what.substr(0, number) + mutant.what.substr(mutant.what.find(' ', number + 1));
}

/// Those of a kernel that nothing showed, by what they are; and of how many of each kind.
std::map<std::string, unsigned> listSurvivors(const Subject &subject, unsigned (&counts)[kMutantKinds]) {
  std::map<std::string, unsigned> survivors;
  for (size_t i = 0; i < subject.outcomes.size(); ++i) {
    const Mutant &mutant = subject.ptx.mutants()[i];
    const Outcome &outcome = subject.outcomes[i];
    ++counts[static_cast<unsigned>(mutant.kind)];
    if (outcome.caughtBy.empty()) {
      ++survivors[nameOf(mutant)];
      std::printf("    %s, line %zu: %s\n", mutant.what.c_str(), mutant.line + 1,
                  outcome.survived == 0 ? "not executed" : "NOT NOTICED");
    }
  }
  return survivors;
}

struct Exception {
  const char *model, *kernel, *mutant;
  unsigned count;
};
constexpr Exception kExceptions[] = {
#define FATHOM_SURVIVORS(model, kernel, mutant, count, why) {#model, #kernel, mutant, count},
#include "test/mutants/survivors.def"
    {nullptr, nullptr, nullptr, 0},
};

std::map<std::string, unsigned> listExceptions(const std::string &model, const std::string &kernel) {
  std::map<std::string, unsigned> exceptions;
  for (const Exception &exception : kExceptions) {
    if (exception.model != nullptr && model == exception.model && kernel == exception.kernel) {
      exceptions[exception.mutant] = exception.count;
    }
  }
  return exceptions;
}

TEST_P(MutantsTest, AreNoticed) {
  const Case &row = cases()[GetParam()];
  examine(row.kernels);
  runModel(row.model);
  for (const std::string &kernel : row.kernels) {
    auto found = subjects().find(kernel);
    if (found == subjects().end()) {
      ADD_FAILURE() << kernel << " is not in model '" << row.model.name << "'";
      continue;
    }
    unsigned counts[kMutantKinds] = {};
    std::printf("%s\n", kernel.c_str());
    std::map<std::string, unsigned> survivors = listSurvivors(found->second, counts);
    std::printf("| `%s` | %s | %u | %u | %u |\n", kernel.c_str(), row.model.name, counts[0], counts[1], counts[2]);
    EXPECT_EQ(survivors, listExceptions(row.model.name, kernel)) << kernel << " of model '" << row.model.name << "'";
  }
}

INSTANTIATE_TEST_SUITE_P(Models, MutantsTest, testing::Range<size_t>(0, cases().size()),
                         [](const auto &info) { return std::string(cases()[info.param].model.name); });

// A new kernel is one more row of a case.
TEST(MutantsCatalogTest, EveryKernelIsInACase) {
  std::set<std::string> examined;
  for (const Case &row : cases()) {
    examined.insert(row.kernels.begin(), row.kernels.end());
  }
  for (const kernels::Kernel &kernel : kernels::catalog()) {
    if (kernels::findArch(kernel.arch)->device->name == "cuda") {
      EXPECT_EQ(examined.count(std::string(kernel.symbol)), 1u) << kernel.symbol << " is in no case";
    }
  }
}

} // namespace
} // namespace fathom::test
