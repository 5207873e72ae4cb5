// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A long context without computing it, for `fathom bench`: what is measured there is the reading of rows, not what they
// say.

#ifndef FATHOM_TOOLS_DRIVER_REPEATROWS_H
#define FATHOM_TOOLS_DRIVER_REPEATROWS_H

#include "fathom/fathom.h"

namespace fathom::driver {

/// Extends a sequence of some positions to `length`: what the stores hold of each new position is a copy of what they
/// hold of one of the old, drawn by `seed` and the position. So rows are of the right type and magnitude, and what a
/// model selects by their values is spread over the context. Statuses as of fathom_session_restore_sequence.
fathom_status_t repeatRows(fathom_session_t *session, fathom_sequence_t sequence, uint32_t length, uint64_t seed);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_REPEATROWS_H
