// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Facts and tables that are printed as text or as JSON.

#ifndef FATHOM_TOOLS_DRIVER_INSPECTREPORT_H
#define FATHOM_TOOLS_DRIVER_INSPECTREPORT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"

#include <string>
#include <vector>

namespace fathom::driver {

namespace json = llvm::json;

template <typename Range>
json::Array toArray(const Range &range) {
  json::Array array;
  for (const auto &value : range) {
    array.push_back(value);
  }
  return array;
}

/// Everything to print, in order. Keys end in "_bytes" where the value is a size.
class Report {
public:
  /// Starts a group of facts.
  void section(llvm::StringRef name) { sections.push_back({name.str(), {}}); }
  /// Adds to the last section.
  void fact(llvm::StringRef key, json::Value value) { sections.back().facts.push_back({key.str(), std::move(value)}); }
  /// Starts a table; its rows have a value for each column.
  void table(llvm::StringRef name, std::vector<std::string> columns) {
    tables.push_back({name.str(), std::move(columns), {}});
  }
  void row(std::vector<json::Value> cells) { tables.back().rows.push_back(std::move(cells)); }

  bool isEmpty() const { return sections.empty(); }
  void printJson(llvm::raw_ostream &out) const;
  void printText(llvm::raw_ostream &out) const;

private:
  struct Fact {
    std::string key;
    json::Value value;
  };
  struct Section {
    std::string name;
    std::vector<Fact> facts;
  };
  struct Table {
    std::string name;
    std::vector<std::string> columns;
    std::vector<std::vector<json::Value>> rows;
  };
  static void printTable(const Table &table, llvm::raw_ostream &out);

  std::vector<Section> sections;
  std::vector<Table> tables;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_INSPECTREPORT_H
