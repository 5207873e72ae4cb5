// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers of initializers, from the files of a model.

#ifndef FATHOM_DIALECTS_ONNX_EVALUATE_READINITIALIZER_H
#define FATHOM_DIALECTS_ONNX_EVALUATE_READINITIALIZER_H

#include "dialects/onnx/Onnx.h"
#include "dialects/onnx/evaluate/Array.h"

namespace fathom::onnx {

/// Reads the numbers of an initializer from its file, which is at `path`; an error where they are not there, or are
/// more than an array may have.
llvm::Expected<Array> readInitializer(InitializerOp initializer, llvm::StringRef path);

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_EVALUATE_READINITIALIZER_H
