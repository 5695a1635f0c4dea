// Interpreter frames from compiled code: push, run, finish, hand over.
#pragma once

#include <cstring>

#include "jit/runtime/arguments.h"
#include "jit/runtime/code_record.h"
#include "jit/runtime/context.h"
#include "jit/runtime/near_table.h"

namespace whipsnake {

// Runs compiled code on a linked frame; see CompiledCode for the convention. Everything that enters machine code goes
// through here. `target` is an address inside `compiled`.
PyObject* run_compiled(PyThreadState* ts, Frame* frame, const void* target);

// Makes the thread run `frame`, whose stack is in memory no longer.
inline void link_frame(PyThreadState* ts, Frame* frame) {
  frame->previous = ts->current_frame;
  ts->current_frame = frame;
  frame->stacktop = -1;
  --ts->py_recursion_remaining;
}

// `start` may be null, to be filled in.
CodeEntry describe_entry(PyCodeObject* code, PyObject* globals, PyObject* builtins, const uint8_t* start);

// The vectorcall of compiled functions, behind the entrance of their machine code (see calls.h). Takes the
// interpreter's way whenever compiled code may not be entered (other globals, tracing, low native stack, somebody's
// eval_frame).
PyObject* enter_compiled(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames,
                         const CodeEntry* entry);

inline Py_ssize_t all_arguments(Py_ssize_t nargs, PyObject* kwnames) {
  return nargs + (kwnames == nullptr ? 0 : PyTuple_GET_SIZE(kwnames));
}

// Gives up a callable and its arguments.
inline void release_call(PyObject* callable, PyObject* const* args, Py_ssize_t total) {
  Py_DECREF(callable);
  for (Py_ssize_t i = 0; i < total; ++i) Py_DECREF(args[i]);
}

// The same for machine code that has no such entrance: a vectorcall that looks its entry up.
PyObject* compiled_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames);

// Whether calls of `func` arrive at one of the two.
inline bool enters_machine_code(const PyFunctionObject* func) {
  return func->vectorcall == compiled_vectorcall ||
         is_machine_code(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(func->vectorcall)));
}

// The machine code of a function begins with an entrance, to which the function's vectorcall points, and the address of
// its CodeEntry stands so many bytes behind the entrance's beginning, where mov_embedded() puts it; see calls.h.
inline constexpr int kDoorInEntrance = kHostCpu == Cpu::kX64 ? 2 : 8;

// Borrowed; null: `func` has no machine code, or that has no entrance.
inline const CodeEntry* entry_behind(const PyFunctionObject* func) {
  const auto* entrance = reinterpret_cast<const uint8_t*>(reinterpret_cast<uintptr_t>(func->vectorcall));
  if (!is_machine_code(entrance)) return nullptr;
  const CodeEntry* entry = nullptr;
  std::memcpy(&entry, entrance + kDoorInEntrance, sizeof entry);
  return entry;
}

// What they call for functions whose code has no machine code (any more) that they may run; the engine
// framework puts its counting trampoline here. CPython's own while there is no framework.
extern vectorcallfunc uncompiled_vectorcall;

// Whether a vectorcall comes from the CALL or CALL_KW of the running frame, with the arguments as that instruction has
// them on the value stack. There the interpreter would have moved them into the callee's frame, where they live as long
// as the callee wants. The callee may take them then: give_back_none() leaves immortal objects for the caller to
// release.
bool may_take_arguments(PyThreadState* ts, PyObject* callable, PyObject* const* args, Py_ssize_t total,
                        PyObject* kwnames);
void give_back_none(PyObject* const* args, Py_ssize_t total);

// Calls a Python function in the interpreter, taking the arguments where that is allowed.
PyObject* call_in_interpreter(PyThreadState* ts, PyFunctionObject* func, PyObject* const* args, size_t nargsf,
                              PyObject* kwnames);

// Machine code is about to call `callable` (borrowed) through CPython's API: counts the call, if it is one of a
// function that is not compiled; see called_from_machine_code below, which may compile it.
void note_call(PyObject* callable);

// Calls `callable` with positional arguments; steals the callable and args[0..nargs+kwargs); args[-1] is scratch.
// kwnames borrowed. Compiled functions are entered directly. Null with exception set on error.
PyObject* call_stealing(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject* kwnames);

// The same for what is no Python function, or has no machine code that may be entered now. Inline: after a system call
// each return from a function may be one that the processor no longer foresees.
inline PyObject* call_outside(PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject* kwnames) {
  const size_t nargsf = static_cast<size_t>(nargs) | PY_VECTORCALL_ARGUMENTS_OFFSET;
  PyObject* result = PyObject_Vectorcall(callable, args, nargsf, kwnames);
  release_call(callable, args, all_arguments(nargs, kwnames));
  return result;
}

