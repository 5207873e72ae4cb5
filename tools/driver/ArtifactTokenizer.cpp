// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tokenizer of an artifact.

#include "tools/driver/ArtifactTokenizer.h"

#include "fathom/fathom.h"
#include "runtime/cli/messages.h"
#include "runtime/src/artifact_reader.h"

namespace fathom::driver {

int openArtifactTokenizer(const std::string &path, OpenedTokenizer &out) {
  uint64_t offset = 0;
  if (fathom_model_find_embedded(path.c_str(), &offset) != FATHOM_STATUS_OK) {
    // Not an executable with an artifact at its end; if it is not an artifact either, reading it will fail.
    offset = 0;
  }
  runtime::ByteSource source;
  auto metadata = std::make_shared<runtime::Metadata>();
  fathom_status_t status = source.openFile(path.c_str(), offset);
  status = status == FATHOM_STATUS_OK ? metadata->read(source) : status;
  if (status != FATHOM_STATUS_OK) {
    runtime::failInFile(status, path.c_str());
    return cli::printError("fathom", fathom_status_exit_code(status), "%s", fathom_status_message());
  }
  out.table = metadata->contents().tokenizer();
  out.memory = metadata;
  if (!out.table) {
    return cli::printError("fathom", cli::kUnsupported,
                           "%s: the artifact has no tokenizer, because its checkpoint had none; compile one that has",
                           path.c_str());
  }
  return cli::kOk;
}

} // namespace fathom::driver
