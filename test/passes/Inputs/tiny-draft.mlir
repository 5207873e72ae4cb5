// A model of one layer with latent attention, and a layer that drafts: as small as what the two share allows. Read by the
// tests of passes.

#rope = #deepseek.rope<frequencies = [1.0, 0.1]>
!cache = !deepseek.cache<latent: 16 x f32>
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 1 : i64,
                                     draft_layers = 1 : i64, max_context = 16 : i64, bos_token = 0 : i64,
                                     eos_tokens = array<i64: 1>},
                   deepseek.shards = [#deepseek.shard<"model.safetensors", bytes = 4096, header_hash = 1>]} {
  deepseek.weight @embed_tokens : tensor<40x8xbf16> from "embed_tokens" at [0, 0]
  deepseek.weight @norm : tensor<8xbf16> from "norm" at [0, 0]
  deepseek.weight @lm_head : tensor<40x8xbf16> from "lm_head" at [0, 0]
  deepseek.weight @dense.q : tensor<20x8xbf16> layers [0] from "dense.q" at [0, 0]
  deepseek.weight @dense.kv : tensor<16x8xbf16> layers [0] from "dense.kv" at [0, 0]
  deepseek.weight @dense.kv_b : tensor<22x12xbf16> layers [0] from "dense.kv_b" at [0, 0]
  deepseek.weight @dense.o : tensor<8x10xbf16> layers [0] from "dense.o" at [0, 0]
  deepseek.weight @mtp.enorm : tensor<8xbf16> layers [1] from "mtp.enorm" at [0, 0]
  deepseek.weight @mtp.hnorm : tensor<8xbf16> layers [1] from "mtp.hnorm" at [0, 0]
  deepseek.weight @mtp.eh_proj : tensor<8x16xbf16> layers [1] from "mtp.eh_proj" at [0, 0]
  deepseek.weight @mtp.shared_head.norm : tensor<8xbf16> layers [1] from "mtp.shared_head.norm" at [0, 0]
  deepseek.weight @mtp.q : tensor<20x8xbf16> layers [1] from "mtp.q" at [0, 0]
  deepseek.weight @mtp.kv : tensor<16x8xbf16> layers [1] from "mtp.kv" at [0, 0]
  deepseek.weight @mtp.kv_b : tensor<22x12xbf16> layers [1] from "mtp.kv_b" at [0, 0]
  deepseek.weight @mtp.o : tensor<8x10xbf16> layers [1] from "mtp.o" at [0, 0]

  func.func private @dense(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                         %positions: tensor<?xi32> {deepseek.input = "positions"},
                         %cache: !cache {deepseek.input = "cache"}, %layer: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !cache) {
    %c0 = arith.constant 0 : index
    %table = deepseek.rope_table #rope : tensor<16x2x2xf32>
    %w0 = deepseek.get_weight @dense.q[%layer] : tensor<20x8xbf16>
    %q = deepseek.linear %x, %w0 : (tensor<?x8xf32>, tensor<20x8xbf16>) -> tensor<?x20xf32>
    %w1 = deepseek.get_weight @dense.kv[%layer] : tensor<16x8xbf16>
    %kv = deepseek.linear %x, %w1 : (tensor<?x8xf32>, tensor<16x8xbf16>) -> tensor<?x16xf32>
    %rows = tensor.dim %positions, %c0 : tensor<?xi32>
    %latent = tensor.extract_slice %kv[0, 0] [%rows, 12] [1, 1] : tensor<?x16xf32> to tensor<?x12xf32>
    %pe = tensor.extract_slice %kv[0, 12] [%rows, 4] [1, 1] : tensor<?x16xf32> to tensor<?x4xf32>
    %key = deepseek.rope interleaved %pe, %table at %positions : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
    %filled = deepseek.cache_append %cache["latent"][%layer], %latent, %key at %positions
        : !cache, tensor<?x12xf32>, tensor<?x4xf32> at tensor<?xi32>
    %w2 = deepseek.get_weight @dense.kv_b[%layer] : tensor<22x12xbf16>
    %attended = deepseek.mla_attention interleaved %q, %filled[%layer], %w2, %table at %positions
        {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.3 : f64}
        : (tensor<?x20xf32>, !cache, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>) -> tensor<?x10xf32>
    %w3 = deepseek.get_weight @dense.o[%layer] : tensor<8x10xbf16>
    %o = deepseek.linear %attended, %w3 : (tensor<?x10xf32>, tensor<8x10xbf16>) -> tensor<?x8xf32>
    %out = arith.addf %x, %o : tensor<?x8xf32>
    return %out, %filled : tensor<?x8xf32>, !cache
  }

  func.func private @mtp(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                         %positions: tensor<?xi32> {deepseek.input = "positions"},
                         %cache: !cache {deepseek.input = "cache"}, %layer: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !cache) {
    %c0 = arith.constant 0 : index
    %table = deepseek.rope_table #rope : tensor<16x2x2xf32>
    %w0 = deepseek.get_weight @mtp.q[%layer] : tensor<20x8xbf16>
    %q = deepseek.linear %x, %w0 : (tensor<?x8xf32>, tensor<20x8xbf16>) -> tensor<?x20xf32>
    %w1 = deepseek.get_weight @mtp.kv[%layer] : tensor<16x8xbf16>
    %kv = deepseek.linear %x, %w1 : (tensor<?x8xf32>, tensor<16x8xbf16>) -> tensor<?x16xf32>
    %rows = tensor.dim %positions, %c0 : tensor<?xi32>
    %latent = tensor.extract_slice %kv[0, 0] [%rows, 12] [1, 1] : tensor<?x16xf32> to tensor<?x12xf32>
    %pe = tensor.extract_slice %kv[0, 12] [%rows, 4] [1, 1] : tensor<?x16xf32> to tensor<?x4xf32>
    %key = deepseek.rope interleaved %pe, %table at %positions : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
    %filled = deepseek.cache_append %cache["latent"][%layer], %latent, %key at %positions
        : !cache, tensor<?x12xf32>, tensor<?x4xf32> at tensor<?xi32>
    %w2 = deepseek.get_weight @mtp.kv_b[%layer] : tensor<22x12xbf16>
    %attended = deepseek.mla_attention interleaved %q, %filled[%layer], %w2, %table at %positions
        {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.3 : f64}
        : (tensor<?x20xf32>, !cache, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>) -> tensor<?x10xf32>
    %w3 = deepseek.get_weight @mtp.o[%layer] : tensor<8x10xbf16>
    %o = deepseek.linear %attended, %w3 : (tensor<?x10xf32>, tensor<8x10xbf16>) -> tensor<?x8xf32>
    %out = arith.addf %x, %o : tensor<?x8xf32>
    return %out, %filled : tensor<?x8xf32>, !cache
  }

  func.func @forward(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                     %positions: tensor<?xi32> {deepseek.input = "positions"},
                     %logit_rows: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                     %cache: !cache {deepseek.input = "cache"})
      -> (tensor<?x40xf32> {deepseek.output = "logits"}, tensor<?x8xf32> {deepseek.output = "hidden_out"}, !cache) {
    %table = deepseek.get_weight @embed_tokens : tensor<40x8xbf16>
    %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<40x8xbf16>) -> tensor<?x8xf32>
    %c0 = arith.constant 0 : index
    %y:2 = call @dense(%x, %positions, %cache, %c0) : (tensor<?x8xf32>, tensor<?xi32>, !cache, index) -> (tensor<?x8xf32>, !cache)
    %w = deepseek.get_weight @norm : tensor<8xbf16>
    %n = deepseek.rms_norm %y#0, %w eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>
    deepseek.record_state %n layer 0 : tensor<?x8xf32>
    %selected = deepseek.select_rows %n, %logit_rows : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    %head = deepseek.get_weight @lm_head : tensor<40x8xbf16>
    %logits = deepseek.linear %selected, %head : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
    return %logits, %n, %y#1 : tensor<?x40xf32>, tensor<?x8xf32>, !cache
  }

  func.func @draft_forward(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                           %positions: tensor<?xi32> {deepseek.input = "positions"},
                           %hidden: tensor<?x8xf32> {deepseek.input = "hidden"},
                           %logit_rows: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                           %cache: !cache {deepseek.input = "cache"})
      -> (tensor<?x40xf32> {deepseek.output = "logits"}, tensor<?x8xf32> {deepseek.output = "hidden_out"}, !cache) {
    %c1 = arith.constant 1 : index
    %table = deepseek.get_weight @embed_tokens : tensor<40x8xbf16>
    %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<40x8xbf16>) -> tensor<?x8xf32>
    %w0 = deepseek.get_weight @mtp.enorm[%c1] : tensor<8xbf16>
    %e = deepseek.rms_norm %x, %w0 eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>
    %w1 = deepseek.get_weight @mtp.hnorm[%c1] : tensor<8xbf16>
    %h = deepseek.rms_norm %hidden, %w1 eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>
    %both = tensor.concat dim(1) %e, %h : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
    %w2 = deepseek.get_weight @mtp.eh_proj[%c1] : tensor<8x16xbf16>
    %joined = deepseek.linear %both, %w2 : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
    %y:2 = call @mtp(%joined, %positions, %cache, %c1) : (tensor<?x8xf32>, tensor<?xi32>, !cache, index) -> (tensor<?x8xf32>, !cache)
    %w3 = deepseek.get_weight @mtp.shared_head.norm[%c1] : tensor<8xbf16>
    %n = deepseek.rms_norm %y#0, %w3 eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>
    %selected = deepseek.select_rows %n, %logit_rows : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    %head = deepseek.get_weight @lm_head : tensor<40x8xbf16>
    %logits = deepseek.linear %selected, %head : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
    return %logits, %y#0, %y#1 : tensor<?x40xf32>, tensor<?x8xf32>, !cache
  }
}
