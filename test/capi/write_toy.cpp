// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the toy artifact to the file it is told; one that drafts, and errs at every third position, if told to draft.

#include "test/runtime/toy_artifact.h"

#include <cstring>
#include <fstream>

int main(int argc, char **argv) {
  bool drafts = argc == 3 && !strcmp(argv[2], "draft");
  if (argc != 2 && !drafts) {
    return 2;
  }
  std::ofstream file(argv[1], std::ios::binary);
  file << fathom::test::makeToy([drafts](fathom::test::ToyContents &contents) {
    if (drafts) {
      addDraft(contents, {3});
    }
  });
  return file.good() ? 0 : 5;
}
