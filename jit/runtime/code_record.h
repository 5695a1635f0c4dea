// What is known about one code object, and the machine code made for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jit/cpython/port.h"

namespace whipsnake {

struct Site;
struct CompiledCode;
struct CodeLink;

// Anything an engine needs alive as long as its machine code (exit descriptors, cache cells, registrations).
class CodeResources {
 public:
  virtual ~CodeResources() = default;
  virtual void visit_sites(const std::function<void(const Site&)>&) const {}
  // Tells for each place where the machine code can be left how often that happened, and why.
  virtual void visit_exits(void (*visit)(void* context, const char* reason, uint64_t taken), void* context) const {
    (void)visit;
    (void)context;
  }
  // Tells of all memory it consists of, except for what nobody outside points to; false where that is not known.
  virtual bool visit_memory(const std::function<void(const void* begin, size_t bytes)>&) const { return false; }
};

// How others enter the machine code of one code object: all that a call needs to know about its callee, in one place.
// In the code heap's data half, owned by the machine code's resources. See runtime/calls.h. [direct-call]
struct CodeEntry {
  PyObject* globals;  // borrowed, as all here; null from the moment that nobody may enter any more
  PyObject* builtins;
  PyCodeObject* code;
  const uint8_t* start;  // the machine code of instruction 0
  int32_t frame_bytes;   // co_framesize in bytes
  int32_t locals;        // co_nlocalsplus
  int32_t arguments;     // co_argcount; -1 where the arguments are not simply the first so many variables
  const uint8_t* take;   // what entry_of_shape() gives; null where machine code does not call
  uint64_t serial;       // no other entry ever has it; not 0
};

// All that machine code needs to resume a suspended generator in its machine code. Borrowed; found by
// CodeRecord::resumption, and gone when that machine code is retired.
struct Resumption {
  PyObject* code;
  PyObject* globals;
  PyObject* builtins;
  CodeUnit* instructions;   // of the code object
  const uint32_t* offsets;  // CompiledCode::entry_offsets()
  const uint8_t* machine_code;
};

// Machine code for one code object with one globals/builtins pair.
//
// Convention of `entry(instruction)`: see thunks.h; the frame is linked as ts->current_frame, its stack is in memory
// (depth as the interpreter has it there), stacktop is -1, the Python recursion count is taken. The code finishes the
// frame: it returns a new reference with the frame cleared and popped, or null with an exception set and the frame
// popped, or (generators) the yielded value with the frame suspended; see runtime/frames.h for the helpers that do so.
struct CompiledCode {
  const uint8_t* code = nullptr;  // in the code heap
  size_t size = 0;
  PyObject* globals = nullptr;  // borrowed; compared by identity before entering
  PyObject* builtins = nullptr;
  std::vector<std::pair<uint32_t, uint32_t>> entries;  // (instruction index, code offset), sorted
  // Where a SEND goes on that has delegated to another generator (see runtime/generators.h): (index of the unit behind
  // it, where no instruction begins; code offset, with kMerelyWaits).
  std::vector<std::pair<uint32_t, uint32_t>> continuations;
  // Until the SEND is over, nothing is done but to resume and to yield.
  static constexpr uint32_t kMerelyWaits = 1u << 31;
  std::unique_ptr<CodeResources> resources;
  const char* engine = "";   // name of the engine that made it
  uint32_t start_entry = 0;  // offset of the entry for instruction 0
  // What the entrance in front of `code` leads to (see runtime/calls.h), for machine code that has one and follows the
  // convention of runtime/thunks.h; else null, and the code is entered from C++ only.
  CodeEntry* door = nullptr;
  CodeLink* callers = nullptr;  // caches that resume generators in it

  // Offsets of the entries and continuations by instruction index, 0 where there is none; made at the first call. For
  // generators, which machine code resumes anywhere. kBefore more of them are in front. Null: out of memory.
  const uint32_t* entry_offsets(int instructions) {
    if (offsets_.empty()) [[unlikely]]
      make_offsets(instructions);
    return offsets_.empty() ? nullptr : offsets_.data() + kBefore;
  }
  static constexpr size_t kBefore = 4;

