// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program that is `fathom tokenize` and nothing else.

#include "tools/driver/Tokenize.h"

int main(int argc, char **argv) { return fathom::driver::runTokenize(argc - 1, argv + 1); }
