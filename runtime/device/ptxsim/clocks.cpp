// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread's own epoch lies apart from its clock, so that threads that met can share one.

#include "runtime/device/ptxsim/clocks.h"

#include <algorithm>

namespace fathom::runtime::ptxsim {

static uint32_t at(const std::shared_ptr<const Clock> &clock, unsigned actor) {
  return clock && actor < clock->size() ? (*clock)[actor] : 0;
}

static void raise(Clock &clock, unsigned actor, uint32_t epoch) {
  clock.resize(std::max<size_t>(clock.size(), actor + 1));
  clock[actor] = std::max(clock[actor], epoch);
}

static std::shared_ptr<const Clock> raised(const std::shared_ptr<const Clock> &clock, unsigned actor, uint32_t epoch) {
  if (at(clock, actor) >= epoch) {
    return clock;
  }
  auto result = clock ? std::make_shared<Clock>(*clock) : std::make_shared<Clock>();
  raise(*result, actor, epoch);
  return result;
}

static bool covers(const Clock &large, const Clock &small) {
  return large.size() >= small.size() &&
         std::equal(small.begin(), small.end(), large.begin(), std::less_equal<uint32_t>());
}

static std::shared_ptr<const Clock> joined(const std::shared_ptr<const Clock> &a,
                                           const std::shared_ptr<const Clock> &b) {
  if (!b || a == b || (a && covers(*a, *b))) {
    return a;
  }
  if (!a || covers(*b, *a)) {
    return b;
  }
  auto result = std::make_shared<Clock>(std::max(a->size(), b->size()));
  for (unsigned actor = 0; actor < result->size(); ++actor) {
    (*result)[actor] = std::max(at(a, actor), at(b, actor));
  }
  return result;
}

void Knowledge::join(const Knowledge &other) {
  seen = joined(seen, other.seen);
  fenced = joined(fenced, other.fenced);
}

void Knowledge::raise(unsigned actor, uint32_t epoch) { seen = raised(seen, actor, epoch); }

Clocks::Clocks(unsigned threads) : threadCount(threads), epochs(threads, 1), known(threads) {}

unsigned Clocks::addActor(unsigned thread) {
  owners.push_back(thread);
  return threadCount + static_cast<unsigned>(owners.size()) - 1;
}

bool Clocks::hasSeen(unsigned thread, unsigned actor, uint32_t epoch) const {
  return actor == thread || at(known[thread].seen, actor) >= epoch;
}

bool Clocks::isFenced(unsigned thread, unsigned actor, uint32_t epoch) const {
  return at(known[thread].fenced, actor) >= epoch;
}

void Clocks::meet(std::span<const unsigned> meeting, const Knowledge &more) {
  eras += meeting.size() == threadCount;
  Knowledge together = more;
  for (unsigned thread : meeting) {
    together.join(known[thread]);
  }
  auto seen = together.seen ? std::make_shared<Clock>(*together.seen) : std::make_shared<Clock>();
  for (unsigned thread : meeting) {
    raise(*seen, thread, epochs[thread]++);
  }
  together.seen = std::move(seen);
  for (unsigned thread : meeting) {
    known[thread] = together;
  }
}

Knowledge Clocks::published(unsigned thread) const {
  return {raised(known[thread].seen, thread, epochs[thread]), known[thread].fenced};
}

void Clocks::release(unsigned thread, Knowledge &object) {
  object.join(published(thread));
  ++epochs[thread];
}

void Clocks::acquire(unsigned thread, const Knowledge &object) { known[thread].join(object); }

void Clocks::finish(unsigned thread, unsigned actor, uint32_t epoch) {
  known[thread].seen = raised(known[thread].seen, actor, epoch);
}

void Clocks::fenceProxy(unsigned thread, unsigned copies) {
  Knowledge &mine = known[thread];
  if (copies != thread) {
    mine.fenced = raised(mine.fenced, copies, at(mine.seen, copies));
  }
  // What is written from here on is not covered.
  mine.fenced = raised(mine.fenced, thread, epochs[thread]++);
}

} // namespace fathom::runtime::ptxsim
