// A module that has its entry points is left alone.
// RUN: fathom-opt %s --fathom-create-entry-points | FileCheck %s

// CHECK-LABEL: func.func @prefill.step
// CHECK-SAME: attributes {deepseek.form = "expanded"}
// CHECK-NOT: func.func
func.func @prefill.step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {deepseek.form = "expanded"} {
  return %x : tensor<?x8xf32>
}
