// Products of matrices, whatever operator they are written by, are MatMuls.
// RUN: fathom-opt %s --fathom-simplify-nodes --split-input-file | FileCheck %s

// What both operands and the result have is the batch; what is behind it is a row, a sum and a column.
// CHECK-LABEL: func.func @scores
// CHECK: %[[Q:.*]] = onnx.node "Transpose" opset 23(%arg0) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: %[[K:.*]] = onnx.node "Transpose" opset 23(%arg1) {perm = array<i64: 0, 2, 3, 1>}
// CHECK: %[[Y:.*]] = onnx.node "MatMul" opset 23(%[[Q]], %[[K]]) {{.*}} -> tensor<1x4x?x?xf32, #onnx.shape<"T", "P">>
// CHECK: onnx.node "Transpose" opset 23(%[[Y]]) {perm = array<i64: 0, 2, 1, 3>}
func.func @scores(%q: tensor<1x?x4x24xf32, #onnx.shape<"T">>, %k: tensor<1x?x4x24xf32, #onnx.shape<"P">>) -> tensor<1x?x4x?xf32, #onnx.shape<"T", "P">> {
  %y = onnx.node "Einsum" opset 18 (%q, %k) {equation = "bshd,bthd->bsht"} : (tensor<1x?x4x24xf32, #onnx.shape<"T">>, tensor<1x?x4x24xf32, #onnx.shape<"P">>) -> tensor<1x?x4x?xf32, #onnx.shape<"T", "P">>
  return %y : tensor<1x?x4x?xf32, #onnx.shape<"T", "P">>
}

// -----

// A letter of one operand alone, of several: the other has one element there.
// CHECK-LABEL: func.func @shared_keys
// CHECK: %[[SPREAD:.*]] = onnx.node "Reshape" opset 23(%arg1, %{{.*}}) {{.*}} -> tensor<1x1x?x32xf32, #onnx.shape<"P">>
// CHECK: %[[K:.*]] = onnx.node "Transpose" opset 23(%[[SPREAD]]) {perm = array<i64: 0, 1, 3, 2>}
// CHECK: %[[Y:.*]] = onnx.node "MatMul" opset 23(%arg0, %[[K]])
// CHECK: return %[[Y]]
func.func @shared_keys(%q: tensor<1x?x4x32xf32, #onnx.shape<"T">>, %k: tensor<1x?x32xf32, #onnx.shape<"P">>) -> tensor<1x?x4x?xf32, #onnx.shape<"T", "P">> {
  %y = onnx.node "Einsum" opset 18 (%q, %k) {equation = "bshc, btc -> bsht"} : (tensor<1x?x4x32xf32, #onnx.shape<"T">>, tensor<1x?x32xf32, #onnx.shape<"P">>) -> tensor<1x?x4x?xf32, #onnx.shape<"T", "P">>
  return %y : tensor<1x?x4x?xf32, #onnx.shape<"T", "P">>
}

// -----

// A matrix for each head.
// CHECK-LABEL: func.func @by_heads
// CHECK: %[[Q:.*]] = onnx.node "Transpose" opset 23(%arg0) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: %[[Y:.*]] = onnx.node "MatMul" opset 23(%[[Q]], %arg1)
// CHECK: onnx.node "Transpose" opset 23(%[[Y]]) {perm = array<i64: 0, 2, 1, 3>}
func.func @by_heads(%q: tensor<1x?x4x16xf32, #onnx.shape<"T">>, %w: tensor<4x16x32xf32>) -> tensor<1x?x4x32xf32, #onnx.shape<"T">> {
  %y = onnx.node "Einsum" opset 18 (%q, %w) {equation = "bshd,hdc->bshc"} : (tensor<1x?x4x16xf32, #onnx.shape<"T">>, tensor<4x16x32xf32>) -> tensor<1x?x4x32xf32, #onnx.shape<"T">>
  return %y : tensor<1x?x4x32xf32, #onnx.shape<"T">>
}

// -----

// An operand without letters of its own is a row in front of the other.
// CHECK-LABEL: func.func @weighs
// CHECK: %[[W:.*]] = onnx.node "Reshape" opset 23(%arg1, %{{.*}}) {{.*}} -> tensor<2x3x1x4xf32>
// CHECK: %[[Y:.*]] = onnx.node "MatMul" opset 23(%[[W]], %arg0)
// CHECK: onnx.node "Reshape" opset 23(%[[Y]], %{{.*}}) {{.*}} -> tensor<2x3x5xf32>
func.func @weighs(%x: tensor<2x3x4x5xf32>, %w: tensor<2x3x4xf32>) -> tensor<2x3x5xf32> {
  %y = onnx.node "Einsum" opset 18 (%x, %w) {equation = "bsht,bsh->bst"} : (tensor<2x3x4x5xf32>, tensor<2x3x4xf32>) -> tensor<2x3x5xf32>
  return %y : tensor<2x3x5xf32>
}

// -----

// CHECK-LABEL: func.func @linear
// CHECK: %[[W:.*]] = onnx.node "Transpose" opset 23(%arg1) {perm = array<i64: 1, 0>}
// CHECK: %[[Y:.*]] = onnx.node "MatMul" opset 23(%arg0, %[[W]])
// CHECK: return %[[Y]]
func.func @linear(%x: tensor<1x?x8xf32, #onnx.shape<"T">>, %w: tensor<6x8xf32>) -> tensor<1x?x6xf32, #onnx.shape<"T">> {
  %y = onnx.node "Einsum" opset 18 (%x, %w) {equation = "bsd,fd->bsf"} : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<6x8xf32>) -> tensor<1x?x6xf32, #onnx.shape<"T">>
  return %y : tensor<1x?x6xf32, #onnx.shape<"T">>
}

// -----

// CHECK-LABEL: func.func @outer
// CHECK: %[[X:.*]] = onnx.node "Reshape" opset 23(%arg0, %{{.*}}) {{.*}} -> tensor<3x1xf32>
// CHECK: %[[Y:.*]] = onnx.node "Reshape" opset 23(%arg1, %{{.*}}) {{.*}} -> tensor<1x4xf32>
// CHECK: onnx.node "MatMul" opset 23(%[[X]], %[[Y]])
func.func @outer(%x: tensor<3xf32>, %y: tensor<4xf32>) -> tensor<3x4xf32> {
  %z = onnx.node "Einsum" opset 18 (%x, %y) {equation = "i,j->ij"} : (tensor<3xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  return %z : tensor<3x4xf32>
}

// -----

// What one operand alone has, and the result has not, is summed first; sums of two letters are of one.
// CHECK-LABEL: func.func @sums
// CHECK: %[[AXIS:.*]] = onnx.constant dense<0> : tensor<1xi64>
// CHECK: %[[SUM:.*]] = onnx.node "ReduceSum" opset 23(%arg0, %[[AXIS]]) {keepdims = 0 : i64} {{.*}} -> tensor<3x4xf32>
// CHECK: %[[X:.*]] = onnx.node "Reshape" opset 23(%[[SUM]], %{{.*}}) {{.*}} -> tensor<1x12xf32>
// CHECK: %[[TURNED:.*]] = onnx.node "Transpose" opset 23(%arg1)
// CHECK: %[[Y:.*]] = onnx.node "Reshape" opset 23(%[[TURNED]], %{{.*}}) {{.*}} -> tensor<12x1xf32>
// CHECK: onnx.node "MatMul" opset 23(%[[X]], %[[Y]])
func.func @sums(%x: tensor<2x3x4xf32>, %y: tensor<4x3xf32>) -> tensor<f32> {
  %z = onnx.node "Einsum" opset 18 (%x, %y) {equation = "ijk,kj->"} : (tensor<2x3x4xf32>, tensor<4x3xf32>) -> tensor<f32>
  return %z : tensor<f32>
}

// -----

// Three operands are multiplied from the left to the right.
// CHECK-LABEL: func.func @three
// CHECK: %[[X:.*]] = onnx.node "Reshape" opset 23(%arg0, %{{.*}}) {{.*}} -> tensor<5x2x1x4xf32>
// CHECK: %[[W:.*]] = onnx.node "Transpose" opset 23(%arg1) {perm = array<i64: 0, 1, 3, 2>}
// CHECK: %[[BOTH:.*]] = onnx.node "MatMul" opset 23(%[[X]], %[[W]])
// CHECK: %[[ROWS:.*]] = onnx.node "Reshape" opset 23(%[[BOTH]], %{{.*}}) {{.*}} -> tensor<5x2x8xf32>
// CHECK: %[[P:.*]] = onnx.node "Reshape" opset 23(%arg2, %{{.*}}) {{.*}} -> tensor<5x1x2xf32>
// CHECK: onnx.node "MatMul" opset 23(%[[P]], %[[ROWS]])
func.func @three(%x: tensor<5x2x4xf32>, %w: tensor<5x2x8x4xf32>, %p: tensor<5x2xf32>) -> tensor<5x8xf32> {
  %y = onnx.node "Einsum" opset 18 (%x, %w, %p) {equation = "tki,tkhi,tk->th"} : (tensor<5x2x4xf32>, tensor<5x2x8x4xf32>, tensor<5x2xf32>) -> tensor<5x8xf32>
  return %y : tensor<5x8xf32>
}

// -----

// CHECK-LABEL: func.func @transposes
// CHECK: %[[Y:.*]] = onnx.node "Transpose" opset 23(%arg0) {perm = array<i64: 1, 0>}
// CHECK: return %[[Y]]
func.func @transposes(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %y = onnx.node "Einsum" opset 18 (%x) {equation = "ij->ji"} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// Diagonals, and what is not known to have one size.
// CHECK-LABEL: func.func @others
// CHECK: onnx.node "Einsum" opset 18(%arg0)
// CHECK: onnx.node "Einsum" opset 18(%arg1, %arg2)
func.func @others(%x: tensor<3x3xf32>, %y: tensor<?xf32, #onnx.shape<"a">>, %z: tensor<?xf32, #onnx.shape<"b">>) -> (tensor<3xf32>, tensor<f32>) {
  %a = onnx.node "Einsum" opset 18 (%x) {equation = "ii->i"} : (tensor<3x3xf32>) -> tensor<3xf32>
  %b = onnx.node "Einsum" opset 18 (%y, %z) {equation = "i,i->"} : (tensor<?xf32, #onnx.shape<"a">>, tensor<?xf32, #onnx.shape<"b">>) -> tensor<f32>
  return %a, %b : tensor<3xf32>, tensor<f32>
}

// -----

// CHECK-LABEL: func.func @fused
// CHECK: %[[QUARTER:.*]] = onnx.constant dense<2.500000e-01> : tensor<f32>
// CHECK: %[[Y:.*]] = onnx.node "Transpose" opset 23(%arg1) {perm = array<i64: 0, 2, 1>}
// CHECK: %[[Z:.*]] = onnx.node "MatMul" opset 23(%arg0, %[[Y]])
// CHECK: onnx.node "Mul" opset 23(%[[Z]], %[[QUARTER]])
func.func @fused(%x: tensor<2x3x4xf32>, %y: tensor<2x5x4xf32>) -> tensor<2x3x5xf32> {
  %z = onnx.node "FusedMatMul" of "com.microsoft" opset 1 (%x, %y) {alpha = 0.25 : f32, transA = 0 : i64, transB = 1 : i64} : (tensor<2x3x4xf32>, tensor<2x5x4xf32>) -> tensor<2x3x5xf32>
  return %z : tensor<2x3x5xf32>
}

// -----

// CHECK-LABEL: func.func @rows_in_front
// CHECK: onnx.node "FusedMatMul"
func.func @rows_in_front(%x: tensor<3x2x4xf32>, %y: tensor<2x4x5xf32>) -> tensor<2x3x5xf32> {
  %z = onnx.node "FusedMatMul" of "com.microsoft" opset 1 (%x, %y) {transBatchA = 1 : i64} : (tensor<3x2x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
  return %z : tensor<2x3x5xf32>
}
