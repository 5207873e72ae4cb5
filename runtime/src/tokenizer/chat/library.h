// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Filters, tests, methods and functions that templates can call.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_LIBRARY_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_LIBRARY_H

#include "runtime/src/tokenizer/chat/run.h"

namespace fathom::tokenizer::chat {

using Filter = Value (*)(Run &run, const Value &value, const Arguments &arguments);
using Test = bool (*)(Run &run, const Value &value, const Arguments &arguments);

/// The filter and test at a place of FATHOM_CHAT_FILTERS and FATHOM_CHAT_TESTS; null beyond the end.
Filter filterAt(uint32_t place);
Test testAt(uint32_t place);
/// Null after failing where there is none of that name.
Filter findFilter(Run &run, const Value &name);
Test findTest(Run &run, const Value &name);

/// Fails for a name of no filter or test: `missing` are those that Jinja2 has.
void failUnknown(Run &run, const char *what, const Text &name, const std::string_view *missing, size_t count);

/// The method of the value's type; null if there is none. One without a function would change the value: Hugging Face's
/// sandbox takes it as undefined.
const MethodInfo *findMethod(const Value &value, std::string_view name);

/// raise_exception, strftime_now, range, dict, namespace; null for other names.
const Function *findFunction(std::string_view name);

/// dict() and namespace(), of a type: another dict or pairs, and keywords.
Value makeDict(Run &run, const Arguments &arguments, Type type);
/// The entries as pairs, in a sequence of a type.
Value itemsOf(Run &run, const Dict &dict, Type type);

/// str.format.
Value formatText(Run &run, const Value &self, const Arguments &arguments);

/// Argument `place`, or that of the keyword `name`; undefined if neither is there.
Value argument(Run &run, const Arguments &arguments, uint32_t place, std::string_view name);
int64_t integerArgument(Run &run, const Arguments &arguments, uint32_t place, std::string_view name, int64_t otherwise);

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_LIBRARY_H
