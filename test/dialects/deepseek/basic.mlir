// Embedding, norms, linear maps and SwiGLU print as they are read.
// RUN: fathom-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @rows
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi32>, %[[TABLE:.*]]: tensor<16x8xbf16>)
func.func @rows(%ids: tensor<?xi32>, %table: tensor<16x8xbf16>) -> tensor<?x8xf32> {
  // CHECK: %[[X:.*]] = deepseek.embedding %[[IDS]], %[[TABLE]] : (tensor<?xi32>, tensor<16x8xbf16>) -> tensor<?x8xf32>
  %x = deepseek.embedding %ids, %table : (tensor<?xi32>, tensor<16x8xbf16>) -> tensor<?x8xf32>
  // CHECK: deepseek.record_state %[[X]] layer 3 : tensor<?x8xf32>
  deepseek.record_state %x layer 3 : tensor<?x8xf32>
  // CHECK: deepseek.select_rows %[[X]], %[[IDS]] : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %y = deepseek.select_rows %x, %ids : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  // CHECK: deepseek.argmax %[[X]] : tensor<?x8xf32> -> tensor<?xi32>
  %z = deepseek.argmax %x : tensor<?x8xf32> -> tensor<?xi32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @norms
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<8xbf16>, %{{.*}}: tensor<4xf32>)
func.func @norms(%x: tensor<?x8xf32>, %w: tensor<8xbf16>, %g: tensor<4xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[N:.*]] = deepseek.rms_norm %[[X]], %[[W]] eps 5.000000e-01 : tensor<?x8xf32>, tensor<8xbf16>
  %n = deepseek.rms_norm %x, %w eps 0.5 : tensor<?x8xf32>, tensor<8xbf16>
  // CHECK: deepseek.rms_norm %[[N]], %{{.*}} eps 5.000000e-01 : tensor<?x8xf32>, tensor<4xf32>
  %h = deepseek.rms_norm %n, %g eps 0.5 : tensor<?x8xf32>, tensor<4xf32>
  // CHECK: deepseek.add_rms_norm %[[N]], %[[X]], %[[W]] eps 2.500000e-01 : tensor<?x8xf32>, tensor<8xbf16>
  %sum, %m = deepseek.add_rms_norm %n, %x, %w eps 0.25 : tensor<?x8xf32>, tensor<8xbf16>
  return %sum, %m : tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: func.func @norms_of_another_type
func.func @norms_of_another_type(%x: tensor<?x8xf32>, %w: tensor<8xbf16>) -> (tensor<?x8xbf16>, tensor<?x8xf32>) {
  // CHECK: deepseek.rms_norm {{.*}} : tensor<?x8xf32>, tensor<8xbf16> -> tensor<?x8xbf16>{{$}}
  %n = deepseek.rms_norm %x, %w eps 0.5 : tensor<?x8xf32>, tensor<8xbf16> -> tensor<?x8xbf16>
  // CHECK: deepseek.layer_norm {{.*}} : tensor<?x8xbf16>, tensor<8xbf16>, tensor<8xbf16> -> tensor<?x8xf32>{{$}}
  %m = deepseek.layer_norm %n, %w, %w eps 0.5 : tensor<?x8xbf16>, tensor<8xbf16>, tensor<8xbf16> -> tensor<?x8xf32>
  return %n, %m : tensor<?x8xbf16>, tensor<?x8xf32>
}

