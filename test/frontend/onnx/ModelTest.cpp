// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX models: what good ones give, each rule of the format broken once, and sweeps over truncations and edits.

#include "frontend/onnx/Model.h"

#include "test/frontend/Support.h"
#include "test/frontend/onnx/SmallModel.h"

#include <functional>

namespace fathom::onnx {
namespace {

using checkpoint::Diagnostics;
using test::printed;
using test::smallModel;

std::unique_ptr<Model> parse(const std::string &bytes, Diagnostics &diagnostics, const ModelLimits &limits = {}) {
  return Model::parse(bytes, "m.onnx", diagnostics, limits);
}

TEST(OnnxModelTest, GivesWhatTheMessageHas) {
  Diagnostics diagnostics;
  auto model = parse(smallModel().SerializeAsString(), diagnostics);
  ASSERT_NE(model, nullptr) << printed(diagnostics);
  ASSERT_EQ(model->initializers().size(), 1u);
  const Tensor &w = model->initializers()[0];
  EXPECT_EQ(w.type->name, "float");
  EXPECT_EQ(w.bytes, 16u);
  EXPECT_EQ(w.data.file, "");
  EXPECT_EQ(w.proto->float_data(3), 4);
  EXPECT_EQ(model->opset(""), 17);
  EXPECT_EQ(model->opset("mine"), 1);
  EXPECT_EQ(model->opset("other"), 0);
}

TEST(OnnxModelTest, RawDataStayInTheFile) {
  proto::ModelProto proto = smallModel();
  std::string weights(4096, 'w');
  proto.mutable_graph()->mutable_initializer(0)->set_raw_data(weights);
  proto.mutable_graph()->mutable_initializer(0)->clear_float_data();
  proto.mutable_graph()->mutable_initializer(0)->set_dims(0, 512);
  std::string bytes = proto.SerializeAsString();
  Diagnostics diagnostics;
  auto model = parse(bytes, diagnostics);
  ASSERT_NE(model, nullptr) << printed(diagnostics);
  const Tensor &w = model->initializers()[0];
  EXPECT_EQ(w.data.file, "m.onnx");
  EXPECT_EQ(bytes.substr(w.data.range.offset, w.data.range.size), weights);
  EXPECT_FALSE(w.proto->has_raw_data());
}

TEST(OnnxModelTest, ExternalDataLieBesideTheModel) {
  test::TempDirectory directory;
  directory.write("data/w.bin", std::string(48, 'w'));
  for (const char *location : {"data/w.bin", "./data/w.bin"}) {
    proto::ModelProto proto = smallModel();
    test::setExternal(*proto.mutable_graph()->mutable_initializer(0), location, "32", "16");
    directory.write("m.onnx", proto.SerializeAsString());
    Diagnostics diagnostics;
    auto model = Model::open(directory.path("m.onnx"), diagnostics);
    ASSERT_NE(model, nullptr) << printed(diagnostics);
    const TensorData &data = model->initializers()[0].data;
    EXPECT_EQ(data.file, directory.path("data/w.bin"));
    EXPECT_EQ(data.range.offset, 32u);
    EXPECT_EQ(data.range.size, 16u);
  }
}

TEST(OnnxModelTest, TakesWhatTheFormatAllows) {
  const std::pair<const char *, std::function<void(proto::ModelProto &)>> edits[] = {
      {"the oldest", [](auto &m) { m.set_ir_version(3); }},
      {"the newest", [](auto &m) { m.set_ir_version(13), m.mutable_opset_import(0)->set_version(24); }},
      {"a default of an input",
       [](auto &m) {
         m.mutable_graph()->add_input()->CopyFrom(m.graph().input(0)),
             m.mutable_graph()->mutable_input(2)->set_name("w");
       }},
      {"unused domains", [](auto &m) { m.add_opset_import()->set_domain("com.microsoft"); }},
      {"wrong types of values within", [](auto &m) { m.mutable_graph()->add_value_info()->set_name("p"); }},
      {"four bits, packed",
       [](auto &m) {
         auto *w = m.mutable_graph()->mutable_initializer(0);
         w->set_data_type(22), w->clear_float_data(), w->set_raw_data("ab");
       }},
      {"an output left out", [](auto &m) { m.mutable_graph()->mutable_node(0)->add_output(""); }},
      {"an input left out", [](auto &m) { m.mutable_graph()->mutable_node(0)->add_input(""); }},
      {"a number that is 0",
       [](auto &m) {
         auto *a = m.mutable_graph()->mutable_node(0)->add_attribute();
         a->set_name("k"), a->set_type(proto::AttributeProto::INT);
       }},
      {"a tensor without elements",
       [](auto &m) {
         auto *w = m.mutable_graph()->mutable_initializer(0);
         w->set_dims(0, 0), w->clear_float_data();
       }},
  };
  for (const auto &[name, edit] : edits) {
    proto::ModelProto proto = smallModel();
    edit(proto);
    Diagnostics diagnostics;
    EXPECT_NE(parse(proto.SerializeAsString(), diagnostics), nullptr) << name << ": " << printed(diagnostics);
  }
}

struct BadModel {
  const char *name;
  std::function<void(proto::ModelProto &)> edit;
  int exitCode;
  const char *message;
};

proto::TensorProto &weight(proto::ModelProto &m) { return *m.mutable_graph()->mutable_initializer(0); }
proto::NodeProto &node(proto::ModelProto &m, int i = 0) { return *m.mutable_graph()->mutable_node(i); }
proto::FunctionProto &twice(proto::ModelProto &m) { return *m.mutable_functions(0); }
proto::AttributeProto &attribute(proto::ModelProto &m) {
  proto::AttributeProto &added = *node(m).add_attribute();
  added.set_name("k");
  return added;
}

std::vector<BadModel> badModels() {
  return {
      {"no graph", [](auto &m) { m.clear_graph(); }, 3, "it has no graph"},
      {"D10 IR too new", [](auto &m) { m.set_ir_version(14); }, 4,
       "is of version 14 of ONNX's IR; Fathom reads 3 to 13"},
      {"D10 IR too old", [](auto &m) { m.clear_ir_version(); }, 4, "is of version 0 of ONNX's IR"},
      {"D10 opset too new", [](auto &m) { m.mutable_opset_import(0)->set_version(25); }, 4,
       "opset 25; Fathom reads 11 to 24"},
      {"D10 opset too old", [](auto &m) { m.mutable_opset_import(0)->set_version(10); }, 4, "opset 10"},
      {"one domain under two names", [](auto &m) { m.add_opset_import()->set_domain("ai.onnx"); }, 3,
       "imports 'ai.onnx' twice"},
      {"domain not imported", [](auto &m) { node(m).set_domain("x"); }, 3, "of the domain 'x', which is not imported"},
      {"no outputs", [](auto &m) { m.mutable_graph()->clear_output(); }, 3, "a graph without outputs"},
      {"no operator", [](auto &m) { node(m).clear_op_type(); }, 3, "node 'product' (): has no operator"},
      {"D9 undefined", [](auto &m) { node(m).set_input(0, "z"); }, 3, "takes 'z', which is neither an input nor"},
      {"D9 circle", [](auto &m) { node(m).set_input(0, "p"); }, 3, "takes 'p', which this or a later node makes"},
      {"D9 order", [](auto &m) { m.mutable_graph()->mutable_node()->SwapElements(0, 1); }, 3,
       "'p', which this or a later"},
      {"D9 made twice", [](auto &m) { node(m, 1).set_output(0, "p"); }, 3,
       "node 'p' (If): gives the name 'p', which is taken"},
      {"D9 an input made", [](auto &m) { node(m).set_output(0, "x"); }, 3,
       "makes 'x', which is an input or initializer"},
      {"D9 undefined output", [](auto &m) { m.mutable_graph()->mutable_output(0)->set_name("q"); }, 3,
       "output 'q': is made by no node"},
      {"D9 undefined within",
       [](auto &m) { node(m, 1).mutable_attribute(0)->mutable_g()->mutable_node(0)->set_input(0, "e"); }, 3,
       "node 't' (Twice): takes 'e'"},
      {"inputs of one name", [](auto &m) { m.mutable_graph()->mutable_input(1)->set_name("x"); }, 3,
       "gives the name 'x', which is taken"},
      {"initializers of one name", [](auto &m) { m.mutable_graph()->add_initializer()->CopyFrom(weight(m)); }, 3,
       "gives the name 'w'"},
      {"D14 long name", [](auto &m) { node(m).set_output(0, std::string(5000, 'n')); }, 3, "has a name of 5000 bytes"},
      {"input without type", [](auto &m) { m.mutable_graph()->mutable_input(0)->clear_type(); }, 3,
       "input 'x': has no type"},
      {"input of a sequence",
       [](auto &m) { m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_sequence_type(); }, 4,
       "input 'x': is not a tensor"},
      {"input of an unknown type",
       [](auto &m) { m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(99); },
       4, "input 'x': has elements of type 99"},
      {"D8 negative", [](auto &m) { weight(m).set_dims(0, -2); }, 3, "tensor 'w': has a dimension of -2"},
      {"D8 wraps", [](auto &m) { weight(m).set_dims(0, INT64_MAX), weight(m).set_dims(1, 4); }, 3,
       "more elements than can be counted"},
      {"D8 wraps to 0",
       [](auto &m) { weight(m).set_dims(0, int64_t(1) << 32), weight(m).set_dims(1, int64_t(1) << 32); }, 3,
       "than can be counted"},
      {"D8 bits wrap", [](auto &m) { weight(m).set_dims(0, int64_t(1) << 60), weight(m).set_dims(1, 1); }, 3,
       "than can be counted"},
      {"D8 rank",
       [](auto &m) {
         for (int i = 0; i < 998; ++i) {
           weight(m).add_dims(1);
         }
       },
       3, "has 1000 dimensions"},
      {"no type", [](auto &m) { weight(m).clear_data_type(); }, 3, "is of type 0, which Fathom does not know"},
      {"an unknown type", [](auto &m) { weight(m).set_data_type(99); }, 4, "is of type 99, which Fathom does not know"},
      {"D7 too few", [](auto &m) { weight(m).mutable_float_data()->RemoveLast(); }, 3,
       "has 3 numbers; its shape wants 4"},
      {"D7 none", [](auto &m) { weight(m).clear_float_data(); }, 3, "has 0 numbers; its shape wants 4"},
      {"D7 another field", [](auto &m) { weight(m).set_data_type(7); }, 3, "in a field that is not that of int64"},
      {"D7 both", [](auto &m) { weight(m).set_raw_data(std::string(16, '\0')); }, 3, "has raw data and others"},
      {"D7 raw too short", [](auto &m) { test::setRaw(weight(m), 3), weight(m).set_dims(0, 4); }, 3,
       "has 12 bytes of raw data; its shape and type, float, want 16"},
      {"D7 raw too long, in the file", [](auto &m) { test::setRaw(weight(m), 3000), weight(m).set_dims(0, 4); }, 3,
       "has 12000 bytes of raw data"},
      {"raw strings", [](auto &m) { test::setRaw(weight(m), 1), weight(m).set_data_type(8); }, 3,
       "which strings cannot have"},
      {"a segment", [](auto &m) { weight(m).mutable_segment()->set_begin(0); }, 4, "is a segment of a tensor"},
      {"sparse", [](auto &m) { m.mutable_graph()->add_sparse_initializer(); }, 4, "has 1 sparse tensors"},
      {"D7 in a constant",
       [](auto &m) {
         auto &a = attribute(m);
         a.set_type(proto::AttributeProto::TENSOR), a.mutable_t()->set_data_type(1), a.mutable_t()->set_name("k");
       },
       3, "tensor 'k': has 0 numbers; its shape wants 1"},
      {"D11 another type",
       [](auto &m) {
         auto &a = attribute(m);
         a.set_type(proto::AttributeProto::INT), a.set_f(1);
       },
       3, "node 'product' (MatMul): has an attribute 'k' whose value is not of the type it says"},
      {"D11 two values",
       [](auto &m) {
         auto &a = attribute(m);
         a.set_type(proto::AttributeProto::INT), a.set_i(1), a.set_f(1);
       },
       3, "not of the type it says"},
      {"D11 no tensor", [](auto &m) { attribute(m).set_type(proto::AttributeProto::TENSOR); }, 3,
       "not of the type it says"},
      {"D11 no type", [](auto &m) { attribute(m).set_i(1); }, 3, "of no type that Fathom knows"},
      {"D11 twice",
       [](auto &m) {
         for (int i = 0; i < 2; ++i) {
           attribute(m).set_type(proto::AttributeProto::INT);
         }
       },
       3, "gives the name 'k'"},
      {"D11 refers to none", [](auto &m) { attribute(m).set_ref_attr_name("k"); }, 3,
       "refers to one of a function, in none"},
      {"function twice", [](auto &m) { m.add_functions()->CopyFrom(twice(m)); }, 3, "function 'Twice': is there twice"},
      {"undefined in a function", [](auto &m) { twice(m).mutable_node(0)->set_input(0, "x"); }, 3,
       "node 'b' (Add): takes 'x'"},
      {"a function's output", [](auto &m) { twice(m).set_output(0, "z"); }, 3, "gives 'z', which no node of it makes"},
      {"D3 recursion",
       [](auto &m) {
         twice(m).mutable_node(0)->set_op_type("Twice"), twice(m).mutable_node(0)->set_domain("mine"),
             twice(m).mutable_opset_import(0)->set_domain("mine");
       },
       3, "calls itself"},
      {"D4 out by ..", [](auto &m) { test::setExternal(weight(m), "../w"); }, 3,
       "has its data in '../w', of which '..' is not a file"},
      {"D4 absolute", [](auto &m) { test::setExternal(weight(m), "/etc/passwd"); }, 3, "of which '' is empty"},
      {"D4 out in the middle", [](auto &m) { test::setExternal(weight(m), "a/../../w"); }, 3,
       "of which '..' is not a file"},
      {"D4 backslash", [](auto &m) { test::setExternal(weight(m), "a\\w"); }, 3,
       "expected a plain path within the model's folder"},
      {"D4 no location", [](auto &m) { test::setExternal(weight(m), ""); }, 3, "of which '' is empty"},
      {"D4 not there", [](auto &m) { test::setExternal(weight(m), "w"); }, 5, "w: cannot open: No such file"},
      {"D5 negative", [](auto &m) { test::setExternal(weight(m), "w", "-1"); }, 3,
       "has the offset '-1', expected a number"},
      {"D5 no number", [](auto &m) { test::setExternal(weight(m), "w", "0x10"); }, 3, "has the offset '0x10'"},
      {"D5 wide", [](auto &m) { test::setExternal(weight(m), "w", "99999999999999999999"); }, 3,
       "has the offset '9999"},
      {"D5 2^62", [](auto &m) { test::setExternal(weight(m), "w", "0", "4611686018427387904"); }, 3,
       "4611686018427387904 bytes of external data"},
      {"D6 twice",
       [](auto &m) { test::setExternal(weight(m), "w"), weight(m).add_external_data()->set_key("location"); }, 3,
       "has 'location' twice"},
      {"D7 external and others", [](auto &m) { test::setExternal(weight(m), "w"), weight(m).add_float_data(1); }, 3,
       "has external data and others"},
  };
}

TEST(OnnxModelTest, EveryBrokenRuleIsNamed) {
  for (const BadModel &bad : badModels()) {
    proto::ModelProto proto = smallModel();
    bad.edit(proto);
    Diagnostics diagnostics;
    EXPECT_EQ(parse(proto.SerializeAsString(), diagnostics), nullptr) << bad.name;
    EXPECT_EQ(diagnostics.exitCode(), bad.exitCode) << bad.name;
    EXPECT_NE(printed(diagnostics).find(bad.message), std::string::npos) << bad.name << ": " << printed(diagnostics);
  }
}

TEST(OnnxModelTest, OtherFilesAreRecognized) {
  const std::pair<std::string, const char *> files[] = {
      {"", "the file is empty"},
      {"<!DOCTYPE html><html></html>", "HTML page"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"},
      {std::string("PK\x03\x04\x14\0\x08\0", 8), "ZIP archive"},
  };
  for (const auto &[bytes, message] : files) {
    Diagnostics diagnostics;
    EXPECT_EQ(parse(bytes, diagnostics), nullptr);
    EXPECT_EQ(diagnostics.exitCode(), 3);
    EXPECT_NE(printed(diagnostics).find(message), std::string::npos) << printed(diagnostics);
  }
}

TEST(OnnxModelTest, AllIsReportedAtOnce) {
  proto::ModelProto proto = smallModel();
  weight(proto).set_dims(0, -1);
  node(proto).set_input(0, "z");
  proto.mutable_graph()->mutable_output(0)->set_name("q");
  Diagnostics diagnostics;
  EXPECT_EQ(parse(proto.SerializeAsString(), diagnostics), nullptr);
  EXPECT_EQ(diagnostics.errorCount(), 3u) << printed(diagnostics);
}

TEST(OnnxModelTest, LinksOutOfTheFolderAreRefused) {
  test::TempDirectory directory;
  directory.write("w", std::string(16, 'w'));
  proto::ModelProto proto = smallModel();
  test::setExternal(weight(proto), "w");
  directory.write("model/m.onnx", proto.SerializeAsString());
  std::filesystem::create_symlink("../w", directory.path("model/w"));
  Diagnostics diagnostics;
  EXPECT_EQ(Model::open(directory.path("model/m.onnx"), diagnostics), nullptr);
  EXPECT_EQ(diagnostics.exitCode(), 3);
  EXPECT_NE(printed(diagnostics).find("is a link out of the"), std::string::npos) << printed(diagnostics);
}

TEST(OnnxModelTest, DataBeyondAnExternalFileAreMissed) {
  test::TempDirectory directory;
  directory.write("w", std::string(47, 'w'));
  proto::ModelProto proto = smallModel();
  for (const char *offset : {"32", "18446744073709551615"}) {
    test::setExternal(weight(proto), "w", offset);
    directory.write("m.onnx", proto.SerializeAsString());
    Diagnostics diagnostics;
    EXPECT_EQ(Model::open(directory.path("m.onnx"), diagnostics), nullptr);
    EXPECT_EQ(diagnostics.exitCode(), 3);
    EXPECT_NE(printed(diagnostics).find("which has 47"), std::string::npos) << printed(diagnostics);
  }
}

/// `depth` graphs within each other.
proto::ModelProto nested(int depth) {
  proto::ModelProto proto = smallModel();
  proto::GraphProto *graph = node(proto, 1).mutable_attribute(1)->mutable_g();
  for (int i = 0; i < depth; ++i) {
    proto::NodeProto *inner = graph->add_node();
    inner->set_op_type("If");
    inner->add_input("c");
    proto::AttributeProto *branch = inner->add_attribute();
    branch->set_name("then_branch");
    branch->set_type(proto::AttributeProto::GRAPH);
    graph = branch->mutable_g();
  }
  return proto;
}

TEST(OnnxModelTest, DeepGraphsEndInAFinding) {
  Diagnostics diagnostics;
  EXPECT_NE(parse(nested(20).SerializeAsString(), diagnostics), nullptr) << printed(diagnostics);
  EXPECT_EQ(parse(nested(10'000).SerializeAsString(), diagnostics), nullptr);
  EXPECT_EQ(diagnostics.exitCode(), 3);
  EXPECT_NE(printed(diagnostics).find("too deep for protobuf"), std::string::npos) << printed(diagnostics);
}

/// Functions f0 to f(count - 1), of which each calls the next twice.
proto::ModelProto doubling(int count) {
  proto::ModelProto proto = smallModel();
  for (int i = 0; i < count; ++i) {
    proto::FunctionProto &function = *proto.add_functions();
    function.CopyFrom(twice(proto));
    function.set_name("f" + std::to_string(i));
    function.add_opset_import()->set_domain("mine");
    function.clear_node();
    for (const char *output : {"b", "c"}) {
      proto::NodeProto &call = *function.add_node();
      call.set_op_type(i + 1 < count ? "f" + std::to_string(i + 1) : "Twice");
      call.set_domain("mine");
      call.add_input("a");
      call.add_output(output);
    }
  }
  node(proto).set_op_type("f0");
  node(proto).set_domain("mine");
  return proto;
}

TEST(OnnxModelTest, FunctionsOfFunctionsEndInAFinding) {
  Diagnostics few, many, deep;
  EXPECT_NE(parse(doubling(10).SerializeAsString(), few), nullptr) << printed(few);
  EXPECT_EQ(parse(doubling(40).SerializeAsString(), many), nullptr);
  EXPECT_NE(printed(many).find("has more than 4000000 nodes with those of functions"), std::string::npos);
  EXPECT_EQ(parse(doubling(10'000).SerializeAsString(), deep), nullptr);
  EXPECT_NE(printed(deep).find("is called in more than 64 others"), std::string::npos);
  EXPECT_EQ(many.exitCode(), 6);
  EXPECT_EQ(deep.exitCode(), 6);
}

TEST(OnnxModelTest, GraphsBeyondTheLimitsAreNotRead) {
  ModelLimits fewNodes, fewBytes;
  fewNodes.nodes = 2;
  fewBytes.scan.messageBytes = 100;
  for (const auto &[limits, message] : {std::pair(fewNodes, "more than 2 nodes"), {fewBytes, "more than 100 bytes"}}) {
    Diagnostics diagnostics;
    EXPECT_EQ(parse(smallModel().SerializeAsString(), diagnostics, limits), nullptr);
    EXPECT_EQ(diagnostics.exitCode(), 6);
    EXPECT_NE(printed(diagnostics).find(message), std::string::npos) << printed(diagnostics);
  }
}

/// Raw data in the file, all kinds of fields, and a function.
std::string wholeModel() {
  proto::ModelProto proto = smallModel();
  test::setRaw(weight(proto), 300);
  return proto.SerializeAsString();
}

TEST(OnnxModelTest, EveryTruncationIsAFindingOrAnotherModel) {
  std::string bytes = wholeModel();
  for (size_t size = 0; size < bytes.size(); ++size) {
    Diagnostics diagnostics;
    auto model = parse(bytes.substr(0, size), diagnostics);
    EXPECT_EQ(model == nullptr, diagnostics.hasErrors()) << size;
    // Behind the graph there is the function, which may be missing.
    EXPECT_TRUE(model == nullptr || size > 1200) << size;
  }
}

TEST(OnnxModelTest, EveryEditEnds) {
  std::string bytes = wholeModel();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (char edit : {'\0', '\1', '\x7f', '\x80', '\xff'}) {
      std::string edited = bytes;
      edited[i] = edit;
      Diagnostics diagnostics;
      auto model = parse(edited, diagnostics);
      EXPECT_EQ(model == nullptr, diagnostics.hasErrors()) << i;
    }
  }
}

} // namespace
} // namespace fathom::onnx
