# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Every kernel of a GPU as codegen makes an entry of it, with constants of released models: its PTX has what the kernel is
there for and nothing that is slow or inexact, and ptxas, where it is installed, assembles it without spills or warnings.

    ptx_test.py BITCODE_FOLDER LLVM_TOOLS_FOLDER [test...]
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import typing
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BITCODE, TOOLS = sys.argv[1:3]
# Versions of PTX, as kernels/nvptx/instances.def has them.
ARCHS = {"sm_80": "ptx78", "sm_90a": "ptx84"}
TYPES = "bf16|f32|f8e4m3"

# Widths of DeepSeek-V3.2, and of a model with grouped-query attention; elements (0: f32, 1: bf16) are those of `run`.
NORM = {"H": 7168, "groups": 1, "x_stride": 7168, "x_offset": 0, "eps": 1e-6}
PRODUCT = {"K": 7168, "N": 2048, "x_stride": 7168, "x_offset": 0, "out_stride": 2048, "out_offset": 0}
EXPERTS = {"K": 7168, "N": 2048, "E": 256, "k": 8, "gather": 1}
LATENTS = {"H": 128, "r": 512, "dr": 64, "latent_store": 0, "latent_element": 1, "scale": 0.1}
HEADS = {"H": 128, "dn": 128, "dr": 64, "dv": 128, "r": 512}
INDEX = {"H": 64, "d": 128, "k": 2048, "w_stride": 64, "w_offset": 0, "index_store": 0, "index_element": 1}
CONSTANTS = {
    "embedding": {"V": 129280, "H": 7168},
    "select_rows": {"H": 7168},
    "argmax": {"V": 129280},
    "rms_norm": NORM,
    "add_rms_norm": NORM,
    "layer_norm": NORM,
    "gemm": PRODUCT,
    "gemm_swiglu": PRODUCT,
    "swiglu": PRODUCT,
    "moe_gate": {"E": 256, "k": 8, "n_group": 8, "topk_group": 4, "scoring": 1, "group_rule": 2, "normalize": 1,
                 "factor": 2.5, "has_bias": 1},
    "moe_permute": EXPERTS,
    "moe_gemm": EXPERTS,
    "moe_gemm_swiglu": EXPERTS,
    "moe_combine": {"H": 7168, "k": 8},
    "cache_append": {"G": 8, "d": 128, "x_stride": 1024, "x_offset": 0, "store": 0, "element": 2},
    "rope": {"H": 32, "d": 128, "dr": 128, "half_split": 1, "x_stride": 4096, "x_offset": 0},
    "hadamard": {"H": 64, "d": 128},
    "gqa_attention": {"H": 32, "G": 8, "d": 128, "key_store": 0, "key_element": 1, "value_store": 8192,
                      "value_element": 1, "scale": 0.1},
    "gqa_partials": {"H": 32, "G": 8, "d": 128, "parts": 64, "key_store": 0, "key_element": 1, "value_store": 8192,
                     "value_element": 1, "scale": 0.1},
    "attention_combine": {"H": 128, "d": 512, "parts": 16},
    "mla_append": {"r": 512, "dr": 64, "kv_stride": 576, "kv_offset": 0, "latent_store": 0, "latent_element": 2,
                   "eps": 1e-6},
    "mla_absorb_query": HEADS,
    "mla_expand_output": HEADS,
    "mla_latent_attention": LATENTS,
    "mla_selected_attention": {**LATENTS, "k": 2048, "latent_element": 2},
    "mla_latent_partials": {**LATENTS, "parts": 16},
    "mla_selected_partials": {**LATENTS, "k": 2048, "parts": 16, "latent_element": 2},
    "index_select": INDEX,
    "index_candidates": {**INDEX, "parts": 8},
    "index_merge": {**INDEX, "parts": 8},
}
# Ops whose kernels multiply matrices where activations are bf16, and weights are bf16 or FP8: outputs side by side, or
# row by row.
PANEL_PRODUCTS = ("gemm", "gemm_swiglu", "moe_gemm", "moe_gemm_swiglu", "mla_absorb_query")
PRODUCTS = PANEL_PRODUCTS + ("mla_expand_output",)
# The same where what they read of the cache is.
ATTENTION = ("gqa_attention", "gqa_partials", "mla_latent_attention", "mla_latent_partials", "mla_selected_attention",
             "mla_selected_partials")

