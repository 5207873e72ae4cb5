// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The public headers compile as C11 with nothing before them.

#include "fathom/fathom.h"

#include "fathom/artifact_abi.h"
#include "fathom/kernel_abi.h"

int fathom_headers_c(void);

int fathom_headers_c(void) { return FATHOM_API_VERSION; }
