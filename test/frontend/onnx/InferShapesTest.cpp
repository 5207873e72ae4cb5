// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shapes through graphs: what exporters write to compute them, and what does not fit.

#include "frontend/onnx/InferShapes.h"

#include "test/frontend/Support.h"
#include "test/frontend/onnx/SmallModel.h"

namespace fathom::onnx {
namespace {

using checkpoint::Diagnostics;

/// A model of nodes that take x [batch, 6, 64], ids [batch, sequence] and m [12, 12], and give y; `more` is what else
/// the model has.
std::string modelOf(const std::string &nodes, const std::string &more = "") {
  return R"(ir_version: 10 opset_import { version: 20 } opset_import { domain: "com.microsoft" version: 1 }
    opset_import { domain: "mine" version: 1 }
    graph {
      input { name: "x" type { tensor_type { elem_type: 1 shape { dim { dim_param: "batch" } dim { dim_value: 6 } dim { dim_value: 64 } } } } }
      input { name: "ids" type { tensor_type { elem_type: 7 shape { dim { dim_param: "batch" } dim { dim_param: "sequence" } } } } }
      input { name: "m" type { tensor_type { elem_type: 1 shape { dim { dim_value: 12 } dim { dim_value: 12 } } } } }
      output { name: "y" type { tensor_type { elem_type: 1 } } }
      )" +
         nodes + "}" + more;
}

/// A node whose attributes are in `more`, and a constant list of integers.
std::string node(const std::string &op, const std::string &inputs, const std::string &outputs,
                 const std::string &more = "") {
  std::string text = "node { op_type: \"" + op + "\" ";
  llvm::SmallVector<llvm::StringRef> names;
  llvm::StringRef(inputs).split(names, ' ', -1, false);
  for (llvm::StringRef name : names) {
    text += "input: \"" + (name == "-" ? "" : name).str() + "\" ";
  }
  names.clear();
  llvm::StringRef(outputs).split(names, ' ', -1, false);
  for (llvm::StringRef name : names) {
    text += "output: \"" + name.str() + "\" ";
  }
  return text + more + " }\n";
}
std::string integer(const std::string &name, const std::string &value) {
  return "attribute { name: \"" + name + "\" type: INT i: " + value + " } ";
}
std::string list(const std::string &name, const std::string &values) {
  return node("Constant", "", name, "attribute { name: \"value_ints\" type: INTS ints: [" + values + "] }");
}

std::string scalar(const std::string &name, const std::string &value) {
  return node("Constant", "", name, integer("value_int", value));
}

struct Inferred {
  std::string y;       ///< type and shape of the output
  std::string printed; ///< findings
  int exitCode;
};

Inferred infer(const std::string &text) {
  Diagnostics diagnostics;
  auto model = Model::parse(test::parseModel(text).SerializeAsString(), "m.onnx", diagnostics);
  EXPECT_NE(model, nullptr) << test::printed(diagnostics);
  if (!model) {
    return {};
  }
  TypedModel shapes = inferShapes(*model, diagnostics);
  return {describe(shapes.output(0), shapes.symbols), test::printed(diagnostics), diagnostics.exitCode()};
}

TEST(OnnxShapesTest, FollowsWhatExportersWrite) {
  const std::pair<const char *, std::string> cases[] = {
      {"float[batch,6,64]", node("Sigmoid", "x", "y")},
      {"float[batch,64,6]", node("Transpose", "x", "y", "attribute { name: \"perm\" type: INTS ints: [0, 2, 1] }")},
      // Heads split off a row, by the shape that the graph asks for.
      {"float[batch,6,4,16]", node("Shape", "x", "s") + list("zero", "0") + node("Gather", "s zero", "b") +
                                  list("rest", "6, -1, 16") + node("Concat", "b rest", "t", integer("axis", "0")) +
                                  node("Reshape", "x t", "y")},
      {"float[6*batch,64]", list("t", "-1, 64") + node("Reshape", "x t", "y")},
      {"float[batch,6,64]", list("t", "0, 0, -1") + node("Reshape", "x t", "y")},
      {"float[6*batch,64]", node("Flatten", "x", "y", integer("axis", "2"))},
      {"float[batch,1,6,64]", list("a", "1") + node("Unsqueeze", "x a", "y")},
      {"float[batch,6,32]",
       list("b", "32") + list("e", "9223372036854775807") + list("a", "-1") + node("Slice", "x b e a", "y")},
      {"float[batch,5,64]", list("b", "-5") + list("e", "2147483647") + list("a", "1") + node("Slice", "x b e a", "y")},
      {"float[batch,2,64]", node("Split", "x", "y z w", integer("axis", "1"))},
      {"float[batch,7,64]", list("one", "1") + node("Split", "x", "a b c d e f", integer("axis", "1")) +
                                node("Concat", "x f", "y", integer("axis", "1"))},
      // What is taken from a sequence, from either end.
      {"float[batch,6,8]", list("n", "56, 8") + node("SplitToSequence", "x n", "s", integer("axis", "-1")) +
                               list("last", "-1") + node("SequenceAt", "s last", "y")},
      {"float[batch,2,64]", scalar("four", "4") + node("SplitToSequence", "x four", "s", integer("axis", "1")) +
                                scalar("one", "1") + node("SequenceAt", "s one", "y")},
      {"float[batch,64]", node("SplitToSequence", "x", "s", integer("axis", "1") + integer("keepdims", "0")) +
                              scalar("one", "1") + node("SequenceAt", "s one", "y")},
      {"float[12,12]", node("SequenceConstruct", "x m", "s") + scalar("one", "1") + node("SequenceAt", "s one", "y")},
      // Expand by Where(shape == -1, 1, shape), as TorchScript writes it.
      {"int64[batch,sequence]",
       node("Shape", "ids", "s") + list("k", "2") +
           node("ConstantOfShape", "k", "ones",
                "attribute { name: \"value\" type: TENSOR t { data_type: 7 dims: 1 int64_data: 1 } }") +
           list("minus", "-1") + node("Mul", "ones minus", "n") + node("Equal", "s n", "c") +
           node("Where", "c ones s", "t") + list("v", "5") + node("Expand", "v t", "y")},
      // Positions of a prompt behind a cache.
      {"int64[sequence + 6]", node("Shape", "ids", "s") + list("at", "1") + node("Gather", "s at", "n") +
                                  list("six", "6") + node("Add", "n six", "end") + list("zero", "0") +
                                  list("step", "1") + node("Range", "zero end step", "y")},
      {"float[batch,6,12]", list("t", "64, 12") + node("ConstantOfShape", "t", "w") + node("MatMul", "x w", "y")},
      {"float[12,12]", node("Gemm", "m m m", "y", integer("transB", "1"))},
      {"float[12,12]",
       node("FusedGemm", "m m m", "y",
            "domain: \"com.microsoft\" attribute { name: \"activation\" type: STRING s: \"Sigmoid\" }")},
      {"float[batch,6,6]",
       node("Einsum", "x x", "y", "attribute { name: \"equation\" type: STRING s: \"bij, bkj -> bik\" }")},
      {"float[batch,1,64]", list("a", "1") + node("ReduceMean", "x a", "y")},
      {"float[batch,64]", list("a", "-2") + node("ReduceSum", "x a", "y", integer("keepdims", "0"))},
      {"int64[batch,6,3]", list("k", "3") + node("TopK", "x k", "v y")},
      {"int64[3,?2]", node("NonZero", "x", "y")},
      {"float16[batch,6,64]", node("Cast", "x", "y", integer("to", "10"))},
      {"float[batch,6,128]",
       node("MatMulNBits", "x w s", "y", "domain: \"com.microsoft\" " + integer("K", "64") + integer("N", "128"))},
      // Bytes that have two numbers each.
      {"float[batch,sequence,8]",
       list("t", "3, 4") +
           node("ConstantOfShape", "t", "bytes",
                "attribute { name: \"value\" type: TENSOR t { data_type: 2 dims: 1 int32_data: 0 } }") +
           node("GatherBlockQuantized", "bytes ids x", "y", "domain: \"com.microsoft\"")},
  };
  for (const auto &[want, nodes] : cases) {
    std::string weights = "initializer { name: \"w\" data_type: 2 dims: 1 int32_data: 0 } "
                          "initializer { name: \"s\" data_type: 1 dims: 1 float_data: 0 } ";
    bool packed = nodes.find("MatMulNBits") != std::string::npos;
    Inferred inferred = infer(modelOf((packed ? weights : "") + nodes));
    EXPECT_EQ(inferred.y, want) << nodes << inferred.printed;
    EXPECT_EQ(inferred.exitCode, 0) << inferred.printed;
  }
}

TEST(OnnxShapesTest, WhatDoesNotFitIsNamed) {
  const std::pair<const char *, std::string> cases[] = {
      {"node 'y' (Add): has inputs of unlike shapes: 6 and 12", node("Add", "x m", "y")},
      {"node 'y' (Less): has inputs of unlike types: float[12,12] and int64[batch,sequence]",
       node("Less", "m ids", "y")},
      {"node 'y' (Gemm): has inputs of unlike types: int64[batch,sequence] and float[12,12]",
       node("Gemm", "ids m", "y")},
      {"leaves out input 1; its operator wants 2 or more", node("Add", "x", "y")},
      {"leaves out input 0; its operator wants 3 or more", node("Where", "- x x", "y")},
      {"multiplies 64 numbers by 12", node("MatMul", "x m", "y")},
      {"D12 has two extents of -1", list("t", "-1, -1") + node("Reshape", "x t", "y")},
      {"wants a shape of 143 elements, and has 144", list("t", "11, 13") + node("Reshape", "m t", "y")},
      {"wants a shape that 144 elements do not fill", list("t", "-1, 7") + node("Reshape", "m t", "y")},
      {"wants an extent of -2", list("t", "-2") + node("Reshape", "m t", "y")},
      {"copies extent 3 of 3", list("t", "1, 1, 1, 0") + node("Reshape", "x t", "y")},
      {"splits 64 into parts of another sum", list("p", "32, 31") + node("Split", "x p", "y z", integer("axis", "2"))},
      {"says 2 sizes of 1 parts", list("p", "32, 32") + node("Split", "x p", "y", integer("axis", "2"))},
      {"has the axis 3 of 3 dimensions", node("Concat", "x x", "y", integer("axis", "3"))},
      {"has the axis -4 of 3 dimensions", list("a", "-4") + node("ReduceSum", "x a", "y")},
      {"takes element 6 of 6", list("i", "6") + node("Gather", "x i", "y", integer("axis", "1"))},
      {"drops dimension 1, whose extent is 6", list("a", "1") + node("Squeeze", "x a", "y")},
      {"has an axis twice", node("Transpose", "x", "y", "attribute { name: \"perm\" type: INTS ints: [0, 1, 1] }")},
      {"has a step of 0",
       list("b", "0") + list("e", "1") + list("a", "0") + list("t", "0") + node("Slice", "x b e a t", "y")},
      {"has bits = 3 and gather_axis = 0 of",
       node("GatherBlockQuantized", "m ids m", "y", "domain: \"com.microsoft\" " + integer("bits", "3"))},
      {"leaves out input 1 of those that are to be a sequence", node("SequenceConstruct", "x -", "y")},
      {"has inputs of unlike types", node("SequenceConstruct", "x ids", "y")},
      {"takes the best 65 of 64", list("k", "65") + node("TopK", "x k", "v y")},
      {"has an input of 3 dimensions for 'ij'",
       node("Einsum", "x", "y", "attribute { name: \"equation\" type: STRING s: \"ij->i\" }")},
  };
  for (const auto &[want, nodes] : cases) {
    Inferred inferred = infer(modelOf(nodes));
    llvm::StringRef message = want;
    message.consume_front("D12 ");
    EXPECT_NE(inferred.printed.find(message.str()), std::string::npos) << nodes << inferred.printed;
    EXPECT_EQ(inferred.exitCode, 3) << nodes;
  }
}

TEST(OnnxShapesTest, OnlyActivationsAreFusedWithAGemm) {
  for (const char *activation : {"Loop", "Sigmoid2", ""}) {
    Inferred inferred =
        infer(modelOf(node("FusedGemm", "m m m", "y",
                           "domain: \"com.microsoft\" attribute { name: \"activation\" type: STRING s: \"" +
                               std::string(activation) + "\" }")));
    EXPECT_NE(inferred.printed.find("com.microsoft.FusedGemm: is an operator that Fathom does not know"),
              std::string::npos)
        << inferred.printed;
    EXPECT_EQ(inferred.exitCode, 4);
  }
}

TEST(OnnxShapesTest, HostileNodesEndInAFindingOrAnUnknown) {
  auto equation = [](const std::string &text) {
    return "attribute { name: \"equation\" type: STRING s: \"" + text + "\" }";
  };
  std::string doubled = node("Gather", "ids ids", "g0");
  for (int i = 0; i < 40; ++i) {
    std::string last = "g" + std::to_string(i);
    doubled += node("Gather", last + " " + last, "g" + std::to_string(i + 1));
  }
  std::string column = list("c", "1, 2") + list("to", "2, 1") + node("Reshape", "c to", "a"),
              row = list("r", "1, 2") + list("of", "1, 2") + node("Reshape", "r of", "b");
  const std::pair<const char *, std::string> cases[] = {
      {"gives a tensor of 33 dimensions", doubled + node("Identity", "g40", "y")},
      {"gives a tensor with an extent of -5", list("p", "69, -5") + node("Split", "x p", "y z", integer("axis", "2"))},
      {"gives a tensor with an extent of -1", node("Split", "w", "y b c d", integer("axis", "0"))},
      {"gives a tensor with an extent of -1", list("k", "-1") + node("TopK", "x k", "y i")},
      {"gives a tensor with an extent of -2", list("k", "-2") + node("ConstantOfShape", "k", "y")},
      // Keys that a hash table keeps to itself.
      {"", node("Einsum", "ids", "y", equation("\\377\\376->\\377\\376"))},
      {"", list("i", "1, 2, 3") + list("b", "1") + list("e", "3") + list("a", "0") + list("t", "9223372036854775807") +
               node("Slice", "i b e a t", "y")},
      {"", node("SplitToSequence", "x", "") + node("Identity", "x", "y")},
      {"leaves out input 0", node("SequenceAt", "- ids", "y")},
      {"",
       node("SequenceConstruct", "x m", "s") + scalar("i", "-9223372036854775808") + node("SequenceAt", "s i", "y")},
      {"gives a tensor with an extent of -1", scalar("n", "-1") +
                                                  node("SplitToSequence", "x n", "s", integer("axis", "2")) +
                                                  scalar("i", "0") + node("SequenceAt", "s i", "y")},
      {"splits 64 into parts of another sum", list("n", "60, 8") +
                                                  node("SplitToSequence", "x n", "s", integer("axis", "2")) +
                                                  scalar("i", "0") + node("SequenceAt", "s i", "y")},
      // Four elements, of which a sum of two and two numbers says two.
      {"takes element 4 of 4", column + row + node("Add", "a b", "s") + list("flat", "4") +
                                   node("Reshape", "s flat", "f") + list("i", "4") + node("Gather", "f i", "y")},
      {"", column + row + node("Add", "a b", "s") + list("flat", "4") + node("Reshape", "s flat", "f") +
               list("i", "3") + node("Gather", "f i", "n") + node("ConstantOfShape", "n", "y")},
  };
  for (const auto &[want, nodes] : cases) {
    Inferred inferred =
        infer(modelOf("initializer { name: \"w\" data_type: 1 dims: 5 float_data: [1, 2, 3, 4, 5] } " + nodes));
    EXPECT_NE(inferred.printed.find(want), std::string::npos) << nodes << inferred.printed;
    EXPECT_EQ(inferred.exitCode, *want ? 3 : 0) << nodes << inferred.printed;
  }
}

TEST(OnnxShapesTest, AllMissingOperatorsAreNamedWithTheirCounts) {
  Inferred inferred = infer(modelOf(node("Twirl", "x", "a") + node("Twirl", "a", "b") +
                                    node("Whirl", "b", "y", "domain: \"com.microsoft\"")));
  EXPECT_EQ(inferred.y, "?");
  EXPECT_EQ(inferred.exitCode, 4);
  EXPECT_NE(inferred.printed.find(
                "ai.onnx.Twirl: is an operator that Fathom does not know; 2 nodes have it, the first is node 'a'"),
            std::string::npos)
      << inferred.printed;
  EXPECT_NE(inferred.printed.find(
                "com.microsoft.Whirl: is an operator that Fathom does not know; 1 node has it: node 'y' (Whirl)"),
            std::string::npos);
}

TEST(OnnxShapesTest, FunctionsTakeAttributesOfTheirCalls) {
  std::string function = R"(functions { name: "Pick" domain: "mine" input: "a" output: "b" attribute: "where"
    opset_import { version: 20 }
    node { op_type: "Constant" output: "i" attribute { name: "value_int" type: INT i: 0 } }
    node { op_type: "Gather" input: "a" input: "i" output: "b" attribute { name: "axis" ref_attr_name: "where" type: INT } } })";
  for (auto [axis, want] : {std::pair("1", "float[batch,64]"), {"2", "float[batch,6]"}}) {
    EXPECT_EQ(infer(modelOf(node("Pick", "x", "y", "domain: \"mine\" " + integer("where", axis)), function)).y, want);
  }
}

