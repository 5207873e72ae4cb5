// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verb `targets`.

#include "tools/driver/Targets.h"

#include "codegen/x86/Target.h"
#include "kernels/Catalog.h"
#include "runtime/cli/options.h"
#include "tools/driver/Terminal.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <thread>

using llvm::StringRef;

namespace fathom::driver {

namespace {

/// A processor level and the kernels written for it; kernels of lower levels run there too.
struct Level {
  std::string cpu;
  codegen::X86Target target;
  std::vector<std::string> kernels;
};

std::vector<Level> findLevels() {
  std::vector<Level> levels;
  for (StringRef cpu : {"x86-64-v3", "x86-64-v4"}) {
    llvm::Expected<codegen::X86Target> target = codegen::findX86Target(cpu);
    if (!target) {
      llvm::consumeError(target.takeError());
      continue;
    }
    Level level{cpu.str(), *target, {}};
    for (const kernels::Kernel &kernel : kernels::catalog()) {
      bool own = kernel.arch == level.target.arch || (kernel.arch == "x86" && cpu == "x86-64-v3");
      if (own) {
        level.kernels.push_back(std::string(kernel.symbol));
      }
    }
    levels.push_back(std::move(level));
  }
  return levels;
}

void printText(const std::vector<Level> &levels, StringRef native) {
  for (const Level &level : levels) {
    llvm::outs() << level.cpu << (native == level.cpu ? "  (this machine)" : "") << '\n';
    if (!level.target.features.empty()) {
      llvm::outs() << "  features: " << llvm::join(level.target.features, " ") << '\n';
    }
    llvm::outs() << "  kernels:\n";
    for (const std::string &kernel : level.kernels) {
      llvm::outs() << "    " << kernel << '\n';
    }
  }
  llvm::outs() << "processors of this machine: " << std::thread::hardware_concurrency() << '\n';
}

void printJson(const std::vector<Level> &levels, StringRef native) {
  llvm::json::OStream json(llvm::outs(), 2);
  json.object([&] {
    json.attribute("native", native);
    json.attribute("processors", std::thread::hardware_concurrency());
    json.attributeArray("targets", [&] {
      for (const Level &level : levels) {
        json.object([&] {
          json.attribute("mcpu", level.cpu);
          json.attribute("features", llvm::json::Array(level.target.features));
          json.attribute("kernels", llvm::json::Array(level.kernels));
        });
      }
    });
  });
  llvm::outs() << '\n';
}

} // namespace

int runTargets(llvm::ArrayRef<const char *> arguments) {
  bool json = false;
  const cli::Option options[] = {
      {"json", 0, cli::OptionKind::kFlag, &json, nullptr, "one JSON object"},
  };
  cli::Command command = {"fathom targets",
                          "[--json]",
                          "Lists processors that code can be generated for, their kernels, and which of them this "
                          "machine is.",
                          options,
                          std::size(options),
                          nullptr,
                          0};
  int code = cli::parseOptions(command, int(arguments.size()), arguments.data(), 0, nullptr);
  if (code != cli::kContinue) {
    return code;
  }
  llvm::Expected<codegen::X86Target> native = codegen::findX86Target("native");
  std::string cpu = native ? native->cpu : "";
  llvm::consumeError(native.takeError());
  (json ? printJson : printText)(findLevels(), cpu);
  return flushOutput(cli::kOk);
}

} // namespace fathom::driver
