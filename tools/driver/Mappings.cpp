// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads /proc/self/smaps: the processor marks pages it reads, and /proc/self/clear_refs takes the marks away.

#include "tools/driver/Mappings.h"

#include <cstdio>
#include <cstring>
#include <sys/mman.h>

namespace fathom::driver {

/// Whether a line of smaps begins a mapping: "start-end flags offset device inode path".
static bool parseHeader(const char *line, Mapping &mapping) {
  unsigned long long start = 0, end = 0, inode = 0;
  char path[4096] = "";
  if (sscanf(line, "%llx-%llx %*s %*s %*s %llu %4095[^\n]", &start, &end, &inode, path) < 3) {
    return false;
  }
  const char *slash = strrchr(path, '/');
  mapping = {start, end, inode != 0, slash ? slash + 1 : path, 0};
  return true;
}

std::vector<Mapping> listMappings() {
  std::vector<Mapping> mappings;
  FILE *file = fopen("/proc/self/smaps", "re");
  char line[8192];
  Mapping mapping;
  unsigned long long kilobytes = 0;
  while (file && fgets(line, sizeof(line), file)) {
    if (parseHeader(line, mapping)) {
      mappings.push_back(mapping);
    } else if (!mappings.empty() && sscanf(line, "Referenced: %llu kB", &kilobytes) == 1) {
      mappings.back().referenced = kilobytes * 1024;
    }
  }
  if (file) {
    fclose(file);
  }
  return mappings;
}

/// Makes processors forget where pages are. A page that they know is read without a mark, and the system lets them know
/// pages whose marks it clears. It lets them forget all where many pages end at once.
static bool forgetAddresses() {
  constexpr size_t kBytes = size_t(1) << 20;
  void *pages = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  return pages != MAP_FAILED && munmap(pages, kBytes) == 0;
}

bool clearReferences() {
  FILE *file = fopen("/proc/self/clear_refs", "we");
  bool done = file && fputs("1", file) >= 0;
  return file && fclose(file) == 0 && done && forgetAddresses();
}

} // namespace fathom::driver
