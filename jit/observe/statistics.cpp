#include "jit/observe/statistics.h"

#include "jit/asm/code_heap.h"
#include "jit/engine/entries.h"
#include "jit/engine/framework.h"
#include "jit/engine/policy.h"
#include "jit/engine/sampler.h"
#include "jit/runtime/context.h"
#include "jit/runtime/exits.h"
#include "jit/runtime/records.h"
#include "jit/runtime/self_check.h"
#include "jit/runtime/stress.h"

namespace whipsnake::observe {

namespace {

// Fills a dictionary; the first failure sticks.
class Table {
 public:
  Table() : dict_(PyDict_New()) {}
  ~Table() { Py_XDECREF(dict_); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  void add(const char* key, uint64_t value) { take(key, PyLong_FromUnsignedLongLong(value)); }
  void add(const char* key, bool value) { take(key, PyBool_FromLong(value)); }
  void add(const char* key, const char* value) { take(key, PyUnicode_FromString(value)); }
  void add(const char* key, Table& value) { take(key, value.release()); }

  PyObject* release() {
    PyObject* dict = dict_;
    dict_ = nullptr;
    return dict;
  }

 private:
  void take(const char* key, PyObject* value) {
    if (dict_ != nullptr && (value == nullptr || PyDict_SetItemString(dict_, key, value) < 0)) Py_CLEAR(dict_);
    Py_XDECREF(value);
  }

  PyObject* dict_;
};

void add_memory(Table& table) {
  const CodeHeapStats none;
  const CodeHeapStats& heap = code_heap != nullptr ? code_heap->stats() : none;
  table.add("code_bytes", uint64_t{heap.code_bytes});
  table.add("code_bytes_peak", uint64_t{heap.code_bytes_peak});
  table.add("data_bytes", uint64_t{heap.data_bytes});
  table.add("memory_refused", uint64_t{heap.refused});
}

// What stress made happen, besides exits.
void add_stress(Table& table) {
  Table happened;
  happened.add("guards failed", stress::guards.reached);
  happened.add("jettisons", stress::counts.jettisons);
  happened.add("code freed", stress::counts.freed);
  happened.add("collections", stress::counts.collections);
  happened.add("helpers failed", stress::counts.failures);
  table.add("stress", happened);
}

}  // namespace

PyObject* statistics() {
  flush_released();
  Table declined;
  for (const auto& [reason, count] : framework::decline_reasons()) declined.add(reason.c_str(), count);
  Table exits;
  for (int i = 0; i < static_cast<int>(ExitReason::kCount); ++i)
    if (exit_counts[i] != 0) exits.add(name(static_cast<ExitReason>(i)), exit_counts[i]);
  Table unavailable;
  for (const auto& [what, why] : framework::unavailable()) unavailable.add(what.c_str(), why.c_str());

  const bool on = framework::enabled();
  Table table;
  table.add("enabled", on);
  table.add("engine", on ? framework::settings().engine.c_str() : "off");
  table.add("entry", framework::settings().entry == framework::EntryMode::kVectorcall ? "vectorcall" : "pep523");
  table.add("functions_compiled", counters.compiled);
  table.add("functions_declined", declined);
  table.add("compile_ns", counters.compile_ns);
  add_memory(table);
  table.add("samples", sampler::taken());
  table.add("thrashing", policy::thrashing);
  table.add("entries", counters.entries);
  table.add("loops_entered", counters.loops_entered);
  table.add("exits", exits);
  table.add("deopts", counters.deopts);
  table.add("slow_ops", counters.slow_ops);
  table.add("cache_hits", counters.cache_hits);
  table.add("cache_misses", counters.cache_misses);
  table.add("exceptions", counters.exceptions);
  table.add("invalidations", counters.invalidations);
  table.add("retired", counters.retired);
  table.add("stepped_aside", entry::eval_frame_displaced());
  table.add("unavailable", unavailable);
  if (stress::settings.on()) add_stress(table);
  if (kSelfChecks) table.add("self_checks", self_checks_made);
  return table.release();
}

}  // namespace whipsnake::observe
