// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a module before and after each pass and compares.

#include "codegen/reference/VerifyNumerics.h"
#include "codegen/reference/EvaluateGraph.h"
#include "codegen/reference/SeededInputs.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace mlir;

namespace fathom::reference {

namespace {
/// What a function did in a scenario. Named by the entry point that @forward or @draft_forward becomes, or else by the
/// function itself.
struct Observation {
  std::string function;
  StringRef scenario;
  Location loc;
  SmallVector<StringRef> outputs; // names of results; empty where one has none
  Run run;
  unsigned logits = 0; // of a graph, which result has them
};
/// By function and scenario.
using Observations = std::map<std::pair<std::string, std::string>, Observation>;
} // namespace

static std::string getKey(func::FuncOp function, const Scenario &scenario) {
  StringRef name = function.getSymName();
  name.consume_back("_forward");
  return name == "forward" ? scenario.entry.str() : name.str();
}

static SmallVector<StringRef> getOutputs(func::FuncOp function) {
  return llvm::map_to_vector(llvm::seq(function.getNumResults()), [&](unsigned result) {
    auto name = function.getResultAttrOfType<StringAttr>(result, deepseek::kOutputAttr);
    return name ? name.getValue() : StringRef();
  });
}

/// The results after a pass but for outputs that there were not before it: passes may add some.
static SmallVector<Datum> getKnownResults(const Observation &before, const Observation &after) {
  SmallVector<Datum> known;
  for (auto [name, result] : llvm::zip_equal(after.outputs, after.run.results)) {
    if (name.empty() || llvm::is_contained(before.outputs, name)) {
      known.push_back(result);
    }
  }
  return known;
}

/// The places in the source that a location stands for.
static SmallVector<Location> getPlaces(Location loc) {
  SmallVector<Location> places;
  loc->walk([&](Location part) {
    if (isa<FileLineColRange>(part)) {
      places.push_back(part);
    }
    return WalkResult::advance();
  });
  return places;
}

/// The first step after a pass that computes at a known place what no step computed before it.
static const Step *findFirstDifference(const Run &before, const Run &after, double tolerance) {
  for (const Step &step : after.steps) {
    SmallVector<Location> places = getPlaces(step.loc);
    for (const Datum &result : step.results) {
      bool expected = false, known = false;
      for (const Step &old : before.steps) {
        if (old.call != step.call) {
          continue;
        }
        for (const Datum &oldResult : old.results) {
          Difference difference = compare(oldResult, result, tolerance);
          known |= !difference.differs;
          bool samePlace =
              llvm::any_of(getPlaces(old.loc), [&](Location place) { return llvm::is_contained(places, place); });
          expected |= samePlace && difference.place != "the shape" && difference.place != "the type";
        }
      }
      if (expected && !known) {
        return &step;
      }
    }
  }
  return nullptr;
}

static std::string print(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.3g", number);
  return text;
}

/// Of the logits of a graph, [..., vocabulary], the rows that @forward is asked for.
static Datum selectRows(const Datum &logits, func::FuncOp forward, const Scenario &scenario) {
  const Tensor &all = *std::get<TensorPtr>(logits);
  Tensor selected;
  for (auto [argument, datum] : llvm::zip_equal(forward.getArguments(), *makeArguments(forward, scenario))) {
    auto name = forward.getArgAttrOfType<StringAttr>(argument.getArgNumber(), deepseek::kInputAttr);
    if (!name || name != deepseek::kLogitRowsInput) {
      continue;
    }
    for (int32_t row : std::get<TensorPtr>(datum)->ids) {
      auto first = all.reals.begin() + row * all.width();
      selected.reals.insert(selected.reals.end(), first, first + all.width());
    }
  }
  selected.shape = {selected.size() / std::max<int64_t>(all.width(), 1), all.width()};
  return std::make_shared<const Tensor>(std::move(selected));
}

namespace {
class NumericsVerifier : public PassInstrumentation {
public:
  NumericsVerifier(NumericContract getContract, StringRef folder) : getContract(getContract) {
    weights.setFolder(folder);
  }

  void runBeforePass(Pass *pass, Operation *op) override {
    if (!started) {
      started = true;
      // Once: passes may take what they are made from out of the module.
      if (ModuleOp module = getModule(op)) {
        weights.begin(module);
        chooseScenarios(module);
      }
      last = observe(getModule(op));
    }
  }

