// Call opcodes: helpers with the contract of op_helper.h.
#pragma once

#include "jit/runtime/code_record.h"
#include "jit/runtime/op_helper.h"

namespace whipsnake {

PyObject* op_call(PyThreadState* ts, PyObject** top, intptr_t oparg);     // callable, self_or_null, args[oparg]
PyObject* op_call_kw(PyThreadState* ts, PyObject** top, intptr_t oparg);  // ..., kwnames
PyObject* op_call_function_ex(PyThreadState* ts, PyObject** top, intptr_t oparg);

// A call site that enters compiled code of one callee. The operands of CALL are on the stack, and the machine code calls
// `direct` with kT0 = the cache and kArg2 = the address of the callable. What it calls checks that the callable is a
// function with `code` and our vectorcall (or a bound method of one), moves the arguments into a new frame and jumps to
// `start`; else it passes the call on to op_call_cached(). Either consumes the operands. Result in kRet, null with an
// exception; kS0 to kS2 are lost.
//
// Sites are linked to their target, which unlinks them when it is retired.                             [direct-call]
struct CallCache {
  const uint8_t* direct;  // entry_of_shape() of the last target, or thunks.call_unlinked
  CodeLink link;
  const uint8_t* start;
  int32_t frame_bytes;
  int32_t oparg;
  uint32_t misses;
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
  CallCache call;       // of __init__, with one argument more
};

// Makes the instance. kDone: the class and the slot above have become __init__ and the new instance, of which there is
// one reference too many; machine code calls through the cache and takes that one as its result, or lets
// op_init_failed() do so. Else the whole call is over, with this result or null. [arg: ClassCache*]
PyObject* op_begin_class(PyThreadState* ts, PyObject** top, intptr_t arg);
// __init__ returned something else than None (or null); `self` is stolen. The instance after all, or null.
PyObject* op_init_failed(PyObject* returned, PyObject* self);

// The builtins that the helpers above compare with; false with an exception set.
bool init_known_callables();

}  // namespace whipsnake
