// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row a kernel, as text and as JSON.

#include "tools/driver/CountKernels.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>

namespace fathom::driver {

using ull = unsigned long long;

/// 0 where nothing is compared.
static double ratio(uint64_t a, uint64_t b) { return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b); }

static KernelCounts sum(const CountedPhase &phase) {
  KernelCounts all{"all", {}};
  for (const KernelCounts &kernel : phase.kernels) {
    all.counted.launches += kernel.counted.launches;
    all.counted.executed.add(kernel.counted.executed);
  }
  return all;
}

static void printRow(const KernelCounts &kernel) {
  const runtime::ptxsim::Counters &executed = kernel.counted.executed;
  std::printf("%-36s %8llu %12llu %10llu %10.1f %10.1f %6.2f %6.2f %10llu %9.2f\n", kernel.name.c_str(),
              ull(kernel.counted.launches), ull(executed.instructions), ull(executed.matrixInstructions),
              static_cast<double>(kernel.leastBytes()) / 1e3, static_cast<double>(kernel.movedBytes()) / 1e3,
              ratio(kernel.movedBytes(), kernel.leastBytes()), ratio(kernel.movedBytes(), kernel.askedBytes()),
              ull(executed.sharedAccesses), ratio(executed.bankConflicts, executed.sharedAccesses));
}

static void printPhase(const CountedPhase &phase) {
  std::printf("\n%s: %llu tokens after %llu\n", phase.name, ull(phase.tokens), ull(phase.depth));
  std::printf("%-36s %8s %12s %10s %10s %10s %6s %6s %10s %9s\n", "kernel", "launches", "instructions", "matrix",
              "least kB", "moved kB", "/least", "/asked", "shared", "conflicts");
  for (const KernelCounts &kernel : phase.kernels) {
    printRow(kernel);
  }
  printRow(sum(phase));
}

void printCounts(const std::vector<CountResults> &results) {
  std::printf("counted on a simulated GPU: its times would say nothing of a machine\n");
  for (const CountResults &r : results) {
    if (results.size() > 1) {
      std::printf("\n%s\n", r.model.c_str());
    }
    for (const CountedPhase &phase : r.phases) {
      printPhase(phase);
    }
  }
}

static void writeKernel(llvm::json::OStream &out, const KernelCounts &kernel) {
  const runtime::ptxsim::Counters &executed = kernel.counted.executed;
  const std::pair<const char *, uint64_t> rows[] = {
      {"launches", kernel.counted.launches},
      {"instructions", executed.instructions},
      {"lane_instructions", executed.laneInstructions},
      {"matrix_instructions", executed.matrixInstructions},
      {"least_bytes_read", executed.distinctBytesRead},
      {"least_bytes_written", executed.distinctBytesWritten},
      {"sectors_read", executed.sectorsRead},
      {"sectors_written", executed.sectorsWritten},
      {"least_bytes", kernel.leastBytes()},
      {"moved_bytes", kernel.movedBytes()},
      {"asked_bytes", kernel.askedBytes()},
      {"async_bytes", executed.asyncBytes},
      {"bulk_bytes", executed.bulkBytes},
      {"shared_accesses", executed.sharedAccesses},
      {"bank_conflicts", executed.bankConflicts},
  };
  out.object([&] {
    out.attribute("kernel", kernel.name);
    for (auto [name, value] : rows) {
      out.attribute(name, int64_t(value));
    }
  });
}

static void writePhase(llvm::json::OStream &out, const CountedPhase &phase) {
  out.object([&] {
    out.attribute("phase", phase.name);
    out.attribute("tokens", int64_t(phase.tokens));
    out.attribute("depth", int64_t(phase.depth));
    out.attributeArray("kernels", [&] {
      for (const KernelCounts &kernel : phase.kernels) {
        writeKernel(out, kernel);
      }
    });
  });
}

static void writeResults(llvm::json::OStream &out, const CountResults &r) {
  out.object([&] {
    out.attribute("model", r.model);
    out.attributeArray("phases", [&] {
      for (const CountedPhase &phase : r.phases) {
        writePhase(out, phase);
      }
    });
  });
}

void printCountsJson(const std::vector<CountResults> &results) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream out(stream, 2);
  auto writeAll = [&] {
    for (const CountResults &r : results) {
      writeResults(out, r);
    }
  };
  results.size() == 1 ? writeAll() : out.array(writeAll);
  std::printf("%s\n", text.c_str());
}

} // namespace fathom::driver
