// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the trace event format: an array of complete events, and of names of threads.

#include "runtime/device/command_trace.h"

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

CommandTrace::~CommandTrace() {
  if (fd >= 0) {
    close(fd);
  }
}

fathom_status_t CommandTrace::open(const char *path, uint32_t mostLaunches, uint32_t walkers) {
  uint64_t count;
  launches = mostLaunches;
  if (!multiply(mostLaunches, walkers, &count) || !all.allocate(count) || !name.append(path, strlen(path) + 1)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a trace of %u launches", mostLaunches);
  }
  FATHOM_RETURN_IF_ERROR(checkReplaceable(path, kTraceFile));
  Replacement attempt; // Whether there can be one: a call that runs for long should not find out.
  if (int error = attempt.open(path)) {
    return failToWrite(path, error);
  }
  goesOn = true;
  start = now();
  return FATHOM_STATUS_OK;
}

void CommandTrace::endCall(const TraceBox &call) {
  failure = !printAll(call) ? ENOMEM : fd < 0 ? begin() : append();
  size += failure == 0 ? static_cast<int64_t>(text.size() - strlen(kEnd)) : 0;
  goesOn = failure == 0;
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

// Puts the text in the place of an older trace. An error number, and that as it was, if it cannot be written.
int CommandTrace::begin() {
  Replacement file;
  int error = file.open(name.data());
  error = error ? error : writeAll(file.fd(), text.data(), text.size());
  error = error ? error : file.commit();
  fd = error ? -1 : file.release();
  return error;
}

// Puts the text where the file's end was. An error number, and the file as it was, if it cannot be written.
int CommandTrace::append() {
  lseek(fd, size, SEEK_SET);
  int error = writeAll(fd, text.data(), text.size());
  if (error != 0) {
    ssize_t written = pwrite(fd, kEnd, strlen(kEnd), size);
    return written < 0 || ftruncate(fd, size + written) != 0 ? errno : error;
  }
  return 0;
}

fathom_status_t CommandTrace::takeFailure() {
  int error = failure;
  failure = 0;
  return error == 0 ? FATHOM_STATUS_OK : failToWrite(name.data(), error);
}

bool CommandTrace::startEvent() {
  const char *start = size == 0 && text.empty() ? "[\n{\"name\":\"" : ",\n{\"name\":\"";
  return text.append(start, strlen(start));
}

// Before its first box; the box of a call is the first of all.
bool CommandTrace::nameThread(int thread) {
  for (int named : threads) {
    if (named == thread) {
      return true;
    }
  }
  char event[160], number[16] = "";
  if (!threads.empty() && thread != kTracedGpu) {
    snprintf(number, sizeof(number), " %zu", threads.size());
  }
  const char *kind = threads.empty() ? "caller" : thread == kTracedGpu ? "GPU" : "thread";
  int length =
      snprintf(event, sizeof(event), "thread_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":\"%s%s\"}}",
               static_cast<int>(getpid()), thread, kind, number);
  return threads.push(thread) && startEvent() && text.append(event, static_cast<size_t>(length));
}

bool CommandTrace::print(const TraceBox &box) {
  char part[256];
  auto add = [&](int length) { return text.append(part, static_cast<size_t>(length)); };
  if (!nameThread(box.thread) || !startEvent()) {
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
