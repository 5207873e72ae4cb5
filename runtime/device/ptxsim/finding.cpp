// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text of findings.

#include "runtime/device/ptxsim/finding.h"

#include <cstdarg>
#include <cstdio>

namespace fathom::runtime::ptxsim {

std::string format(const char *text, ...) {
  char buffer[1024];
  va_list arguments;
  va_start(arguments, text);
  vsnprintf(buffer, sizeof(buffer), text, arguments);
  va_end(arguments);
  return buffer;
}

static std::string source(const Kernel &kernel, const CodeLine &line) {
  if (line.sourceLine == 0) {
    return "";
  }
  auto file = kernel.files.find(line.sourceFile);
  std::string name = file == kernel.files.end() ? "file " + std::to_string(line.sourceFile) : file->second;
  return " (" + name + ":" + std::to_string(line.sourceLine) + ")";
}

std::string describe(const Place &place, std::string_view what) {
  const CodeLine &line = place.kernel->lines[place.instruction->line];
  std::string text = "kernel " + place.kernel->name + ", PTX line " + std::to_string(line.line) +
                     source(*place.kernel, line) + ": " + line.text + ": " + std::string(what);
  return text + format("; block (%u, %u, %u), thread (%u, %u, %u)", place.block.x, place.block.y, place.block.z,
                       place.thread.x, place.thread.y, place.thread.z);
}

} // namespace fathom::runtime::ptxsim
