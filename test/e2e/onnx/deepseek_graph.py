# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the ONNX graph of a DeepSeek-V2 checkpoint, whose weights stay in the files of the checkpoint.

The form is that of torch's exporter: norms and rotations taken apart, keys and values of each head in a cache, experts
one after the other with the tokens that chose them gathered and scattered.
"""

import json
import os
import struct

import numpy as np

import small_onnx as onnx
from reference_model import decode

FLOAT = 1
TYPES = {"F32": FLOAT, "F16": 10, "BF16": 16, "F8_E4M3": 17}


def find_tensors(checkpoint):
    """name -> (file, type, shape, offset, bytes) of all tensors in the files of a checkpoint."""
    tensors = {}
    for name in sorted(os.listdir(checkpoint)):
        if not name.endswith(".safetensors"):
            continue
        with open(os.path.join(checkpoint, name), "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            for tensor, facts in json.loads(file.read(size)).items():
                if tensor != "__metadata__":
                    begin, end = facts["data_offsets"]
                    tensors[tensor] = (name, facts["dtype"], facts["shape"], 8 + size + begin, end - begin)
    return tensors


class Graph:
    """Nodes and initializers of a graph; values are names. `checkpoint`: the folder of its tensors."""

    def __init__(self, checkpoint):
        self.checkpoint, self.tensors = checkpoint, find_tensors(checkpoint)
        self.nodes, self.initializers = [], {}
        self.constants, self.weights = {}, {}

    def op(self, kind, inputs, count=1, **attributes):
        names = [f"{kind.lower()}_{len(self.nodes)}_{i}" for i in range(count)]
        self.nodes.append(onnx.node(kind, " ".join(inputs), " ".join(names), f"{kind}_{len(self.nodes)}", **attributes))
        return names[0] if count == 1 else names

    def constant(self, value, kind="int64"):
        array = np.asarray(value, kind)
        key = (array.tobytes(), array.shape, kind)
        if key not in self.constants:
            self.constants[key] = f"constant_{len(self.constants)}"
            self.initializers[self.constants[key]] = array
        return self.constants[key]

    def weight(self, name):
        """A tensor of the checkpoint in f32."""
        if name not in self.weights:
            file, kind, shape, offset, size = self.tensors[name]
            entries = {"location": file, "offset": str(offset), "length": str(size)}
            data = b"".join(onnx.field(13, onnx.field(1, key) + onnx.field(2, text)) for key, text in entries.items())
            self.initializers[name] = (onnx.fields(1, shape) + onnx.field(2, TYPES[kind]) + onnx.field(8, name) + data +
                                       onnx.field(14, 1))
            self.weights[name] = name if kind == "F32" else self.op("Cast", [name], to=FLOAT)
        return self.weights[name]

    def numbers(self, name):
        """Those of a tensor of the checkpoint."""
        file, kind, shape, offset, size = self.tensors[name]
        with open(os.path.join(self.checkpoint, file), "rb") as data:
            data.seek(offset)
            return decode(data.read(size), kind).reshape(shape)

    def linear(self, x, name):
        return self.op("Gemm", [x, self.weight(name + ".weight")], transB=1)

    def reshape(self, x, shape):
        return self.op("Reshape", [x, self.constant(shape)])

    def slice(self, x, axis, begin, end, step=1):
        return self.op("Slice", [x, *(self.constant([n]) for n in (begin, end, axis, step))])

    def unsqueeze(self, x, *axes):
        return self.op("Unsqueeze", [x, self.constant(axes)])

    def extent(self, x, axis):
        """The size of an axis, a scalar."""
        return self.op("Squeeze", [self.op("Shape", [x], start=axis, end=axis + 1)])

    def rms_norm(self, x, name, epsilon):
        mean = self.op("ReduceMean", [self.op("Pow", [x, self.constant(2.0, "float32")]), self.constant([-1])])
        root = self.op("Sqrt", [self.op("Add", [mean, self.constant(epsilon, "float32")])])
        return self.op("Mul", [self.weight(name + ".weight"), self.op("Mul", [x, self.op("Reciprocal", [root])])])

    def silu_product(self, x, name):
        gate = self.linear(x, name + ".gate_proj")
        gate = self.op("Mul", [gate, self.op("Sigmoid", [gate])])
        return self.linear(self.op("Mul", [gate, self.linear(x, name + ".up_proj")]), name + ".down_proj")


class Model:
    """`config`: that of the checkpoint, without q_lora_rank and rope_scaling, with a gate of softmax."""

    graph_type = Graph

    def __init__(self, config, checkpoint):
        self.config, self.graph = config, self.graph_type(checkpoint)
        self.heads, self.rank = config["num_attention_heads"], config["kv_lora_rank"]
        self.nope, self.rope, self.value = (config[key] for key in ("qk_nope_head_dim", "qk_rope_head_dim",
                                                                    "v_head_dim"))

    def rotate(self, x):
        """Rotates pairs of x [1, heads, T, rope] and leaves first numbers in front."""
        g = self.graph
        first, second = (g.slice(x, 3, begin, (1 << 63) - 1, 2) for begin in (0, 1))
        front = g.op("Sub", [g.op("Mul", [first, self.cos]), g.op("Mul", [second, self.sin])])
        return g.op("Concat", [front, g.op("Add", [g.op("Mul", [second, self.cos]), g.op("Mul", [first, self.sin])])],
                    axis=-1)

    def find_positions(self):
        """Angles of the call's tokens, and what they may attend to."""
        g = self.graph
        past = g.extent("past_key_values.0.key", 2)
        end = g.op("Add", [past, g.extent("input_ids", 1)])
        one = g.constant(1)
        positions, seen = g.op("Range", [past, end, one]), g.op("Range", [g.constant(0), end, one])
        frequencies = 1.0 / self.config["rope_theta"] ** (np.arange(0, self.rope, 2) / self.rope)
        angles = g.op("Mul", [g.unsqueeze(g.op("Cast", [positions], to=FLOAT), 0, 1, 3),
                              g.constant(frequencies, "float32")])
        self.cos, self.sin = g.op("Cos", [angles]), g.op("Sin", [angles])
        visible = g.op("LessOrEqual", [g.unsqueeze(seen, 0, 1, 2), g.unsqueeze(positions, 0, 1, 3)])
        self.mask = g.op("Where", [visible, g.constant(0.0, "float32"), g.constant(np.finfo("float32").min, "float32")])

    def by_head(self, x, size):
        return self.graph.op("Transpose", [self.graph.reshape(x, [1, -1, self.heads, size])], perm=[0, 2, 1, 3])

    def attend(self, x, layer, name):
        g, size = self.graph, self.nope + self.rope
        query = self.by_head(g.linear(x, name + ".q_proj"), size)
        query = g.op("Concat", [g.slice(query, 3, 0, self.nope), self.rotate(g.slice(query, 3, self.nope, size))],
                     axis=-1)
        compressed = g.linear(x, name + ".kv_a_proj_with_mqa")
        latent = g.rms_norm(g.slice(compressed, 1, 0, self.rank), name + ".kv_a_layernorm",
                            self.config["rms_norm_eps"])
        turned = self.rotate(g.reshape(g.slice(compressed, 1, self.rank, self.rank + self.rope),
                                       [1, 1, -1, self.rope]))
        expanded = self.by_head(g.linear(latent, name + ".kv_b_proj"), self.nope + self.value)
        key = g.op("Concat", [g.slice(expanded, 3, 0, self.nope),
                              g.op("Expand", [turned, g.constant([1, self.heads, 1, 1])])], axis=-1)
        states = {"key": key, "value": g.slice(expanded, 3, self.nope, self.nope + self.value)}
        for kind, new in states.items():
            states[kind] = f"present.{layer}.{kind}"
            g.nodes.append(onnx.node("Concat", f"past_key_values.{layer}.{kind} {new}", states[kind],
                                     name=states[kind], axis=2))
        scores = g.op("MatMul", [query, g.op("Transpose", [states["key"]], perm=[0, 1, 3, 2])])
        scores = g.op("Add", [g.op("Mul", [scores, g.constant(size ** -0.5, "float32")]), self.mask])
        attended = g.op("MatMul", [g.op("Softmax", [scores], axis=-1), states["value"]])
        attended = g.reshape(g.op("Transpose", [attended], perm=[0, 2, 1, 3]), [-1, self.heads * self.value])
        return g.linear(attended, name + ".o_proj")

    def add_expert(self, total, x, weights, chosen, expert, name):
        """total += what one expert gives of the tokens that chose it; weights, chosen [T, experts of a token]."""
        g = self.graph
        found = g.op("NonZero", [g.op("Equal", [chosen, g.constant(expert)])])
        found = g.op("Transpose", [found], perm=[1, 0])
        token = g.slice(found, 1, 0, 1)
        out = g.silu_product(g.op("GatherND", [x, token]), f"{name}.experts.{expert}")
        weight = g.unsqueeze(g.op("GatherND", [weights, found]), 1)
        return g.op("ScatterND", [total, token, g.op("Mul", [out, weight])], reduction="add")

    def route(self, x, name):
        g = self.graph
        scores = g.op("Softmax", [g.linear(x, name + ".gate")], axis=-1)
        weights, chosen = g.op("TopK", [scores, g.constant([self.config["num_experts_per_tok"]])], count=2, axis=-1)
        total = g.op("Expand", [g.constant(0.0, "float32"), g.op("Shape", [x])])
        for expert in range(self.config["n_routed_experts"]):
            total = self.add_expert(total, x, weights, chosen, expert, name)
        return g.op("Add", [total, g.silu_product(x, name + ".shared_experts")])

    def build(self):
        g, epsilon = self.graph, self.config["rms_norm_eps"]
        self.find_positions()
        x = g.op("Gather", [g.weight("model.embed_tokens.weight"), g.reshape("input_ids", [-1])], axis=0)
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}"
            x = g.op("Add", [x, self.attend(g.rms_norm(x, name + ".input_layernorm", epsilon), layer,
                                            name + ".self_attn")])
            mlp = g.silu_product if layer < self.config["first_k_dense_replace"] else self.route
            x = g.op("Add", [x, mlp(g.rms_norm(x, name + ".post_attention_layernorm", epsilon), name + ".mlp")])
        logits = g.unsqueeze(g.linear(g.rms_norm(x, "model.norm", epsilon), "lm_head"), 0)
        g.nodes.append(onnx.node("Identity", logits, "logits", "logits"))

    def states(self, prefix, extent):
        sizes = {"key": self.nope + self.rope, "value": self.value}
        return [(f"{prefix}.{layer}.{kind}", "float32", [1, self.heads, extent, size])
                for layer in range(self.config["num_hidden_layers"]) for kind, size in sizes.items()]

    def serialize(self):
        """The bytes of the model."""
        self.build()
        inputs = [("input_ids", "int64", [1, "sequence"]), *self.states("past_key_values", "past")]
        outputs = [("logits", "float32", [1, "sequence", self.config["vocab_size"]]),
                   *self.states("present", "past + sequence")]
        return onnx.model(self.graph.nodes, inputs, outputs, self.graph.initializers, opset=18)


def write(checkpoint, model=Model):
    """Writes model.onnx beside the weights of a checkpoint, as `model` has it; returns its path."""
    with open(os.path.join(checkpoint, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    path = os.path.join(checkpoint, "model.onnx")
    with open(path, "wb") as file:
        file.write(model(config, checkpoint).serialize())
    return path
