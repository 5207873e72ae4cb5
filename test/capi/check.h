// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the C programs of this folder say what is wrong: a line for each thing, and their number.

#ifndef FATHOM_TEST_CAPI_CHECK_H
#define FATHOM_TEST_CAPI_CHECK_H

#include "fathom/fathom.h"

#include <stdio.h>

static int failures = 0;

static void check(int good, const char *what) {
  if (!good) {
    fprintf(stderr, "wrong: %s (%s)\n", what, fathom_status_message());
    ++failures;
  }
}

#define CHECK(condition) check((condition) != 0, #condition)
#define CHECK_OK(call) check((call) == FATHOM_STATUS_OK, #call)

#endif // FATHOM_TEST_CAPI_CHECK_H
