// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is mapped into this process, and what of it was used.

#ifndef FATHOM_TOOLS_DRIVER_MAPPINGS_H
#define FATHOM_TOOLS_DRIVER_MAPPINGS_H

#include <cstdint>
#include <string>
#include <vector>

namespace fathom::driver {

/// A run of pages with the same properties.
struct Mapping {
  uint64_t start = 0, end = 0;
  bool isFile = false;
  /// Of the file, without folders.
  std::string name;
  /// Bytes of pages that were used since the marks were cleared.
  uint64_t referenced = 0;
};

/// All of them, by address; none where the system does not say.
std::vector<Mapping> listMappings();

/// Clears the marks of used pages. False if the system does not offer that.
bool clearReferences();

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_MAPPINGS_H
