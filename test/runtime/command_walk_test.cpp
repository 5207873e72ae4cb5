// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All orders in which two or three walkers can meet in short lists, and many of those in which real threads meet in
// long ones; and that mistakes in the walk would be found so.

#include "runtime/device/cpu/command_walk.h"

#include "runtime/device/cpu/futex.h"
#include "test/runtime/step_by_step.h"

#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>

namespace fathom::runtime {
namespace {

using test::StepAtomic;
using test::StepByStep;
using test::StepSystem;

struct Launch {
  int64_t items;
  std::vector<uint32_t> earlier;
};
using Launches = std::vector<Launch>;

std::string describe(const Launches &launches) {
  std::string text;
  for (const Launch &launch : launches) {
    text += std::to_string(launch.items) + " items after";
    for (uint32_t earlier : launch.earlier) {
      text += ' ' + std::to_string(earlier);
    }
    text += "; ";
  }
  return text;
}

/// For each launch all that must have ended when it begins.
std::vector<std::vector<uint32_t>> closure(const Launches &launches) {
  std::vector<std::vector<uint32_t>> all;
  for (const Launch &launch : launches) {
    std::vector<uint32_t> before = launch.earlier;
    for (uint32_t earlier : launch.earlier) {
      before.insert(before.end(), all[earlier].begin(), all[earlier].end());
    }
    all.push_back(before);
  }
  return all;
}

/// What went wrong, each thing once.
class Findings {
public:
  void add(const std::string &what) {
    std::lock_guard<std::mutex> lock(mutex);
    all.insert(what);
  }
  const std::set<std::string> &get() const { return all; }

private:
  std::mutex mutex;
  std::set<std::string> all;
};

/// What all walkers of a list share in a test: how often items have begun and ended.
template <class Count>
struct Record {
  Record(const Launches &launches, Findings &findings)
      : launches(launches), findings(findings), before(closure(launches)) {
    for (const Launch &launch : launches) {
      begun.emplace_back(new Count[static_cast<size_t>(launch.items) + 1]());
      ended.emplace_back(new Count[1]());
    }
  }

  void expectAllRunOnce() const {
    for (size_t launch = 0; launch < launches.size(); ++launch) {
      for (int64_t item = 0; item < launches[launch].items; ++item) {
        if (begun[launch][static_cast<size_t>(item)] != 1) {
          findings.add("an item that did not run once: " + describe(launches));
        }
      }
    }
  }

  const Launches &launches;
  Findings &findings;
  std::vector<std::vector<uint32_t>> before;
  std::vector<std::unique_ptr<Count[]>> begun;
  std::vector<std::unique_ptr<Count[]>> ended;
};

/// A walker's view. |Step| comes before an item begins and before it ends.
template <class Count, void (*Step)()>
struct View {
  Record<Count> &record;
  size_t at = 0;

