// Each constraint of gates, experts and grouped products, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @gate_c1_top_k(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'deepseek.moe_gate' op expects top_k and groups that fit 6 experts, but got top_k 7 and 1 groups}}
  %i, %w = deepseek.moe_gate %x <softmax, none, top_k = 7> : (tensor<?x6xf32>) -> (tensor<?x7xi32>, tensor<?x7xf32>)
  return
}

// -----

func.func @gate_c1_groups(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'deepseek.moe_gate' op expects top_k and groups that fit 6 experts, but got top_k 2 and 4 groups}}
  %i, %w = deepseek.moe_gate %x <softmax, max, top_k = 2, groups = 4, top_groups = 1>
      : (tensor<?x6xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @gate_c2(%x: tensor<?x6xf32>, %b: tensor<5xf32>) {
  // expected-error @+1 {{'deepseek.moe_gate' op expects a bias [6], but got 'tensor<5xf32>'}}
  %i, %w = deepseek.moe_gate %x bias %b <sigmoid, none, top_k = 2>
      : (tensor<?x6xf32>, tensor<5xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @experts_gate(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %g: tensor<6x4x8xbf16>,
                        %u: tensor<6x5x8xbf16>, %d: tensor<6x8x4xbf16>) {
  // expected-error @+1 {{'deepseek.moe_experts' op expects gate and up [experts, intermediate, 8], but got 'tensor<6x4x8xbf16>' and 'tensor<6x5x8xbf16>'}}
  %y = deepseek.moe_experts %x, %i, %w, %g, %u, %d
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x4x8xbf16>, tensor<6x5x8xbf16>,
         tensor<6x8x4xbf16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @experts_down(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %g: tensor<6x4x8xbf16>,
                        %d: tensor<6x8x5xbf16>) {
  // expected-error @+1 {{'deepseek.moe_experts' op expects down [6, 8, 4], but got 'tensor<6x8x5xbf16>'}}
  %y = deepseek.moe_experts %x, %i, %w, %g, %g, %d
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x4x8xbf16>, tensor<6x4x8xbf16>,
         tensor<6x8x5xbf16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @gate_c3_ids(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'deepseek.moe_gate' op expects ids of 2 numbers, but got 'tensor<?x3xi32>'}}
  %i, %w = deepseek.moe_gate %x <softmax, none, top_k = 2>
      : (tensor<?x6xf32>) -> (tensor<?x3xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @gate_c3_weights(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'deepseek.moe_gate' op expects weights of 2 numbers, but got 'tensor<?x3xf32>'}}
  %i, %w = deepseek.moe_gate %x <softmax, none, top_k = 2>
      : (tensor<?x6xf32>) -> (tensor<?x2xi32>, tensor<?x3xf32>)
  return
}

// -----

func.func @experts_c3(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %g: tensor<6x4x8xf8E4M3FN>,
                      %d: tensor<6x8x4xbf16>) {
  // expected-error @+1 {{'deepseek.moe_experts' op expects a scale and a block if and only if the weight is f8 or i8, but the weight is 'tensor<6x4x8xf8E4M3FN>'}}
  %y = deepseek.moe_experts %x, %i, %w, %g, %g, %d
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x4x8xf8E4M3FN>, tensor<6x4x8xf8E4M3FN>,
         tensor<6x8x4xbf16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @experts_c3_shape(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %g: tensor<6x4x8xf8E4M3FN>,
                            %d: tensor<6x8x4xf8E4M3FN>, %s: tensor<6x1x1xf32>, %t: tensor<5x1x1xf32>) {
  // expected-error @+1 {{'deepseek.moe_experts' op expects scales 'tensor<6x1x1xf32>', but got 'tensor<5x1x1xf32>'}}
  %y = deepseek.moe_experts %x, %i, %w, %g, %g, %d scale %s, %s, %t <128 x 128>
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x4x8xf8E4M3FN>, tensor<6x4x8xf8E4M3FN>,
         tensor<6x8x4xf8E4M3FN>, tensor<6x1x1xf32>, tensor<6x1x1xf32>, tensor<5x1x1xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @experts_c4(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x3xf32>, %g: tensor<6x4x8xbf16>,
                      %d: tensor<6x8x4xbf16>) {
  // expected-error @+1 {{'deepseek.moe_experts' op expects weights of 2 numbers, but got 'tensor<?x3xf32>'}}
  %y = deepseek.moe_experts %x, %i, %w, %g, %g, %d
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x3xf32>, tensor<6x4x8xbf16>, tensor<6x4x8xbf16>,
         tensor<6x8x4xbf16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @permute_c1(%i: tensor<?x2xi32>) {
  // expected-error @+1 {{'deepseek.moe_permute' op expects offsets of shape [7], but got 'tensor<6xi32>'}}
  %o, %r, %s = deepseek.moe_permute %i experts 6 : (tensor<?x2xi32>) -> (tensor<6xi32>, tensor<?xi32>, tensor<?x2xi32>)
  return
}

// -----

func.func @permute_slots(%i: tensor<?x2xi32>) {
  // expected-error @+1 {{'deepseek.moe_permute' op failed to verify that all of {ids, slots} have same type}}
  %o, %r, %s = deepseek.moe_permute %i experts 6 : (tensor<?x2xi32>) -> (tensor<7xi32>, tensor<?xi32>, tensor<?x3xi32>)
  return
}

// -----

func.func @grouped_rank(%x: tensor<?x8xf32>, %o: tensor<7xi32>, %r: tensor<?xi32>, %w: tensor<6x8xbf16>) {
  // expected-error @+1 {{'deepseek.moe_linear' op expects a weight [E, N, K], but got 'tensor<6x8xbf16>'}}
  %y = deepseek.moe_linear %x, %o, %r, %w top_k 2
      : (tensor<?x8xf32>, tensor<7xi32>, tensor<?xi32>, tensor<6x8xbf16>) -> tensor<?x5xf32>
  return
}

// -----

func.func @grouped_c1(%x: tensor<?x8xf32>, %o: tensor<7xi32>, %r: tensor<?xi32>, %w: tensor<6x5x9xbf16>) {
  // expected-error @+1 {{'deepseek.moe_linear' op expects a weight of 8 inputs, but got 'tensor<6x5x9xbf16>'}}
  %y = deepseek.moe_linear %x, %o, %r, %w top_k 2
      : (tensor<?x8xf32>, tensor<7xi32>, tensor<?xi32>, tensor<6x5x9xbf16>) -> tensor<?x5xf32>
  return
}

// -----

func.func @grouped_c2(%x: tensor<?x8xf32>, %o: tensor<7xi32>, %r: tensor<?xi32>, %w: tensor<6x4x8xbf16>) {
  // expected-error @+1 {{'deepseek.moe_linear' op expects a weight of 5 outputs, but got 'tensor<6x4x8xbf16>'}}
  %y = deepseek.moe_linear %x, %o, %r, %w top_k 2
      : (tensor<?x8xf32>, tensor<7xi32>, tensor<?xi32>, tensor<6x4x8xbf16>) -> tensor<?x5xf32>
  return
}

// -----

func.func @grouped_c2_panels(%x: tensor<?x8xf32>, %o: tensor<7xi32>, %r: tensor<?xi32>, %w: tensor<6x64x8xbf16, #deepseek.layout<panels = 32>>) {
  // expected-error @+1 {{'deepseek.moe_linear' op expects a weight of 5 outputs, but got 'tensor<6x64x8xbf16, #deepseek.layout<panels = 32>>'}}
  %y = deepseek.moe_linear %x, %o, %r, %w top_k 2
      : (tensor<?x8xf32>, tensor<7xi32>, tensor<?xi32>, tensor<6x64x8xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x5xf32>
  return
}

// -----

func.func @grouped_c3(%x: tensor<?x8xf32>, %o: tensor<7xi32>, %r: tensor<?xi32>, %w: tensor<6x5x8xf8E4M3FN>) {
  // expected-error @+1 {{'deepseek.moe_linear' op expects a scale and a block if and only if the weight is f8 or i8, but the weight is 'tensor<6x5x8xf8E4M3FN>'}}
  %y = deepseek.moe_linear %x, %o, %r, %w top_k 2
      : (tensor<?x8xf32>, tensor<7xi32>, tensor<?xi32>, tensor<6x5x8xf8E4M3FN>) -> tensor<?x5xf32>
  return
}

// -----

func.func @grouped_c4(%x: tensor<?x8xf32>, %o: tensor<6xi32>, %r: tensor<?xi32>, %w: tensor<6x5x8xbf16>) {
  // expected-error @+1 {{'deepseek.moe_linear' op expects offsets of shape [7], but got 'tensor<6xi32>'}}
  %y = deepseek.moe_linear %x, %o, %r, %w top_k 2
      : (tensor<?x8xf32>, tensor<6xi32>, tensor<?xi32>, tensor<6x5x8xbf16>) -> tensor<?x5xf32>
  return
}

// -----

func.func @grouped_swiglu_c2(%x: tensor<?x8xf32>, %o: tensor<7xi32>, %r: tensor<?xi32>, %w: tensor<6x12x8xbf16>) {
  // expected-error @+1 {{'deepseek.moe_linear_swiglu' op expects a weight of 10 outputs, but got 'tensor<6x12x8xbf16>'}}
  %y = deepseek.moe_linear_swiglu %x, %o, %r, %w top_k 2
      : (tensor<?x8xf32>, tensor<7xi32>, tensor<?xi32>, tensor<6x12x8xbf16>) -> tensor<?x5xf32>
  return
}

// -----

func.func @combine_c1(%x: tensor<?x9xf32>, %s: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @+1 {{'deepseek.moe_combine' op expects an input of 8 numbers, but got 'tensor<?x9xf32>'}}
  %y = deepseek.moe_combine %x, %s, %w : (tensor<?x9xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @combine_c2(%x: tensor<?x8xf32>, %s: tensor<?x2xi32>, %w: tensor<?x3xf32>) {
  // expected-error @+1 {{'deepseek.moe_combine' op expects weights of 2 numbers, but got 'tensor<?x3xf32>'}}
  %y = deepseek.moe_combine %x, %s, %w : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x3xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @combine_c3(%x: tensor<?x8xf32>, %s: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @+1 {{'deepseek.moe_combine' op expects an epilogue of 2 f32 arguments that yields an f32}}
  %y = deepseek.moe_combine %x, %s, %w epilogue(%x) {
  ^bb0(%sum: f32):
    deepseek.yield %sum : f32
  } : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @combine_isolated(%x: tensor<?x8xf32>, %s: tensor<?x2xi32>, %w: tensor<?x2xf32>, %f: f32) {
  // expected-note @+1 {{required by region isolation constraints}}
  %y = deepseek.moe_combine %x, %s, %w epilogue(%x) {
  ^bb0(%sum: f32, %extra: f32):
    // expected-error @+1 {{using value defined outside the region}}
    deepseek.yield %f : f32
  } : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}
