// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The toy's kernels as entries of a GPU's code, a thread for each row.

#include "test/runtime/toy_model.c"

#define STEP const fathom_step_t *step, const int64_t *counted, int64_t factor, int64_t layer, char *scratch

// Each thread has 100 bytes of scratch memory, as the artifact says.
#define ENTRY(name, parameters, ...)                                                                                   \
  __attribute__((device_kernel)) void name parameters {                                                                \
    void *operands[] = {__VA_ARGS__};                                                                                  \
    fathom_dispatch_t dispatch = {operands, *counted * factor, layer, step->positions, &step->cache};                  \
    int64_t width = __nvvm_read_ptx_sreg_ntid_x();                                                                     \
    int64_t thread = __nvvm_read_ptx_sreg_ctaid_x() * width + __nvvm_read_ptx_sreg_tid_x();                            \
    for (int64_t row = thread; row < dispatch.rows; row += width * __nvvm_read_ptx_sreg_nctaid_x()) {                  \
      toy_##name(&dispatch, row, scratch + thread * 100);                                                              \
    }                                                                                                                  \
  }

ENTRY(begin, (STEP, void *a), a)
ENTRY(append, (STEP, void *a, void *b), a, b)
ENTRY(attend, (STEP, void *a, void *b), a, b)
ENTRY(copy, (STEP, void *a, void *b), a, b)
ENTRY(mark, (STEP, void *a), a)
ENTRY(logits, (STEP, void *a, void *b, void *c), a, b, c)
ENTRY(argmax, (STEP, void *a, void *b), a, b)
ENTRY(poison, (STEP, void *a, void *b, void *c, void *d), a, b, c, d)
ENTRY(draft_append, (STEP, void *a, void *b), a, b)
ENTRY(draft_append_once, (STEP, void *a, void *b), a, b)
ENTRY(draft_states, (STEP, void *a, void *b, void *c, void *d, void *e), a, b, c, d, e)
ENTRY(draft_logits, (STEP, void *a, void *b, void *c, void *d), a, b, c, d)
ENTRY(below_40, (STEP, void *a), a)
ENTRY(from_40, (STEP, void *a), a)
ENTRY(trap, (STEP, void *a), a)
