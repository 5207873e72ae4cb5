// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verb `targets`.

#include "tools/driver/Targets.h"

#include "codegen/x86/Target.h"
#include "fathom/fathom.h"
#include "kernels/Catalog.h"
#include "runtime/cli/options.h"
#include "runtime/device/cpu/cpu_features.h"
#include "runtime/device/device.h"
#include "tools/driver/Terminal.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <thread>

using llvm::StringRef;

namespace fathom::driver {

/// An arch for each processor that code is compiled for, of each device the least first.
static std::vector<const kernels::Arch *> getLevels() {
  std::vector<const kernels::Arch *> levels;
  for (const kernels::Device &device : kernels::devices()) {
    std::vector<const kernels::Arch *> all = kernels::archsOf(device.name);
    for (const kernels::Arch *arch : llvm::reverse(all)) {
      if (levels.empty() || levels.back()->processor != arch->processor) {
        levels.push_back(arch);
      }
    }
  }
  return levels;
}

/// The option of compile that names a level, and what it takes.
static std::pair<StringRef, StringRef> getOption(const kernels::Arch &level) {
  StringRef processor = level.processor;
  return processor.consume_front("sm_") ? std::pair<StringRef, StringRef>("sm", processor)
                                        : std::pair<StringRef, StringRef>("mcpu", processor);
}

/// Kernels written for a level; those of lower levels run there too.
static std::vector<StringRef> getKernels(const kernels::Arch &level) {
  std::vector<StringRef> symbols;
  for (const kernels::Kernel &kernel : kernels::catalog()) {
    if (kernels::findArch(kernel.arch)->processor == level.processor) {
      symbols.push_back(kernel.symbol);
    }
  }
  return symbols;
}

static std::vector<StringRef> getFeatures(const kernels::Arch &level) {
  return {level.features.begin(), level.features.end()};
}

namespace {
/// A device of this machine that there may be several of.
struct Numbered {
  /// As --device takes it; of a kind that there is none of, the kind.
  std::string name;
  std::string description;
  bool isThere;
};
} // namespace

/// All of a kind or, where there is none, why.
static std::vector<Numbered> getNumbered(const runtime::Device &device) {
  std::vector<Numbered> all;
  char text[256];
  while (device.describe(all.size(), text, sizeof(text)) == FATHOM_STATUS_OK) {
    all.push_back({device.name + (":" + std::to_string(all.size())), text, true});
  }
  return all.empty() ? std::vector<Numbered>{{device.name, fathom_status_message(), false}} : all;
}

static std::vector<Numbered> getNumbered() {
  std::vector<Numbered> all;
  for (const runtime::Device *const *device = runtime::devices(); *device; ++device) {
    if ((*device)->describe && !(*device)->isOnlyByName) {
      llvm::append_range(all, getNumbered(**device));
    }
  }
  return all;
}

static void printText(StringRef native) {
  for (const kernels::Arch *level : getLevels()) {
    llvm::outs() << StringRef(level->processor) << (native == StringRef(level->processor) ? "  (this machine)" : "")
                 << '\n';
    if (!level->features.empty()) {
      llvm::outs() << "  features: " << llvm::join(getFeatures(*level), " ") << '\n';
    }
    llvm::outs() << "  kernels:\n";
    for (StringRef kernel : getKernels(*level)) {
      llvm::outs() << "    " << kernel << '\n';
    }
  }
  llvm::outs() << "processors of this machine: " << std::thread::hardware_concurrency() << '\n';
  for (const Numbered &device : getNumbered()) {
    llvm::outs() << device.name << ": " << (device.isThere ? "" : "none: ") << device.description << '\n';
  }
}

static void printJson(StringRef native) {
  llvm::json::OStream json(llvm::outs(), 2);
  json.object([&] {
    json.attribute("native", native);
    json.attribute("processors", std::thread::hardware_concurrency());
    const std::vector<Numbered> numbered = getNumbered();
    auto writeDevices = [&](bool areThere, const char *key, const char *text) {
      for (const Numbered &device : numbered) {
        if (device.isThere == areThere) {
          json.object([&] {
            json.attribute(key, device.name);
            json.attribute(text, device.description);
          });
        }
      }
    };
    json.attributeArray("devices", [&] { writeDevices(true, "device", "description"); });
    json.attributeArray("missing_devices", [&] { writeDevices(false, "kind", "reason"); });
    json.attributeArray("targets", [&] {
      for (const kernels::Arch *level : getLevels()) {
        json.object([&] {
          auto [option, processor] = getOption(*level);
          json.attribute(option, processor);
          json.attribute("features", llvm::json::Array(getFeatures(*level)));
          json.attribute("kernels", llvm::json::Array(getKernels(*level)));
        });
      }
    });
  });
  llvm::outs() << '\n';
}

int runTargets(llvm::ArrayRef<const char *> arguments) {
  bool json = false;
  const cli::Option options[] = {
      {"json", 0, cli::OptionKind::kFlag, &json, nullptr, "one JSON object"},
  };
  cli::Command command = {
      "fathom targets",
      "[--json]",
      "Lists the processors and GPUs that code can be generated for, their kernels, this machine's processor, and its "
      "GPUs, or why it has none.",
      options,
      std::size(options),
      nullptr,
      0};
  int code = cli::parseOptions(command, int(arguments.size()), arguments.data(), 0, nullptr);
  if (code != cli::kContinue) {
    return code;
  }
  StringRef native = runtime::hasBaseline() ? codegen::findProcessor(runtime::hasFeature) : "";
  (json ? printJson : printText)(native);
  return flushOutput(cli::kOk);
}

} // namespace fathom::driver