TEST(OnnxShapesTest, ABranchThatIsDecidedIsTheOnlyOne) {
  auto branch = [](const char *name, const std::string &nodes) {
    return "attribute { name: \"" + std::string(name) + "\" type: GRAPH g { " + nodes + " output { name: \"r\" } } } ";
  };
  std::string branches = branch("then_branch", node("Sigmoid", "x", "r")) +
                         branch("else_branch", list("a", "1") + node("ReduceSum", "x a", "r"));
  auto choose = [&](const std::string &condition) {
    return infer(modelOf(condition + node("If", "c", "y", branches))).y;
  };
  auto constant = [](const char *value) {
    return "initializer { name: \"c\" data_type: 9 int32_data: " + std::string(value) + " } ";
  };
  EXPECT_EQ(choose(constant("1")), "float[batch,6,64]");
  EXPECT_EQ(choose(constant("0")), "float[batch,1,64]");
  EXPECT_EQ(choose("input { name: \"c\" type { tensor_type { elem_type: 9 shape { } } } } "), "float[batch,?2,64]");
}

TEST(OnnxShapesTest, WhatALoopChangesIsUnknown) {
  // Each turn adds rows to a, and leaves b as it is.
  std::string body = R"(attribute { name: "body" type: GRAPH g {
    input { name: "turn" } input { name: "go" } input { name: "a" } input { name: "b" }
    output { name: "on" } output { name: "more" } output { name: "same" } output { name: "row" })" +
                     node("Identity", "go", "on") + node("Concat", "a x", "more", integer("axis", "1")) +
                     node("Relu", "b", "same") + node("Identity", "m", "row") + "} } ";
  auto third = [&](const char *outputs) {
    return infer(modelOf("initializer { name: \"k\" data_type: 7 int64_data: 3 } initializer { name: \"t\" data_type: "
                         "9 int32_data: 1 } " +
                         node("Loop", "k t x x", outputs, body)))
        .y;
  };
  EXPECT_EQ(third("y q r"), "float[batch,?2,64]");
  EXPECT_EQ(third("q y r"), "float[batch,6,64]");
  EXPECT_EQ(third("q r y"), "float[?4,12,12]");
}

