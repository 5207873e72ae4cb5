// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Truth, equality, order and arithmetic.

#include "runtime/src/tokenizer/chat/operators.h"

#include "runtime/src/tokenizer/chat/text.h"

#include <cmath>

namespace fathom::tokenizer::chat {

static const char *symbol(ChatOperator op) {
  switch (op) {
  case ChatOperator::add:
    return "+";
  case ChatOperator::subtract:
    return "-";
  case ChatOperator::multiply:
    return "*";
  case ChatOperator::divide:
    return "/";
  case ChatOperator::floor_divide:
    return "//";
  case ChatOperator::modulo:
    return "%";
  case ChatOperator::power:
    return "** or pow()";
  default:
    return "?";
  }
}

static bool equalItems(Run &run, const Sequence &left, const Sequence &right) {
  bool same = left.count == right.count;
  for (uint32_t i = 0; same && i < left.count && run.step(); ++i) {
    same = equal(run, left.items[i], right.items[i]);
  }
  return same;
}

static bool equalDicts(Run &run, const Dict &left, const Dict &right) {
  bool same = left.count == right.count;
  for (uint32_t i = 0; same && i < left.count && run.step(); ++i) {
    const Value *other = right.find(run, left.entries[i].key);
    same = other != nullptr && equal(run, left.entries[i].value, *other);
  }
  return same;
}

/// x / y for y not 0, towards minus infinity, and what is left of x.
static int64_t floorDivide(int64_t x, int64_t y) { return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0); }

/// `base` to a power that is not negative. False where it does not fit.
static bool raise(int64_t base, uint64_t exponent, int64_t &out) {
  bool overflow = false;
  for (out = 1; exponent != 0 && !overflow; exponent >>= 1) {
    overflow = (exponent & 1) != 0 && __builtin_mul_overflow(out, base, &out);
    overflow |= exponent > 1 && __builtin_mul_overflow(base, base, &base);
  }
  return !overflow;
}

static bool isWhole(const Value &value) {
  return value.isIntegral() || (std::fabs(value.real) < 9e15 && roundDown(value.real) == value.real);
}

/// Powers of whole numbers, where they are exact. Others are the C library's mathematics, which the runtime does
/// without.
static Value calculatePower(Run &run, const Value &left, const Value &right) {
  constexpr int64_t kMostExact = int64_t(1) << 53;
  if (!isWhole(left) || !isWhole(right)) {
    return run.failAs(Failure::Unsupported, "powers of numbers that are not whole are not supported");
  }
  int64_t base = left.isIntegral() ? left.toInteger() : int64_t(left.real), result = 0;
  int64_t exponent = right.isIntegral() ? right.toInteger() : int64_t(right.real);
  if (base == 0 && exponent < 0) {
    return run.fail("0.0 cannot be raised to a negative power");
  }
  if (!raise(base, exponent < 0 ? 0 - uint64_t(exponent) : uint64_t(exponent), result)) {
    return failTooLarge(run);
  }
  if (left.isIntegral() && right.isIntegral() && exponent >= 0) {
    return Value::of(result);
  }
  if (result > kMostExact || result < -kMostExact) {
    return run.failAs(Failure::Unsupported, "powers above 2^53 that are floats are not supported");
  }
  return Value::of(exponent < 0 ? 1 / double(result) : double(result));
}

static Value calculateIntegers(Run &run, ChatOperator op, int64_t x, int64_t y) {
  int64_t result = 0;
  bool overflow = false;
  switch (op) {
  case ChatOperator::add:
    overflow = __builtin_add_overflow(x, y, &result);
    break;
  case ChatOperator::subtract:
    overflow = __builtin_sub_overflow(x, y, &result);
    break;
  case ChatOperator::multiply:
    overflow = __builtin_mul_overflow(x, y, &result);
    break;
  case ChatOperator::floor_divide:
    overflow = x == INT64_MIN && y == -1;
    result = overflow ? 0 : floorDivide(x, y);
    break;
  default:
    result = y == -1 ? 0 : x - floorDivide(x, y) * y;
  }
  return overflow ? failTooLarge(run) : Value::of(result);
}

