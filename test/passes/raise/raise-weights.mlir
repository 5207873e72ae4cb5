// Matrices of constants of few bits: which of their numbers share a scale and a zero, and what only looks like such.
// RUN: fathom-opt %s --fathom-simplify-nodes --fathom-raise-weights --split-input-file | FileCheck %s

// One scale, one for each row, one for each column, and one for two rows of a column.
// CHECK-LABEL: func.func @dequantize_linear
// CHECK-DAG: %[[Q:.*]] = onnx.get_initializer @q
// CHECK-DAG: %[[ZEROS:.*]] = onnx.get_initializer @zeros
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%[[Q]], %{{.*}}) {block = array<i64: 4, 6>, zero = 3.000000e+00 : f32}
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%[[Q]], %{{.*}}) {block = array<i64: 1, 6>}
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%[[Q]], %{{.*}}) {block = array<i64: 4, 1>}
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%[[Q]], %{{.*}}, %[[ZEROS]]) {block = array<i64: 2, 1>}
onnx.initializer @q : tensor<4x6xui4> file 0 offset 0
onnx.initializer @rows : tensor<4xf32> file 0 offset 16
onnx.initializer @columns : tensor<6xf32> file 0 offset 32
onnx.initializer @blocks : tensor<2x6xf32> file 0 offset 64
onnx.initializer @zeros : tensor<2x6xui4> file 0 offset 128
func.func @dequantize_linear() -> (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>) {
  %q = onnx.get_initializer @q : tensor<4x6xui4>
  %rows = onnx.get_initializer @rows : tensor<4xf32>
  %columns = onnx.get_initializer @columns : tensor<6xf32>
  %blocks = onnx.get_initializer @blocks : tensor<2x6xf32>
  %zeros = onnx.get_initializer @zeros : tensor<2x6xui4>
  %one = onnx.constant dense<0.5> : tensor<f32>
  %three = onnx.constant dense<3> : tensor<ui4>
  %a = onnx.node "DequantizeLinear" opset 21 (%q, %one, %three) : (tensor<4x6xui4>, tensor<f32>, tensor<ui4>) -> tensor<4x6xf32>
  %b = onnx.node "DequantizeLinear" opset 21 (%q, %rows) {axis = 0 : i64} : (tensor<4x6xui4>, tensor<4xf32>) -> tensor<4x6xf32>
  %c = onnx.node "DequantizeLinear" opset 21 (%q, %columns) {axis = -1 : i64} : (tensor<4x6xui4>, tensor<6xf32>) -> tensor<4x6xf32>
  %d = onnx.node "DequantizeLinear" opset 21 (%q, %blocks, %zeros) {axis = 0 : i64, block_size = 2 : i64} : (tensor<4x6xui4>, tensor<2x6xf32>, tensor<2x6xui4>) -> tensor<4x6xf32>
  return %a, %b, %c, %d : tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>
}

// -----

