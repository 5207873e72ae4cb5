// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What attention takes of the indexer.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_PARTS_INDEXER_H
#define FATHOM_FRONTEND_HUGGINGFACE_PARTS_INDEXER_H

#include "frontend/huggingface/LayerBuilder.h"

namespace fathom::huggingface {

/// What scores of positions are computed from, beside the stored index keys.
struct IndexQuery {
  mlir::Value query;   // f32 [rows, index heads * index head dim]
  mlir::Value weights; // f32 [rows, index heads]
};

/// Builds the index query of each row from its normed input and the normed query latent that attention has of it, and
/// stores its index key.
IndexQuery buildIndexer(LayerBuilder &builder, mlir::Value input, mlir::Value queryLatent);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_PARTS_INDEXER_H