// CHECK-LABEL: func.func @integers
func.func @integers(%x: tensor<?x8xf32>, %w: tensor<4x8xi8>, %s: tensor<4x1xf16>) -> (tensor<?x4xf32>, tensor<?x8xf32>) {
  // CHECK: %[[Q:.*]] = deepseek.quantize_rows %{{.*}} : tensor<?x8xf32> -> tensor<?x8xi8>
  // CHECK: deepseek.linear %[[Q]], %{{.*}} scale %{{.*}} <1 x 32> : (tensor<?x8xi8>, tensor<4x8xi8>, tensor<4x1xf16>)
  // CHECK: deepseek.quantize_rows %{{.*}} : tensor<?x8xf32> -> tensor<?x8xf32>
  %q = deepseek.quantize_rows %x : tensor<?x8xf32> -> tensor<?x8xi8>
  %y = deepseek.linear %q, %w scale %s <1 x 32> : (tensor<?x8xi8>, tensor<4x8xi8>, tensor<4x1xf16>) -> tensor<?x4xf32>
  %r = deepseek.quantize_rows %x : tensor<?x8xf32> -> tensor<?x8xf32>
  return %y, %r : tensor<?x4xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: func.func @linear
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<8x8xf16>)
func.func @linear(%x: tensor<?x8xf32>, %w: tensor<8x8xf16>) -> tensor<?x8xf32> {
  // CHECK: deepseek.linear %[[X]], %[[W]] epilogue(%[[X]]) {
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[EXTRA:.*]]: f32):
  // CHECK-NEXT: %[[R:.*]] = arith.addf %[[SUM]], %[[EXTRA]] : f32
  // CHECK-NEXT: deepseek.yield %[[R]] : f32
  // CHECK-NEXT: } : (tensor<?x8xf32>, tensor<8x8xf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = deepseek.linear %x, %w epilogue(%x) {
  ^bb0(%sum: f32, %extra: f32):
    %r = arith.addf %sum, %extra : f32
    deepseek.yield %r : f32
  } : (tensor<?x8xf32>, tensor<8x8xf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// A bias, or an extra, is one number for each column.
// CHECK-LABEL: func.func @bias
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<8x8xf16>, %[[B:.*]]: tensor<8xbf16>)
func.func @bias(%x: tensor<?x8xf32>, %w: tensor<8x8xf16>, %b: tensor<8xbf16>) -> tensor<?x8xf32> {
  // CHECK: deepseek.linear %[[X]], %[[W]] bias %[[B]] epilogue(%[[B]]) {
  // CHECK: } : (tensor<?x8xf32>, tensor<8x8xf16>, tensor<8xbf16>, tensor<8xbf16>) -> tensor<?x8xf32>
  %y = deepseek.linear %x, %w bias %b epilogue(%b) {
  ^bb0(%sum: f32, %extra: f32):
    %r = arith.addf %sum, %extra : f32
    deepseek.yield %r : f32
  } : (tensor<?x8xf32>, tensor<8x8xf16>, tensor<8xbf16>, tensor<8xbf16>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @quantized
// CHECK-SAME: (%[[X:.*]]: tensor<?x256xf32>, %[[W:.*]]: tensor<200x256xf8E4M3FN>, %[[S:.*]]: tensor<2x2xf32>)
func.func @quantized(%x: tensor<?x256xf32>, %w: tensor<200x256xf8E4M3FN>, %s: tensor<2x2xf32>) -> tensor<?x200xf32> {
  // CHECK: deepseek.linear %[[X]], %[[W]] scale %[[S]] <128 x 128> :
  %y = deepseek.linear %x, %w scale %s <128 x 128>
      : (tensor<?x256xf32>, tensor<200x256xf8E4M3FN>, tensor<2x2xf32>) -> tensor<?x200xf32>
  return %y : tensor<?x200xf32>
}

// A weight in panels has its outputs rounded up, and a scale for each output and block of inputs.
// CHECK-LABEL: func.func @panels
func.func @panels(%x: tensor<?x256xf32>, %w: tensor<200x256xf8E4M3FN, #deepseek.layout<panels = 32>>, %s: tensor<200x2xf32, #deepseek.layout<panels = 32>>) -> tensor<?x200xf32> {
  // CHECK: deepseek.linear %{{.*}}, %{{.*}} scale %{{.*}} <1 x 128> :
  %y = deepseek.linear %x, %w scale %s <1 x 128>
      : (tensor<?x256xf32>, tensor<200x256xf8E4M3FN, #deepseek.layout<panels = 32>>, tensor<200x2xf32, #deepseek.layout<panels = 32>>) -> tensor<?x200xf32>
  return %y : tensor<?x200xf32>
}

// CHECK-LABEL: func.func @swiglu
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<40x8xbf16>, %[[P:.*]]: tensor<40x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>)
func.func @swiglu(%x: tensor<?x8xf32>, %w: tensor<40x8xbf16>, %p: tensor<40x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>) -> tensor<?x20xf32> {
  // CHECK: %[[G:.*]] = deepseek.linear_swiglu %[[X]], %[[W]] : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x20xf32>
  %g = deepseek.linear_swiglu %x, %w : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x20xf32>
  // CHECK: %[[U:.*]] = deepseek.linear_swiglu %[[X]], %[[P]] : (tensor<?x8xf32>, tensor<40x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>) -> tensor<?x20xf32>
  %u = deepseek.linear_swiglu %x, %p : (tensor<?x8xf32>, tensor<40x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>) -> tensor<?x20xf32>
  // CHECK: deepseek.swiglu %[[G]], %[[U]] : tensor<?x20xf32>
  %y = deepseek.swiglu %g, %u : tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}