/// Loops within each other, each of which carries what the one around it does.
std::string nestedLoops(int depth) {
  if (depth == 0) {
    return node("Concat", "a0 x", "r0", integer("axis", "1"));
  }
  std::string n = std::to_string(depth), inner = std::to_string(depth - 1);
  return node("Loop", "k t a" + n, "r" + n,
              "attribute { name: \"body\" type: GRAPH g { input { name: \"i" + n + "\" } input { name: \"c" + n +
                  "\" } input { name: \"a" + inner + "\" } output { name: \"c" + n + "\" } output { name: \"r" + inner +
                  "\" } " + nestedLoops(depth - 1) + "} } ");
}

TEST(OnnxShapesTest, LoopsInLoopsEnd) {
  Inferred inferred = infer(modelOf("initializer { name: \"k\" data_type: 7 int64_data: 3 } "
                                    "initializer { name: \"t\" data_type: 9 int32_data: 1 } " +
                                    node("Identity", "x", "a24") + nestedLoops(24) + node("Identity", "r24", "y")));
  EXPECT_NE(inferred.printed.find("has loops in loops, of more than"), std::string::npos) << inferred.printed;
  EXPECT_EQ(inferred.exitCode, 6);
}

/// Models of ONNX's own tests, one a node or few, say which shapes come out.
TEST(OnnxShapesTest, NodeTestsOfOnnxHaveTheShapesThatTheySay) {
  size_t known = 0;
  for (const auto &entry : std::filesystem::directory_iterator(FATHOM_ONNX_NODE_TESTS)) {
    Diagnostics unread, diagnostics;
    auto model = Model::open(entry.path().string() + "/model.onnx", unread);
    if (!model) {
      EXPECT_EQ(unread.exitCode(), 4) << test::printed(unread);
      continue;
    }
    TypedModel shapes = inferShapes(*model, diagnostics);
    if (!shapes.missing.empty()) {
      continue;
    }
    EXPECT_FALSE(diagnostics.hasErrors()) << test::printed(diagnostics);
    for (int number = 0; number < model->proto().graph().output_size(); ++number) {
      const proto::TypeProto::Tensor &type = model->proto().graph().output(number).type().tensor_type();
      const Value &value = shapes.output(number);
      EXPECT_EQ(value.element, type.elem_type()) << entry.path();
      for (int i = 0; value.shape && i < type.shape().dim_size(); ++i) {
        ASSERT_EQ(value.shape->size(), static_cast<size_t>(type.shape().dim_size())) << entry.path();
        bool said = type.shape().dim(i).has_dim_value() && (*value.shape)[i].constant();
        EXPECT_TRUE(!said || (*value.shape)[i].is(type.shape().dim(i).dim_value())) << entry.path();
      }
    }
    ++known;
  }
  EXPECT_GE(known, 568u);
}

} // namespace
} // namespace fathom::onnx
