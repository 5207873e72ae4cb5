// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// drafts MODEL LOGITS ID ID...: writes what a model drafts of a prompt to the file LOGITS, f32 [prompt tokens - 1,
// vocabulary]. No verb and no function of the C API shows it.

#include "test/e2e/EntryPoints.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

using fathom::test::EntryPoints;

/// Row i has the hidden state of token i, and token i + 1.
static std::vector<float> draft(const char *artifact, const std::vector<int32_t> &tokens) {
  EntryPoints model(artifact);
  std::vector<float> states = model.prefill(tokens).hidden;
  return model.call("draft", {tokens.begin() + 1, tokens.end()}, 0, states).logits;
}

static bool write(const char *path, const std::vector<float> &values) {
  FILE *file = fopen(path, "wb");
  return file && fwrite(values.data(), sizeof(float), values.size(), file) == values.size() && fclose(file) == 0;
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: drafts MODEL LOGITS ID ID...\n");
    return 2;
  }
  std::vector<int32_t> tokens;
  for (int i = 3; i < argc; ++i) {
    tokens.push_back(atoi(argv[i]));
  }
  bool written = write(argv[2], draft(argv[1], tokens));
  // What EntryPoints expects and does not get is a failure of no test.
  return !written || testing::UnitTest::GetInstance()->Failed();
}
