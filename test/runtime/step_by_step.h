// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the code of a few threads in every order of their operations on shared memory.
//
// A state is what all have seen and what memory holds: from there on all goes the same way, so each is left only once
// in each direction. Memory is sequentially consistent; what the weaker orders allow is for ThreadSanitizer to find.

#ifndef FATHOM_TEST_RUNTIME_STEP_BY_STEP_H
#define FATHOM_TEST_RUNTIME_STEP_BY_STEP_H

#include <array>
#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <ucontext.h>
#include <vector>

namespace fathom::test {

/// One run after the other, until all orders were had.
class StepByStep {
public:
  explicit StepByStep(size_t threads) : threads(threads) {}

  /// What a run begins with and ends with: |start| resets memory, |body| is what each thread does, |state| describes
  /// memory, |end| is called when all have ended, or sleep for ever.
  struct Program {
    std::function<void()> start;
    std::function<void()> body;
    std::function<std::string()> state;
    std::function<void(bool allEnded)> end;
  };

  /// Returns the number of states.
  size_t explore(const Program &all) {
    program = &all;
    do {
      runOnce();
    } while (nextPath());
    return known.size();
  }

  /// Before an operation of the thread at hand: another one may come first.
  static void step() {
    if (current) {
      swapcontext(&current->running->context, &current->scheduler);
    }
  }
  /// After it, with what it has read.
  static void see(int64_t value) {
    if (current) {
      current->running->seen += std::to_string(value) + ' ';
    }
  }
  static void sleep(const void *bed) {
    current->running->bed = bed;
    step();
  }
  static void wake(const void *bed) {
    for (Thread &thread : current->threads) {
      thread.bed = thread.bed == bed ? nullptr : thread.bed;
    }
  }

private:
  struct Thread {
    ucontext_t context;
    std::array<char, 65536> stack;
    bool ended;
    const void *bed;
    /// How far it is: its own memory follows from that, and from what it has seen.
    size_t steps;
    std::string seen;
  };
  struct Choice {
    std::vector<size_t> threads;
    size_t taken;
  };

  static void threadMain() {
    current->program->body();
    current->running->ended = true;
    swapcontext(&current->running->context, &current->scheduler);
  }

  void begin() {
    program->start();
    for (Thread &thread : threads) {
      thread.ended = false;
      thread.bed = nullptr;
      thread.steps = 0;
      thread.seen.clear();
      getcontext(&thread.context);
      thread.context.uc_stack.ss_sp = thread.stack.data();
      thread.context.uc_stack.ss_size = thread.stack.size();
      thread.context.uc_link = nullptr;
      makecontext(&thread.context, threadMain, 0);
    }
  }

  std::vector<size_t> runnable() const {
    std::vector<size_t> result;
    for (size_t i = 0; i < threads.size(); ++i) {
      if (!threads[i].ended && !threads[i].bed) {
        result.push_back(i);
      }
    }
    return result;
  }

  bool isNew() {
    std::string state = program->state();
    for (const Thread &thread : threads) {
      state += '|' + thread.seen + std::to_string(thread.steps) + (thread.bed ? " sleeps" : "");
    }
    return known.insert(state).second;
  }

  size_t choose(size_t step, const std::vector<size_t> &from) {
    if (step == path.size() && !isOver) {
      isOver = !isNew();
      if (!isOver) {
        path.push_back({from, 0});
      }
    }
    return step < path.size() ? path[step].threads[path[step].taken] : from.front();
  }

  void runOnce() {
    current = this;
    isOver = false;
    begin();
    size_t taken = 0;
    for (std::vector<size_t> from = runnable(); !from.empty(); from = runnable()) {
      running = &threads[choose(taken++, from)];
      ++running->steps;
      swapcontext(&scheduler, &running->context);
    }
    current = nullptr;
    bool allEnded = true;
    for (const Thread &thread : threads) {
      allEnded &= thread.ended;
    }
    program->end(allEnded);
  }

  bool nextPath() {
    while (!path.empty() && ++path.back().taken == path.back().threads.size()) {
      path.pop_back();
    }
    return !path.empty();
  }

  inline static StepByStep *current = nullptr;

  const Program *program = nullptr;
  ucontext_t scheduler;
  std::vector<Thread> threads;
  Thread *running = nullptr;
  std::vector<Choice> path;
  /// Whether the run is in a state that an earlier one was in: it only goes on to its end.
  bool isOver = false;
  std::set<std::string> known;
};

/// An atomic whose operations are steps.
template <class T>
class StepAtomic {
public:
  StepAtomic(T initial) : value(initial) {}

  T load(std::memory_order) const {
    StepByStep::step();
    return read();
  }
  void store(T next, std::memory_order) {
    StepByStep::step();
    value = next;
  }
  T fetch_add(T more, std::memory_order) {
    StepByStep::step();
    T before = read();
    value += more;
    return before;
  }
  bool compare_exchange_strong(T &expected, T next, std::memory_order) {
    StepByStep::step();
    T before = read();
    bool same = before == expected;
    (same ? value : expected) = same ? next : before;
    return same;
  }

  /// For descriptions.
  T peek() const { return value; }

private:
  T read() const {
    StepByStep::see(static_cast<int64_t>(value));
    return value;
  }

  T value;
};

/// The System of such threads, for what command_walk.h says.
struct StepSystem {
  template <class T>
  using Atomic = StepAtomic<T>;

  static void pause() {}
  static void wait(StepAtomic<uint32_t> *word, uint32_t expected) {
    StepByStep::step();
    StepByStep::see(word->peek() == expected);
    if (word->peek() == expected) {
      StepByStep::sleep(word);
    }
  }
  static void wakeAll(StepAtomic<uint32_t> *word) {
    StepByStep::step();
    StepByStep::wake(word);
  }
};

} // namespace fathom::test

#endif // FATHOM_TEST_RUNTIME_STEP_BY_STEP_H