/// divmod: `rest` has the sign of the divisor.
static double divmod(double x, double y, double &rest) {
  rest = remainder(x, y);
  double quotient = (x - rest) / y;
  if (rest != 0 && (y < 0) != (rest < 0)) {
    rest += y;
    quotient -= 1;
  }
  rest = rest == 0 ? std::copysign(0.0, y) : rest;
  // It is whole but for rounding.
  double whole = roundDown(quotient);
  whole += quotient - whole > 0.5 ? 1 : 0;
  return whole == 0 ? std::copysign(0.0, x / y) : whole;
}

static Value calculateReals(ChatOperator op, double x, double y) {
  switch (op) {
  case ChatOperator::add:
    return Value::of(x + y);
  case ChatOperator::subtract:
    return Value::of(x - y);
  case ChatOperator::multiply:
    return Value::of(x * y);
  case ChatOperator::divide:
    return Value::of(x / y);
  default:
    double rest = 0, quotient = divmod(x, y, rest);
    return Value::of(op == ChatOperator::modulo ? rest : quotient);
  }
}

static Value calculateNumbers(Run &run, ChatOperator op, const Value &left, const Value &right) {
  bool divides = op == ChatOperator::divide || op == ChatOperator::floor_divide || op == ChatOperator::modulo;
  if (divides && right.toReal() == 0) {
    return run.fail("division by zero");
  }
  if (op == ChatOperator::power) {
    return calculatePower(run, left, right);
  }
  bool integral = left.isIntegral() && right.isIntegral() && op != ChatOperator::divide;
  return integral ? calculateIntegers(run, op, left.toInteger(), right.toInteger())
                  : calculateReals(op, left.toReal(), right.toReal());
}

/// Where one side is safe, the other is escaped, so that the result is safe.
static Value addTexts(Run &run, const Value &left, const Value &right) {
  bool markup = left.markup || right.markup;
  Text first = markup && !left.markup ? escapeHtml(run, left.toText()) : left.toText();
  Text second = markup && !right.markup ? escapeHtml(run, right.toText()) : right.toText();
  return Value::ofMarkup(concatenate(run, first, second), markup);
}

static Value joinSequences(Run &run, const Value &left, const Value &right) {
  Value result = copy(run, left.type, *left.sequence);
  for (uint32_t i = 0; !run.failed() && i < right.sequence->count && run.step(); ++i) {
    (void)result.sequence->push(run, right.sequence->items[i]);
  }
  return result;
}

static Value repeatValue(Run &run, const Value &value, int64_t count) {
  if (value.isString()) {
    return Value::ofMarkup(repeat(run, value.toText(), count), value.markup);
  }
  Sequence *result = run.create<Sequence>();
  for (int64_t i = 0; result != nullptr && i < count && run.step(); ++i) {
    for (uint32_t j = 0; j < value.sequence->count && run.step(); ++j) {
      (void)result->push(run, value.sequence->items[j]);
    }
  }
  return run.failed() ? Value() : Value::of(value.type, result);
}

static bool isRepeatable(const Value &value) {
  return value.isString() || value.is(Type::List) || value.is(Type::Tuple);
}

static Value failOperands(Run &run, ChatOperator op, const Value &left, const Value &right) {
  if (op == ChatOperator::add && left.isString()) {
    return run.fail("can only concatenate str (not \"%s\") to str", typeName(right));
  }
  return run.fail("unsupported operand types for %s: '%s' and '%s'", symbol(op), typeName(left), typeName(right));
}

static bool lessItems(Run &run, const Sequence &left, const Sequence &right) {
  for (uint32_t i = 0; i < left.count && i < right.count && run.step(); ++i) {
    if (!equal(run, left.items[i], right.items[i])) {
      return less(run, left.items[i], right.items[i]);
    }
  }
  return left.count < right.count;
}

