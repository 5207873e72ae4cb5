// Graphs that are not language models, and nodes that patterns left.
// RUN: fathom-opt %s --fathom-convert-onnx-to-deepseek=max-context=16 --split-input-file --verify-diagnostics

// expected-error @below {{has no embedding of token ids: it is not a language model}}
module {
  func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
    return %x : tensor<1x4xf32>
  }
}

// -----

// Ids of one length, whatever a call has.
// expected-error @below {{takes token ids of a fixed number, input 'input_ids' [1, 4], and a language model as many as a call has: export it with}}
module {
  onnx.initializer @embedding : tensor<10x8xf32> file 0 offset 0
  func.func @main(%ids: tensor<1x4xi64> {onnx.name = "input_ids"}) -> tensor<1x4x8xf32> {
    %embedding = onnx.get_initializer @embedding : tensor<10x8xf32>
    %x = onnx.node "Gather" opset 18 (%embedding, %ids) : (tensor<10x8xf32>, tensor<1x4xi64>) -> tensor<1x4x8xf32>
    return %x : tensor<1x4x8xf32>
  }
}

// -----

onnx.initializer @embedding : tensor<10x8xf32> file 0 offset 0
onnx.initializer @head : tensor<8x10xf32> file 0 offset 320
func.func @main(%ids: tensor<1x?xi64, #onnx.shape<"T">>) -> (tensor<1x?x10xf32, #onnx.shape<"T">> {onnx.name = "logits"}) {
  %embedding = onnx.get_initializer @embedding : tensor<10x8xf32>
  %head = onnx.get_initializer @head : tensor<8x10xf32>
  %x = onnx.node "Gather" opset 18 (%embedding, %ids) : (tensor<10x8xf32>, tensor<1x?xi64, #onnx.shape<"T">>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  // expected-error @+3 {{is a Tanh that was not recognized as a part of a language model}}
  // expected-note @+2 {{it takes Gather [1, T, 8]}}
  // expected-note @+1 {{nothing that Fathom knows of language models looks like it}}
  %y = onnx.node "Tanh" opset 18 (%x) : (tensor<1x?x8xf32, #onnx.shape<"T">>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  // expected-note @below {{follows from token ids by Tanh, which no rule knows, in 1 node}}
  %logits = onnx.node "MatMul" opset 18 (%y, %head) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<8x10xf32>) -> tensor<1x?x10xf32, #onnx.shape<"T">>
  return %logits : tensor<1x?x10xf32, #onnx.shape<"T">>
}

// -----

// Angles that go with the head, as the second dimension of tables.
onnx.initializer @embedding : tensor<10x8xf32> file 0 offset 0
func.func @main(%ids: tensor<1x?xi64, #onnx.shape<"T">>) -> (tensor<1x2x?x4xf32, #onnx.shape<"T">> {onnx.name = "logits"}) {
  %embedding = onnx.get_initializer @embedding : tensor<10x8xf32>
  %table = onnx.constant dense<[[[[1.0, 1.0, 1.0, 1.0]], [[0.5, 0.5, 0.5, 0.5]]]]> : tensor<1x2x1x4xf32>
  %x = onnx.node "Gather" opset 18 (%embedding, %ids) : (tensor<10x8xf32>, tensor<1x?xi64, #onnx.shape<"T">>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  %shape = onnx.extents <"1", "T", "2", "4"> : tensor<4xi64>
  %heads = onnx.node "Reshape" opset 18 (%x, %shape) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x?x2x4xf32, #onnx.shape<"T">>
  %q = onnx.node "Transpose" opset 18 (%heads) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x2x4xf32, #onnx.shape<"T">>) -> tensor<1x2x?x4xf32, #onnx.shape<"T">>
  // expected-error @+3 {{is a Rotate that was not recognized as a part of a language model}}
  // expected-note @+2 {{it takes Transpose [1, 2, T, 4] and a constant [1, 2, 1, 4] and a constant [1, 2, 1, 4]}}
  // expected-note @+1 {{it was compared with heads that are turned by tables of the position, at frequencies}}
  %y = onnx.node "Rotate" of "fathom" opset 1 (%q, %table, %table) : (tensor<1x2x?x4xf32, #onnx.shape<"T">>, tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #onnx.shape<"T">>
  return %y : tensor<1x2x?x4xf32, #onnx.shape<"T">>
}

// -----

// What is known of nodes that are left: quantized activations, columns out of order, and weights that are computed.
onnx.initializer @embedding : tensor<10x8xf32> file 0 offset 0
onnx.initializer @bytes : tensor<10x1x8xui8> file 0 offset 320
onnx.initializer @scales : tensor<10x1xf32> file 0 offset 400
onnx.initializer @groups : tensor<8xi32> file 0 offset 440
func.func @main(%ids: tensor<1x?xi64, #onnx.shape<"T">>, %computed: tensor<10x1x8xui8>) -> (tensor<1x?x10xf32, #onnx.shape<"T">> {onnx.name = "logits"}) {
  %embedding = onnx.get_initializer @embedding : tensor<10x8xf32>
  %bytes = onnx.get_initializer @bytes : tensor<10x1x8xui8>
  %scales = onnx.get_initializer @scales : tensor<10x1xf32>
  %groups = onnx.get_initializer @groups : tensor<8xi32>
  %none = onnx.none
  %x = onnx.node "Gather" opset 18 (%embedding, %ids) : (tensor<10x8xf32>, tensor<1x?xi64, #onnx.shape<"T">>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  // expected-error @+3 {{is a DynamicQuantizeLinear that was not recognized as a part of a language model: it has one scale for all tokens of a call}}
  // expected-note @+2 {{it takes Gather [1, T, 8]}}
  // expected-note @+1 {{nothing that Fathom knows of language models looks like it}}
  %q:3 = onnx.node "DynamicQuantizeLinear" opset 18 (%x) : (tensor<1x?x8xf32, #onnx.shape<"T">>) -> (tensor<1x?x8xui8, #onnx.shape<"T">>, tensor<f32>, tensor<ui8>)
  %y = onnx.node "DequantizeLinear" opset 18 (%q#0, %q#1, %q#2) : (tensor<1x?x8xui8, #onnx.shape<"T">>, tensor<f32>, tensor<ui8>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  %0 = onnx.node "MatMulNBits" of "com.microsoft" opset 1 (%y, %bytes, %scales) {K = 8 : i64, N = 10 : i64, block_size = 16 : i64} : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<10x1x8xui8>, tensor<10x1xf32>) -> tensor<1x?x10xf32, #onnx.shape<"T">>
  // expected-note @+3 {{it takes Gather [1, T, 8] and a constant [10, 1, 8] and a constant [10, 1] and a constant [8]}}
  // expected-note @+2 {{nothing that Fathom knows of language models looks like it}}
  // expected-error @+1 {{is a MatMulNBits that was not recognized as a part of a language model: its columns are in groups (g_idx) that do not lie side by side}}
  %1 = onnx.node "MatMulNBits" of "com.microsoft" opset 1 (%x, %bytes, %scales, %none, %groups) {K = 8 : i64, N = 10 : i64, block_size = 16 : i64} : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<10x1x8xui8>, tensor<10x1xf32>, none, tensor<8xi32>) -> tensor<1x?x10xf32, #onnx.shape<"T">>
  // expected-note @+3 {{it takes Gather [1, T, 8] and input [10, 1, 8] and a constant [10, 1]}}
  // expected-note @+2 {{nothing that Fathom knows of language models looks like it}}
  // expected-error @+1 {{is a MatMulNBits that was not recognized as a part of a language model: its weights are not constants of 2, 4 or 8 bits with scales that fit}}
  %2 = onnx.node "MatMulNBits" of "com.microsoft" opset 1 (%x, %computed, %scales) {K = 8 : i64, N = 10 : i64, block_size = 16 : i64} : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<10x1x8xui8>, tensor<10x1xf32>) -> tensor<1x?x10xf32, #onnx.shape<"T">>
  %3 = onnx.node "Add" opset 18 (%0, %1) : (tensor<1x?x10xf32, #onnx.shape<"T">>, tensor<1x?x10xf32, #onnx.shape<"T">>) -> tensor<1x?x10xf32, #onnx.shape<"T">>
  // expected-note @+3 {{follows from token ids by DequantizeLinear, which no rule knows, in 1 node}}
  // expected-note @+2 {{follows from token ids by DynamicQuantizeLinear, which no rule knows, in 1 node}}
  // expected-note @+1 {{follows from token ids by MatMulNBits, which no rule knows, in 3 nodes}}
  %logits = onnx.node "Add" opset 18 (%2, %3) : (tensor<1x?x10xf32, #onnx.shape<"T">>, tensor<1x?x10xf32, #onnx.shape<"T">>) -> tensor<1x?x10xf32, #onnx.shape<"T">>
  return %logits : tensor<1x?x10xf32, #onnx.shape<"T">>
}
