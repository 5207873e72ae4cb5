// Each constraint of embedding, norms, linear maps and SwiGLU, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @embedding_c1(%ids: tensor<?xi32>, %table: tensor<16x8xbf16>) -> tensor<?x9xf32> {
  // expected-error @+1 {{'deepseek.embedding' op expects a table [vocabulary, 9], but got 'tensor<16x8xbf16>'}}
  %x = deepseek.embedding %ids, %table : (tensor<?xi32>, tensor<16x8xbf16>) -> tensor<?x9xf32>
  return %x : tensor<?x9xf32>
}

// -----

func.func @rms_norm_c1(%x: tensor<?x8xf32>, %w: tensor<9xbf16>) {
  // expected-error @+1 {{'deepseek.rms_norm' op expects a weight [group] of groups that make up 8 columns, but got 'tensor<9xbf16>'}}
  %n = deepseek.rms_norm %x, %w eps 0.5 : tensor<?x8xf32>, tensor<9xbf16>
  return
}

// -----

func.func @rms_norm_c1_groups(%x: tensor<?x8xf32>, %w: tensor<3xbf16>) {
  // expected-error @+1 {{'deepseek.rms_norm' op expects a weight [group] of groups that make up 8 columns, but got 'tensor<3xbf16>'}}
  %n = deepseek.rms_norm %x, %w eps 0.5 : tensor<?x8xf32>, tensor<3xbf16>
  return
}

// -----

func.func @rms_norm_c1_rank(%x: tensor<?x8xf32>, %w: tensor<1x8xbf16>) {
  // expected-error @+1 {{'deepseek.rms_norm' op expects a weight [group] of groups that make up 8 columns, but got 'tensor<1x8xbf16>'}}
  %n = deepseek.rms_norm %x, %w eps 0.5 : tensor<?x8xf32>, tensor<1x8xbf16>
  return
}

// -----

func.func @rms_norm_c2(%x: tensor<?x8xf32>, %w: tensor<8xbf16>) {
  // expected-error @+1 {{'deepseek.rms_norm' op expects a finite eps of 0 or more, but got -1.000000e+09}}
  %n = deepseek.rms_norm %x, %w eps -1.0e9 : tensor<?x8xf32>, tensor<8xbf16>
  return
}

// -----

func.func @rms_norm_c2_infinite(%x: tensor<?x8xf32>, %w: tensor<8xbf16>) {
  // expected-error @+1 {{'deepseek.rms_norm' op expects a finite eps of 0 or more, but got INF}}
  %n = deepseek.rms_norm %x, %w eps 0x7FF0000000000000 : tensor<?x8xf32>, tensor<8xbf16>
  return
}

// -----

func.func @add_rms_norm_c2(%x: tensor<?x8xf32>, %w: tensor<8xbf16>) {
  // expected-error @+1 {{'deepseek.add_rms_norm' op expects a finite eps of 0 or more, but got -5.000000e-01}}
  %s, %n = deepseek.add_rms_norm %x, %x, %w eps -0.5 : tensor<?x8xf32>, tensor<8xbf16>
  return
}

// -----

func.func @add_rms_norm_c1(%x: tensor<?x8xf32>, %w: tensor<1x8xbf16>) {
  // expected-error @+1 {{'deepseek.add_rms_norm' op expects weight of shape [8], but got 'tensor<1x8xbf16>'}}
  %s, %n = deepseek.add_rms_norm %x, %x, %w eps 0.5 : tensor<?x8xf32>, tensor<1x8xbf16>
  return
}

// -----

func.func @linear_rank(%x: tensor<?x8xf32>, %w: tensor<8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects a weight [N, K], but got 'tensor<8xbf16>'}}
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8xbf16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c1(%x: tensor<?x8xf32>, %w: tensor<4x9xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects a weight of 8 inputs, but got 'tensor<4x9xbf16>'}}
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<4x9xbf16>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c2(%x: tensor<?x8xf32>, %w: tensor<4x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects a weight of 5 outputs, but got 'tensor<4x8xbf16>'}}
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<4x8xbf16>) -> tensor<?x5xf32>
  return
}

// -----

func.func @linear_c2_panels(%x: tensor<?x8xf32>, %w: tensor<32x8xbf16, #deepseek.layout<panels = 32>>) {
  // expected-error @+1 {{'deepseek.linear' op expects a weight of 33 outputs, but got 'tensor<32x8xbf16, #deepseek.layout<panels = 32>>'}}
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<32x8xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x33xf32>
  return
}