  void runAfterPass(Pass *pass, Operation *op) override {
    ModuleOp module = getModule(op);
    // Collections of nested pipelines have no argument; the passes in them were looked at one by one.
    if (!module || failed || pass->getArgument().empty()) {
      return;
    }
    bool isConverted = isOfGraphs && getGraphScenarios(module).empty();
    if (isConverted) {
      compareModel(pass, module);
      chooseScenarios(module);
      last.clear();
    }
    Observations now = observe(module);
    if (auto target = module->getAttrOfType<deepseek::TargetAttr>(deepseek::kTargetAttr)) {
      rounds = target.getActivation() != nullptr;
    }
    for (const auto &[key, before] : last) {
      if (reported.contains(before.function)) {
        continue; // the other scenario would only repeat it
      }
      auto after = now.find(key);
      if (after != now.end()) {
        compareRuns(pass, before, follow(module, before, after->second, getContract(pass->getArgument(), rounds)));
      } else if (!skipped.contains(key.first) && !module.lookupSymbol(key.first)) {
        report(pass, before, "removed @" + before.function);
      }
    }
    last = std::move(now);
    if (failed) {
      signalPassFailure(pass);
    }
  }

private:
  static ModuleOp getModule(Operation *op) {
    while (op->getParentOp()) {
      op = op->getParentOp();
    }
    return dyn_cast<ModuleOp>(op);
  }

  void chooseScenarios(ModuleOp module);
  void compareModel(Pass *pass, ModuleOp module);
  llvm::Expected<Run> run(func::FuncOp function, const Scenario &scenario);
  Observations observe(ModuleOp module);
  void observe(func::FuncOp function, const Scenario &scenario, Observations &observations);
  Observation follow(ModuleOp module, const Observation &before, const Observation &after, double contract);
  void compareRuns(Pass *pass, const Observation &before, const Observation &after);
  bool compareData(Pass *pass, const Observation &before, const Observation &after, const Twine &what, const Datum &old,
                   const Datum &now);
  InFlightDiagnostic report(Pass *pass, const Observation &where, const Twine &what);

