// Call opcodes: helpers with the contract of op_helper.h.
#pragma once

#include "jit/runtime/code_record.h"
#include "jit/runtime/op_helper.h"

namespace whipsnake {

PyObject* op_call(PyThreadState* ts, PyObject** top, intptr_t oparg);     // callable, self_or_null, args[oparg]
PyObject* op_call_kw(PyThreadState* ts, PyObject** top, intptr_t oparg);  // ..., kwnames
PyObject* op_call_function_ex(PyThreadState* ts, PyObject** top, intptr_t oparg);

// A call site that jumps to compiled code of one callee. The machine code checks that the callable is a function with
// `code` and our vectorcall and gets `nargs` arguments (self included), and calls `direct`:
//
//   direct(kArg1 = function, kArg2 = arguments): both stolen; kThread and kContext as in the caller. It pushes the
//   frame itself, or passes the call on to call_function() when it cannot. Result in kRet, null with an exception.
//
// Sites are linked to their target, which zeroes `code` when it is retired.                            [direct-call]
struct CallCache {
  PyObject* code;
  const uint8_t* direct;
  int32_t nargs;
  uint32_t misses;
  CompiledCode* target;
  CallCache* next;
  CallCache* previous;
  intptr_t oparg;

  void link(CompiledCode* to);
  void unlink();
};

// CALL through a cache [arg: CallCache*].
PyObject* op_call_cached(PyThreadState* ts, PyObject** top, intptr_t arg);

// CALL at sites that the interpreter has specialised: the helper checks for the case and falls back to op_call.
PyObject* op_call_native(PyThreadState* ts, PyObject** top, intptr_t oparg);      // C functions and method descriptors
PyObject* op_call_len(PyThreadState* ts, PyObject** top, intptr_t oparg);         // len(x)
PyObject* op_call_isinstance(PyThreadState* ts, PyObject** top, intptr_t oparg);  // isinstance(x, y)
PyObject* op_call_type(PyThreadState* ts, PyObject** top, intptr_t oparg);        // type(x)
PyObject* op_call_str(PyThreadState* ts, PyObject** top, intptr_t oparg);         // str(x)
PyObject* op_call_list_append(PyThreadState* ts, PyObject** top, intptr_t oparg); // list.append(self, x)

// A site that makes instances of a class whose __init__ is a Python function.
struct ClassCache {
  PyTypeObject* type;   // borrowed; valid as long as it has `version`
  uint32_t version;
  uint32_t misses;
  PyObject* init;       // borrowed from the type
  intptr_t oparg;
};
PyObject* op_call_class(PyThreadState* ts, PyObject** top, intptr_t arg);         // [arg: ClassCache*]

// The builtins that the helpers above compare with; false with an exception set.
bool init_known_callables();

// What direct entries fall back to: call_stealing() with positional arguments.
PyObject* call_function(PyThreadState* ts, PyObject* function, PyObject** args, Py_ssize_t nargs);

}  // namespace whipsnake
