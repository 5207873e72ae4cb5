// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Filters of sequences and dicts.

#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

#include <utility>

namespace fathom::tokenizer::chat::filters {

using A = const Arguments &;

/// What sorting and comparing look at: an attribute, in lower case where case does not count.
struct Key {
  Value attribute;
  bool foldsCase;

  Value of(Run &run, const Value &item) const {
    Value key = attribute.isUndefined() || attribute.is(Type::None) ? item : attributePath(run, item, attribute);
    return foldsCase && key.isString() ? Value::of(changeCase(run, key.toText(), Case::Lower)) : key;
  }
};

/// A stable sort that ends whatever the order says.
static void sortItems(Run &run, Sequence &items, Sequence &keys, bool reverse) {
  for (uint32_t i = 1; i < items.count && !run.failed(); ++i) {
    for (uint32_t j = i; j > 0 && run.step(); --j) {
      bool swaps = reverse ? less(run, keys.items[j - 1], keys.items[j]) : less(run, keys.items[j], keys.items[j - 1]);
      if (!swaps) {
        break;
      }
      std::swap(items.items[j], items.items[j - 1]);
      std::swap(keys.items[j], keys.items[j - 1]);
    }
  }
}

static Value sortBy(Run &run, const Sequence &items, const Key &key, bool reverse) {
  Value result = copy(run, Type::List, items);
  Sequence keys;
  for (uint32_t i = 0; i < items.count && run.step(); ++i) {
    (void)keys.push(run, key.of(run, items.items[i]));
  }
  if (!run.failed()) {
    sortItems(run, *result.sequence, keys, reverse);
  }
  return result;
}

Value batch(Run &run, const Value &value, A arguments) {
  int64_t size = integerArgument(run, arguments, 0, "linecount", 0);
  Value fill = argument(run, arguments, 1, "fill_with");
  Sequence *items = iterate(run, value), *rows = run.create<Sequence>(), *row = nullptr;
  for (uint32_t i = 0; items != nullptr && rows != nullptr && i < items->count && run.step(); ++i) {
    if (row == nullptr || int64_t(row->count) >= size) {
      row = run.create<Sequence>();
      (void)(row != nullptr && rows->push(run, Value::of(Type::List, row)));
    }
    (void)(row != nullptr && row->push(run, items->items[i]));
  }
  bool fills = row != nullptr && !fill.isUndefined() && !fill.is(Type::None);
  while (fills && int64_t(row->count) < size && run.step()) {
    (void)row->push(run, fill);
  }
  return run.failed() ? Value() : Value::of(Type::Generator, rows);
}

Value length(Run &run, const Value &value, A) { return chat::length(run, value); }

Value sortDict(Run &run, const Value &value, A arguments) {
  if (!value.is(Type::Dict)) {
    return run.fail("dictsort: expected a mapping, found '%s'", typeName(value));
  }
  bool byValue = argument(run, arguments, 1, "by").toText().view() == "value";
  Key key{Value::of(int64_t(byValue ? 1 : 0)), !isTrue(run, argument(run, arguments, 0, "case_sensitive"))};
  Value pairs = itemsOf(run, *value.dict, Type::List);
  return run.failed() ? pairs : sortBy(run, *pairs.sequence, key, isTrue(run, argument(run, arguments, 2, "reverse")));
}

Value first(Run &run, const Value &value, A) {
  if (value.is(Type::Generator)) {
    Sequence &items = *value.sequence;
    return items.taken < items.count ? items.items[items.taken++]
                                     : Value::undefinedBecause("No first item, sequence was empty.");
  }
  Sequence *items = iterate(run, value);
  return items == nullptr || items->count == 0 ? Value::undefinedBecause("No first item, sequence was empty.")
                                               : items->items[0];
}

Value last(Run &run, const Value &value, A) {
  Sequence *items = value.is(Type::Generator) ? nullptr : iterate(run, value);
  if (value.is(Type::Generator)) {
    return run.fail("'generator' object is not reversible");
  }
  return items == nullptr || items->count == 0 ? Value::undefinedBecause("No last item, sequence was empty.")
                                               : items->items[items->count - 1];
}

Value items(Run &run, const Value &value, A) {
  if (value.isUndefined()) {
    return Value::of(Type::Generator, run.create<Sequence>());
  }
  return value.is(Type::Dict) ? itemsOf(run, *value.dict, Type::Generator)
                              : run.fail("Can only get item pairs from a mapping.");
}

Value join(Run &run, const Value &value, A arguments) {
  Text between = toText(run, argument(run, arguments, 0, "d"));
  Key key{argument(run, arguments, 1, "attribute"), false};
  Sequence *items = iterate(run, value);
  Builder builder(run);
  for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
    builder.append(i == 0 ? Text() : between);
    builder.append(toText(run, key.of(run, items->items[i])));
  }
  return Value::of(builder.finish());
}

Value list(Run &run, const Value &value, A) {
  Sequence *items = iterate(run, value);
  return items == nullptr ? Value() : copy(run, Type::List, *items);
}

/// What map, select and their kin walk: of what is false, such as none, nothing.
static Sequence *iterateIfTrue(Run &run, const Value &value) {
  return isTrue(run, value) ? iterate(run, value) : run.create<Sequence>();
}

