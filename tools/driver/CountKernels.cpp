// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Phases of a model on the simulator, each with its counters.

#include "tools/driver/CountKernels.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/signals.h"
#include "runtime/device/ptxsim/ptxsim_device.h"
#include "tools/driver/MeasureModel.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace fathom::driver {

using namespace runtime;

uint64_t KernelCounts::movedBytes() const {
  return (counted.executed.sectorsRead + counted.executed.sectorsWritten) * ptxsim::kSectorBytes;
}

uint64_t KernelCounts::leastBytes() const {
  return counted.executed.distinctBytesRead + counted.executed.distinctBytesWritten;
}

uint64_t KernelCounts::askedBytes() const {
  constexpr auto kGlobal = static_cast<size_t>(ptxsim::Space::Global);
  return counted.executed.bytesRead[kGlobal] + counted.executed.bytesWritten[kGlobal];
}

bool isSimulated(const char *device) {
  DeviceChoice choice;
  fathom_status_t status = chooseDevice(device, &choice);
  return status == FATHOM_STATUS_OK && choice.device == &kPtxsimDevice;
}

namespace {
/// A model with its one sequence.
class Counting {
public:
  Counting(const cli::LoadedModel &loaded, uint64_t prompt) : loaded(loaded), prompt(prompt) {}

  fathom_status_t run(CountResults &results);

private:
  fathom_status_t prefill();
  fathom_status_t decode();
  int32_t token(uint64_t index) const { return benchToken(index, loaded.info.vocabulary); }

  const cli::LoadedModel &loaded;
  const uint64_t prompt;
  fathom_sequence_t sequence = 0;
  std::vector<float> logits;
};
} // namespace

static CountedPhase takePhase(const char *name, uint64_t tokens, uint64_t depth) {
  CountedPhase phase{name, tokens, depth, {}};
  for (const auto &[symbol, counted] : ptxsim::counters().byKernel) {
    phase.kernels.push_back({symbol, counted});
  }
  llvm::sort(phase.kernels, [](const KernelCounts &a, const KernelCounts &b) {
    uint64_t ofA = a.movedBytes(), ofB = b.movedBytes();
    return ofA != ofB ? ofA > ofB : a.name < b.name;
  });
  return phase;
}

fathom_status_t Counting::prefill() {
  std::vector<int32_t> tokens;
  for (uint64_t i = 0; i < prompt; ++i) {
    tokens.push_back(token(i));
  }
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  return fathom_session_prefill(loaded.session, sequence, tokens.data(), prompt, &outputs);
}

fathom_status_t Counting::decode() {
  int32_t next = token(prompt);
  return fathom_session_decode(loaded.session, &sequence, &next, 1, logits.data(), logits.size());
}

fathom_status_t Counting::run(CountResults &results) {
  logits.resize(loaded.info.vocabulary);
  fathom_status_t status = fathom_session_create_sequence(loaded.session, &sequence);
  status = status ? status : cli::checkInterrupted();
  ptxsim::clearCounters();
  if (!status && prompt > 0) {
    status = prefill();
    results.phases.push_back(takePhase("prefill", prompt, 0));
    ptxsim::clearCounters();
  }
  if (!status) {
    status = decode();
    results.phases.push_back(takePhase("decode", 1, prompt));
  }
  return status;
}

int countKernels(const cli::ModelSource &source, const char *model, const BenchOptions &options,
                 CountResults &results) {
  cli::LoadedModel loaded;
  if (int code = loaded.open(source, runOptionsOf(options, model), 1)) {
    return code;
  }
  uint64_t context = loaded.info.max_context, most = context - 1;
  uint64_t prompt = options.promptGiven ? options.prompt : std::min(options.prompt, most);
  if (prompt > most) {
    return cli::printUsageError(source.program, "-p %llu with a step behind it exceeds the context of %llu",
                                (unsigned long long)prompt, (unsigned long long)context);
  }
  results.model = model ? model : "";
  fathom_status_t status = Counting(loaded, prompt).run(results);
  return status ? cli::report(source.program, status) : cli::interruptedCode();
}

} // namespace fathom::driver
