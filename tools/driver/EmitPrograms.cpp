// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code generation for every target, and what a newer GPU's program shares with an older one's.

#include "tools/driver/EmitPrograms.h"

#include "codegen/llvm/UnitCache.h"
#include "codegen/nvptx/Assembler.h"
#include "codegen/nvptx/Target.h"
#include "tools/driver/Version.h"

using namespace llvm;

namespace fathom::driver {

/// A module that somebody wrote or changed may say what no code can be made for.
bool ProgramEmitter::fail(Error error, StringRef code) {
  report(std::move(error), code, diagnostics,
         options.from ? checkpoint::Problem::BadInput : checkpoint::Problem::Internal);
  return false;
}

bool ProgramEmitter::add(const artifact::TargetT &target, const NamedTarget &named) {
  auto [program, isNew] = programs.try_emplace(target.cpu, named.name);
  if (!isNew) {
    bool isTwice = named.name == program->second;
    diagnostics.note(
        "variant", options.input, "",
        named.option + ": '" + named.name + "' " +
            (isTwice ? "is named twice" : "adds nothing: its program would be the one for '" + program->second + "'"));
  }
  return isNew;
}

/// The ptxas to use; empty: none. Nothing: it was reported.
std::optional<std::string> ProgramEmitter::findAssembler(const codegen::CodeTarget &target) {
  if (target.getTriple() != codegen::NvptxTarget::kTriple || options.cubin == "none") {
    return "";
  }
  llvm::Expected<std::string> found = codegen::findAssembler();
  if (!found) {
    fail(found.takeError(), "ptxas");
    return std::nullopt;
  }
  StringRef where = "set FATHOM_PTXAS, or add it to PATH; it comes with CUDA, and with PyPI's nvidia-cuda-nvcc";
  if (found->empty() && options.cubin == "require") {
    diagnostics.error(checkpoint::Problem::Unsupported, "ptxas", options.input, "",
                      "--cubin=require: ptxas is not there: " + where);
    return std::nullopt;
  }
  if (found->empty()) {
    diagnostics.warning("ptxas", options.input, "",
                        "ptxas is not there: the artifact has PTX alone, which drivers compile when it is loaded",
                        where);
  }
  return *found;
}

static bool hasMachineCode(const artifact::ModuleT &module) { return module.cubin_size > 0; }

/// Whether the drivers of both would compile the same.
static bool haveEqualText(const codegen::ProgramContents &first, const codegen::ProgramContents &second) {
  return llvm::equal(first.modules, second.modules, [&](const artifact::ModuleT &a, const artifact::ModuleT &b) {
    return StringRef(first.code).substr(a.ptx_offset, a.ptx_size) ==
           StringRef(second.code).substr(b.ptx_offset, b.ptx_size);
  });
}

/// Newer GPUs that have no kernels of their own get the PTX of `program`. The user is told; and without machine code,
/// which is for one architecture, their programs are not kept: this one runs wherever they would.
void ProgramEmitter::settleNewer(const codegen::ProgramContents &program) {
  while (!contents.variants.empty() && !contents.variants.back().modules.empty() &&
         haveEqualText(contents.variants.back(), program)) {
    const codegen::ProgramContents &newer = contents.variants.back();
    bool isKept = llvm::any_of(newer.modules, hasMachineCode);
    StringRef why = isKept ? "' has machine code of its own, but the PTX, stored for each, of '"
                           : "' adds nothing: without machine code its program would be the one for '";
    diagnostics.note("variant", options.input, "", "--sm: '" + newer.target.cpu + why + program.target.cpu + "'");
    if (isKept) {
      return;
    }
    contents.variants.pop_back();
  }
}

bool ProgramEmitter::emitProgram(const codegen::ModelCode &code, const codegen::CodeTarget &target,
                                 codegen::ProgramContents &program) {
  std::optional<codegen::UnitCache> cache;
  if (!options.cacheDirectory.empty()) {
    cache.emplace(options.cacheDirectory, (getLLVMVersion() + getCompilerHash()).str());
  }
  std::optional<std::string> assembler = findAssembler(target);
  if (!assembler) {
    return false;
  }
  auto progress = [&](uint64_t done, uint64_t total) {
    if (options.progress) {
      options.progress("wait for ptxas", done, total);
    }
  };
  llvm::Expected<codegen::ProgramCode> emitted =
      target.emit(code, {options.threads, cache ? &*cache : nullptr, *assembler, progress}, program.kernels);
  if (!emitted) {
    return fail(emitted.takeError(), "codegen");
  }
  for (const std::string &warning : emitted->warnings) {
    diagnostics.warning("ptxas", options.input, "", warning);
  }
  for (artifact::NamedFunctionT &function : program.namedFunctions) {
    function.code = emitted->addresses.lookup(codegen::getCallName(function.name));
  }
  program.code = std::move(emitted->bytes);
  program.modules = std::move(emitted->modules);
  settleNewer(program);
  contents.variants.push_back(std::move(program));
  return true;
}

bool ProgramEmitter::writeText(const codegen::ModelCode &code, const codegen::CodeTarget &target) {
  llvm::LLVMContext llvmContext;
  llvm::Expected<std::unique_ptr<llvm::Module>> module = codegen::buildLLVMModule(code, target, llvmContext);
  if (!module) {
    return fail(module.takeError(), "codegen");
  }
  if (options.product == Product::LLVM) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*module)->print(stream, nullptr);
    return output.writeText(text);
  }
  llvm::Expected<std::string> text = codegen::emitAssembly(**module, target);
  return text ? output.writeText(*text) : fail(text.takeError(), "codegen");
}

bool ProgramEmitter::emit(const codegen::ModelCode &code, const codegen::CodeTarget &target,
                          codegen::ProgramContents &program) {
  return isProgram(options.product) ? emitProgram(code, target, program) : writeText(code, target);
}

} // namespace fathom::driver
