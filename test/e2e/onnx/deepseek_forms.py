# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Graphs of DeepSeek-V2 checkpoints in forms that exporters of quantized models, and traces of few tokens, give them."""

import re

import numpy as np

from deepseek_graph import FLOAT, Graph, Model
from quantized import Quantized, to_bf16
from reference_model import map_arrays, read_arrays

BLOCK = 128
NIBBLES = 16
# Experts that no token of a trace chose.
UNSEEN = (2,)


class BlocksGraph(Graph):
    """Matrices of FP8 as DeepSeek stores them: a grid of scales, of which the last may be of fewer rows and columns."""

    def weight(self, name):
        scales, is_new = name + "_scale_inv", name not in self.weights
        value = super().weight(name)
        if is_new and scales in self.tensors:
            grid, (rows, columns) = self.tensors[scales][2], self.tensors[name][2]
            spread = self.op("Expand", [self.reshape(self.weight(scales), [grid[0], 1, grid[1], 1]),
                                        self.constant([grid[0], BLOCK, grid[1], BLOCK])])
            spread = self.reshape(spread, [grid[0] * BLOCK, grid[1] * BLOCK])
            spread = self.slice(self.slice(spread, 0, 0, rows), 1, 0, columns)
            self.weights[name] = self.op("Mul", [value, spread])
        return self.weights[name]


class BlocksModel(Model):
    graph_type = BlocksGraph


def is_linear(name):
    return re.search(r"_proj[_a-z]*\.weight$", name)


def round_to_bytes(matrix):
    """(codes, what they are multiplied by, for each row)"""
    scales = 2.0 ** np.ceil(np.log2(np.abs(matrix).max(1) / 127))
    return np.round(matrix / scales[:, None]).astype(np.int8), scales.astype(np.float32)


class DynamicGraph(Graph):
    """Products of bytes: of a weight for each column, and of rows as the call has them."""

    def linear(self, x, name):
        if not is_linear(name + ".weight"):
            return super().linear(x, name)
        codes, scales = round_to_bytes(self.numbers(name + ".weight"))
        rows, scale, zero = self.op("DynamicQuantizeLinear", [x], count=3)
        product = self.op("MatMulInteger", [rows, self.constant(codes.T, "int8"), zero])
        return self.op("Mul", [self.op("Cast", [product], to=FLOAT), self.op("Mul", [scale, self.constant(scales, "float32")])])


class DynamicModel(Model):
    graph_type = DynamicGraph


class FewExpertsModel(Model):
    def add_expert(self, total, x, weights, chosen, expert, name):
        return total if expert in UNSEEN else super().add_expert(total, x, weights, chosen, expert, name)


def to_nibbles(matrix):
    return Quantized(matrix, "u4", [1, NIBBLES], False)


class PackedModel(Model):
    """Experts are one node of ONNX Runtime, with stacks of matrices of four bits; those of gate and up are one."""

    def stack(self, name, *kinds):
        """The numbers and the scales of a stack."""
        parts = [[to_nibbles(self.graph.numbers(f"{name}.experts.{expert}.{kind}.weight")) for kind in kinds]
                 for expert in range(self.config["n_routed_experts"])]
        stacks = [[np.concatenate([matrix.to_bytes(what).reshape(len(matrix.codes), -1) for matrix in expert])
                   for expert in parts] for what in ("numbers", "scales")]
        return self.graph.constant(stacks[0], "uint8"), self.graph.constant(stacks[1], "float32")

    def route(self, x, name):
        g = self.graph
        logits = g.linear(x, name + ".gate")
        inputs = [x, logits, *self.stack(name, "gate_proj", "up_proj"), "-", *self.stack(name, "down_proj"), *["-"] * 7,
                  g.op("Softmax", [logits], axis=-1)]
        total = g.op("QMoE", inputs, domain="com.microsoft", activation_type="swiglu", swiglu_fusion=2, expert_weight_bits=4,
                     block_size=NIBBLES, k=self.config["num_experts_per_tok"])
        return g.op("Add", [total, g.silu_product(x, name + ".shared_experts")])


def change_checkpoint(path, change):
    """Gives matrices of a checkpoint the numbers change(name, matrix), where that is any."""
    arrays = read_arrays(path)
    for name, (_, shape, data) in map_arrays(path, "r+").items():
        changed = change(name, arrays[name]) if is_linear(name) else None
        if changed is not None:
            data.view(np.uint16).reshape(shape)[...] = to_bf16(changed)


def drop_unseen(name, matrix):
    unseen = any(f".experts.{expert}.down_proj" in name for expert in UNSEEN)
    return 0 * matrix if unseen else None


def round_bytes(_, matrix):
    codes, scales = round_to_bytes(matrix)
    return codes * scales[:, None]


def round_nibbles(name, matrix):
    return to_nibbles(matrix).stands_for if ".mlp.experts." in name else None
