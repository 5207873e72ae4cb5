// Weights that a graph stores as other numbers: scales beside FP8 with blocks of 128 inputs, recipes for all else.
// RUN: fathom-opt %s --fathom-convert-onnx-to-deepseek=max-context=16 | FileCheck %s

// CHECK-DAG: deepseek.weight @query.weight : tensor<8x8xf8E4M3FN> from "query" at [0, 320]
// CHECK-DAG: deepseek.weight @key.weight : tensor<4x16xui4> from "key" at [0, 576]
// CHECK-LABEL: func.func @forward
// CHECK: deepseek.embedding %arg0, %{{.*}} : (tensor<?xi32>, tensor<10x8xf32>)
// CHECK: deepseek.linear %{{.*}}, %{{.*}} scale %{{.*}} <128 x 128> : (tensor<?x8xf32>, tensor<8x8xf8E4M3FN>, tensor<1x1xf32>)
// CHECK: deepseek.linear %{{.*}}, %{{.*}} : (tensor<?x8xf32>, tensor<4x8xf32>)
// CHECK: deepseek.linear %{{.*}}, %{{.*}} : (tensor<?x8xf32>, tensor<4x8xbf16>)
// CHECK: deepseek.linear %{{.*}}, %{{.*}} scale %{{.*}} <1 x 128> : (tensor<?x8xf32>, tensor<8x8xf8E4M3FN>, tensor<8x1xf32>)
// CHECK: deepseek.moe_experts {{.*}} : (tensor<?x8xf32>, tensor<?x1xi32>, tensor<?x1xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x8x4xf32>) -> tensor<?x8xf32>

// Rows of the embedding share a scale; its zero is that of all.
// CHECK: deepseek.recipe @embedding.dequantized : tensor<10x8xf32>
// CHECK: %[[E:.*]] = deepseek.to_f32 %{{.*}} : tensor<10x8xi8> -> tensor<10x8xf32>
// CHECK: deepseek.dequantize %[[E]] scales %{{.*}} zero 3.000000e+00 block <1 x 8>

// Rows of bytes may end with what is not of the matrix, those of zero points, too.
// CHECK: deepseek.recipe @key.dequantized : tensor<4x8xf32>
// CHECK: %[[K:.*]] = deepseek.to_f32 %{{.*}} : tensor<4x16xui4> -> tensor<4x16xf32>
// CHECK: deepseek.constant dense<{{\[\[1.000000e\+00, 2.000000e\+00\], \[3.000000e\+00, 4.000000e\+00\], \[5.000000e\+00, 6.000000e\+00\], \[7.000000e\+00, 8.000000e\+00\]\]}}> : tensor<4x2xf32>
// CHECK: deepseek.dequantize %[[K]] scales %{{.*}} zeros %{{.*}} block <1 x 16> : (tensor<4x16xf32>, tensor<4x1xf32>, tensor<4x2xf32>) -> tensor<4x8xf32>

// A matrix [inputs, outputs] is transposed when its numbers are what they stand for.
// CHECK: deepseek.recipe @value.dequantized.transposed : tensor<4x8xbf16>
// CHECK: %[[V:.*]] = deepseek.dequantize %{{.*}} scales %{{.*}} block <8 x 1> : (tensor<8x4xf32>, tensor<1x4xf32>) -> tensor<8x4xbf16>
// CHECK: deepseek.transpose %[[V]] : tensor<8x4xbf16> -> tensor<4x8xbf16>

// Numbers that stay FP8 are transposed with their scales.
// CHECK: deepseek.recipe @output_scales.transposed : tensor<8x1xf32>
// CHECK: deepseek.recipe @output.transposed : tensor<8x8xf8E4M3FN>

// Gate and up are rows of one matrix.
// CHECK: deepseek.weight @gate_up.experts : tensor<2x8x8xui4> experts from "gate_up" at [0, 1000, 0, 1032]
// CHECK: deepseek.weight @gate_up_scales.experts : tensor<2x8x2xf32> experts from "gate_up_scales" at [0, 2000, 0, 2064]
// CHECK: deepseek.recipe @gate_up.experts.dequantized.0 : tensor<2x4x8xf32> experts
// CHECK: %[[N:.*]] = deepseek.to_f32 %{{.*}} : tensor<2x8x8xui4> -> tensor<2x8x8xf32>
// CHECK: %[[W:.*]] = deepseek.dequantize %[[N]] scales %{{.*}} zero 8.000000e+00 block <1 x 4> : (tensor<2x8x8xf32>, tensor<2x8x2xf32>) -> tensor<2x8x8xf32>
// CHECK: deepseek.slice_rows %[[W]] begin 0 step 1
// CHECK: deepseek.recipe @gate_up.experts.dequantized.4 : tensor<2x4x8xf32> experts
// CHECK: deepseek.slice_rows %{{.*}} begin 4 step 1