// What is quantized while the model runs stays.
// CHECK-LABEL: func.func @activations
// CHECK-NOT: of "fathom"
func.func @activations(%x: tensor<4x6xui8>, %scale: tensor<f32>) -> tensor<4x6xf32> {
  %y = onnx.node "DequantizeLinear" opset 21 (%x, %scale) : (tensor<4x6xui8>, tensor<f32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// -----

// A scale that is computed.
// CHECK-LABEL: func.func @computed_scale
// CHECK-NOT: of "fathom"
onnx.initializer @q : tensor<4x6xui8> file 0 offset 0
func.func @computed_scale(%scale: tensor<f32>) -> tensor<4x6xf32> {
  %q = onnx.get_initializer @q : tensor<4x6xui8>
  %y = onnx.node "DequantizeLinear" opset 21 (%q, %scale) : (tensor<4x6xui8>, tensor<f32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// -----

// Rows of a table by ids, whichever comes first.
// CHECK-LABEL: func.func @tables
// CHECK: %[[TABLE:.*]] = onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}) {block = array<i64: 4, 6>}
// CHECK: onnx.node "Gather" opset 23(%[[TABLE]], %arg0)
// CHECK: %[[PACKED:.*]] = onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}) {bits = 4 : i64, block = array<i64: 1, 16>, zero = 8.000000e+00 : f32} : {{.*}} -> tensor<4x32xf32>
// CHECK: onnx.node "Gather" opset 23(%[[PACKED]], %arg0)
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}) {block = array<i64: 1, 16>} : {{.*}} -> tensor<4x16xf32>
onnx.initializer @q : tensor<4x6xi8> file 0 offset 0
onnx.initializer @bytes : tensor<4x16xui8> file 0 offset 32
onnx.initializer @scales : tensor<4x2xf32> file 0 offset 96
onnx.initializer @halves : tensor<4x16xi4> file 0 offset 128
onnx.initializer @each : tensor<4x1xf32> file 0 offset 192
func.func @tables(%ids: tensor<1x?xi64, #onnx.shape<"T">>) -> (tensor<1x?x6xf32, #onnx.shape<"T">>, tensor<1x?x32xf32, #onnx.shape<"T">>, tensor<1x?x16xf32, #onnx.shape<"T">>) {
  %q = onnx.get_initializer @q : tensor<4x6xi8>
  %bytes = onnx.get_initializer @bytes : tensor<4x16xui8>
  %scales = onnx.get_initializer @scales : tensor<4x2xf32>
  %halves = onnx.get_initializer @halves : tensor<4x16xi4>
  %each = onnx.get_initializer @each : tensor<4x1xf32>
  %one = onnx.constant dense<0.5> : tensor<f32>
  %rows = onnx.node "Gather" opset 21 (%q, %ids) : (tensor<4x6xi8>, tensor<1x?xi64, #onnx.shape<"T">>) -> tensor<1x?x6xi8, #onnx.shape<"T">>
  %a = onnx.node "DequantizeLinear" opset 21 (%rows, %one) : (tensor<1x?x6xi8, #onnx.shape<"T">>, tensor<f32>) -> tensor<1x?x6xf32, #onnx.shape<"T">>
  %b = onnx.node "GatherBlockQuantized" of "com.microsoft" opset 1 (%bytes, %ids, %scales) {bits = 4 : i64, block_size = 16 : i64} : (tensor<4x16xui8>, tensor<1x?xi64, #onnx.shape<"T">>, tensor<4x2xf32>) -> tensor<1x?x32xf32, #onnx.shape<"T">>
  %c = onnx.node "GatherBlockQuantized" of "com.microsoft" opset 1 (%halves, %ids, %each) {block_size = 16 : i64} : (tensor<4x16xi4>, tensor<1x?xi64, #onnx.shape<"T">>, tensor<4x1xf32>) -> tensor<1x?x16xf32, #onnx.shape<"T">>
  return %a, %b, %c : tensor<1x?x6xf32, #onnx.shape<"T">>, tensor<1x?x32xf32, #onnx.shape<"T">>, tensor<1x?x16xf32, #onnx.shape<"T">>
}

// -----

// Without zero points zero is in the middle; a bias is a sum. Zero points of bytes are packed as numbers are.
// CHECK-LABEL: func.func @mat_mul_n_bits
// CHECK: %[[W:.*]] = onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}) {bits = 4 : i64, block = array<i64: 1, 16>, zero = 8.000000e+00 : f32} : {{.*}} -> tensor<3x30xf32>
// CHECK: %[[T:.*]] = onnx.node "Transpose" opset 23(%[[W]]) {perm = array<i64: 1, 0>}
// CHECK: %[[P:.*]] = onnx.node "MatMul" opset 23(%arg0, %[[T]])
// CHECK: onnx.node "Add" opset 23(%[[P]], %{{.*}})
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}, %{{.*}}) {bits = 4 : i64, block = array<i64: 1, 16>}
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}) {bits = 8 : i64, block = array<i64: 1, 8>, zero = 1.280000e+02 : f32}
onnx.initializer @bytes : tensor<3x2x8xui8> file 0 offset 0
onnx.initializer @scales : tensor<3x2xf32> file 0 offset 48
onnx.initializer @zeros : tensor<3x1xui8> file 0 offset 72
onnx.initializer @wide : tensor<3x2x8xui8> file 0 offset 80
onnx.initializer @bias : tensor<3xf32> file 0 offset 128
func.func @mat_mul_n_bits(%x: tensor<2x30xf32>, %y: tensor<2x16xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %bytes = onnx.get_initializer @bytes : tensor<3x2x8xui8>
  %scales = onnx.get_initializer @scales : tensor<3x2xf32>
  %zeros = onnx.get_initializer @zeros : tensor<3x1xui8>
  %wide = onnx.get_initializer @wide : tensor<3x2x8xui8>
  %bias = onnx.get_initializer @bias : tensor<3xf32>
  %none = onnx.none
  %a = onnx.node "MatMulNBits" of "com.microsoft" opset 1 (%x, %bytes, %scales, %none, %none, %bias) {K = 30 : i64, N = 3 : i64, bits = 4 : i64, block_size = 16 : i64} : (tensor<2x30xf32>, tensor<3x2x8xui8>, tensor<3x2xf32>, none, none, tensor<3xf32>) -> tensor<2x3xf32>
  %b = onnx.node "MatMulNBits" of "com.microsoft" opset 1 (%x, %bytes, %scales, %zeros) {K = 30 : i64, N = 3 : i64, block_size = 16 : i64} : (tensor<2x30xf32>, tensor<3x2x8xui8>, tensor<3x2xf32>, tensor<3x1xui8>) -> tensor<2x3xf32>
  %c = onnx.node "MatMulNBits" of "com.microsoft" opset 1 (%y, %wide, %scales) {K = 16 : i64, N = 3 : i64, bits = 8 : i64, block_size = 8 : i64} : (tensor<2x16xf32>, tensor<3x2x8xui8>, tensor<3x2xf32>) -> tensor<2x3xf32>
  return %a, %b, %c : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// Columns in the order in which they were quantized, not in theirs.
// CHECK-LABEL: func.func @columns_in_groups
// CHECK-NOT: of "fathom"
onnx.initializer @bytes : tensor<3x2x8xui8> file 0 offset 0
onnx.initializer @scales : tensor<3x2xf32> file 0 offset 48
onnx.initializer @groups : tensor<32xi32> file 0 offset 72
func.func @columns_in_groups(%x: tensor<2x32xf32>) -> tensor<2x3xf32> {
  %bytes = onnx.get_initializer @bytes : tensor<3x2x8xui8>
  %scales = onnx.get_initializer @scales : tensor<3x2xf32>
  %groups = onnx.get_initializer @groups : tensor<32xi32>
  %none = onnx.none
  %a = onnx.node "MatMulNBits" of "com.microsoft" opset 1 (%x, %bytes, %scales, %none, %groups) {K = 32 : i64, N = 3 : i64, bits = 4 : i64, block_size = 16 : i64} : (tensor<2x32xf32>, tensor<3x2x8xui8>, tensor<3x2xf32>, none, tensor<32xi32>) -> tensor<2x3xf32>
  return %a : tensor<2x3xf32>
}

// -----

// A grid of 4 x 4 that is expanded to more than the matrix, and cut.
// CHECK-LABEL: func.func @ragged_grid
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}) {block = array<i64: 4, 4>} : (tensor<6x9xf8E4M3FN>, tensor<2x3xf32>)
onnx.initializer @q : tensor<6x9xf8E4M3FN> file 0 offset 0
onnx.initializer @s : tensor<2x3xf32> file 0 offset 64
func.func @ragged_grid() -> tensor<6x9xf32> {
  %q = onnx.get_initializer @q : tensor<6x9xf8E4M3FN>
  %s = onnx.get_initializer @s : tensor<2x3xf32>
  %numbers = onnx.node "Cast" opset 21 (%q) {to = 1 : i64} : (tensor<6x9xf8E4M3FN>) -> tensor<6x9xf32>
  %apart = onnx.constant dense<[2, 1, 3, 1]> : tensor<4xi64>
  %sizes = onnx.constant dense<[2, 4, 3, 4]> : tensor<4xi64>
  %whole = onnx.constant dense<[8, 12]> : tensor<2xi64>
  %a = onnx.node "Reshape" opset 21 (%s, %apart) : (tensor<2x3xf32>, tensor<4xi64>) -> tensor<2x1x3x1xf32>
  %b = onnx.node "Expand" opset 21 (%a, %sizes) : (tensor<2x1x3x1xf32>, tensor<4xi64>) -> tensor<2x4x3x4xf32>
  %c = onnx.node "Reshape" opset 21 (%b, %whole) : (tensor<2x4x3x4xf32>, tensor<2xi64>) -> tensor<8x12xf32>
  %begin = onnx.constant dense<[0, 0]> : tensor<2xi64>
  %end = onnx.constant dense<[6, 9]> : tensor<2xi64>
  %axes = onnx.constant dense<[0, 1]> : tensor<2xi64>
  %d = onnx.node "Slice" opset 21 (%c, %begin, %end, %axes) : (tensor<8x12xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<6x9xf32>
  %w = onnx.node "Mul" opset 21 (%d, %numbers) : (tensor<6x9xf32>, tensor<6x9xf32>) -> tensor<6x9xf32>
  return %w : tensor<6x9xf32>
}

// -----

// The first row of blocks has less rows than others.
// CHECK-LABEL: func.func @grid_cut_in_front
// CHECK-NOT: of "fathom"
onnx.initializer @q : tensor<6x9xf8E4M3FN> file 0 offset 0
onnx.initializer @s : tensor<2x3xf32> file 0 offset 64
func.func @grid_cut_in_front() -> tensor<6x9xf32> {
  %q = onnx.get_initializer @q : tensor<6x9xf8E4M3FN>
  %s = onnx.get_initializer @s : tensor<2x3xf32>
  %numbers = onnx.node "Cast" opset 21 (%q) {to = 1 : i64} : (tensor<6x9xf8E4M3FN>) -> tensor<6x9xf32>
  %apart = onnx.constant dense<[2, 1, 3, 1]> : tensor<4xi64>
  %sizes = onnx.constant dense<[2, 4, 3, 4]> : tensor<4xi64>
  %whole = onnx.constant dense<[8, 12]> : tensor<2xi64>
  %a = onnx.node "Reshape" opset 21 (%s, %apart) : (tensor<2x3xf32>, tensor<4xi64>) -> tensor<2x1x3x1xf32>
  %b = onnx.node "Expand" opset 21 (%a, %sizes) : (tensor<2x1x3x1xf32>, tensor<4xi64>) -> tensor<2x4x3x4xf32>
  %c = onnx.node "Reshape" opset 21 (%b, %whole) : (tensor<2x4x3x4xf32>, tensor<2xi64>) -> tensor<8x12xf32>
  %begin = onnx.constant dense<[1, 0]> : tensor<2xi64>
  %end = onnx.constant dense<[7, 9]> : tensor<2xi64>
  %axes = onnx.constant dense<[0, 1]> : tensor<2xi64>
  %d = onnx.node "Slice" opset 21 (%c, %begin, %end, %axes) : (tensor<8x12xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<6x9xf32>
  %w = onnx.node "Mul" opset 21 (%d, %numbers) : (tensor<6x9xf32>, tensor<6x9xf32>) -> tensor<6x9xf32>
  return %w : tensor<6x9xf32>
}

// -----

// Scales in turns, not each for its block.
// CHECK-LABEL: func.func @tiled_grid
// CHECK-NOT: of "fathom"
onnx.initializer @q : tensor<6x9xf8E4M3FN> file 0 offset 0
onnx.initializer @s : tensor<2x3xf32> file 0 offset 64
func.func @tiled_grid() -> tensor<6x9xf32> {
  %q = onnx.get_initializer @q : tensor<6x9xf8E4M3FN>
  %s = onnx.get_initializer @s : tensor<2x3xf32>
  %numbers = onnx.node "Cast" opset 21 (%q) {to = 1 : i64} : (tensor<6x9xf8E4M3FN>) -> tensor<6x9xf32>
  %apart = onnx.constant dense<[1, 2, 1, 3]> : tensor<4xi64>
  %sizes = onnx.constant dense<[4, 2, 4, 3]> : tensor<4xi64>
  %whole = onnx.constant dense<[8, 12]> : tensor<2xi64>
  %a = onnx.node "Reshape" opset 21 (%s, %apart) : (tensor<2x3xf32>, tensor<4xi64>) -> tensor<1x2x1x3xf32>
  %b = onnx.node "Expand" opset 21 (%a, %sizes) : (tensor<1x2x1x3xf32>, tensor<4xi64>) -> tensor<4x2x4x3xf32>
  %c = onnx.node "Reshape" opset 21 (%b, %whole) : (tensor<4x2x4x3xf32>, tensor<2xi64>) -> tensor<8x12xf32>
  %begin = onnx.constant dense<[0, 0]> : tensor<2xi64>
  %end = onnx.constant dense<[6, 9]> : tensor<2xi64>
  %axes = onnx.constant dense<[0, 1]> : tensor<2xi64>
  %d = onnx.node "Slice" opset 21 (%c, %begin, %end, %axes) : (tensor<8x12xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<6x9xf32>
  %w = onnx.node "Mul" opset 21 (%d, %numbers) : (tensor<6x9xf32>, tensor<6x9xf32>) -> tensor<6x9xf32>
  return %w : tensor<6x9xf32>
}

// -----

// One for each row.
// CHECK-LABEL: func.func @scales_of_rows
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}) {block = array<i64: 1, 9>} : (tensor<6x9xf8E4M3FN>, tensor<6x1xf32>)
onnx.initializer @q : tensor<6x9xf8E4M3FN> file 0 offset 0
onnx.initializer @s : tensor<6x1xf32> file 0 offset 64
func.func @scales_of_rows() -> tensor<6x9xf32> {
  %q = onnx.get_initializer @q : tensor<6x9xf8E4M3FN>
  %s = onnx.get_initializer @s : tensor<6x1xf32>
  %numbers = onnx.node "Cast" opset 21 (%q) {to = 1 : i64} : (tensor<6x9xf8E4M3FN>) -> tensor<6x9xf32>
  %w = onnx.node "Mul" opset 21 (%numbers, %s) : (tensor<6x9xf32>, tensor<6x1xf32>) -> tensor<6x9xf32>
  return %w : tensor<6x9xf32>
}

// -----

// One for each column: what is missing in front is broadcast.
// CHECK-LABEL: func.func @scales_of_columns
// CHECK: onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}) {block = array<i64: 6, 1>} : (tensor<6x9xf8E4M3FN>, tensor<9xf32>)
onnx.initializer @q : tensor<6x9xf8E4M3FN> file 0 offset 0
onnx.initializer @s : tensor<9xf32> file 0 offset 64
func.func @scales_of_columns() -> tensor<6x9xf32> {
  %q = onnx.get_initializer @q : tensor<6x9xf8E4M3FN>
  %s = onnx.get_initializer @s : tensor<9xf32>
  %numbers = onnx.node "Cast" opset 21 (%q) {to = 1 : i64} : (tensor<6x9xf8E4M3FN>) -> tensor<6x9xf32>
  %w = onnx.node "Mul" opset 21 (%numbers, %s) : (tensor<6x9xf32>, tensor<9xf32>) -> tensor<6x9xf32>
  return %w : tensor<6x9xf32>
}

// -----

// A zero that is subtracted first is not left out.
// CHECK-LABEL: func.func @zero_by_hand
// CHECK-NOT: of "fathom"
onnx.initializer @q : tensor<6x9xf8E4M3FN> file 0 offset 0
onnx.initializer @s : tensor<6x1xf32> file 0 offset 64
func.func @zero_by_hand() -> tensor<6x9xf32> {
  %q = onnx.get_initializer @q : tensor<6x9xf8E4M3FN>
  %s = onnx.get_initializer @s : tensor<6x1xf32>
  %numbers = onnx.node "Cast" opset 21 (%q) {to = 1 : i64} : (tensor<6x9xf8E4M3FN>) -> tensor<6x9xf32>
  %z = onnx.constant dense<3.0> : tensor<f32>
  %centered = onnx.node "Sub" opset 21 (%numbers, %z) : (tensor<6x9xf32>, tensor<f32>) -> tensor<6x9xf32>
  %w = onnx.node "Mul" opset 21 (%centered, %s) : (tensor<6x9xf32>, tensor<6x1xf32>) -> tensor<6x9xf32>
  return %w : tensor<6x9xf32>
}
