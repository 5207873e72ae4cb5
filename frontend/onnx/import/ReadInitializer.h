// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers of initializers, from the files of a model.

#ifndef FATHOM_FRONTEND_ONNX_IMPORT_READINITIALIZER_H
#define FATHOM_FRONTEND_ONNX_IMPORT_READINITIALIZER_H

#include "dialects/onnx/evaluate/Evaluator.h"
#include "frontend/onnx/import/ImportModel.h"

namespace fathom::onnx {

/// Reads the numbers of an initializer of a module whose files these are.
llvm::Expected<Array> readInitializer(llvm::ArrayRef<DataFile> files, InitializerOp initializer);

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_IMPORT_READINITIALIZER_H
