// Activations become bf16 where the target says so, but for what ops say stays f32, and what callers know.
// RUN: fathom-opt %s --fathom-assign-activation-types --split-input-file | FileCheck %s
// RUN: fathom-opt %s --fathom-assign-activation-types --fathom-assign-activation-types --split-input-file | FileCheck %s
// RUN: fathom-opt %s --fathom-assign-activation-types --split-input-file --verify-numerics-each -o /dev/null 2>&1 | count 0

module attributes {deepseek.target = #deepseek.target<"x", arch = "avx2", tune = "x86-64-v3", activation = bf16>} {
  deepseek.weight @table : tensor<32x8xbf16> from "table" at [0, 0]
  deepseek.weight @norm : tensor<8xbf16> from "norm" at [0, 0]
  deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0]
  deepseek.weight @gate : tensor<4x8xbf16> from "gate" at [0, 0]
  deepseek.weight @experts : tensor<4x8x8xbf16> experts layers [0] from "experts" at [0, 0, 0, 0, 0, 0, 0, 0]
  deepseek.weight @joined : tensor<12x8xbf16> from "joined" at [0, 0]
  deepseek.weight @halves : tensor<8x16xbf16> from "halves" at [0, 0]

  // The embedding rounds; logits do not.
  // CHECK-LABEL: func.func @logits
  // CHECK-SAME: -> tensor<?x8xf32>
  func.func @logits(%tokens: tensor<?xi32>) -> tensor<?x8xf32> {
    // CHECK: deepseek.embedding {{.*}} -> tensor<?x8xbf16>
    // CHECK: deepseek.rms_norm {{.*}} : tensor<?x8xbf16>, tensor<8xbf16>{{$}}
    // CHECK: deepseek.linear {{.*}} : (tensor<?x8xbf16>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %table = deepseek.get_weight @table : tensor<32x8xbf16>
    %norm = deepseek.get_weight @norm : tensor<8xbf16>
    %w = deepseek.get_weight @w : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
    %n = deepseek.rms_norm %x, %norm eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>
    %y = deepseek.linear %n, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }

  // Functions that others call take and give bf16.
  // CHECK-LABEL: func.func private @layer
  // CHECK-SAME: (%{{.*}}: tensor<?x8xbf16>) -> tensor<?x8xbf16>
  func.func private @layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    // CHECK: deepseek.swiglu %{{.*}}, %{{.*}} : tensor<?x8xbf16>
    // CHECK: arith.addf %{{.*}}, %{{.*}} : tensor<?x8xbf16>
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    %s = arith.addf %x, %y : tensor<?x8xf32>
    return %s : tensor<?x8xf32>
  }

  // What a draft begins with is read as it comes, and widened where it is given.
  // CHECK-LABEL: func.func @draft
  // CHECK-SAME: %[[HIDDEN:[a-z0-9]*]]: tensor<?x8xf32>
  // CHECK-SAME: -> (tensor<?x8xf32> {deepseek.output = "hidden_out"})
  func.func @draft(%tokens: tensor<?xi32>, %hidden: tensor<?x8xf32> {deepseek.input = "hidden"})
      -> (tensor<?x8xf32> {deepseek.output = "hidden_out"}) {
    // CHECK: %[[X:.*]] = deepseek.embedding {{.*}} -> tensor<?x8xbf16>
    // CHECK: deepseek.rms_norm %[[HIDDEN]], {{.*}} : tensor<?x8xf32>, tensor<8xbf16> -> tensor<?x8xbf16>
    // CHECK: tensor.concat dim(1) {{.*}} : (tensor<?x8xbf16>, tensor<?x8xbf16>) -> tensor<?x16xbf16>
    // CHECK: %[[OUT:.*]] = call @layer(%{{.*}}) : (tensor<?x8xbf16>) -> tensor<?x8xbf16>
    // CHECK: deepseek.record_state %[[OUT]] layer 0 : tensor<?x8xbf16>
    // CHECK: %[[WIDE:.*]] = arith.extf %[[OUT]] : tensor<?x8xbf16> to tensor<?x8xf32>
    // CHECK: return %[[WIDE]]
    %table = deepseek.get_weight @table : tensor<32x8xbf16>
    %norm = deepseek.get_weight @norm : tensor<8xbf16>
    %halves = deepseek.get_weight @halves : tensor<8x16xbf16>
    %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
    %h = deepseek.rms_norm %hidden, %norm eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>
    %both = tensor.concat dim(1) %x, %h : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
    %y = deepseek.linear %both, %halves : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
    %out = call @layer(%y) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    deepseek.record_state %out layer 0 : tensor<?x8xf32>
    return %out : tensor<?x8xf32>
  }

  // A router and the weights of its choices stay f32.
  // CHECK-LABEL: func.func @routed
  func.func @routed(%tokens: tensor<?xi32>) -> (tensor<?x8xf32> {deepseek.output = "hidden_out"}) {
    // CHECK: deepseek.linear {{.*}} : (tensor<?x8xbf16>, tensor<4x8xbf16>) -> tensor<?x4xf32>
    // CHECK: deepseek.moe_gate {{.*}} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    // CHECK: deepseek.moe_linear gather {{.*}} -> tensor<?x8xbf16>
    // CHECK: deepseek.moe_combine {{.*}} : (tensor<?x8xbf16>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x8xbf16>
    %table = deepseek.get_weight @table : tensor<32x8xbf16>
    %gate = deepseek.get_weight @gate : tensor<4x8xbf16>
    %c0 = arith.constant 0 : index
    %experts = deepseek.get_weight @experts[%c0] : tensor<4x8x8xbf16>
    %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
    %logits = deepseek.linear %x, %gate : (tensor<?x8xf32>, tensor<4x8xbf16>) -> tensor<?x4xf32>
    %ids, %weights = deepseek.moe_gate %logits <softmax, none, top_k = 2>
        : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %offsets, %rows, %slots = deepseek.moe_permute %ids experts 4
        : (tensor<?x2xi32>) -> (tensor<5xi32>, tensor<?xi32>, tensor<?x2xi32>)
    %y = deepseek.moe_linear gather %x, %offsets, %rows, %experts top_k 2
        : (tensor<?x8xf32>, tensor<5xi32>, tensor<?xi32>, tensor<4x8x8xbf16>) -> tensor<?x8xf32>
    %z = deepseek.moe_combine %y, %slots, %weights
        : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x8xf32>
    return %z : tensor<?x8xf32>
  }

  // Columns have the type of their product: with those of a router it stays f32, and a norm reads others as they are.
  // CHECK-LABEL: func.func @product_columns
  func.func @product_columns(%tokens: tensor<?xi32>) -> (tensor<?x2xf32>, tensor<?x8xf32> {deepseek.output = "hidden_out"}) {
    // CHECK: %[[BOTH:.*]] = deepseek.linear {{.*}} : (tensor<?x8xbf16>, tensor<12x8xbf16>) -> tensor<?x12xf32>
    // CHECK: tensor.extract_slice %[[BOTH]]{{.*}} to tensor<?x4xf32>
    // CHECK: %[[REST:.*]] = tensor.extract_slice %[[BOTH]]{{.*}} to tensor<?x8xf32>
    // CHECK: deepseek.rms_norm %[[REST]], {{.*}} : tensor<?x8xf32>, tensor<8xbf16> -> tensor<?x8xbf16>
    %c0 = arith.constant 0 : index
    %table = deepseek.get_weight @table : tensor<32x8xbf16>
    %norm = deepseek.get_weight @norm : tensor<8xbf16>
    %joined = deepseek.get_weight @joined : tensor<12x8xbf16>
    %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
    %both = deepseek.linear %x, %joined : (tensor<?x8xf32>, tensor<12x8xbf16>) -> tensor<?x12xf32>
    %n = tensor.dim %both, %c0 : tensor<?x12xf32>
    %logits = tensor.extract_slice %both[0, 0] [%n, 4] [1, 1] : tensor<?x12xf32> to tensor<?x4xf32>
    %rest = tensor.extract_slice %both[0, 4] [%n, 8] [1, 1] : tensor<?x12xf32> to tensor<?x8xf32>
    %ids, %weights = deepseek.moe_gate %logits <softmax, none, top_k = 2>
        : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %h = deepseek.rms_norm %rest, %norm eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>
    return %weights, %h : tensor<?x2xf32>, tensor<?x8xf32>
  }
}

// -----

// A target that says nothing leaves everything as it is.
module attributes {deepseek.target = #deepseek.target<"x", arch = "avx2", tune = "x86-64-v3">} {
  // CHECK-LABEL: func.func private @as_it_is
  // CHECK-SAME: (%{{.*}}: tensor<?x8xf32>) -> tensor<?x8xf32>
  func.func private @as_it_is(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}
