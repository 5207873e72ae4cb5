// RUN: not fathom-opt %s --verify-numerics-each --fathom-convert-onnx-to-deepseek=max-context=16 2>&1 | FileCheck %s

// Key heads one after the other and again, 0 1 0 1, where groups of queries share one: 0 0 1 1.
onnx.initializer @embedding : tensor<10x8xf32> file 0 offset 0
onnx.initializer @wide : tensor<8x16xf32> file 0 offset 320
// CHECK: is a {{Reshape|CausalAttention}} that was not recognized as a part of a language model
func.func @main(%ids: tensor<1x?xi64, #onnx.shape<"T">>) -> (tensor<1x4x?x4xf32, #onnx.shape<"T">> {onnx.name = "logits"}) {
  %embedding = onnx.get_initializer @embedding : tensor<10x8xf32>
  %x = onnx.node "Gather" opset 18 (%embedding, %ids) : (tensor<10x8xf32>, tensor<1x?xi64, #onnx.shape<"T">>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  %wide_weight = onnx.get_initializer @wide : tensor<8x16xf32>
  %wide = onnx.node "MatMul" opset 18 (%x, %wide_weight) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<8x16xf32>) -> tensor<1x?x16xf32, #onnx.shape<"T">>
  %apart = onnx.extents <"1", "T", "1", "2", "4"> : tensor<5xi64>
  %tiled = onnx.extents <"1", "T", "2", "2", "4"> : tensor<5xi64>
  %joined = onnx.extents <"1", "T", "4", "4"> : tensor<4xi64>
  %one = onnx.node "Reshape" opset 18 (%x, %apart) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<5xi64>) -> tensor<1x?x1x2x4xf32, #onnx.shape<"T">>
  %two = onnx.node "Expand" opset 18 (%one, %tiled) : (tensor<1x?x1x2x4xf32, #onnx.shape<"T">>, tensor<5xi64>) -> tensor<1x?x2x2x4xf32, #onnx.shape<"T">>
  %four = onnx.node "Reshape" opset 18 (%two, %joined) : (tensor<1x?x2x2x4xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x?x4x4xf32, #onnx.shape<"T">>
  %k = onnx.node "Transpose" opset 18 (%four) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x4x4xf32, #onnx.shape<"T">>) -> tensor<1x4x?x4xf32, #onnx.shape<"T">>
  %q = onnx.node "Reshape" opset 18 (%wide, %joined) : (tensor<1x?x16xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x?x4x4xf32, #onnx.shape<"T">>
  %queries = onnx.node "Transpose" opset 18 (%q) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x4x4xf32, #onnx.shape<"T">>) -> tensor<1x4x?x4xf32, #onnx.shape<"T">>
  %y = onnx.node "CausalAttention" of "fathom" opset 1 (%queries, %k, %k) {scale = 0.5 : f32} : (tensor<1x4x?x4xf32, #onnx.shape<"T">>, tensor<1x4x?x4xf32, #onnx.shape<"T">>, tensor<1x4x?x4xf32, #onnx.shape<"T">>) -> tensor<1x4x?x4xf32, #onnx.shape<"T">>
  return %y : tensor<1x4x?x4xf32, #onnx.shape<"T">>
}
