// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The block that runs: its fibers, what they wait for, and what happens behind their backs.

#ifndef FATHOM_KERNELS_NVPTX_HOST_BLOCK_H
#define FATHOM_KERNELS_NVPTX_HOST_BLOCK_H

#include "kernels/nvptx/host/launch.h"
#include "kernels/nvptx/nv.h"

#include <deque>
#include <map>
#include <vector>

namespace fathom::nv::host {

constexpr unsigned char kNaN = 0xFF; // of f32, bf16 and e4m3 alike

/// Threads that meet: of those that are left, the last to arrive acts.
struct Meeting {
  int size, arrived = 0;
  int64_t turn = 0;
  std::vector<void *> arguments;
  Act act = nullptr;
};

struct Copy {
  void *to;
  unsigned char bytes[16];
};

/// What wait_products gives to sums.
struct Product {
  float *sums;
  std::vector<float> values;
  int group;
};

struct Fiber {
  void *stack_pointer = nullptr;
  bool is_done = false;
  std::vector<Copy> begun;
  std::deque<std::vector<Copy>> groups;
  std::vector<Product> products;
  int product_groups = 0; ///< that were ended
};

struct BulkCopy {
  void *to;
  std::vector<unsigned char> bytes;
};

/// A barrier in shared memory: a phase ends when none of its arrivals is left and its bytes are there.
struct Phases {
  uint32_t arrivals, left;
  int64_t bytes_expected = 0;
  uint32_t phase = 0;
  std::vector<BulkCopy> copies;
};

struct Block {
  Kernel kernel;
  const fathom_dispatch_t *dispatch;
  const int64_t *constants;
  Grid grid;
  int64_t index = 0;
  std::vector<Fiber> fibers;
  std::vector<Meeting> meetings;   ///< of each warp, then of the block
  std::vector<Meeting> warpgroups; ///< of each
  std::map<const void *, Phases> barriers;
  char *shared = nullptr;
  void *scheduler = nullptr;
  int current = 0;
  int64_t progress = 0;
};

extern Block *block_in_turn;

/// Ends the program.
[[noreturn]] void fail(const char *what);
/// The fiber that runs.
Fiber &self();
/// Lets others run.
void yield();
/// Number `index` of two bf16.
float half_of(uint32_t pair, int index);

} // namespace fathom::nv::host

#endif // FATHOM_KERNELS_NVPTX_HOST_BLOCK_H
