// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One call of a named function.

#include "runtime/cli/call.h"

#include "fathom/artifact_generated.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/npy.h"
#include "runtime/src/status.h"
#include "runtime/src/widen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

namespace fathom::cli {

/// Values of an output that are printed.
static constexpr uint64_t kShownValues = 8;

/// Splits "NAME=@FILE"; false, with a message, if it is not that.
static bool splitInput(const char *program, const char *text, Buffer<char> *name, const char **path) {
  const char *mark = strstr(text, "=@");
  if (!mark || mark == text || !mark[2]) {
    printUsageError(program, "option '--input': expected NAME=@FILE.npy, but got '%s'", text);
    return false;
  }
  *path = mark + 2;
  return name->append(text, static_cast<size_t>(mark - text)) && name->push(0);
}

namespace {
/// The inputs of a call, and the files that they are from.
class Inputs {
public:
  Inputs() = default;
  Inputs(const Inputs &) = delete;
  Inputs &operator=(const Inputs &) = delete;

  int read(const char *program, const TextList &given) {
    for (; count < given.count; ++count) {
      const char *path = nullptr;
      if (!splitInput(program, given.items[count], &names[count], &path)) {
        return kUsage;
      }
      NpyArray &array = arrays[count];
      if (int code = readNpy(program, path, &array)) {
        return code;
      }
      tensors[count] = {names[count].data(), array.element, static_cast<uint32_t>(array.rank), array.sizes, nullptr,
                        array.values.data(), array.bytes};
    }
    return kOk;
  }
  const fathom_tensor_t *data() const { return tensors; }
  size_t size() const { return count; }

private:
  size_t count = 0;
  Buffer<char> names[TextList::kMost];
  NpyArray arrays[TextList::kMost];
  fathom_tensor_t tensors[TextList::kMost];
};
} // namespace

/// "NAME.npy" in a folder. Names of graphs have slashes and colons, which files have not.
static bool formatPath(const char *folder, const char *name, Buffer<char> *path) {
  if (!path->append(folder, strlen(folder)) || !path->push('/')) {
    return false;
  }
  for (const char *c = *name ? name : "_"; *c; ++c) {
    if (!path->push(*c == '/' || *c == ':' || *c == '\\' || static_cast<unsigned char>(*c) < 0x20 ? '_' : *c)) {
      return false;
    }
  }
  return path->append(".npy", 5);
}

static int writeOutput(const char *program, const char *folder, const fathom_tensor_t &tensor) {
  Buffer<char> path;
  if (!formatPath(folder, tensor.name, &path)) {
    return printError(program, kResources, "not enough memory for a path");
  }
  if (int code = checkOutputPath(program, path.data(), runtime::kNpyFile)) {
    return code;
  }
  uint64_t shape[FATHOM_MOST_RANK];
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    shape[i] = static_cast<uint64_t>(tensor.sizes[i]);
  }
  return writeNpy(program, path.data(), tensor.element, tensor.data, tensor.bytes, shape, tensor.rank);
}

/// Element |i|, as text that says all of it.
static void printValue(Output &output, const fathom_tensor_t &tensor, uint64_t i) {
  auto at = [&](auto zero) {
    memcpy(&zero, static_cast<const char *>(tensor.data) + i * sizeof(zero), sizeof(zero));
    return zero;
  };
  switch (tensor.element) {
  case FATHOM_ELEMENT_F32:
    output.print("%.9g", static_cast<double>(at(float())));
    return;
  case FATHOM_ELEMENT_F64:
    output.print("%.17g", at(double()));
    return;
  case FATHOM_ELEMENT_F16:
    output.print("%.6g", static_cast<double>(at(_Float16())));
    return;
  case FATHOM_ELEMENT_BF16: {
    uint16_t bits = at(uint16_t());
    float wide;
    runtime::widen(&bits, 1, &wide);
    output.print("%.6g", static_cast<double>(wide));
    return;
  }
  case FATHOM_ELEMENT_I8:
    output.print("%d", at(int8_t()));
    return;
  case FATHOM_ELEMENT_I16:
    output.print("%d", at(int16_t()));
    return;
  case FATHOM_ELEMENT_I32:
    output.print("%d", at(int32_t()));
    return;
  case FATHOM_ELEMENT_I64:
    output.print("%lld", static_cast<long long>(at(int64_t())));
    return;
  case FATHOM_ELEMENT_U8:
    output.print("%u", at(uint8_t()));
    return;
  case FATHOM_ELEMENT_U16:
    output.print("%u", at(uint16_t()));
    return;
  case FATHOM_ELEMENT_U32:
    output.print("%u", at(uint32_t()));
    return;
  case FATHOM_ELEMENT_U64:
    output.print("%llu", static_cast<unsigned long long>(at(uint64_t())));
    return;
  case FATHOM_ELEMENT_BOOL:
    output.write(at(uint8_t()) ? "true" : "false");
    return;
  }
}

