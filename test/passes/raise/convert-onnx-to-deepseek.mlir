// One layer of a graph whose idioms are recognized.
// RUN: fathom-opt %s --verify-numerics-each --fathom-convert-onnx-to-deepseek=max-context=16 | FileCheck %s

// CHECK: deepseek.weight @embedding.weight : tensor<10x8xf32> from "embedding" at [0, 0]
// CHECK: deepseek.weight @query.weight : tensor<8x8xf32> from "query" at [0, 320]
// CHECK-LABEL: func.func @forward(%arg0: tensor<?xi32> {deepseek.input = "tokens"}, %arg1: tensor<?xi32> {deepseek.input = "positions"}
// CHECK: %[[X:.*]] = deepseek.embedding %arg0
// CHECK: %[[Q:.*]] = deepseek.linear %[[X]]
// CHECK: %[[TABLE:.*]] = deepseek.rope_table <frequencies = [1.000000e+00, 1.000000e-01]> : tensor<16x2x2xf32>
// CHECK: %[[TURNED:.*]] = deepseek.rope half_split %[[Q]], %[[TABLE]] at %arg1 {head_dim = 4 : i64}
// CHECK: %[[KEYS:.*]] = deepseek.cache_append %arg3["key"]
// CHECK: %[[CACHE:.*]] = deepseek.cache_append %[[KEYS]]["value"]
// CHECK: %[[Y:.*]] = deepseek.gqa_attention %[[TURNED]], %[[CACHE]]{{.*}} {head_dim = 4 : i64, num_heads = 2 : i64, num_kv_heads = 1 : i64, softmax_scale = 5.000000e-01 : f64}
// CHECK: %[[OUT:.*]] = deepseek.linear %[[Y]]
// CHECK: %[[SUM:.*]] = arith.addf %[[X]], %[[OUT]]
// CHECK: %[[ROWS:.*]] = deepseek.select_rows %[[SUM]]
// CHECK: %[[LOGITS:.*]] = deepseek.linear %[[ROWS]]
// CHECK: return %[[LOGITS]], %[[CACHE]]
// CHECK-NOT: onnx.
// CHECK: deepseek.recipe @query.transposed
// CHECK: deepseek.source @query.weight
// CHECK: deepseek.transpose
onnx.initializer @embedding : tensor<10x8xf32> file 0 offset 0
onnx.initializer @query : tensor<8x8xf32> file 0 offset 320
onnx.initializer @key : tensor<8x4xf32> file 0 offset 576
onnx.initializer @value : tensor<8x4xf32> file 0 offset 704
onnx.initializer @forward : tensor<8x8xf32> file 0 offset 832
onnx.initializer @head : tensor<8x10xf32> file 0 offset 1088
func.func @main(%ids: tensor<1x?xi64, #onnx.shape<"T">>) -> (tensor<1x?x10xf32, #onnx.shape<"T">> {onnx.name = "logits"}) {
  %embedding = onnx.get_initializer @embedding : tensor<10x8xf32>
  %query = onnx.get_initializer @query : tensor<8x8xf32>
  %key = onnx.get_initializer @key : tensor<8x4xf32>
  %value = onnx.get_initializer @value : tensor<8x4xf32>
  %output = onnx.get_initializer @forward : tensor<8x8xf32>
  %head = onnx.get_initializer @head : tensor<8x10xf32>
  %x = onnx.node "Gather" opset 18 (%embedding, %ids) : (tensor<10x8xf32>, tensor<1x?xi64, #onnx.shape<"T">>) -> tensor<1x?x8xf32, #onnx.shape<"T">>

  %zero = onnx.constant dense<0.0> : tensor<f32>
  %one = onnx.constant dense<1.0> : tensor<f32>
  %count = onnx.extents <"T"> : tensor<i64>
  %frequencies = onnx.constant dense<[1.0, 0.1, 1.0, 0.1]> : tensor<4xf32>
  %column = onnx.extents <"T", "1"> : tensor<2xi64>
  %end = onnx.node "Cast" opset 18 (%count) {to = 1 : i64} : (tensor<i64>) -> tensor<f32>
  %positions = onnx.node "Range" opset 18 (%zero, %end, %one) : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<?xf32, #onnx.shape<"T">>
  %rows = onnx.node "Reshape" opset 18 (%positions, %column) : (tensor<?xf32, #onnx.shape<"T">>, tensor<2xi64>) -> tensor<?x1xf32, #onnx.shape<"T">>
  %angles = onnx.node "Mul" opset 18 (%rows, %frequencies) : (tensor<?x1xf32, #onnx.shape<"T">>, tensor<4xf32>) -> tensor<?x4xf32, #onnx.shape<"T">>
  %cos = onnx.node "Cos" opset 18 (%angles) : (tensor<?x4xf32, #onnx.shape<"T">>) -> tensor<?x4xf32, #onnx.shape<"T">>
  %sin = onnx.node "Sin" opset 18 (%angles) : (tensor<?x4xf32, #onnx.shape<"T">>) -> tensor<?x4xf32, #onnx.shape<"T">>

  %q0 = onnx.node "MatMul" opset 18 (%x, %query) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<8x8xf32>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  %k0 = onnx.node "MatMul" opset 18 (%x, %key) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<8x4xf32>) -> tensor<1x?x4xf32, #onnx.shape<"T">>
  %v0 = onnx.node "MatMul" opset 18 (%x, %value) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<8x4xf32>) -> tensor<1x?x4xf32, #onnx.shape<"T">>
  %two_heads = onnx.extents <"1", "T", "2", "4"> : tensor<4xi64>
  %one_head = onnx.extents <"1", "T", "1", "4"> : tensor<4xi64>
  %q1 = onnx.node "Reshape" opset 18 (%q0, %two_heads) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x?x2x4xf32, #onnx.shape<"T">>
  %k1 = onnx.node "Reshape" opset 18 (%k0, %one_head) : (tensor<1x?x4xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x?x1x4xf32, #onnx.shape<"T">>
  %v1 = onnx.node "Reshape" opset 18 (%v0, %one_head) : (tensor<1x?x4xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x?x1x4xf32, #onnx.shape<"T">>
  %q2 = onnx.node "Transpose" opset 18 (%q1) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x2x4xf32, #onnx.shape<"T">>) -> tensor<1x2x?x4xf32, #onnx.shape<"T">>
  %k2 = onnx.node "Transpose" opset 18 (%k1) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x1x4xf32, #onnx.shape<"T">>) -> tensor<1x1x?x4xf32, #onnx.shape<"T">>
  %v2 = onnx.node "Transpose" opset 18 (%v1) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x1x4xf32, #onnx.shape<"T">>) -> tensor<1x1x?x4xf32, #onnx.shape<"T">>
  %q3 = onnx.node "Rotate" of "fathom" opset 1 (%q2, %cos, %sin) : (tensor<1x2x?x4xf32, #onnx.shape<"T">>, tensor<?x4xf32, #onnx.shape<"T">>, tensor<?x4xf32, #onnx.shape<"T">>) -> tensor<1x2x?x4xf32, #onnx.shape<"T">>
  %y0 = onnx.node "CausalAttention" of "fathom" opset 1 (%q3, %k2, %v2) {scale = 0.5 : f32} : (tensor<1x2x?x4xf32, #onnx.shape<"T">>, tensor<1x1x?x4xf32, #onnx.shape<"T">>, tensor<1x1x?x4xf32, #onnx.shape<"T">>) -> tensor<1x2x?x4xf32, #onnx.shape<"T">>
  %y1 = onnx.node "Transpose" opset 18 (%y0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x2x?x4xf32, #onnx.shape<"T">>) -> tensor<1x?x2x4xf32, #onnx.shape<"T">>
  %joined = onnx.extents <"1", "T", "8"> : tensor<3xi64>
  %y2 = onnx.node "Reshape" opset 18 (%y1, %joined) : (tensor<1x?x2x4xf32, #onnx.shape<"T">>, tensor<3xi64>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  %y3 = onnx.node "MatMul" opset 18 (%y2, %output) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<8x8xf32>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  %sum = onnx.node "Add" opset 18 (%x, %y3) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x?x8xf32, #onnx.shape<"T">>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  %logits = onnx.node "MatMul" opset 18 (%sum, %head) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<8x10xf32>) -> tensor<1x?x10xf32, #onnx.shape<"T">>
  return %logits : tensor<1x?x10xf32, #onnx.shape<"T">>
}