class Form(typing.NamedTuple):
    """Elements of what a kernel reads and writes, constants that are others, and whether its epilogue adds what was."""
    element: int
    out: int
    constants: dict = {}
    residual: bool = False


FORMS = (Form(0, 0), Form(1, 1))
# Of few outputs, as a router's, and before a residual connection.
PRODUCT_FORMS = FORMS + (Form(1, 0, {"N": 64, "out_stride": 64}), Form(1, 1, {}, True))
INEXACT = r"\.approx|\.full\b|\.ftz|\b(?:add|sub|mul)\.f(?:32|64)\b|\bcall\b|\.local\b|\.func\b"
MATRIX_INSTRUCTIONS = ("mma.sync", "ldmatrix", ".x4.trans", "cp.async.cg", "wgmma.mma_async", "mbarrier.try_wait",
                       "cp.async.bulk", "setmaxnreg")


def list_instructions(arch, op, weight_type, element):
    """Those of MATRIX_INSTRUCTIONS that a kernel is there for."""
    if arch == "sm_90a" and element == 1:
        others = MATRIX_INSTRUCTIONS[1:3] + ("cp.async.bulk",) if op in ATTENTION else ()
        return [name for name in MATRIX_INSTRUCTIONS[1:] if name not in others]
    if element == 1 and op in PRODUCTS and weight_type != "f32":
        return [name for name in MATRIX_INSTRUCTIONS[:4] if name != ".x4.trans" or op in PANEL_PRODUCTS]
    return list(MATRIX_INSTRUCTIONS[:3]) if element == 1 and op in ATTENTION else []


# As codegen writes an entry: operands are parameters, step and cache are in memory of the device.
ENTRY = """target triple = "nvptx64-nvidia-cuda"
@constants = internal unnamed_addr constant [{count} x i64] [{constants}]
declare void @{symbol}(ptr, ptr)
define float @fathom_epilogue_scalar(ptr %d, i64 %row, i64 %column, float %value) alwaysinline {{
{epilogue}
}}
define ptx_kernel void @entry(ptr %step, i64 %layer, {parameters}) #0 {{
  %operands = alloca [{operands} x ptr]
  %dispatch = alloca {{ ptr, i64, i64, ptr, ptr }}
{stores}
  %rows = load i64, ptr %step
  %at_positions = getelementptr i8, ptr %step, i64 16
  %positions = load ptr, ptr %at_positions
  %cache = getelementptr i8, ptr %step, i64 24
  store ptr %operands, ptr %dispatch
  %d1 = getelementptr i8, ptr %dispatch, i64 8
  store i64 %rows, ptr %d1
  %d2 = getelementptr i8, ptr %dispatch, i64 16
  store i64 %layer, ptr %d2
  %d3 = getelementptr i8, ptr %dispatch, i64 24
  store ptr %positions, ptr %d3
  %d4 = getelementptr i8, ptr %dispatch, i64 32
  store ptr %cache, ptr %d4
  call void @{symbol}(ptr %dispatch, ptr @constants)
  ret void
}}
attributes #0 = {{ convergent nounwind "no-builtins" "target-cpu"="{arch}" "target-features"="+{ptx},+{arch}"
  "nvvm.maxntid"="{threads}" "nvvm.minctasm"="1" }}
"""

# Adds number [row][column] of the last operand.
RESIDUAL = """  %operands = load ptr, ptr %d
  %place = getelementptr ptr, ptr %operands, i64 {last}
  %numbers = load ptr, ptr %place
  %before = mul i64 %row, {outputs}
  %index = add i64 %before, %column
  %address = getelementptr bfloat, ptr %numbers, i64 %index
  %number = load bfloat, ptr %address
  %wide = fpext bfloat %number to float
  %sum = fadd float %value, %wide
  ret float %sum"""


def read_ops():
    """Operands and names of constants of each op, as ops.def has them."""
    ops = {}
    with open(os.path.join(ROOT, "kernels/ops.def"), encoding="utf-8") as file:
        for row in re.findall(r"^FATHOM_OP\((\w+), \((.*?)\), \((.*?)\), \((.*?)\), \d\)", file.read(), re.M):
            split = [re.findall(r"\w+", names) for names in row[1:]]
            ops[row[0]] = (split[0] + split[1], split[2])
    return ops


def find_ptxas():
    """The assembler, or None."""
    places = [os.environ.get("FATHOM_PTXAS"), shutil.which("ptxas"), "/usr/local/cuda/bin/ptxas"]
    return next((place for place in places if place and os.path.exists(place)), None)


