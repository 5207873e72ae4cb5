// Attributes, types and module facts that verification refuses.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics
// What is wrong with a module is said without the module.
// RUN: not fathom-opt %s --split-input-file 2>&1 | FileCheck %s --implicit-check-not='"builtin.module"'

// CHECK: error: expects a dictionary of facts

// expected-error @+1 {{expects top_k of at least 1, but got 0}}
module attributes {a = #deepseek.routing<softmax, none, top_k = 0>} {}

// -----

// expected-error @+1 {{expects 1 <= top_groups <= groups, but got 3 of 2}}
module attributes {a = #deepseek.routing<softmax, max, top_k = 1, groups = 2, top_groups = 3>} {}

// -----

// expected-error @+1 {{expects a positive block, but got 0 x 128}}
module attributes {a = #deepseek.block_scale<0 x 128>} {}

// -----

// expected-error @+2 {{expected floating point literal}}
// expected-error @+1 {{failed to parse DeepSeek_RopeAttr parameter 'frequencies'}}
module attributes {a = #deepseek.rope<frequencies = []>} {}

// -----

// expected-error @+2 {{expected a finite number}}
// expected-error @+1 {{failed to parse DeepSeek_RopeAttr parameter 'frequencies'}}
module attributes {a = #deepseek.rope<frequencies = [1.0e+400]>} {}

// -----

// expected-error @+1 {{expects a dictionary of facts in 'deepseek.model', but got 3 : i64}}
module attributes {deepseek.model = 3 : i64} {}

// -----

// expected-error @+1 {{expects a string as 'family' of 'deepseek.model', but got none}}
module attributes {deepseek.model = {vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a positive 32-bit number as i64 as 'vocabulary' of 'deepseek.model', but got 0 : i64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 0 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a positive 32-bit number as i64 as 'layers' of 'deepseek.model', but got "3"}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = "3", max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a positive 32-bit number as i64 as 'hidden' of 'deepseek.model', but got 2147483648 : i64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 2147483648 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a 32-bit number of -1 or more as i64 as 'bos_token' of 'deepseek.model', but got -2 : i64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = -2 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects an array<i64> as 'eos_tokens' of 'deepseek.model', but got [1]}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = [1], temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a float from 0 to 1 as 'top_p' of 'deepseek.model', but got 1 : i64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 1 : i64, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a 32-bit number of 0 or more as i64 as 'top_k' of 'deepseek.model', but got 0 : i32}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i32}} {}

// -----

// expected-error @+1 {{expects a positive 32-bit number as i64 as 'draft_layers' of 'deepseek.model', but got 0 : i64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, draft_layers = 0 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}} {}

// -----

// expected-error @+1 {{expects an array of #deepseek.shard in 'deepseek.shards', but got ["model.safetensors"]}}
module attributes {deepseek.shards = ["model.safetensors"]} {}

// -----

// expected-error @+1 {{expects an input of a call or a layer as 'deepseek.input', but got "logits"}}
func.func @f(%x: tensor<?x8xf32> {deepseek.input = "logits"}) {
  return
}

// -----

// expected-error @+1 {{expects tensor<?xi32> as input "tokens", but got 'tensor<4xi32>'}}
func.func @f(%tokens: tensor<4xi32> {deepseek.input = "tokens"}) {
  return
}

// -----

// expected-error @+1 {{expects tensor<?xWxf32> or tensor<?xWxbf16> as input "activation", but got 'tensor<?xf32>'}}
func.func @f(%x: tensor<?xf32> {deepseek.input = "activation"}) {
  return
}

// -----

// expected-error @+1 {{expects a cache as input "cache", but got 'index'}}
func.func @f(%c: index {deepseek.input = "cache"}) {
  return
}

// -----

// expected-error @+1 {{expects index as input "layer", but got 'i32'}}
func.func @f(%l: i32 {deepseek.input = "layer"}) {
  return
}

// -----

// expected-error @+1 {{expects an output of a call as 'deepseek.output', but got "tokens"}}
func.func @f(%x: tensor<?x8xf32>) -> (tensor<?x8xf32> {deepseek.output = "tokens"}) {
  return %x : tensor<?x8xf32>
}

// -----

// expected-error @+1 {{expects tensor<?xWxf32> as output "logits", but got 'tensor<?xi32>'}}
func.func @f(%x: tensor<?xi32>) -> (tensor<?xi32> {deepseek.output = "logits"}) {
  return %x : tensor<?xi32>
}

// -----

// expected-error @+1 {{expects "expanded" or "absorbed" as 'deepseek.form', but got "decode"}}
func.func @f() attributes {deepseek.form = "decode"} {
  return
}

// -----

// expected-error @+1 {{expects a string as 'deepseek.kernel', but got unit}}
func.func @f() attributes {deepseek.kernel} {
  return
}

// -----

// expected-error @+1 {{expects a positive 32-bit number as i64 as 'deepseek.max_rows', but got 0 : i64}}
func.func @f() attributes {deepseek.max_rows = 0 : i64} {
  return
}

// -----

// expected-error @+1 {{expects a positive 32-bit number as i64 as 'deepseek.max_positions', but got 0 : i64}}
func.func @f() attributes {deepseek.max_positions = 0 : i64} {
  return
}

// -----

// C1
// expected-error @+1 {{expects 1 to 64 stores, but got 65}}
func.func @f(%c: !deepseek.cache<s0: 1 x f32, s1: 1 x f32, s2: 1 x f32, s3: 1 x f32, s4: 1 x f32, s5: 1 x f32, s6: 1 x f32, s7: 1 x f32, s8: 1 x f32, s9: 1 x f32, s10: 1 x f32, s11: 1 x f32, s12: 1 x f32, s13: 1 x f32, s14: 1 x f32, s15: 1 x f32, s16: 1 x f32, s17: 1 x f32, s18: 1 x f32, s19: 1 x f32, s20: 1 x f32, s21: 1 x f32, s22: 1 x f32, s23: 1 x f32, s24: 1 x f32, s25: 1 x f32, s26: 1 x f32, s27: 1 x f32, s28: 1 x f32, s29: 1 x f32, s30: 1 x f32, s31: 1 x f32, s32: 1 x f32, s33: 1 x f32, s34: 1 x f32, s35: 1 x f32, s36: 1 x f32, s37: 1 x f32, s38: 1 x f32, s39: 1 x f32, s40: 1 x f32, s41: 1 x f32, s42: 1 x f32, s43: 1 x f32, s44: 1 x f32, s45: 1 x f32, s46: 1 x f32, s47: 1 x f32, s48: 1 x f32, s49: 1 x f32, s50: 1 x f32, s51: 1 x f32, s52: 1 x f32, s53: 1 x f32, s54: 1 x f32, s55: 1 x f32, s56: 1 x f32, s57: 1 x f32, s58: 1 x f32, s59: 1 x f32, s60: 1 x f32, s61: 1 x f32, s62: 1 x f32, s63: 1 x f32, s64: 1 x f32>) {
  return
}

// -----

// C1
// expected-error @+1 {{expects stores with distinct names, but got 'key' twice}}
func.func @f(%c: !deepseek.cache<key: 8 x f32, key: 8 x f32>) {
  return
}

// -----

// C2
// expected-error @+1 {{expects rows of 1 to 16777216 numbers, but got 1 x 0}}
func.func @f(%c: !deepseek.cache<latent: 0 x f32>) {
  return
}

// -----

// C2
// expected-error @+1 {{expects rows of 1 to 16777216 numbers, but got 8192 x 8192}}
func.func @f(%c: !deepseek.cache<key: 8192 x 8192 x f32>) {
  return
}

// -----

// expected-error @+1 {{expected a width, or heads x width}}
func.func @f(%c: !deepseek.cache<key: 2 x 2 x 2 x f32>) {
  return
}

// -----

// C3
// expected-error @+1 {{expects f32, bf16 or f8E4M3FN numbers, but got 'f16'}}
func.func @f(%c: !deepseek.cache<latent: 8 x f16>) {
  return
}

// -----

// C3
// expected-error @+1 {{expects a tail of bf16 only behind f8E4M3FN numbers, but got 8 x 'f32' + 4 x bf16}}
func.func @f(%c: !deepseek.cache<latent: 8 x f32 + 4 x bf16>) {
  return
}

// -----

// expected-error @+1 {{expected a tail of bf16 numbers}}
func.func @f(%c: !deepseek.cache<latent: 8 x f8E4M3FN + 4 x f32>) {
  return
}

// -----

// expected-error @+1 {{expected a tail of bf16 numbers}}
func.func @f(%c: !deepseek.cache<latent: 8 x f8E4M3FN + 2 x 4 x bf16>) {
  return
}

// -----

// A row of no FP8 numbers.
// expected-error @+1 {{but got 0 x 'f8E4M3FN' + 4 x bf16}}
func.func @f(%c: !deepseek.cache<latent: 0 x f8E4M3FN + 4 x bf16>) {
  return
}

// -----

// expected-error @+1 {{expects a float of 0 or more as 'temperature' of 'deepseek.model', but got -1.000000e+00 : f64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = -1.0}} {}

// -----

// expected-error @+1 {{expects a float from 0 to 1 as 'min_p' of 'deepseek.model', but got 2.000000e+00 : f64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, min_p = 2.0}} {}

// -----

// expected-error @+1 {{expects a positive float as 'repetition_penalty' of 'deepseek.model', but got 0.000000e+00 : f64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, repetition_penalty = 0.0}} {}

// -----

// expected-error @+1 {{expects a #deepseek.target as 'deepseek.target', but got "x86-64-v3"}}
module attributes {deepseek.target = "x86-64-v3"} {}

// -----

// expected-error @+1 {{expects a triple, an arch and a processor to tune for, but got an empty one}}
module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "", tune = "x86-64-v3">} {}

// -----

// expected-error @+1 {{expects activations of bf16 or i8, or no type for f32, but got 'f32'}}
module attributes {deepseek.target = #deepseek.target<"x", arch = "avx2", tune = "x86-64-v3", activation = f32>} {}
