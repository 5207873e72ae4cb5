// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fibers that meet, and copies that wait.
//
// One block runs at a time. Its fibers take turns, each until it waits; the order of turns is fixed, so that a test
// that fails fails again.

#include "kernels/nvptx/host/launch.h"

#include "kernels/nvptx/host/block.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <sys/mman.h>
#include <vector>

extern "C" {
/// Saves this fiber's stack pointer to *from, and goes on where that of `to` was saved.
void fathom_switch_fiber(void **from, void *to);
}

__asm__(R"(
.text
.globl fathom_switch_fiber
fathom_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

namespace fathom::nv::host {

namespace {

/// Not a power of two, so that the stacks of a block do not share a few places in the cache.
constexpr int64_t kStack = (64 << 10) + 5 * 64;
constexpr int64_t kGuard = 256;
constexpr int64_t kMostThreads = 1024;

} // namespace

Block *block_in_turn;

void fail(const char *what) {
  std::fprintf(stderr, "kernel of block %lld, thread %d: %s\n", static_cast<long long>(block_in_turn->index),
               block_in_turn->current, what);
  std::abort();
}

Fiber &self() { return block_in_turn->fibers[block_in_turn->current]; }

void yield() { fathom_switch_fiber(&self().stack_pointer, block_in_turn->scheduler); }

int thread() { return block_in_turn->current; }
int64_t block() { return block_in_turn->index; }
int64_t blocks() { return block_in_turn->grid.blocks; }
char *shared_memory() { return block_in_turn->shared; }

static void finish_if_all_are_there(Meeting &meeting) {
  if (meeting.size == 0 || meeting.arrived < meeting.size) {
    return;
  }
  meeting.act(meeting.arguments.data(), static_cast<int>(meeting.arguments.size()));
  meeting.arrived = 0;
  meeting.arguments.clear();
  ++meeting.turn;
  ++block_in_turn->progress;
}

static Meeting &find_meeting(Group group) {
  Block &block = *block_in_turn;
  return group == Group::Block  ? block.meetings.back()
         : group == Group::Warp ? block.meetings[block.current / kWarp]
                                : block.warpgroups[block.current / kWarpgroup];
}

void meet(Group group, void *argument, Act act) {
  Block &block = *block_in_turn;
  Meeting &meeting = find_meeting(group);
  if (meeting.arrived > 0 && meeting.act != act) {
    fail("threads meet for different things");
  }
  int whole = group == Group::Warp ? kWarp : kWarpgroup;
  if (group != Group::Block && meeting.size != whole) {
    fail("a warp meets without all of its lanes");
  }
  int64_t turn = meeting.turn;
  meeting.act = act;
  meeting.arguments.resize(meeting.size);
  // Of a warp in the order of lanes.
  meeting.arguments[group == Group::Block ? meeting.arrived : block.current % whole] = argument;
  ++meeting.arrived;
  ++block.progress;
  finish_if_all_are_there(meeting);
  while (meeting.turn == turn) {
    yield();
  }
}

void check_shared(const void *at, int64_t size, int64_t alignment) {
  auto *byte = static_cast<const char *>(at);
  if (reinterpret_cast<uintptr_t>(at) % alignment != 0) {
    fail("a misaligned address in shared memory");
  }
  if (byte < block_in_turn->shared || byte + size > block_in_turn->shared + block_in_turn->grid.shared_bytes) {
    fail("an address outside of shared memory");
  }
}

void copy(void *to, const void *from, bool valid) {
  check_shared(to, 16, 16);
  if (valid && reinterpret_cast<uintptr_t>(from) % 16 != 0) {
    fail("a copy from a misaligned address");
  }
  Copy copy = {to, {}};
  if (valid) {
    std::memcpy(copy.bytes, from, 16);
  }
  std::memset(to, kNaN, 16);
  self().begun.push_back(copy);
}

void commit() {
  self().groups.push_back(std::move(self().begun));
  self().begun.clear();
}

void wait(int pending) {
  std::deque<std::vector<Copy>> &groups = self().groups;
  for (; static_cast<int>(groups.size()) > pending; groups.pop_front()) {
    for (const Copy &copy : groups.front()) {
      std::memcpy(copy.to, copy.bytes, 16);
    }
  }
}

void act_nothing(void *const *, int) {}

void act_shuffle(void *const *arguments, int count) {
  for (int i = 0; i < count; ++i) {
    auto *own = static_cast<Shuffle *>(arguments[i]);
    own->result = static_cast<Shuffle *>(arguments[own->from % count])->value;
  }
}

void act_ballot(void *const *arguments, int count) {
  uint32_t bits = 0;
  for (int i = 0; i < count; ++i) {
    bits |= static_cast<uint32_t>(static_cast<Ballot *>(arguments[i])->value) << i;
  }
  for (int i = 0; i < count; ++i) {
    static_cast<Ballot *>(arguments[i])->result = bits;
  }
}

void act_load_matrices(void *const *arguments, int count) {
  for (int i = 0; i < count; ++i) {
    auto *own = static_cast<LoadMatrices *>(arguments[i]);
    for (int matrix = 0; matrix < 4; ++matrix) {
      const void *row = static_cast<LoadMatrices *>(arguments[8 * matrix + i / 4])->row;
      check_shared(row, 16, 16);
      std::memcpy(own->to + matrix, static_cast<const char *>(row) + i % 4 * 4, 4);
    }
  }
}

void act_load_transposed(void *const *arguments, int count) {
  for (int i = 0; i < count; ++i) {
    auto *own = static_cast<LoadMatrices *>(arguments[i]);
    for (int matrix = 0; matrix < 4; ++matrix) {
      own->to[matrix] = 0;
      for (int half = 0; half < 2; ++half) {
        const void *row = static_cast<LoadMatrices *>(arguments[8 * matrix + i % 4 * 2 + half])->row;
        check_shared(row, 16, 16);
        uint16_t code;
        std::memcpy(&code, static_cast<const char *>(row) + i / 4 * 2, 2);
        own->to[matrix] |= static_cast<uint32_t>(code) << 16 * half;
      }
    }
  }
}

float half_of(uint32_t pair, int index) {
  return __builtin_bit_cast(float, index % 2 == 0 ? pair << 16 : pair & 0xFFFF0000);
}

void act_multiply(void *const *arguments, int count) {
  float a[16][16], b[16][8];
  for (int i = 0; i < count; ++i) {
    auto *own = static_cast<Multiply *>(arguments[i]);
    for (int n = 0; n < 8; ++n) {
      a[i / 4 + n / 2 % 2 * 8][i % 4 * 2 + n % 2 + n / 4 * 8] = half_of(own->a[n / 2], n);
    }
    for (int n = 0; n < 4; ++n) {
      b[i % 4 * 2 + n % 2 + n / 2 * 8][i / 4] = half_of(own->b[n / 2], n);
    }
  }
  for (int i = 0; i < count; ++i) {
    auto *own = static_cast<Multiply *>(arguments[i]);
    for (int n = 0; n < 4; ++n) {
      int row = i / 4 + n / 2 * 8, column = i % 4 * 2 + n % 2;
      double sum = own->sums[n];
      for (int k = 0; k < 16; ++k) {
        sum += static_cast<double>(a[row][k]) * b[k][column];
      }
      own->sums[n] = static_cast<float>(sum);
    }
  }
}

/// The first function of a fiber; its last switch does not come back.
static void run_fiber() {
  Block &block = *block_in_turn;
  block.kernel(block.dispatch, block.constants);
  if (!self().begun.empty()) {
    fail("copies that belong to no group");
  }
  for (const std::vector<Copy> &group : self().groups) {
    if (!group.empty()) {
      fail("copies that are not waited for");
    }
  }
  if (!self().products.empty()) {
    fail("products that are not waited for");
  }
  self().is_done = true;
  ++block.progress;
  for (Group group : {Group::Warp, Group::Warpgroup, Group::Block}) {
    Meeting &meeting = find_meeting(group);
    --meeting.size;
    finish_if_all_are_there(meeting);
  }
  yield();
}

/// A stack whose first switch begins run_fiber.
static void *begin_stack(char *stack) {
  auto **top = reinterpret_cast<void **>(stack + kStack) - 2;
  *top = reinterpret_cast<void *>(&run_fiber); // on entry the stack is 8 bytes off a multiple of 16
  return top - 6;
}

/// Of groups of `size` threads; the last may have fewer.
static std::vector<Meeting> make_meetings(int threads, int size) {
  std::vector<Meeting> meetings;
  for (int first = 0; first < threads; first += size) {
    meetings.push_back({threads - first < size ? threads - first : size, 0, 0, {}, nullptr});
  }
  return meetings;
}

static bool run_block(Block &block, char *stacks) {
  block_in_turn = &block;
  int threads = block.grid.threads;
  block.fibers.assign(threads, {});
  block.meetings = make_meetings(threads, kWarp);
  block.meetings.push_back({threads, 0, 0, {}, nullptr});
  block.warpgroups = make_meetings(threads, kWarpgroup);
  block.barriers.clear();
  for (int i = 0; i < threads; ++i) {
    block.fibers[i].stack_pointer = begin_stack(stacks + i * kStack);
  }
  for (int64_t before = -1; before != block.progress;) {
    before = block.progress;
    for (int i = 0; i < threads; ++i) {
      if (!block.fibers[i].is_done) {
        block.current = i;
        fathom_switch_fiber(&block.scheduler, block.fibers[i].stack_pointer);
      }
    }
  }
  for (const Fiber &fiber : block.fibers) {
    if (!fiber.is_done) {
      return false;
    }
  }
  for (const auto &[barrier, phases] : block.barriers) {
    if (!phases.copies.empty()) {
      fail("copies in bulk that are not waited for");
    }
  }
  return true;
}

std::string launch(Kernel kernel, const Grid &grid, const fathom_dispatch_t &dispatch, const int64_t *constants) {
  static char *stacks = static_cast<char *>(
      mmap(nullptr, kMostThreads * kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  constexpr int64_t kAlignment = 1024;
  int64_t size = ceil_div(grid.shared_bytes + kGuard, kAlignment) * kAlignment;
  std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(kAlignment, size), &std::free);
  Block block;
  block.kernel = kernel;
  block.dispatch = &dispatch;
  block.constants = constants;
  block.grid = grid;
  block.shared = static_cast<char *>(memory.get());
  for (block.index = grid.blocks; block.index-- > 0;) {
    std::memset(block.shared, kNaN, size);
    if (!run_block(block, stacks)) {
      return "threads of block " + std::to_string(block.index) + " wait for others that do not come";
    }
    for (int64_t i = grid.shared_bytes; i < size; ++i) {
      if (static_cast<unsigned char>(block.shared[i]) != kNaN) {
        return "byte " + std::to_string(i) + " behind shared memory was written";
      }
    }
  }
  return "";
}

} // namespace fathom::nv::host
