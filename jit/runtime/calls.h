// Call opcodes: helpers with the contract of op_helper.h.
#pragma once

#include "jit/asm/masm.h"
#include "jit/runtime/arguments.h"
#include "jit/runtime/code_record.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/op_helper.h"
#include "jit/runtime/sequences.h"

namespace whipsnake {

PyObject* op_call(PyThreadState* ts, PyObject** top, intptr_t oparg);    // callable, self_or_null, args[oparg]
PyObject* op_call_kw(PyThreadState* ts, PyObject** top, intptr_t site);  // ..., kwnames [site: KeywordSite*]
PyObject* op_call_function_ex(PyThreadState* ts, PyObject** top, intptr_t oparg);

// The same for thunks.begin_*: where a function with machine code is called, they push its frame and return the address
// to go on at; else null, and the result is in context->call_result. See begin_call().
const uint8_t* begin_op_call(PyThreadState* ts, PyObject** top, intptr_t oparg, ThreadContext* context);
const uint8_t* begin_op_call_kw(PyThreadState* ts, PyObject** top, intptr_t site, ThreadContext* context);
const uint8_t* begin_op_call_function_ex(PyThreadState* ts, PyObject** top, intptr_t oparg, ThreadContext* context);

// Calls between compiled functions.                                                                    [direct-call]
//
// The machine code of a function begins with an entrance, to which the function's vectorcall points: C code comes that
// way to enter_compiled(), with the CodeEntry as fifth argument. Machine code reads the CodeEntry's address out of the
// entrance, kDoorInEntrance bytes behind its beginning, and goes to `take`, without a jump to the entrance and one away
// from it again: a large program has more jumps than the processor remembers.
//
// A CALL has its operands on the value stack in memory, and calls thunks.call[] with kArg2 = the address of the
// callable. That finds out whether the callable is a function with machine code (or a bound method of one) and goes to
// its `take` with kT0 = the CodeEntry, kT1 = the number of arguments, self included, kArg3 = the address of the first
// one, kArg1 = the function, kArg2 unchanged. The code for its shape (shapes.h) checks what depends on the callee,
// moves the arguments into a new frame and jumps to the start, or has begin_function() do so. Whoever finds something
// else passes the call on to thunks.call_generic, in the same state. That, like thunks.begin_kw for CALL_KW (where the
// site has no plan for the callee) and thunks.begin_ex for CALL_FUNCTION_EX, has C++ do the call, or push the frame of
// a function of any shape. All consume the operands. Result in kRet, null with an exception; kS0 to kS2 are lost.

// kT2 = the entrance of a Python function; `none`: its vectorcall is something else. Clobbers kT0.
inline void load_entrance(Masm& masm, Reg function, Label none) {
  masm.load(Reg::kT2, Mem::at(function, port::offset::kFunctionVectorcall));
  masm.mov(Reg::kT0, Reg::kT2);
  sequences::guard_machine_code(masm, Reg::kT0, none);
}

// kT0 = the CodeEntry behind the entrance.
inline void load_entry(Masm& masm, Reg entrance) { masm.load(Reg::kT0, Mem::at(entrance, kDoorInEntrance)); }

// The same; returned is where its `take` stands, for jump_mem() or call_mem().
inline Mem take_behind(Masm& masm, Reg entrance) {
  load_entry(masm, entrance);
  return Mem::at(Reg::kT0, static_cast<int32_t>(offsetof(CodeEntry, take)));
}

// CALL at sites that the interpreter has specialised: the helper checks for the case and falls back to op_call.
PyObject* op_call_native(PyThreadState* ts, PyObject** top, intptr_t oparg);       // C functions and method descriptors
PyObject* op_call_len(PyThreadState* ts, PyObject** top, intptr_t oparg);          // len(x)
PyObject* op_call_isinstance(PyThreadState* ts, PyObject** top, intptr_t oparg);   // isinstance(x, y)
PyObject* op_call_type(PyThreadState* ts, PyObject** top, intptr_t oparg);         // type(x)
PyObject* op_call_str(PyThreadState* ts, PyObject** top, intptr_t oparg);          // str(x)
PyObject* op_call_list_append(PyThreadState* ts, PyObject** top, intptr_t oparg);  // list.append(self, x)

// A site that makes instances of a class whose __init__ is a Python function.
struct ClassCache {
  PyTypeObject* type;  // borrowed; valid as long as it has `version`
  uint32_t version;
  uint32_t misses;
  PyObject* init;  // borrowed from the type
  int32_t oparg;
};

// Makes the instance. kDone: the class and the slot above have become __init__ and the new instance, of which there is
// one reference too many; machine code calls __init__ and takes that one as its result, or lets op_init_failed() do so.
// It gives back the unit of recursion that the interpreter takes for a frame of its own below __init__. Else the whole
// call is over, with this result or null. [arg: ClassCache*]
PyObject* op_begin_class(PyThreadState* ts, PyObject** top, intptr_t arg);
// __init__ returned something else than None (or null); `self` is stolen. The instance after all, or null.
PyObject* op_init_failed(PyObject* returned, PyObject* self);

// Calls a class as op_begin_class() does, at a site without a cache: what object.__new__() makes is initialised by a
// Python __init__. args[-1] is scratch. False: it is not such a class, nothing was done. Else the class and the
// arguments are gone, and *result is the instance or null with an exception.
bool make_instance(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject** result);
// Calls a class whose __new__ is a Python function; borrows it and the arguments. args[-1] is scratch. False: it is not
// such a class, nothing was done. Else *result is what the class gives or null with an exception.
bool call_python_new(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject** result);
// object.__new__(cls), which such a __new__ ends with; borrows `cls`. The same contract.
bool call_object_new(PyThreadState* ts, PyObject* cls, PyObject** result);

// The builtins that the helpers above and machine code compare with; all borrowed from immortal modules and types, but
// for the interned names.
struct KnownCallables {
  PyObject* len;
  PyObject* isinstance;
  PyObject* list_append;
  PyObject* dunder_init;
  PyObject* dunder_new;
  PyObject* dunder_class;
  PyObject* dunder_len;
  PyObject* dunder_instancecheck;
  PyObject* object_new;             // object.__new__
  PyObject* class_of_object;        // the descriptor object.__class__
  PyObject* instancecheck_of_type;  // the descriptor type.__instancecheck__
};
extern KnownCallables known_callables;
bool init_known_callables();  // false with an exception set

// isinstance() where that is known without running anybody's code: True or False, both immortal. Null: it is not.
PyObject* known_isinstance(PyObject* object, PyObject* cls, PyThreadState* ts);

}  // namespace whipsnake
