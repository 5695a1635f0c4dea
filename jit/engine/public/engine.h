// The engine interface: how a compiler plugs into Whipsnake. Installed as <whipsnake/engine.h>.
//
// An engine turns a code object into machine code, or declines with a reason. The framework does the rest: it counts
// calls, decides when to compile, enters the machine code on a frame that it has pushed and filled with the arguments,
// falls back to the interpreter whenever compiled code may not run, and releases the code with its code object.
//
// An engine is handed to Whipsnake as a PyCapsule named kEngineCapsule that holds an Engine*; packages offer a callable
// that makes it in the entry-point group "whipsnake.engines". This header needs Python.h and the C++20 standard
// library, nothing else; Host and the runtime functions are how an engine reaches the frame and the interpreter.
//
// Everything here is called with the GIL held, in the main interpreter.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

struct _PyInterpreterFrame;

namespace whipsnake::api {

// Raised whenever something below changes its meaning or layout; an engine built for another version is refused.
inline constexpr uint32_t kEngineApiVersion = 1;
inline constexpr char kEngineCapsule[] = "whipsnake.engine";

// One bytecode instruction, EXTENDED_ARG folded in. `opcode` is the generic one of the running interpreter's opcode
// table, `specialized` what the interpreter has made of it.
struct Instruction {
  int32_t index;  // code unit where it starts (its first EXTENDED_ARG, if it has any)
  int32_t end;    // code unit behind it and its inline cache
  int32_t oparg;
  int32_t target;  // code unit that it may jump to, or -1
  uint16_t opcode;
  uint16_t specialized;
  const uint16_t* cache;  // its inline cache, as the interpreter sees it; null if it has none
};

struct ExceptionRange {
  int32_t begin, end;  // code units
  int32_t handler;
  int32_t depth;  // of the value stack at the handler, exception excluded
  bool push_lasti;
};

// What was seen at an instruction so far. Zero or null means: not known.
struct Observation {
  uint16_t specialized = 0;   // the interpreter's specialised opcode, 0 when it is generic
  uint32_t type_version = 0;  // version tag of the type it was specialised for
  uint32_t keys_version = 0;
  uint32_t function_version = 0;
};

class Profile {
 public:
  virtual Observation at(int32_t instruction) const = 0;

 protected:
  ~Profile() = default;
};

struct CompileRequest {
  PyCodeObject* code;  // alive as long as the machine code
  PyObject* globals;   // machine code is entered for functions with exactly these two only
  PyObject* builtins;
  const char* name;  // qualified name, UTF-8
  int flags;         // co_flags
  int argument_count, positional_only_count, keyword_only_count;
  int local_count;  // slots before the value stack: locals, cells, free variables
  int stack_size;
  PyObject* names;      // tuple
  PyObject* constants;  // tuple
  std::span<const Instruction> instructions;
  std::span<const ExceptionRange> exception_ranges;
  std::span<const int32_t> entries;  // where the framework would like to enter: 0 is the function's start, others
                                     // are loop heads and resume points; only 0 has to be provided
  const Profile* profile;
};

// Machine code is a C function, or bytes with the C calling convention at each entry. It is entered with the frame
// linked into the thread, arguments and other locals in its slots, and the value stack empty (function start), at the
// very first instruction; it must end with exactly one of the calls below that finish the frame, and return what that
// returned. Null means that an exception is set, as everywhere.
using EntryFunction = PyObject* (*)(PyThreadState*, struct _PyInterpreterFrame*, void* engine_data);

// Runtime functions that machine code may call; addresses stay valid for the life of the process. `frame` is always
// the running one.
struct RuntimeFunctions {
  // Finish the frame: gives `result` (stolen) to the caller; null means that an exception is set: a traceback entry is
  // made, then it propagates to the caller. The engine's own handlers are its own business.
  PyObject* (*finish_frame)(PyThreadState*, struct _PyInterpreterFrame* frame, PyObject* result);
  // Finish the frame: the interpreter goes on before `instruction`, with the value stack that was stored with
  // set_stack.
  PyObject* (*interpret)(PyThreadState*, struct _PyInterpreterFrame* frame, int instruction, int depth);
  // Borrowed; null for an unbound local.
  PyObject* (*get_local)(struct _PyInterpreterFrame* frame, int index);
  void (*set_local)(struct _PyInterpreterFrame* frame, int index, PyObject* value);  // steals; releases the old value
  void (*set_stack)(struct _PyInterpreterFrame* frame, int slot, PyObject* value);   // steals; slot 0 is the bottom
  // Must precede whatever may run Python code or look at the frame: says which instruction is being executed.
  void (*set_instruction)(struct _PyInterpreterFrame* frame, int instruction);
  // To be called now and then (loops) and after Python code has run: 0 go on; 1 somebody traces or waits, leave with
  // interpret(); -1 an exception is set.
  int (*poll)(PyThreadState*, struct _PyInterpreterFrame* frame);
};

// What an engine wants to keep alive with its machine code. Destroyed after the code was released.
class EngineResources {
 public:
  virtual ~EngineResources() = default;
};

struct CompileResult {
  static CompileResult decline(std::string why) {
    CompileResult result;
    result.declined = std::move(why);
    return result;
  }

  std::string declined;       // not empty: why there is no machine code; a short text that statistics count
  std::vector<uint8_t> code;  // position-independent; or empty, then `function` is used
  std::vector<std::pair<int32_t, uint32_t>> entries;  // (instruction, offset in `code`); none means: 0 at offset 0
  EntryFunction function = nullptr;                   // entered at instruction 0
  void* engine_data = nullptr;                        // third argument of every entry
  std::unique_ptr<EngineResources> resources;
};

// Services while compiling.
class Host {
 public:
  virtual const RuntimeFunctions& runtime() const = 0;
  // Zeroed memory near the machine code, released with it; null when there is none left.
  virtual void* allocate_data(size_t bytes) = 0;
  // A cell that holds the value of a global or builtin name as long as it does not change, and null from then on;
  // null when the name has no value or cannot be watched. The value is borrowed.
  virtual PyObject** watch_global(PyObject* name) = 0;
  // A cell that is not zero as long as the type stays as it is.
  virtual const uint32_t* watch_type(PyTypeObject* type) = 0;

 protected:
  ~Host() = default;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const char* name() const = 0;  // what users ask for; no spaces, commas, semicolons or equals signs
  virtual uint32_t api_version() const { return kEngineApiVersion; }
  // Never raises and leaves no exception set; C++ exceptions count as declining. Must not run Python code.
  virtual CompileResult compile(const CompileRequest& request, Host& host) = 0;
};

}  // namespace whipsnake::api
