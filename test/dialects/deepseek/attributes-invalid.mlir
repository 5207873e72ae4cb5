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

// expected-error @+1 {{expects a dictionary of facts in 'deepseek.model', but got 3 : i64}}
module attributes {deepseek.model = 3 : i64} {}

// -----

// expected-error @+1 {{expects a string as 'family' of 'deepseek.model', but got none}}
module attributes {deepseek.model = {vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a positive 32-bit number as i64 as 'vocabulary' of 'deepseek.model', but got 0 : i64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 0 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a positive 32-bit number as i64 as 'layers' of 'deepseek.model', but got "3"}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = "3", max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a positive 32-bit number as i64 as 'hidden' of 'deepseek.model', but got 2147483648 : i64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 2147483648 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a 32-bit number of -1 or more as i64 as 'bos_token' of 'deepseek.model', but got -2 : i64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = -2 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects an array<i64> as 'eos_tokens' of 'deepseek.model', but got [1]}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = [1], temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a float from 0 to 1 as 'top_p' of 'deepseek.model', but got 1 : i64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 1 : i64, top_k = 0 : i64}} {}

// -----

// expected-error @+1 {{expects a 32-bit number of 0 or more as i64 as 'top_k' of 'deepseek.model', but got 0 : i32}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i32}} {}

// -----

// expected-error @+1 {{expects an array of #deepseek.shard in 'deepseek.shards', but got ["model.safetensors"]}}
module attributes {deepseek.shards = ["model.safetensors"]} {}

// -----

// expected-error @+1 {{expects a string as 'deepseek.entry', but got 1 : i64}}
func.func @f() attributes {deepseek.entry = 1 : i64} {
  return
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

// expected-error @+1 {{expects rows of at least 1 number, but got 0}}
func.func @f(%c: !deepseek.cache<0>) {
  return
}

// -----

// expected-error @+1 {{expects a float of 0 or more as 'temperature' of 'deepseek.model', but got -1.000000e+00 : f64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = -1.0}} {}

// -----

// expected-error @+1 {{expects a float from 0 to 1 as 'min_p' of 'deepseek.model', but got 2.000000e+00 : f64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, min_p = 2.0}} {}

// -----

// expected-error @+1 {{expects a positive float as 'repetition_penalty' of 'deepseek.model', but got 0.000000e+00 : f64}}
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64, cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, repetition_penalty = 0.0}} {}
