// Masks, as graphs compute them, that hide of each query the keys behind it: these alone make attention causal.
// RUN: fathom-opt %s --verify-numerics-each --fathom-raise-causal-masks --split-input-file | FileCheck %s

// Of booleans, by comparing positions.
// CHECK-LABEL: func.func @main
// CHECK: %[[Y:.*]] = onnx.node "CausalAttention" of "fathom" opset 1(%[[X:.*]], %[[X]], %[[X]]) {scale = 2.500000e-01 : f32}
// CHECK: return %[[Y]]
func.func @main(%rows: tensor<?x32xf32, #onnx.shape<"T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">> {
  %heads = onnx.extents <"1", "2", "T", "16"> : tensor<4xi64>
  %x = onnx.node "Reshape" opset 18 (%rows, %heads) : (tensor<?x32xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %count = onnx.extents <"T"> : tensor<i64>
  %column = onnx.extents <"T", "1"> : tensor<2xi64>
  %keys = onnx.node "Range" opset 18 (%zero, %count, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #onnx.shape<"T">>
  %queries = onnx.node "Reshape" opset 18 (%keys, %column) : (tensor<?xi64, #onnx.shape<"T">>, tensor<2xi64>) -> tensor<?x1xi64, #onnx.shape<"T">>
  %mask = onnx.node "LessOrEqual" opset 18 (%keys, %queries) : (tensor<?xi64, #onnx.shape<"T">>, tensor<?x1xi64, #onnx.shape<"T">>) -> tensor<?x?xi1, #onnx.shape<"T", "T">>
  %y = onnx.node "Attention" opset 23 (%x, %x, %x, %mask) : (tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<?x?xi1, #onnx.shape<"T", "T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  return %y : tensor<1x2x?x16xf32, #onnx.shape<"T">>
}

// -----

// Tokens do not see themselves.
// CHECK-LABEL: func.func @main
// CHECK-NOT: CausalAttention
func.func @main(%rows: tensor<?x32xf32, #onnx.shape<"T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">> {
  %heads = onnx.extents <"1", "2", "T", "16"> : tensor<4xi64>
  %x = onnx.node "Reshape" opset 18 (%rows, %heads) : (tensor<?x32xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %count = onnx.extents <"T"> : tensor<i64>
  %column = onnx.extents <"T", "1"> : tensor<2xi64>
  %keys = onnx.node "Range" opset 18 (%zero, %count, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #onnx.shape<"T">>
  %queries = onnx.node "Reshape" opset 18 (%keys, %column) : (tensor<?xi64, #onnx.shape<"T">>, tensor<2xi64>) -> tensor<?x1xi64, #onnx.shape<"T">>
  %mask = onnx.node "Less" opset 18 (%keys, %queries) : (tensor<?xi64, #onnx.shape<"T">>, tensor<?x1xi64, #onnx.shape<"T">>) -> tensor<?x?xi1, #onnx.shape<"T", "T">>
  %y = onnx.node "Attention" opset 23 (%x, %x, %x, %mask) : (tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<?x?xi1, #onnx.shape<"T", "T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  return %y : tensor<1x2x?x16xf32, #onnx.shape<"T">>
}

// -----

// A window: what is 100 tokens back is hidden, which no short sequence shows.
// CHECK-LABEL: func.func @main
// CHECK-NOT: CausalAttention
func.func @main(%rows: tensor<?x32xf32, #onnx.shape<"T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">> {
  %heads = onnx.extents <"1", "2", "T", "16"> : tensor<4xi64>
  %x = onnx.node "Reshape" opset 18 (%rows, %heads) : (tensor<?x32xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %window = onnx.constant dense<100> : tensor<i64>
  %count = onnx.extents <"T"> : tensor<i64>
  %column = onnx.extents <"T", "1"> : tensor<2xi64>
  %keys = onnx.node "Range" opset 18 (%zero, %count, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #onnx.shape<"T">>
  %queries = onnx.node "Reshape" opset 18 (%keys, %column) : (tensor<?xi64, #onnx.shape<"T">>, tensor<2xi64>) -> tensor<?x1xi64, #onnx.shape<"T">>
  %past = onnx.node "LessOrEqual" opset 18 (%keys, %queries) : (tensor<?xi64, #onnx.shape<"T">>, tensor<?x1xi64, #onnx.shape<"T">>) -> tensor<?x?xi1, #onnx.shape<"T", "T">>
  %last = onnx.node "Sub" opset 18 (%queries, %window) : (tensor<?x1xi64, #onnx.shape<"T">>, tensor<i64>) -> tensor<?x1xi64, #onnx.shape<"T">>
  %near = onnx.node "Greater" opset 18 (%keys, %last) : (tensor<?xi64, #onnx.shape<"T">>, tensor<?x1xi64, #onnx.shape<"T">>) -> tensor<?x?xi1, #onnx.shape<"T", "T">>
  %mask = onnx.node "And" opset 18 (%past, %near) : (tensor<?x?xi1, #onnx.shape<"T", "T">>, tensor<?x?xi1, #onnx.shape<"T", "T">>) -> tensor<?x?xi1, #onnx.shape<"T", "T">>
  %y = onnx.node "Attention" opset 23 (%x, %x, %x, %mask) : (tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<?x?xi1, #onnx.shape<"T", "T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  return %y : tensor<1x2x?x16xf32, #onnx.shape<"T">>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK-NOT: CausalAttention
func.func @main(%rows: tensor<?x32xf32, #onnx.shape<"T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">> {
  %heads = onnx.extents <"1", "2", "T", "16"> : tensor<4xi64>
  %x = onnx.node "Reshape" opset 18 (%rows, %heads) : (tensor<?x32xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  %none_hidden = onnx.constant dense<0.0> : tensor<1x1xf32>
  %shape = onnx.extents <"T", "T"> : tensor<2xi64>
  %mask = onnx.node "Expand" opset 18 (%none_hidden, %shape) : (tensor<1x1xf32>, tensor<2xi64>) -> tensor<?x?xf32, #onnx.shape<"T", "T">>
  %y = onnx.node "Attention" opset 23 (%x, %x, %x, %mask) : (tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<?x?xf32, #onnx.shape<"T", "T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  return %y : tensor<1x2x?x16xf32, #onnx.shape<"T">>
}

// -----

// Numbers that are added hide if no score comes near them.
// CHECK-LABEL: func.func @main
// CHECK: "CausalAttention"
func.func @main(%rows: tensor<?x32xf32, #onnx.shape<"T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">> {
  %heads = onnx.extents <"1", "2", "T", "16"> : tensor<4xi64>
  %x = onnx.node "Reshape" opset 18 (%rows, %heads) : (tensor<?x32xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  %least = onnx.constant dense<-65504.0> : tensor<1x1xf32>
  %one = onnx.constant dense<1> : tensor<i64>
  %shape = onnx.extents <"T", "T"> : tensor<2xi64>
  %all = onnx.node "Expand" opset 18 (%least, %shape) : (tensor<1x1xf32>, tensor<2xi64>) -> tensor<?x?xf32, #onnx.shape<"T", "T">>
  %mask = onnx.node "Trilu" opset 14 (%all, %one) {upper = 1 : i64} : (tensor<?x?xf32, #onnx.shape<"T", "T">>, tensor<i64>) -> tensor<?x?xf32, #onnx.shape<"T", "T">>
  %y = onnx.node "Attention" opset 23 (%x, %x, %x, %mask) : (tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<?x?xf32, #onnx.shape<"T", "T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  return %y : tensor<1x2x?x16xf32, #onnx.shape<"T">>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK-NOT: CausalAttention
func.func @main(%rows: tensor<?x32xf32, #onnx.shape<"T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">> {
  %heads = onnx.extents <"1", "2", "T", "16"> : tensor<4xi64>
  %x = onnx.node "Reshape" opset 18 (%rows, %heads) : (tensor<?x32xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  %little = onnx.constant dense<-1.0> : tensor<1x1xf32>
  %one = onnx.constant dense<1> : tensor<i64>
  %shape = onnx.extents <"T", "T"> : tensor<2xi64>
  %all = onnx.node "Expand" opset 18 (%little, %shape) : (tensor<1x1xf32>, tensor<2xi64>) -> tensor<?x?xf32, #onnx.shape<"T", "T">>
  %mask = onnx.node "Trilu" opset 14 (%all, %one) {upper = 1 : i64} : (tensor<?x?xf32, #onnx.shape<"T", "T">>, tensor<i64>) -> tensor<?x?xf32, #onnx.shape<"T", "T">>
  %y = onnx.node "Attention" opset 23 (%x, %x, %x, %mask) : (tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<?x?xf32, #onnx.shape<"T", "T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  return %y : tensor<1x2x?x16xf32, #onnx.shape<"T">>
}

// -----

// With a past, queries are behind the keys of it: positions say how far.
// CHECK-LABEL: func.func @main
// CHECK: %[[KEYS:.*]] = onnx.node "Concat"
// CHECK: onnx.node "CausalAttention" of "fathom" opset 1(%{{.*}}, %[[KEYS]], %[[KEYS]])
func.func @main(%rows: tensor<?x32xf32, #onnx.shape<"T">>, %past: tensor<1x2x?x16xf32, #onnx.shape<"P">>, %positions: tensor<1x?xi64, #onnx.shape<"T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">> {
  %heads = onnx.extents <"1", "2", "T", "16"> : tensor<4xi64>
  %x = onnx.node "Reshape" opset 18 (%rows, %heads) : (tensor<?x32xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %count = onnx.extents <"P + T"> : tensor<i64>
  %column = onnx.extents <"T", "1"> : tensor<2xi64>
  %k = onnx.node "Concat" opset 18 (%past, %x) {axis = 2 : i64} : (tensor<1x2x?x16xf32, #onnx.shape<"P">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"P + T">>
  %keys = onnx.node "Range" opset 18 (%zero, %count, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #onnx.shape<"P + T">>
  %queries = onnx.node "Reshape" opset 18 (%positions, %column) : (tensor<1x?xi64, #onnx.shape<"T">>, tensor<2xi64>) -> tensor<?x1xi64, #onnx.shape<"T">>
  %mask = onnx.node "LessOrEqual" opset 18 (%keys, %queries) : (tensor<?xi64, #onnx.shape<"P + T">>, tensor<?x1xi64, #onnx.shape<"T">>) -> tensor<?x?xi1, #onnx.shape<"T", "P + T">>
  %y = onnx.node "Attention" opset 23 (%x, %k, %k, %mask) : (tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>, tensor<?x?xi1, #onnx.shape<"T", "P + T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  return %y : tensor<1x2x?x16xf32, #onnx.shape<"T">>
}

// -----

// Causal only as long as there is no past.
// CHECK-LABEL: func.func @main
// CHECK-NOT: CausalAttention
func.func @main(%rows: tensor<?x32xf32, #onnx.shape<"T">>, %past: tensor<1x2x?x16xf32, #onnx.shape<"P">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">> {
  %heads = onnx.extents <"1", "2", "T", "16"> : tensor<4xi64>
  %x = onnx.node "Reshape" opset 18 (%rows, %heads) : (tensor<?x32xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %tokens = onnx.extents <"T"> : tensor<i64>
  %count = onnx.extents <"P + T"> : tensor<i64>
  %column = onnx.extents <"T", "1"> : tensor<2xi64>
  %k = onnx.node "Concat" opset 18 (%past, %x) {axis = 2 : i64} : (tensor<1x2x?x16xf32, #onnx.shape<"P">>, tensor<1x2x?x16xf32, #onnx.shape<"T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"P + T">>
  %keys = onnx.node "Range" opset 18 (%zero, %count, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #onnx.shape<"P + T">>
  %numbers = onnx.node "Range" opset 18 (%zero, %tokens, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #onnx.shape<"T">>
  %queries = onnx.node "Reshape" opset 18 (%numbers, %column) : (tensor<?xi64, #onnx.shape<"T">>, tensor<2xi64>) -> tensor<?x1xi64, #onnx.shape<"T">>
  %mask = onnx.node "LessOrEqual" opset 18 (%keys, %queries) : (tensor<?xi64, #onnx.shape<"P + T">>, tensor<?x1xi64, #onnx.shape<"T">>) -> tensor<?x?xi1, #onnx.shape<"T", "P + T">>
  %y = onnx.node "Attention" opset 23 (%x, %k, %k, %mask) : (tensor<1x2x?x16xf32, #onnx.shape<"T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>, tensor<1x2x?x16xf32, #onnx.shape<"P + T">>, tensor<?x?xi1, #onnx.shape<"T", "P + T">>) -> tensor<1x2x?x16xf32, #onnx.shape<"T">>
  return %y : tensor<1x2x?x16xf32, #onnx.shape<"T">>
}
