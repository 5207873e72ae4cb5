// The phase says what it lacks from the one before, in lines and not with the module.
// RUN: not fathom-opt %S/../Inputs/tiny.mlir --fathom-fuse-pipeline 2>&1 | FileCheck %s --implicit-check-not=deepseek.linear

// CHECK: error: expects every function to belong to an entry point after the model phase