  uint32_t size() const { return static_cast<uint32_t>(record.launches.size()); }
  const std::vector<uint32_t> &earlier(uint32_t launch) const { return record.launches[launch].earlier; }
  int64_t items(uint32_t launch) const { return record.launches[launch].items; }
  void open(uint32_t launch) { at = launch; }
  void run(int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      Step();
      for (uint32_t earlier : record.before[at]) {
        if (record.ended[earlier][0] != record.launches[earlier].items) {
          record.findings.add("an item that did not wait: " + describe(record.launches));
        }
      }
      ++record.begun[at][static_cast<size_t>(item)];
      Step();
      ++record.ended[at][0];
    }
  }
};

using StepView = View<int, StepByStep::step>;

/// What came of a list in all orders.
struct AllOrders {
  size_t states;
  std::set<std::string> findings;
};

/// Calls |look| in each state.
template <class System = StepSystem, class View = StepView>
AllOrders tryAllOrders(const Launches &launches, int spins, const std::function<void(const Record<int> &)> &look = {},
                       int walkers = 2) {
  Findings findings;
  std::unique_ptr<Record<int>> record;
  std::vector<LaunchSlot<System>> slots;
  StepByStep::Program program;
  program.start = [&] {
    record = std::make_unique<Record<int>>(launches, findings);
    slots = std::vector<LaunchSlot<System>>(launches.size());
  };
  program.body = [&] {
    View view{*record};
    walk(view, slots.data(), {walkers, spins});
  };
  program.state = [&] {
    std::string text;
    if (look) {
      look(*record);
    }
    for (size_t i = 0; i < launches.size(); ++i) {
      text += std::to_string(slots[i].claims.peek()) + ' ' + std::to_string(slots[i].sleepers.peek()) + ' ' +
              std::to_string(record->ended[i][0]) + ' ';
      for (int64_t item = 0; item < launches[i].items; ++item) {
        text += std::to_string(record->begun[i][static_cast<size_t>(item)]);
      }
    }
    return text;
  };
  program.end = [&](bool allEnded) {
    if (!allEnded) {
      findings.add("somebody sleeps for ever: " + describe(launches));
      return;
    }
    record->expectAllRunOnce();
  };
  size_t states = std::make_unique<StepByStep>(static_cast<size_t>(walkers))->explore(program);
  return {states, findings.get()};
}

/// Returns the number of states that were had; |look| is called in each.
size_t walkInAllOrders(const Launches &launches, int spins, const std::function<void(const Record<int> &)> &look = {}) {
  AllOrders all = tryAllOrders(launches, spins, look);
  EXPECT_EQ(all.findings, std::set<std::string>());
  return all.states;
}

// Sanitizers know nothing of threads that a program makes on its own.
#if !__has_feature(thread_sanitizer)
TEST(CommandWalkTest, TwoWalkersRunEveryPairOfLaunchesInEveryOrder) {
  for (int64_t first : {0, 1, 2, 3}) {
    for (int64_t second : {0, 1, 2}) {
      walkInAllOrders({{first, {}}, {second, {}}}, /*spins=*/0);
      walkInAllOrders({{first, {}}, {second, {0}}}, /*spins=*/0);
    }
  }
}

TEST(CommandWalkTest, TwoWalkersRunEveryThreeLaunchesInEveryOrder) {
  for (unsigned items = 0; items < 8; ++items) {
    for (unsigned edges = 0; edges < 8; ++edges) {
      Launches launches = {{items & 1, {}}, {items >> 1 & 1, {}}, {items >> 2, {}}};
      for (auto [edge, later, earlier] : {std::array{1u, 1u, 0u}, {2u, 2u, 1u}, {4u, 2u, 0u}}) {
        if (edges & edge) {
          launches[later].earlier.push_back(earlier);
        }
      }
      walkInAllOrders(launches, /*spins=*/0);
    }
  }
}

TEST(CommandWalkTest, TwoWalkersThatLookAgainBeforeTheySleepRunAChain) {
  EXPECT_GT(walkInAllOrders({{1, {}}, {2, {0}}, {1, {1}}}, /*spins=*/1), 10000u);
}

// Two may sleep while one ends what they wait for.
TEST(CommandWalkTest, ThreeWalkersRunAPairOfLaunchesInEveryOrder) {
  AllOrders all = tryAllOrders({{1, {}}, {1, {0}}}, /*spins=*/0, {}, /*walkers=*/3);
  EXPECT_EQ(all.findings, std::set<std::string>());
  EXPECT_GT(all.states, 10000u);
}

TEST(CommandWalkTest, LaunchesThatDependOnNothingRunAtOnce) {
  bool atOnce = false;
  walkInAllOrders({{1, {}}, {1, {}}}, /*spins=*/0, [&](const Record<int> &record) {
    atOnce |= record.begun[0][0] == 1 && record.begun[1][0] == 1 && record.ended[0][0] + record.ended[1][0] == 0;
  });
  EXPECT_TRUE(atOnce);
}

/// Some finding of two launches, of which the second waits for the first.
template <class System, class View = StepView>
std::string findInAPair() {
  std::string text;
  for (const std::string &finding : tryAllOrders<System, View>({{2, {}}, {1, {0}}}, /*spins=*/0).findings) {
    text += finding + '\n';
  }
  return text;
}

struct NobodyWakes : StepSystem {
  static void wakeAll(StepAtomic<uint32_t> *) { StepByStep::step(); }
};

TEST(CommandWalkTest, AWalkThatWakesNobodyIsFound) {
  EXPECT_THAT(findInAPair<NobodyWakes>(), testing::HasSubstr("sleeps for ever"));
}

/// Says after the end that nobody sleeps yet, not that nobody should.
struct ForgetsTheEnd : StepSystem {
  template <class T>
  struct Atomic : StepAtomic<T> {
    using StepAtomic<T>::StepAtomic;
    void store(T next, std::memory_order order) {
      StepAtomic<T>::store(next == static_cast<T>(Sleepers::over) ? static_cast<T>(Sleepers::none) : next, order);
    }
  };
};

TEST(CommandWalkTest, AWalkerThatIsLateAndKeepsAnotherAsleepIsFound) {
  AllOrders all = tryAllOrders<ForgetsTheEnd>({{1, {}}, {1, {0}}}, /*spins=*/0, {}, /*walkers=*/3);
  EXPECT_THAT(all.findings, testing::Contains(testing::HasSubstr("sleeps for ever")));
}

/// Looks at a word and goes to sleep some time later.
struct SleepsTooLate : StepSystem {
  static void wait(StepAtomic<uint32_t> *word, uint32_t) {
    StepByStep::step();
    StepByStep::sleep(word);
  }
};

TEST(CommandWalkTest, AWakeThatComesBeforeTheSleepIsFound) {
  EXPECT_THAT(findInAPair<SleepsTooLate>(), testing::HasSubstr("sleeps for ever"));
}

struct WaitsForNothing : StepView {
  std::vector<uint32_t> earlier(uint32_t) const { return {}; }
};

TEST(CommandWalkTest, AWalkThatDoesNotWaitIsFound) {
  EXPECT_THAT((findInAPair<StepSystem, WaitsForNothing>()), testing::HasSubstr("did not wait"));
}

/// Who finds that all items are claimed says that they have ended.
struct EndsEarly : StepView {
  int64_t items(uint32_t launch) const {
    int64_t items = StepView::items(launch);
    return record.begun[launch][static_cast<size_t>(items - 1)] ? 0 : items;
  }
};

TEST(CommandWalkTest, ALaunchThatIsSaidToHaveFinishedTooEarlyIsFound) {
  EXPECT_THAT((findInAPair<StepSystem, EndsEarly>()), testing::HasSubstr("did not wait"));
}

/// Additions of which the other walker's may be lost.
struct AddsInTwoSteps : StepSystem {
  template <class T>
  struct Atomic : StepAtomic<T> {
    using StepAtomic<T>::StepAtomic;
    T fetch_add(T more, std::memory_order order) {
      T before = this->load(order);
      this->store(before + more, order);
      return before;
    }
  };
};

TEST(CommandWalkTest, ClaimsThatAreNotAtomicAreFound) {
  EXPECT_THAT(findInAPair<AddsInTwoSteps>(), testing::HasSubstr("did not run once"));
}
#endif

Launches someLaunches(std::mt19937 &random) {
  Launches launches(1 + random() % 60);
  for (uint32_t i = 0; i < launches.size(); ++i) {
    constexpr int64_t kItems[] = {0, 1, 1, 2, 3, 7, 200};
    launches[i].items = kItems[random() % 7];
    for (uint32_t edges = random() % 4; edges > 0 && i > 0; --edges) {
      launches[i].earlier.push_back(i - 1 - random() % std::min(i, 5u));
    }
  }
  return launches;
}

void dawdle() {
  thread_local std::minstd_rand random(std::random_device{}());
  unsigned how = random() % 64;
  if (how == 0) {
    std::this_thread::yield();
  }
  for (unsigned i = 0; how < 8 && i < how * 50; ++i) {
    _mm_pause();
  }
}

TEST(CommandWalkTest, ThreadsRunManyLists) {
  std::mt19937 random(7);
  for (int round = 0; round < 100; ++round) {
    Launches launches = someLaunches(random);
    Findings findings;
    Record<std::atomic<int>> record(launches, findings);
    std::vector<LaunchSlot<ThreadSystem>> slots(launches.size());
    WalkLimits limits = {static_cast<int64_t>(2 + random() % 3), random() % 2 ? 0 : 50};
    std::vector<std::thread> threads;
    for (int64_t i = 0; i < limits.walkers; ++i) {
      threads.emplace_back([&] {
        View<std::atomic<int>, dawdle> view{record};
        walk(view, slots.data(), limits);
      });
    }
    for (std::thread &thread : threads) {
      thread.join();
    }
    record.expectAllRunOnce();
    ASSERT_EQ(findings.get(), std::set<std::string>());
  }
}

// What a launch writes without any care, those after it read.
TEST(CommandWalkTest, WritesAreSeenByWhatWaitsForThem) {
  struct Chain {
    std::vector<int64_t> &numbers;
    size_t at = 0;
    uint32_t before = 0;

    uint32_t size() const { return 500; }
    std::vector<uint32_t> earlier(uint32_t launch) const {
      return launch > 0 ? std::vector{launch - 1} : std::vector<uint32_t>();
    }
    int64_t items(uint32_t launch) const { return static_cast<int64_t>(1 + launch % 3); }
    void open(uint32_t launch) { at = launch; }
    void run(int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        int64_t sum = 1;
        for (size_t i = 0; at > 0 && i < 3; ++i) {
          sum += numbers[(at - 1) * 3 + i];
        }
        numbers[at * 3 + static_cast<size_t>(item)] = sum % 1000003;
      }
    }
  };
  auto compute = [](int64_t walkers) {
    std::vector<int64_t> numbers(1500);
    std::vector<LaunchSlot<ThreadSystem>> slots(500);
    std::vector<std::thread> threads;
    for (int64_t i = 0; i < walkers; ++i) {
      threads.emplace_back([&] {
        Chain chain{numbers};
        walk(chain, slots.data(), {walkers, 20});
      });
    }
    for (std::thread &thread : threads) {
      thread.join();
    }
    return numbers;
  };
  std::vector<int64_t> expected = compute(1);
  for (int round = 0; round < 30; ++round) {
    EXPECT_EQ(compute(2), expected);
    EXPECT_EQ(compute(5), expected);
  }
}

} // namespace
} // namespace fathom::runtime
