// Ops in a generated function that have no loops: of weights, or of a cache of something other than a task.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-structured --split-input-file --verify-diagnostics

deepseek.weight @w : tensor<8xf32> from "w" at [0, 0]
func.func @weight_in_generated_function(%task: !plan.task) -> tensor<8xf32> {
  // expected-error @+1 {{'deepseek.get_weight' op has no decomposition}}
  %w = deepseek.get_weight @w : tensor<8xf32>
  return %w : tensor<8xf32>
}

// -----

func.func @cache_of_no_task(%task: !plan.task, %c: !deepseek.cache<latent: 5 x f32>, %q: tensor<?x10xf32>, %p: tensor<?xi32>,
                            %l: index) -> tensor<?x6xf32> {
  // expected-error @+1 {{'deepseek.mla_latent_attention' op has no decomposition}}
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 2 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x10xf32>, !deepseek.cache<latent: 5 x f32>, index, tensor<?xi32>) -> tensor<?x6xf32>
  return %a : tensor<?x6xf32>
}

// -----

// A task's cache, of which pages hold no such store.
module attributes {plan.stores = [#plan.store<"key", layers = 2, width = 5, offset = 0>]} {
  func.func @store_of_no_page(%task: !plan.task, %item: index, %x: tensor<?x5xf32>, %p: tensor<?xi32>, %l: index) {
    %c = builtin.unrealized_conversion_cast %task : !plan.task to !deepseek.cache<latent: 5 x f32>
    // expected-error @+1 {{'deepseek.cache_append' op has no decomposition}}
    %d = deepseek.cache_append %c["latent"][%l], %x at %p
        : !deepseek.cache<latent: 5 x f32>, tensor<?x5xf32> at tensor<?xi32>
    return
  }
}
