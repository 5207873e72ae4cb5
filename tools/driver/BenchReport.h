// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom bench` measured, for people and for programs.

#ifndef FATHOM_TOOLS_DRIVER_BENCHREPORT_H
#define FATHOM_TOOLS_DRIVER_BENCHREPORT_H

#include "tools/driver/BenchResults.h"

namespace fathom::driver {

/// Print to standard output: one depth of one model as lines, more as a table for each model; JSON is an object, or an
/// array of one for each of several models.
void printBench(const BenchOptions &options, const std::vector<BenchResults> &results);
void printBenchJson(const BenchOptions &options, const std::vector<BenchResults> &results);

/// The curve of milliseconds a step over depth as SVG: a line for each model, and what reading alone would take.
std::string drawCurve(const std::vector<BenchResults> &results);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_BENCHREPORT_H
