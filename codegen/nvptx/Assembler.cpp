// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs ptxas on files in the folder for temporary ones.

#include "codegen/nvptx/Assembler.h"

#include "dialects/support/ExitError.h"
#include "dialects/support/TemporaryRegistry.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/Chrono.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <fcntl.h>
#include <optional>
#include <thread>
#include <unistd.h>

using namespace llvm;

namespace fathom::codegen {

Expected<std::string> findAssembler() {
  if (const char *given = getenv("FATHOM_PTXAS")) {
    if (!*given) {
      return "";
    }
    ErrorOr<std::string> found = sys::findProgramByName(given);
    return found && sys::fs::can_execute(*found)
               ? Expected<std::string>(*found)
               : makeError(ExitCode::Usage, "FATHOM_PTXAS: " + quotePath(given) + " is not a program");
  }
  ErrorOr<std::string> found = sys::findProgramByName("ptxas");
  for (StringRef folder : {"/usr/local/cuda/bin", "/opt/cuda/bin", "/usr/lib/nvidia-cuda-toolkit/bin"}) {
    found = found ? found : sys::findProgramByName("ptxas", {folder});
  }
  return found ? *found : "";
}

namespace {
/// A file that is gone when this object is.
class TemporaryFile {
public:
  static Expected<std::unique_ptr<TemporaryFile>> create(StringRef suffix, StringRef contents = "") {
    auto file = std::make_unique<TemporaryFile>();
    // Registered first: an interruption between naming and making it must not leave the file behind.
    file->choosePath(suffix);
    int descriptor;
    if (std::error_code error =
            sys::fs::openFileForWrite(file->path, descriptor, sys::fs::CD_CreateNew, sys::fs::OF_None,
                                      sys::fs::owner_read | sys::fs::owner_write)) {
      return makeSystemError("cannot make a temporary file in '" + sys::path::parent_path(file->path) + "'",
                             error.value());
    }
    raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream << contents;
    stream.close();
    if (stream.has_error()) {
      Error error = makeSystemError("cannot write '" + file->path + "'", stream.error().value());
      stream.clear_error();
      return std::move(error);
    }
    return file;
  }

  StringRef getPath() const { return path; }
  std::string read() const {
    ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : "";
  }

  ~TemporaryFile() {
    sys::fs::remove(path);
    registration.reset();
    ::close(folder);
  }

private:
  /// A name that nobody has; an interruption removes the file, too.
  void choosePath(StringRef suffix) {
    SmallString<128> parent;
    sys::path::system_temp_directory(/*erasedOnReboot=*/true, parent);
    sys::fs::createUniquePath(parent + "/fathom-%%%%%%%%%%%%." + suffix, path, /*MakeAbsolute=*/false);
    folder = ::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    registration.emplace(folder, parent.str().str(), sys::path::filename(path).str());
  }

