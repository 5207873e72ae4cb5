// Rows that a loop takes in the order of their experts.
// RUN: fathom-opt %s --fathom-raise-experts | FileCheck %s
// Slices that leave rows out, that overlap, in another order, or of one turn too few, and another matrix in each turn.
// RUN: sed 's/"LessOrEqual"/"Less"/' %s | fathom-opt --fathom-raise-experts | FileCheck %s --check-prefix=NONE
// RUN: sed 's/(%%zeros, %%first_ends)/(%%zeros, %%zeros)/' %s | fathom-opt --fathom-raise-experts | FileCheck %s --check-prefix=NONE
// RUN: sed 's/(%%some, %%next)/(%%next, %%some)/' %s | fathom-opt --fathom-raise-experts | FileCheck %s --check-prefix=NONE
// RUN: sed 's/dense<2> : tensor<i64>/dense<1> : tensor<i64>/' %s | fathom-opt --fathom-raise-experts | FileCheck %s --check-prefix=NONE
// RUN: sed 's/(%%down, %%turn)/(%%down, %%zero)/' %s | fathom-opt --fathom-raise-experts | FileCheck %s --check-prefix=NONE

!row = tensor<?x8xf32, #onnx.shape<"T">>
!inner = tensor<?x3xf32, #onnx.shape<"T">>
!column = tensor<?x1xf32, #onnx.shape<"T">>
!ids = tensor<?xi64, #onnx.shape<"T">>
!some = tensor<?x8xf32, #onnx.shape<"?1">>
!both = tensor<?x6xf32, #onnx.shape<"?2">>
!half = tensor<?x3xf32, #onnx.shape<"?2">>
!some_more = tensor<?x8xf32, #onnx.shape<"?3">>
!sliced = tensor<?x?xf32, #onnx.shape<"?4", "?5">>