// -----

func.func @linear_swiglu_c2(%x: tensor<?x8xf32>, %w: tensor<20x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear_swiglu' op expects a weight of 40 outputs, but got 'tensor<20x8xbf16>'}}
  %y = deepseek.linear_swiglu %x, %w : (tensor<?x8xf32>, tensor<20x8xbf16>) -> tensor<?x20xf32>
  return
}

// -----

func.func @linear_c3_scale_missing(%x: tensor<?x8xf32>, %w: tensor<4x8xf8E4M3FN>) {
  // expected-error @+1 {{'deepseek.linear' op expects a scale and a block if and only if the weight is f8 or i8, but the weight is 'tensor<4x8xf8E4M3FN>'}}
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<4x8xf8E4M3FN>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c3_scale_unexpected(%x: tensor<?x8xf32>, %w: tensor<4x8xbf16>, %s: tensor<1x1xf32>) {
  // expected-error @+1 {{'deepseek.linear' op expects a scale and a block if and only if the weight is f8 or i8, but the weight is 'tensor<4x8xbf16>'}}
  %y = deepseek.linear %x, %w scale %s <128 x 128>
      : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<1x1xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c3_shape(%x: tensor<?x8xf32>, %w: tensor<4x8xf8E4M3FN>, %s: tensor<1x2xf32>) {
  // expected-error @+1 {{'deepseek.linear' op expects scales 'tensor<1x1xf32>', but got 'tensor<1x2xf32>'}}
  %y = deepseek.linear %x, %w scale %s <128 x 128>
      : (tensor<?x8xf32>, tensor<4x8xf8E4M3FN>, tensor<1x2xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c3_type(%x: tensor<?x8xf32>, %w: tensor<4x8xf8E4M3FN>, %s: tensor<1x1xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects scales 'tensor<1x1xf32>', but got 'tensor<1x1xbf16>'}}
  %y = deepseek.linear %x, %w scale %s <128 x 128>
      : (tensor<?x8xf32>, tensor<4x8xf8E4M3FN>, tensor<1x1xbf16>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c4_no_epilogue(%x: tensor<?x8xf32>, %w: tensor<8x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects an epilogue for its extra operands}}
  %y = "deepseek.linear"(%x, %w, %x) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 1>}> ({})
      : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c4_arguments(%x: tensor<?x8xf32>, %w: tensor<8x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects an epilogue of 2 f32 arguments that yields an f32}}
  %y = deepseek.linear %x, %w epilogue(%x) {
  ^bb0(%sum: f32):
    deepseek.yield %sum : f32
  } : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c4_yield(%x: tensor<?x8xf32>, %w: tensor<8x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects an epilogue of 2 f32 arguments that yields an f32}}
  %y = deepseek.linear %x, %w epilogue(%x) {
  ^bb0(%sum: f32, %extra: f32):
    %i = arith.constant 1 : i32
    deepseek.yield %i : i32
  } : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c4_empty(%x: tensor<?x8xf32>, %w: tensor<8x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects an epilogue of 2 f32 arguments that yields an f32}}
  %y = deepseek.linear %x, %w epilogue(%x) {
  ^bb0(%sum: f32, %extra: f32):
  } : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @activation_rank(%x: tensor<8xf32>, %w: tensor<8xbf16>) {
  // expected-error @+1 {{'deepseek.rms_norm' op operand #0 must be [rows, width] tensor of f32 or bf16, of static width, but got 'tensor<8xf32>'}}
  %n = deepseek.rms_norm %x, %w eps 0.5 : tensor<8xf32>, tensor<8xbf16>
  return
}

// -----

