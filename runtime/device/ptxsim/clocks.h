// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What happened before what in a block, by vector clocks.
//
// An actor is a thread, or what works for it in the background: its cp.async copies, the copies that complete a
// barrier, the products of a warp. An actor counts epochs; a thread knows, for each actor, up to which epoch all it did
// happened before. Synchronization joins what threads know. Beside it a clock says what fence.proxy.async made visible
// to the async proxy.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_CLOCKS_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_CLOCKS_H

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace fathom::runtime::ptxsim {

/// Epochs by actor; missing ones are 0, before all that happened.
using Clock = std::vector<uint32_t>;

/// What one side of a synchronization knows. Clocks are shared: barriers give all threads the same.
struct Knowledge {
  std::shared_ptr<const Clock> seen, fenced;

  void join(const Knowledge &other);
  /// What `actor` did up to `epoch` happened before as well.
  void raise(unsigned actor, uint32_t epoch);
};

class Clocks {
public:
  /// Actors 0 to `threads` - 1 are the block's threads.
  explicit Clocks(unsigned threads);

  unsigned threads() const { return threadCount; }
  /// An actor that works for `thread`.
  unsigned addActor(unsigned thread);
  /// The thread that an actor is, or works for.
  unsigned threadOf(unsigned actor) const { return actor < threadCount ? actor : owners[actor - threadCount]; }

  /// In which epoch a thread is.
  uint32_t epoch(unsigned thread) const { return epochs[thread]; }
  /// How often all threads met: what they did in one era happened before all that they do in the next.
  uint32_t era() const { return eras; }
  /// Whether what `actor` did in `epoch` happened before what `thread` does now.
  bool hasSeen(unsigned thread, unsigned actor, uint32_t epoch) const;
  /// Whether the async proxy sees it as well, where `thread` starts it now.
  bool isFenced(unsigned thread, unsigned actor, uint32_t epoch) const;

  /// bar.sync and bar.warp.sync: all that threads did before, and all in `more`, happened before all that they do
  /// after.
  void meet(std::span<const unsigned> meeting, const Knowledge &more = {});
  /// Adds what `thread` knows to `object`, and begins the thread's next epoch.
  void release(unsigned thread, Knowledge &object);
  void acquire(unsigned thread, const Knowledge &object);
  /// What `actor`, which works for `thread`, did up to `epoch` is finished.
  void finish(unsigned thread, unsigned actor, uint32_t epoch);
  /// fence.proxy.async: covers what the thread wrote, and the finished copies of `copies`, its cp.async actor or
  /// itself.
  void fenceProxy(unsigned thread, unsigned copies);

private:
  unsigned threadCount;
  std::vector<unsigned> owners;
  std::vector<uint32_t> epochs;
  uint32_t eras = 0;
  std::vector<Knowledge> known;

  Knowledge published(unsigned thread) const;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_CLOCKS_H
