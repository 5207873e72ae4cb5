// RUN: fathom-opt %s --split-input-file --fathom-convert-onnx-to-structured --canonicalize | FileCheck %s

// Initializers are memory that calls give; names of extents are gone.
// CHECK: memref.global "private" @weight.0 : memref<8x4xf32>
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: memref<?x8xf32> {{.*}}) -> (memref<?x4xf32>
// CHECK: %[[W:.*]] = memref.get_global @weight.0
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "parallel"]
// CHECK: math.fma
onnx.initializer @w : tensor<8x4xf32> file 0 offset 0
func.func @main(%x: tensor<?x8xf32, #onnx.shape<"n">>) -> tensor<?x4xf32, #onnx.shape<"n">> {
  %w = onnx.get_initializer @w : tensor<8x4xf32>
  %y = onnx.node "MatMul" opset 17 (%x, %w) : (tensor<?x8xf32, #onnx.shape<"n">>, tensor<8x4xf32>) -> tensor<?x4xf32, #onnx.shape<"n">>
  return %y : tensor<?x4xf32, #onnx.shape<"n">>
}

// -----

// What may be broadcast is decided by a call, and checked.
// CHECK-LABEL: func.func @main
// CHECK: cf.assert %{{.*}}, "node (Add): inputs have unlike sizes, and cannot be broadcast"
// CHECK: linalg.generic
// CHECK: arith.addf
func.func @main(%x: tensor<?xf32, #onnx.shape<"n">>, %y: tensor<?xf32, #onnx.shape<"m">>) -> tensor<?xf32, #onnx.shape<"n">> {
  %z = onnx.node "Add" opset 17 (%x, %y) : (tensor<?xf32, #onnx.shape<"n">>, tensor<?xf32, #onnx.shape<"m">>) -> tensor<?xf32, #onnx.shape<"n">>
  return %z : tensor<?xf32, #onnx.shape<"n">>
}

// -----

// Sizes of one name are the same, since whoever calls has checked that, and so are those of what is computed from them:
// nodes of a chain neither compare nor choose, so that code of a call does not grow with them.
// CHECK-LABEL: func.func @main
// CHECK: %[[N:.*]] = memref.dim %arg0
// CHECK-NOT: cf.assert
// CHECK-NOT: arith.select
// CHECK-COUNT-3: tensor.empty(%[[N]]) : tensor<?x16xf32>
// CHECK-NOT: tensor.dim
// CHECK: return
func.func @main(%x: tensor<?x16xf32, #onnx.shape<"n">>, %y: tensor<?x16xf32, #onnx.shape<"n">>) -> tensor<?x16xf32, #onnx.shape<"n">> {
  %a = onnx.node "Add" opset 17 (%x, %y) : (tensor<?x16xf32, #onnx.shape<"n">>, tensor<?x16xf32, #onnx.shape<"n">>) -> tensor<?x16xf32, #onnx.shape<"n">>
  %b = onnx.node "Add" opset 17 (%a, %y) : (tensor<?x16xf32, #onnx.shape<"n">>, tensor<?x16xf32, #onnx.shape<"n">>) -> tensor<?x16xf32, #onnx.shape<"n">>
  return %b : tensor<?x16xf32, #onnx.shape<"n">>
}

// -----

// An extent that depends on data is nobody's name: calls compare it.
// CHECK-LABEL: func.func @main
// CHECK: cf.assert
func.func @main(%x: tensor<?xf32, #onnx.shape<"?0">>, %y: tensor<?xf32, #onnx.shape<"?0">>) -> tensor<?xf32, #onnx.shape<"?0">> {
  %z = onnx.node "Add" opset 17 (%x, %y) : (tensor<?xf32, #onnx.shape<"?0">>, tensor<?xf32, #onnx.shape<"?0">>) -> tensor<?xf32, #onnx.shape<"?0">>
  return %z : tensor<?xf32, #onnx.shape<"?0">>
}

// -----

// Indices are counted from either end, and checked.
// CHECK-LABEL: func.func @main
// CHECK: arith.index_cast
// CHECK: arith.select
// CHECK: cf.assert %{{.*}}, "node (Gather): takes an element that its data lacks"
func.func @main(%x: tensor<5x3xf32>, %i: tensor<?xi64, #onnx.shape<"n">>) -> tensor<?x3xf32, #onnx.shape<"n">> {
  %y = onnx.node "Gather" opset 17 (%x, %i) {axis = 0 : i64} : (tensor<5x3xf32>, tensor<?xi64, #onnx.shape<"n">>) -> tensor<?x3xf32, #onnx.shape<"n">>
  return %y : tensor<?x3xf32, #onnx.shape<"n">>
}

// -----

// Numbers that follow from what a caller chooses are those of the inputs' sizes.
// CHECK-LABEL: func.func @main
// CHECK: %[[N:.*]] = memref.dim %{{.*}}, %{{.*}} : memref<?x4xf32>
// CHECK: arith.muli %[[N]], %c2
func.func @main(%x: tensor<?x4xf32, #onnx.shape<"n">>) -> tensor<?x2xf32, #onnx.shape<"2*n">> {
  %s = onnx.extents <"2*n", "2"> : tensor<2xi64>
  %y = onnx.node "Reshape" opset 17 (%x, %s) : (tensor<?x4xf32, #onnx.shape<"n">>, tensor<2xi64>) -> tensor<?x2xf32, #onnx.shape<"2*n">>
  return %y : tensor<?x2xf32, #onnx.shape<"2*n">>
}

// -----

// By zero and by minus one integers are divided in a way that no processor stops at.
// CHECK-LABEL: func.func @main
// CHECK: arith.divsi
// CHECK: arith.select
func.func @main(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xi32> {
  %z = onnx.node "Div" opset 17 (%x, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  return %z : tensor<4xi32>
}

// -----

// What is natural divides without signs.
// CHECK-LABEL: func.func @main
// CHECK-SAME: memref<4xi32>
// CHECK: arith.divui
func.func @main(%x: tensor<4xui32>, %y: tensor<4xui32>) -> tensor<4xui32> {
  %z = onnx.node "Div" opset 17 (%x, %y) : (tensor<4xui32>, tensor<4xui32>) -> tensor<4xui32>
  return %z : tensor<4xui32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK: scf.if
func.func @main(%c: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %y = onnx.node "If" opset 17 (%c) graphs ["then_branch", "else_branch"] {
    %t = onnx.node "Neg" opset 17 (%x) : (tensor<4xf32>) -> tensor<4xf32>
    onnx.yield %t : tensor<4xf32>
  }, {
    onnx.yield %x : tensor<4xf32>
  } : (tensor<i1>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
