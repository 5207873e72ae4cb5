// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sanitizers are told in every program, whatever its environment. LLVM's libraries are not instrumented: inline
// allocators that they share with us poison memory that they do not unpoison, and nobody sees in what order their
// threads run. Too large an allocation fails, as it does without sanitizers.

const char *__asan_default_options(void) { return "allow_user_poisoning=0:allocator_may_return_null=1"; }

const char *__tsan_default_options(void) { return "allocator_may_return_null=1"; }

const char *__tsan_default_suppressions(void) { return "race:libMLIR.so\nrace:libLLVM.so\n"; }
