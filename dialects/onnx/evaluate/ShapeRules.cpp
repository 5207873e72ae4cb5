// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that change shapes, and leave the elements as they are.

#include "dialects/onnx/evaluate/NodeValues.h"

#include "llvm/ADT/Sequence.h"

#include <algorithm>
#include <numeric>

using namespace mlir;

namespace fathom::onnx {

/// Gives the elements of input 0 another shape.
static bool giveShaped(NodeValues &node, Extents shape) {
  std::optional<int64_t> count = countElements(shape);
  if (count != node.in(0).size()) {
    return node.fail("wants a shape of another number of elements than " + Twine(node.in(0).size()));
  }
  Array out = node.in(0);
  out.shape = std::move(shape);
  return node.give(0, std::move(out));
}

static bool reshape(NodeValues &node) {
  Extents shape(node.in(1).integers.begin(), node.in(1).integers.end());
  int64_t others = 1, open = -1;
  for (auto [axis, extent] : llvm::enumerate(shape)) {
    if (extent == 0 && node.integer("allowzero", 0) == 0) {
      if (static_cast<int64_t>(axis) >= node.in(0).rank()) {
        return node.fail("copies extent " + Twine(axis) + " of " + Twine(node.in(0).rank()));
      }
      extent = node.in(0).shape[axis];
    }
    bool isOpen = extent == -1 && open < 0;
    open = isOpen ? static_cast<int64_t>(axis) : open;
    others *= isOpen ? 1 : std::clamp<int64_t>(extent, 0, kMostElements);
    others = std::min(others, kMostElements);
  }
  if (open >= 0) {
    shape[open] = others == 0 ? 0 : node.in(0).size() / others;
  }
  return giveShaped(node, std::move(shape));
}

static bool flatten(NodeValues &node) {
  int64_t rank = node.in(0).rank(), given = node.integer("axis", 1);
  std::optional<int64_t> axis = given == rank ? rank : node.axis(given, rank);
  ArrayRef<int64_t> shape = node.in(0).shape;
  return axis && giveShaped(node, {product(shape.take_front(*axis)), product(shape.drop_front(*axis))});
}

/// Axes counted from the front, ascending; nothing after a finding.
static std::optional<Extents> normalize(NodeValues &node, ArrayRef<int64_t> given, int64_t rank) {
  Extents axes;
  for (int64_t axis : given) {
    std::optional<int64_t> counted = node.axis(axis, rank);
    if (!counted) {
      return std::nullopt;
    }
    axes.push_back(*counted);
  }
  llvm::sort(axes);
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
    node.fail("has an axis twice");
    return std::nullopt;
  }
  return axes;
}

static bool unsqueeze(NodeValues &node) {
  Extents given = node.list("axes", 1).value_or(Extents());
  std::optional<Extents> axes = normalize(node, given, node.in(0).rank() + static_cast<int64_t>(given.size()));
  Extents shape = node.in(0).shape;
  for (int64_t axis : axes.value_or(Extents())) {
    shape.insert(shape.begin() + axis, 1);
  }
  return axes && giveShaped(node, std::move(shape));
}

static bool squeeze(NodeValues &node) {
  std::optional<Extents> given = node.list("axes", 1);
  std::optional<Extents> axes = normalize(node, given.value_or(Extents()), node.in(0).rank());
  Extents shape;
  for (auto [axis, extent] : llvm::enumerate(node.in(0).shape)) {
    bool drop = given ? axes && llvm::is_contained(*axes, static_cast<int64_t>(axis)) : extent == 1;
    drop ? void() : shape.push_back(extent);
  }
  return axes && giveShaped(node, std::move(shape));
}

