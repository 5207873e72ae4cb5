// Entry points with logits find the largest themselves on machines that have a kernel for it.
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-attach-target=arch=sm_80 --fathom-add-argmax | FileCheck %s
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-attach-target=arch=sm_80 --fathom-add-argmax --fathom-add-argmax | FileCheck %s
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-attach-target=arch=avx2 --fathom-add-argmax | FileCheck %s --check-prefix=CPU
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-attach-target=arch=sm_80 --fathom-add-argmax --verify-numerics-each -o /dev/null 2>&1 | count 0

// CHECK-LABEL: func.func @decode(
// CHECK-SAME: -> (tensor<?x40xf32> {deepseek.output = "logits"}, tensor<?xi32> {deepseek.output = "argmax"}, !deepseek.cache
// CHECK: %[[LOGITS:.*]] = deepseek.linear
// CHECK: %[[TOKEN:.*]] = deepseek.argmax %[[LOGITS]] : tensor<?x40xf32> -> tensor<?xi32>
// CHECK: return %[[LOGITS]], %[[TOKEN]], %{{.*}} : tensor<?x40xf32>, tensor<?xi32>, !deepseek.cache
// CHECK-LABEL: func.func @decode_headless(
// CHECK-NOT: deepseek.argmax
// CPU-NOT: argmax
