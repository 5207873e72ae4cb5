// Graphs are run as prompts, batches, and behind other tokens, on made-up weights; a pass that changes what one computes is named.
// RUN: fathom-opt %s --verify-numerics-each --fathom-simplify-nodes --fathom-raise-rotations --cse -o /dev/null 2>&1 | count 0
// RUN: not fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=drop-negation -o /dev/null 2>&1 | FileCheck %s --check-prefix=NEGATION
// NEGATION: :[[@LINE+14]]:1: error: pass 'test-fathom-break-numerics' changed result 0 of @main with the inputs of batch: largest difference {{[0-9.e+-]+}} at [{{[0-9]}}, {{[0-9]}}, {{[0-9]}}], contract
// NEGATION: :[[@LINE+26]]:13: note: 'onnx.node' in @main is the first op that computes something else
// NEGATION-NOT: error

// The logits of a prompt are those of the graph, which stores of FP8 do not keep.
// RUN: fathom-opt %S/../../passes/raise/convert-onnx-to-deepseek.mlir --verify-numerics-each --fathom-convert-onnx-to-deepseek=max-context=16 -o /dev/null 2>&1 | count 0
// RUN: not fathom-opt %S/../../passes/raise/convert-onnx-to-deepseek.mlir --verify-numerics-each --fathom-convert-onnx-to-deepseek='max-context=16 cache-type=fp8' -o /dev/null 2>&1 | FileCheck %s --check-prefix=LOGITS
// LOGITS: error: pass 'fathom-convert-onnx-to-deepseek' changed the logits of @forward with the inputs of prompt: largest difference

// Layers that share a function read weights by other names, which lie where they lay.
// RUN: fathom-opt %S/../../passes/raise/share-layers.mlir --verify-numerics-each --fathom-share-layers -o /dev/null 2>&1 | count 0

// By dimensions of inputs: one is the batch, one the tokens of the call, one those before it.
onnx.initializer @embedding : tensor<10x4xf32> file 0 offset 0
func.func @main(
    %ids: tensor<?x?xi64, #onnx.shape<"batch", "tokens">>, %past: tensor<?x?x4xf32, #onnx.shape<"batch", "past">>)
    -> tensor<?x?x4xf32, #onnx.shape<"batch", "past + tokens">> {
  %embedding = onnx.get_initializer @embedding : tensor<10x4xf32>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %cos = onnx.constant dense<[0.5, 0.25, 0.5, 0.25]> : tensor<4xf32>
  %sin = onnx.constant dense<[0.75, 0.5, 0.75, 0.5]> : tensor<4xf32>
  %x = onnx.node "Gather" opset 18 (%embedding, %ids) : (tensor<10x4xf32>, tensor<?x?xi64, #onnx.shape<"batch", "tokens">>) -> tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>
  %u = onnx.node "Slice" opset 18 (%x, %zero, %two, %two) : (tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?x2xf32, #onnx.shape<"batch", "tokens">>
  %v = onnx.node "Slice" opset 18 (%x, %two, %four, %two) : (tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?x2xf32, #onnx.shape<"batch", "tokens">>
  %minus = onnx.node "Neg" opset 18 (%v) : (tensor<?x?x2xf32, #onnx.shape<"batch", "tokens">>) -> tensor<?x?x2xf32, #onnx.shape<"batch", "tokens">>
  %turned = onnx.node "Concat" opset 18 (%minus, %u) {axis = -1 : i64} : (tensor<?x?x2xf32, #onnx.shape<"batch", "tokens">>, tensor<?x?x2xf32, #onnx.shape<"batch", "tokens">>) -> tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>
  %a = onnx.node "Mul" opset 18 (%x, %cos) : (tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>, tensor<4xf32>) -> tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>
  %b = onnx.node "Mul" opset 18 (%turned, %sin) : (tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>, tensor<4xf32>) -> tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>
  %sum = onnx.node "Add" opset 18 (%a, %b) : (tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>, tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>) -> tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>
  %all = onnx.node "Concat" opset 18 (%past, %sum) {axis = 1 : i64} : (tensor<?x?x4xf32, #onnx.shape<"batch", "past">>, tensor<?x?x4xf32, #onnx.shape<"batch", "tokens">>) -> tensor<?x?x4xf32, #onnx.shape<"batch", "past + tokens">>
  return %all : tensor<?x?x4xf32, #onnx.shape<"batch", "past + tokens">>
}