func.func @activation_width(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{'deepseek.swiglu' op operand #0 must be [rows, width] tensor of f32 or bf16, of static width, but got 'tensor<?x?xf32>'}}
  %y = deepseek.swiglu %x, %x : tensor<?x?xf32>
  return
}

// -----

func.func @ids_rank(%x: tensor<?x8xf32>, %i: tensor<?x1xi32>) {
  // expected-error @+1 {{'deepseek.select_rows' op operand #1 must be vector of i32, but got 'tensor<?x1xi32>'}}
  %y = deepseek.select_rows %x, %i : (tensor<?x8xf32>, tensor<?x1xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @select_rows_c1(%x: tensor<?x8xf32>, %i: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.select_rows' op expects a result of 8 numbers, but got 'tensor<?x9xf32>'}}
  %y = deepseek.select_rows %x, %i : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x9xf32>
  return
}

// -----

func.func @argmax_c1(%x: tensor<?x8xbf16>) {
  // expected-error @+1 {{'deepseek.argmax' op expects f32 rows of one column at least, but got 'tensor<?x8xbf16>'}}
  %y = deepseek.argmax %x : tensor<?x8xbf16> -> tensor<?xi32>
  return
}

// -----

func.func @linear_c4_extra(%x: tensor<?x8xf32>, %w: tensor<4x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects extra operands of the result's type, 'tensor<?x4xf32>', or with a number for each of its columns, but got 'tensor<?x8xf32>'}}
  %y = deepseek.linear %x, %w epilogue(%x) {
  ^bb0(%sum: f32, %extra: f32):
    deepseek.yield %sum : f32
  } : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c2_interleaved(%x: tensor<?x8xf32>, %w: tensor<4x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>) {
  // expected-error @+1 {{'deepseek.linear' op expects rows in order, but got 'tensor<4x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>'}}
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<4x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_swiglu_c2_in_order(%x: tensor<?x8xf32>, %w: tensor<8x8xbf16, #deepseek.layout<panels = 32>>) {
  // expected-error @+1 {{'deepseek.linear_swiglu' op expects gates and ups in turns, but got 'tensor<8x8xbf16, #deepseek.layout<panels = 32>>'}}
  %y = deepseek.linear_swiglu %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c3_layout(%x: tensor<?x8xf32>, %w: tensor<4x8xf8E4M3FN, #deepseek.layout<panels = 32>>, %s: tensor<4x1xf32>) {
  // expected-error @+1 {{'deepseek.linear' op expects scales 'tensor<4x1xf32, #deepseek.layout<panels = 32>>', but got 'tensor<4x1xf32>'}}
  %y = deepseek.linear %x, %w scale %s <1 x 128>
      : (tensor<?x8xf32>, tensor<4x8xf8E4M3FN, #deepseek.layout<panels = 32>>, tensor<4x1xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c3_block(%x: tensor<?x8xf32>, %w: tensor<4x8xf8E4M3FN, #deepseek.layout<panels = 32>>, %s: tensor<1x1xf32, #deepseek.layout<panels = 32>>) {
  // expected-error @+1 {{'deepseek.linear' op expects a scale for each output of a weight in a layout, but got blocks of 128 rows}}
  %y = deepseek.linear %x, %w scale %s <128 x 128>
      : (tensor<?x8xf32>, tensor<4x8xf8E4M3FN, #deepseek.layout<panels = 32>>, tensor<1x1xf32, #deepseek.layout<panels = 32>>) -> tensor<?x4xf32>
  return
}

// -----

func.func @rms_norm_layout(%x: tensor<?x8xf32>, %w: tensor<2x4xbf16, #deepseek.layout<panels = 32>>) {
  // expected-error @+1 {{op operand #1 must be weight in rows of bf16, f16, f32, f8E4M3FN or i8, of static shape and 1 to 2^40 elements, but got 'tensor<2x4xbf16, #deepseek.layout<panels = 32>>'}}
  %y = deepseek.rms_norm %x, %w eps 0.5 : tensor<?x8xf32>, tensor<2x4xbf16, #deepseek.layout<panels = 32>>
  return
}

// -----

func.func @linear_c4_vector(%x: tensor<?x8xf32>, %w: tensor<4x8xbf16>, %b: tensor<5xf32>) {
  // expected-error @+1 {{'deepseek.linear' op expects extra operands of the result's type, 'tensor<?x4xf32>', or with a number for each of its columns, but got 'tensor<5xf32>'}}
  %y = deepseek.linear %x, %w epilogue(%b) {
  ^bb0(%sum: f32, %extra: f32):
    deepseek.yield %sum : f32
  } : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<5xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c5(%x: tensor<?x8xf32>, %w: tensor<4x8xbf16>, %b: tensor<5xf32>) {
  // expected-error @+1 {{'deepseek.linear' op expects a bias of shape [4], but got 'tensor<5xf32>'}}
  %y = deepseek.linear %x, %w bias %b : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<5xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @yield_parent(%x: f32) {
  // expected-error @+1 {{'deepseek.yield' op expects parent op to be one of}}
  deepseek.yield %x : f32
}
