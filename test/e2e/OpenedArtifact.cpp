// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads, loads and starts, in the order of fathom_session_create.

#include "test/e2e/OpenedArtifact.h"

#include "fathom/fathom.h"

#include <gtest/gtest.h>

namespace fathom::test {

#define EXPECT_STATUS_OK(call) EXPECT_EQ(call, FATHOM_STATUS_OK) << fathom_status_message()

OpenedArtifact::OpenedArtifact(const std::string &path, uint32_t threads) {
  fathom_model_options_t options;
  fathom_model_options_initialize(&options);
  EXPECT_STATUS_OK(source.openFile(path.c_str(), 0));
  EXPECT_STATUS_OK(metadata.read(source));
  EXPECT_STATUS_OK(code.load(metadata.contents(), source));
  space = code.space();
  EXPECT_STATUS_OK(weights.open(metadata.contents(), code.program(), source, {nullptr, path.c_str()}, space, options));
  EXPECT_STATUS_OK(space.device->start(space.code, weights.addresses(), threads, nullptr, &executor));
  pages.open(space);
  tables.open(space);
}

} // namespace fathom::test
