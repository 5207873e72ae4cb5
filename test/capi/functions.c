// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A C11 program that calls a function by its name: functions MODEL, where MODEL is made of a graph that takes x, f32
// [n, 8], and gives y, f32 [n, 4], and best, i64 [n] (test/e2e/onnx/functions_test.py). Prints one line for each thing
// that is not as it should be and returns how many there were.

#include "fathom/fathom.h"
#include "test/capi/check.h"

#include <stdio.h>
#include <string.h>

// docs: call
/// Calls main with x, [3, 8], and copies y, [3, 4].
static fathom_status_t call(fathom_model_t *model, const float *values, float *y) {
  static const int64_t sizes[] = {3, 8};
  fathom_tensor_t x = {"x", FATHOM_ELEMENT_F32, 2, sizes, NULL, values, 3 * 8 * sizeof(float)};
  fathom_results_t *results = NULL;
  fathom_status_t status = fathom_model_call(model, "main", &x, 1, &results);
  if (status == FATHOM_STATUS_OK) {
    fathom_tensor_t output;
    status = fathom_results_tensor(results, 0, &output);
    if (status == FATHOM_STATUS_OK) {
      memcpy(y, output.data, output.bytes);
    }
    fathom_results_release(results);
  }
  return status;
}
// docs: end

static void check_types(fathom_model_t *model) {
  size_t count = 0, inputs = 0, outputs = 0;
  const char *name = NULL;
  CHECK_OK(fathom_model_function_count(model, &count));
  CHECK(count == 1);
  CHECK_OK(fathom_model_function(model, 0, &name, &inputs, &outputs));
  CHECK(strcmp(name, "main") == 0 && inputs == 1 && outputs == 2);
  CHECK(fathom_model_function(model, 1, &name, &inputs, &outputs) == FATHOM_STATUS_INVALID_ARGUMENT);
  fathom_tensor_type_t type;
  CHECK_OK(fathom_model_function_input(model, "main", 0, &type));
  CHECK(strcmp(type.name, "x") == 0 && type.element == FATHOM_ELEMENT_F32 && type.rank == 2);
  CHECK(type.sizes[0] == -1 && strcmp(type.symbols[0], "n") == 0 && type.sizes[1] == 8);
  CHECK_OK(fathom_model_function_output(model, "main", 1, &type));
  CHECK(strcmp(type.name, "best") == 0 && type.element == FATHOM_ELEMENT_I64 && type.rank == 1);
  CHECK(fathom_model_function_output(model, "main", 2, &type) == FATHOM_STATUS_INVALID_ARGUMENT);
  CHECK(fathom_model_function_input(model, "other", 0, &type) == FATHOM_STATUS_INVALID_ARGUMENT);
}

static void check_call(fathom_model_t *model, const fathom_tensor_t *x) {
  fathom_results_t *results = NULL;
  CHECK_OK(fathom_model_call(model, "main", x, 1, &results));
  fathom_tensor_t y, best;
  CHECK_OK(fathom_results_tensor(results, 0, &y));
  CHECK_OK(fathom_results_tensor(results, 1, &best));
  CHECK(fathom_results_tensor(results, 2, &best) == FATHOM_STATUS_INVALID_ARGUMENT);
  CHECK(y.rank == 2 && y.sizes[0] == 3 && y.sizes[1] == 4 && y.bytes == 48 && strcmp(y.name, "y") == 0);
  const float *values = (const float *)y.data;
  for (int row = 0; row < 3; ++row) {
    float sum = values[4 * row] + values[4 * row + 1] + values[4 * row + 2] + values[4 * row + 3];
    CHECK(sum > 0.9999f && sum < 1.0001f);
    int64_t at = ((const int64_t *)best.data)[row];
    CHECK(at >= 0 && at < 4);
  }
  CHECK_OK(fathom_results_retain(results));
  CHECK_OK(fathom_results_release(results));
  CHECK_OK(fathom_results_release(results));
  CHECK(fathom_results_tensor(results, 0, &y) == FATHOM_STATUS_INVALID_HANDLE);
}

static void check_refused(fathom_model_t *model, fathom_tensor_t x, const char *words) {
  fathom_results_t *results = NULL;
  CHECK(fathom_model_call(model, "main", &x, 1, &results) == FATHOM_STATUS_INVALID_ARGUMENT);
  CHECK(strstr(fathom_status_message(), words) != NULL);
  CHECK(results == NULL);
}

/// Each with one thing wrong.
static void check_tensors(fathom_model_t *model, fathom_tensor_t good) {
  static const int64_t narrow[] = {3, 7}, negative[] = {-1, 8}, turned[] = {1, 3}, dense[] = {8, 1};
  fathom_tensor_t x = good;
  x.strides = dense;
  check_call(model, &x);
  x.strides = turned;
  check_refused(model, x, "has stride 3, expected 1: tensors are dense");
  x = good, x.sizes = narrow;
  check_refused(model, x, "axis 1 has 7 elements, expected 8");
  x = good, x.sizes = negative;
  check_refused(model, x, "axis 0 has -1 elements, expected 0 or more");
  x = good, x.rank = 1;
  check_refused(model, x, "has 1 axes, expected 2");
  x = good, x.bytes = 95;
  check_refused(model, x, "has 95 bytes, expected 96");
  x = good, x.data = (const char *)good.data + 1;
  check_refused(model, x, "not aligned");
  x = good, x.element = FATHOM_ELEMENT_BF16;
  check_refused(model, x, "has elements of type bf16, expected f32");
  x = good, x.name = "z";
  check_refused(model, x, "takes no input 'z'");
}

int main(int argc, char **argv) {
  fathom_model_t *model = NULL;
  CHECK(argc == 2);
  CHECK_OK(fathom_model_load_file(argv[1], NULL, &model));
  check_types(model);
  float values[24];
  for (int i = 0; i < 24; ++i) {
    values[i] = (float)i / 8 - 1;
  }
  static const int64_t sizes[] = {3, 8};
  fathom_tensor_t x = {"x", FATHOM_ELEMENT_F32, 2, sizes, NULL, values, sizeof(values)};
  float y[12] = {0};
  CHECK_OK(call(model, values, y));
  CHECK(y[0] > 0 && y[11] > 0);
  check_tensors(model, x);
  fathom_session_t *session = NULL;
  CHECK(fathom_session_create(model, NULL, &session) == FATHOM_STATUS_UNSUPPORTED);
  CHECK_OK(fathom_model_release(model));
  return failures;
}
