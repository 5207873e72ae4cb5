// Operators that do all about attention, in several.
// RUN: fathom-opt %s --fathom-simplify-attention --split-input-file | FileCheck %s

// Packed, rotated inside by rows of tables behind the past.
// CHECK-LABEL: func.func @group_query
// CHECK: %[[Q:.*]] = onnx.node "Slice" {{.*}} -> tensor<1x?x64xf32
// CHECK: %[[HEADS:.*]] = onnx.node "Reshape" opset 23(%[[Q]]
// CHECK: onnx.node "Transpose" opset 23(%[[HEADS]]) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: onnx.extents <"P"> : tensor<i64>
// CHECK: onnx.extents <"P + T"> : tensor<i64>
// CHECK: %[[POSITIONS:.*]] = onnx.node "Range"
// CHECK: onnx.node "Gather" opset 23(%{{.*}}, %[[POSITIONS]]) {axis = 0 : i64}
// CHECK: %[[ROTATED_Q:.*]] = onnx.node "Rotate" of "fathom"
// CHECK: %[[ROTATED_K:.*]] = onnx.node "Rotate" of "fathom"
// CHECK: %[[KEYS:.*]] = onnx.node "Concat" opset 23(%arg1, %[[ROTATED_K]]) {axis = 2 : i64}
// CHECK: %[[VALUES:.*]] = onnx.node "Concat" opset 23(%arg2, %{{.*}}) {axis = 2 : i64}
// CHECK: onnx.node "CausalAttention" of "fathom" opset 1(%[[ROTATED_Q]], %[[KEYS]], %[[VALUES]]) {scale = 2.500000e-01 : f32}
// CHECK-NOT: GroupQueryAttention
onnx.initializer @cos : tensor<32x8xf32> file 0 offset 0
onnx.initializer @sin : tensor<32x8xf32> file 0 offset 1024
func.func @group_query(%x: tensor<1x?x128xf32, #onnx.shape<"T">>, %pk: tensor<1x2x?x16xf32, #onnx.shape<"P">>, %pv: tensor<1x2x?x16xf32, #onnx.shape<"P">>, %last: tensor<1xi32>, %total: tensor<i32>) -> (tensor<1x?x64xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>) {
  %none = onnx.none
  %cos = onnx.get_initializer @cos : tensor<32x8xf32>
  %sin = onnx.get_initializer @sin : tensor<32x8xf32>
  %y:3 = onnx.node "GroupQueryAttention" of "com.microsoft" opset 1 (%x, %none, %none, %pk, %pv, %last, %total, %cos, %sin) {num_heads = 4 : i64, kv_num_heads = 2 : i64, do_rotary = 1 : i64} : (tensor<1x?x128xf32, #onnx.shape<"T">>, none, none, tensor<1x2x?x16xf32, #onnx.shape<"P">>, tensor<1x2x?x16xf32, #onnx.shape<"P">>, tensor<1xi32>, tensor<i32>, tensor<32x8xf32>, tensor<32x8xf32>) -> (tensor<1x?x64xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>)
  return %y#0, %y#1, %y#2 : tensor<1x?x64xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>
}

// -----

// A window hides more than what is later.
// CHECK-LABEL: func.func @window
// CHECK: "GroupQueryAttention"
func.func @window(%x: tensor<1x?x128xf32, #onnx.shape<"T">>, %last: tensor<1xi32>, %total: tensor<i32>) -> tensor<1x?x64xf32, #onnx.shape<"T">> {
  %none = onnx.none
  %y = onnx.node "GroupQueryAttention" of "com.microsoft" opset 1 (%x, %none, %none, %none, %none, %last, %total) {num_heads = 4 : i64, kv_num_heads = 2 : i64, local_window_size = 8 : i64} : (tensor<1x?x128xf32, #onnx.shape<"T">>, none, none, none, none, tensor<1xi32>, tensor<i32>) -> tensor<1x?x64xf32, #onnx.shape<"T">>
  return %y : tensor<1x?x64xf32, #onnx.shape<"T">>
}

// -----

// CHECK-LABEL: func.func @soft_cap
// CHECK: "GroupQueryAttention"
func.func @soft_cap(%x: tensor<1x?x128xf32, #onnx.shape<"T">>, %last: tensor<1xi32>, %total: tensor<i32>) -> tensor<1x?x64xf32, #onnx.shape<"T">> {
  %none = onnx.none
  %y = onnx.node "GroupQueryAttention" of "com.microsoft" opset 1 (%x, %none, %none, %none, %none, %last, %total) {num_heads = 4 : i64, kv_num_heads = 2 : i64, softcap = 30.0 : f32} : (tensor<1x?x128xf32, #onnx.shape<"T">>, none, none, none, none, tensor<1xi32>, tensor<i32>) -> tensor<1x?x64xf32, #onnx.shape<"T">>
  return %y : tensor<1x?x64xf32, #onnx.shape<"T">>
}

// -----

// ONNX's own order of inputs is (x, cos, sin, positions), com.microsoft's (x, positions, cos, sin).
// CHECK-LABEL: func.func @rotary_of_both
// CHECK-DAG: %[[C:.*]] = onnx.node "Gather" opset 23(%arg1, %arg3)
// CHECK-DAG: %[[S:.*]] = onnx.node "Gather" opset 23(%arg2, %arg3)
// CHECK: onnx.node "Rotate" of "fathom" opset 1(%arg0, %{{.*}}, %{{.*}}) :
// CHECK-DAG: onnx.node "Gather" opset 23(%arg1, %arg3)
// CHECK-DAG: onnx.node "Gather" opset 23(%arg2, %arg3)
// Pairs that are side by side are halves while they turn.
// CHECK: %[[PAIRS:.*]] = onnx.node "Reshape" opset 23(%arg0, %{{.*}}) {{.*}} -> tensor<1x2x4x8x2xf32>
// CHECK: %[[APART:.*]] = onnx.node "Transpose" opset 23(%[[PAIRS]]) {perm = array<i64: 0, 1, 2, 4, 3>}
// CHECK: %[[HALVES:.*]] = onnx.node "Reshape" opset 23(%[[APART]]
// CHECK: %[[TURNED:.*]] = onnx.node "Rotate" of "fathom" opset 1(%[[HALVES]],
// CHECK: onnx.node "Reshape" opset 23(%[[TURNED]], %{{.*}}) {{.*}} -> tensor<1x2x4x2x8xf32>
// CHECK-NOT: RotaryEmbedding
func.func @rotary_of_both(%x: tensor<1x2x4x16xf32>, %c: tensor<32x8xf32>, %s: tensor<32x8xf32>, %p: tensor<1x4xi64>) -> (tensor<1x2x4x16xf32>, tensor<1x2x4x16xf32>) {
  %a = onnx.node "RotaryEmbedding" opset 23 (%x, %c, %s, %p) : (tensor<1x2x4x16xf32>, tensor<32x8xf32>, tensor<32x8xf32>, tensor<1x4xi64>) -> tensor<1x2x4x16xf32>
  %b = onnx.node "RotaryEmbedding" of "com.microsoft" opset 1 (%x, %p, %c, %s) {interleaved = 1 : i64} : (tensor<1x2x4x16xf32>, tensor<1x4xi64>, tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<1x2x4x16xf32>
  return %a, %b : tensor<1x2x4x16xf32>, tensor<1x2x4x16xf32>
}

// -----

// Rows of heads side by side, causal by an attribute; the scale is that of the width.
// CHECK-LABEL: func.func @of_rows
// CHECK: %[[Y:.*]] = onnx.node "CausalAttention" of "fathom" {{.*}} {scale = 2.500000e-01 : f32}
// CHECK: onnx.node "Transpose" opset 23(%[[Y]]) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: onnx.node "Reshape" {{.*}} -> tensor<1x3x64xf32>
func.func @of_rows(%q: tensor<1x3x64xf32>, %k: tensor<1x3x32xf32>) -> tensor<1x3x64xf32> {
  %y = onnx.node "Attention" opset 23 (%q, %k, %k) {q_num_heads = 4 : i64, kv_num_heads = 2 : i64, is_causal = 1 : i64} : (tensor<1x3x64xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>) -> tensor<1x3x64xf32>
  return %y : tensor<1x3x64xf32>
}

// -----

// CHECK-LABEL: func.func @capped
// CHECK: onnx.node "Attention" {{.*}}softcap
func.func @capped(%q: tensor<1x3x64xf32>) -> tensor<1x3x64xf32> {
  %y = onnx.node "Attention" opset 23 (%q, %q, %q) {q_num_heads = 4 : i64, kv_num_heads = 4 : i64, is_causal = 1 : i64, softcap = 20.0 : f32} : (tensor<1x3x64xf32>, tensor<1x3x64xf32>, tensor<1x3x64xf32>) -> tensor<1x3x64xf32>
  return %y : tensor<1x3x64xf32>
}

// -----

// Values of another size than keys, a bias of all three, and a past.
// CHECK-LABEL: func.func @multi_head
// CHECK: %[[QUERY_BIAS:.*]] = onnx.node "Slice" opset 23(%arg3, {{.*}} -> tensor<48xf32>
// CHECK: %[[QUERY:.*]] = onnx.node "Add" opset 23(%arg0, %[[QUERY_BIAS]])
// CHECK: %[[VALUE_BIAS:.*]] = onnx.node "Slice" opset 23(%arg3, {{.*}} -> tensor<32xf32>
// CHECK: %[[VALUE:.*]] = onnx.node "Add" opset 23(%arg2, %[[VALUE_BIAS]])
// CHECK: %[[SPLIT:.*]] = onnx.node "Reshape" opset 23(%[[VALUE]], {{.*}} -> tensor<1x3x2x16xf32>
// CHECK: %[[V:.*]] = onnx.node "Transpose" opset 23(%[[SPLIT]])
// CHECK: %[[KEYS:.*]] = onnx.node "Concat" opset 23(%arg5, %{{.*}}) {axis = 2 : i64} {{.*}} -> tensor<1x2x7x24xf32>
// CHECK: %[[VALUES:.*]] = onnx.node "Concat" opset 23(%arg6, %[[V]]) {axis = 2 : i64} {{.*}} -> tensor<1x2x7x16xf32>
// CHECK: %[[Y:.*]] = onnx.node "Attention" opset 23(%{{.*}}, %[[KEYS]], %[[VALUES]], %arg4) {scale = 2.500000e-01 : f32} {{.*}} -> tensor<1x2x3x16xf32>
// CHECK: %[[JOINED:.*]] = onnx.node "Transpose" opset 23(%[[Y]])
// CHECK: onnx.node "Reshape" opset 23(%[[JOINED]], {{.*}} -> tensor<1x3x32xf32>
func.func @multi_head(%q: tensor<1x3x48xf32>, %k: tensor<1x3x48xf32>, %v: tensor<1x3x32xf32>, %bias: tensor<128xf32>, %mask: tensor<1x1x3x7xf32>, %keys: tensor<1x2x4x24xf32>, %values: tensor<1x2x4x16xf32>) -> (tensor<1x3x32xf32>, tensor<1x2x7x24xf32>, tensor<1x2x7x16xf32>) {
  %none = onnx.none
  %y:3 = onnx.node "MultiHeadAttention" of "com.microsoft" opset 1 (%q, %k, %v, %bias, %none, %mask, %keys, %values) {num_heads = 2 : i64, scale = 0.25 : f32} : (tensor<1x3x48xf32>, tensor<1x3x48xf32>, tensor<1x3x32xf32>, tensor<128xf32>, none, tensor<1x1x3x7xf32>, tensor<1x2x4x24xf32>, tensor<1x2x4x16xf32>) -> (tensor<1x3x32xf32>, tensor<1x2x7x24xf32>, tensor<1x2x7x16xf32>)
  return %y#0, %y#1, %y#2 : tensor<1x3x32xf32>, tensor<1x2x7x24xf32>, tensor<1x2x7x16xf32>
}

// -----

// Padding of keys is not looked at.
// CHECK-LABEL: func.func @padded
// CHECK: onnx.node "MultiHeadAttention"
func.func @padded(%q: tensor<1x3x32xf32>, %padding: tensor<1xi32>) -> tensor<1x3x32xf32> {
  %none = onnx.none
  %y = onnx.node "MultiHeadAttention" of "com.microsoft" opset 1 (%q, %q, %q, %none, %padding) {num_heads = 2 : i64} : (tensor<1x3x32xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>, none, tensor<1xi32>) -> tensor<1x3x32xf32>
  return %y : tensor<1x3x32xf32>
}
