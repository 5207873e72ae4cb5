// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the trace event format: an array of complete events.

#include "runtime/device/cpu/command_trace.h"

#include "runtime/src/memory.h"

#include "runtime/src/output_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fathom::runtime {

/// Behind the last event; the next call's are written over it.
static constexpr char kEnd[] = "\n]\n";

int CommandTrace::currentThread() { return static_cast<int>(syscall(SYS_gettid)); }

CommandTrace::~CommandTrace() { close(); }

void CommandTrace::close() {
  if (fd >= 0) {
    ::close(fd);
  }
  fd = -1;
}

fathom_status_t CommandTrace::open(const char *path, uint32_t mostLaunches, uint32_t walkers) {
  uint64_t count;
  launches = mostLaunches;
  if (!multiply(mostLaunches, walkers, &count) || !all.allocate(count) || !name.append(path, strlen(path) + 1)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a trace of %u launches", mostLaunches);
  }
  FATHOM_RETURN_IF_ERROR(openReplaceable(path, kTraceFile, &fd));
  if (int error = writeAll(fd, "[]\n", 3)) {
    close();
    return failToWrite(path, error);
  }
  start = now();
  return FATHOM_STATUS_OK;
}

void CommandTrace::endCall(const TraceBox &call) {
  failure = printAll(call) ? append() : ENOMEM;
  if (failure != 0) {
    close();
  }
}

bool CommandTrace::printAll(const TraceBox &call) {
  text.clear();
  bool room = print(call);
  for (TraceBox &box : all) {
    room = room && (box.items == 0 || print(box));
    box.items = 0;
  }
  return room && text.append(kEnd, strlen(kEnd));
}

// Puts the text where the file's end was. An error number, and the file as it was, if it cannot be written.
int CommandTrace::append() {
  lseek(fd, size, SEEK_SET);
  int error = writeAll(fd, text.data(), text.size());
  if (error != 0) {
    const char *end = size > 0 ? kEnd : "[]\n";
    ssize_t written = pwrite(fd, end, strlen(end), size);
    return written < 0 || ftruncate(fd, size + written) != 0 ? errno : error;
  }
  size += static_cast<int64_t>(text.size() - strlen(kEnd));
  return 0;
}

fathom_status_t CommandTrace::takeFailure() {
  int error = failure;
  failure = 0;
  return error == 0 ? FATHOM_STATUS_OK : failToWrite(name.data(), error);
}

bool CommandTrace::print(const TraceBox &box) {
  char part[256];
  auto add = [&](int length) { return text.append(part, static_cast<size_t>(length)); };
  bool isFirst = size == 0 && text.empty();
  if (!add(snprintf(part, sizeof(part), "%s{\"name\":\"", isFirst ? "[\n" : ",\n"))) {
    return false;
  }
  // A name comes out of a file.
  for (const char *at = box.name; *at; ++at) {
    if (!text.push(isalnum(static_cast<unsigned char>(*at)) || *at == '.' ? *at : '_')) {
      return false;
    }
  }
  char layer[40] = "";
  if (box.layer >= 0) {
    snprintf(layer, sizeof(layer), ",\"layer\":%lld", static_cast<long long>(box.layer));
  }
  auto microseconds = [](uint64_t nanoseconds) { return static_cast<unsigned long long>(nanoseconds / 1000); };
  auto rest = [](uint64_t nanoseconds) { return static_cast<unsigned>(nanoseconds % 1000); };
  uint64_t begin = box.begin - start, duration = box.end - box.begin;
  return add(snprintf(part, sizeof(part),
                      "\",\"ph\":\"X\",\"ts\":%llu.%03u,\"dur\":%llu.%03u,\"pid\":%d,\"tid\":%d,"
                      "\"args\":{\"items\":%lld%s}}",
                      microseconds(begin), rest(begin), microseconds(duration), rest(duration),
                      static_cast<int>(getpid()), box.thread, static_cast<long long>(box.items), layer));
}

} // namespace fathom::runtime
