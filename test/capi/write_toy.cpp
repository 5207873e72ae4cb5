// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the toy artifact to the file it is told.

#include "test/runtime/toy_artifact.h"

#include <fstream>

int main(int argc, char **argv) {
  if (argc != 2) {
    return 2;
  }
  std::ofstream file(argv[1], std::ios::binary);
  file << fathom::test::makeToy();
  return file.good() ? 0 : 5;
}
