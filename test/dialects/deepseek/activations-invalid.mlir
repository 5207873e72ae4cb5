// Activations of types that an op does not take.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @one_activation_type(%x: tensor<?x8xf32>, %ids: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.select_rows' op expects activations of one element type, but got 'f32' and 'bf16'}}
  %y = deepseek.select_rows %x, %ids : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xbf16>
  return
}

// -----

func.func @rms_norm_shapes(%x: tensor<?x8xf32>, %w: tensor<8xbf16>) {
  // expected-error @+1 {{'deepseek.rms_norm' op failed to verify that all of {input, result} have same shape}}
  %y = deepseek.rms_norm %x, %w eps 0.5 : tensor<?x8xf32>, tensor<8xbf16> -> tensor<?x4xf32>
  return
}

// -----

func.func @logits_stay_f32(%x: tensor<?x4xbf16>) {
  // expected-error @+1 {{'deepseek.moe_gate' op operand #0 must be [rows, width] tensor of f32, of static width, but got 'tensor<?x4xbf16>'}}
  %ids, %w = deepseek.moe_gate %x <softmax, none, top_k = 2> : (tensor<?x4xbf16>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

// expected-error @+1 {{expects tensor<?xWxf32> as input "hidden", but got 'tensor<?x8xbf16>'}}
func.func @callers_know_f32(%x: tensor<?x8xbf16> {deepseek.input = "hidden"}) {
  return
}
