// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tensors of GGUF files are called in a checkpoint of Hugging Face, and the other way round.

#ifndef FATHOM_FRONTEND_GGUF_TENSORNAMES_H
#define FATHOM_FRONTEND_GGUF_TENSORNAMES_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace fathom::gguf {

/// "model.layers.3.self_attn.q_proj.weight" of "blk.3.attn_q.weight"; a name that is not known stays as it is.
std::string toCheckpointName(llvm::StringRef name);

/// The other way round; also of one expert's tensor, which is part of that of all.
std::string toGgufName(llvm::StringRef name);

/// The layer of "blk.3.", which is cut off, or -1.
int64_t takeLayer(llvm::StringRef &name);

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_TENSORNAMES_H
