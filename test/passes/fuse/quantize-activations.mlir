// Products with weights of 8 bits read integers of 8 bits, where the target says so.
// RUN: fathom-opt %s --fathom-quantize-activations --split-input-file --verify-diagnostics | FileCheck %s
// RUN: fathom-opt %s --fathom-quantize-activations --split-input-file --verify-diagnostics --verify-numerics-each -o /dev/null
// RUN: fathom-opt %s --fathom-quantize-activations=pack-rows=false --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=NUMBERS

module attributes {deepseek.target = #deepseek.target<"x", arch = "avx2", tune = "x86-64-v3", activation = i8>} {
  // CHECK-LABEL: func.func private @products
  // CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>,
  func.func private @products(%x: tensor<?x64xf32>, %w: tensor<8x64xi8>, %scale: tensor<8x2xf16>, %other: tensor<8x64xbf16>)
      -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    // CHECK: %[[Q:.*]] = deepseek.quantize_rows %[[X]] : tensor<?x64xf32> -> tensor<?x64xi8>
    // CHECK: deepseek.linear %[[Q]], {{.*}} <1 x 32> : (tensor<?x64xi8>, {{.*}}) -> tensor<?x8xf32>
    // CHECK: deepseek.linear %[[X]], {{.*}} : (tensor<?x64xf32>, tensor<8x64xbf16>)
    // NUMBERS: deepseek.quantize_rows {{.*}} -> tensor<?x64xf32>
    // NUMBERS: deepseek.linear {{.*}} <1 x 32> : (tensor<?x64xf32>, {{.*}}) -> tensor<?x8xf32>
    %y = deepseek.linear %x, %w scale %scale <1 x 32> : (tensor<?x64xf32>, tensor<8x64xi8>, tensor<8x2xf16>) -> tensor<?x8xf32>
    %z = deepseek.linear %x, %other : (tensor<?x64xf32>, tensor<8x64xbf16>) -> tensor<?x8xf32>
    return %y, %z : tensor<?x8xf32>, tensor<?x8xf32>
  }

  // CHECK-LABEL: func.func private @experts
  func.func private @experts(%x: tensor<?x64xf32>, %offsets: tensor<5xi32>, %rows: tensor<?xi32>,
                             %w: tensor<4x8x64xi8>, %scale: tensor<4x8x2xf16>) -> tensor<?x8xf32> {
    // CHECK: %[[Q:.*]] = deepseek.quantize_rows %{{.*}} : tensor<?x64xf32> -> tensor<?x64xi8>
    // CHECK: deepseek.moe_linear gather %[[Q]],
    %y = deepseek.moe_linear gather %x, %offsets, %rows, %w scale %scale <1 x 32> top_k 2
        : (tensor<?x64xf32>, tensor<5xi32>, tensor<?xi32>, tensor<4x8x64xi8>, tensor<4x8x2xf16>) -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}

// -----

// Other activations are not its business.
module attributes {deepseek.target = #deepseek.target<"x", arch = "avx2", tune = "x86-64-v3">} {
  // CHECK-LABEL: func.func private @f32
  // CHECK-NOT: quantize_rows
  func.func private @f32(%x: tensor<?x64xf32>, %w: tensor<8x64xi8>, %scale: tensor<8x2xf16>) -> tensor<?x8xf32> {
    %y = deepseek.linear %x, %w scale %scale <1 x 32> : (tensor<?x64xf32>, tensor<8x64xi8>, tensor<8x2xf16>) -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}

// -----

// Nor is anything where no product has such weights, as of the experts of a dense model.
// CHECK: module attributes {deepseek.target = #deepseek.target<"x", arch = "avx2", tune = "x86-64-v3">}
// expected-warning @below {{activations stay f32: no product has weights of 8 bits in groups of 32}}
module attributes {deepseek.target = #deepseek.target<"x", arch = "avx2", tune = "x86-64-v3", activation = i8>} {
  func.func private @nothing(%x: tensor<?x64xf32>, %w: tensor<8x64xbf16>) -> tensor<?x8xf32> {
    %y = deepseek.linear %x, %w : (tensor<?x64xf32>, tensor<8x64xbf16>) -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}
