// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A test model, compiled and opened.

#ifndef FATHOM_TEST_E2E_MODEL_H
#define FATHOM_TEST_E2E_MODEL_H

#include "test/e2e/Session.h"
#include "tools/driver/CompileModel.h"

#include <memory>

namespace fathom::test {

/// Compiles `options.input` to an artifact in a folder of the test's own; fails the test if that fails. The same
/// options give the same file, compiled once per process.
std::string compile(const driver::CompileOptions &options);

} // namespace fathom::test

#endif // FATHOM_TEST_E2E_MODEL_H