const char *objectName(Type type) {
  switch (type) {
  case Type::None:
    return "None";
  case Type::Boolean:
    return "bool object";
  case Type::Integer:
    return "int object";
  case Type::Real:
    return "float object";
  case Type::String:
    return "str object";
  case Type::List:
    return "list object";
  case Type::Tuple:
    return "tuple object";
  case Type::Range:
    return "range object";
  case Type::Dict:
    return "dict object";
  case Type::Namespace:
    return "jinja2.utils.Namespace object";
  case Type::Loop:
    return "jinja2.runtime.LoopContext object";
  case Type::Macro:
    return "jinja2.runtime.Macro object";
  default:
    return "object";
  }
}

const char *typeName(const Value &value) {
  switch (value.type) {
  case Type::Undefined:
    return "Undefined";
  case Type::None:
    return "NoneType";
  case Type::Boolean:
    return "bool";
  case Type::Integer:
    return "int";
  case Type::Real:
    return "float";
  case Type::String:
    return "str";
  case Type::List:
    return "list";
  case Type::Tuple:
    return "tuple";
  case Type::Range:
    return "range";
  case Type::View:
    return value.sequence->name;
  case Type::Generator:
    return "generator";
  case Type::Dict:
    return "dict";
  case Type::Namespace:
    return "Namespace";
  case Type::Loop:
    return "LoopContext";
  case Type::Macro:
    return "Macro";
  case Type::Method:
    return "method";
  case Type::Function:
    return "function";
  }
  return "?";
}

Value failTooLarge(Run &run) {
  return run.failAs(Failure::Unsupported,
                    "integers above 2^63 - 1 or below -2^63 are not supported, though Python's have no bounds");
}

bool checkDefined(Run &run, const Value &value) {
  if (!value.isUndefined()) {
    return true;
  }
  int size = int(value.size > 80 ? 80 : value.size);
  if (value.owner == Type::Undefined || value.owner == kReason) {
    run.fail(value.owner == kReason ? "%.*s" : "'%.*s' is undefined", size, value.text);
  } else {
    run.fail("'%s' has no attribute '%.*s'", objectName(value.owner), size, value.text);
  }
  return false;
}

bool isTrue(Run &run, const Value &value) {
  switch (value.type) {
  case Type::Undefined:
  case Type::None:
    return false;
  case Type::Boolean:
    return value.boolean;
  case Type::Integer:
    return value.integer != 0;
  case Type::Real:
    return value.real != 0;
  case Type::String:
    return value.size != 0;
  case Type::List:
  case Type::Tuple:
  case Type::Range:
  case Type::View:
    return value.sequence->count != 0;
  case Type::Dict:
    return value.dict->count != 0;
  default:
    return !run.failed();
  }
}

bool equal(Run &run, const Value &left, const Value &right) {
  Deeper deeper(run);
  if (!deeper || !run.step()) {
    return false;
  }
  if (left.isIntegral() && right.isIntegral()) {
    return left.toInteger() == right.toInteger();
  }
  if (left.isNumber() && right.isNumber()) {
    return left.toReal() == right.toReal();
  }
  if (left.type != right.type) {
    return false;
  }
  switch (left.type) {
  case Type::Undefined:
  case Type::None:
    return true;
  case Type::String:
    return run.step(left.size / 16) && left.toText().view() == right.toText().view();
  case Type::List:
  case Type::Tuple:
  case Type::Range:
    return equalItems(run, *left.sequence, *right.sequence);
  case Type::Dict:
    return equalDicts(run, *left.dict, *right.dict);
  default:
    return same(left, right);
  }
}

bool same(const Value &left, const Value &right) {
  if (left.type != right.type) {
    return false;
  }
  if (left.type <= Type::Real) {
    return left.isUndefined() || left.is(Type::None) || left.toReal() == right.toReal();
  }
  return left.isString() ? left.toText().view() == right.toText().view() : left.sequence == right.sequence;
}

