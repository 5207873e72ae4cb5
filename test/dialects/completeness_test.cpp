// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every op of the `deepseek` dialect is everywhere where ops are known, and what is missing is named.

#include "test/dialects/OpFacts.h"

#include "dialects/RegisterDialects.h"

#include "mlir/IR/DialectRegistry.h"

#include <gmock/gmock.h>

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fathom::test {

TEST(CompletenessTest, EveryOpIsWhereItBelongs) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  std::vector<OpFacts> ops = gatherFacts(context, FATHOM_SOURCE_DIR);
  EXPECT_GT(ops.size(), 20u);
  for (const OpFacts &op : ops) {
    EXPECT_THAT(findGaps(op), IsEmpty());
  }
}

TEST(CompletenessTest, NamesWhatAnOpLacks) {
  OpFacts whole;
  whole.name = "new";
  EXPECT_THAT(findGaps(whole), IsEmpty());
  struct Place {
    bool OpFacts::*fact;
    const char *what;
  };
  for (Place place : {Place{&OpFacts::hasInterface, "interface"}, Place{&OpFacts::hasDecomposition, "decomposition"},
                      Place{&OpFacts::hasEvaluator, "evaluator"}, Place{&OpFacts::hasReference, "ref.h"},
                      Place{&OpFacts::hasValueTest, "value test"}, Place{&OpFacts::hasLitTest, "lit test"},
                      Place{&OpFacts::hasInvalidTest, "what it refuses"}, Place{&OpFacts::hasDocs, "docs entry"}}) {
    OpFacts op = whole;
    op.*place.fact = false;
    EXPECT_THAT(findGaps(op), ElementsAre(HasSubstr(place.what)));
  }
  OpFacts op = whole;
  op.missingKernels = {"fast_new"};
  EXPECT_THAT(findGaps(op), ElementsAre("deepseek.new has no row for its kernel 'fast_new' in the catalog"));
  op = whole;
  op.untestedKernels = {"fast_new"};
  EXPECT_THAT(findGaps(op), ElementsAre(HasSubstr("no test of its kernel 'fast_new'")));
}

TEST(CompletenessTest, StructuralOpsNeedNoMeaning) {
  OpFacts op;
  op.name = "new";
  op.isStructural = true;
  op.hasInterface = op.hasDecomposition = op.hasEvaluator = op.hasReference = op.hasValueTest = false;
  EXPECT_THAT(findGaps(op), IsEmpty());
  op.hasInterface = true;
  EXPECT_THAT(findGaps(op), ElementsAre(HasSubstr("is a ComputeOp")));
}

} // namespace fathom::test
