// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes and experts of mapped files, and what the weight table says of them.

#include "tools/driver/TouchedWeights.h"

#include "fathom/artifact_generated.h"

#include <string_view>

namespace fathom::driver {

static double bytesOfElement(std::string_view type) {
  if (type == "bf16" || type == "f16") {
    return 2;
  }
  return type.substr(0, 2) == "f8" || type.substr(0, 2) == "i8" ? 1 : 4;
}

static bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

static std::string_view layoutOf(const artifact::Weight &weight) {
  return weight.layout() ? weight.layout()->string_view() : "rows";
}

/// Whether a weight is there for the output head alone: an embedding in panels is the head that shares it.
static bool isHead(const artifact::Weight &weight) {
  std::string_view name = weight.name()->string_view();
  return contains(name, "lm_head") || (contains(name, "embed") && layoutOf(weight) == "panels");
}

TouchedWeights::TouchedWeights() {
  for (const Mapping &mapping : listMappings()) {
    before.insert(mapping.start);
  }
}

std::vector<Mapping> TouchedWeights::listNew() const {
  std::vector<Mapping> mappings;
  for (Mapping &mapping : listMappings()) {
    if (mapping.isFile && before.count(mapping.start) == 0) {
      mappings.push_back(std::move(mapping));
    }
  }
  return mappings;
}

bool TouchedWeights::countExperts(const fathom_model_info_t &info) {
  experts.split(info, listNew());
  return !experts.empty();
}

Touched TouchedWeights::measure() const {
  std::vector<Mapping> mappings = listNew();
  Touched touched;
  for (const Mapping &mapping : mappings) {
    touched.bytes += mapping.referenced;
  }
  touched.experts = experts.countUsed(mappings);
  return touched;
}

WeightCount countWeights(const fathom_model_info_t &info) {
  const artifact::Program &program = *artifact::GetArtifact(info.metadata)->variants()->Get(info.variant);
  WeightCount count;
  bool hasHead = false;
  for (uint32_t i = 0; program.weights() && i < program.weights()->size(); ++i) {
    hasHead = hasHead || isHead(*program.weights()->Get(i));
  }
  for (uint32_t i = 0; program.weights() && i < program.weights()->size(); ++i) {
    const artifact::Weight &weight = *program.weights()->Get(i);
    std::string_view name = weight.name()->string_view();
    uint64_t bytes = 0;
    for (uint32_t s = 0; s < weight.slice_count(); ++s) {
      bytes += program.weight_slices()->Get(weight.first_slice() + s)->size();
    }
    // A token reads one row of a table.
    bool head = isHead(weight) || (!hasHead && contains(name, "embed"));
    bool table = !head && (contains(name, "embed") || contains(name, "rope_table"));
    size_t dimensions = weight.shape() ? weight.shape()->size() - (weight.experts() > 1) : 0;
    // Packing gives a matrix a third dimension.
    bool matrix = !weight.scale() && dimensions == (layoutOf(weight) == "panels" ? 3 : 2);
    // The model's steps do not run its draft.
    if (table || name.substr(0, 4) == "mtp.") {
      continue;
    }
    double elements = matrix ? static_cast<double>(bytes) / bytesOfElement(weight.element_type()->string_view()) : 0;
    bool expert = weight.experts() > 0;
    count.experts += countsExperts(weight) ? uint64_t(weight.slice_count()) * weight.experts() : 0;
    (expert ? count.expertBytes : count.denseBytes) += bytes;
    (expert ? count.expertElements : head ? count.headElements : count.denseElements) += elements;
  }
  return count;
}

} // namespace fathom::driver
