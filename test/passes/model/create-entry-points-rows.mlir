// Rows of a prefill that nobody asked for: 256, and more where a model has so many experts for each that a token chooses
// that they would have little to do.
// RUN: sed 's/EXPERTS/4/g' %s | fathom-opt --fathom-create-entry-points | FileCheck %s --check-prefix=FEW
// RUN: sed 's/EXPERTS/8/g' %s | fathom-opt --fathom-create-entry-points | FileCheck %s --check-prefix=SOME
// RUN: sed 's/EXPERTS/256/g' %s | fathom-opt --fathom-create-entry-points | FileCheck %s --check-prefix=MANY
// RUN: sed 's/EXPERTS/256/g' %s | fathom-opt --fathom-create-entry-points="prefill-rows=7" | FileCheck %s --check-prefix=ASKED

// FEW: func.func @prefill({{.*}}deepseek.max_rows = 256 : i64
// SOME: func.func @prefill({{.*}}deepseek.max_rows = 512 : i64
// MANY: func.func @prefill({{.*}}deepseek.max_rows = 1024 : i64
// ASKED: func.func @prefill({{.*}}deepseek.max_rows = 7 : i64
func.func @forward(%x: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %weights: tensor<?x2xf32>,
                   %gate: tensor<EXPERTSx4x8xbf16>, %up: tensor<EXPERTSx4x8xbf16>, %down: tensor<EXPERTSx8x4xbf16>)
    -> tensor<?x8xf32> {
  %y = deepseek.moe_experts %x, %ids, %weights, %gate, %up, %down
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<EXPERTSx4x8xbf16>, tensor<EXPERTSx4x8xbf16>,
         tensor<EXPERTSx8x4xbf16>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
