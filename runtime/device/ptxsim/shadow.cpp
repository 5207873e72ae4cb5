// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A cell of 16 bytes, the widest access, lists the marks that accesses left, each for some of its bytes.

#include "runtime/device/ptxsim/shadow.h"

#include <algorithm>
#include <bit>

namespace fathom::runtime::ptxsim {

using Kind = Shadow::Kind;

static bool isWrite(Kind kind) { return kind == Kind::Write || kind == Kind::StrongWrite || kind == Kind::AsyncWrite; }
static bool isStrong(Kind kind) { return kind == Kind::StrongRead || kind == Kind::StrongWrite; }
static bool isAsync(Kind kind) { return kind == Kind::AsyncRead || kind == Kind::AsyncWrite; }

/// Whether two accesses to the same bytes must be ordered.
static bool conflict(Kind a, Kind b) { return (isWrite(a) || isWrite(b)) && !(isStrong(a) && isStrong(b)); }

Shadow::Shadow(uint32_t bytes, const Clocks &clocks, Report report)
    : clocks(clocks), report(std::move(report)), cells((bytes + kCellBytes - 1) / kCellBytes) {}

template <typename Visit>
void Shadow::forEachCell(uint32_t address, uint32_t bytes, Visit visit) {
  uint64_t end = std::min<uint64_t>(uint64_t{address} + bytes, cells.size() * uint64_t{kCellBytes});
  while (address < end) {
    uint32_t first = address % kCellBytes;
    auto count = static_cast<uint32_t>(std::min<uint64_t>(kCellBytes - first, end - address));
    auto mask = static_cast<uint16_t>(((uint32_t{1} << count) - 1) << first);
    visit(cells[address / kCellBytes], mask, address - first);
    address += count;
  }
}

void Shadow::access(unsigned thread, uint32_t instruction, Kind kind, uint32_t address, uint32_t bytes) {
  start(thread, {thread, instruction}, clocks.epoch(thread), kind, address, bytes);
}

void Shadow::start(unsigned thread, Doer access, uint32_t epoch, Kind kind, uint32_t address, uint32_t bytes) {
  Mark mark{epoch, access.instruction, static_cast<uint16_t>(access.actor), 0, kind};
  forEachCell(address, bytes, [&](Cell &cell, uint16_t mask, uint32_t cellAddress) {
    mark.mask = mask;
    if (cell.era != clocks.era()) {
      enterEra(cell);
    }
    check(thread, mark, cell, cellAddress);
    isWrite(kind) ? leaveWrite(mark, cell) : leaveRead(thread, mark, cell);
  });
}

void Shadow::land(Doer access, uint32_t epoch, uint32_t address, uint32_t bytes) {
  forEachCell(address, bytes, [&](Cell &cell, uint16_t mask, uint32_t) {
    for (Mark &mark : cell.writes) {
      if (mark.actor == access.actor && mark.instruction == access.instruction && mark.epoch == kNever &&
          (mark.mask & mask) != 0) {
        mark.epoch = epoch;
      }
    }
  });
}

void Shadow::add(const Mark &mark, Hazard hazard, const Mark &earlier, uint32_t cellAddress) {
  uint32_t first = static_cast<uint32_t>(std::countr_zero(static_cast<uint16_t>(mark.mask & earlier.mask)));
  report({hazard,
          cellAddress + first,
          {mark.actor, mark.instruction},
          isWrite(mark.kind),
          {earlier.actor, earlier.instruction},
          isWrite(earlier.kind)});
}

/// What works in the background for a thread may go on after all have met.
void Shadow::enterEra(Cell &cell) const {
  cell.era = clocks.era();
  std::erase_if(cell.reads, [&](const Mark &mark) { return isOfThread(mark); });
  cell.isSettled =
      std::all_of(cell.writes.begin(), cell.writes.end(), [&](const Mark &mark) { return isOfThread(mark); });
}

void Shadow::check(unsigned thread, const Mark &mark, const Cell &cell, uint32_t cellAddress) {
  auto unwritten = static_cast<uint16_t>(mark.mask & ~cell.written);
  if (!isWrite(mark.kind) && unwritten != 0) {
    Mark same = mark;
    same.mask = unwritten;
    add(mark, Hazard::Uninitialized, same, cellAddress);
  }
  // An order is not all that the async proxy needs.
  if (!cell.isSettled || mark.kind == Kind::AsyncRead) {
    checkAgainst(thread, mark, cell.writes, cellAddress);
  }
  if (isWrite(mark.kind)) {
    checkAgainst(thread, mark, cell.reads, cellAddress);
  }
}

void Shadow::checkAgainst(unsigned thread, const Mark &mark, const std::vector<Mark> &marks, uint32_t cellAddress) {
  for (const Mark &earlier : marks) {
    if ((earlier.mask & mark.mask) == 0) {
      continue;
    }
    // Copies in the background are not ordered with each other either, though one actor does them.
    bool ordered = clocks.hasSeen(thread, earlier.actor, earlier.epoch);
    if (conflict(earlier.kind, mark.kind) && !ordered) {
      add(mark, earlier.actor >= clocks.threads() ? Hazard::Unfinished : Hazard::Race, earlier, cellAddress);
    } else if (mark.kind == Kind::AsyncRead && isWrite(earlier.kind) && !isAsync(earlier.kind) &&
               !clocks.isFenced(thread, earlier.actor, earlier.epoch)) {
      add(mark, Hazard::MissingProxyFence, earlier, cellAddress);
    }
  }
}

// A later access that is ordered after this one is ordered after all that this one is ordered after.
void Shadow::leaveWrite(const Mark &mark, Cell &cell) {
  for (std::vector<Mark> *marks : {&cell.writes, &cell.reads}) {
    std::erase_if(*marks, [&](Mark &earlier) {
      earlier.mask &= static_cast<uint16_t>(~mark.mask);
      return earlier.mask == 0;
    });
  }
  cell.written |= mark.mask;
  cell.writes.push_back(mark);
  cell.isSettled = false;
}

void Shadow::leaveRead(unsigned thread, const Mark &mark, Cell &cell) const {
  if (cell.reads.size() >= cell.manyReads) {
    std::erase_if(cell.reads, [&](Mark &earlier) {
      bool replaced = isStrong(earlier.kind) == isStrong(mark.kind) && isAsync(earlier.kind) == isAsync(mark.kind) &&
                      clocks.hasSeen(thread, earlier.actor, earlier.epoch);
      earlier.mask &= static_cast<uint16_t>(replaced ? ~mark.mask : ~0);
      return earlier.mask == 0;
    });
    cell.manyReads = std::max<size_t>(16, 2 * cell.reads.size());
  }
  cell.reads.push_back(mark);
}

} // namespace fathom::runtime::ptxsim
