// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the attributes that the `deepseek` dialect puts on ops of others.

#include "dialects/deepseek/Phase.h"
#include "dialects/deepseek/Verifiers.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include <cfloat>

using namespace mlir;

namespace fathom::deepseek {

/// A fact of `deepseek.model` and what it may be.
struct Fact {
  StringRef name;
  StringRef expected;
  bool (*isValid)(Attribute);
  bool optional = false;
};

template <int64_t low>
static bool isCount(Attribute attribute) {
  auto integer = dyn_cast_or_null<IntegerAttr>(attribute);
  return integer && integer.getType().isInteger(64) && integer.getInt() >= low && integer.getInt() <= INT32_MAX;
}

static bool isReal(Attribute attribute, double low, double high) {
  auto real = dyn_cast_or_null<FloatAttr>(attribute);
  return real && real.getValueAsDouble() >= low && real.getValueAsDouble() <= high;
}

static bool isPositive(Attribute attribute) { return isReal(attribute, FLT_MIN, FLT_MAX); }
static bool isNotNegative(Attribute attribute) { return isReal(attribute, 0, FLT_MAX); }
static bool isShare(Attribute attribute) { return isReal(attribute, 0, 1); }

static constexpr bool kOptional = true;

static const Fact kFacts[] = {
    {"family", "a string", [](Attribute value) { return isa_and_nonnull<StringAttr>(value); }},
    {"vocabulary", "a positive 32-bit number as i64", isCount<1>},
    {"hidden", "a positive 32-bit number as i64", isCount<1>},
    {"layers", "a positive 32-bit number as i64", isCount<1>},
    {"draft_layers", "a positive 32-bit number as i64", isCount<1>, kOptional},
    {"max_context", "a positive 32-bit number as i64", isCount<1>},
    {"bos_token", "a 32-bit number of -1 or more as i64", isCount<-1>},
    {"eos_tokens", "an array<i64>", [](Attribute value) { return isa_and_nonnull<DenseI64ArrayAttr>(value); }},
    {"temperature", "a float of 0 or more", isNotNegative, kOptional},
    {"top_p", "a float from 0 to 1", isShare, kOptional},
    {"top_k", "a 32-bit number of 0 or more as i64", isCount<0>, kOptional},
    {"min_p", "a float from 0 to 1", isShare, kOptional},
    {"repetition_penalty", "a positive float", isPositive, kOptional},
};

/// Tokens that begin and end a text are of the vocabulary.
static LogicalResult verifyTokens(Operation *op, DictionaryAttr facts) {
  int64_t vocabulary = cast<IntegerAttr>(facts.get("vocabulary")).getInt();
  if (int64_t token = cast<IntegerAttr>(facts.get("bos_token")).getInt(); token >= vocabulary) {
    return emitError(op->getLoc(), "expects a 'bos_token' below ") << vocabulary << ", but got " << token;
  }
  for (int64_t token : cast<DenseI64ArrayAttr>(facts.get("eos_tokens")).asArrayRef()) {
    if (token < 0 || token >= vocabulary) {
      return emitError(op->getLoc(), "expects 'eos_tokens' of 0 or more, below ")
             << vocabulary << ", but got " << token;
    }
  }
  return success();
}

static LogicalResult verifyModel(Operation *op, Attribute value) {
  auto facts = dyn_cast<DictionaryAttr>(value);
  if (!facts) {
    return emitError(op->getLoc(), "expects a dictionary of facts in '") << kModelAttr << "', but got " << value;
  }
  for (const Fact &fact : kFacts) {
    Attribute found = facts.get(fact.name);
    if (fact.isValid(found) || (!found && fact.optional)) {
      continue;
    }
    InFlightDiagnostic error = emitError(op->getLoc(), "expects ")
                               << fact.expected << " as '" << fact.name << "' of '" << kModelAttr << "', but got ";
    return found ? error << found : error << "none";
  }
  return verifyTokens(op, facts);
}

std::optional<int64_t> getFact(Operation *op, StringRef fact) {
  auto module = op->getParentOfType<ModuleOp>();
  auto facts = module ? module->getAttrOfType<DictionaryAttr>(kModelAttr) : DictionaryAttr();
  auto value = facts ? facts.getAs<IntegerAttr>(fact) : IntegerAttr();
  return value ? std::optional(value.getInt()) : std::nullopt;
}

LogicalResult verifyFact(Operation *op, StringRef fact, int64_t value) {
  std::optional<int64_t> stated = getFact(op, fact);
  if (!stated || *stated == value) {
    return success();
  }
  return emitError(op->getLoc(), "expects ") << fact << " " << *stated << ", as '" << kModelAttr
                                             << "' says, but the types of '" << op->getName() << "' say " << value;
}

std::optional<int64_t> countStoredLayers(Operation *module) {
  auto facts = module ? module->getAttrOfType<DictionaryAttr>(kModelAttr) : DictionaryAttr();
  if (!facts) {
    return std::nullopt;
  }
  auto drafts = facts.getAs<IntegerAttr>("draft_layers");
  return facts.getAs<IntegerAttr>("layers").getInt() + (drafts ? drafts.getInt() : 0);
}

StringRef getWidthFact(StringRef callArray) { return callArray == kLogitsOutput ? "vocabulary" : "hidden"; }

static LogicalResult verifyShards(Operation *op, Attribute value) {
  auto shards = dyn_cast<ArrayAttr>(value);
  if (!shards || !llvm::all_of(shards, llvm::IsaPred<ShardAttr>)) {
    return emitError(op->getLoc(), "expects an array of #deepseek.shard in '") << kShardsAttr << "', but got " << value;
  }
  return success();
}

static LogicalResult verifyTarget(Operation *op, Attribute value) {
  if (!isa<TargetAttr>(value)) {
    return emitError(op->getLoc(), "expects a #deepseek.target as '") << kTargetAttr << "', but got " << value;
  }
  return success();
}

static LogicalResult verifyForm(Operation *op, Attribute value) {
  auto form = dyn_cast<StringAttr>(value);
  if (!form || (form.getValue() != kExpandedForm && form.getValue() != kAbsorbedForm)) {
    return emitError(op->getLoc(), "expects \"expanded\" or \"absorbed\" as '") << kFormAttr << "', but got " << value;
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

static bool isIds(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 1 && tensor.isDynamicDim(0) && tensor.getElementType().isInteger(32);
}

/// What callers know.
static bool isF32Activation(Type type) { return isActivation(type) && getElementTypeOrSelf(type).isF32(); }

/// What an argument or a result of a function may be.
struct Port {
  StringLiteral name;
  StringLiteral expected;
  bool (*isValid)(Type);
  /// Whether it is an array of a call with rows as wide as a fact says: the runtime makes room by that, and code reads
  /// and writes by the type.
  bool isWide = false;
};

#define FATHOM_PORT(field, element, rows)                                                                              \
  StringRef(#element) == "i32" ? Port{#field, "tensor<?xi32>", isIds}                                                  \
                               : Port{#field, "tensor<?xWxf32>", isF32Activation, /*isWide=*/true},

static const Port kInputs[] = {
#define FATHOM_CALL_INPUT FATHOM_PORT
#include "fathom/call_inputs.def"
    {kCacheInput, "a cache", [](Type type) { return isa<CacheType>(type); }},
    {kActivationInput, "tensor<?xWxf32> or tensor<?xWxbf16>", isActivation},
    {kLayerInput, "index", [](Type type) { return type.isIndex(); }},
};

static const Port kOutputs[] = {
#define FATHOM_CALL_INPUT(field, element, rows)
#define FATHOM_CALL_OUTPUT FATHOM_PORT
#include "fathom/call_inputs.def"
};

/// `attribute` of an argument or a result of this type names one of `ports`, which a message calls `expected`.
static LogicalResult verifyPort(Operation *function, NamedAttribute attribute, Type type, ArrayRef<Port> ports,
                                StringRef expected) {
  auto name = dyn_cast<StringAttr>(attribute.getValue());
  const auto *port = llvm::find_if(ports, [&](const Port &one) { return name && name == one.name; });
  if (port == ports.end()) {
    return emitError(function->getLoc(), "expects ")
           << expected << " as '" << attribute.getName().getValue() << "', but got " << attribute.getValue();
  }
  if (!port->isValid(type)) {
    return emitError(function->getLoc(), "expects ")
           << port->expected << " as " << attribute.getName().getValue().split('.').second << ' ' << name
           << ", but got " << type;
  }
  return port->isWide ? verifyFact(function, getWidthFact(port->name), getWidth(type)) : success();
}

LogicalResult DeepSeekDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned argument,
                                                        NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return function && attribute.getName() == kInputAttr
             ? verifyPort(op, attribute, function.getArgumentTypes()[argument], kInputs,
                          "an input of a call or a layer")
             : success();
}

LogicalResult DeepSeekDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned result,
                                                           NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return function && attribute.getName() == kOutputAttr
             ? verifyPort(op, attribute, function.getResultTypes()[result], kOutputs, "an output of a call")
             : success();
}

LogicalResult DeepSeekDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kModelAttr) {
    return verifyModel(op, attribute.getValue());
  }
  if (name == kShardsAttr) {
    return verifyShards(op, attribute.getValue());
  }
  if (name == kTargetAttr) {
    return verifyTarget(op, attribute.getValue());
  }
  if (name == kKernelAttr || name == kPhaseAttr) {
    return verifyString(op, attribute);
  }
  if (name == kFormAttr) {
    return verifyForm(op, attribute.getValue());
  }
  if ((name == kMaxRowsAttr || name == kMaxPositionsAttr) && !isCount<1>(attribute.getValue())) {
    return emitError(op->getLoc(), "expects a positive 32-bit number as i64 as '")
           << name << "', but got " << attribute.getValue();
  }
  return success();
}

} // namespace fathom::deepseek
