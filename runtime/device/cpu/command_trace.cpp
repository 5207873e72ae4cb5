// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the trace event format: an array of complete events.

#include "runtime/device/cpu/command_trace.h"

#include "runtime/src/memory.h"

#include <ctype.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fathom::runtime {

int CommandTrace::currentThread() { return static_cast<int>(syscall(SYS_gettid)); }

CommandTrace::~CommandTrace() {
  if (file) {
    fputs(isFirst ? "[]\n" : "\n]\n", file);
    fclose(file);
  }
}

fathom_status_t CommandTrace::open(const char *path, uint32_t mostLaunches, uint32_t walkers) {
  uint64_t count;
  launches = mostLaunches;
  if (!multiply(mostLaunches, walkers, &count) || !all.allocate(count)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a trace of %u launches", mostLaunches);
  }
  file = fopen(path, "we");
  if (!file) {
    SystemError error = describeSystemError(errno);
    return fail(FATHOM_STATUS_IO, "cannot write '%s': %s%s%s", path, error.text, error.separator, error.advice);
  }
  start = now();
  return FATHOM_STATUS_OK;
}

void CommandTrace::endCall(const TraceBox &call) {
  write(call);
  for (TraceBox &box : all) {
    if (box.items > 0) {
      write(box);
      box.items = 0;
    }
  }
}

void CommandTrace::write(const TraceBox &box) {
  fputs(isFirst ? "[\n{\"name\":\"" : ",\n{\"name\":\"", file);
  isFirst = false;
  // A name comes out of a file.
  for (const char *at = box.name; *at; ++at) {
    fputc(isalnum(static_cast<unsigned char>(*at)) || *at == '.' ? *at : '_', file);
  }
  auto print = [&](const char *field, uint64_t nanoseconds) {
    fprintf(file, ",\"%s\":%llu.%03u", field, static_cast<unsigned long long>(nanoseconds / 1000),
            static_cast<unsigned>(nanoseconds % 1000));
  };
  fputs("\",\"ph\":\"X\"", file);
  print("ts", box.begin - start);
  print("dur", box.end - box.begin);
  fprintf(file, ",\"pid\":%d,\"tid\":%d,\"args\":{\"items\":%lld", static_cast<int>(getpid()), box.thread,
          static_cast<long long>(box.items));
  if (box.layer >= 0) {
    fprintf(file, ",\"layer\":%lld", static_cast<long long>(box.layer));
  }
  fputs("}}", file);
}

} // namespace fathom::runtime
