// Operators that are spelled in several ways come out in one.
// RUN: fathom-opt %s --verify-numerics-each --fathom-simplify-nodes --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @skips
// CHECK: %[[SUM:.*]] = onnx.node "Add" opset 23(%arg0, %arg1)
// CHECK: %[[NORM:.*]] = onnx.node "RMSNormalization" opset 23(%[[SUM]], %arg2) {epsilon = 9.99999997E-7 : f32}
// CHECK: return %[[NORM]], %[[SUM]]
func.func @skips(%x: tensor<1x4x8xf32>, %skip: tensor<1x4x8xf32>, %w: tensor<8xf32>)
    -> (tensor<1x4x8xf32>, tensor<1x4x8xf32>) {
  %none = onnx.none
  %y:4 = onnx.node "SkipSimplifiedLayerNormalization" of "com.microsoft" opset 1 (%x, %skip, %w) {epsilon = 1.0e-6 : f32}
      : (tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<8xf32>) -> (tensor<1x4x8xf32>, none, none, tensor<1x4x8xf32>)
  return %y#0, %y#3 : tensor<1x4x8xf32>, tensor<1x4x8xf32>
}

// -----

// CHECK-LABEL: func.func @divides_by_a_root
// CHECK: %[[ROOT:.*]] = onnx.node "Sqrt"
// CHECK: %[[INVERSE:.*]] = onnx.node "Reciprocal" opset 23(%[[ROOT]])
// CHECK: onnx.node "Mul" opset 23(%arg0, %[[INVERSE]])
func.func @divides_by_a_root(%x: tensor<4x8xf32>, %v: tensor<4x1xf32>) -> tensor<4x8xf32> {
  %root = onnx.node "Sqrt" opset 17 (%v) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %y = onnx.node "Div" opset 17 (%x, %root) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func.func @squares
// CHECK: onnx.node "Mul" opset 23(%arg0, %arg0)
func.func @squares(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %two = onnx.constant dense<2.0> : tensor<f32>
  %y = onnx.node "Pow" opset 17 (%x, %two) : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func.func @splits
// CHECK-DAG: %[[AXIS:.*]] = onnx.constant dense<1> : tensor<1xi64>
// CHECK-DAG: %[[ZERO:.*]] = onnx.constant dense<0> : tensor<1xi64>
// CHECK-DAG: %[[THREE:.*]] = onnx.constant dense<3> : tensor<1xi64>
// CHECK-DAG: %[[EIGHT:.*]] = onnx.constant dense<8> : tensor<1xi64>
// CHECK: %[[A:.*]] = onnx.node "Slice" opset 23(%arg0, %[[ZERO]], %[[THREE]], %[[AXIS]])
// CHECK: %[[B:.*]] = onnx.node "Slice" opset 23(%arg0, %[[THREE]], %[[EIGHT]], %[[AXIS]])
// CHECK: return %[[A]], %[[B]]
func.func @splits(%x: tensor<4x8xf32>) -> (tensor<4x3xf32>, tensor<4x5xf32>) {
  %sizes = onnx.constant dense<[3, 5]> : tensor<2xi64>
  %y:2 = onnx.node "Split" opset 18 (%x, %sizes) {axis = -1 : i64} : (tensor<4x8xf32>, tensor<2xi64>) -> (tensor<4x3xf32>, tensor<4x5xf32>)
  return %y#0, %y#1 : tensor<4x3xf32>, tensor<4x5xf32>
}

// -----

// A sum of one number is that number, one of several stays.
// CHECK-LABEL: func.func @sums
// CHECK: %[[ONE:.*]] = onnx.node "Reshape" opset 23(%arg0
// CHECK: %[[ALL:.*]] = onnx.node "ReduceSum" opset 18(%arg0
// CHECK: return %[[ONE]], %[[ALL]]
func.func @sums(%x: tensor<4x1x8xf32>) -> (tensor<4x8xf32>, tensor<1x8xf32>) {
  %one = onnx.constant dense<-2> : tensor<1xi64>
  %all = onnx.constant dense<0> : tensor<1xi64>
  %y = onnx.node "ReduceSum" opset 18 (%x, %one) {keepdims = 0 : i64} : (tensor<4x1x8xf32>, tensor<1xi64>) -> tensor<4x8xf32>
  %z = onnx.node "ReduceSum" opset 18 (%x, %all) {keepdims = 0 : i64} : (tensor<4x1x8xf32>, tensor<1xi64>) -> tensor<1x8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<1x8xf32>
}

// -----

// Heads that are rows while they are normed are a dimension.
// CHECK-LABEL: func.func @norms_heads
// CHECK: %[[HEADS:.*]] = onnx.node "Reshape" {{.*}}-> tensor<1x?x2x4xf32, #onnx.shape<"n">>
// CHECK: %[[NORM:.*]] = onnx.node "RMSNormalization" opset 23(%[[HEADS]], %arg1)
// CHECK: return %[[NORM]]
func.func @norms_heads(%x: tensor<1x?x8xf32, #onnx.shape<"n">>, %w: tensor<4xf32>) -> tensor<1x?x2x4xf32, #onnx.shape<"n">> {
  %rows = onnx.constant dense<[0, -1, 4]> : tensor<3xi64>
  %heads = onnx.extents <"1", "n", "2", "4"> : tensor<4xi64>
  %a = onnx.node "Reshape" opset 23 (%x, %rows) : (tensor<1x?x8xf32, #onnx.shape<"n">>, tensor<3xi64>) -> tensor<1x?x4xf32, #onnx.shape<"2*n">>
  %b = onnx.node "SimplifiedLayerNormalization" opset 1 (%a, %w) : (tensor<1x?x4xf32, #onnx.shape<"2*n">>, tensor<4xf32>) -> tensor<1x?x4xf32, #onnx.shape<"2*n">>
  %y = onnx.node "Reshape" opset 23 (%b, %heads) : (tensor<1x?x4xf32, #onnx.shape<"2*n">>, tensor<4xi64>) -> tensor<1x?x2x4xf32, #onnx.shape<"n">>
  return %y : tensor<1x?x2x4xf32, #onnx.shape<"n">>
}

// -----

// A slice of all is that, unless it goes backwards.
// CHECK-LABEL: func.func @slices
// CHECK: %[[TURNED:.*]] = onnx.node "Slice"
// CHECK: return %arg0, %[[TURNED]]
func.func @slices(%x: tensor<1x?xf32, #onnx.shape<"n">>, %w: tensor<4xf32>) -> (tensor<1x?xf32, #onnx.shape<"n">>, tensor<4xf32>) {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %far = onnx.constant dense<9223372036854775807> : tensor<1xi64>
  %back = onnx.constant dense<-1> : tensor<1xi64>
  %near = onnx.constant dense<-9223372036854775807> : tensor<1xi64>
  %y = onnx.node "Slice" opset 18 (%x, %zero, %far, %one, %one) : (tensor<1x?xf32, #onnx.shape<"n">>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1x?xf32, #onnx.shape<"n">>
  %z = onnx.node "Slice" opset 18 (%w, %back, %near, %zero, %back) : (tensor<4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xf32>
  return %y, %z : tensor<1x?xf32, #onnx.shape<"n">>, tensor<4xf32>
}

// -----

// Where a scale has rows of its own, rows stay where they are.
// CHECK-LABEL: func.func @norms_by_rows
// CHECK: onnx.node "RMSNormalization" opset 23(%{{.*}}, %arg1) {{.*}}-> tensor<2x4x4xf32>
// CHECK: onnx.node "Reshape"
func.func @norms_by_rows(%x: tensor<2x16xf32>, %w: tensor<2x1x4xf32>) -> tensor<2x2x2x4xf32> {
  %rows = onnx.constant dense<[2, 4, 4]> : tensor<3xi64>
  %heads = onnx.constant dense<[2, 2, 2, 4]> : tensor<4xi64>
  %a = onnx.node "Reshape" opset 23 (%x, %rows) : (tensor<2x16xf32>, tensor<3xi64>) -> tensor<2x4x4xf32>
  %b = onnx.node "RMSNormalization" opset 23 (%a, %w) {axis = -1 : i64} : (tensor<2x4x4xf32>, tensor<2x1x4xf32>) -> tensor<2x4x4xf32>
  %y = onnx.node "Reshape" opset 23 (%b, %heads) : (tensor<2x4x4xf32>, tensor<4xi64>) -> tensor<2x2x2x4xf32>
  return %y : tensor<2x2x2x4xf32>
}

// -----

// Rows by indices in another shape are reshaped.
// CHECK-LABEL: func.func @rows_of_reshaped_indices
// CHECK: %[[ROWS:.*]] = onnx.node "Gather" opset 23(%arg0, %arg1)
// CHECK: onnx.node "Reshape" opset 23(%[[ROWS]]
func.func @rows_of_reshaped_indices(%table: tensor<9x8xf32>, %ids: tensor<2x3xi64>) -> tensor<6x8xf32> {
  %shape = onnx.constant dense<6> : tensor<1xi64>
  %flat = onnx.node "Reshape" opset 18 (%ids, %shape) : (tensor<2x3xi64>, tensor<1xi64>) -> tensor<6xi64>
  %y = onnx.node "Gather" opset 18 (%table, %flat) {axis = 0 : i64} : (tensor<9x8xf32>, tensor<6xi64>) -> tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}

// -----

// Whatever changes only the shape is one Reshape.
// CHECK-LABEL: func.func @reshapes
// CHECK: %[[SHAPE:.*]] = onnx.extents <"n", "2", "4"> : tensor<3xi64>
// CHECK: %[[Y:.*]] = onnx.node "Reshape" opset 23(%arg0, %[[SHAPE]])
// CHECK: return %[[Y]]
func.func @reshapes(%x: tensor<?x8xf32, #onnx.shape<"n">>) -> tensor<?x2x4xf32, #onnx.shape<"n">> {
  %axes = onnx.constant dense<0> : tensor<1xi64>
  %shape = onnx.extents <"n", "2", "4"> : tensor<3xi64>
  %a = onnx.node "Unsqueeze" opset 18 (%x, %axes) : (tensor<?x8xf32, #onnx.shape<"n">>, tensor<1xi64>) -> tensor<1x?x8xf32, #onnx.shape<"n">>
  %y = onnx.node "Reshape" opset 18 (%a, %shape) : (tensor<1x?x8xf32, #onnx.shape<"n">>, tensor<3xi64>) -> tensor<?x2x4xf32, #onnx.shape<"n">>
  return %y : tensor<?x2x4xf32, #onnx.shape<"n">>
}

// -----

// One index of a dimension is a Slice without the dimension; where there is but one, nothing is taken.
// CHECK-LABEL: func.func @selects
// CHECK: %[[ONE:.*]] = onnx.node "Slice" opset 23(%arg0, {{.*}} -> tensor<3x4x1xf32>
// CHECK: %[[A:.*]] = onnx.node "Reshape" opset 23(%[[ONE]], %{{.*}}) {{.*}} -> tensor<3x4xf32>
// CHECK: %[[B:.*]] = onnx.node "Reshape" opset 23(%arg1, %{{.*}}) {{.*}} -> tensor<3x8xf32>
// CHECK: return %[[A]], %[[B]]
func.func @selects(%x: tensor<3x4x2xf32>, %y: tensor<3x1x8xf32>) -> (tensor<3x4xf32>, tensor<3x8xf32>) {
  %last = onnx.constant dense<-1> : tensor<i64>
  %first = onnx.constant dense<0> : tensor<i64>
  %a = onnx.node "Gather" opset 18 (%x, %last) {axis = -1 : i64} : (tensor<3x4x2xf32>, tensor<i64>) -> tensor<3x4xf32>
  %b = onnx.node "Gather" opset 18 (%y, %first) {axis = 1 : i64} : (tensor<3x1x8xf32>, tensor<i64>) -> tensor<3x8xf32>
  return %a, %b : tensor<3x4xf32>, tensor<3x8xf32>
}

// -----

// A number need not be expanded to be chosen, unless it alone says how many there are.
// CHECK-LABEL: func.func @chooses
// CHECK: %[[ZERO:.*]] = onnx.constant dense<0.000000e+00> : tensor<f32>
// CHECK: %[[SPREAD:.*]] = onnx.node "Expand"
// CHECK: onnx.node "Where" opset 18(%arg0, %[[ZERO]], %arg1)
// CHECK: onnx.node "Where" opset 18(%arg0, %[[SPREAD]], %arg2)
func.func @chooses(%mask: tensor<1x3xi1>, %x: tensor<4x3xf32>, %y: tensor<1x3xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>) {
  %zero = onnx.constant dense<0.0> : tensor<f32>
  %shape = onnx.constant dense<[4, 3]> : tensor<2xi64>
  %zeros = onnx.node "Expand" opset 18 (%zero, %shape) : (tensor<f32>, tensor<2xi64>) -> tensor<4x3xf32>
  %a = onnx.node "Where" opset 18 (%mask, %zeros, %x) : (tensor<1x3xi1>, tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %b = onnx.node "Where" opset 18 (%mask, %zeros, %y) : (tensor<1x3xi1>, tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x3xf32>
  return %a, %b : tensor<4x3xf32>, tensor<4x3xf32>
}
