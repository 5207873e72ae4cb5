// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tree has of each op of the `deepseek` dialect.

#include "test/dialects/OpFacts.h"

#include "codegen/reference/Evaluator.h"
#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"
#include "passes/lower/Decompose.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <map>

using namespace mlir;

namespace fathom::test {

/// Ops that compute nothing: weights and steps of recipes, terminators, and what shows a value to the caller.
static const llvm::StringSet<> kStructural = {
    "weight",   "recipe",         "source",   "concat_rows",     "expand_scale", "to_f32",
    "to_bf16",  "dequantize",     "quantize", "quantize_scales", "slice_rows",   "transpose",
    "constant", "convert_layout", "yield",    "get_weight",      "record_state",
};

/// Ops whose reference is that of others: they are compositions, or one is called differently in kernels/ref.
static const llvm::StringMap<StringRef> kReferences = {
    {"add_rms_norm", "rms_norm"},         {"linear_swiglu", "linear"}, {"moe_linear_swiglu", "moe_linear"},
    {"moe_experts", "moe_linear"},        {"rope_table", "rope"},      {"cache_append", "mla_append"},
    {"sparse_attention", "index_select"},
};

std::vector<std::string> findGaps(const OpFacts &op) {
  std::vector<std::string> gaps;
  auto require = [&](bool present, const std::string &what) {
    if (!present) {
      gaps.push_back("deepseek." + op.name + " has no " + what);
    }
  };
  if (op.isStructural) {
    if (op.hasInterface) {
      gaps.push_back("deepseek." + op.name + " is listed as structural, but is a ComputeOp");
    }
  } else {
    require(op.hasInterface, "interface: implement ComputeOp beside its verifier, or list it as structural");
    require(op.hasDecomposition, "decomposition: add one in passes/lower/Decompose*.cpp");
    require(op.hasEvaluator, "evaluator: add one in codegen/reference/Evaluate*.cpp");
    require(op.hasReference, "reference: write one in kernels/ref/ref_*.cpp and declare it in ref.h");
    require(op.hasValueTest, "value test: compare it with its reference in test/passes/lower");
    for (const std::string &kernel : op.missingKernels) {
      require(false, "row for its kernel '" + kernel + "' in the catalog");
    }
    for (const std::string &kernel : op.untestedKernels) {
      require(false, "test of its kernel '" + kernel + "': run kernels_of(\"" + kernel + "\") in test/kernels");
    }
  }
  require(op.hasLitTest, "lit test: parse and print it in test/dialects/deepseek");
  require(op.hasInvalidTest, "test of what it refuses: expect its errors in test/dialects/deepseek/*-invalid.mlir");
  require(op.hasDocs, "docs entry: run tools/dev/docs");
  return gaps;
}

namespace {

std::string read(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

std::vector<std::string> listFiles(const std::string &folder, StringRef suffix) {
  std::vector<std::string> paths;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (StringRef(entry->path()).ends_with(suffix)) {
      paths.push_back(entry->path());
    }
  }
  return paths;
}

std::string readAll(const std::string &folder, StringRef suffix) {
  std::string text;
  for (const std::string &path : listFiles(folder, suffix)) {
    text += read(path);
  }
  return text;
}

/// The sources in a folder, without their comments.
std::string readCode(const std::string &folder) {
  std::string code, text = readAll(folder, ".cpp");
  for (StringRef line : llvm::split(text, '\n')) {
    code += (line.substr(0, line.find("//")) + "\n").str();
  }
  return code;
}

/// Whether `text` names the op and no other whose name begins with its.
bool mentions(StringRef text, StringRef op) {
  std::string name = ("deepseek." + op).str();
  for (size_t at = text.find(name); at != StringRef::npos; at = text.find(name, at + 1)) {
    char next = at + name.size() < text.size() ? text[at + name.size()] : ' ';
    if (!llvm::isAlnum(next) && next != '_') {
      return true;
    }
  }
  return false;
}

/// Kernels that ops of the round-trip tests ask for, by op, and whether the catalog has one for the weight of any of
/// these ops; ops without any are there, too.
using Uses = std::map<std::string, std::map<std::string, bool>>;

bool isInCatalog(deepseek::ComputeOp op, const deepseek::KernelUse &use) {
  StringRef layouts[] = {use.layout,
                         op.getPackableWeight().weight ? StringRef(deepseek::LayoutAttr::kCatalogName) : use.layout};
  return llvm::any_of(layouts, [&](StringRef layout) {
    return llvm::any_of(kernels::archs(), [&](const kernels::Arch &arch) {
      return kernels::findKernel(use.op, arch.name, use.weightType, layout) != nullptr;
    });
  });
}

Uses gatherUses(MLIRContext &context, const std::string &root) {
  Uses uses;
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
  for (const std::string &path : listFiles(root + "/test/dialects/deepseek", ".mlir")) {
    OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
    if (!module) {
      continue; // of invalid ops
    }
    module->walk([&](Operation *op) {
      std::map<std::string, bool> &kernels = uses[op->getName().stripDialect().str()];
      auto compute = dyn_cast<deepseek::ComputeOp>(op);
      deepseek::KernelUse use = compute ? compute.getKernelUse() : deepseek::KernelUse();
      if (!use.op.empty()) {
        kernels[use.op.str()] |= isInCatalog(compute, use);
      }
    });
  }
  return uses;
}

llvm::StringSet<> gatherDecompositions(MLIRContext &context) {
  RewritePatternSet patterns(&context);
  populateDecompositions(patterns);
  llvm::StringSet<> names;
  for (const std::unique_ptr<RewritePattern> &pattern : patterns.getNativePatterns()) {
    if (pattern->getRootKind()) {
      names.insert(pattern->getRootKind()->getStringRef());
    }
  }
  return names;
}

} // namespace

std::vector<OpFacts> gatherFacts(MLIRContext &context, const std::string &root) {
  llvm::StringSet<> decompositions = gatherDecompositions(context);
  const Uses uses = gatherUses(context, root);
  std::string docs = read(root + "/docs/reference/deepseek.md"), references = read(root + "/kernels/ref/ref.h");
  std::string valueTests = readCode(root + "/test/passes/lower"), kernelTests = readCode(root + "/test/kernels");
  std::string invalidTests = readAll(root + "/test/dialects/deepseek", "-invalid.mlir");
  std::vector<OpFacts> all;
  for (RegisteredOperationName name : context.getRegisteredOperations()) {
    if (name.getDialectNamespace() != deepseek::DeepSeekDialect::getDialectNamespace()) {
      continue;
    }
    OpFacts op;
    op.name = name.stripDialect().str();
    op.isStructural = kStructural.contains(op.name);
    op.hasInterface = name.hasInterface<deepseek::ComputeOp>();
    op.hasDecomposition = decompositions.contains(name.getStringRef());
    op.hasEvaluator = reference::hasEvaluator(name.getStringRef());
    auto reference = kReferences.find(op.name);
    std::string stem = reference == kReferences.end() ? op.name : reference->second.str();
    op.hasReference = StringRef(references).contains("void " + stem + "(");
    auto use = uses.find(op.name);
    op.hasLitTest = use != uses.end();
    if (op.hasLitTest) {
      for (const auto &[kernel, isThere] : use->second) {
        if (!isThere) {
          op.missingKernels.insert(kernel);
        }
        if (!StringRef(kernelTests).contains("kernels_of(\"" + kernel + "\")")) {
          op.untestedKernels.insert(kernel);
        }
      }
    }
    op.hasInvalidTest = StringRef(invalidTests).contains("'deepseek." + op.name + "'");
    op.hasValueTest = mentions(valueTests, op.name);
    op.hasDocs = StringRef(docs).contains("### `deepseek." + op.name + "`");
    all.push_back(std::move(op));
  }
  return all;
}

} // namespace fathom::test