Value map(Run &run, const Value &value, A arguments) {
  Value attribute = arguments.count == 0 ? argument(run, arguments, 0, "attribute") : Value();
  Value otherwise = arguments.count == 0 ? argument(run, arguments, 1, "default") : Value();
  if (attribute.isUndefined() && arguments.count == 0) {
    return run.fail("map requires a filter argument");
  }
  Filter filter = attribute.isUndefined() ? findFilter(run, arguments.positional[0]) : nullptr;
  Arguments rest = arguments;
  rest.positional += arguments.count > 0 ? 1 : 0;
  rest.count -= arguments.count > 0 ? 1 : 0;
  Sequence *items = iterateIfTrue(run, value), *result = run.create<Sequence>();
  for (uint32_t i = 0; items != nullptr && result != nullptr && i < items->count && run.look(items->items[i]); ++i) {
    Value item =
        filter != nullptr ? filter(run, items->items[i], rest) : attributePath(run, items->items[i], attribute);
    (void)result->push(run, item.isUndefined() && filter == nullptr && !otherwise.isUndefined() ? otherwise : item);
  }
  return run.failed() ? Value() : Value::of(Type::Generator, result);
}

/// select and its kin: `byAttribute` looks at the attribute that the first argument names.
static Value selectWhere(Run &run, const Value &value, A arguments, bool byAttribute, bool wanted) {
  uint32_t names = byAttribute ? 1 : 0;
  Test test = arguments.count > names ? findTest(run, arguments.positional[names]) : nullptr;
  Arguments rest = arguments;
  uint32_t taken = names + 1 < arguments.count ? names + 1 : arguments.count;
  rest.positional += taken;
  rest.count -= taken;
  Sequence *items = iterateIfTrue(run, value), *result = run.create<Sequence>();
  for (uint32_t i = 0; items != nullptr && result != nullptr && i < items->count && run.step(); ++i) {
    Value item = byAttribute ? attributePath(run, items->items[i], argument(run, arguments, 0, "")) : items->items[i];
    if (run.look(item) && (test != nullptr ? test(run, item, rest) : isTrue(run, item)) == wanted) {
      (void)result->push(run, items->items[i]);
    }
  }
  return run.failed() ? Value() : Value::of(Type::Generator, result);
}

Value select(Run &run, const Value &value, A a) { return selectWhere(run, value, a, false, true); }
Value reject(Run &run, const Value &value, A a) { return selectWhere(run, value, a, false, false); }
Value selectByAttribute(Run &run, const Value &value, A a) { return selectWhere(run, value, a, true, true); }
Value rejectByAttribute(Run &run, const Value &value, A a) { return selectWhere(run, value, a, true, false); }

static Value extreme(Run &run, const Value &value, A arguments, bool largest) {
  Key key{argument(run, arguments, 1, "attribute"), !isTrue(run, argument(run, arguments, 0, "case_sensitive"))};
  Sequence *items = iterate(run, value);
  Value best, bestKey;
  for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
    Value other = key.of(run, items->items[i]);
    if (i == 0 || (largest ? less(run, bestKey, other) : less(run, other, bestKey))) {
      best = items->items[i];
      bestKey = other;
    }
  }
  return best;
}

Value largest(Run &run, const Value &value, A arguments) { return extreme(run, value, arguments, true); }
Value smallest(Run &run, const Value &value, A arguments) { return extreme(run, value, arguments, false); }

Value reverse(Run &run, const Value &value, A) {
  if (value.isString()) {
    return slice(run, value, Value(), Value(), Value::of(int64_t(-1)));
  }
  Sequence *items = iterate(run, value), *result = run.create<Sequence>();
  for (uint32_t i = 0; items != nullptr && result != nullptr && i < items->count && run.step(); ++i) {
    (void)result->push(run, items->items[items->count - 1 - i]);
  }
  return run.failed() ? Value() : Value::of(Type::Generator, result);
}

Value sort(Run &run, const Value &value, A arguments) {
  Value attribute = argument(run, arguments, 2, "attribute");
  if (attribute.isString() && attribute.toText().view().find(',') != std::string_view::npos) {
    return run.failAs(Failure::Unsupported, "sort: several attributes are not supported");
  }
  Key key{attribute, !isTrue(run, argument(run, arguments, 1, "case_sensitive"))};
  Sequence *items = iterate(run, value);
  return items == nullptr ? Value() : sortBy(run, *items, key, isTrue(run, argument(run, arguments, 0, "reverse")));
}

Value sum(Run &run, const Value &value, A arguments) {
  Key key{argument(run, arguments, 0, "attribute"), false};
  Value total = argument(run, arguments, 1, "start");
  total = total.isUndefined() ? Value::of(int64_t(0)) : total;
  Sequence *items = iterate(run, value);
  for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
    total = calculate(run, ChatOperator::add, total, key.of(run, items->items[i]));
  }
  return total;
}

Value unique(Run &run, const Value &value, A arguments) {
  Key key{argument(run, arguments, 1, "attribute"), !isTrue(run, argument(run, arguments, 0, "case_sensitive"))};
  Sequence *items = iterate(run, value), *result = run.create<Sequence>();
  Dict seen;
  for (uint32_t i = 0; items != nullptr && result != nullptr && i < items->count && run.step(); ++i) {
    Value own = key.of(run, items->items[i]);
    if (seen.find(run, own) == nullptr && seen.set(run, own, Value::none())) {
      (void)result->push(run, items->items[i]);
    }
  }
  return run.failed() ? Value() : Value::of(Type::Generator, result);
}

} // namespace fathom::tokenizer::chat::filters
