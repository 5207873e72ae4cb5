// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which experts were read. What the system tells, it tells of mappings: so each expert gets one.

#ifndef FATHOM_TOOLS_DRIVER_EXPERTPAGES_H
#define FATHOM_TOOLS_DRIVER_EXPERTPAGES_H

#include "fathom/fathom.h"
#include "tools/driver/Mappings.h"

#include <map>

namespace fathom::artifact {
struct Weight;
}

namespace fathom::driver {

/// Whether a weight is of routed experts and the one matrix of theirs by which they are counted.
bool countsExperts(const artifact::Weight &weight);

/// The pages of one matrix of each routed expert: whoever uses an expert reads all of it.
class ExpertPages {
public:
  ExpertPages() = default;
  ExpertPages(const ExpertPages &) = delete;
  ExpertPages &operator=(const ExpertPages &) = delete;
  ~ExpertPages();

  /// Splits those of `mappings` that have the weights of a loaded model, so that the pages
  /// of an expert are a mapping of their own. Nothing else changes: they are advised to be read in one order or
  /// another, which says nothing to pages in memory. Without such pages, or if the system does not split them, there
  /// are none.
  void split(const fathom_model_info_t &info, const std::vector<Mapping> &mappings);

  bool empty() const { return ends.empty(); }

  /// How many of all were used. Code fetches a little beyond what it reads, so less than half of an expert is none.
  uint64_t countUsed(const std::vector<Mapping> &mappings) const;

private:
  /// The pages of an expert. False if it has none for itself.
  bool add(uint64_t start, uint64_t end);
  void joinAgain();

  /// First and last addresses of the whole pages of each expert.
  std::map<uint64_t, uint64_t> ends;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_EXPERTPAGES_H
