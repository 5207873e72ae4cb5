// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @gate_c1_top_k(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'deepseek.moe_gate' op expects top_k and groups that suit 6 experts, but got top_k 7 and 1 groups}}
  %i, %w = deepseek.moe_gate %x <softmax, none, top_k = 7> : (tensor<?x6xf32>) -> (tensor<?x7xi32>, tensor<?x7xf32>)
  return
}

// -----

func.func @gate_c1_groups(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'deepseek.moe_gate' op expects top_k and groups that suit 6 experts, but got top_k 2 and 4 groups}}
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
