// The engine framework's state: whether it is on, with which settings, and the one way from a code object to machine
// code. Only the main interpreter is served. Everything here is called with the GIL held.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "jit/cpython/port_check.h"
#include "jit/engine/registry.h"
#include "jit/runtime/code_record.h"
#include "jit/runtime/stress.h"

namespace whipsnake::framework {

enum class EntryMode : uint8_t { kVectorcall, kEvalFrame };

// The defaults are those of src/whipsnake/options.py; a test compares.
struct Settings {
  std::string engine = "baseline";
  // Either number given: calls and back edges are counted. Neither: samples find what is hot.
  std::optional<uint32_t> threshold;
  std::optional<uint32_t> loop_threshold;
  EntryMode entry = EntryMode::kVectorcall;
  bool loops = true;
  bool watchers = true;
  size_t budget = size_t{64} << 20;
  int64_t heap_fail_after = -1;  // CodeHeapOptions::fail_after
  stress::Settings stress;
};

// Starts, or starts anew with other settings. Empty string, or why not (no such engine, not the main interpreter).
std::string enable(const Settings& settings);
// Undoes every process-wide effect. Compiled frames may be running: they go on in the interpreter at their next check.
void disable();

namespace detail {
extern bool is_enabled;
}
inline bool enabled() { return detail::is_enabled; }

// True when compiling and entering is on and this is the interpreter that is served.
inline bool active() { return enabled() && port::current_thread()->interp == port::main_interpreter; }

const Settings& settings();

// What the chosen settings could not do here, for statistics: "loops" or "watchers" to a reason.
const std::map<std::string, std::string>& unavailable();

// Machine code for this code object with these globals and builtins: what there is, or made now. Null when it is
// declined or disabled, or compiled for other globals; the record tells. Leaves a pending exception alone.
CompiledCode* compile(CodeRecord* record, PyObject* globals, PyObject* builtins);

// Compiles without keeping the result.
struct Measurement {
  uint64_t nanoseconds = 0;
  size_t bytes = 0;
  std::string declined;
};
Measurement measure(PyCodeObject* code, PyObject* globals, PyObject* builtins);

// Code objects declined so far, by reason.
const std::map<std::string, uint64_t>& decline_reasons();

// Drops the record's machine code because it keeps being left, or because something it took for granted is not so.
// Frames inside go on in it.
void invalidate(CodeRecord* record);

// The user's marks. kDisabled functions are interpreted for good.
void mark_jit(PyFunctionObject* func);
void mark_nojit(PyFunctionObject* func);
// Compiles and makes the function run compiled from its next call on. False when declined or not enabled.
bool compile_function(PyFunctionObject* func);

// How a function runs: "interpreter", an engine's name, "declined" or "disabled".
const char* tier(PyFunctionObject* func);

// Called after each successful compilation. May be null.
extern void (*on_compile)(const CodeRecord& record, const CompiledCode& compiled);

}  // namespace whipsnake::framework
