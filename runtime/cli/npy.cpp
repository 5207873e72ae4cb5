// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Headers of NumPy files, versions 1 to 3.

#include "runtime/cli/npy.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace fathom::cli {

namespace {
struct NpyType {
  const char *name;
  uint64_t bytes;
};
} // namespace

/// In the order of fathom_element_t.
static constexpr NpyType kTypes[] = {{"<f4", 4}, {"<f8", 8}, {"<f2", 2}, {"<V2", 2}, {"|i1", 1}, {"<i2", 2}, {"<i4", 4},
                                     {"<i8", 8}, {"|u1", 1}, {"<u2", 2}, {"<u4", 4}, {"<u8", 8}, {"|b1", 1}};
static constexpr size_t kTypeCount = sizeof(kTypes) / sizeof(*kTypes);
static constexpr size_t kPreamble = 10;

const char *npyType(fathom_element_t element) { return kTypes[element].name; }

// The header of a NumPy 1.0 file; its length is a multiple of 64.
static size_t formatHeader(char *header, size_t capacity, const char *type, const uint64_t *shape, size_t rank) {
  char dimensions[400] = "";
  for (size_t i = 0, used = 0; i < rank; ++i) {
    int part = snprintf(dimensions + used, sizeof(dimensions) - used, "%llu,%s",
                        static_cast<unsigned long long>(shape[i]), i + 1 < rank ? " " : "");
    used += static_cast<size_t>(part);
  }
  int text = snprintf(header + kPreamble, capacity - kPreamble,
                      "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, dimensions);
  size_t size = (kPreamble + static_cast<size_t>(text) + 1 + 63) / 64 * 64;
  memset(header + kPreamble + text, ' ', size - kPreamble - static_cast<size_t>(text));
  header[size - 1] = '\n';
  memcpy(header, runtime::kNpyFile.starts[0], 6);
  header[6] = 1;
  header[7] = 0;
  header[8] = static_cast<char>((size - kPreamble) & 0xff);
  header[9] = static_cast<char>((size - kPreamble) >> 8);
  return size;
}

int writeNpy(const char *program, const char *path, fathom_element_t element, const void *values, uint64_t bytes,
             const uint64_t *shape, size_t rank) {
  char header[640];
  size_t headerSize = formatHeader(header, sizeof(header), kTypes[element].name, shape, rank);
  runtime::Replacement file;
  int error = file.open(path);
  error = error ? error : runtime::writeAll(file.fd(), header, headerSize);
  error = error ? error : runtime::writeAll(file.fd(), values, bytes);
  error = error ? error : file.commit();
  return error ? printSystemError(program, error, path, "write") : kOk;
}

/// The text behind `'key':` in a header; NULL if there is none.
static const char *findValue(const char *header, const char *key) {
  const char *at = strstr(header, key);
  at = at ? strchr(at, ':') : nullptr;
  return at ? at + 1 + strspn(at + 1, " ") : nullptr;
}

static bool readType(const char *header, NpyArray *array) {
  const char *text = findValue(header, "'descr'");
  for (size_t i = 0; text && i < kTypeCount; ++i) {
    size_t length = strlen(kTypes[i].name);
    // Of a byte there is no order, whatever is written.
    bool same = !strncmp(text + 2, kTypes[i].name + 1, length - 1) && text[length + 1] == '\'' &&
                (text[1] == '<' || text[1] == '|' || text[1] == '=');
    if (same) {
      array->element = static_cast<fathom_element_t>(i);
      return true;
    }
  }
  return false;
}

static bool readShape(const char *header, NpyArray *array) {
  const char *at = findValue(header, "'shape'");
  if (!at || *at++ != '(') {
    return false;
  }
  for (at += strspn(at, " "); *at && *at != ')'; at += strspn(at, ", ")) {
    char *end = nullptr;
    long long size = strtoll(at, &end, 10);
    if (end == at || size < 0 || array->rank == FATHOM_MOST_RANK) {
      return false;
    }
    array->sizes[array->rank++] = size;
    at = end;
  }
  return *at == ')';
}

/// What the header of |text| says, where the values begin; 0, and |problem|, if it cannot be.
static size_t readHeader(const Buffer<char> &text, NpyArray *array, const char **problem) {
  const auto *bytes = reinterpret_cast<const unsigned char *>(text.data());
  *problem = "is not a NumPy file";
  if (text.size() < 12 || memcmp(bytes, runtime::kNpyFile.starts[0], 6) != 0 || bytes[6] < 1 || bytes[6] > 3) {
    return 0;
  }
  size_t preamble = bytes[6] == 1 ? kPreamble : 12, length = bytes[8] + size_t(bytes[9]) * 256;
  length += bytes[6] == 1 ? 0 : size_t(bytes[10]) * 65536 + size_t(bytes[11]) * 16777216;
  char header[4096];
  if (length >= sizeof(header) || length > text.size() - preamble) {
    return 0;
  }
  memcpy(header, bytes + preamble, length);
  header[length] = 0;
  const char *order = findValue(header, "'fortran_order'");
  if (!order || strncmp(order, "False", 5) != 0) {
    *problem = "is not written row by row; save numpy.ascontiguousarray of it";
    return 0;
  }
  if (!readType(header, array)) {
    *problem = "has elements of a type that functions do not take";
    return 0;
  }
  return readShape(header, array) ? preamble + length : 0;
}

int readNpy(const char *program, const char *path, NpyArray *array) {
  Buffer<char> text;
  if (int code = readText(program, path, &text)) {
    return code;
  }
  const char *problem;
  size_t begin = readHeader(text, array, &problem);
  if (begin == 0) {
    return printError(program, kBadInput, "%s: %s", path, problem);
  }
  uint64_t bytes = kTypes[array->element].bytes;
  bool over = false;
  for (size_t i = 0; i < array->rank; ++i) {
    over |= __builtin_mul_overflow(bytes, static_cast<uint64_t>(array->sizes[i]), &bytes);
  }
  if (over || bytes != text.size() - begin) {
    return printError(program, kBadInput, "%s: has %zu bytes of values, expected %llu", path, text.size() - begin,
                      static_cast<unsigned long long>(bytes));
  }
  if (!array->values.allocate(bytes / 8 + 1)) {
    return printError(program, kResources, "%s: not enough memory for its values", path);
  }
  memcpy(array->values.data(), text.data() + begin, bytes);
  array->bytes = bytes;
  return kOk;
}

} // namespace fathom::cli
