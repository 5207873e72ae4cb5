// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lays a step out, fills it, and takes it apart.

#include "runtime/device/cuda/step_memory.h"

#include <algorithm>
#include <string.h>

namespace fathom::runtime::cuda {

/// Where arrays begin: aligned for any kernel.
static constexpr uint64_t kAlignment = 256;
/// What is downloaded at once: more rows of logits than a step of decode has.
static constexpr uint64_t kMostAtOnce = 32 << 20;

StepLayout::StepLayout(const artifact::EntryPoint &entry, const artifact::Model &model, uint64_t rows)
    : hiddenBytes(model.hidden() * sizeof(float)), logitBytes(model.vocabulary() * sizeof(float)) {
  uint64_t next = 0;
  auto place = [&](uint64_t bytes) {
    uint64_t here = next;
    next += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return here;
  };
  place(sizeof(fathom_step_t));
  tokens = place(rows * sizeof(int32_t));
  positions = place(rows * sizeof(int32_t));
  logitRowIds = place(rows * sizeof(int32_t));
  tables = place(rows * sizeof(CUdeviceptr));
  hidden = entry.hidden() ? place(rows * hiddenBytes) : 0;
  inputEnd = next;
  hiddenOut = entry.hidden_out() ? place(rows * hiddenBytes) : 0;
  argmax = entry.argmax() ? place(rows * sizeof(int32_t)) : 0;
  logits = entry.logits() ? place(rows * logitBytes) : 0;
  end = next;
}

fathom_status_t StepMemory::open(const Gpu &newGpu, const artifact::Program &program, const artifact::Model &model) {
  gpu = &newGpu;
  uint64_t most = 0, mostGiven = 0, mostTaken = 0;
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    StepLayout layout(*entry, model, entry->max_rows());
    most = std::max(most, layout.end);
    mostGiven = std::max(mostGiven, layout.inputEnd);
    mostTaken = std::max(mostTaken, layout.end - layout.inputEnd);
  }
  FATHOM_RETURN_IF_ERROR(memory.allocate(*gpu, most, "the arrays of a call"));
  FATHOM_RETURN_IF_ERROR(given.allocate(*gpu, mostGiven, "what a call gives"));
  return taken.allocate(*gpu, std::max(kAlignment, std::min(mostTaken, kMostAtOnce)), "what a call is given");
}

template <typename T>
static void put(char *step, uint64_t offset, const T *from, uint64_t size) {
  if (size > 0) {
    memcpy(step + offset, from, size);
  }
}

// In the memory of the GPU pointers are its addresses.
template <typename T>
static T *pointerAt(CUdeviceptr address) {
  return reinterpret_cast<T *>(address);
}

fathom_status_t StepMemory::upload(const StepLayout &layout, const fathom_call_t &call, const CacheMemory &cache,
                                   CUstream stream) {
  auto rows = static_cast<uint64_t>(call.rows), asked = static_cast<uint64_t>(call.logit_rows);
  CUdeviceptr base = memory.address();
  fathom_step_t step = {call.rows,
                        call.logit_rows,
                        pointerAt<const int32_t>(base + layout.positions),
                        {pointerAt<char>(cache.pages), static_cast<int64_t>(cache.pageBytes),
                         pointerAt<const int32_t *const>(base + layout.tables)}};
  put(given.data(), 0, &step, sizeof(step));
  put(given.data(), layout.tokens, call.tokens, rows * sizeof(int32_t));
  put(given.data(), layout.positions, call.positions, rows * sizeof(int32_t));
  put(given.data(), layout.logitRowIds, call.logit_row_ids, asked * sizeof(int32_t));
  auto *tables = reinterpret_cast<CUdeviceptr *>(given.data() + layout.tables);
  for (uint64_t row = 0; row < rows; ++row) {
    tables[row] = cache.tables + static_cast<uint64_t>(call.page_tables[row]) * cache.tableEntries * sizeof(int32_t);
  }
  put(given.data(), layout.hidden, call.hidden, layout.hidden ? rows * layout.hiddenBytes : 0);
  uint64_t size =
      layout.hidden ? layout.hidden + rows * layout.hiddenBytes : layout.tables + rows * sizeof(CUdeviceptr);
  return gpu->check(gpu->driver().upload(base, given.data(), size, stream), "give a step to the GPU");
}

// In as many pieces as it takes, of all from the first output to the end of the last.
fathom_status_t StepMemory::download(CUdeviceptr base, const Output *outputs, unsigned count, CUstream stream) {
  uint64_t begin = count ? outputs[0].offset : 0, end = count ? outputs[count - 1].offset + outputs[count - 1].size : 0;
  while (begin < end) {
    uint64_t piece = std::min(end - begin, taken.size());
    CUresult result = gpu->driver().readBack(taken.data(), base + begin, piece, stream);
    result = result == kSuccess ? gpu->driver().synchronize(stream) : result;
    FATHOM_RETURN_IF_ERROR(gpu->check(result, "run a step on the GPU"));
    for (const Output *output = outputs; output < outputs + count; ++output) {
      uint64_t first = std::max(begin, output->offset), last = std::min(begin + piece, output->offset + output->size);
      if (first < last) {
        memcpy(static_cast<char *>(output->to) + (first - output->offset), taken.data() + (first - begin),
               last - first);
      }
    }
    begin += piece;
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t StepMemory::download(CUdeviceptr from, uint64_t size, void *to, CUstream stream) {
  Output whole = {0, size, to};
  return download(from, &whole, 1, stream);
}

fathom_status_t StepMemory::download(const StepLayout &layout, const fathom_call_t &call, CUstream stream) {
  Output outputs[3];
  unsigned count = 0;
  if (layout.hiddenOut && call.hidden_out) {
    outputs[count++] = {layout.hiddenOut, static_cast<uint64_t>(call.rows) * layout.hiddenBytes, call.hidden_out};
  }
  auto asked = static_cast<uint64_t>(call.logit_rows);
  if (layout.argmax && call.argmax && asked > 0) {
    outputs[count++] = {layout.argmax, asked * sizeof(int32_t), call.argmax};
  }
  if (layout.logits && call.logits && asked > 0) {
    outputs[count++] = {layout.logits, asked * layout.logitBytes, call.logits};
  }
  return count > 0 ? download(memory.address(), outputs, count, stream)
                   : gpu->check(gpu->driver().synchronize(stream), "run a step on the GPU");
}

} // namespace fathom::runtime::cuda