// CHECK-LABEL: func.func @main
// CHECK: %[[LOGITS:.*]] = onnx.node "MatMul" opset 18(%arg0,
// CHECK: %[[GATE:.*]] = onnx.node "Slice"{{.*}} -> tensor<2x3x8xf32>
// CHECK: %[[UP:.*]] = onnx.node "Slice"{{.*}} -> tensor<2x3x8xf32>
// CHECK: %[[Y:.*]] = onnx.node "Experts" of "fathom" opset 1(%arg0, %[[LOGITS]], %{{[0-9]+}}, %[[GATE]], %[[UP]], %{{[0-9]+}}) {{.*}}scoring = "sigmoid"{{.*}}top_k = 1 : i64}
// CHECK: return %[[Y]]
// NONE-NOT: "Experts"
// NONE: return
func.func @main(%x: !row) -> !row {
  %router = onnx.get_initializer @router : tensor<8x2xf32>
  %up = onnx.get_initializer @gate_up : tensor<2x8x6xf32>
  %down = onnx.get_initializer @down : tensor<2x3x8xf32>
  %none = onnx.none
  %zero = onnx.constant dense<0> : tensor<i64>
  %zeros = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %three = onnx.constant dense<3> : tensor<1xi64>
  %six = onnx.constant dense<6> : tensor<1xi64>
  %list = onnx.constant dense<-1> : tensor<1xi64>
  %experts = onnx.constant dense<[[0], [1]]> : tensor<2x1xi64>
  %turns = onnx.constant dense<2> : tensor<i64>
  %no_both = onnx.constant dense<> : tensor<0x6xf32>
  %no_rows = onnx.constant dense<> : tensor<0x8xf32>
  %count = onnx.extents <"T"> : tensor<1xi64>
  %logits = onnx.node "MatMul" opset 18 (%x, %router) : (!row, tensor<8x2xf32>) -> tensor<?x2xf32, #onnx.shape<"T">>
  %scores = onnx.node "Sigmoid" opset 18 (%logits) : (tensor<?x2xf32, #onnx.shape<"T">>) -> tensor<?x2xf32, #onnx.shape<"T">>
  %best:2 = onnx.node "TopK" opset 18 (%scores, %one) : (tensor<?x2xf32, #onnx.shape<"T">>, tensor<1xi64>) -> (!column, tensor<?x1xi64, #onnx.shape<"T">>)
  %ids = onnx.node "Reshape" opset 18 (%best#1, %list) : (tensor<?x1xi64, #onnx.shape<"T">>, tensor<1xi64>) -> !ids
  %sorted:2 = onnx.node "TopK" opset 18 (%ids, %count) {largest = 0 : i64} : (!ids, tensor<1xi64>) -> (!ids, !ids)
  %rows = onnx.node "Gather" opset 18 (%x, %sorted#1) : (!row, !ids) -> !row
  %not_behind = onnx.node "LessOrEqual" opset 18 (%sorted#0, %experts) : (!ids, tensor<2x1xi64>) -> tensor<2x?xi1, #onnx.shape<"T">>
  %ones = onnx.node "Cast" opset 18 (%not_behind) {to = 7 : i64} : (tensor<2x?xi1, #onnx.shape<"T">>) -> tensor<2x?xi64, #onnx.shape<"T">>
  %ends = onnx.node "ReduceSum" opset 18 (%ones, %one) {keepdims = 0 : i64} : (tensor<2x?xi64, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<2xi64>
  %first_ends = onnx.node "Slice" opset 18 (%ends, %zeros, %one) : (tensor<2xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %begins = onnx.node "Concat" opset 18 (%zeros, %first_ends) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %both = onnx.node "Loop" opset 18 (%turns, %none, %no_both) graphs ["body"] {
  ^bb0(%turn: tensor<i64>, %goes_on: tensor<i1>, %before: !both):
    %place = onnx.node "Reshape" opset 18 (%turn, %list) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
    %begin = onnx.node "Gather" opset 18 (%begins, %place) : (tensor<2xi64>, tensor<1xi64>) -> tensor<1xi64>
    %end = onnx.node "Gather" opset 18 (%ends, %place) : (tensor<2xi64>, tensor<1xi64>) -> tensor<1xi64>
    %slice = onnx.node "Slice" opset 18 (%rows, %begin, %end, %zeros) : (!row, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !sliced
    %matrix = onnx.node "Gather" opset 18 (%up, %turn) : (tensor<2x8x6xf32>, tensor<i64>) -> tensor<8x6xf32>
    %product = onnx.node "MatMul" opset 18 (%slice, %matrix) : (!sliced, tensor<8x6xf32>) -> tensor<?x6xf32, #onnx.shape<"?4">>
    %all = onnx.node "Concat" opset 18 (%before, %product) {axis = 0 : i64} : (!both, tensor<?x6xf32, #onnx.shape<"?4">>) -> tensor<?x6xf32, #onnx.shape<"?2 + ?4">>
    onnx.yield %goes_on, %all : tensor<i1>, tensor<?x6xf32, #onnx.shape<"?2 + ?4">>
  } : (tensor<i64>, none, tensor<0x6xf32>) -> !both
  %gates = onnx.node "Slice" opset 18 (%both, %zeros, %three, %one) : (!both, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !half
  %ups = onnx.node "Slice" opset 18 (%both, %three, %six, %one) : (!both, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !half
  %hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%gates, %ups) : (!half, !half) -> !half
  %each = onnx.node "Loop" opset 18 (%turns, %none, %no_rows) graphs ["body"] {
  ^bb0(%turn: tensor<i64>, %goes_on: tensor<i1>, %some: !some):
    %place = onnx.node "Reshape" opset 18 (%turn, %list) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
    %begin = onnx.node "Gather" opset 18 (%begins, %place) : (tensor<2xi64>, tensor<1xi64>) -> tensor<1xi64>
    %end = onnx.node "Gather" opset 18 (%ends, %place) : (tensor<2xi64>, tensor<1xi64>) -> tensor<1xi64>
    %slice = onnx.node "Slice" opset 18 (%hidden, %begin, %end, %zeros) : (!half, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !sliced
    %matrix = onnx.node "Gather" opset 18 (%down, %turn) : (tensor<2x3x8xf32>, tensor<i64>) -> tensor<3x8xf32>
    %next = onnx.node "MatMul" opset 18 (%slice, %matrix) : (!sliced, tensor<3x8xf32>) -> !some
    %all = onnx.node "Concat" opset 18 (%some, %next) {axis = 0 : i64} : (!some, !some) -> !some_more
    onnx.yield %goes_on, %all : tensor<i1>, !some_more
  } : (tensor<i64>, none, tensor<0x8xf32>) -> !some
  %weights = onnx.node "Gather" opset 18 (%best#0, %sorted#1) : (!column, !ids) -> !column
  %weighted = onnx.node "Mul" opset 18 (%each, %weights) : (!some, !column) -> !row
  %back:2 = onnx.node "TopK" opset 18 (%sorted#1, %count) {largest = 0 : i64} : (!ids, tensor<1xi64>) -> (!ids, !ids)
  %y = onnx.node "Gather" opset 18 (%weighted, %back#1) : (!row, !ids) -> !row
  return %y : !row
}
onnx.initializer @router : tensor<8x2xf32> file 0 offset 0
onnx.initializer @gate_up : tensor<2x8x6xf32> file 0 offset 0
onnx.initializer @down : tensor<2x3x8xf32> file 0 offset 0