// Scales that the graph has itself are put in a stack, too.
// CHECK: deepseek.weight @down_0.experts : tensor<2x8x4xi8> experts from "down_{expert}" at [0, 3000, 0, 4000]
// CHECK: deepseek.recipe @down_0.experts.dequantized : tensor<2x8x4xf32> experts
// CHECK: deepseek.constant dense<{{\[\[\[5.000000e-01\]\], \[\[2.500000e-01\]\]\]}}> : tensor<2x1x1xf32>
// CHECK: deepseek.dequantize %{{.*}} scales %{{.*}} block <8 x 4> : (tensor<2x8x4xf32>, tensor<2x1x1xf32>) -> tensor<2x8x4xf32>

// The same numbers with another scale are another weight.
// CHECK: deepseek.recipe @embedding.dequantized.2 : tensor<10x8xf32>
// CHECK-NOT: onnx.
onnx.initializer @embedding : tensor<10x8xi8> file 0 offset 0
onnx.initializer @embedding_scales : tensor<10xf32> file 0 offset 80
onnx.initializer @head_scales : tensor<10xf32> file 0 offset 120
onnx.initializer @query : tensor<8x8xf8E4M3FN> file 0 offset 320
onnx.initializer @query_scales : tensor<1x1xf32> file 0 offset 384
onnx.initializer @key : tensor<4x1x8xui8> file 0 offset 576
onnx.initializer @key_scales : tensor<4x1xf32> file 0 offset 608
onnx.initializer @value : tensor<8x4xi8> file 0 offset 704
onnx.initializer @value_scales : tensor<4xbf16> file 0 offset 736
onnx.initializer @output : tensor<8x8xf8E4M3FN> file 0 offset 832
onnx.initializer @output_scales : tensor<1x8xf32> file 0 offset 896
onnx.initializer @router : tensor<8x2xf32> file 0 offset 320
onnx.initializer @gate_up : tensor<2x8x4xui8> file 0 offset 1000
onnx.initializer @gate_up_scales : tensor<2x8x2xf32> file 0 offset 2000
onnx.initializer @down_0 : tensor<8x4xi8> file 0 offset 3000
onnx.initializer @down_1 : tensor<8x4xi8> file 0 offset 4000
func.func @main(%ids: tensor<1x?xi64, #onnx.shape<"T">>) -> (tensor<1x?x10xf32, #onnx.shape<"T">> {onnx.name = "logits"}) {
  %embedding_stored = onnx.get_initializer @embedding : tensor<10x8xi8>
  %embedding_scales_stored = onnx.get_initializer @embedding_scales : tensor<10xf32>
  %head_scales_stored = onnx.get_initializer @head_scales : tensor<10xf32>
  %query_stored = onnx.get_initializer @query : tensor<8x8xf8E4M3FN>
  %query_scales_stored = onnx.get_initializer @query_scales : tensor<1x1xf32>
  %key_stored = onnx.get_initializer @key : tensor<4x1x8xui8>
  %key_scales_stored = onnx.get_initializer @key_scales : tensor<4x1xf32>
  %value_stored = onnx.get_initializer @value : tensor<8x4xi8>
  %value_scales_stored = onnx.get_initializer @value_scales : tensor<4xbf16>
  %output_stored = onnx.get_initializer @output : tensor<8x8xf8E4M3FN>
  %output_scales_stored = onnx.get_initializer @output_scales : tensor<1x8xf32>
  %zeros = onnx.constant dense<[[33], [67], [101], [135]]> : tensor<4x1xui8>
  %embedding = onnx.node "Dequantize" of "fathom" opset 1 (%embedding_stored, %embedding_scales_stored) {block = array<i64: 1, 8>, zero = 3.0 : f32} : (tensor<10x8xi8>, tensor<10xf32>) -> tensor<10x8xf32>
  %query_rows = onnx.node "Dequantize" of "fathom" opset 1 (%query_stored, %query_scales_stored) {block = array<i64: 128, 128>} : (tensor<8x8xf8E4M3FN>, tensor<1x1xf32>) -> tensor<8x8xf32>
  %query = onnx.node "Transpose" opset 18 (%query_rows) {perm = array<i64: 1, 0>} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %key_rows = onnx.node "Dequantize" of "fathom" opset 1 (%key_stored, %key_scales_stored, %zeros) {bits = 4 : i64, block = array<i64: 1, 16>} : (tensor<4x1x8xui8>, tensor<4x1xf32>, tensor<4x1xui8>) -> tensor<4x8xf32>
  %key = onnx.node "Transpose" opset 18 (%key_rows) {perm = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %value_narrow = onnx.node "Dequantize" of "fathom" opset 1 (%value_stored, %value_scales_stored) {block = array<i64: 8, 1>} : (tensor<8x4xi8>, tensor<4xbf16>) -> tensor<8x4xbf16>
  %value = onnx.node "Cast" opset 18 (%value_narrow) {to = 1 : i64} : (tensor<8x4xbf16>) -> tensor<8x4xf32>
  %output = onnx.node "Dequantize" of "fathom" opset 1 (%output_stored, %output_scales_stored) {block = array<i64: 128, 1>} : (tensor<8x8xf8E4M3FN>, tensor<1x8xf32>) -> tensor<8x8xf32>
  %head_rows = onnx.node "Dequantize" of "fathom" opset 1 (%embedding_stored, %head_scales_stored) {block = array<i64: 1, 8>} : (tensor<10x8xi8>, tensor<10xf32>) -> tensor<10x8xf32>
  %head = onnx.node "Transpose" opset 18 (%head_rows) {perm = array<i64: 1, 0>} : (tensor<10x8xf32>) -> tensor<8x10xf32>
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

  %none = onnx.none
  %router = onnx.get_initializer @router : tensor<8x2xf32>
  %gate_up_stored = onnx.get_initializer @gate_up : tensor<2x8x4xui8>
  %gate_up_scales = onnx.get_initializer @gate_up_scales : tensor<2x8x2xf32>
  %down_0_stored = onnx.get_initializer @down_0 : tensor<8x4xi8>
  %down_1_stored = onnx.get_initializer @down_1 : tensor<8x4xi8>
  %half = onnx.constant dense<0.5> : tensor<1x1xf32>
  %quarter = onnx.constant dense<0.25> : tensor<1x1xf32>
  %from = onnx.constant dense<0> : tensor<1xi64>
  %step = onnx.constant dense<1> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %eight = onnx.constant dense<8> : tensor<1xi64>
  %stack = onnx.constant dense<[1, 8, 4]> : tensor<3xi64>
  %gate_up = onnx.node "Dequantize" of "fathom" opset 1 (%gate_up_stored, %gate_up_scales) {bits = 4 : i64, block = array<i64: 1, 4>, zero = 8.0 : f32} : (tensor<2x8x4xui8>, tensor<2x8x2xf32>) -> tensor<2x8x8xf32>
  %gate = onnx.node "Slice" opset 18 (%gate_up, %from, %four, %step) : (tensor<2x8x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x4x8xf32>
  %up = onnx.node "Slice" opset 18 (%gate_up, %four, %eight, %step) : (tensor<2x8x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x4x8xf32>
  %down_0 = onnx.node "Dequantize" of "fathom" opset 1 (%down_0_stored, %half) {block = array<i64: 8, 4>} : (tensor<8x4xi8>, tensor<1x1xf32>) -> tensor<8x4xf32>
  %down_1 = onnx.node "Dequantize" of "fathom" opset 1 (%down_1_stored, %quarter) {block = array<i64: 8, 4>} : (tensor<8x4xi8>, tensor<1x1xf32>) -> tensor<8x4xf32>
  %first = onnx.node "Reshape" opset 18 (%down_0, %stack) : (tensor<8x4xf32>, tensor<3xi64>) -> tensor<1x8x4xf32>
  %second = onnx.node "Reshape" opset 18 (%down_1, %stack) : (tensor<8x4xf32>, tensor<3xi64>) -> tensor<1x8x4xf32>
  %down = onnx.node "Concat" opset 18 (%first, %second) {axis = 0 : i64} : (tensor<1x8x4xf32>, tensor<1x8x4xf32>) -> tensor<2x8x4xf32>
  %scores = onnx.node "MatMul" opset 18 (%sum, %router) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<8x2xf32>) -> tensor<1x?x2xf32, #onnx.shape<"T">>
  %y = onnx.node "Experts" of "fathom" opset 1 (%sum, %scores, %none, %gate, %up, %down) {factor = 1.0 : f64, group_rule = "none", groups = 1 : i64, normalize = 0 : i64, scoring = "softmax", top_groups = 1 : i64, top_k = 1 : i64} : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x?x2xf32, #onnx.shape<"T">>, none, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x8x4xf32>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  %out = onnx.node "Add" opset 18 (%sum, %y) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x?x8xf32, #onnx.shape<"T">>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  %logits = onnx.node "MatMul" opset 18 (%out, %head) : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<8x10xf32>) -> tensor<1x?x10xf32, #onnx.shape<"T">>
  return %logits : tensor<1x?x10xf32, #onnx.shape<"T">>
}
