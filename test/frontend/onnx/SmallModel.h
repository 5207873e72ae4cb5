// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small good ONNX model, for tests to break.

#ifndef FATHOM_TEST_FRONTEND_ONNX_SMALLMODEL_H
#define FATHOM_TEST_FRONTEND_ONNX_SMALLMODEL_H

#include "frontend/onnx/Model.h"

#include <google/protobuf/text_format.h>

namespace fathom::test {

inline onnx::proto::ModelProto parseModel(const std::string &text) {
  onnx::proto::ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &model));
  return model;
}

/// y = If(c, Twice(x · w), x), where Twice is a function of the model's.
inline onnx::proto::ModelProto smallModel() {
  return parseModel(R"(
    ir_version: 8
    opset_import { domain: "" version: 17 }
    opset_import { domain: "mine" version: 1 }
    graph {
      input { name: "x" type { tensor_type { elem_type: 1 shape { dim { dim_param: "n" } dim { dim_value: 2 } } } } }
      input { name: "c" type { tensor_type { elem_type: 9 shape { } } } }
      output { name: "y" type { tensor_type { elem_type: 1 } } }
      initializer { name: "w" data_type: 1 dims: 2 dims: 2 float_data: [1, 2, 3, 4] }
      node { op_type: "MatMul" name: "product" input: "x" input: "w" output: "p" }
      node {
        op_type: "If" input: "c" output: "y"
        attribute {
          name: "then_branch" type: GRAPH
          g { node { op_type: "Twice" domain: "mine" input: "p" output: "t" } output { name: "t" } }
        }
        attribute {
          name: "else_branch" type: GRAPH
          g { node { op_type: "Identity" input: "x" output: "e" } output { name: "e" } }
        }
      }
    }
    functions {
      name: "Twice" domain: "mine" input: "a" output: "b"
      opset_import { domain: "" version: 17 }
      node { op_type: "Add" input: "a" input: "a" output: "b" }
    })");
}

/// Raw data of `count` numbers of f32, which are 0.
inline void setRaw(onnx::proto::TensorProto &tensor, int64_t count) {
  tensor.clear_float_data();
  tensor.clear_dims();
  tensor.add_dims(count);
  tensor.set_raw_data(std::string(static_cast<size_t>(count) * 4, '\0'));
}

/// Data in the file `location` and, if they aren't empty, at an offset, and of a length.
inline void setExternal(onnx::proto::TensorProto &tensor, const std::string &location, const std::string &offset = "",
                        const std::string &length = "") {
  tensor.clear_float_data();
  tensor.set_data_location(onnx::proto::TensorProto::EXTERNAL);
  tensor.clear_external_data();
  for (auto [key, value] : {std::pair("location", location), {"offset", offset}, {"length", length}}) {
    if (!value.empty() || key == std::string("location")) {
      auto *entry = tensor.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
  }
}

} // namespace fathom::test

#endif // FATHOM_TEST_FRONTEND_ONNX_SMALLMODEL_H