  SmallString<128> path;
  int folder = -1;
  std::optional<TemporaryRegistration> registration;
};
} // namespace

/// Whether all that an ELF file says it has is there.
static bool isWholeElf(StringRef bytes) {
  using object::ELF64LE;
  auto file = expectedToOptional(object::ELFFile<ELF64LE>::create(bytes));
  auto sections = file ? expectedToOptional(file->sections()) : std::nullopt;
  return bytes.starts_with("\177ELF") && sections && !sections->empty() &&
         expectedToOptional(file->program_headers()) && all_of(*sections, [&](const ELF64LE::Shdr &section) {
           return section.sh_type == ELF::SHT_NOBITS || expectedToOptional(file->getSectionContents(section));
         });
}

/// The number before `word` in "Used 40 registers, 1024 bytes smem".
static uint32_t readNumberBefore(StringRef report, StringRef word) {
  auto [before, after] = report.split(word);
  uint32_t number = 0;
  size_t digits = before.rtrim().find_last_not_of("0123456789");
  return after.empty() || before.rtrim().substr(digits + 1).getAsInteger(10, number) ? 0 : number;
}

void readResources(StringRef report, Assembled &assembled) {
  assembled.registers = readNumberBefore(report, " registers");
  assembled.sharedBytes = readNumberBefore(report, " bytes smem");
  assembled.spillBytes = readNumberBefore(report, " bytes spill stores");
  // C75 and two digits: of products, or of registers that they do not get. No flag makes it more than information.
  size_t complaint = report.find("(C75");
  assembled.complaint = complaint == StringRef::npos ? "" : report.substr(complaint).split('\n').first.str();
}

/// Of what ptxas says, what an error repeats.
static constexpr size_t kLinesRepeated = 10;

/// That `ptxas` failed, and for what or how; in lines below it what it `said`, and what to do.
static Error makeFailure(ExitCode kind, StringRef ptxas, const Twine &how, StringRef said) {
  SmallVector<StringRef> lines;
  said.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  lines.truncate(std::min(lines.size(), kLinesRepeated));
  lines.push_back("set FATHOM_PTXAS to another, or do without by --cubin=none");
  return makeError(kind, "ptxas failed" + how + ": " + quotePath(ptxas) + "\n" + join(lines, "\n"));
}

/// Waits until `program` ends, or `limit` is over, which ends it; what it has started, the compiler's parent ends.
/// LLVM's own limit is an alarm, and there is one for all threads.
static sys::ProcessInfo waitFor(const sys::ProcessInfo &program, std::chrono::seconds limit, std::string &message) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::chrono::microseconds nap{100};
  while (std::chrono::steady_clock::now() < deadline) {
    sys::ProcessInfo ended = sys::Wait(program, /*SecondsToWait=*/0, &message, nullptr, /*Polling=*/true);
    if (ended.Pid != 0) {
      return ended;
    }
    std::this_thread::sleep_for(nap);
    nap = std::min(nap * 3 / 2, std::chrono::microseconds(20000));
  }
  kill(program.Pid, SIGKILL);
  sys::ProcessInfo ended = sys::Wait(program, std::nullopt);
  message = formatv("it did not end within {0}", limit);
  return ended;
}

/// What ptxas prints; `purpose` says what it does in an error.
static Expected<std::string> runAssembler(StringRef ptxas, ArrayRef<StringRef> arguments, const Twine &purpose,
                                          std::chrono::seconds limit) {
  auto report = TemporaryFile::create("log");
  if (!report) {
    return report.takeError();
  }
  SmallVector<StringRef> command = {ptxas};
  append_range(command, arguments);
  std::optional<StringRef> redirects[] = {StringRef(), (*report)->getPath(), (*report)->getPath()};
  std::string message;
  bool isMissing = false;
  sys::ProcessInfo program =
      sys::ExecuteNoWait(ptxas, command, std::nullopt, redirects, /*MemoryLimit=*/0, &message, &isMissing);
  int code = isMissing ? -1 : waitFor(program, limit, message).ReturnCode;
  std::string text = (*report)->read();
  if (code == 0) {
    return text;
  }
  // Negative: it could not be run, or something ended it.
  ExitCode kind = code > 0 ? ExitCode::Unsupported : code == -1 ? ExitCode::InputOutput : ExitCode::Resources;
  std::string why = code > 0 ? " with exit code " + std::to_string(code) : ": " + message;
  return makeFailure(kind, ptxas, purpose + why, text);
}

Expected<std::string> getAssemblerVersion(StringRef ptxas) {
  return runAssembler(ptxas, {"--version"}, " to say its version", kAssemblyLimit);
}

Expected<Assembled> assemble(StringRef ptxas, StringRef ptx, StringRef processor, std::chrono::seconds limit) {
  auto input = TemporaryFile::create("ptx", ptx);
  if (!input) {
    return input.takeError();
  }
  auto output = TemporaryFile::create("cubin");
  if (!output) {
    return output.takeError();
  }
  std::string arch = ("-arch=" + processor).str();
  Expected<std::string> report =
      runAssembler(ptxas, {arch, "-v", (*input)->getPath(), "-o", (*output)->getPath()}, " for " + processor, limit);
  if (!report) {
    return report.takeError();
  }
  Assembled assembled;
  assembled.cubin = (*output)->read();
  if (!isWholeElf(assembled.cubin)) {
    StringRef written = assembled.cubin.empty() ? "no" : "damaged";
    return makeFailure(ExitCode::Unsupported, ptxas, " for " + processor + ": it wrote " + written + " machine code",
                       *report);
  }
  readResources(*report, assembled);
  return assembled;
}

} // namespace fathom::codegen
