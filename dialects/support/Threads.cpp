// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// POSIX threads, since std::thread throws where there are too many.

#include "dialects/support/Threads.h"

#include <algorithm>
#include <pthread.h>
#include <vector>

namespace fathom {

static void *callWork(void *work) {
  (*static_cast<llvm::function_ref<void()> *>(work))();
  return nullptr;
}

void shareWork(unsigned threads, llvm::function_ref<void()> work) {
  std::vector<pthread_t> helpers;
  for (unsigned i = 1; i < std::clamp(threads, 1u, 64u); ++i) {
    pthread_t helper;
    if (pthread_create(&helper, nullptr, callWork, &work) != 0) {
      break;
    }
    helpers.push_back(helper);
  }
  work();
  for (pthread_t helper : helpers) {
    pthread_join(helper, nullptr);
  }
}

} // namespace fathom
