// RUN: fathom-opt %s | fathom-opt | FileCheck %s
// CHECK: onnx.node "QuickGelu" of "com.microsoft" opset 1(%{{.*}}) {alpha = 1.702000e+00 : f32}

// Each function gives the same numbers twice: by an operator that ONNX has no tests of, and by others. EvaluateTest.cpp
// calls them with random numbers.

func.func @quick_gelu(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %once = onnx.node "QuickGelu" of "com.microsoft" opset 1 (%x) {alpha = 1.702 : f32} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %alpha = onnx.constant dense<1.702> : tensor<f32>
  %scaled = onnx.node "Mul" opset 14 (%x, %alpha) : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %gate = onnx.node "Sigmoid" opset 13 (%scaled) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %twice = onnx.node "Mul" opset 14 (%x, %gate) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %once, %twice : tensor<2x3xf32>, tensor<2x3xf32>
}

func.func @swish(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %once = onnx.node "Swish" opset 24 (%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %twice = onnx.node "QuickGelu" of "com.microsoft" opset 1 (%x) {alpha = 1.0 : f32} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %once, %twice : tensor<2x3xf32>, tensor<2x3xf32>
}

func.func @bias_gelu(%x: tensor<2x3xf32>, %bias: tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %once = onnx.node "BiasGelu" of "com.microsoft" opset 1 (%x, %bias) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %sum = onnx.node "Add" opset 14 (%x, %bias) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %twice = onnx.node "Gelu" opset 20 (%sum) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %once, %twice : tensor<2x3xf32>, tensor<2x3xf32>
}

func.func @gelu(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %once = onnx.node "Gelu" of "com.microsoft" opset 1 (%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %root = onnx.constant dense<1.41421354> : tensor<f32>
  %part = onnx.node "Div" opset 14 (%x, %root) : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %erf = onnx.node "Erf" opset 13 (%part) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %one = onnx.constant dense<1.0> : tensor<f32>
  %sum = onnx.node "Add" opset 14 (%erf, %one) : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %gate = onnx.node "Mul" opset 14 (%sum, %half) : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %twice = onnx.node "Mul" opset 14 (%x, %gate) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %once, %twice : tensor<2x3xf32>, tensor<2x3xf32>
}

func.func @fast_gelu(%x: tensor<2x3xf32>, %bias: tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %once = onnx.node "FastGelu" of "com.microsoft" opset 1 (%x, %bias) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %sum = onnx.node "Add" opset 14 (%x, %bias) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %twice = onnx.node "Gelu" opset 20 (%sum) {approximate = "tanh"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %once, %twice : tensor<2x3xf32>, tensor<2x3xf32>
}

func.func @fused_mat_mul(%a: tensor<2x3x4xf32>, %b: tensor<5x4xf32>) -> (tensor<2x3x5xf32>, tensor<2x3x5xf32>) {
  %once = onnx.node "FusedMatMul" of "com.microsoft" opset 1 (%a, %b) {transB = 1 : i64, alpha = 0.5 : f32} : (tensor<2x3x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5xf32>
  %turned = onnx.node "Transpose" opset 13 (%b) : (tensor<5x4xf32>) -> tensor<4x5xf32>
  %product = onnx.node "MatMul" opset 13 (%a, %turned) : (tensor<2x3x4xf32>, tensor<4x5xf32>) -> tensor<2x3x5xf32>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %twice = onnx.node "Mul" opset 14 (%product, %half) : (tensor<2x3x5xf32>, tensor<f32>) -> tensor<2x3x5xf32>
  return %once, %twice : tensor<2x3x5xf32>, tensor<2x3x5xf32>
}

func.func @rms_norm(%x: tensor<2x4xf32>, %w: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %once = onnx.node "RMSNormalization" opset 23 (%x, %w) {epsilon = 0.1 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %square = onnx.node "Mul" opset 14 (%x, %x) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %last = onnx.constant dense<-1> : tensor<1xi64>
  %mean = onnx.node "ReduceMean" opset 18 (%square, %last) : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2x1xf32>
  %epsilon = onnx.constant dense<0.1> : tensor<f32>
  %sum = onnx.node "Add" opset 14 (%mean, %epsilon) : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %root = onnx.node "Sqrt" opset 13 (%sum) : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %normed = onnx.node "Div" opset 14 (%x, %root) : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %twice = onnx.node "Mul" opset 14 (%normed, %w) : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return %once, %twice : tensor<2x4xf32>, tensor<2x4xf32>
}

// ONNX Runtime writes it without its domain as well.
func.func @simplified_layer_norm(%x: tensor<2x4xf32>, %w: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %once = onnx.node "SimplifiedLayerNormalization" opset 17 (%x, %w) {epsilon = 0.1 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %twice = onnx.node "RMSNormalization" opset 23 (%x, %w) {epsilon = 0.1 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return %once, %twice : tensor<2x4xf32>, tensor<2x4xf32>
}

func.func @skip_layer_norm(%x: tensor<2x3x4xf32>, %skip: tensor<2x3x4xf32>, %w: tensor<4xf32>, %b: tensor<4xf32>, %more: tensor<4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %once = onnx.node "SkipLayerNormalization" of "com.microsoft" opset 1 (%x, %skip, %w, %b, %more) {epsilon = 0.1 : f32} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  %sum = onnx.node "Sum" opset 13 (%x, %skip, %more) : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  %twice = onnx.node "LayerNormalization" opset 17 (%sum, %w, %b) {epsilon = 0.1 : f32} : (tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  return %once, %twice : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

func.func @skip_simplified_layer_norm(%x: tensor<2x4xf32>, %skip: tensor<2x4xf32>, %w: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %normed:4 = onnx.node "SkipSimplifiedLayerNormalization" of "com.microsoft" opset 1 (%x, %skip, %w) {epsilon = 0.1 : f32} : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<4xf32>) -> (tensor<2x4xf32>, none, none, tensor<2x4xf32>)
  %once = onnx.node "Add" opset 14 (%normed#0, %normed#3) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %sum = onnx.node "Add" opset 14 (%x, %skip) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %plain = onnx.node "SimplifiedLayerNormalization" of "com.microsoft" opset 1 (%sum, %w) {epsilon = 0.1 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %twice = onnx.node "Add" opset 14 (%plain, %sum) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %once, %twice : tensor<2x4xf32>, tensor<2x4xf32>
}

func.func @rotary_halves(%x: tensor<1x2x3x4xf32>, %cos: tensor<1x3x2xf32>, %sin: tensor<1x3x2xf32>) -> (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) {
  %none = onnx.none
  %once = onnx.node "RotaryEmbedding" opset 23 (%x, %cos, %sin, %none) : (tensor<1x2x3x4xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>, none) -> tensor<1x2x3x4xf32>
  %halves:2 = onnx.node "Split" opset 18 (%x) {axis = -1 : i64, num_outputs = 2 : i64} : (tensor<1x2x3x4xf32>) -> (tensor<1x2x3x2xf32>, tensor<1x2x3x2xf32>)
  %minus = onnx.node "Neg" opset 13 (%halves#1) : (tensor<1x2x3x2xf32>) -> tensor<1x2x3x2xf32>
  %turned = onnx.node "Concat" opset 13 (%minus, %halves#0) {axis = -1 : i64} : (tensor<1x2x3x2xf32>, tensor<1x2x3x2xf32>) -> tensor<1x2x3x4xf32>
  %cosines = onnx.node "Concat" opset 13 (%cos, %cos) {axis = -1 : i64} : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x4xf32>
  %sines = onnx.node "Concat" opset 13 (%sin, %sin) {axis = -1 : i64} : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x4xf32>
  %a = onnx.node "Mul" opset 14 (%x, %cosines) : (tensor<1x2x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x2x3x4xf32>
  %b = onnx.node "Mul" opset 14 (%turned, %sines) : (tensor<1x2x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x2x3x4xf32>
  %twice = onnx.node "Add" opset 14 (%a, %b) : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  return %once, %twice : tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>
}

// Neighbors that are turned are halves that are turned, in another order.
func.func @rotary_interleaved(%x: tensor<1x2x3x4xf32>, %cos: tensor<8x2xf32>, %sin: tensor<8x2xf32>) -> (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) {
  %positions = onnx.constant dense<[[5, 0, 7]]> : tensor<1x3xi64>
  %turned = onnx.node "RotaryEmbedding" of "com.microsoft" opset 1 (%x, %positions, %cos, %sin) {interleaved = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<1x3xi64>, tensor<8x2xf32>, tensor<8x2xf32>) -> tensor<1x2x3x4xf32>
  %order = onnx.constant dense<[0, 2, 1, 3]> : tensor<4xi64>
  %once = onnx.node "Gather" opset 13 (%turned, %order) {axis = -1 : i64} : (tensor<1x2x3x4xf32>, tensor<4xi64>) -> tensor<1x2x3x4xf32>
  %halves = onnx.node "Gather" opset 13 (%x, %order) {axis = -1 : i64} : (tensor<1x2x3x4xf32>, tensor<4xi64>) -> tensor<1x2x3x4xf32>
  %twice = onnx.node "RotaryEmbedding" opset 23 (%halves, %cos, %sin, %positions) : (tensor<1x2x3x4xf32>, tensor<8x2xf32>, tensor<8x2xf32>, tensor<1x3xi64>) -> tensor<1x2x3x4xf32>
  return %once, %twice : tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>
}

// Four heads of queries, two of keys; two positions before.
func.func @attention(%q: tensor<1x4x2x8xf32>, %k: tensor<1x2x2x8xf32>, %v: tensor<1x2x2x3xf32>, %pk: tensor<1x2x2x8xf32>, %pv: tensor<1x2x2x3xf32>) -> (tensor<1x4x2x3xf32>, tensor<1x4x2x3xf32>) {
  %none = onnx.none
  %attended:3 = onnx.node "Attention" opset 23 (%q, %k, %v, %none, %pk, %pv) {is_causal = 1 : i64, scale = 0.5 : f32} : (tensor<1x4x2x8xf32>, tensor<1x2x2x8xf32>, tensor<1x2x2x3xf32>, none, tensor<1x2x2x8xf32>, tensor<1x2x2x3xf32>) -> (tensor<1x4x2x3xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x3xf32>)
  %heads = onnx.constant dense<[0, 0, 1, 1]> : tensor<4xi64>
  %k1 = onnx.node "Gather" opset 13 (%attended#1, %heads) {axis = 1 : i64} : (tensor<1x2x4x8xf32>, tensor<4xi64>) -> tensor<1x4x4x8xf32>
  %v1 = onnx.node "Concat" opset 13 (%pv, %v) {axis = 2 : i64} : (tensor<1x2x2x3xf32>, tensor<1x2x2x3xf32>) -> tensor<1x2x4x3xf32>
  %v2 = onnx.node "Gather" opset 13 (%v1, %heads) {axis = 1 : i64} : (tensor<1x2x4x3xf32>, tensor<4xi64>) -> tensor<1x4x4x3xf32>
  %scores = onnx.node "Einsum" opset 12 (%q, %k1) {equation = "bhqd,bhkd->bhqk"} : (tensor<1x4x2x8xf32>, tensor<1x4x4x8xf32>) -> tensor<1x4x2x4xf32>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %scaled = onnx.node "Mul" opset 14 (%scores, %half) : (tensor<1x4x2x4xf32>, tensor<f32>) -> tensor<1x4x2x4xf32>
  %mask = onnx.constant dense<[[0.0, 0.0, 0.0, 0xFF800000], [0.0, 0.0, 0.0, 0.0]]> : tensor<2x4xf32>
  %masked = onnx.node "Add" opset 14 (%scaled, %mask) : (tensor<1x4x2x4xf32>, tensor<2x4xf32>) -> tensor<1x4x2x4xf32>
  %weights = onnx.node "Softmax" opset 13 (%masked) {axis = -1 : i64} : (tensor<1x4x2x4xf32>) -> tensor<1x4x2x4xf32>
  %twice = onnx.node "MatMul" opset 13 (%weights, %v2) : (tensor<1x4x2x4xf32>, tensor<1x4x4x3xf32>) -> tensor<1x4x2x3xf32>
  return %attended#0, %twice : tensor<1x4x2x3xf32>, tensor<1x4x2x3xf32>
}

func.func @multi_head_attention(%q: tensor<2x3x8xf32>, %k: tensor<2x5x8xf32>, %v: tensor<2x5x4xf32>, %mask: tensor<1x2x3x5xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %none = onnx.none
  %once = onnx.node "MultiHeadAttention" of "com.microsoft" opset 1 (%q, %k, %v, %none, %none, %mask) {num_heads = 2 : i64} : (tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x4xf32>, none, none, tensor<1x2x3x5xf32>) -> tensor<2x3x4xf32>
  %twice = onnx.node "Attention" opset 23 (%q, %k, %v, %mask) {q_num_heads = 2 : i64, kv_num_heads = 2 : i64} : (tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x4xf32>, tensor<1x2x3x5xf32>) -> tensor<2x3x4xf32>
  return %once, %twice : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// Norms and a rotation within, queries, keys and values together; the second of the batch is one position shorter.
func.func @group_query_attention(%qkv: tensor<2x1x32xf32>, %pk: tensor<2x2x3x4xf32>, %pv: tensor<2x2x3x4xf32>, %cos: tensor<8x2xf32>, %sin: tensor<8x2xf32>, %w: tensor<4xf32>) -> (tensor<2x1x16xf32>, tensor<2x1x16xf32>) {
  %none = onnx.none
  %last = onnx.constant dense<[3, 2]> : tensor<2xi32>
  %total = onnx.constant dense<4> : tensor<i32>
  %once = onnx.node "GroupQueryAttention" of "com.microsoft" opset 1 (%qkv, %none, %none, %pk, %pv, %last, %total, %cos, %sin, %none, %none, %none, %none, %none, %w, %w) {num_heads = 4 : i64, kv_num_heads = 2 : i64, do_rotary = 1 : i64, qk_norm_epsilon = 0.1 : f32} : (tensor<2x1x32xf32>, none, none, tensor<2x2x3x4xf32>, tensor<2x2x3x4xf32>, tensor<2xi32>, tensor<i32>, tensor<8x2xf32>, tensor<8x2xf32>, none, none, none, none, none, tensor<4xf32>, tensor<4xf32>) -> tensor<2x1x16xf32>
  %shape = onnx.constant dense<[2, 1, 8, 4]> : tensor<4xi64>
  %split = onnx.node "Reshape" opset 14 (%qkv, %shape) : (tensor<2x1x32xf32>, tensor<4xi64>) -> tensor<2x1x8x4xf32>
  %heads = onnx.node "Transpose" opset 13 (%split) {perm = array<i64: 0, 2, 1, 3>} : (tensor<2x1x8x4xf32>) -> tensor<2x8x1x4xf32>
  %sizes = onnx.constant dense<[4, 2, 2]> : tensor<3xi64>
  %parts:3 = onnx.node "Split" opset 13 (%heads, %sizes) {axis = 1 : i64} : (tensor<2x8x1x4xf32>, tensor<3xi64>) -> (tensor<2x4x1x4xf32>, tensor<2x2x1x4xf32>, tensor<2x2x1x4xf32>)
  %qn = onnx.node "RMSNormalization" opset 23 (%parts#0, %w) {epsilon = 0.1 : f32} : (tensor<2x4x1x4xf32>, tensor<4xf32>) -> tensor<2x4x1x4xf32>
  %kn = onnx.node "RMSNormalization" opset 23 (%parts#1, %w) {epsilon = 0.1 : f32} : (tensor<2x2x1x4xf32>, tensor<4xf32>) -> tensor<2x2x1x4xf32>
  %at = onnx.constant dense<[[3], [2]]> : tensor<2x1xi64>
  %q = onnx.node "RotaryEmbedding" opset 23 (%qn, %cos, %sin, %at) : (tensor<2x4x1x4xf32>, tensor<8x2xf32>, tensor<8x2xf32>, tensor<2x1xi64>) -> tensor<2x4x1x4xf32>
  %k = onnx.node "RotaryEmbedding" opset 23 (%kn, %cos, %sin, %at) : (tensor<2x2x1x4xf32>, tensor<8x2xf32>, tensor<8x2xf32>, tensor<2x1xi64>) -> tensor<2x2x1x4xf32>
  // The row behind those of the past is the new one; of the second it is seen where the past has none.
  %mask = onnx.constant dense<[[[[true, true, true, true]]], [[[true, true, false, true]]]]> : tensor<2x1x1x4xi1>
  %heads1:3 = onnx.node "Attention" opset 23 (%q, %k, %parts#2, %mask, %pk, %pv) : (tensor<2x4x1x4xf32>, tensor<2x2x1x4xf32>, tensor<2x2x1x4xf32>, tensor<2x1x1x4xi1>, tensor<2x2x3x4xf32>, tensor<2x2x3x4xf32>) -> (tensor<2x4x1x4xf32>, none, none)
  %turned = onnx.node "Transpose" opset 13 (%heads1#0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<2x4x1x4xf32>) -> tensor<2x1x4x4xf32>
  %flat = onnx.constant dense<[2, 1, 16]> : tensor<3xi64>
  %twice = onnx.node "Reshape" opset 14 (%turned, %flat) : (tensor<2x1x4x4xf32>, tensor<3xi64>) -> tensor<2x1x16xf32>
  return %once, %twice : tensor<2x1x16xf32>, tensor<2x1x16xf32>
}

// Two blocks of 16 in a column; the first has a zero point of 3, the second of 8.
func.func @mat_mul_n_bits(%x: tensor<2x32xf32>) -> (tensor<2x1xf32>, tensor<2x1xf32>) {
  %bytes = onnx.constant dense<[[[16, 50, 84, 118, 152, 186, 220, 254], [1, 2, 3, 4, 5, 6, 7, 8]]]> : tensor<1x2x8xui8>
  %scales = onnx.constant dense<[0.5, 2.0]> : tensor<2xf32>
  %zeros = onnx.constant dense<131> : tensor<1xui8>
  %once = onnx.node "MatMulNBits" of "com.microsoft" opset 1 (%x, %bytes, %scales, %zeros) {K = 32 : i64, N = 1 : i64, bits = 4 : i64, block_size = 16 : i64} : (tensor<2x32xf32>, tensor<1x2x8xui8>, tensor<2xf32>, tensor<1xui8>) -> tensor<2x1xf32>
  %numbers = onnx.constant dense<[[0], [1], [2], [3], [4], [5], [6], [7], [8], [9], [10], [11], [12], [13], [14], [15], [1], [0], [2], [0], [3], [0], [4], [0], [5], [0], [6], [0], [7], [0], [8], [0]]> : tensor<32x1xui4>
  %scale = onnx.constant dense<[[0.5], [2.0]]> : tensor<2x1xf32>
  %zero = onnx.constant dense<[[3], [8]]> : tensor<2x1xui4>
  %weight = onnx.node "DequantizeLinear" opset 21 (%numbers, %scale, %zero) {axis = 0 : i64, block_size = 16 : i64} : (tensor<32x1xui4>, tensor<2x1xf32>, tensor<2x1xui4>) -> tensor<32x1xf32>
  %twice = onnx.node "MatMul" opset 13 (%x, %weight) : (tensor<2x32xf32>, tensor<32x1xf32>) -> tensor<2x1xf32>
  return %once, %twice : tensor<2x1xf32>, tensor<2x1xf32>
}

// Bytes of two numbers each, the lower bits first, and of zero points: three blocks of a row take two bytes.
func.func @gather_block_quantized() -> (tensor<2x6xf32>, tensor<2x6xf32>) {
  %ids = onnx.constant dense<[1, -2]> : tensor<2xi64>
  %bytes = onnx.constant dense<[[16, 50, 84], [118, 152, 186]]> : tensor<2x3xui8>
  %scales = onnx.constant dense<[[0.5, 2.0, 1.0], [4.0, -1.0, 0.25]]> : tensor<2x3xf32>
  %zeros = onnx.constant dense<[[33, 3], [84, 6]]> : tensor<2x2xui8>
  %once = onnx.node "GatherBlockQuantized" of "com.microsoft" opset 1 (%bytes, %ids, %scales, %zeros) {bits = 4 : i64, block_size = 2 : i64} : (tensor<2x3xui8>, tensor<2xi64>, tensor<2x3xf32>, tensor<2x2xui8>) -> tensor<2x6xf32>
  %numbers = onnx.constant dense<[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]> : tensor<2x6xui4>
  %zero = onnx.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xui4>
  %table = onnx.node "DequantizeLinear" opset 21 (%numbers, %scales, %zero) {axis = 1 : i64, block_size = 2 : i64} : (tensor<2x6xui4>, tensor<2x3xf32>, tensor<2x3xui4>) -> tensor<2x6xf32>
  %twice = onnx.node "Gather" opset 13 (%table, %ids) : (tensor<2x6xf32>, tensor<2xi64>) -> tensor<2x6xf32>
  return %once, %twice : tensor<2x6xf32>, tensor<2x6xf32>
}

// Without zero points: in the middle of bytes, at 0 of numbers that have a type of their own.
func.func @gather_block_quantized_without_zeros() -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %ids = onnx.constant dense<0> : tensor<1xi64>
  %bytes = onnx.constant dense<218> : tensor<1x1xui8>
  %numbers = onnx.constant dense<[[2, 5]]> : tensor<1x2xi4>
  %scales = onnx.constant dense<3.0> : tensor<1x1xf32>
  %once = onnx.node "GatherBlockQuantized" of "com.microsoft" opset 1 (%bytes, %ids, %scales) {block_size = 16 : i64} : (tensor<1x1xui8>, tensor<1xi64>, tensor<1x1xf32>) -> tensor<1x2xf32>
  %twice = onnx.node "GatherBlockQuantized" of "com.microsoft" opset 1 (%numbers, %ids, %scales) {block_size = 16 : i64} : (tensor<1x2xi4>, tensor<1xi64>, tensor<1x1xf32>) -> tensor<1x2xf32>
  return %once, %twice : tensor<1x2xf32>, tensor<1x2xf32>
}

// The best two of three experts, each a row; scores are those of a softmax over the two.
func.func @moe(%x: tensor<1x2xf32>, %w1: tensor<3x1x2xf32>, %w2: tensor<3x2x1xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %scores = onnx.constant dense<[[2.0, -5.0, 3.0]]> : tensor<1x3xf32>
  %none = onnx.none
  %once = onnx.node "MoE" of "com.microsoft" opset 1 (%x, %scores, %w1, %none, %w2) {k = 2 : i64, activation_type = "silu", normalize_routing_weights = 1 : i64} : (tensor<1x2xf32>, tensor<1x3xf32>, tensor<3x1x2xf32>, none, tensor<3x2x1xf32>) -> tensor<1x2xf32>
  %hidden = onnx.node "Einsum" opset 12 (%w1, %x) {equation = "eid,td->eti"} : (tensor<3x1x2xf32>, tensor<1x2xf32>) -> tensor<3x1x1xf32>
  %gated = onnx.node "Swish" opset 24 (%hidden) : (tensor<3x1x1xf32>) -> tensor<3x1x1xf32>
  %chosen = onnx.constant dense<[[2.0, 0xFF800000, 3.0]]> : tensor<1x3xf32>
  %weights = onnx.node "Softmax" opset 13 (%chosen) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %twice = onnx.node "Einsum" opset 12 (%w2, %gated, %weights) {equation = "edi,eti,te->td"} : (tensor<3x2x1xf32>, tensor<3x1x1xf32>, tensor<1x3xf32>) -> tensor<1x2xf32>
  return %once, %twice : tensor<1x2xf32>, tensor<1x2xf32>
}

// Gate and up in halves here, interleaved there; what experts count is said, and is not what chooses them.
func.func @qmoe(%x: tensor<2x2xf32>, %scores: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %none = onnx.none
  %counts = onnx.constant dense<1.0> : tensor<2x2xf32>
  %q1 = onnx.constant dense<[[[16], [50], [84], [118]], [[152], [186], [220], [254]]]> : tensor<2x4x1xui8>
  %s1 = onnx.constant dense<0.25> : tensor<2x4xf32>
  %q2 = onnx.constant dense<[[[1], [35]], [[69], [103]]]> : tensor<2x2x1xui8>
  %s2 = onnx.constant dense<0.5> : tensor<2x2xf32>
  %once = onnx.node "QMoE" of "com.microsoft" opset 1 (%x, %scores, %q1, %s1, %none, %q2, %s2, %none, %none, %none, %none, %none, %none, %none, %counts) {k = 2 : i64, activation_type = "swiglu", swiglu_fusion = 2 : i64, normalize_routing_weights = 1 : i64, expert_weight_bits = 4 : i64} : (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x4x1xui8>, tensor<2x4xf32>, none, tensor<2x2x1xui8>, tensor<2x2xf32>, none, none, none, none, none, none, none, tensor<2x2xf32>) -> tensor<2x2xf32>
  %w1 = onnx.constant dense<[[[-2.0, -1.75], [-1.0, -0.75], [-1.5, -1.25], [-0.5, -0.25]], [[0.0, 0.25], [1.0, 1.25], [0.5, 0.75], [1.5, 1.75]]]> : tensor<2x4x2xf32>
  %w2 = onnx.constant dense<[[[-3.5, -4.0], [-2.5, -3.0]], [[-1.5, -2.0], [-0.5, -1.0]]]> : tensor<2x2x2xf32>
  %equal = onnx.constant dense<0.0> : tensor<2x2xf32>
  %twice = onnx.node "MoE" of "com.microsoft" opset 1 (%x, %equal, %w1, %none, %w2) {k = 2 : i64, activation_type = "swiglu", swiglu_fusion = 1 : i64} : (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x4x2xf32>, none, tensor<2x2x2xf32>) -> tensor<2x2xf32>
  return %once, %twice : tensor<2x2xf32>, tensor<2x2xf32>
}

// Each of the batch has rows of its own from an index on.
func.func @tensor_scatter(%cache: tensor<2x3x2xf32>, %rows: tensor<2x1x2xf32>) -> (tensor<2x3x2xf32>, tensor<2x3x2xf32>) {
  %at = onnx.constant dense<[2, 0]> : tensor<2xi64>
  %once = onnx.node "TensorScatter" opset 24 (%cache, %rows, %at) : (tensor<2x3x2xf32>, tensor<2x1x2xf32>, tensor<2xi64>) -> tensor<2x3x2xf32>
  %indices = onnx.constant dense<[[[0, 2]], [[1, 0]]]> : tensor<2x1x2xi64>
  %twice = onnx.node "ScatterND" opset 18 (%cache, %indices, %rows) : (tensor<2x3x2xf32>, tensor<2x1x2xi64>, tensor<2x1x2xf32>) -> tensor<2x3x2xf32>
  return %once, %twice : tensor<2x3x2xf32>, tensor<2x3x2xf32>
}

func.func @mish(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %once = onnx.node "Mish" opset 18 (%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %soft = onnx.node "Softplus" opset 1 (%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %gate = onnx.node "Tanh" opset 13 (%soft) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %twice = onnx.node "Mul" opset 14 (%x, %gate) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %once, %twice : tensor<2x3xf32>, tensor<2x3xf32>
}

func.func @lp_norm(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %once = onnx.node "LpNormalization" opset 1 (%x) {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %length = onnx.node "ReduceL2" opset 13 (%x) {axes = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<1x3xf32>
  %twice = onnx.node "Div" opset 14 (%x, %length) : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<2x3xf32>
  return %once, %twice : tensor<2x3xf32>, tensor<2x3xf32>
}

// A group of each channel.
func.func @group_norm(%x: tensor<2x3x4xf32>, %w: tensor<3xf32>, %b: tensor<3xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %once = onnx.node "GroupNormalization" opset 21 (%x, %w, %b) {num_groups = 3 : i64} : (tensor<2x3x4xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3x4xf32>
  %twice = onnx.node "InstanceNormalization" opset 6 (%x, %w, %b) : (tensor<2x3x4xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3x4xf32>
  return %once, %twice : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// Parts of two and one columns, joined in another order.
func.func @sequences(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %two = onnx.constant dense<2> : tensor<i64>
  %parts = onnx.node "SplitToSequence" opset 11 (%x, %two) {axis = 1 : i64} : (tensor<2x3xf32>, tensor<i64>) -> !onnx.sequence<tensor<2x?xf32>>
  %length = onnx.node "SequenceLength" opset 11 (%parts) : (!onnx.sequence<tensor<2x?xf32>>) -> tensor<i64>
  %last = onnx.node "Sub" opset 14 (%length, %two) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %first = onnx.node "SequenceAt" opset 11 (%parts, %last) : (!onnx.sequence<tensor<2x?xf32>>, tensor<i64>) -> tensor<2x2xf32>
  %minus = onnx.constant dense<-1> : tensor<i64>
  %rest = onnx.node "SequenceAt" opset 11 (%parts, %minus) : (!onnx.sequence<tensor<2x?xf32>>, tensor<i64>) -> tensor<2x1xf32>
  %turned = onnx.node "SequenceConstruct" opset 11 (%rest, %first) : (tensor<2x1xf32>, tensor<2x2xf32>) -> !onnx.sequence<tensor<2x?xf32>>
  %once = onnx.node "ConcatFromSequence" opset 11 (%turned) {axis = 1 : i64} : (!onnx.sequence<tensor<2x?xf32>>) -> tensor<2x3xf32>
  %order = onnx.constant dense<[2, 0, 1]> : tensor<3xi64>
  %twice = onnx.node "Gather" opset 13 (%x, %order) {axis = 1 : i64} : (tensor<2x3xf32>, tensor<3xi64>) -> tensor<2x3xf32>
  return %once, %twice : tensor<2x3xf32>, tensor<2x3xf32>
}

// 12 and 10: 8, 14 and 6; what is not 6 is 249 of a byte.
func.func @bits() -> (tensor<4xf32>, tensor<4xf32>) {
  %a = onnx.constant dense<12> : tensor<1xui8>
  %b = onnx.constant dense<10> : tensor<1xui8>
  %and = onnx.node "BitwiseAnd" opset 18 (%a, %b) : (tensor<1xui8>, tensor<1xui8>) -> tensor<1xui8>
  %or = onnx.node "BitwiseOr" opset 18 (%a, %b) : (tensor<1xui8>, tensor<1xui8>) -> tensor<1xui8>
  %xor = onnx.node "BitwiseXor" opset 18 (%a, %b) : (tensor<1xui8>, tensor<1xui8>) -> tensor<1xui8>
  %not = onnx.node "BitwiseNot" opset 18 (%xor) : (tensor<1xui8>) -> tensor<1xui8>
  %all = onnx.node "Concat" opset 13 (%and, %or, %xor, %not) {axis = 0 : i64} : (tensor<1xui8>, tensor<1xui8>, tensor<1xui8>, tensor<1xui8>) -> tensor<4xui8>
  %once = onnx.node "Cast" opset 13 (%all) {to = 1 : i64} : (tensor<4xui8>) -> tensor<4xf32>
  %twice = onnx.constant dense<[8.0, 14.0, 6.0, 249.0]> : tensor<4xf32>
  return %once, %twice : tensor<4xf32>, tensor<4xf32>
}