  // Null when out of memory.
  const Resumption* resumption(PyCodeObject* of);

  // Null when compiled code can't be entered there.
  const uint8_t* entry(int instruction) const;
  const uint8_t* start() const { return code + start_entry; }

  // What functions with this code have as their vectorcall.
  vectorcallfunc vectorcall() const;
  void close();  // nobody enters any more

  std::vector<uint32_t> offsets_;  // see entry_offsets()
  std::unique_ptr<Resumption> resumption_;

  CompiledCode() = default;
  CompiledCode(const CompiledCode&) = delete;
  CompiledCode& operator=(const CompiledCode&) = delete;
  ~CompiledCode() { unlink_callers(); }

 private:
  void make_offsets(int instructions);
  void unlink_callers();
};

// What a cache that jumps to machine code has in front: whose code that is, to compare with, until it is retired. All
// null before link(). Borrowed; lives in the code heap's data half.
struct CodeLink {
  PyObject* code;
  PyObject* globals;
  PyObject* builtins;
  CompiledCode* target;
  CodeLink* next;
  CodeLink* previous;

  void link(PyObject* to_code, CompiledCode* to);
  void unlink();
};

enum class TierState : uint8_t { kCold, kCompiled, kDeclined, kDisabled };

// What machine code reads of a record.
struct CodeRecordHead {
  const Resumption* resumption =
      nullptr;  // of the machine code, once it was asked for, if that has an entrance; else null
};

struct CodeRecord : CodeRecordHead {
  PyCodeObject* code = nullptr;  // borrowed: the record dies with the code object
  TierState state = TierState::kCold;
  bool marked_jit = false;  // @whipsnake.jit: compile at first call
  bool has_loops = false;
  bool loop_events_on = false;  // our JUMP events are set on the code object
  bool foreign_events = false;  // another tool has local events on it
  uint32_t calls = 0;
  uint32_t back_edges = 0;
  uint64_t first_call = 0;    // when, in nanoseconds of CLOCK_MONOTONIC, if calls are counted
  uint32_t heat = 0;          // from samples; see engine/policy.h
  uint64_t first_sample = 0;  // its number, while they are counted for policy::thrashing
  int32_t loop_credit = 100;  // see engine/policy.h, loop_entry_pays()
  uint32_t exits = 0;         // deopts out of the current machine code, weighted
  uint32_t cold_exits = 0;    // of these to code that was left out
  uint32_t compilations = 0;
  uint32_t lessons = 0;  // so often its machine code was given up because guards kept failing; see engine/policy.h
  // Instructions, sorted: which the interpreter has been asked to specialise anew; whose guards have failed often again
  // since, so that machine code expects nothing of them; and where control came although machine code had left them
  // out.
  std::vector<uint32_t> relearned;
  std::vector<uint32_t> generic;
  std::vector<uint32_t> warm;
  std::string reason;  // why compiling was declined
  std::unique_ptr<CompiledCode> compiled;
  std::vector<std::unique_ptr<CompiledCode>> retired;  // replaced machine code that frames may still be running
};

// The record of a code object; null when it has none yet. Never raises.
extern Py_ssize_t code_extra_index;  // -1 until the first record was asked for
inline CodeRecord* find_record(PyCodeObject* code) {
  return static_cast<CodeRecord*>(port::code_extra(code, code_extra_index));
}
CodeRecord* get_record(PyCodeObject* code);  // creates it; null when out of memory or in a sub-interpreter

// Machine code of `func` that may be entered for a call right now, or null (not compiled, other globals, ...).
inline CompiledCode* callable_code(PyFunctionObject* func) {
  CodeRecord* record = find_record(reinterpret_cast<PyCodeObject*>(func->func_code));
  if (record == nullptr || !record->compiled) return nullptr;
  CompiledCode* compiled = record->compiled.get();
  return compiled->globals == func->func_globals && compiled->builtins == func->func_builtins ? compiled : nullptr;
}

}  // namespace whipsnake
