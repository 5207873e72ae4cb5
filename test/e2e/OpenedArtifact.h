// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An artifact on its device, below sessions.

#ifndef FATHOM_TEST_E2E_OPENEDARTIFACT_H
#define FATHOM_TEST_E2E_OPENEDARTIFACT_H

#include "runtime/src/weights.h"

#include <string>

namespace fathom::test {

/// What a session has of an artifact, ready to run entry points. Fails the test when the runtime does.
struct OpenedArtifact {
  OpenedArtifact(const std::string &path, uint32_t threads);
  ~OpenedArtifact() { space.device->stop(executor); }
  OpenedArtifact(const OpenedArtifact &) = delete;

  runtime::ByteSource source;
  runtime::Metadata metadata;
  runtime::DeviceCode code;
  runtime::MemorySpace space = {};
  runtime::Weights weights;
  void *executor = nullptr;
  /// Memory of the cache and of page tables; empty.
  runtime::DeviceMemory pages, tables;
};

} // namespace fathom::test

#endif // FATHOM_TEST_E2E_OPENEDARTIFACT_H
