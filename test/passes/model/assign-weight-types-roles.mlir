// Each role has a type of its own, and weights that are of it stay as they are.
// RUN: fathom-opt %s --fathom-assign-weight-types="type=bf16,experts=f8,mlp=q8,head=keep" | FileCheck %s
// RUN: fathom-opt %s --fathom-assign-weight-types="type=bf16,experts=f8,mlp=q8,head=keep" --verify-numerics-each -o /dev/null 2>&1 | count 0
// RUN: not fathom-opt %s --fathom-assign-weight-types="type=experts=q8,bf16" 2>&1 | FileCheck %s --check-prefix=LATE
// RUN: not fathom-opt %s --fathom-assign-weight-types="type=norm=q8" 2>&1 | FileCheck %s --check-prefix=ROLE

// LATE: error: cannot give weights types: a type for all weights comes first, but 'bf16' comes later
// ROLE: error: cannot give weights types: expected one of mlp|experts|head|attention, but got 'norm'

deepseek.weight @q : tensor<64x64xf32> from "q" at [0, 0]
deepseek.weight @k : tensor<64x64xbf16> from "k" at [0, 0]
deepseek.weight @f8 : tensor<64x64xf8E4M3FN> from "f8" at [0, 0]
deepseek.weight @f8_scale : tensor<1x1xf32> scale from "f8_scale" at [0, 0]
deepseek.weight @gate_up : tensor<128x64xbf16> from "gate_up" at [0, 0]
deepseek.weight @down : tensor<64x64xbf16> from "down" at [0, 0]
deepseek.weight @experts : tensor<2x64x64xbf16> experts layers [0] from "experts" at [0, 0, 0, 0]
deepseek.weight @head : tensor<96x64xbf16> from "head" at [0, 0]

// CHECK: deepseek.recipe @q.bf16 : tensor<64x64xbf16> {
// CHECK: deepseek.to_bf16 %{{.*}} : tensor<64x64xf32> -> tensor<64x64xbf16>
// CHECK: deepseek.recipe @f8.bf16 : tensor<64x64xbf16> {
// CHECK: %[[N:.*]] = deepseek.dequantize
// CHECK: deepseek.to_bf16 %[[N]] : tensor<64x64xf32> -> tensor<64x64xbf16>
// CHECK: deepseek.recipe @experts.f8 : tensor<2x64x64xf8E4M3FN> experts
// CHECK: deepseek.quantize %{{.*}} group 128 : tensor<2x64x64xbf16> -> tensor<2x64x64xf8E4M3FN>
// CHECK: deepseek.recipe @experts.f8_scale : tensor<2x64x1xf32> experts

// CHECK-LABEL: func.func @roles
func.func @roles(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  // CHECK-DAG: deepseek.get_weight @q.bf16
  // CHECK-DAG: deepseek.get_weight @k :
  // CHECK-DAG: deepseek.get_weight @f8.bf16
  // CHECK-DAG: deepseek.get_weight @gate_up.q8 :
  // CHECK-DAG: deepseek.get_weight @down.q8 :
  // CHECK-DAG: deepseek.get_weight @head :
  %q = deepseek.get_weight @q : tensor<64x64xf32>
  %k = deepseek.get_weight @k : tensor<64x64xbf16>
  %f8 = deepseek.get_weight @f8 : tensor<64x64xf8E4M3FN>
  %f8_scale = deepseek.get_weight @f8_scale : tensor<1x1xf32>
  %gate_up = deepseek.get_weight @gate_up : tensor<128x64xbf16>
  %down = deepseek.get_weight @down : tensor<64x64xbf16>
  %head = deepseek.get_weight @head : tensor<96x64xbf16>
  %a = deepseek.linear %x, %q : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %b = deepseek.linear %a, %k : (tensor<?x64xf32>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  %c = deepseek.linear %b, %f8 scale %f8_scale <128 x 128> : (tensor<?x64xf32>, tensor<64x64xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x64xf32>
  %h = deepseek.linear_swiglu %c, %gate_up : (tensor<?x64xf32>, tensor<128x64xbf16>) -> tensor<?x64xf32>
  %d = deepseek.linear %h, %down : (tensor<?x64xf32>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  %sum = arith.addf %c, %d : tensor<?x64xf32>
  %logits = deepseek.linear %sum, %head : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  return %logits : tensor<?x96xf32>
}

// CHECK-LABEL: func.func private @experts_of
func.func private @experts_of(%x: tensor<?x64xf32>, %offsets: tensor<3xi32>, %rows: tensor<?xi32>, %layer: index) -> tensor<?x64xf32> {
  // CHECK: deepseek.moe_linear {{.*}} <1 x 128> top_k 1
  %w = deepseek.get_weight @experts[%layer] : tensor<2x64x64xbf16>
  %y = deepseek.moe_linear gather %x, %offsets, %rows, %w top_k 1
      : (tensor<?x64xf32>, tensor<3xi32>, tensor<?xi32>, tensor<2x64x64xbf16>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