def bits(value):
    """A constant as kernels have it: a real is the bits of a double."""
    return struct.unpack("<q", struct.pack("<d", value))[0] if isinstance(value, float) else value


def kernels():
    """Symbol, arch, weight type and op of each kernel."""
    for name in sorted(os.listdir(BITCODE)):
        match = re.fullmatch(rf"(({'|'.join(ARCHS)})_(?:({TYPES})_)?(\w+))\.bc", name)
        if match:
            yield match.groups()


def write_entry(symbol, arch, weight_type, op, form):
    """The text of ENTRY for a kernel."""
    operands, names = read_ops()[op]
    operands = [name for name in operands if name != "scale" or weight_type == "f8e4m3"]
    constants = {**CONSTANTS[op], **form.constants, "x_element": form.element, "out_element": form.out}
    values = [bits(constants[name]) for name in names]
    operands += ["residual"] if form.residual else []
    epilogue = RESIDUAL.format(last=len(operands) - 1, outputs=constants["N"]) if form.residual else "  ret float %value"
    stores = [f"  %p{i} = getelementptr ptr, ptr %operands, i64 {i}\n  store ptr %o{i}, ptr %p{i}"
              for i in range(len(operands))]
    return ENTRY.format(symbol=symbol, arch=arch, ptx=ARCHS[arch], count=len(values), operands=len(operands),
                        constants=", ".join(f"i64 {value}" for value in values), stores="\n".join(stores),
                        epilogue=epilogue, threads=384 if arch == "sm_90a" and form.element == 1 else 256,
                        parameters=", ".join(f"ptr align 16 %o{i}" for i in range(len(operands))))


def run(*command):
    """What a tool prints; its failure is an error."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}:\n{result.stdout}")
    return result.stdout


def compile_entry(folder, symbol, arch, weight_type, op, form):
    """The PTX of a kernel in a form, as a file."""
    base = os.path.join(folder, f"{symbol}_{PRODUCT_FORMS.index(form)}")
    with open(base + ".ll", "w", encoding="utf-8") as file:
        file.write(write_entry(symbol, arch, weight_type, op, form))
    tool, flags = lambda name: os.path.join(TOOLS, name), (f"-mcpu={arch}", f"-mattr=+{ARCHS[arch]}")
    run(tool("llvm-link"), os.path.join(BITCODE, symbol + ".bc"), base + ".ll", "-o", base + ".bc")
    run(tool("opt"), "-passes=internalize,default<O3>", "--internalize-public-api-list=entry", *flags, base + ".bc",
        "-o", base + ".o.bc")
    run(tool("llc"), "-O3", *flags, base + ".o.bc", "-o", base + ".ptx")
    return base + ".ptx"


class PtxTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.entries = {}

    def for_each_entry(self, check):
        """Each kernel in each of its forms, compiled once for all tests."""
        for symbol, arch, weight_type, op in kernels():
            for form in PRODUCT_FORMS if op == "gemm" else FORMS:
                with self.subTest(kernel=symbol, form=form):
                    key = symbol, PRODUCT_FORMS.index(form)
                    if key not in self.entries:
                        self.entries[key] = compile_entry(self.folder.name, symbol, arch, weight_type, op, form)
                    check(self.entries[key], arch, weight_type, op, form.element)

    def test_every_op_with_a_kernel_has_constants(self):
        self.assertEqual({op for *_, op in kernels()}, set(CONSTANTS))

    def test_entries_are_exact_and_inlined(self):
        def check(path, arch, weight_type, op, element):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            # Nothing is approximate, flushed, contracted by ptxas, called, or in local memory.
            self.assertEqual(re.findall(INEXACT, text), [])
            self.assertEqual([name for name in MATRIX_INSTRUCTIONS if name in text],
                             list_instructions(arch, op, weight_type, element))

        self.for_each_entry(check)

    @unittest.skipUnless(find_ptxas(), "ptxas is not installed: PTX is not assembled")
    def test_ptxas_finds_nothing_to_warn_of(self):
        def check(path, arch, *_):
            text = run(find_ptxas(), "-v", f"-arch={arch}", "-warn-spills", "-warn-lmem-usage", "-Werror", path, "-o",
                       path + ".cubin")
            self.assertNotRegex(text, r"C75\d\d")

        self.for_each_entry(check)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
