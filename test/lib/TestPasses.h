// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes that only tests run.

#ifndef FATHOM_TEST_LIB_TESTPASSES_H
#define FATHOM_TEST_LIB_TESTPASSES_H

namespace fathom::test {

void registerTestPasses();

} // namespace fathom::test

#endif // FATHOM_TEST_LIB_TESTPASSES_H
