// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes that only tests run.

#ifndef TEST_LIB_TESTPASSES_H
#define TEST_LIB_TESTPASSES_H

namespace fathom::test {

void registerTestPasses();

} // namespace fathom::test

#endif // TEST_LIB_TESTPASSES_H
