// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Barriers in shared memory, the copies that complete them, and products of four warps.
//
// A copy lands when all have arrived and somebody waits, as late as a program that is right can tell.

#include "kernels/nvptx/host/block.h"

#include <cstring>

namespace fathom::nv::host {

static Phases &find_phases(const void *barrier) {
  auto found = block_in_turn->barriers.find(barrier);
  if (found == block_in_turn->barriers.end()) {
    fail("a barrier that nobody began");
  }
  return found->second;
}

void begin_barrier(const void *barrier, uint32_t arrivals) {
  check_shared(barrier, sizeof(Barrier), sizeof(Barrier));
  block_in_turn->barriers[barrier] = {arrivals, arrivals};
}

static void complete_if_all_are_there(Phases &phases) {
  if (phases.left > 0) {
    return;
  }
  for (const BulkCopy &copy : phases.copies) {
    std::memcpy(copy.to, copy.bytes.data(), copy.bytes.size());
    phases.bytes_expected -= static_cast<int64_t>(copy.bytes.size());
  }
  phases.copies.clear();
  if (phases.bytes_expected == 0) {
    phases.left = phases.arrivals;
    ++phases.phase;
    ++block_in_turn->progress;
  }
}

void arrive(const void *barrier, uint32_t bytes) {
  Phases &phases = find_phases(barrier);
  complete_if_all_are_there(phases);
  if (phases.left == 0) {
    fail("more threads arrive than a phase waits for");
  }
  --phases.left;
  phases.bytes_expected += bytes;
  ++block_in_turn->progress;
}

void copy_bulk(void *to, const void *from, uint32_t bytes, const void *barrier) {
  check_shared(to, bytes, 16);
  if (bytes % 16 != 0 || reinterpret_cast<uintptr_t>(from) % 16 != 0) {
    fail("a misaligned copy in bulk");
  }
  auto *first = static_cast<const unsigned char *>(from);
  find_phases(barrier).copies.push_back({to, {first, first + bytes}});
  std::memset(to, kNaN, bytes);
}

void wait_for(const void *barrier, uint32_t parity) {
  Phases &phases = find_phases(barrier);
  for (complete_if_all_are_there(phases); phases.phase % 2 == parity; complete_if_all_are_there(phases)) {
    yield();
  }
}

/// Row by row what the lanes of four warps have.
static void gather_rows(void *const *arguments, int count, float (&a)[64][16]) {
  for (int i = 0; i < count; ++i) {
    auto *own = static_cast<const MultiplyGroup *>(arguments[i]);
    int lane = i % kWarp;
    for (int n = 0; n < 8; ++n) {
      a[i / kWarp * 16 + lane / 4 + n / 2 % 2 * 8][lane % 4 * 2 + n % 2 + n / 4 * 8] = half_of(own->a[n / 2], n);
    }
  }
}

/// Number `index` of rows of 128 bytes of which `rows` points into the first.
static float read_number(const void *rows, int row, int index) {
  int64_t offset = static_cast<const char *>(rows) + row * 128 + 2 * index - block_in_turn->shared;
  const char *at = block_in_turn->shared + (offset ^ (offset >> 7 & 7) << 4);
  check_shared(at, 2, 2);
  uint16_t code;
  std::memcpy(&code, at, 2);
  return half_of(code, 0);
}

/// Sums as they are, or will be when those products are waited for that are in flight.
static Product &find_product(Fiber &fiber, float *sums, int count) {
  for (Product &product : fiber.products) {
    if (product.sums == sums) {
      product.group = fiber.product_groups;
      return product;
    }
  }
  fiber.products.push_back({sums, {sums, sums + count}, fiber.product_groups});
  return fiber.products.back();
}

using Rows = float[64][16];

/// What thread `thread` of a warpgroup gets of the product of a and the columns of `own`.
template <class Multiply>
static void add_products(const Multiply &own, int thread, const Rows &a, const float (*b)[16]) {
  Product &product = find_product(block_in_turn->fibers[block_in_turn->current / kWarpgroup * kWarpgroup + thread],
                                  own.sums, own.count);
  int lane = thread % kWarp;
  for (int n = 0; n < own.count; ++n) {
    const float *row = a[thread / kWarp * 16 + lane / 4 + n / 2 % 2 * 8], *column = b[n / 4 * 8 + lane % 4 * 2 + n % 2];
    double sum = own.adds ? product.values[n] : 0.0;
    for (int k = 0; k < 16; ++k) {
      sum += static_cast<double>(row[k]) * column[k];
    }
    product.values[n] = static_cast<float>(sum);
  }
  std::memset(own.sums, kNaN, own.count * sizeof(float));
}

template <class Multiply>
static void multiply_all(void *const *arguments, int count, const Rows &a) {
  static float b[256][16];
  auto *first = static_cast<const Multiply *>(arguments[0]);
  for (int column = 0; column < 2 * first->count; ++column) {
    for (int k = 0; k < 16; ++k) {
      b[column][k] = read_number(first->columns, column, k);
    }
  }
  for (int i = 0; i < count; ++i) {
    auto *own = static_cast<const Multiply *>(arguments[i]);
    if (own->columns != first->columns || own->adds != first->adds) {
      fail("threads multiply different columns");
    }
    add_products(*own, i, a, b);
  }
}

void act_multiply_group(void *const *arguments, int count) {
  static Rows a;
  gather_rows(arguments, count, a);
  multiply_all<MultiplyGroup>(arguments, count, a);
}

void act_multiply_shared(void *const *arguments, int count) {
  static Rows a;
  auto *first = static_cast<const MultiplyShared *>(arguments[0]);
  for (int i = 0; i < 64 * 16; ++i) {
    int row = i / 16, k = i % 16;
    a[row][k] = first->turned ? read_number(first->rows, k, row) : read_number(first->rows, row, k);
  }
  multiply_all<MultiplyShared>(arguments, count, a);
}

void commit_products() { ++self().product_groups; }

void wait_products(int pending) {
  std::vector<Product> left;
  for (Product &product : self().products) {
    if (product.group + pending < self().product_groups) {
      std::memcpy(product.sums, product.values.data(), product.values.size() * sizeof(float));
    } else {
      left.push_back(std::move(product));
    }
  }
  self().products = std::move(left);
}

} // namespace fathom::nv::host
