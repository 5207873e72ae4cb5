// Graphs that are not language models, and nodes that patterns left.
// RUN: fathom-opt %s --fathom-convert-onnx-to-deepseek=max-context=16 --split-input-file --verify-diagnostics

// expected-error @below {{has no embedding of token ids: it is not a language model}}
module {
  func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
    return %x : tensor<1x4xf32>
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
  // expected-warning @below {{follows from token ids by Tanh, which no rule knows, in 1 node}}
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
