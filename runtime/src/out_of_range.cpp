// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// std::string_view::substr throws for a start beyond the end, through a function of the C++ library. The tokenizer
// checks its starts, and the runtime links no C++ library, so the build renames that function to this one.

namespace std {

[[noreturn, gnu::visibility("hidden")]] void fathom_out_of_range(const char *format, ...);

void fathom_out_of_range(const char *, ...) { __builtin_trap(); }

} // namespace std
