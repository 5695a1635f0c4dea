#include "jit/runtime/stress.h"

#include <pthread.h>

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "jit/runtime/frames.h"
#include "jit/runtime/records.h"

namespace whipsnake::stress {

Settings settings;
Countdown exits, guards, entries;
Counts counts;

const char* name(Family family) {
  switch (family) {
    case Family::kAttributes: return "attributes";
    case Family::kCalls: return "calls";
    case Family::kContainers: return "containers";
    case Family::kGlobals: return "globals";
    case Family::kIteration: return "iteration";
    case Family::kNumbers: return "numbers";
    case Family::kTruth: return "truth";
    case Family::kNone:
    case Family::kCount: break;
  }
  return "?";
}

namespace {

uint64_t random_state;
Countdown failures;
uint64_t helper_calls_made;
PyObject* collect_function;  // gc.collect

// Sebastiano Vigna's splitmix64.
uint64_t next_random() {
  uint64_t z = random_state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

// From 1 to 2 * every - 1.
int32_t interval(uint32_t every) {
  if (every == 0) return INT32_MAX;
  const uint64_t limit = std::min<uint64_t>(2 * uint64_t{every} - 1, INT32_MAX);
  return static_cast<int32_t>(1 + next_random() % limit);
}

}  // namespace

void start(const Settings& wanted) {
  settings = wanted;
  random_state = wanted.seed;
  exits.left = interval(wanted.exit_every);
  guards.left = interval(wanted.slow_every);
  entries.left = interval(wanted.jettison_every);
  failures.left = interval(wanted.fail_every);
  if (!wanted.collect || collect_function != nullptr) return;
  PyObject* gc = PyImport_ImportModule("gc");
  collect_function = gc != nullptr ? PyObject_GetAttrString(gc, "collect") : nullptr;
  Py_XDECREF(gc);
  PyErr_Clear();
}

void emit_countdown(Masm& masm, const Countdown& countdown, Label taken) {
  masm.add_mem32(Mem::absolute(&countdown.left), -1);
  masm.jump_if(Cond::kEqual, taken);
}

void emit_restart(Masm& masm, const Countdown& countdown, uint32_t every) {
  masm.store32_imm(Mem::absolute(&countdown.left), interval(every));
  masm.add_mem(Mem::absolute(&countdown.reached), 1);
}

// --- before helpers ---

void collect_garbage() {
  if (collect_function == nullptr) return;
  constexpr uint64_t kWhole = 64;  // one in so many collects all generations
  ++counts.collections;
  PyObject* pending = PyErr_GetRaisedException();
  PyObject* generation = PyLong_FromLong(counts.collections % kWhole == 0 ? 2 : 0);
  PyObject* found = generation != nullptr ? PyObject_CallOneArg(collect_function, generation) : nullptr;
  Py_XDECREF(generation);
  Py_XDECREF(found);
  PyErr_Clear();
  PyErr_SetRaisedException(pending);
}

void fail_in(uint32_t calls) { failures.left = calls == 0 ? INT32_MAX : static_cast<int32_t>(calls); }

uint64_t helper_calls() { return helper_calls_made; }

PyObject* op_stressed(PyThreadState* ts, PyObject** top, intptr_t arg) {
  const HelperCall& call = *reinterpret_cast<const HelperCall*>(arg);
  if (settings.collect) collect_garbage();
  if (settings.fail_every == 0 || call.pops < 0) return call.helper(ts, top, call.arg);
  ++helper_calls_made;
  if (--failures.left != 0) return call.helper(ts, top, call.arg);
  failures.left = interval(settings.fail_every);
  ++counts.failures;
  for (int i = 1; i <= call.pops; ++i) Py_XDECREF(top[-i]);
  PyErr_NoMemory();
  return nullptr;
}

// --- throwing machine code away ---

namespace {

// Addresses that keep a piece of machine code: in it, or in what it owns.
struct Range {
  uintptr_t begin, end;
  const CompiledCode* owner;
  bool operator<(const Range& other) const { return begin < other.begin; }
};

struct Retired {
  std::vector<Range> ranges;
  std::unordered_set<const CompiledCode*> known;  // all of whose memory is in `ranges`
  std::unordered_set<const CompiledCode*> used;

  void add(const CompiledCode& piece) {
    const size_t before = ranges.size();
    const auto remember = [&](const void* begin, size_t bytes) {
      const auto from = reinterpret_cast<uintptr_t>(begin);
      ranges.push_back({from, from + bytes, &piece});
    };
    if (!piece.resources || !piece.resources->visit_memory(remember)) return ranges.resize(before);
    remember(piece.code, piece.size);
    remember(&piece, sizeof piece);
    known.insert(&piece);
  }