// call_stealing() for machine code, which goes on in the callee's without a C++ function in between: then the callee's
// frame has been pushed and linked, and this is where its machine code begins. Null: the call is over, and its result
// is in context->call_result. `plan` may be null; see push_frame().
const uint8_t* begin_call(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject* kwnames,
                          ThreadContext* context, KeywordPlan* plan = nullptr);

// The same for a function that is known to have this entry.
const uint8_t* begin_function(PyThreadState* ts, PyFunctionObject* func, Py_ssize_t nargs, PyObject** args,
                              const CodeEntry* entry);

// The same for func(*args, **rest); see push_with_rest(). Steals the function, the arguments and `rest`. Null: not this
// way, nothing was done.
const uint8_t* begin_with_rest(PyThreadState* ts, PyFunctionObject* func, PyObject* const* args, Py_ssize_t nargs,
                               PyObject* rest);

// Resumes a suspended or fresh generator, coroutine or async generator in compiled code where there is some, else in
// the interpreter; the gi_frame_state must be < FRAME_EXECUTING. `arg` is stolen. Result as in gen_send_ex2: PYGEN_NEXT
// with the yielded value, PYGEN_RETURN with the returned value, PYGEN_ERROR with an exception.
PySendResult resume_generator(PyThreadState* ts, PyGenObject* gen, PyObject* arg, PyObject** result);

// How many values the stack of a frame has in memory.
inline void set_depth(Frame* frame, int depth) { frame->stacktop = port::code_of(frame)->co_nlocalsplus + depth; }

// Makes a frame of machine code, the running one, such that the interpreter can go on with it: at an instruction, with
// so many values on its stack, and with its code instrumented for those who listen now.
void put_in_place(Frame* frame, int instruction, int depth);

// Hands a linked frame to the interpreter, which goes on at frame->instr_ptr with the stack up to frame->stacktop.
// Gives back the Python recursion count that compiled code had taken. The frame is finished when this returns. With
// `raising`, it goes on by raising the pending exception there.
PyObject* interpret_rest(PyThreadState* ts, Frame* frame, bool raising = false);

// The ends of a compiled frame, tail-jumped to by machine code with nothing of the function left on the native stack
// (so that its code may be freed with its code object). instr_ptr is that of the opcode, the value stack is empty
// (finish_*) or in memory with stacktop set (yield).
PyObject* finish_frame(PyThreadState* ts, Frame* frame, PyObject* result, ThreadContext* context);  // RETURN_*
PyObject* finish_with_error(PyThreadState* ts, Frame* frame, ThreadContext* context);               // null
PyObject* yield_value(PyThreadState* ts, Frame* frame, PyObject* value, ThreadContext* context);    // YIELD_VALUE
PyObject* return_generator(PyThreadState* ts, Frame* frame, PyObject* unused,
                           ThreadContext* context);  // RETURN_GENERATOR

// Enters compiled code at `target` on a frame that the interpreter is running, from a sys.monitoring callback, and
// leaves the frame ready for the interpreter to go on (position, stack, pending unwinding).
void enter_loop(PyThreadState* ts, Frame* frame, const void* target);

// Where samples find what is hot, nobody counts calls; those that come from machine code are an exception, because they
// would cost more than a call in the interpreter. Called, for one in kCrossingStride of them, with a function that has
// CPython's own vectorcall; may compile it. Null: nobody is interested.
extern void (*called_from_machine_code)(PyFunctionObject* func);
// The same for the other direction: with the interpreter's frame from which machine code was called.
extern void (*calls_machine_code)(Frame* caller);
inline constexpr uint32_t kCrossingStride = 8;
// True for one in so many, by chance: a regular choice would always meet the same calls of a loop.
bool crossing_counts();

// Tells whether an evaluator found in PyInterpreterState.eval_frame is the framework's own; set by the engine
// framework. While somebody else's is installed, compiled code is not entered.
extern bool (*eval_frame_is_ours)(_PyFrameEvalFunction);
inline bool may_enter(const PyThreadState* ts) {
  return ts->interp->eval_frame == nullptr || eval_frame_is_ours(ts->interp->eval_frame);
}

// How the interpreter runs a frame that compiled code hands over: CPython's evaluator, or the framework's around it.
extern _PyFrameEvalFunction evaluate_default;

// True when the native stack is low and calls must not nest further than needed. Interpreter loops nested below calls
// from C still count as C recursion; beyond kMinCRecursion, Python functions are left to the interpreter, which inlines
// their recursion without native stack.
inline constexpr int kMinCRecursion = Py_C_RECURSION_LIMIT / 2;
inline bool native_stack_low(PyThreadState* ts) {
  return below_stack_limit() || ts->c_recursion_remaining < kMinCRecursion;
}

// Where machine code returns to while somebody may have begun to listen: as after_escape() for the caller's frame.
PyObject* after_return(PyThreadState* ts, PyObject* result);

}  // namespace whipsnake
