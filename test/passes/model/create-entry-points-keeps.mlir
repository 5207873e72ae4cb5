// A module without @forward is left alone.
// RUN: fathom-opt %s --fathom-create-entry-points | FileCheck %s

// CHECK-LABEL: func.func @step
// CHECK-NOT: deepseek.entry
func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
