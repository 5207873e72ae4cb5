// A buffer must have its offset before it becomes an address.
// RUN: fathom-opt %s --fathom-convert-plan-to-llvm --split-input-file --verify-diagnostics

func.func @no_offset(%call: !plan.call) -> i32 attributes {deepseek.form = "absorbed"} {
  // expected-error @+1 {{'plan.buffer' op has no offset: run fathom-plan-buffers first}}
  %b = plan.buffer of %call bytes 64 : memref<4xf32>
  plan.record_state of %call %b layer 1 : memref<4xf32>
  %z = arith.constant 0 : i32
  return %z : i32
}
