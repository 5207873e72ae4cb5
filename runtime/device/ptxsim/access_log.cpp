// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sectors and conflicts of banks.

#include "runtime/device/ptxsim/access_log.h"

#include <algorithm>
#include <bit>

namespace fathom::runtime::ptxsim {

/// 32 banks of 4 bytes: what they give at once.
static constexpr unsigned kBankBytes = 4, kRowBytes = 32 * kBankBytes;

void AccessLog::countAll(Counters &counters) {
  counters.sectorsRead += takeSectors(read_);
  counters.sectorsWritten += takeSectors(written_);
  if (sharedLanes_ != 0) {
    ++counters.sharedAccesses;
    counters.bankConflicts += countConflicts();
    sharedLanes_ = 0;
  }
  isEmpty_ = true;
}

uint64_t AccessLog::takeSectors(std::vector<SectorRange> &ranges) {
  auto isBefore = [](const SectorRange &a, const SectorRange &b) { return a.first < b.first; };
  if (!std::is_sorted(ranges.begin(), ranges.end(), isBefore)) {
    std::sort(ranges.begin(), ranges.end(), isBefore);
  }
  uint64_t count = 0, next = 0;
  for (const SectorRange &range : ranges) {
    uint64_t first = std::max(range.first, next);
    count += range.last >= first ? range.last - first + 1 : 0;
    next = std::max(next, range.last + 1);
  }
  ranges.clear();
  return count;
}

/// How many different units the fullest group of banks has to give; `units` has what lanes ask for.
static unsigned countPasses(uint32_t *units, unsigned count, unsigned groups) {
  std::sort(units, units + count);
  count = static_cast<unsigned>(std::unique(units, units + count) - units);
  uint8_t used[kWarpSize] = {};
  unsigned most = 0;
  for (unsigned i = 0; i < count; ++i) {
    most = std::max<unsigned>(most, ++used[units[i] % groups]);
  }
  return most;
}

/// Lanes are served in groups that ask for a row of all banks together: 32 lanes, 16 with 8 bytes each, 8 with 16, as
/// ldmatrix has them. Lanes that ask for the same bytes cost nothing.
uint64_t AccessLog::countConflicts() const {
  unsigned unitBytes = std::max(sharedBytes_, kBankBytes), atOnce = kRowBytes / unitBytes;
  uint64_t conflicts = 0;
  for (unsigned first = 0; first < kWarpSize; first += atOnce) {
    uint32_t units[kWarpSize], last[kWarpSize], count = 0;
    LaneMask seen = 0;
    bool isFree = true;
    for (unsigned lane = first; lane < first + atOnce; ++lane) {
      if ((sharedLanes_ >> lane & 1) == 0) {
        continue;
      }
      uint32_t unit = shared_[lane] / unitBytes, group = unit % atOnce;
      isFree &= (seen >> group & 1) == 0 || last[group] == unit;
      seen |= LaneMask{1} << group;
      last[group] = unit;
      units[count++] = unit;
    }
    conflicts += isFree ? 0 : countPasses(units, count, atOnce) - 1;
  }
  return conflicts;
}

} // namespace fathom::runtime::ptxsim
