// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Jinja's tests: what may follow "is".

#include "fathom/tokenizer_abi.h"
#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

namespace fathom::tokenizer::chat {

namespace tests {

using A = const Arguments &;

bool compareWith(Run &run, ChatOperator op, const Value &value, A arguments) {
  return compare(run, op, value, argument(run, arguments, 0, "other"));
}

bool hasRemainder(Run &run, const Value &value, const Value &divisor, int64_t wanted) {
  return equal(run, calculate(run, ChatOperator::modulo, value, divisor), Value::of(wanted));
}

bool isBoolean(Run &, const Value &value, A) { return value.is(Type::Boolean); }
bool isCallable(Run &, const Value &value, A) { return value.type >= Type::Loop; }
bool isDefined(Run &, const Value &value, A) { return !value.isUndefined(); }
bool isDivisibleBy(Run &run, const Value &value, A arguments) {
  return hasRemainder(run, value, argument(run, arguments, 0, "num"), 0);
}
bool isEqual(Run &run, const Value &value, A a) { return compareWith(run, ChatOperator::equal, value, a); }
bool isEscaped(Run &, const Value &value, A) { return value.isString() && value.markup; }
bool isEven(Run &run, const Value &value, A) { return hasRemainder(run, value, Value::of(int64_t(2)), 0); }
bool isFalse(Run &, const Value &value, A) { return value.is(Type::Boolean) && !value.boolean; }
bool isReal(Run &, const Value &value, A) { return value.is(Type::Real); }
bool isGreaterOrEqual(Run &run, const Value &value, A a) {
  return compareWith(run, ChatOperator::greater_equal, value, a);
}
bool isGreater(Run &run, const Value &value, A a) { return compareWith(run, ChatOperator::greater, value, a); }
bool isIn(Run &run, const Value &value, A arguments) {
  return contains(run, argument(run, arguments, 0, "seq"), value);
}
bool isInteger(Run &, const Value &value, A) { return value.is(Type::Integer); }
bool isIterable(Run &, const Value &value, A) {
  return value.isUndefined() || value.isString() || value.isSequence() || value.is(Type::Dict) || value.is(Type::Loop);
}
bool isLessOrEqual(Run &run, const Value &value, A a) { return compareWith(run, ChatOperator::less_equal, value, a); }
bool isLess(Run &run, const Value &value, A a) { return compareWith(run, ChatOperator::less, value, a); }
bool isLower(Run &run, const Value &value, A) { return isCased(toText(run, value), false); }
bool isMapping(Run &, const Value &value, A) { return value.is(Type::Dict); }
bool isUnequal(Run &run, const Value &value, A a) { return compareWith(run, ChatOperator::unequal, value, a); }
bool isNone(Run &, const Value &value, A) { return value.is(Type::None); }
bool isNumber(Run &, const Value &value, A) { return value.isNumber(); }
bool isOdd(Run &run, const Value &value, A) { return hasRemainder(run, value, Value::of(int64_t(2)), 1); }
bool isSame(Run &run, const Value &value, A arguments) { return same(value, argument(run, arguments, 0, "other")); }
bool isSequence(Run &, const Value &value, A) {
  return value.isUndefined() || value.isString() || value.is(Type::List) || value.is(Type::Tuple) ||
         value.is(Type::Range) || value.is(Type::Dict);
}
bool isString(Run &, const Value &value, A) { return value.isString(); }
bool isTrue(Run &, const Value &value, A) { return value.is(Type::Boolean) && value.boolean; }
bool isUndefined(Run &, const Value &value, A) { return value.isUndefined(); }
bool isUpper(Run &run, const Value &value, A) { return isCased(toText(run, value), true); }

} // namespace tests

namespace {
struct NamedTest {
  std::string_view name;
  Test test;
};
} // namespace

#define FATHOM_TEST(name, function) {name, tests::function},
static constexpr NamedTest kTests[] = {FATHOM_CHAT_TESTS(FATHOM_TEST)};
#undef FATHOM_TEST
#define FATHOM_NAME(name) name,
static constexpr std::string_view kMissing[] = {FATHOM_CHAT_MISSING_TESTS(FATHOM_NAME)};
#undef FATHOM_NAME

Test testAt(uint32_t place) { return place < std::size(kTests) ? kTests[place].test : nullptr; }

Test findTest(Run &run, const Value &name) {
  Text wanted = toText(run, name);
  for (const NamedTest &named : kTests) {
    if (named.name == wanted.view()) {
      return named.test;
    }
  }
  failUnknown(run, "test", wanted, kMissing, std::size(kMissing));
  return nullptr;
}

} // namespace fathom::tokenizer::chat
