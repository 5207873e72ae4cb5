// The phase says what it lacks from the one before, in lines and not with the module.
// RUN: not fathom-opt %S/../Inputs/tiny.mlir --fathom-fuse-pipeline 2>&1 | FileCheck %s --implicit-check-not=deepseek.linear

// CHECK: error: expects 'deepseek.form' on every function after the model phase
