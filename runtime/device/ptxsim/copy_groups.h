// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Groups of asynchronous operations, as commit_group and wait_group know them.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_COPY_GROUPS_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_COPY_GROUPS_H

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>

namespace fathom::runtime::ptxsim {

/// Operations that were issued and not waited for. Groups are numbered from 1; empty ones count.
template <class Operation>
class CopyGroups {
public:
  /// The group that what is issued now will be in.
  uint32_t current() const { return committed_ + 1; }
  uint32_t committed() const { return committed_; }
  /// The last group of which a wait said that it is complete.
  uint32_t complete() const { return complete_; }
  bool hasUncommitted() const { return !operations_.empty() && operations_.back().first == current(); }
  bool isEmpty() const { return operations_.empty(); }
  const Operation &oldest() const { return operations_.front().second; }

  void issue(Operation operation) { operations_.emplace_back(current(), std::move(operation)); }
  void commit() { ++committed_; }

  /// wait_group: all but the last `pending` committed groups are complete. `visit` gets their operations, in order.
  template <class Visitor>
  void wait(uint32_t pending, Visitor visit) {
    finish(committed_ - std::min(committed_, pending), visit);
  }
  /// wait_all: what is not committed is a group as well.
  template <class Visitor>
  void waitAll(Visitor visit) {
    commit();
    finish(committed_, visit);
  }
  /// The operations of all but the last `pending` committed groups, which stay.
  template <class Visitor>
  void forEachDue(uint32_t pending, Visitor visit) {
    uint32_t last = committed_ - std::min(committed_, pending);
    for (auto &[group, operation] : operations_) {
      if (group <= last) {
        visit(operation);
      }
    }
  }

private:
  uint32_t committed_ = 0, complete_ = 0;
  std::deque<std::pair<uint32_t, Operation>> operations_;

  template <class Visitor>
  void finish(uint32_t last, Visitor visit) {
    complete_ = std::max(complete_, last);
    while (!operations_.empty() && operations_.front().first <= last) {
      Operation operation = std::move(operations_.front().second);
      operations_.pop_front();
      visit(operation);
    }
  }
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_COPY_GROUPS_H
