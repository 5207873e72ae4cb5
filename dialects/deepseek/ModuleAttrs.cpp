// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the attributes that the `deepseek` dialect puts on ops of others.

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom::deepseek {

/// A fact of `deepseek.model` and what it may be.
struct Fact {
  StringRef name;
  StringRef expected;
  bool (*isValid)(Attribute);
};

template <int64_t low>
static bool isCount(Attribute attribute) {
  auto integer = dyn_cast_or_null<IntegerAttr>(attribute);
  return integer && integer.getType().isInteger(64) && integer.getInt() >= low && integer.getInt() <= INT32_MAX;
}

static bool isReal(Attribute attribute) { return isa_and_nonnull<FloatAttr>(attribute); }

static const Fact kFacts[] = {
    {"family", "a string", [](Attribute value) { return isa_and_nonnull<StringAttr>(value); }},
    {"vocabulary", "a positive 32-bit number as i64", isCount<1>},
    {"hidden", "a positive 32-bit number as i64", isCount<1>},
    {"layers", "a positive 32-bit number as i64", isCount<1>},
    {"max_context", "a positive 32-bit number as i64", isCount<1>},
    {"cache_width", "a positive 32-bit number as i64", isCount<1>},
    {"bos_token", "a 32-bit number of -1 or more as i64", isCount<-1>},
    {"eos_tokens", "an array<i64>", [](Attribute value) { return isa_and_nonnull<DenseI64ArrayAttr>(value); }},
    {"temperature", "a float", isReal},
    {"top_p", "a float", isReal},
    {"top_k", "a 32-bit number of 0 or more as i64", isCount<0>},
};

static LogicalResult verifyModel(Operation *op, Attribute value) {
  auto facts = dyn_cast<DictionaryAttr>(value);
  if (!facts) {
    return emitError(op->getLoc(), "expects a dictionary of facts in '") << kModelAttr << "', but got " << value;
  }
  for (const Fact &fact : kFacts) {
    Attribute found = facts.get(fact.name);
    if (fact.isValid(found)) {
      continue;
    }
    InFlightDiagnostic error = emitError(op->getLoc(), "expects ")
                               << fact.expected << " as '" << fact.name << "' of '" << kModelAttr << "', but got ";
    return found ? error << found : error << "none";
  }
  return success();
}

static LogicalResult verifyShards(Operation *op, Attribute value) {
  auto shards = dyn_cast<ArrayAttr>(value);
  if (!shards || !llvm::all_of(shards, llvm::IsaPred<ShardAttr>)) {
    return emitError(op->getLoc(), "expects an array of #deepseek.shard in '") << kShardsAttr << "', but got " << value;
  }
  return success();
}

static LogicalResult verifyString(Operation *op, NamedAttribute attribute) {
  if (!isa<StringAttr>(attribute.getValue())) {
    return emitError(op->getLoc(), "expects a string as '")
           << attribute.getName().getValue() << "', but got " << attribute.getValue();
  }
  return success();
}

LogicalResult DeepSeekDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kModelAttr) {
    return verifyModel(op, attribute.getValue());
  }
  if (name == kShardsAttr) {
    return verifyShards(op, attribute.getValue());
  }
  if (name == kEntryAttr || name == kKernelAttr) {
    return verifyString(op, attribute);
  }
  if (name == kMaxRowsAttr && !isCount<1>(attribute.getValue())) {
    return emitError(op->getLoc(), "expects a positive 32-bit number as i64 as '")
           << name << "', but got " << attribute.getValue();
  }
  return success();
}

} // namespace fathom::deepseek
