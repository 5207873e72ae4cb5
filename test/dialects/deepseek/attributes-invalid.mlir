// RUN: fathom-opt %s --split-input-file --verify-diagnostics

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
module attributes {a = #deepseek.rope<interleaved, frequencies = []>} {}
