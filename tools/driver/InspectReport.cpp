// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Facts and tables that are printed as text or as JSON.

#include "tools/driver/InspectReport.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <iterator>

namespace fathom::driver {

void Report::printJson(llvm::raw_ostream &out) const {
  json::OStream stream(out, 2);
  stream.object([&] {
    for (const Section &section : sections) {
      stream.attributeObject(section.name, [&] {
        for (const Fact &fact : section.facts) {
          stream.attribute(fact.key, fact.value);
        }
      });
    }
    for (const Table &table : tables) {
      stream.attributeArray(table.name, [&] {
        for (const std::vector<json::Value> &cells : table.rows) {
          stream.object([&] {
            for (size_t i = 0; i < cells.size(); ++i) {
              stream.attribute(table.columns[i], cells[i]);
            }
          });
        }
      });
    }
  });
  out << "\n";
}

/// "12.3 MB" for people; powers of 1000, as disks and downloads are measured.
static std::string formatBytes(uint64_t bytes) {
  const char *units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(unit == 0 ? "%.0f" : "%.3g", value) << " " << units[unit];
  return text;
}

static std::string formatCell(llvm::StringRef key, const json::Value &value) {
  if (std::optional<uint64_t> bytes = value.getAsUINT64(); bytes && key.ends_with("bytes")) {
    return formatBytes(*bytes);
  }
  if (std::optional<llvm::StringRef> text = value.getAsString()) {
    return text->str();
  }
  if (value.kind() == json::Value::Null) {
    return "none";
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (value.getAsInteger() || !value.getAsNumber()) {
    stream << value;
  } else {
    stream << llvm::format("%.7g", *value.getAsNumber());
  }
  return text;
}

void Report::printTable(const Table &table, llvm::raw_ostream &out) {
  std::vector<std::vector<std::string>> lines(1);
  for (const std::string &column : table.columns) {
    lines[0].push_back(llvm::StringRef(column).ends_with("_bytes") ? column.substr(0, column.size() - 6) : column);
  }
  for (const std::vector<json::Value> &cells : table.rows) {
    lines.emplace_back();
    for (size_t i = 0; i < cells.size(); ++i) {
      bool known = cells[i].kind() != json::Value::Null;
      lines.back().push_back(known ? formatCell(table.columns[i], cells[i]) : "-");
    }
  }
  std::vector<size_t> widths(table.columns.size());
  for (const std::vector<std::string> &line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], line[i].size());
    }
  }
  out << "\n" << table.name << " (" << table.rows.size() << ")\n";
  for (const std::vector<std::string> &line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      out << "  " << line[i];
      out.indent(i + 1 == line.size() ? 0 : widths[i] - line[i].size());
    }
    out << "\n";
  }
}

void Report::printText(llvm::raw_ostream &out) const {
  for (const Section &section : sections) {
    out << (&section == sections.data() ? "" : "\n") << section.name << "\n";
    size_t width = 18;
    for (const Fact &fact : section.facts) {
      width = std::max(width, fact.key.size());
    }
    for (const Fact &fact : section.facts) {
      out << "  " << fact.key;
      out.indent(width + 2 - fact.key.size()) << formatCell(fact.key, fact.value) << "\n";
    }
  }
  for (const Table &table : tables) {
    if (!table.rows.empty()) {
      printTable(table, out);
    }
  }
}

} // namespace fathom::driver
