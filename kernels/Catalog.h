// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C++ view of ops.def and of each device's instances.def: which kernels there are, and how to call one.

#ifndef FATHOM_KERNELS_CATALOG_H
#define FATHOM_KERNELS_CATALOG_H

#include <cstdint>
#include <string_view>
#include <vector>

namespace fathom::kernels {

/// A compile-time parameter of a kernel.
struct Constant {
  std::string_view name;
  /// The value holds the bits of a double.
  bool isReal;
};

/// A kind of machine.
struct Device {
  /// As --target calls it: cpu, cuda.
  std::string_view name;
  /// Its code, as LLVM calls it.
  std::string_view triple;
  /// The arch that all of its machines have.
  std::string_view baseline;
  /// How weights lie that its kernels read in panels: outputs of a panel, and rows of gates before those of their ups.
  int64_t panels, interleave;
  /// What activations are there unless something else is said: f32 or bf16.
  std::string_view activationType;
};

/// A level of instructions. Lives as long as the program.
struct Arch {
  /// One of devices(), of which it is a level.
  const Device *device;
  /// avx512, sm_80
  std::string_view name;
  /// The level whose kernels a machine runs where this one has none; "none" for the last.
  std::string_view fallback;
  /// What code of the level is compiled for, as clang calls it: x86-64-v4.
  std::string_view processor;
  /// Bits of the vectors that code should use.
  int vectorBits;
  /// Of a CPU beyond x86-64-v3, as clang and /proc/cpuinfo spell them; of a GPU the version of its code.
  std::vector<std::string_view> features;
  /// The type of weights and activations that its products are for; "all" where that does not matter.
  std::string_view productType;
  /// Bytes that the threads of a block can share on every GPU of the level; 0 for a CPU.
  int64_t sharedBytes;
};

/// Sizes that no constant says: rows, and positions of a context.
constexpr int64_t kRows = -1;
constexpr int64_t kPositions = -2;

/// Memory that a kernel reads or writes, row by row.
struct Operand {
  /// As ops.def calls it.
  std::string_view name;
  /// i32, f32, bf16, f8e4m3, i8 or f16.
  std::string_view type;
  /// The first dimension may be kRows or kPositions.
  std::vector<int64_t> shape;
  /// Of kRows: how many for each that the kernel is run for; 0: those of the call, whatever it is run for.
  int64_t factor = 1;
  /// Of kRows of several columns: the end of those in use.
  int64_t columns = 0;
  /// A table of as many pointers to memory of the shape; 0: the memory itself.
  int64_t experts = 0;
};

/// How a GPU launches a kernel: as ceil(rows / rowsPerBlock) * blocks blocks, or as many as suit the device: results do
/// not depend on it.
struct Grid {
  /// Of a block.
  int64_t threads;
  int64_t blocks;
  int64_t rowsPerBlock;
  /// Memory that the threads of a block share.
  int64_t sharedBytes;
};

/// An op for one architecture, weight type and layout. Lives as long as the program.
struct Kernel {
  std::string_view symbol;
  std::string_view op;
  /// One of archs().
  std::string_view arch;
  /// bf16, f32, f8e4m3, i8, or none for kernels that touch no numbers.
  std::string_view weightType;
  /// panels, rows, or none where there is no matrix of weights.
  std::string_view layout;
  /// Operands before the epilogue's, as ops.def calls them.
  std::vector<std::string_view> operandNames;
  /// How many of them, the last ones, it writes.
  size_t outputCount;
  /// Results pass through an epilogue before they are stored.
  bool hasEpilogue;
  /// The op's, then, if the kernel is tuned, the one that `tune` gives.
  std::vector<Constant> constants;
  bool isTuned;
  /// Value of the tuned constant; `constants` holds the others, in the order above.
  int64_t (*tune)(const int64_t *constants);
  /// Bytes of scratch memory an item needs in a call of at most `rows` rows; `constants` in the order above.
  int64_t (*scratchBytes)(int64_t rows, const int64_t *constants);
  /// Of a GPU; null for a kernel of a CPU.
  Grid (*grid)(const int64_t *constants);

  /// Shapes of all of the op's operands, without their names.
  std::vector<Operand> (*listShapes)(const Kernel &kernel, const int64_t *constants);

  /// What the kernel takes; `constants` in the order above, each below 2^24 or so.
  std::vector<Operand> listOperands(const int64_t *constants) const;
  /// Index of a constant, -1 when there is none of that name.
  int findConstant(std::string_view name) const;
};

/// Every kernel, in the order of each device's instances.def.
const std::vector<Kernel> &catalog();

/// The first is what programs are for unless something else is said.
const std::vector<Device> &devices();

/// Levels that kernels are for, a device's side by side: a machine has the first of its device's whose features it has.
const std::vector<Arch> &archs();

/// Those of one device, by its name.
std::vector<const Arch *> archsOf(std::string_view device);

/// The level of that name, or null.
const Arch *findArch(std::string_view name);

/// A machine with `arch` runs kernels for `kernelArch`: its own or one that it falls back to.
bool canRun(std::string_view arch, std::string_view kernelArch);

/// The kernel for an operation on a machine with `arch`: its own, else one for less (amxbf16, amx, avx512bf16, avx512,
/// avx2, x86; sm_90a, sm_80); null when there is none. `activationType` is that of what is multiplied with weights.
const Kernel *findKernel(std::string_view op, std::string_view arch, std::string_view weightType,
                         std::string_view layout, std::string_view activationType = "f32");

/// The kernel of that name, or null.
const Kernel *findKernel(std::string_view symbol);

/// How many parts attention of `heads` heads of a row to at most `keys` keys has, where kernels for parts are.
int64_t countParts(int64_t heads, int64_t keys);

} // namespace fathom::kernels

#endif // FATHOM_KERNELS_CATALOG_H
