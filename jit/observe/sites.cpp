#include "jit/observe/sites.h"

#include <algorithm>
#include <vector>

#include "jit/cpython/opcodes.h"
#include "jit/runtime/records.h"
#include "jit/runtime/site.h"

namespace whipsnake::observe {

namespace {

struct Row {
  const Site* site;
  PyCodeObject* code;
  uint32_t count;
  bool raises;
  bool operator<(const Row& other) const { return raises != other.raises ? other.raises : count > other.count; }
};

void collect(CodeRecord* record, void* context) {
  auto* rows = static_cast<std::vector<Row>*>(context);
  if (!record->compiled || !record->compiled->resources) return;
  record->compiled->resources->visit_sites([rows, record](const Site& site) {
    const bool raises = site.kind == SiteKind::kError || site.kind == SiteKind::kReraise;
    if (site.taken != 0) rows->push_back({&site, record->code, site.taken, raises});
    if (site.raised != 0) rows->push_back({&site, record->code, site.raised, true});
  });
}

PyObject* describe(const Row& row) {
  const auto* unit = port::instructions(row.code) + row.site->instruction;
  const OpcodeInfo& now = kOpcodes[unit->op.code];
  const int line = PyCode_Addr2Line(row.code, static_cast<int>(row.site->instruction * sizeof(CodeUnit)));
  return Py_BuildValue("(IOissi)", row.count, row.code->co_qualname, line, now.name != nullptr ? now.name : "?",
                       kind_name(row.raises && row.site->kind == SiteKind::kSlow ? SiteKind::kError : row.site->kind),
                       static_cast<int>(row.site->instruction));
}

}  // namespace

const char* kind_name(SiteKind kind) {
  switch (kind) {
    case SiteKind::kError: return "error";
    case SiteKind::kDeopt: return "deopt";
    case SiteKind::kLeave: return "leave";
    case SiteKind::kSlow: return "slow";
    case SiteKind::kBreaker: return "breaker";
    case SiteKind::kReraise: return "reraise";
  }
  return "?";
}

PyObject* hot_sites(size_t limit) {
  std::vector<Row> rows;
  visit_records(collect, &rows);
  std::sort(rows.begin(), rows.end());
  if (rows.size() > limit) rows.resize(limit);
  PyObject* list = PyList_New(0);
  for (const Row& row : rows) {
    PyObject* item = list != nullptr ? describe(row) : nullptr;
    if (item == nullptr || PyList_Append(list, item) < 0) Py_CLEAR(list);
    Py_XDECREF(item);
  }
  return list;
}

}  // namespace whipsnake::observe
