// A model like DeepSeek-V3.2 with two dense layers that share a function, as small as the ops allow: rows attend to 4 of
// up to 16 positions. Read by the tests of pipelines.

#rope = #deepseek.rope<frequencies = [1.0, 0.1]>
module attributes {deepseek.model = {family = "deepseek_v32", vocabulary = 40 : i64, hidden = 24 : i64, layers = 2 : i64,
                                     max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>},
                   deepseek.shards = [#deepseek.shard<"model.safetensors", bytes = 4096, header_hash = 1>]} {
  deepseek.weight @embed_tokens : tensor<40x24xbf16> from "embed_tokens" at [0, 0]
  deepseek.weight @norm : tensor<24xbf16> from "norm" at [0, 0]
  deepseek.weight @lm_head : tensor<40x24xbf16> from "lm_head" at [0, 0]
  deepseek.weight @dense.input_layernorm : tensor<24xbf16> layers [0, 1] from "dense.input_layernorm" at [0, 0, 0, 0]
  deepseek.weight @dense.post_attention_layernorm : tensor<24xbf16> layers [0, 1] from "dense.post_attention_layernorm" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.q_a_proj : tensor<10x24xbf16> layers [0, 1] from "dense.self_attn.q_a_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.q_a_layernorm : tensor<10xbf16> layers [0, 1] from "dense.self_attn.q_a_layernorm" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.q_b_proj : tensor<20x10xbf16> layers [0, 1] from "dense.self_attn.q_b_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.kv_a_proj_with_mqa : tensor<16x24xbf16> layers [0, 1] from "dense.self_attn.kv_a_proj_with_mqa" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.kv_a_layernorm : tensor<12xbf16> layers [0, 1] from "dense.self_attn.kv_a_layernorm" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.kv_b_proj : tensor<22x12xbf16> layers [0, 1] from "dense.self_attn.kv_b_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.o_proj : tensor<24x10xbf16> layers [0, 1] from "dense.self_attn.o_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.mlp.gate_proj : tensor<40x24xbf16> layers [0, 1] from "dense.mlp.gate_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.mlp.up_proj : tensor<40x24xbf16> layers [0, 1] from "dense.mlp.up_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.mlp.down_proj : tensor<24x40xbf16> layers [0, 1] from "dense.mlp.down_proj" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.indexer.wq_b : tensor<16x10xbf16> layers [0, 1] from "dense.self_attn.indexer.wq_b" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.indexer.wk : tensor<8x24xbf16> layers [0, 1] from "dense.self_attn.indexer.wk" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.indexer.k_norm : tensor<8xbf16> layers [0, 1] from "dense.self_attn.indexer.k_norm" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.indexer.k_norm.bias : tensor<8xbf16> layers [0, 1] from "dense.self_attn.indexer.k_norm.bias" at [0, 0, 0, 0]
  deepseek.weight @dense.self_attn.indexer.weights_proj : tensor<2x24xbf16> layers [0, 1] from "dense.self_attn.indexer.weights_proj" at [0, 0, 0, 0]

  func.func private @dense(%x: tensor<?x24xf32> {deepseek.input = "activation"},
                           %positions: tensor<?xi32> {deepseek.input = "positions"},
                           %cache: !deepseek.cache<latent: 16 x f32, index: 8 x f32> {deepseek.input = "cache"},
                           %layer: index {deepseek.input = "layer"})
      -> (tensor<?x24xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>) {
    %c0 = arith.constant 0 : index
    %table = deepseek.rope_table #rope : tensor<16x2x2xf32>
    %w0 = deepseek.get_weight @dense.input_layernorm[%layer] : tensor<24xbf16>
    %in = deepseek.rms_norm %x, %w0 eps 1.0e-06 : tensor<?x24xf32>, tensor<24xbf16>
    %w1 = deepseek.get_weight @dense.self_attn.q_a_proj[%layer] : tensor<10x24xbf16>
    %qa = deepseek.linear %in, %w1 : (tensor<?x24xf32>, tensor<10x24xbf16>) -> tensor<?x10xf32>
    %w2 = deepseek.get_weight @dense.self_attn.q_a_layernorm[%layer] : tensor<10xbf16>
    %qn = deepseek.rms_norm %qa, %w2 eps 1.0e-06 : tensor<?x10xf32>, tensor<10xbf16>
    %w3 = deepseek.get_weight @dense.self_attn.q_b_proj[%layer] : tensor<20x10xbf16>
    %q = deepseek.linear %qn, %w3 : (tensor<?x10xf32>, tensor<20x10xbf16>) -> tensor<?x20xf32>
    %w4 = deepseek.get_weight @dense.self_attn.kv_a_proj_with_mqa[%layer] : tensor<16x24xbf16>
    %kv = deepseek.linear %in, %w4 : (tensor<?x24xf32>, tensor<16x24xbf16>) -> tensor<?x16xf32>
    %rows = tensor.dim %positions, %c0 : tensor<?xi32>
    %latent = tensor.extract_slice %kv[0, 0] [%rows, 12] [1, 1] : tensor<?x16xf32> to tensor<?x12xf32>
    %w5 = deepseek.get_weight @dense.self_attn.kv_a_layernorm[%layer] : tensor<12xbf16>
    %c = deepseek.rms_norm %latent, %w5 eps 1.0e-06 : tensor<?x12xf32>, tensor<12xbf16>
    %pe = tensor.extract_slice %kv[0, 12] [%rows, 4] [1, 1] : tensor<?x16xf32> to tensor<?x4xf32>
    %key = deepseek.rope interleaved %pe, %table at %positions : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
    %filled = deepseek.cache_append %cache["latent"][%layer], %c, %key at %positions
        : !deepseek.cache<latent: 16 x f32, index: 8 x f32>, tensor<?x12xf32>, tensor<?x4xf32> at tensor<?xi32>
    %wk = deepseek.get_weight @dense.self_attn.indexer.wk[%layer] : tensor<8x24xbf16>
    %ik = deepseek.linear %in, %wk : (tensor<?x24xf32>, tensor<8x24xbf16>) -> tensor<?x8xf32>
    %wn = deepseek.get_weight @dense.self_attn.indexer.k_norm[%layer] : tensor<8xbf16>
    %wb = deepseek.get_weight @dense.self_attn.indexer.k_norm.bias[%layer] : tensor<8xbf16>
    %ikn = deepseek.layer_norm %ik, %wn, %wb eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>, tensor<8xbf16>
    %ikr = deepseek.rope half_split %ikn, %table at %positions {head_dim = 8 : i64} : tensor<?x8xf32>, tensor<16x2x2xf32>, tensor<?xi32>
    %ikh = deepseek.hadamard %ikr {head_dim = 8 : i64} : tensor<?x8xf32>
    %indexed = deepseek.cache_append %filled["index"][%layer], %ikh at %positions
        : !deepseek.cache<latent: 16 x f32, index: 8 x f32>, tensor<?x8xf32> at tensor<?xi32>
    %wq = deepseek.get_weight @dense.self_attn.indexer.wq_b[%layer] : tensor<16x10xbf16>
    %iq = deepseek.linear %qn, %wq : (tensor<?x10xf32>, tensor<16x10xbf16>) -> tensor<?x16xf32>
    %iqr = deepseek.rope half_split %iq, %table at %positions {head_dim = 8 : i64} : tensor<?x16xf32>, tensor<16x2x2xf32>, tensor<?xi32>
    %iqh = deepseek.hadamard %iqr {head_dim = 8 : i64} : tensor<?x16xf32>
    %ww = deepseek.get_weight @dense.self_attn.indexer.weights_proj[%layer] : tensor<2x24xbf16>
    %iw = deepseek.linear %in, %ww : (tensor<?x24xf32>, tensor<2x24xbf16>) -> tensor<?x2xf32>
    %w6 = deepseek.get_weight @dense.self_attn.kv_b_proj[%layer] : tensor<22x12xbf16>
    %attended = deepseek.sparse_attention interleaved %q, %indexed[%layer], %w6, %table index %iqh, %iw at %positions
        {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.3 : f64,
         index_heads = 2 : i64, index_dim = 8 : i64, top_k = 4 : i64}
        : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>,
           tensor<?x16xf32>, tensor<?x2xf32>, tensor<?xi32>) -> tensor<?x10xf32>
    %w7 = deepseek.get_weight @dense.self_attn.o_proj[%layer] : tensor<24x10xbf16>
    %o = deepseek.linear %attended, %w7 : (tensor<?x10xf32>, tensor<24x10xbf16>) -> tensor<?x24xf32>
    %mid = arith.addf %x, %o : tensor<?x24xf32>
    %w8 = deepseek.get_weight @dense.post_attention_layernorm[%layer] : tensor<24xbf16>
    %h = deepseek.rms_norm %mid, %w8 eps 1.0e-06 : tensor<?x24xf32>, tensor<24xbf16>
    %w9 = deepseek.get_weight @dense.mlp.gate_proj[%layer] : tensor<40x24xbf16>
    %gate = deepseek.linear %h, %w9 : (tensor<?x24xf32>, tensor<40x24xbf16>) -> tensor<?x40xf32>
    %w10 = deepseek.get_weight @dense.mlp.up_proj[%layer] : tensor<40x24xbf16>
    %up = deepseek.linear %h, %w10 : (tensor<?x24xf32>, tensor<40x24xbf16>) -> tensor<?x40xf32>
    %act = deepseek.swiglu %gate, %up : tensor<?x40xf32>
    %w11 = deepseek.get_weight @dense.mlp.down_proj[%layer] : tensor<24x40xbf16>
    %down = deepseek.linear %act, %w11 : (tensor<?x40xf32>, tensor<24x40xbf16>) -> tensor<?x24xf32>
    %out = arith.addf %mid, %down : tensor<?x24xf32>
    return %out, %indexed : tensor<?x24xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>
  }