static bool transpose(NodeValues &node) {
  int64_t rank = node.in(0).rank();
  Extents order = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  order = node.attribute("perm").value_or(order);
  std::optional<Extents> sorted = normalize(node, order, rank);
  if (!sorted || static_cast<int64_t>(order.size()) != rank) {
    return node.fail("permutes " + Twine(order.size()) + " of " + Twine(rank) + " dimensions");
  }
  Extents from = stridesOf(node.in(0).shape), shape, strides;
  for (int64_t axis : order) {
    shape.push_back(node.in(0).shape[axis < 0 ? axis + rank : axis]);
    strides.push_back(from[axis < 0 ? axis + rank : axis]);
  }
  return node.pick(node.in(0), shape, [&](ArrayRef<int64_t> place) { return elementAt(place, strides); });
}

static bool concat(NodeValues &node) {
  const Array &first = node.in(0);
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), first.rank());
  Extents shape = first.shape;
  for (size_t i = 1; axis && i < node.inputCount(); ++i) {
    Extents other = node.in(i).shape;
    if (!node.has(i) || node.in(i).element != first.element || other.size() != shape.size()) {
      return node.fail("joins tensors of unlike types");
    }
    shape[*axis] += other[*axis];
    other[*axis] = shape[*axis];
    if (other != shape) {
      return node.fail("joins tensors of unlike shapes");
    }
  }
  Array *out = axis ? node.make(0, first.element, shape) : nullptr;
  int64_t begin = 0;
  for (size_t i = 0; out && i < node.inputCount(); ++i) {
    const Array &in = node.in(i);
    Rows to(shape, *axis), from(in.shape, *axis);
    int64_t run = from.length * from.inner;
    for (int64_t at = 0; at < in.size(); ++at) {
      out->set(to.at(at / run, begin, 0) + at % run, in, at);
    }
    begin += from.length;
  }
  return out != nullptr;
}

static bool tile(NodeValues &node) {
  const Array &in = node.in(0);
  Extents shape = in.shape, strides = stridesOf(shape);
  if (node.in(1).integers.size() != shape.size()) {
    return node.fail("repeats other dimensions than its input has");
  }
  for (auto [extent, times] : llvm::zip_equal(shape, node.in(1).integers)) {
    extent *= std::clamp<int64_t>(times, 0, kMostElements + 1);
  }
  return node.pick(in, shape, [&](ArrayRef<int64_t> place) {
    int64_t at = 0;
    for (auto [index, extent, stride] : llvm::zip_equal(place, in.shape, strides)) {
      at += index % extent * stride;
    }
    return at;
  });
}

/// Where beyond an axis of `extent` elements one is taken from, by the mode of Pad; -1: the constant.
static int64_t padded(int64_t at, int64_t extent, StringRef mode) {
  if (extent == 0 || (at >= 0 && at < extent)) {
    return extent == 0 ? -1 : at;
  }
  if (mode == "edge") {
    return std::clamp<int64_t>(at, 0, extent - 1);
  }
  if (mode == "wrap") {
    return (at % extent + extent) % extent;
  }
  if (mode != "reflect") {
    return -1;
  }
  int64_t period = std::max<int64_t>(2 * (extent - 1), 1), folded = (at % period + period) % period;
  return folded < extent ? folded : period - folded;
}

/// How many elements are added before and behind each axis; nothing after a finding.
static std::optional<std::pair<Extents, Extents>> padsOf(NodeValues &node) {
  int64_t rank = node.in(0).rank();
  std::optional<Extents> given = node.list("pads", 1), axes = node.list("axes", 3);
  axes = axes ? axes : llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (!given || given->size() != 2 * axes->size()) {
    node.fail("has pads for other axes than it names");
    return std::nullopt;
  }
  std::pair<Extents, Extents> pads(Extents(rank, 0), Extents(rank, 0));
  for (size_t i = 0; i < axes->size(); ++i) {
    std::optional<int64_t> axis = node.axis((*axes)[i], rank);
    int64_t before = (*given)[i], behind = (*given)[i + axes->size()];
    if (!axis || std::min(before, behind) < -kMostElements || std::max(before, behind) > kMostElements) {
      node.fail("has pads that are too large");
      return std::nullopt;
    }
    pads.first[*axis] = before;
    pads.second[*axis] = behind;
  }
  return pads;
}

