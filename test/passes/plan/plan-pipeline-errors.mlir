// The phase says what it lacks from those before.
// RUN: not fathom-opt %S/../Inputs/tiny.mlir --fathom-plan-pipeline 2>&1 | FileCheck %s --check-prefix=MODEL
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-fuse-pipeline | sed s/x86_bf16_rms_norm/x86_f32_rms_norm/ | not fathom-opt --fathom-plan-pipeline 2>&1 | FileCheck %s --check-prefix=FUSE
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-fuse-pipeline | not fathom-opt --fathom-lower-pipeline 2>&1 | FileCheck %s --check-prefix=PLAN

// MODEL: error: expects 'deepseek.form' on every function after the model phase
// FUSE: error: 'deepseek.rms_norm' op expects a kernel for rms_norm with weights bf16
// PLAN: error: 'deepseek.get_weight' op is not expected outside generated functions after the plan phase
