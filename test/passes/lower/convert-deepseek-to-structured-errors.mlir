// RUN: fathom-opt %s --fathom-convert-deepseek-to-structured --split-input-file --verify-diagnostics

deepseek.weight @w : tensor<8xf32> from "w" at [0, 0]
func.func @weight_in_generated_function(%call: !plan.call) -> tensor<8xf32> {
  // expected-error @+1 {{'deepseek.get_weight' op has no decomposition}}
  %w = deepseek.get_weight @w : tensor<8xf32>
  return %w : tensor<8xf32>
}

// -----

func.func @cache_of_no_call(%call: !plan.call, %c: !deepseek.cache<5>, %q: tensor<?x10xf32>, %p: tensor<?xi32>,
                            %l: index) -> tensor<?x6xf32> {
  // expected-error @+1 {{'deepseek.mla_latent_attention' op has no decomposition}}
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 2 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x10xf32>, !deepseek.cache<5>, index, tensor<?xi32>) -> tensor<?x6xf32>
  return %a : tensor<?x6xf32>
}
