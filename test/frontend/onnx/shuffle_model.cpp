// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom-onnx-shuffle IN.onnx OUT.onnx SEED: the same model with its nodes in another order that is as good, and with
// other names of nodes and of the values between them. What callers and weights are called stays.

#include "frontend/onnx/Model.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

#include <fstream>
#include <random>

using namespace fathom::onnx;

namespace {
/// Shuffles one graph or function: what it calls by which name goes for graphs within it as well.
class Shuffler {
public:
  /// `names` counts those that were given, here and elsewhere in the model.
  Shuffler(uint64_t seed, int &names) : random(seed), names(names) {}

  void shuffle(proto::GraphProto &graph);
  void shuffle(proto::FunctionProto &function);

private:
  using Nodes = google::protobuf::RepeatedPtrField<proto::NodeProto>;

  void shuffle(Nodes &nodes);
  void sort(Nodes &nodes);
  void rename(proto::NodeProto &node);
  void rename(std::string &name);

  std::mt19937_64 random;
  int &names;
  llvm::StringSet<> kept;
  llvm::StringMap<std::string> renamed;
};
} // namespace

template <typename Visit>
static void forEachGraph(proto::NodeProto &node, Visit visit) {
  for (proto::AttributeProto &attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) {
      visit(*attribute.mutable_g());
    }
  }
}

/// What a node reads, its graphs included.
static void collectReads(proto::NodeProto &node, llvm::StringSet<> &reads) {
  for (const std::string &input : node.input()) {
    reads.insert(input);
  }
  forEachGraph(node, [&](proto::GraphProto &graph) {
    for (proto::NodeProto &inner : *graph.mutable_node()) {
      collectReads(inner, reads);
    }
    for (const proto::ValueInfoProto &output : graph.output()) {
      reads.insert(output.name());
    }
  });
}

/// Takes one at random of the nodes that need none of those that are left, until none is left.
void Shuffler::sort(Nodes &nodes) {
  std::vector<proto::NodeProto> left(nodes.begin(), nodes.end());
  nodes.Clear();
  while (!left.empty()) {
    llvm::StringSet<> unmade;
    for (const proto::NodeProto &node : left) {
      unmade.insert(node.output().begin(), node.output().end());
    }
    std::vector<size_t> ready;
    for (auto [number, node] : llvm::enumerate(left)) {
      llvm::StringSet<> reads;
      collectReads(node, reads);
      if (llvm::none_of(reads,
                        [&](const auto &read) { return !read.getKey().empty() && unmade.contains(read.getKey()); })) {
        ready.push_back(number);
      }
    }
    size_t taken = ready.at(random() % ready.size());
    nodes.Add(std::move(left[taken]));
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(taken));
  }
}

void Shuffler::rename(std::string &name) {
  if (auto found = renamed.find(name); found != renamed.end()) {
    name = found->second;
  }
}

void Shuffler::rename(proto::NodeProto &node) {
  node.set_name("n" + std::to_string(names++));
  llvm::for_each(*node.mutable_input(), [&](std::string &input) { rename(input); });
  for (std::string &output : *node.mutable_output()) {
    if (!output.empty() && !kept.contains(output)) {
      renamed[output] = "v" + std::to_string(names++);
      rename(output);
    }
  }
  forEachGraph(node, [&](proto::GraphProto &graph) { Shuffler(*this).shuffle(graph); });
}

void Shuffler::shuffle(Nodes &nodes) {
  sort(nodes);
  for (proto::NodeProto &node : nodes) {
    rename(node);
  }
}

void Shuffler::shuffle(proto::GraphProto &graph) {
  for (const proto::ValueInfoProto &output : graph.output()) {
    kept.insert(output.name());
  }
  // Types of values that have other names now; they are found again.
  graph.clear_value_info();
  shuffle(*graph.mutable_node());
}

void Shuffler::shuffle(proto::FunctionProto &function) {
  kept.insert(function.output().begin(), function.output().end());
  shuffle(*function.mutable_node());
}

int main(int argc, char **argv) {
  proto::ModelProto model;
  std::ifstream in(argc == 4 ? argv[1] : "", std::ios::binary);
  if (!in || !model.ParseFromIstream(&in)) {
    llvm::errs() << "usage: fathom-onnx-shuffle IN.onnx OUT.onnx SEED\n";
    return 2;
  }
  uint64_t seed = std::stoull(argv[3]);
  int names = 0;
  Shuffler(seed, names).shuffle(*model.mutable_graph());
  for (proto::FunctionProto &function : *model.mutable_functions()) {
    Shuffler(seed, names).shuffle(function);
  }
  std::ofstream out(argv[2], std::ios::binary);
  return model.SerializeToOstream(&out) ? 0 : 1;
}
