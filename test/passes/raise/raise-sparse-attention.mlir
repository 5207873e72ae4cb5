// Attention to what an indexer chooses, whatever follows from its choices.
// RUN: fathom-opt %s --fathom-raise-sparse-attention --split-input-file | FileCheck %s

// A mask of what is chosen and not behind the query; keys and values that are gathered. Not what is chosen alone, though it
// may be behind the query where there are too few before it, nor keys that are gathered by something else than the mask.
// CHECK-LABEL: func.func @main
// CHECK: %[[LATENTS:.*]] = onnx.node "Reshape" opset 18(%arg2
// CHECK: %[[W:.*]] = onnx.node "Reshape" opset 18(%arg3
// CHECK: %[[HEADS:.*]] = onnx.node "Reshape" opset 18(%arg0
// CHECK: %[[INDEX:.*]] = onnx.node "Reshape" opset 18(%arg1
// CHECK: %[[QUERY:.*]] = onnx.node "Transpose" opset 23(%[[INDEX]]) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: %[[KEY:.*]] = onnx.node "Transpose" opset 23(%{{.*}}) {perm = array<i64: 0, 1, 3, 2>} {{.*}} -> tensor<1x1x?x4xf32
// CHECK: %[[A:.*]] = onnx.node "SparseAttention" of "fathom" opset 1(%[[HEADS]], %[[HEADS]], %[[HEADS]], %[[QUERY]], %[[KEY]], %[[W]]) {scale = 5.000000e-01 : f32, top_k = 3 : i64}
// CHECK: %[[BEHIND:.*]] = onnx.node "Reshape" opset 18(%arg0, %{{.*}} -> tensor<1x?x2x4xf32
// CHECK: %[[Q:.*]] = onnx.node "Transpose" opset 23(%[[BEHIND]]) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: %[[KEYS:.*]] = onnx.node "Reshape" opset 23(%[[LATENTS]], %{{.*}}) {{.*}} -> tensor<1x1x?x4xf32
// CHECK: %[[SPARSE:.*]] = onnx.node "SparseAttention" of "fathom" opset 1(%[[Q]], %[[KEYS]], %[[KEYS]], %{{.*}}, %{{.*}}, %[[W]]) {scale = 5.000000e-01 : f32, top_k = 3 : i64}
// CHECK: %[[B:.*]] = onnx.node "Transpose" opset 23(%[[SPARSE]]) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: %[[C:.*]] = onnx.node "Attention" opset 18
// CHECK: %[[D:.*]] = onnx.node "Attention" opset 18
// CHECK: return %[[A]], %[[B]], %[[C]], %[[D]]
#t = #onnx.shape<"T">
#tt = #onnx.shape<"T", "T">
#tc = #onnx.shape<"T", "?1">
func.func @main(%rows: tensor<?x8xf32, #t>, %iq0: tensor<?x8xf32, #t>, %ik0: tensor<?x4xf32, #t>, %w0: tensor<?x2xf32, #t>) -> (tensor<1x2x?x4xf32, #t>, tensor<1x?x2x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x?x2x4xf32, #t>) {
  %ikshape = onnx.extents <"1", "T", "4"> : tensor<3xi64>
  %w0shape = onnx.extents <"1", "T", "2"> : tensor<3xi64>
  %qshape = onnx.extents <"1", "2", "T", "4"> : tensor<4xi64>
  %ishape = onnx.extents <"1", "T", "2", "4"> : tensor<4xi64>
  %kshape = onnx.extents <"1", "1", "4", "T"> : tensor<4xi64>
  %wshape = onnx.extents <"1", "T", "1", "2"> : tensor<4xi64>
  %sshape = onnx.extents <"1", "T", "T"> : tensor<3xi64>
  %mshape = onnx.extents <"1", "1", "T", "T"> : tensor<4xi64>
  %column = onnx.extents <"T", "1"> : tensor<2xi64>
  %ik = onnx.node "Reshape" opset 18 (%ik0, %ikshape) : (tensor<?x4xf32, #t>, tensor<3xi64>) -> tensor<1x?x4xf32, #t>
  %w = onnx.node "Reshape" opset 18 (%w0, %w0shape) : (tensor<?x2xf32, #t>, tensor<3xi64>) -> tensor<1x?x2xf32, #t>
  %q = onnx.node "Reshape" opset 18 (%rows, %qshape) : (tensor<?x8xf32, #t>, tensor<4xi64>) -> tensor<1x2x?x4xf32, #t>
  %iq = onnx.node "Reshape" opset 18 (%iq0, %ishape) : (tensor<?x8xf32, #t>, tensor<4xi64>) -> tensor<1x?x2x4xf32, #t>
  %it = onnx.node "Transpose" opset 18 (%ik) {perm = array<i64: 0, 2, 1>} : (tensor<1x?x4xf32, #t>) -> tensor<1x4x?xf32, #t>
  %ih = onnx.node "Reshape" opset 18 (%it, %kshape) : (tensor<1x4x?xf32, #t>, tensor<4xi64>) -> tensor<1x1x4x?xf32, #t>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %hidden = onnx.constant dense<0xFF800000> : tensor<f32>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %three = onnx.constant dense<3> : tensor<i64>
  %vector = onnx.constant dense<[-1]> : tensor<1xi64>
  %yes = onnx.constant dense<true> : tensor<i1>
  %count = onnx.extents <"T"> : tensor<i64>
  %places = onnx.node "Range" opset 18 (%zero, %count, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #t>
  %queries = onnx.node "Reshape" opset 18 (%places, %column) : (tensor<?xi64, #t>, tensor<2xi64>) -> tensor<?x1xi64, #t>
  %seen = onnx.node "LessOrEqual" opset 18 (%places, %queries) : (tensor<?xi64, #t>, tensor<?x1xi64, #t>) -> tensor<?x?xi1, #tt>
  %all = onnx.node "Expand" opset 18 (%yes, %sshape) : (tensor<i1>, tensor<3xi64>) -> tensor<1x?x?xi1, #tt>
  %products = onnx.node "MatMul" opset 18 (%iq, %ih) : (tensor<1x?x2x4xf32, #t>, tensor<1x1x4x?xf32, #t>) -> tensor<1x?x2x?xf32, #tt>
  %scaled = onnx.node "Mul" opset 18 (%products, %half) : (tensor<1x?x2x?xf32, #tt>, tensor<f32>) -> tensor<1x?x2x?xf32, #tt>
  %positive = onnx.node "Relu" opset 18 (%scaled) : (tensor<1x?x2x?xf32, #tt>) -> tensor<1x?x2x?xf32, #tt>
  %w1 = onnx.node "Mul" opset 18 (%w, %half) : (tensor<1x?x2xf32, #t>, tensor<f32>) -> tensor<1x?x2xf32, #t>
  %w2 = onnx.node "Reshape" opset 18 (%w1, %wshape) : (tensor<1x?x2xf32, #t>, tensor<4xi64>) -> tensor<1x?x1x2xf32, #t>
  %sums = onnx.node "MatMul" opset 18 (%w2, %positive) : (tensor<1x?x1x2xf32, #t>, tensor<1x?x2x?xf32, #tt>) -> tensor<1x?x1x?xf32, #tt>
  %scores = onnx.node "Reshape" opset 18 (%sums, %sshape) : (tensor<1x?x1x?xf32, #tt>, tensor<3xi64>) -> tensor<1x?x?xf32, #tt>
  %masked = onnx.node "Where" opset 18 (%seen, %scores, %hidden) : (tensor<?x?xi1, #tt>, tensor<1x?x?xf32, #tt>, tensor<f32>) -> tensor<1x?x?xf32, #tt>
  %k0 = onnx.node "Min" opset 18 (%three, %count) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %k = onnx.node "Reshape" opset 18 (%k0, %vector) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %best:2 = onnx.node "TopK" opset 18 (%masked, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<1x?x?xf32, #tt>, tensor<1xi64>) -> (tensor<1x?x?xf32, #tc>, tensor<1x?x?xi64, #tc>)
  %by_mask_shape = onnx.node "Shape" opset 18 (%best#1) : (tensor<1x?x?xi64, #tc>) -> tensor<3xi64>
  %by_mask_none = onnx.node "ConstantOfShape" opset 18 (%by_mask_shape) {value = dense<false> : tensor<1xi1>} : (tensor<3xi64>) -> tensor<1x?x?xi1, #tc>
  %by_mask_others = onnx.node "ScatterElements" opset 18 (%all, %best#1, %by_mask_none) {axis = 2 : i64} : (tensor<1x?x?xi1, #tt>, tensor<1x?x?xi64, #tc>, tensor<1x?x?xi1, #tc>) -> tensor<1x?x?xi1, #tt>
  %by_mask_chosen = onnx.node "Not" opset 18 (%by_mask_others) : (tensor<1x?x?xi1, #tt>) -> tensor<1x?x?xi1, #tt>
  %by_mask_both = onnx.node "And" opset 18 (%by_mask_chosen, %seen) : (tensor<1x?x?xi1, #tt>, tensor<?x?xi1, #tt>) -> tensor<1x?x?xi1, #tt>
  %by_mask_mask = onnx.node "Reshape" opset 18 (%by_mask_both, %mshape) : (tensor<1x?x?xi1, #tt>, tensor<4xi64>) -> tensor<1x1x?x?xi1, #tt>
  %by_mask = onnx.node "Attention" opset 18 (%q, %q, %q, %by_mask_mask) {scale = 0.5 : f32} : (tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x1x?x?xi1, #tt>) -> tensor<1x2x?x4xf32, #t>
  %flat = onnx.extents <"T", "?1"> : tensor<2xi64>
  %pshape = onnx.extents <"T", "?1", "1"> : tensor<3xi64>
  %lshape = onnx.extents <"T", "4"> : tensor<2xi64>
  %rshape = onnx.extents <"1", "T", "?1", "4"> : tensor<4xi64>
  %oshape = onnx.extents <"1", "T", "1", "?1"> : tensor<4xi64>
  %ids = onnx.node "Reshape" opset 18 (%best#1, %flat) : (tensor<1x?x?xi64, #tc>, tensor<2xi64>) -> tensor<?x?xi64, #tc>
  %latents = onnx.node "Reshape" opset 18 (%ik, %lshape) : (tensor<1x?x4xf32, #t>, tensor<2xi64>) -> tensor<?x4xf32, #t>
  %seen_of = onnx.node "GatherElements" opset 18 (%seen, %ids) {axis = 1 : i64} : (tensor<?x?xi1, #tt>, tensor<?x?xi64, #tc>) -> tensor<?x?xi1, #tc>
  %mask_of = onnx.node "Reshape" opset 18 (%seen_of, %oshape) : (tensor<?x?xi1, #tc>, tensor<4xi64>) -> tensor<1x?x1x?xi1, #tc>
  %p = onnx.node "Reshape" opset 18 (%rows, %ishape) : (tensor<?x8xf32, #t>, tensor<4xi64>) -> tensor<1x?x2x4xf32, #t>
  %by_gathering_at = onnx.node "Reshape" opset 18 (%ids, %pshape) : (tensor<?x?xi64, #tc>, tensor<3xi64>) -> tensor<?x?x1xi64, #tc>
  %by_gathering_some = onnx.node "GatherND" opset 18 (%latents, %by_gathering_at) : (tensor<?x4xf32, #t>, tensor<?x?x1xi64, #tc>) -> tensor<?x?x4xf32, #tc>
  %by_gathering_keys = onnx.node "Reshape" opset 18 (%by_gathering_some, %rshape) : (tensor<?x?x4xf32, #tc>, tensor<4xi64>) -> tensor<1x?x?x4xf32, #tc>
  %by_gathering = onnx.node "Attention" opset 18 (%p, %by_gathering_keys, %by_gathering_keys, %mask_of) {scale = 0.5 : f32} : (tensor<1x?x2x4xf32, #t>, tensor<1x?x?x4xf32, #tc>, tensor<1x?x?x4xf32, #tc>, tensor<1x?x1x?xi1, #tc>) -> tensor<1x?x2x4xf32, #t>
  %later_shape = onnx.node "Shape" opset 18 (%best#1) : (tensor<1x?x?xi64, #tc>) -> tensor<3xi64>
  %later_none = onnx.node "ConstantOfShape" opset 18 (%later_shape) {value = dense<false> : tensor<1xi1>} : (tensor<3xi64>) -> tensor<1x?x?xi1, #tc>
  %later_others = onnx.node "ScatterElements" opset 18 (%all, %best#1, %later_none) {axis = 2 : i64} : (tensor<1x?x?xi1, #tt>, tensor<1x?x?xi64, #tc>, tensor<1x?x?xi1, #tc>) -> tensor<1x?x?xi1, #tt>
  %later_chosen = onnx.node "Not" opset 18 (%later_others) : (tensor<1x?x?xi1, #tt>) -> tensor<1x?x?xi1, #tt>
  %later_mask = onnx.node "Reshape" opset 18 (%later_chosen, %mshape) : (tensor<1x?x?xi1, #tt>, tensor<4xi64>) -> tensor<1x1x?x?xi1, #tt>
  %later = onnx.node "Attention" opset 18 (%q, %q, %q, %later_mask) {scale = 0.5 : f32} : (tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x1x?x?xi1, #tt>) -> tensor<1x2x?x4xf32, #t>
  %firsts = onnx.node "Sub" opset 18 (%ids, %ids) : (tensor<?x?xi64, #tc>, tensor<?x?xi64, #tc>) -> tensor<?x?xi64, #tc>
  %others_at = onnx.node "Reshape" opset 18 (%firsts, %pshape) : (tensor<?x?xi64, #tc>, tensor<3xi64>) -> tensor<?x?x1xi64, #tc>
  %others_some = onnx.node "GatherND" opset 18 (%latents, %others_at) : (tensor<?x4xf32, #t>, tensor<?x?x1xi64, #tc>) -> tensor<?x?x4xf32, #tc>
  %others_keys = onnx.node "Reshape" opset 18 (%others_some, %rshape) : (tensor<?x?x4xf32, #tc>, tensor<4xi64>) -> tensor<1x?x?x4xf32, #tc>
  %others = onnx.node "Attention" opset 18 (%p, %others_keys, %others_keys, %mask_of) {scale = 0.5 : f32} : (tensor<1x?x2x4xf32, #t>, tensor<1x?x?x4xf32, #tc>, tensor<1x?x?x4xf32, #tc>, tensor<1x?x1x?xi1, #tc>) -> tensor<1x?x2x4xf32, #t>
  return %by_mask, %by_gathering, %later, %others : tensor<1x2x?x4xf32, #t>, tensor<1x?x2x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x?x2x4xf32, #t>
}

// -----

// Positions behind the query may be chosen, in place of others; the smallest scores are chosen.
// CHECK-LABEL: func.func @main
// CHECK-NOT: SparseAttention
#t = #onnx.shape<"T">
#tt = #onnx.shape<"T", "T">
#tc = #onnx.shape<"T", "?1">
func.func @main(%rows: tensor<?x8xf32, #t>, %iq0: tensor<?x8xf32, #t>, %ik0: tensor<?x4xf32, #t>, %w0: tensor<?x2xf32, #t>) -> (tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>) {
  %ikshape = onnx.extents <"1", "T", "4"> : tensor<3xi64>
  %w0shape = onnx.extents <"1", "T", "2"> : tensor<3xi64>
  %qshape = onnx.extents <"1", "2", "T", "4"> : tensor<4xi64>
  %ishape = onnx.extents <"1", "T", "2", "4"> : tensor<4xi64>
  %kshape = onnx.extents <"1", "1", "4", "T"> : tensor<4xi64>
  %wshape = onnx.extents <"1", "T", "1", "2"> : tensor<4xi64>
  %sshape = onnx.extents <"1", "T", "T"> : tensor<3xi64>
  %mshape = onnx.extents <"1", "1", "T", "T"> : tensor<4xi64>
  %column = onnx.extents <"T", "1"> : tensor<2xi64>
  %ik = onnx.node "Reshape" opset 18 (%ik0, %ikshape) : (tensor<?x4xf32, #t>, tensor<3xi64>) -> tensor<1x?x4xf32, #t>
  %w = onnx.node "Reshape" opset 18 (%w0, %w0shape) : (tensor<?x2xf32, #t>, tensor<3xi64>) -> tensor<1x?x2xf32, #t>
  %q = onnx.node "Reshape" opset 18 (%rows, %qshape) : (tensor<?x8xf32, #t>, tensor<4xi64>) -> tensor<1x2x?x4xf32, #t>
  %iq = onnx.node "Reshape" opset 18 (%iq0, %ishape) : (tensor<?x8xf32, #t>, tensor<4xi64>) -> tensor<1x?x2x4xf32, #t>
  %it = onnx.node "Transpose" opset 18 (%ik) {perm = array<i64: 0, 2, 1>} : (tensor<1x?x4xf32, #t>) -> tensor<1x4x?xf32, #t>
  %ih = onnx.node "Reshape" opset 18 (%it, %kshape) : (tensor<1x4x?xf32, #t>, tensor<4xi64>) -> tensor<1x1x4x?xf32, #t>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %hidden = onnx.constant dense<0xFF800000> : tensor<f32>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %three = onnx.constant dense<3> : tensor<i64>
  %vector = onnx.constant dense<[-1]> : tensor<1xi64>
  %yes = onnx.constant dense<true> : tensor<i1>
  %count = onnx.extents <"T"> : tensor<i64>
  %places = onnx.node "Range" opset 18 (%zero, %count, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #t>
  %queries = onnx.node "Reshape" opset 18 (%places, %column) : (tensor<?xi64, #t>, tensor<2xi64>) -> tensor<?x1xi64, #t>
  %seen = onnx.node "LessOrEqual" opset 18 (%places, %queries) : (tensor<?xi64, #t>, tensor<?x1xi64, #t>) -> tensor<?x?xi1, #tt>
  %all = onnx.node "Expand" opset 18 (%yes, %sshape) : (tensor<i1>, tensor<3xi64>) -> tensor<1x?x?xi1, #tt>
  %products = onnx.node "MatMul" opset 18 (%iq, %ih) : (tensor<1x?x2x4xf32, #t>, tensor<1x1x4x?xf32, #t>) -> tensor<1x?x2x?xf32, #tt>
  %scaled = onnx.node "Mul" opset 18 (%products, %half) : (tensor<1x?x2x?xf32, #tt>, tensor<f32>) -> tensor<1x?x2x?xf32, #tt>
  %positive = onnx.node "Relu" opset 18 (%scaled) : (tensor<1x?x2x?xf32, #tt>) -> tensor<1x?x2x?xf32, #tt>
  %w1 = onnx.node "Mul" opset 18 (%w, %half) : (tensor<1x?x2xf32, #t>, tensor<f32>) -> tensor<1x?x2xf32, #t>
  %w2 = onnx.node "Reshape" opset 18 (%w1, %wshape) : (tensor<1x?x2xf32, #t>, tensor<4xi64>) -> tensor<1x?x1x2xf32, #t>
  %sums = onnx.node "MatMul" opset 18 (%w2, %positive) : (tensor<1x?x1x2xf32, #t>, tensor<1x?x2x?xf32, #tt>) -> tensor<1x?x1x?xf32, #tt>
  %scores = onnx.node "Reshape" opset 18 (%sums, %sshape) : (tensor<1x?x1x?xf32, #tt>, tensor<3xi64>) -> tensor<1x?x?xf32, #tt>
  %masked = onnx.node "Where" opset 18 (%seen, %scores, %hidden) : (tensor<?x?xi1, #tt>, tensor<1x?x?xf32, #tt>, tensor<f32>) -> tensor<1x?x?xf32, #tt>
  %k0 = onnx.node "Min" opset 18 (%three, %count) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %k = onnx.node "Reshape" opset 18 (%k0, %vector) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %any:2 = onnx.node "TopK" opset 18 (%scores, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<1x?x?xf32, #tt>, tensor<1xi64>) -> (tensor<1x?x?xf32, #tc>, tensor<1x?x?xi64, #tc>)
  %smallest:2 = onnx.node "TopK" opset 18 (%masked, %k) {axis = -1 : i64, largest = 0 : i64} : (tensor<1x?x?xf32, #tt>, tensor<1xi64>) -> (tensor<1x?x?xf32, #tc>, tensor<1x?x?xi64, #tc>)
  %y_shape = onnx.node "Shape" opset 18 (%any#1) : (tensor<1x?x?xi64, #tc>) -> tensor<3xi64>
  %y_none = onnx.node "ConstantOfShape" opset 18 (%y_shape) {value = dense<false> : tensor<1xi1>} : (tensor<3xi64>) -> tensor<1x?x?xi1, #tc>
  %y_others = onnx.node "ScatterElements" opset 18 (%all, %any#1, %y_none) {axis = 2 : i64} : (tensor<1x?x?xi1, #tt>, tensor<1x?x?xi64, #tc>, tensor<1x?x?xi1, #tc>) -> tensor<1x?x?xi1, #tt>
  %y_chosen = onnx.node "Not" opset 18 (%y_others) : (tensor<1x?x?xi1, #tt>) -> tensor<1x?x?xi1, #tt>
  %y_both = onnx.node "And" opset 18 (%y_chosen, %seen) : (tensor<1x?x?xi1, #tt>, tensor<?x?xi1, #tt>) -> tensor<1x?x?xi1, #tt>
  %y_mask = onnx.node "Reshape" opset 18 (%y_both, %mshape) : (tensor<1x?x?xi1, #tt>, tensor<4xi64>) -> tensor<1x1x?x?xi1, #tt>
  %y = onnx.node "Attention" opset 18 (%q, %q, %q, %y_mask) {scale = 0.5 : f32} : (tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x1x?x?xi1, #tt>) -> tensor<1x2x?x4xf32, #t>
  %z_shape = onnx.node "Shape" opset 18 (%smallest#1) : (tensor<1x?x?xi64, #tc>) -> tensor<3xi64>
  %z_none = onnx.node "ConstantOfShape" opset 18 (%z_shape) {value = dense<false> : tensor<1xi1>} : (tensor<3xi64>) -> tensor<1x?x?xi1, #tc>
  %z_others = onnx.node "ScatterElements" opset 18 (%all, %smallest#1, %z_none) {axis = 2 : i64} : (tensor<1x?x?xi1, #tt>, tensor<1x?x?xi64, #tc>, tensor<1x?x?xi1, #tc>) -> tensor<1x?x?xi1, #tt>
  %z_chosen = onnx.node "Not" opset 18 (%z_others) : (tensor<1x?x?xi1, #tt>) -> tensor<1x?x?xi1, #tt>
  %z_both = onnx.node "And" opset 18 (%z_chosen, %seen) : (tensor<1x?x?xi1, #tt>, tensor<?x?xi1, #tt>) -> tensor<1x?x?xi1, #tt>
  %z_mask = onnx.node "Reshape" opset 18 (%z_both, %mshape) : (tensor<1x?x?xi1, #tt>, tensor<4xi64>) -> tensor<1x1x?x?xi1, #tt>
  %z = onnx.node "Attention" opset 18 (%q, %q, %q, %z_mask) {scale = 0.5 : f32} : (tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>, tensor<1x1x?x?xi1, #tt>) -> tensor<1x2x?x4xf32, #t>
  return %y, %z : tensor<1x2x?x4xf32, #t>, tensor<1x2x?x4xf32, #t>
}