/// "y: f32 [2, 3] = 1, 2, 3, 4, 5, 6"; of larger ones the first values.
static void printOutput(Output &output, const fathom_tensor_t &tensor) {
  uint64_t count = 1;
  output.print("%s: %s [", tensor.name,
               artifact::EnumNameTensorElement(static_cast<artifact::TensorElement>(tensor.element)));
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    output.print("%s%lld", i ? ", " : "", static_cast<long long>(tensor.sizes[i]));
    count *= static_cast<uint64_t>(tensor.sizes[i]);
  }
  output.write("] =");
  for (uint64_t i = 0; i < count && i < kShownValues; ++i) {
    output.write(i ? ", " : " ");
    printValue(output, tensor, i);
  }
  output.write(count > kShownValues ? ", ...\n" : "\n");
}

static const char *getPath(const ModelSource &source, const RunOptions &options) {
  return source.path ? source.path : options.model;
}

/// As report(), and where it happened.
static int reportCall(const ModelSource &source, const RunOptions &options, fathom_status_t status) {
  return report(source.program, runtime::failInFile(status, getPath(source, options)));
}

/// "'a', 'b'": names of all functions; empty without memory for them.
static void listFunctions(fathom_model_t *model, size_t count, Buffer<char> *list) {
  for (size_t i = 0; i < count; ++i) {
    const char *name = nullptr;
    size_t inputs = 0, outputs = 0;
    if (fathom_model_function(model, i, &name, &inputs, &outputs) != FATHOM_STATUS_OK ||
        !list->append(i ? ", '" : "'", i ? 3 : 1) || !list->append(name, strlen(name)) || !list->push('\'')) {
      break;
    }
  }
  list->push(0);
}

/// The function to call: the one that is named, or the first.
static int findFunction(const ModelSource &source, const RunOptions &options, fathom_model_t *model, const char **name,
                        size_t *outputs) {
  size_t count = 0, inputs = 0;
  fathom_status_t status = fathom_model_function_count(model, &count);
  if (status == FATHOM_STATUS_OK && count == 0) {
    return printError(source.program, kUnsupported,
                      "%s: has a language model, and no function of tensors: give it a prompt",
                      getPath(source, options));
  }
  const char *wanted = options.function;
  for (size_t i = 0; status == FATHOM_STATUS_OK && i < count; ++i) {
    status = fathom_model_function(model, i, name, &inputs, outputs);
    if (status == FATHOM_STATUS_OK && (!wanted || !strcmp(wanted, *name))) {
      return kOk;
    }
  }
  if (status != FATHOM_STATUS_OK) {
    return reportCall(source, options, status);
  }
  Buffer<char> list;
  listFunctions(model, count, &list);
  return printUsageError(source.program, "option '--function': there is no function '%s' in %s, which has %s", wanted,
                         getPath(source, options), list.size() ? list.data() : "others");
}

static int giveOutputs(const char *program, const RunOptions &options, fathom_results_t *results, size_t count,
                       Output &output) {
  int code = kOk;
  for (size_t i = 0; code == kOk && i < count; ++i) {
    fathom_tensor_t tensor;
    fathom_status_t status = fathom_results_tensor(results, i, &tensor);
    if (status != FATHOM_STATUS_OK) {
      return report(program, status);
    }
    printOutput(output, tensor);
    code = options.outputDirectory ? writeOutput(program, options.outputDirectory, tensor) : kOk;
  }
  return code;
}

int runCall(const ModelSource &source, const RunOptions &options, Output &output) {
  Inputs inputs;
  if (int code = inputs.read(source.program, options.inputs)) {
    return code;
  }
  LoadedModel loaded;
  if (int code = loaded.load(source, options)) {
    return code;
  }
  const char *name = nullptr;
  size_t outputs = 0;
  if (int code = findFunction(source, options, loaded.model, &name, &outputs)) {
    return code;
  }
  if (options.outputDirectory && mkdir(options.outputDirectory, 0777) != 0 && errno != EEXIST) {
    return printSystemError(source.program, errno, options.outputDirectory, "create");
  }
  fathom_results_t *results = nullptr;
  fathom_status_t status = fathom_model_call(loaded.model, name, inputs.data(), inputs.size(), &results);
  if (status != FATHOM_STATUS_OK) {
    return reportCall(source, options, status);
  }
  int code = giveOutputs(source.program, options, results, outputs, output);
  fathom_results_release(results);
  return code;
}

} // namespace fathom::cli