  const CompiledCode* owner_of(uintptr_t word) const {
    auto place = std::upper_bound(ranges.begin(), ranges.end(), Range{word, 0, nullptr});
    return place != ranges.begin() && word < (--place)->end ? place->owner : nullptr;
  }

  void sort() { std::sort(ranges.begin(), ranges.end()); }

  bool may_be_freed(const CompiledCode* piece) const { return known.count(piece) != 0 && used.count(piece) == 0; }
};

// Everything on the native stack that could be an address of machine code, or of what it owns, is taken for one. Wrong
// guesses only keep memory. True for the stack of the only thread, if it is in one piece.
[[gnu::noinline, gnu::no_sanitize_address]] bool keep_what_is_on_stack(Retired& retired) {
  __builtin_unwind_init();  // registers to the stack
  pthread_attr_t attributes;
  void* low = nullptr;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return false;
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) & ~(sizeof(uintptr_t) - 1);
  const uintptr_t end = reinterpret_cast<uintptr_t>(low) + size;
  if (here < reinterpret_cast<uintptr_t>(low) || here >= end) return false;  // on a stack of somebody's own
  // From below this frame, where the registers are.
  constexpr uintptr_t kRegisters = 256;
  for (uintptr_t at = here - kRegisters; at + sizeof(uintptr_t) <= end; at += sizeof(uintptr_t))
    if (const CompiledCode* owner = retired.owner_of(*reinterpret_cast<const uintptr_t*>(at)))
      retired.used.insert(owner);
  return true;
}

// Generators that have delegated have nothing there.                                                     [delegation]
void keep_what_frames_run(const PyThreadState* ts, Retired& retired) {
  std::unordered_set<const CodeRecord*> seen;  // recursion: many frames, few functions
  for (const Frame* frame = ts->current_frame; frame != nullptr; frame = frame->previous) {
    const CodeRecord* record = port::is_of_program(frame) ? find_record(port::code_of(frame)) : nullptr;
    if (record == nullptr || !seen.insert(record).second) continue;
    for (const auto& piece : record->retired) retired.used.insert(piece.get());
  }
}

// PyUnstable_GC_VisitObjects() does not come to what gc.freeze() has put aside, nor to what is being collected.
// 3.13 Python/gc.c
bool functions_are_hidden(const _gc_runtime_state& gc) {
  const PyGC_Head& frozen = gc.permanent_generation.head;
  return gc.collecting != 0 || frozen._gc_next != reinterpret_cast<uintptr_t>(&frozen);
}

// Whether all native stacks there are can be looked at (one thread, nobody who keeps stacks elsewhere), and all
// functions.
bool may_free(PyThreadState* ts) {
  if (PyThreadState_Next(PyInterpreterState_ThreadHead(ts->interp)) != nullptr || functions_are_hidden(ts->interp->gc))
    return false;
  PyObject* modules = PyImport_GetModuleDict();  // borrowed
  return modules != nullptr && PyDict_GetItemString(modules, "greenlet") == nullptr;
}

// A function that still has an entrance of machine code that goes away.
int forget_entrance(PyObject* object, void* context) {
  if (!PyFunction_Check(object)) return 1;
  auto* func = reinterpret_cast<PyFunctionObject*>(object);
  const auto address = reinterpret_cast<uintptr_t>(func->vectorcall);
  if (static_cast<const Retired*>(context)->owner_of(address) != nullptr)
    func->vectorcall = uncompiled_vectorcall != nullptr ? uncompiled_vectorcall : port::function_vectorcall;
  return 1;
}

}  // namespace

void jettison() {
  PyThreadState* ts = port::thread_with_gil();
  ++counts.jettisons;
  visit_records(
      [](CodeRecord* record, void*) {
        if (!record->compiled) return;
        retire(record);
        if (record->compilations > 0) --record->compilations;  // nothing speaks against compiling it again
      },
      nullptr);
  if (!may_free(ts)) return;
  Retired retired;
  visit_records(
      [](CodeRecord* record, void* context) {
        for (const auto& piece : record->retired) static_cast<Retired*>(context)->add(*piece);
      },
      &retired);
  retired.sort();
  if (!keep_what_is_on_stack(retired)) return;
  keep_what_frames_run(ts, retired);
  PyUnstable_GC_VisitObjects(forget_entrance, &retired);
  visit_records(
      [](CodeRecord* record, void* context) {
        const auto in_use = [context](const auto& piece) {
          return !static_cast<const Retired*>(context)->may_be_freed(piece.get());
        };
        auto& pieces = record->retired;
        const auto unused = std::stable_partition(pieces.begin(), pieces.end(), in_use);
        for (auto piece = unused; piece != pieces.end(); ++piece) release_compiled(std::move(*piece));
        counts.freed += static_cast<uint64_t>(pieces.end() - unused);
        pieces.erase(unused, pieces.end());
      },
      &retired);
  flush_released();
}

}  // namespace whipsnake::stress
