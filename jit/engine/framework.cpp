#include "jit/engine/framework.h"

#include <algorithm>
#include <exception>
#include <new>

#include "jit/cpython/memory.h"
#include "jit/cpython/opcodes.h"
#include "jit/cpython/port_check.h"
#include "jit/engine/entries.h"
#include "jit/engine/policy.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/invariants.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/records.h"
#include "jit/runtime/site.h"
#include "jit/runtime/thunks.h"
#include "jit/support/clock.h"

namespace whipsnake::framework {

void (*on_compile)(const CodeRecord& record, const CompiledCode& compiled) = nullptr;
bool detail::is_enabled = false;

namespace {

// Never destroyed: code objects and atexit functions outlive static objects.
struct State {
  bool shutting_down = false;
  bool exit_function_registered = false;
  Settings settings;
  NativeEngine* engine = nullptr;
  std::map<std::string, std::string> unavailable;
  std::map<std::string, uint64_t> declined;
};

State& state() {
  static State* instance = new State;
  return *instance;
}

bool in_main_interpreter() { return PyInterpreterState_Get() == PyInterpreterState_Main(); }

// A heap in use is kept for good; its limits follow the settings. Address space costs nothing, so that a later budget
// finds room, too.
void prepare_heap(const Settings& settings) {
  CodeHeapOptions options;
  options.budget = std::max(settings.budget, Settings().budget);
  options.fail_after = settings.heap_fail_after;
  if (thunks.run == nullptr) {
    static uintptr_t* const breaker_without_heap = ok_breaker;
    ok_breaker = breaker_without_heap;
    near_table = nullptr;
    delete code_heap;
    code_heap = new CodeHeap(options);
  } else if (options.fail_after >= 0) {
    options.fail_after += static_cast<int64_t>(code_heap->stats().installs);
  }
  code_heap->options().budget = settings.budget;
  code_heap->options().fail_after = options.fail_after;
  if (code_heap->ok() && near_table == nullptr && (near_table = NearTable::create(*code_heap)) != nullptr) {
    near_table->ok_breaker = kPoisoned;
    ok_breaker = &near_table->ok_breaker;
  }
  const bool works = near_table != nullptr &&
                     (thunks.run != nullptr || (init_numbers() && init_known_callables() && make_thunks(*code_heap)));
  if (!works) state().unavailable["machine code"] = "no executable memory";
}

bool heap_works() { return thunks.run != nullptr; }

std::unique_ptr<CompiledCode> run_engine(const NativeRequest& request, std::string* reason, uint64_t* nanoseconds) {
  if (!heap_works()) {
    *reason = "no executable memory";
    return nullptr;
  }
  if (!PyDict_CheckExact(request.globals) || !PyDict_CheckExact(request.builtins)) {
    *reason = "globals or builtins are not a plain dict";
    return nullptr;
  }
  PyObject* pending = PyErr_GetRaisedException();
  const uint64_t begin = now();
  std::unique_ptr<CompiledCode> compiled;
  try {
    compiled = state().engine->compile(request, reason);
  } catch (const std::bad_alloc&) {
    *reason = "out of memory";  // short enough to need none
  } catch (const std::exception& error) {
    *reason = std::string("internal error: ") + error.what();
  }
  *nanoseconds = now() - begin;
  PyErr_Clear();
  PyErr_SetRaisedException(pending);
  if (!compiled && reason->empty()) *reason = "unknown";
  return compiled;
}

void decline(CodeRecord* record, const std::string& reason) {
  record->state = TierState::kDeclined;
  ++counters.declined;
  try {
    record->reason = reason;
    ++state().declined[reason];
  } catch (const std::bad_alloc&) {  // then nobody can be told why
  }
}

// Something made by another engine or for another namespace is in the way.
bool usable(const CompiledCode& compiled, PyObject* globals, PyObject* builtins) {
  return compiled.globals == globals && compiled.builtins == builtins;
}

void forget_declined(CodeRecord* record, void*) {
  if (record->state != TierState::kDeclined) return;
  record->state = TierState::kCold;
  record->reason.clear();
  record->calls = record->back_edges = record->heat = 0;
}

void retire_compiled(CodeRecord* record, void*) { retire(record); }

void drop_other_engines(CodeRecord* record, void* engine) {
  if (record->compiled && state().engine->name() != std::string(record->compiled->engine)) retire(record);
  forget_declined(record, engine);
}

// The interpreter gets a while to adapt to what it sees.
void leave_to_interpreter(CodeRecord* record, uint32_t heat) {
  retire(record);
  record->calls = record->back_edges = 0;
  record->heat = heat;
  if (!policy::thresholds.sampled) entry::watch_loops(record);
}

// What is known by now is known to the new machine code.
void compile_anew(CodeRecord* record) {
  PyObject* globals = record->compiled->globals;
  PyObject* builtins = record->compiled->builtins;
  retire(record);
  compile(record, globals, builtins);
}

// Called from within a frame that runs the record's machine code.
void review(CodeRecord* record) {
  if (!record->compiled) return;
  switch (policy::review_exits(*record)) {
    case policy::Verdict::kKeep: return;
    case policy::Verdict::kCompileNow: compile_anew(record); return;
    case policy::Verdict::kCompileLater: leave_to_interpreter(record, 0); return;
    case policy::Verdict::kGiveBack:
      retire(record);
      decline(record, "left too often");
      return;
  }
}

// The interpreter can learn what an instruction sees where it had specialised it, which is tried once: what fails often
// again sees all kinds, or what machine code does not know.
void draw_lesson(CodeRecord* record, const Site& site) {
  const uint8_t specialized = port::instructions(record->code)[site.instruction].op.code;
  if (!is_base_opcode(specialized) && note_instruction(&record->relearned, site.instruction)) return;
  note_instruction(&record->generic, site.instruction);
}

bool is_current(const CodeRecord& record, const Site& site) {
  bool found = false;
  record.compiled->resources->visit_sites([&site, &found](const Site& other) { found = found || &other == &site; });
  return found;
}

// Called from within a frame that runs the record's machine code, or some that has been retired.
bool review_guard(const Site* site) {
  CodeRecord* record = site->record;
  if (record == nullptr || !record->compiled || stress::settings.on()) return false;
  if (!is_current(*record, *site)) return true;  // the frame had better leave what is known to miss
  if (!policy::learns_anew(*record, site->taken)) return false;
  ++record->lessons;
  const size_t generic = record->generic.size();
  record->compiled->resources->visit_sites([record, site](const Site& other) {
    if (other.kind == SiteKind::kSlow && policy::shares_lesson(other.taken, site->taken)) draw_lesson(record, other);
  });
  if (record->generic.size() == generic)
    leave_to_interpreter(record, policy::heat_of_relearned());
  else
    compile_anew(record);
  return true;
}

// An evaluator sees every call anyway, so it counts.
void choose_thresholds(const Settings& settings) {
  const bool sampled = !settings.threshold && !settings.loop_threshold && settings.entry == EntryMode::kVectorcall;
  policy::thresholds = sampled ? policy::kSampled : policy::kCounted;
  if (settings.threshold) policy::thresholds.calls = *settings.threshold;
  if (settings.loop_threshold) policy::thresholds.back_edges = *settings.loop_threshold;
}

void at_exit(void*) {
  state().shutting_down = true;
  disable();
}

}  // namespace

const Settings& settings() { return state().settings; }

const std::map<std::string, std::string>& unavailable() { return state().unavailable; }

const std::map<std::string, uint64_t>& decline_reasons() { return state().declined; }

std::string enable(const Settings& wanted) {
  const std::string& refused = port::initialize();
  if (!refused.empty()) return refused;
  if (!in_main_interpreter()) return "Whipsnake serves the main interpreter only";
  if (state().shutting_down || Py_IsFinalizing()) return "the interpreter is shutting down";
  NativeEngine* engine = registry::find(wanted.engine);
  if (engine == nullptr) return "unknown engine '" + wanted.engine + "'";
  disable();

  State& s = state();
  s.settings = wanted;
  s.engine = engine;
  s.unavailable.clear();
  review_exits = review;
  review_slow_path = review_guard;
  choose_thresholds(s.settings);
  // Code that was made for other stress is retired.
  if (wanted.stress.on() || stress::settings.on()) visit_records(retire_compiled, nullptr);
  stress::start(wanted.stress);
  if (counters.compiled != 0) port::start_allocator_front();
  prepare_heap(wanted);
  visit_records(drop_other_engines, nullptr);
  if (!start_invariants(wanted.watchers))
    s.unavailable["watchers"] = wanted.watchers ? "no free watcher id" : "switched off";
  if (!s.exit_function_registered) {
    // Runs after the exit functions of programs that start us first.
    s.exit_function_registered = PyUnstable_AtExit(PyInterpreterState_Main(), at_exit, nullptr) == 0;
    PyErr_Clear();
  }
  detail::is_enabled = true;
  if (policy::thresholds.sampled && !entry::start_samples()) {
    s.unavailable["samples"] = "no thread";
    policy::thresholds = policy::kCounted;
  }
  if (wanted.entry == EntryMode::kEvalFrame) {
    entry::start_eval_frame();
  } else if (!wanted.watchers || !entry::start_vectorcall()) {
    // Without a function watcher new functions go unnoticed; the evaluator sees them all.
    s.settings.entry = EntryMode::kEvalFrame;
    s.unavailable["vectorcall"] = "no function watcher";
    entry::stop_samples();
    choose_thresholds(s.settings);
    entry::start_eval_frame();
  }
  if (wanted.loops) {
    const std::string problem = entry::start_loops();
    if (!problem.empty()) s.unavailable["loops"] = problem;
  } else {
    s.unavailable["loops"] = "switched off";
  }
  entry::start_generators();
  allow_compiled_code(PyThreadState_Get(), true);
  port::observe_events(entry::events_changed);
  entry::events_changed(nullptr);
  return "";
}

void disable() {
  State& s = state();
  if (!enabled()) return;
  PyObject* pending = PyErr_GetRaisedException();
  detail::is_enabled = false;
  allow_compiled_code(PyThreadState_Get(), false);
  port::stop_observing_events();
  entry::stop_samples();
  entry::stop_generators();
  entry::stop_loops();
  entry::stop_eval_frame();
  // At shut-down the trampolines let everything pass; walking a large heap for them would only cost time.
  if (!s.shutting_down) entry::stop_vectorcall();
  stop_invariants();
  port::stop_allocator_front();
  flush_released();
  PyErr_SetRaisedException(pending);
}

CompiledCode* compile(CodeRecord* record, PyObject* globals, PyObject* builtins) {
  if (record->compiled) return usable(*record->compiled, globals, builtins) ? record->compiled.get() : nullptr;
  if (record->state != TierState::kCold || !enabled()) return nullptr;
  flush_released();
  port::start_allocator_front();  // not before: programs that need no machine code are left as they are
  std::string reason;
  uint64_t nanoseconds = 0;
  std::unique_ptr<CompiledCode> compiled =
      run_engine({record, record->code, globals, builtins, code_heap}, &reason, &nanoseconds);
  counters.compile_ns += nanoseconds;
  if (compiled && !set_compiled(record, std::move(compiled))) reason = "out of memory";
  if (!record->compiled) {
    decline(record, reason);
    return nullptr;
  }
  ++counters.compiled;
  ++record->compilations;
  record->exits = record->cold_exits = 0;
  record->state = TierState::kCompiled;
  if (on_compile != nullptr) on_compile(*record, *record->compiled);
  // Set before we were there to notice.
  if (port::has_foreign_local_events(record->code)) entry::events_changed(record->code);
  return record->compiled.get();
}

Measurement measure(PyCodeObject* code, PyObject* globals, PyObject* builtins) {
  Measurement result;
  if (state().engine == nullptr) state().engine = registry::find("baseline");
  if (!heap_works()) prepare_heap(state().settings);
  std::unique_ptr<CompiledCode> compiled =
      run_engine({nullptr, code, globals, builtins, code_heap}, &result.declined, &result.nanoseconds);
  if (compiled) {
    result.bytes = compiled->size;
    release_compiled(std::move(compiled));
  }
  return result;
}

void invalidate(CodeRecord* record) {
  if (!record->compiled) return;
  ++counters.invalidations;
  retire(record);
}

void mark_jit(PyFunctionObject* func) {
  CodeRecord* record = get_record(reinterpret_cast<PyCodeObject*>(func->func_code));
  if (record == nullptr) return;
  record->marked_jit = true;
  if (record->state == TierState::kDisabled) record->state = TierState::kCold;
  if (active() && state().settings.entry == EntryMode::kVectorcall) entry::adopt(func);
}

void mark_nojit(PyFunctionObject* func) {
  CodeRecord* record = get_record(reinterpret_cast<PyCodeObject*>(func->func_code));
  if (record == nullptr) return;
  record->marked_jit = false;
  retire(record);
  record->state = TierState::kDisabled;
  if (active() && state().settings.entry == EntryMode::kVectorcall) entry::adopt(func);
}

bool compile_function(PyFunctionObject* func) {
  if (!active()) return false;
  CodeRecord* record = get_record(reinterpret_cast<PyCodeObject*>(func->func_code));
  if (record == nullptr || compile(record, func->func_globals, func->func_builtins) == nullptr) return false;
  if (state().settings.entry == EntryMode::kVectorcall) entry::adopt(func);
  return true;
}

const char* tier(PyFunctionObject* func) {
  const CodeRecord* record =
      in_main_interpreter() ? find_record(reinterpret_cast<PyCodeObject*>(func->func_code)) : nullptr;
  if (record == nullptr) return "interpreter";
  if (record->state == TierState::kDisabled) return "disabled";
  if (!enabled()) return "interpreter";
  if (record->state == TierState::kDeclined) return "declined";
  const CompiledCode* compiled = callable_code(func);
  return compiled != nullptr ? compiled->engine : "interpreter";
}

}  // namespace whipsnake::framework
