// A layer that is another but for its weights has its routing, and one whose gate has another constant a routing of its own.
// RUN: fathom-opt %s --fathom-raise-experts | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[SECOND:.*]] = onnx.get_initializer @gate_up1
// CHECK-DAG: %[[THIRD:.*]] = onnx.get_initializer @gate_up2
// CHECK: onnx.node "Experts" of "fathom" opset 1(%arg0, {{.*}} {factor = 1.500000e+00 : f64
// CHECK: %[[GATE:.*]] = onnx.node "Slice" opset 23(%[[SECOND]]
// CHECK: onnx.node "Experts"{{.*}}%[[GATE]],{{.*}} {factor = 1.500000e+00 : f64
// CHECK: %[[OTHER:.*]] = onnx.node "Slice" opset 23(%[[THIRD]]
// CHECK: onnx.node "Experts"{{.*}}%[[OTHER]],{{.*}} {factor = 2.500000e+00 : f64
#T = #onnx.shape<"T">
func.func @main(%x: tensor<?x8xf32, #T>) -> tensor<?x8xf32, #T> {
  %router0 = onnx.get_initializer @router0 : tensor<8x4xf32>
  %gate_up0 = onnx.get_initializer @gate_up0 : tensor<4x4x8xf32>
  %down0 = onnx.get_initializer @down0 : tensor<4x8x2xf32>
  %router1 = onnx.get_initializer @router1 : tensor<8x4xf32>
  %gate_up1 = onnx.get_initializer @gate_up1 : tensor<4x4x8xf32>
  %down1 = onnx.get_initializer @down1 : tensor<4x8x2xf32>
  %router2 = onnx.get_initializer @router2 : tensor<8x4xf32>
  %gate_up2 = onnx.get_initializer @gate_up2 : tensor<4x4x8xf32>
  %down2 = onnx.get_initializer @down2 : tensor<4x8x2xf32>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %usual = onnx.constant dense<1.5> : tensor<f32>
  %larger = onnx.constant dense<2.5> : tensor<f32>
  %places = onnx.extents <"T", "2", "1"> : tensor<3xi64>
  %column = onnx.extents <"T", "1", "8", "1"> : tensor<4xi64>
  %factors = onnx.extents <"T", "2", "1", "1"> : tensor<4xi64>
  %rows = onnx.extents <"T", "8"> : tensor<2xi64>
  %logits0 = onnx.node "MatMul" opset 18 (%x, %router0) : (tensor<?x8xf32, #T>, tensor<8x4xf32>) -> tensor<?x4xf32, #T>
  %scores0 = onnx.node "Softmax" opset 18 (%logits0) {axis = -1 : i64} : (tensor<?x4xf32, #T>) -> tensor<?x4xf32, #T>
  %best0:2 = onnx.node "TopK" opset 18 (%scores0, %two) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x4xf32, #T>, tensor<1xi64>) -> (tensor<?x2xf32, #T>, tensor<?x2xi64, #T>)
  %ids0 = onnx.node "Reshape" opset 18 (%best0#1, %places) : (tensor<?x2xi64, #T>, tensor<3xi64>) -> tensor<?x2x1xi64, #T>
  %columns0 = onnx.node "Reshape" opset 18 (%x, %column) : (tensor<?x8xf32, #T>, tensor<4xi64>) -> tensor<?x1x8x1xf32, #T>
  %matrices0 = onnx.node "GatherND" opset 18 (%gate_up0, %ids0) : (tensor<4x4x8xf32>, tensor<?x2x1xi64, #T>) -> tensor<?x2x4x8xf32, #T>
  %product0 = onnx.node "MatMul" opset 18 (%matrices0, %columns0) : (tensor<?x2x4x8xf32, #T>, tensor<?x1x8x1xf32, #T>) -> tensor<?x2x4x1xf32, #T>
  %gate0 = onnx.node "Slice" opset 18 (%product0, %zero, %two, %two) : (tensor<?x2x4x1xf32, #T>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #T>
  %up0 = onnx.node "Slice" opset 18 (%product0, %two, %four, %two) : (tensor<?x2x4x1xf32, #T>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #T>
  %hidden0 = onnx.node "SwiGlu" of "fathom" opset 1 (%gate0, %up0) : (tensor<?x2x2x1xf32, #T>, tensor<?x2x2x1xf32, #T>) -> tensor<?x2x2x1xf32, #T>
  %last0 = onnx.node "GatherND" opset 18 (%down0, %ids0) : (tensor<4x8x2xf32>, tensor<?x2x1xi64, #T>) -> tensor<?x2x8x2xf32, #T>
  %each0 = onnx.node "MatMul" opset 18 (%last0, %hidden0) : (tensor<?x2x8x2xf32, #T>, tensor<?x2x2x1xf32, #T>) -> tensor<?x2x8x1xf32, #T>
  %scaled0 = onnx.node "Mul" opset 18 (%best0#0, %usual) : (tensor<?x2xf32, #T>, tensor<f32>) -> tensor<?x2xf32, #T>
  %weights0 = onnx.node "Reshape" opset 18 (%scaled0, %factors) : (tensor<?x2xf32, #T>, tensor<4xi64>) -> tensor<?x2x1x1xf32, #T>
  %weighted0 = onnx.node "Mul" opset 18 (%each0, %weights0) : (tensor<?x2x8x1xf32, #T>, tensor<?x2x1x1xf32, #T>) -> tensor<?x2x8x1xf32, #T>
  %sum0 = onnx.node "ReduceSum" opset 18 (%weighted0, %one) {keepdims = 0 : i64} : (tensor<?x2x8x1xf32, #T>, tensor<1xi64>) -> tensor<?x8x1xf32, #T>
  %y0 = onnx.node "Reshape" opset 18 (%sum0, %rows) : (tensor<?x8x1xf32, #T>, tensor<2xi64>) -> tensor<?x8xf32, #T>
  %x1 = onnx.node "Add" opset 18 (%x, %y0) : (tensor<?x8xf32, #T>, tensor<?x8xf32, #T>) -> tensor<?x8xf32, #T>
  %logits1 = onnx.node "MatMul" opset 18 (%x1, %router1) : (tensor<?x8xf32, #T>, tensor<8x4xf32>) -> tensor<?x4xf32, #T>
  %scores1 = onnx.node "Softmax" opset 18 (%logits1) {axis = -1 : i64} : (tensor<?x4xf32, #T>) -> tensor<?x4xf32, #T>
  %best1:2 = onnx.node "TopK" opset 18 (%scores1, %two) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x4xf32, #T>, tensor<1xi64>) -> (tensor<?x2xf32, #T>, tensor<?x2xi64, #T>)
  %ids1 = onnx.node "Reshape" opset 18 (%best1#1, %places) : (tensor<?x2xi64, #T>, tensor<3xi64>) -> tensor<?x2x1xi64, #T>
  %columns1 = onnx.node "Reshape" opset 18 (%x1, %column) : (tensor<?x8xf32, #T>, tensor<4xi64>) -> tensor<?x1x8x1xf32, #T>
  %matrices1 = onnx.node "GatherND" opset 18 (%gate_up1, %ids1) : (tensor<4x4x8xf32>, tensor<?x2x1xi64, #T>) -> tensor<?x2x4x8xf32, #T>
  %product1 = onnx.node "MatMul" opset 18 (%matrices1, %columns1) : (tensor<?x2x4x8xf32, #T>, tensor<?x1x8x1xf32, #T>) -> tensor<?x2x4x1xf32, #T>
  %gate1 = onnx.node "Slice" opset 18 (%product1, %zero, %two, %two) : (tensor<?x2x4x1xf32, #T>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #T>
  %up1 = onnx.node "Slice" opset 18 (%product1, %two, %four, %two) : (tensor<?x2x4x1xf32, #T>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #T>
  %hidden1 = onnx.node "SwiGlu" of "fathom" opset 1 (%gate1, %up1) : (tensor<?x2x2x1xf32, #T>, tensor<?x2x2x1xf32, #T>) -> tensor<?x2x2x1xf32, #T>
  %last1 = onnx.node "GatherND" opset 18 (%down1, %ids1) : (tensor<4x8x2xf32>, tensor<?x2x1xi64, #T>) -> tensor<?x2x8x2xf32, #T>
  %each1 = onnx.node "MatMul" opset 18 (%last1, %hidden1) : (tensor<?x2x8x2xf32, #T>, tensor<?x2x2x1xf32, #T>) -> tensor<?x2x8x1xf32, #T>
  %scaled1 = onnx.node "Mul" opset 18 (%best1#0, %usual) : (tensor<?x2xf32, #T>, tensor<f32>) -> tensor<?x2xf32, #T>
  %weights1 = onnx.node "Reshape" opset 18 (%scaled1, %factors) : (tensor<?x2xf32, #T>, tensor<4xi64>) -> tensor<?x2x1x1xf32, #T>
  %weighted1 = onnx.node "Mul" opset 18 (%each1, %weights1) : (tensor<?x2x8x1xf32, #T>, tensor<?x2x1x1xf32, #T>) -> tensor<?x2x8x1xf32, #T>
  %sum1 = onnx.node "ReduceSum" opset 18 (%weighted1, %one) {keepdims = 0 : i64} : (tensor<?x2x8x1xf32, #T>, tensor<1xi64>) -> tensor<?x8x1xf32, #T>
  %y1 = onnx.node "Reshape" opset 18 (%sum1, %rows) : (tensor<?x8x1xf32, #T>, tensor<2xi64>) -> tensor<?x8xf32, #T>
  %x2 = onnx.node "Add" opset 18 (%x1, %y1) : (tensor<?x8xf32, #T>, tensor<?x8xf32, #T>) -> tensor<?x8xf32, #T>
  %logits2 = onnx.node "MatMul" opset 18 (%x2, %router2) : (tensor<?x8xf32, #T>, tensor<8x4xf32>) -> tensor<?x4xf32, #T>
  %scores2 = onnx.node "Softmax" opset 18 (%logits2) {axis = -1 : i64} : (tensor<?x4xf32, #T>) -> tensor<?x4xf32, #T>
  %best2:2 = onnx.node "TopK" opset 18 (%scores2, %two) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x4xf32, #T>, tensor<1xi64>) -> (tensor<?x2xf32, #T>, tensor<?x2xi64, #T>)
  %ids2 = onnx.node "Reshape" opset 18 (%best2#1, %places) : (tensor<?x2xi64, #T>, tensor<3xi64>) -> tensor<?x2x1xi64, #T>
  %columns2 = onnx.node "Reshape" opset 18 (%x2, %column) : (tensor<?x8xf32, #T>, tensor<4xi64>) -> tensor<?x1x8x1xf32, #T>
  %matrices2 = onnx.node "GatherND" opset 18 (%gate_up2, %ids2) : (tensor<4x4x8xf32>, tensor<?x2x1xi64, #T>) -> tensor<?x2x4x8xf32, #T>
  %product2 = onnx.node "MatMul" opset 18 (%matrices2, %columns2) : (tensor<?x2x4x8xf32, #T>, tensor<?x1x8x1xf32, #T>) -> tensor<?x2x4x1xf32, #T>
  %gate2 = onnx.node "Slice" opset 18 (%product2, %zero, %two, %two) : (tensor<?x2x4x1xf32, #T>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #T>
  %up2 = onnx.node "Slice" opset 18 (%product2, %two, %four, %two) : (tensor<?x2x4x1xf32, #T>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #T>
  %hidden2 = onnx.node "SwiGlu" of "fathom" opset 1 (%gate2, %up2) : (tensor<?x2x2x1xf32, #T>, tensor<?x2x2x1xf32, #T>) -> tensor<?x2x2x1xf32, #T>
  %last2 = onnx.node "GatherND" opset 18 (%down2, %ids2) : (tensor<4x8x2xf32>, tensor<?x2x1xi64, #T>) -> tensor<?x2x8x2xf32, #T>
  %each2 = onnx.node "MatMul" opset 18 (%last2, %hidden2) : (tensor<?x2x8x2xf32, #T>, tensor<?x2x2x1xf32, #T>) -> tensor<?x2x8x1xf32, #T>
  %scaled2 = onnx.node "Mul" opset 18 (%best2#0, %larger) : (tensor<?x2xf32, #T>, tensor<f32>) -> tensor<?x2xf32, #T>
  %weights2 = onnx.node "Reshape" opset 18 (%scaled2, %factors) : (tensor<?x2xf32, #T>, tensor<4xi64>) -> tensor<?x2x1x1xf32, #T>
  %weighted2 = onnx.node "Mul" opset 18 (%each2, %weights2) : (tensor<?x2x8x1xf32, #T>, tensor<?x2x1x1xf32, #T>) -> tensor<?x2x8x1xf32, #T>
  %sum2 = onnx.node "ReduceSum" opset 18 (%weighted2, %one) {keepdims = 0 : i64} : (tensor<?x2x8x1xf32, #T>, tensor<1xi64>) -> tensor<?x8x1xf32, #T>
  %y2 = onnx.node "Reshape" opset 18 (%sum2, %rows) : (tensor<?x8x1xf32, #T>, tensor<2xi64>) -> tensor<?x8xf32, #T>
  return %y2 : tensor<?x8xf32, #T>
}
onnx.initializer @router0 : tensor<8x4xf32> file 0 offset 0
onnx.initializer @gate_up0 : tensor<4x4x8xf32> file 0 offset 0
onnx.initializer @down0 : tensor<4x8x2xf32> file 0 offset 0
onnx.initializer @router1 : tensor<8x4xf32> file 0 offset 0
onnx.initializer @gate_up1 : tensor<4x4x8xf32> file 0 offset 0
onnx.initializer @down1 : tensor<4x8x2xf32> file 0 offset 0
onnx.initializer @router2 : tensor<8x4xf32> file 0 offset 0
onnx.initializer @gate_up2 : tensor<4x4x8xf32> file 0 offset 0
onnx.initializer @down2 : tensor<4x8x2xf32> file 0 offset 0
