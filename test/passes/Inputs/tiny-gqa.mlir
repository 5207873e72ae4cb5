// A model of grouped-query attention: Qwen's biases and norms of heads together, as small as the ops allow. Widths are
// not multiples of panels or vectors. Read by the tests of pipelines.

!cache = !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>
#rope = #deepseek.rope<frequencies = [1.0, 0.1]>
module attributes {deepseek.model = {family = "llama", vocabulary = 40 : i64, hidden = 24 : i64, layers = 2 : i64,
                                     max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>,
                                     temperature = 0.0, top_p = 0.0, top_k = 0 : i64},
                   deepseek.shards = [#deepseek.shard<"model.safetensors", bytes = 4096, header_hash = 1>]} {
  deepseek.weight @embed_tokens : tensor<40x24xbf16> from "model.embed_tokens.weight" at [0, 0]
  deepseek.weight @norm : tensor<24xbf16> from "model.norm.weight" at [0, 0]
  deepseek.weight @lm_head : tensor<40x24xbf16> from "lm_head.weight" at [0, 0]
  deepseek.weight @dense.input_layernorm : tensor<24xbf16> layers [0, 1] from "dense.input_layernorm" at [0, 0, 0, 0]
  deepseek.weight @dense.post_attention_layernorm : tensor<24xbf16> layers [0, 1] from "dense.post_attention_layernorm" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.q_proj : tensor<24x24xbf16> layers [0, 1] from "dense.self_attn.q_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.q_proj.bias : tensor<24xbf16> layers [0, 1] from "dense.self_attn.q_proj.bias" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.k_proj : tensor<8x24xbf16> layers [0, 1] from "dense.self_attn.k_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.k_proj.bias : tensor<8xbf16> layers [0, 1] from "dense.self_attn.k_proj.bias" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.v_proj : tensor<8x24xbf16> layers [0, 1] from "dense.self_attn.v_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.v_proj.bias : tensor<8xbf16> layers [0, 1] from "dense.self_attn.v_proj.bias" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.q_norm : tensor<4xbf16> layers [0, 1] from "dense.self_attn.q_norm" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.k_norm : tensor<4xbf16> layers [0, 1] from "dense.self_attn.k_norm" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.o_proj : tensor<24x24xbf16> layers [0, 1] from "dense.self_attn.o_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.mlp.gate_proj : tensor<40x24xbf16> layers [0, 1] from "dense.mlp.gate_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.mlp.up_proj : tensor<40x24xbf16> layers [0, 1] from "dense.mlp.up_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.mlp.down_proj : tensor<24x40xbf16> layers [0, 1] from "dense.mlp.down_proj" at [0, 0, 0, 0]

  func.func private @dense(%x: tensor<?x24xf32> {deepseek.input = "activation"},
                           %positions: tensor<?xi32> {deepseek.input = "positions"},
                           %cache: !cache {deepseek.input = "cache"}, %layer: index {deepseek.input = "layer"})
      -> (tensor<?x24xf32>, !cache) {
    %w1 = deepseek.get_weight @dense.input_layernorm[%layer] : tensor<24xbf16>
    %in = deepseek.rms_norm %x, %w1 eps 1.0e-06 : tensor<?x24xf32>, tensor<24xbf16>
    %w2 = deepseek.get_weight @dense.self_attn.q_proj[%layer] : tensor<24x24xbf16>
    %w3 = deepseek.get_weight @dense.self_attn.q_proj.bias[%layer] : tensor<24xbf16>
    %q = deepseek.linear %in, %w2 bias %w3 : (tensor<?x24xf32>, tensor<24x24xbf16>, tensor<24xbf16>) -> tensor<?x24xf32>
    %w4 = deepseek.get_weight @dense.self_attn.k_proj[%layer] : tensor<8x24xbf16>
    %w5 = deepseek.get_weight @dense.self_attn.k_proj.bias[%layer] : tensor<8xbf16>
    %k = deepseek.linear %in, %w4 bias %w5 : (tensor<?x24xf32>, tensor<8x24xbf16>, tensor<8xbf16>) -> tensor<?x8xf32>
    %w6 = deepseek.get_weight @dense.self_attn.v_proj[%layer] : tensor<8x24xbf16>
    %w7 = deepseek.get_weight @dense.self_attn.v_proj.bias[%layer] : tensor<8xbf16>
    %v = deepseek.linear %in, %w6 bias %w7 : (tensor<?x24xf32>, tensor<8x24xbf16>, tensor<8xbf16>) -> tensor<?x8xf32>
    %w8 = deepseek.get_weight @dense.self_attn.q_norm[%layer] : tensor<4xbf16>
    %qn = deepseek.rms_norm %q, %w8 eps 1.0e-06 : tensor<?x24xf32>, tensor<4xbf16>
    %w9 = deepseek.get_weight @dense.self_attn.k_norm[%layer] : tensor<4xbf16>
    %kn = deepseek.rms_norm %k, %w9 eps 1.0e-06 : tensor<?x8xf32>, tensor<4xbf16>
    %table = deepseek.rope_table #rope : tensor<16x2x2xf32>
    %query = deepseek.rope half_split %qn, %table at %positions : tensor<?x24xf32>, tensor<16x2x2xf32>, tensor<?xi32>
    %key = deepseek.rope half_split %kn, %table at %positions : tensor<?x8xf32>, tensor<16x2x2xf32>, tensor<?xi32>
    %with_key = deepseek.cache_append %cache["key"][%layer], %key at %positions
        : !cache, tensor<?x8xf32> at tensor<?xi32>
    %filled = deepseek.cache_append %with_key["value"][%layer], %v at %positions
        : !cache, tensor<?x8xf32> at tensor<?xi32>
    %attended = deepseek.gqa_attention %query, %filled[%layer] at %positions
        {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
        : (tensor<?x24xf32>, !cache, index, tensor<?xi32>) -> tensor<?x24xf32>
    %w10 = deepseek.get_weight @dense.self_attn.o_proj[%layer] : tensor<24x24xbf16>
    %o = deepseek.linear %attended, %w10 : (tensor<?x24xf32>, tensor<24x24xbf16>) -> tensor<?x24xf32>
    %mid = arith.addf %x, %o : tensor<?x24xf32>
    %w11 = deepseek.get_weight @dense.post_attention_layernorm[%layer] : tensor<24xbf16>
    %h = deepseek.rms_norm %mid, %w11 eps 1.0e-06 : tensor<?x24xf32>, tensor<24xbf16>
    %w12 = deepseek.get_weight @dense.mlp.gate_proj[%layer] : tensor<40x24xbf16>
    %gate = deepseek.linear %h, %w12 : (tensor<?x24xf32>, tensor<40x24xbf16>) -> tensor<?x40xf32>
    %w13 = deepseek.get_weight @dense.mlp.up_proj[%layer] : tensor<40x24xbf16>
    %up = deepseek.linear %h, %w13 : (tensor<?x24xf32>, tensor<40x24xbf16>) -> tensor<?x40xf32>
    %act = deepseek.swiglu %gate, %up : tensor<?x40xf32>
    %w14 = deepseek.get_weight @dense.mlp.down_proj[%layer] : tensor<24x40xbf16>
    %down = deepseek.linear %act, %w14 : (tensor<?x40xf32>, tensor<24x40xbf16>) -> tensor<?x24xf32>
    %out = arith.addf %mid, %down : tensor<?x24xf32>
    return %out, %filled : tensor<?x24xf32>, !cache
  }

  func.func @forward(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                     %positions: tensor<?xi32> {deepseek.input = "positions"},
                     %logit_rows: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                     %cache: !cache {deepseek.input = "cache"})
      -> (tensor<?x40xf32> {deepseek.output = "logits"}, !cache) {
    %w15 = deepseek.get_weight @embed_tokens : tensor<40x24xbf16>
    %x0 = deepseek.embedding %tokens, %w15 : (tensor<?xi32>, tensor<40x24xbf16>) -> tensor<?x24xf32>
    %l0 = arith.constant 0 : index
    %y0:2 = call @dense(%x0, %positions, %cache, %l0) : (tensor<?x24xf32>, tensor<?xi32>, !cache, index) -> (tensor<?x24xf32>, !cache)
    deepseek.record_state %y0#0 layer 0 : tensor<?x24xf32>
    %l1 = arith.constant 1 : index
    %y1:2 = call @dense(%y0#0, %positions, %y0#1, %l1) : (tensor<?x24xf32>, tensor<?xi32>, !cache, index) -> (tensor<?x24xf32>, !cache)
    deepseek.record_state %y1#0 layer 1 : tensor<?x24xf32>
    %w16 = deepseek.get_weight @norm : tensor<24xbf16>
    %last = deepseek.rms_norm %y1#0, %w16 eps 1.0e-06 : tensor<?x24xf32>, tensor<24xbf16>
    %selected = deepseek.select_rows %last, %logit_rows : (tensor<?x24xf32>, tensor<?xi32>) -> tensor<?x24xf32>
    %w17 = deepseek.get_weight @lm_head : tensor<40x24xbf16>
    %logits = deepseek.linear %selected, %w17 : (tensor<?x24xf32>, tensor<40x24xbf16>) -> tensor<?x40xf32>
    return %logits, %y1#1 : tensor<?x40xf32>, !cache
  }
}
