// A module that has neither entry points nor @forward is refused.
// RUN: fathom-opt %s --fathom-create-entry-points --verify-diagnostics
// RUN: fathom-opt %s --fathom-model-pipeline --verify-diagnostics

// expected-error @+1 {{expects a function @forward to make entry points from}}
module {
  func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    return %x : tensor<?x8xf32>
  }
}
