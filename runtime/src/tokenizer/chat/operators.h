// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Python's operators do to values.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_OPERATORS_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_OPERATORS_H

#include "fathom/tokenizer_generated.h"
#include "runtime/src/tokenizer/chat/run.h"

namespace fathom::tokenizer::chat {

using artifact::ChatOperator;

/// The name of the value's type in messages, as Python says it.
const char *typeName(const Value &value);
/// What Jinja2 calls an object of a type, of which something is looked for.
const char *objectName(Type type);

bool isTrue(Run &run, const Value &value);
bool equal(Run &run, const Value &left, const Value &right);
/// Whether both are the same object, or equal constants.
bool same(const Value &left, const Value &right);
/// Fails: Python's integers have no bounds, those here are of 64 bits.
Value failTooLarge(Run &run);
/// left < right; fails for types without an order.
bool less(Run &run, const Value &left, const Value &right);
/// Whether `item` is in `container`.
bool contains(Run &run, const Value &container, const Value &item);
bool compare(Run &run, ChatOperator op, const Value &left, const Value &right);
Value calculate(Run &run, ChatOperator op, const Value &left, const Value &right);
Value negate(Run &run, const Value &value);

/// Fails if the value is undefined.
bool checkDefined(Run &run, const Value &value);

/// object.name: what the object's type has, then what it holds under that key. Undefined if neither.
Value attribute(Run &run, const Value &object, const Text &name);
/// object[key]: the other way around.
Value item(Run &run, const Value &object, const Value &key);
/// Absent bounds are undefined.
Value slice(Run &run, const Value &object, const Value &start, const Value &stop, const Value &step);
/// "a.b.0", as filters take attributes; integers are keys.
Value attributePath(Run &run, const Value &object, const Value &path);

/// The items that a loop over `value` sees: characters, keys, elements. Null after failing. Walks generators to their
/// end.
Sequence *iterate(Run &run, const Value &value);
/// len(value), or a failure.
Value length(Run &run, const Value &value);

/// A sequence of `type` with what `items` has.
Value copy(Run &run, Type type, const Sequence &items);

/// str(value) and repr(value).
Text toText(Run &run, const Value &value);
void writeRepr(Run &run, const Value &value, Builder &out);

/// The C library's functions, without its mathematics: who links the runtime needs no libm.
double roundDown(double value);
/// `value` with that many digits after the point, as Python's round: the nearest, of its exact value.
double roundToPlaces(double value, int64_t places);
double roundToEven(double value);
/// 10 to a power.
double powerOfTen(int64_t exponent);
/// What is left of `value` / `divisor`, which is not 0, with the sign of `value`; exact.
double remainder(double value, double divisor);

/// A float as repr writes it; the room is enough.
constexpr size_t kRealRoom = 40;
uint32_t printReal(double value, char *out);
uint32_t printInteger(int64_t value, char *out);
/// Reads "inf", "infinity" or "nan" in any case, with a sign or without.
bool parseUnusualReal(std::string_view text, double &out);
/// A float in Python's or JSON's spelling at the start of `text`; `end` is where it ends, 0 if there is none.
double parseReal(std::string_view text, size_t &end);

/// text % values.
Value formatPercent(Run &run, const Text &text, const Value &values);

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_OPERATORS_H