  func.func @forward(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                     %positions: tensor<?xi32> {deepseek.input = "positions"},
                     %logit_rows: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                     %cache: !deepseek.cache<latent: 16 x f32, index: 8 x f32> {deepseek.input = "cache"}) -> (tensor<?x40xf32> {deepseek.output = "logits"}, !deepseek.cache<latent: 16 x f32, index: 8 x f32>) {
    %table = deepseek.get_weight @embed_tokens : tensor<40x24xbf16>
    %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<40x24xbf16>) -> tensor<?x24xf32>
    %c0 = arith.constant 0 : index
    %0:2 = call @dense(%x, %positions, %cache, %c0)
        : (tensor<?x24xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index) -> (tensor<?x24xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>)
    deepseek.record_state %0#0 layer 0 : tensor<?x24xf32>
    %c1 = arith.constant 1 : index
    %1:2 = call @dense(%0#0, %positions, %0#1, %c1)
        : (tensor<?x24xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index) -> (tensor<?x24xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>)
    %w = deepseek.get_weight @norm : tensor<24xbf16>
    %n = deepseek.rms_norm %1#0, %w eps 1.0e-06 : tensor<?x24xf32>, tensor<24xbf16>
    deepseek.record_state %n layer 1 : tensor<?x24xf32>
    %selected = deepseek.select_rows %n, %logit_rows : (tensor<?x24xf32>, tensor<?xi32>) -> tensor<?x24xf32>
    %head = deepseek.get_weight @lm_head : tensor<40x24xbf16>
    %logits = deepseek.linear %selected, %head : (tensor<?x24xf32>, tensor<40x24xbf16>) -> tensor<?x40xf32>
    return %logits, %1#1 : tensor<?x40xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>
  }
}
