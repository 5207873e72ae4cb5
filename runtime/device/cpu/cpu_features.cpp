// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Features of the processor, from cpuid; what the system must save on a switch of threads, from xgetbv.

#include "runtime/device/cpu/cpu_features.h"

#include <cpuid.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fathom::runtime {

namespace {
enum Register { kEax, kEbx, kEcx, kEdx };

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register where;
  uint32_t bit;
  /// Bits of XCR0 the system must have set.
  uint64_t state;
};
} // namespace

static constexpr uint64_t kAvx = 0x6;
static constexpr uint64_t kAvx512 = 0xe6;
static constexpr uint64_t kAmx = 0x60000;

static const Feature features[] = {
    {"movbe", 1, 0, kEcx, 22, 0},
    {"popcnt", 1, 0, kEcx, 23, 0},
    {"fma", 1, 0, kEcx, 12, kAvx},
    {"avx", 1, 0, kEcx, 28, kAvx},
    {"f16c", 1, 0, kEcx, 29, kAvx},
    {"abm", 0x80000001, 0, kEcx, 5, 0},
    {"bmi1", 7, 0, kEbx, 3, 0},
    {"avx2", 7, 0, kEbx, 5, kAvx},
    {"bmi2", 7, 0, kEbx, 8, 0},
    {"avx512f", 7, 0, kEbx, 16, kAvx512},
    {"avx512dq", 7, 0, kEbx, 17, kAvx512},
    {"avx512ifma", 7, 0, kEbx, 21, kAvx512},
    {"avx512cd", 7, 0, kEbx, 28, kAvx512},
    {"avx512bw", 7, 0, kEbx, 30, kAvx512},
    {"avx512vl", 7, 0, kEbx, 31, kAvx512},
    {"avx512vbmi", 7, 0, kEcx, 1, kAvx512},
    {"avx512_vbmi2", 7, 0, kEcx, 6, kAvx512},
    {"gfni", 7, 0, kEcx, 8, 0},
    {"vaes", 7, 0, kEcx, 9, kAvx},
    {"vpclmulqdq", 7, 0, kEcx, 10, kAvx},
    {"avx512_vnni", 7, 0, kEcx, 11, kAvx512},
    {"avx512_bitalg", 7, 0, kEcx, 12, kAvx512},
    {"avx512_vpopcntdq", 7, 0, kEcx, 14, kAvx512},
    {"avx512_vp2intersect", 7, 0, kEdx, 8, kAvx512},
    {"amx_bf16", 7, 0, kEdx, 22, kAmx},
    {"avx512_fp16", 7, 0, kEdx, 23, kAvx512},
    {"amx_tile", 7, 0, kEdx, 24, kAmx},
    {"amx_int8", 7, 0, kEdx, 25, kAmx},
    {"avx_vnni", 7, 1, kEax, 4, kAvx},
    {"avx512_bf16", 7, 1, kEax, 5, kAvx512},
    {"amx_fp16", 7, 1, kEax, 21, kAmx},
};

static uint64_t enabledState() {
  uint32_t r[4];
  if (!__get_cpuid(1, &r[0], &r[1], &r[2], &r[3]) || !(r[kEcx] & (1u << 27))) {
    return 0;
  }
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

// Asks the system to save tiles: a process that has not asked is killed when it uses them. It is refused where a thread
// has too small a stack for signals.
static bool mayUseTiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

static bool test(const Feature &feature) {
  uint32_t r[4];
  return __get_cpuid_count(feature.leaf, feature.subleaf, &r[0], &r[1], &r[2], &r[3]) &&
         (r[feature.where] >> feature.bit & 1) && (enabledState() & feature.state) == feature.state &&
         (feature.state != kAmx || mayUseTiles());
}

// Looks for |name| as a word of the "flags" line of the first processor.
static bool systemKnows(const char *name) {
  char text[8192];
  int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  ssize_t got = read(fd, text, sizeof(text) - 1);
  close(fd);
  text[got > 0 ? got : 0] = '\0';
  char *line = strstr(text, "\nflags");
  char *end = line ? strchr(line + 1, '\n') : nullptr;
  if (end) {
    *end = '\0';
  }
  char *rest = nullptr;
  for (char *word = line ? strtok_r(line, " \t:", &rest) : nullptr; word; word = strtok_r(nullptr, " \t:", &rest)) {
    if (!strcmp(word, name)) {
      return true;
    }
  }
  return false;
}

bool hasFeature(const char *name) {
  for (const Feature &feature : features) {
    if (!strcmp(feature.name, name)) {
      return test(feature);
    }
  }
  return systemKnows(name);
}

bool hasBaseline() {
  const char *const needed[] = {"avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "popcnt"};
  for (const char *name : needed) {
    if (!hasFeature(name)) {
      return false;
    }
  }
  return true;
}

} // namespace fathom::runtime
