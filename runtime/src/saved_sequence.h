// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sequence's cache as bytes.

#ifndef FATHOM_RUNTIME_SRC_SAVED_SEQUENCE_H
#define FATHOM_RUNTIME_SRC_SAVED_SEQUENCE_H

#include "runtime/src/session.h"

namespace fathom::runtime {

/// As fathom_session_save_sequence.
fathom_status_t saveSequence(Session &session, const Sequence &sequence, void *buffer, size_t capacity,
                             size_t *outSize);

/// As fathom_session_restore_sequence.
fathom_status_t restoreSequence(Session &session, const void *data, size_t size, fathom_sequence_t *outSequence);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_SAVED_SEQUENCE_H
