// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors that repeat another one, which is read in their place: a warning where they do not.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_WEIGHTCOPIES_H
#define FATHOM_FRONTEND_HUGGINGFACE_WEIGHTCOPIES_H

#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/huggingface/ModelConfig.h"

namespace fathom::huggingface {

/// Compares the head of a model whose configuration ties it to the embedding.
void compareTiedHead(const checkpoint::Checkpoint &checkpoint, const checkpoint::TensorRef &head,
                     checkpoint::Diagnostics &diagnostics);

/// Compares what a multi-token-prediction layer repeats of the model.
void compareCopies(const ModelConfig &config, const checkpoint::Checkpoint &checkpoint, int64_t layer,
                   checkpoint::Diagnostics &diagnostics);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_WEIGHTCOPIES_H
