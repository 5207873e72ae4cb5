// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The constants that a kernel is specialized with.

#include "passes/plan/KernelConstants.h"

#include "kernels/catalog.def"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

namespace fathom {

using namespace deepseek;

static_assert(int(Scoring::softmax) == FATHOM_SCORING_SOFTMAX && int(Scoring::sigmoid) == FATHOM_SCORING_SIGMOID &&
                  int(GroupRule::none) == FATHOM_GROUP_RULE_NONE && int(GroupRule::max) == FATHOM_GROUP_RULE_MAX &&
                  int(GroupRule::top2_sum) == FATHOM_GROUP_RULE_SUM_OF_TWO,
              "kernels take the numbers of attributes");

/// How much work an item is: enough for the kernel to keep several panels in flight, few enough that there are items
/// for several threads.
static std::optional<int64_t> tune(llvm::StringRef name, const llvm::StringMap<int64_t> &constants) {
  if (name == "panels_per_item") {
    int64_t panels = llvm::divideCeil(constants.at("N"), kPanelWidth);
    return panels >= 32 ? 4 : panels >= 8 ? 2 : 1;
  }
  if (name == "heads_per_item") {
    int64_t heads = constants.at("H");
    return heads >= 16 ? 8 : std::max<int64_t>(1, heads / 2);
  }
  return std::nullopt;
}

llvm::SmallVector<int64_t> getConstants(const kernels::Kernel &kernel, const KernelDescription &description) {
  llvm::SmallVector<int64_t> values;
  for (const kernels::Constant &constant : kernel.constants) {
    auto found = description.constants.find(constant.name);
    std::optional<int64_t> value =
        found == description.constants.end() ? tune(constant.name, description.constants) : found->second;
    if (!value) {
      llvm::report_fatal_error("catalog.def names a constant that no op gives: " + llvm::StringRef(constant.name));
    }
    values.push_back(*value);
  }
  return values;
}

} // namespace fathom
