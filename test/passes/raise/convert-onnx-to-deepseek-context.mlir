// Tables of fewer positions than are wanted.
// RUN: not fathom-opt %s --fathom-convert-onnx-to-deepseek=max-context=16 2>&1 | FileCheck %s
// RUN: not fathom-opt %s --fathom-convert-onnx-to-deepseek=max-context=8 2>&1 | FileCheck %s --check-prefix=ENOUGH
// RUN: not fathom-opt %s --fathom-convert-onnx-to-deepseek 2>&1 | FileCheck %s --check-prefix=SAID

// CHECK: warning: has tables of 8 positions, fewer than the 16 to serve
// ENOUGH-NOT: warning
// SAID: warning: has tables of 8 positions, fewer than the 12 that files beside it say
module attributes {onnx.generation = {max_context = 12 : i64}} {
  onnx.initializer @embedding : tensor<10x4xf32> file 0 offset 0
  onnx.initializer @table : tensor<8x4xf32> file 0 offset 160
  func.func @main(%ids: tensor<?xi64, #onnx.shape<"T">>, %p: tensor<?xi64, #onnx.shape<"T">>) -> tensor<?x4xf32, #onnx.shape<"T">> {
    %embedding = onnx.get_initializer @embedding : tensor<10x4xf32>
    %table = onnx.get_initializer @table : tensor<8x4xf32>
    %x = onnx.node "Gather" opset 18 (%embedding, %ids) : (tensor<10x4xf32>, tensor<?xi64, #onnx.shape<"T">>) -> tensor<?x4xf32, #onnx.shape<"T">>
    %rows = onnx.node "Gather" opset 18 (%table, %p) : (tensor<8x4xf32>, tensor<?xi64, #onnx.shape<"T">>) -> tensor<?x4xf32, #onnx.shape<"T">>
    %y = onnx.node "Rotate" of "fathom" opset 1 (%x, %rows, %rows) : (tensor<?x4xf32, #onnx.shape<"T">>, tensor<?x4xf32, #onnx.shape<"T">>, tensor<?x4xf32, #onnx.shape<"T">>) -> tensor<?x4xf32, #onnx.shape<"T">>
    return %y : tensor<?x4xf32, #onnx.shape<"T">>
  }
}