bool less(Run &run, const Value &left, const Value &right) {
  Deeper deeper(run);
  if (!deeper || !run.step() || !checkDefined(run, left) || !checkDefined(run, right)) {
    return false;
  }
  if (left.isIntegral() && right.isIntegral()) {
    return left.toInteger() < right.toInteger();
  }
  if (left.isNumber() && right.isNumber()) {
    return left.toReal() < right.toReal();
  }
  if (left.isString() && right.isString()) {
    return run.look(left) && left.toText().view() < right.toText().view();
  }
  if (left.type == right.type && (left.is(Type::List) || left.is(Type::Tuple))) {
    return lessItems(run, *left.sequence, *right.sequence);
  }
  run.fail("'<' not supported between instances of '%s' and '%s'", typeName(left), typeName(right));
  return false;
}

bool contains(Run &run, const Value &container, const Value &item) {
  if (container.isString()) {
    if (!item.isString()) {
      run.fail("'in <string>' requires string as left operand, not %s", typeName(item));
      return false;
    }
    return find(run, container.toText(), item.toText()) != kNowhere;
  }
  if (container.is(Type::Dict)) {
    return container.dict->find(run, item) != nullptr;
  }
  if (!container.isSequence() && !container.isUndefined() && !container.is(Type::Loop)) {
    run.fail("argument of type '%s' is not iterable", typeName(container));
    return false;
  }
  Sequence *items = iterate(run, container);
  for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
    if (equal(run, items->items[i], item)) {
      return true;
    }
  }
  return false;
}

bool compare(Run &run, ChatOperator op, const Value &left, const Value &right) {
  bool ordered = op >= ChatOperator::less && op <= ChatOperator::greater_equal;
  if (ordered && left.isNumber() && right.isNumber() && (std::isnan(left.toReal()) || std::isnan(right.toReal()))) {
    return false;
  }
  switch (op) {
  case ChatOperator::equal:
    return equal(run, left, right);
  case ChatOperator::unequal:
    return !equal(run, left, right);
  case ChatOperator::less:
    return less(run, left, right);
  case ChatOperator::less_equal:
    return !less(run, right, left);
  case ChatOperator::greater:
    return less(run, right, left);
  case ChatOperator::greater_equal:
    return !less(run, left, right);
  case ChatOperator::contained:
    return contains(run, right, left);
  case ChatOperator::not_contained:
    return !contains(run, right, left);
  default:
    return false;
  }
}

Value calculate(Run &run, ChatOperator op, const Value &left, const Value &right) {
  if (op == ChatOperator::modulo && left.isString()) {
    return formatPercent(run, left.toText(), right);
  }
  if (!checkDefined(run, left) || !checkDefined(run, right)) {
    return Value();
  }
  if (op == ChatOperator::add && left.isString() && right.isString()) {
    return addTexts(run, left, right);
  }
  if (left.isNumber() && right.isNumber()) {
    return calculateNumbers(run, op, left, right);
  }
  if (op == ChatOperator::add && left.type == right.type && (left.is(Type::List) || left.is(Type::Tuple))) {
    return joinSequences(run, left, right);
  }
  if (op == ChatOperator::multiply && isRepeatable(left) && right.isIntegral()) {
    return repeatValue(run, left, right.toInteger());
  }
  if (op == ChatOperator::multiply && isRepeatable(right) && left.isIntegral()) {
    return repeatValue(run, right, left.toInteger());
  }
  return failOperands(run, op, left, right);
}

Value negate(Run &run, const Value &value) {
  if (value.is(Type::Real)) {
    return Value::of(-value.real);
  }
  if (value.isIntegral()) {
    return value.toInteger() == INT64_MIN ? failTooLarge(run) : Value::of(-value.toInteger());
  }
  return checkDefined(run, value) ? run.fail("bad operand type for unary -: '%s'", typeName(value)) : Value();
}

} // namespace fathom::tokenizer::chat