  NumericContract getContract;
  SeededWeights weights;
  GraphInputs inputs;
  SmallVector<Scenario> scenarios;
  Observations last;
  llvm::StringSet<> skipped;            // names in keys
  llvm::StringSet<> remarked, reported; // names of functions
  bool rounds = false;
  bool isOfGraphs = false;
  bool started = false;
  bool failed = false;
};
} // namespace

void NumericsVerifier::chooseScenarios(ModuleOp module) {
  scenarios = getGraphScenarios(module);
  isOfGraphs = !scenarios.empty();
  auto main = module.lookupSymbol<func::FuncOp>(onnx::kMainFunction);
  rounds = main && hasShortFloats(main);
  if (!isOfGraphs) {
    scenarios = getScenarios(module);
  }
}

llvm::Expected<Run> NumericsVerifier::run(func::FuncOp function, const Scenario &scenario) {
  if (isGraph(function)) {
    return evaluateGraph(function, scenario, inputs, weights);
  }
  std::optional<std::vector<Datum>> arguments = makeArguments(function, scenario);
  return arguments ? evaluate(function, std::move(*arguments), scenario.sequences, weights)
                   : llvm::createStringError("cannot evaluate its arguments");
}

/// A graph that became a model gives its logits, of the rows that want some. What it keeps of tokens is the model's
/// own.
void NumericsVerifier::compareModel(Pass *pass, ModuleOp module) {
  auto graph = last.find({onnx::kMainFunction.str(), scenarios.front().name.str()});
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  if (graph == last.end() || !forward) {
    return;
  }
  llvm::Expected<Run> model = run(forward, scenarios.front());
  if (!model) {
    emitRemark(forward.getLoc()) << "numerics of @forward are not verified: " << llvm::toString(model.takeError());
    return;
  }
  Observation after = {"forward", scenarios.front().name, forward.getLoc(), getOutputs(forward), std::move(*model)};
  Datum logits = selectRows(graph->second.run.results[graph->second.logits], forward, scenarios.front());
  compareData(pass, graph->second, after, "the logits", logits, after.run.results.front());
}

Observations NumericsVerifier::observe(ModuleOp module) {
  Observations observations;
  if (!module) {
    return observations;
  }
  for (auto function : module.getOps<func::FuncOp>()) {
    for (const Scenario &scenario : scenarios) {
      if (function.isPublic() && !function.isExternal() && suits(function, scenario)) {
        observe(function, scenario, observations);
      }
    }
  }
  return observations;
}

void NumericsVerifier::observe(func::FuncOp function, const Scenario &scenario, Observations &observations) {
  std::string key = getKey(function, scenario);
  llvm::Expected<Run> observed = run(function, scenario);
  if (observed) {
    Observation observation = {function.getSymName().str(), scenario.name,        function.getLoc(),
                               getOutputs(function),        std::move(*observed), findLogits(function)};
    observations.insert({{key, scenario.name.str()}, std::move(observation)});
    return;
  }
  skipped.insert(key);
  if (remarked.insert(function.getSymName()).second) {
    emitRemark(function.getLoc()) << "numerics of @" << function.getSymName() << " are not verified"
                                  << (last.empty() ? "" : " from here on") << ": "
                                  << llvm::toString(observed.takeError());
  }
}

/// `after`, but for choices that rounding explains, which are those before: what differs then is arithmetic.
Observation NumericsVerifier::follow(ModuleOp module, const Observation &before, const Observation &after,
                                     double contract) {
  Observation following = after;
  if (before.run.choices != after.run.choices) {
    auto function = module.lookupSymbol<func::FuncOp>(after.function);
    const Scenario &scenario = *llvm::find_if(scenarios, [&](const Scenario &s) { return s.name == after.scenario; });
    following.run = llvm::cantFail(evaluate(function, *makeArguments(function, scenario), scenario.sequences, weights,
                                            {before.run.choices, contract}));
  }
  return following;
}

InFlightDiagnostic NumericsVerifier::report(Pass *pass, const Observation &where, const Twine &what) {
  failed = true;
  reported.insert(where.function);
  return emitError(where.loc) << "pass '" << pass->getArgument() << "' " << what;
}

bool NumericsVerifier::compareData(Pass *pass, const Observation &before, const Observation &after, const Twine &what,
                                   const Datum &old, const Datum &now) {
  double contract = getContract(pass->getArgument(), rounds);
  Difference difference = compare(old, now, contract);
  if (!difference.differs) {
    return true;
  }
  InFlightDiagnostic error =
      report(pass, after,
             "changed " + what + " of @" + after.function + " with the inputs of " + after.scenario +
                 ": largest difference " + print(difference.largest) + " at " + difference.place + ", contract " +
                 print(contract * difference.magnitude) + " (" + print(contract) + " of the largest number)");
  if (const Step *step = findFirstDifference(before.run, after.run, contract)) {
    error.attachNote(step->loc) << "'" << step->name << "' in @" << step->function
                                << " is the first op that computes something else";
  }
  return false;
}

/// Reports the first result that moved too far: others would only repeat it.
void NumericsVerifier::compareRuns(Pass *pass, const Observation &before, const Observation &after) {
  SmallVector<Datum> results = getKnownResults(before, after);
  // A pass may be the first to record any.
  bool sameStates = before.run.states.empty() || before.run.states.size() == after.run.states.size();
  if (before.run.results.size() != results.size() || !sameStates) {
    report(pass, after, "changed the number of results or recorded states of @" + after.function);
    return;
  }
  for (size_t i = 0; i < before.run.results.size(); ++i) {
    if (!compareData(pass, before, after, "result " + Twine(i), before.run.results[i], results[i])) {
      return;
    }
  }
  for (auto [old, now] : llvm::zip(before.run.states, after.run.states)) {
    if (!compareData(pass, before, after, "the recorded state of layer " + Twine(old.first), old.second, now.second) ||
        !compareData(pass, before, after, "the layer of a recorded state", old.first, now.first)) {
      return;
    }
  }
}

void addVerifyNumerics(PassManager &manager, NumericContract getContract, StringRef folder) {
  manager.getContext()->disableMultithreading();
  manager.addInstrumentation(std::make_unique<NumericsVerifier>(getContract, folder));
}

} // namespace fathom::reference