static bool pad(NodeValues &node) {
  const Array &in = node.in(0), &constant = node.in(2);
  std::optional<std::pair<Extents, Extents>> pads = padsOf(node);
  if (!pads || (node.has(2) && (constant.element != in.element || constant.size() != 1))) {
    return node.fail("pads with what is not one number of its type");
  }
  Extents shape = in.shape, strides = stridesOf(in.shape);
  for (auto [extent, before, behind] : llvm::zip_equal(shape, pads->first, pads->second)) {
    extent = std::max<int64_t>(extent + before + behind, 0);
  }
  Array *out = node.make(0, in.element, shape);
  std::string mode = node.string("mode", "constant");
  int64_t at = 0;
  out ? forEachPlace(shape,
                     [&](ArrayRef<int64_t> place) {
                       int64_t from = 0;
                       for (auto [index, before, extent, stride] :
                            llvm::zip_equal(place, pads->first, in.shape, strides)) {
                         int64_t along = padded(index - before, extent, mode);
                         from = along < 0 || from < 0 ? -1 : from + along * stride;
                       }
                       from >= 0 ? out->set(at, in, from) : node.has(2) ? out->set(at, constant, 0) : void();
                       ++at;
                     })
      : void();
  return out != nullptr;
}

/// The sizes of parts along an axis: as said, or as even as they may be.
static Extents sizesOf(NodeValues &node, int64_t whole) {
  auto count = static_cast<int64_t>(node.outputCount());
  int64_t part = (whole + count - 1) / count;
  Extents even(count, part);
  even.back() = whole - part * (count - 1);
  return node.list("split", 1).value_or(even);
}

static bool split(NodeValues &node) {
  const Array &in = node.in(0);
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), in.rank());
  if (!axis || node.outputCount() == 0) {
    return node.fail("splits along no axis");
  }
  Rows rows(in.shape, *axis);
  Extents sizes = sizesOf(node, rows.length), shape = in.shape;
  bool fits = sizes.size() == node.outputCount() &&
              llvm::all_of(sizes, [&](int64_t size) { return size >= 0 && size <= rows.length; });
  if (!fits || std::accumulate(sizes.begin(), sizes.end(), int64_t(0)) != rows.length) {
    return node.fail("splits " + Twine(rows.length) + " into parts of another sum");
  }
  int64_t begin = 0;
  for (auto [number, size] : llvm::enumerate(sizes)) {
    shape[*axis] = size;
    Array *out = node.make(number, in.element, shape);
    int64_t run = size * rows.inner;
    for (int64_t at = 0; out && at < out->size(); ++at) {
      out->set(at, in, rows.at(at / run, begin, 0) + at % run);
    }
    begin += size;
  }
  return node.fault().empty();
}

/// The upper or lower part of matrices, from diagonal k on.
static bool trilu(NodeValues &node) {
  const Array &in = node.in(0);
  bool upper = node.integer("upper", 1) != 0;
  int64_t diagonal = std::clamp(node.whole(1, 0), -kMostElements, kMostElements), at = 0;
  if (in.rank() < 2) {
    return node.fail("wants matrices");
  }
  return node.pick(in, in.shape, [&](ArrayRef<int64_t> place) {
    int64_t over = place[place.size() - 1] - place[place.size() - 2] - diagonal, here = at++;
    return (upper ? over >= 0 : over <= 0) ? here : -1;
  });
}

llvm::ArrayRef<EvaluateRow> shapeRows() {
  static const EvaluateRow rows[] = {
      {"", "Concat", concat}, {"", "Flatten", flatten},     {"", "Pad", pad},      {"", "Reshape", reshape, 2},
      {"", "Split", split},   {"", "Squeeze", squeeze},     {"", "Tile", tile, 2}, {"", "Transpose", transpose},
      {"", "Trilu", trilu},   {"", "Unsqueeze", unsqueeze},
  };
  return rows;
}

} // namespace fathom::onnx
