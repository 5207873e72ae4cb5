// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom-kernel-code LIST SM... > FILE: compiles what test/kernels/device_launch.h says that tests list, as
// `fathom compile` compiles kernels of a model.

#include "codegen/llvm/Units.h"
#include "codegen/nvptx/Target.h"
#include "dialects/support/Threads.h"
#include "kernels/Catalog.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

#include <atomic>
#include <thread>

using namespace llvm;
using namespace fathom;
using namespace fathom::codegen;

/// As the compiler makes one for a residual connection: it adds numbers of the last operand.
static constexpr const char *kEpilogue = R"(
define hidden void @{0}.epilogue(ptr %dispatch, i64 %row, i64 %column, i64 %count, ptr %values) {{
  %operands = load ptr, ptr %dispatch
  %place = getelementptr ptr, ptr %operands, i64 {1}
  %extra = load ptr, ptr %place
  %before = mul i64 %row, {2}
  %index = add i64 %before, %column
  %address = getelementptr float, ptr %extra, i64 %index
  %number = load float, ptr %address
  %value = load float, ptr %values
  %sum = fadd float %value, %number
  store float %sum, ptr %values
  ret void
})";

static std::string emitFunctions(const NvptxTarget &target, StringRef text) {
  LLVMContext context;
  SMDiagnostic error;
  std::unique_ptr<Module> module = parseAssemblyString(text, error, context);
  std::unique_ptr<TargetMachine> machine = target.createMachine();
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  std::string bytes;
  raw_string_ostream stream(bytes);
  WriteBitcodeToFile(*module, stream);
  return bytes;
}

static bool compile(const NvptxTarget &target, StringRef line, std::string &record) {
  SmallVector<StringRef> words;
  line.split(words, ' ');
  const kernels::Kernel *kernel = kernels::findKernel(std::string_view(words[0]));
  if (!kernel) {
    errs() << "error: no kernel '" << words[0] << "'\n";
    return false;
  }
  if (!kernels::canRun(target.arch->name, kernel->arch)) {
    return true;
  }
  bool adds = words[1] != "0";
  KernelInstance instance{"test." + words[0].str(), words[0].str(), {}, adds, kernel->operandNames.size() + adds};
  for (StringRef word : drop_begin(words, 2)) {
    instance.constants.push_back(0);
    word.getAsInteger(10, instance.constants.back());
  }
  ModelCode code;
  std::string epilogue = formatv(kEpilogue, instance.symbol, kernel->operandNames.size(), words[1]);
  code.functions = emitFunctions(target, adds ? epilogue : "");
  code.kernels.push_back(std::move(instance));
  auto units = emitUnits(code, target, CodeGenFileType::AssemblyFile, /*threads=*/1, /*cache=*/nullptr);
  if (!units) {
    errs() << "error: " << line << ": " << toString(units.takeError()) << '\n';
    return false;
  }
  record = (Twine(StringRef(target.arch->name)) + " " + line + "\n" + units->front().bytes).str() + '\0';
  return true;
}

static bool compileAll(StringRef sm, ArrayRef<StringRef> lines) {
  Expected<NvptxTarget> target = findNvptxTarget(sm);
  if (!target) {
    errs() << "error: " << toString(target.takeError()) << '\n';
    return false;
  }
  std::vector<std::string> records(lines.size());
  std::atomic<size_t> next = 0;
  std::atomic<bool> good = true;
  shareWork(std::thread::hardware_concurrency(), [&] {
    for (size_t i; (i = next++) < lines.size();) {
      good = compile(*target, lines[i], records[i]) && good;
    }
  });
  for (const std::string &record : records) {
    outs() << record;
  }
  return good;
}

int main(int argc, char **argv) {
  auto list = MemoryBuffer::getFile(argc > 2 ? argv[1] : "");
  if (!list) {
    errs() << "usage: fathom-kernel-code LIST SM... > FILE\n";
    return 1;
  }
  SmallVector<StringRef> lines;
  (*list)->getBuffer().split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  llvm::sort(lines);
  return all_of(ArrayRef(argv + 2, argc - 2), [&](const char *sm) { return compileAll(sm, lines); }) ? 0 : 1;
}
