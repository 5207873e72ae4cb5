# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""What the checklists for a kernel, a target, a family and a verb ask for, and the places of an op.

The op is `clamp_rows`, as tools/dev/new-op writes it; the kernel is its second instance; the target is AVX-512 with VBMI;
the family has the parts of qwen2 under another name.
"""

HEADER = """// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
"""

# New files, by path.
FILES = {
    "tools/driver/Greet.h": HEADER + """// The verb `greet`.

#ifndef FATHOM_TOOLS_DRIVER_GREET_H
#define FATHOM_TOOLS_DRIVER_GREET_H

namespace fathom::driver {

/// Says hello; returns the exit code.
int runGreet();

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_GREET_H
""",
    "tools/driver/Greet.cpp": HEADER + """// The verb `greet`.

#include "tools/driver/Greet.h"

#include "tools/driver/Terminal.h"

#include "runtime/cli/options.h"

#include "llvm/Support/raw_ostream.h"

namespace fathom::driver {

int runGreet() {
  llvm::outs() << "hello\\n";
  return flushOutput(cli::kOk);
}

} // namespace fathom::driver
""",
}

# Changes of files that are there: what stands there once, and what takes its place.
ADDITIONS = {
    "kernels/cpu/instances.def": [
        ("FATHOM_ARCH(avx512,",
         "FATHOM_ARCH(vbmi, avx512, cannonlake, 512, (avx512f, avx512bw, avx512cd, avx512dq, avx512vl, avx512vbmi), all, "
         "Avx512Tile, 0)\n"
         "FATHOM_ARCH(avx512,"),
        ("FATHOM_INSTANCES(gemm, gemm, (avx2, avx512,", "FATHOM_INSTANCES(gemm, gemm, (avx2, avx512, vbmi,"),
        ("FATHOM_INSTANCES(clamp_rows, clamp_rows, (x86)", "FATHOM_INSTANCES(clamp_rows, clamp_rows, (x86, avx2)"),
    ],
    "frontend/huggingface/families/Llama.cpp": [
        ('      {"qwen2",', '      {"copycat", {&gqa, &qkvBias, &denseMlp}, RopePairs::HalfSplit, {}, /*windowsHaveSwitch=*/true},\n'
                          '      {"qwen2",'),
    ],
    "tools/driver/Verbs.cpp": [
        ('#include "tools/driver/Inspect.h"\n', '#include "tools/driver/Greet.h"\n#include "tools/driver/Inspect.h"\n'),
        ('    {"targets",', '    {"greet", "hello", [](int, char **) { return runGreet(); }},\n    {"targets",'),
    ],
    "tools/driver/CMakeLists.txt": [("  Inspect.cpp\n", "  Greet.cpp\n  Inspect.cpp\n")],
}

# Facts of the op that CompletenessTest is built with: the file, how the line that is taken away begins, and what is missed.
BUILT_PLACES = {
    "passes/lower/DecomposeBasic.cpp": ("  addDecompositions<ClampRowsOp>", "no decomposition"),
    "codegen/reference/EvaluateDeepSeek.cpp": ("  addEvaluators<ClampRowsOp>", "no evaluator"),
    "kernels/cpu/instances.def": ("FATHOM_INSTANCES(clamp_rows,", "no row for its kernel 'clamp_rows' in the catalog"),
}

# Facts that it reads from files, so that taking them away needs no build: the file, the words to take away (all of the
# file where there are none), and what is missed.
PLACES = {
    "kernels/ref/ref.h": ("void clamp_rows(", "no reference"),
    "test/dialects/deepseek/clamp-rows.mlir": ("", "no lit test"),
    "test/dialects/deepseek/clamp-rows-invalid.mlir": ("", "no test of what it refuses"),
    "test/passes/lower/structured_values_test.cpp": ("deepseek.clamp_rows", "no value test"),
    "test/kernels/rows_test.cpp": ('kernels_of("clamp_rows")', "no test of its kernel 'clamp_rows'"),
    "docs/reference/deepseek.md": ("### `deepseek.clamp_rows`", "no docs entry"),
}

# Places without which something is not built: the file, how the line that is taken away begins (all of the file where
# there is none), the target, and what its build then names.
NEEDED_PLACES = {
    "kernels/cpu/clamp_rows.cpp": ("", "fathom_kernels_test", "clamp_rows.cpp"),
    "kernels/ops.def": ("FATHOM_OP(clamp_rows,", "fathom_kernel_catalog", "clamp_rows_op"),
    "kernels/operands.def": ("FATHOM_OPERANDS(clamp_rows,", "fathom_kernel_catalog", "'clamp_rows' in namespace 'fathom::kernels::shapes'"),
    "dialects/deepseek/DeepSeekBasicOps.cpp": ("KernelUse ClampRowsOp::getKernelUse", "fathom-completeness-tests",
                                               "ClampRowsOp::getKernelUse"),
}
