// Generators and coroutines from compiled code: the opcode helpers that resume them. See frames.h for the ends of a
// generator's own frame (yield_value, return_generator).
#pragma once

#include "jit/runtime/code_record.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/op_helper.h"

namespace whipsnake {

// Where machine code goes on with this suspended frame, or null when the interpreter has to.
inline const uint8_t* resume_target(PyThreadState* ts, Frame* frame) {
  const CodeRecord* record = find_record(port::code_of(frame));
  if (record == nullptr || !record->compiled) return nullptr;
  if (!compiled_code_allowed() || ts->py_recursion_remaining <= 0) return nullptr;
  CompiledCode& compiled = *record->compiled;
  if (compiled.globals != frame->f_globals || compiled.builtins != frame->f_builtins) return nullptr;
  if (!may_enter(ts) || native_stack_low(ts)) return nullptr;
  const uint32_t* offsets = compiled.entry_offsets(port::instruction_count(port::code_of(frame)));
  const uint32_t offset = offsets != nullptr ? offsets[port::instruction_index(frame)] : 0;
  return offset != 0 ? compiled.code + offset : nullptr;
}

// What a resumption does to the generator but for linking its frame. 3.13 Objects/genobject.c, gen_send_ex2.
inline void begin_resumption(PyThreadState* ts, PyGenObject* gen, PyObject* arg) {
  _PyFrame_StackPush(port::frame_of(gen), arg);
  gen->gi_exc_state.previous_item = ts->exc_info;
  ts->exc_info = &gen->gi_exc_state;
  gen->gi_frame_state = FRAME_EXECUTING;
}

// resume_generator() with the answer of that, for a generator that is known to be resumable.
inline PySendResult resume_generator_at(PyThreadState* ts, PyGenObject* gen, PyObject* arg, const uint8_t* target,
                                        PyObject** result) {
  Frame* frame = port::frame_of(gen);
  begin_resumption(ts, gen, arg);
  Py_INCREF(gen);  // the frame lives inside of it
  if (target != nullptr) {
    link_frame(ts, frame);
    *result = run_compiled(ts, frame, target);
  } else if (ts->interp->eval_frame != nullptr) {
    *result = ts->interp->eval_frame(ts, frame, 0);
  } else {
    *result = _PyEval_EvalFrameDefault(ts, frame, 0);
  }
  const int state = gen->gi_frame_state;
  Py_DECREF(gen);
  if (*result == nullptr) return PYGEN_ERROR;
  return FRAME_STATE_SUSPENDED(state) ? PYGEN_NEXT : PYGEN_RETURN;
}

// The awaitables of asend() and __anext__(), by which async generators are resumed.
// 3.13 Objects/genobject.c, async_gen_asend_send.

// What is sent to the generator when the awaitable is sent this; null or None are the same. Borrowed. Null: an unusual
// case that is CPython's.
PyObject* sent_by_asend(const port::AsyncSend* awaitable, PyObject* sent);

// Resumes the generator with what sent_by_asend() gave. PYGEN_NEXT: it awaits something. PYGEN_RETURN: it has yielded
// `result`, which CPython passes on in a StopIteration. PYGEN_ERROR: it has come to its end or raised.
PySendResult resume_asend_at(PyThreadState* ts, port::AsyncSend* awaitable, PyObject* sent, const uint8_t* target,
                             PyObject** result);

// The type of what the bodies of async generators yield, port::async_yield_type(); null until it is known: nobody calls
// the two above.
extern PyTypeObject* async_yield;

// FOR_ITER on any iterator; top[-1] is the iterator and stays. A new reference, or kDone when exhausted (no exception),
// or null with an exception. Compiled and interpreted generators are resumed without going through their type slot.
PyObject* op_for_iter_next(PyThreadState* ts, PyObject** top, intptr_t arg);

// SEND: top[-2] is the receiver and stays, top[-1] the value sent and is consumed. Returns the yielded value, or the
// value returned by the exhausted receiver with bit 0 of the pointer set (kSendFinished), or null with an exception.
inline constexpr uintptr_t kSendFinished = 1;
PyObject* op_send(PyThreadState* ts, PyObject** top, intptr_t arg);

// A place that resumes generators or coroutines, mostly those of one code object. The machine code calls
// thunks.resume with kT0 = the cache, kArg1 = the generator, which is resumable (its state is below FRAME_EXECUTING),
// and kArg2 = the value sent, stolen. Result: the value yielded or returned (the generator's state tells which), or
// null with an exception. kS0 to kS2 are lost. Who listens must be asked behind it.
struct ResumeCache {
  CodeLink link;
  CodeUnit* instructions;   // of the code object
  const uint32_t* offsets;  // where its machine code goes on, by instruction; 0: nowhere
  const uint8_t* machine_code;
};

// What thunks.resume passes on: resumes in whatever way there is, and learns.
PyObject* resume_uncached(PyThreadState* ts, PyGenObject* gen, PyObject* value, ResumeCache* cache);

// Fills the cache for `frame`, of a generator that can be resumed in machine code.
void remember_code(ResumeCache* cache, Frame* frame);

// tp_iternext of a resumable generator whose code is that of the cache: the value yielded or (`returned`) returned, or
// null with an exception.
PyObject* resume_next(PyThreadState* ts, PyGenObject* gen, ResumeCache* cache, bool* returned);

// --- delegation                                                                                        [delegation]
//
// SEND to a generator or coroutine makes no call: machine code jumps to thunks.delegate with kArg1 = the generator,
// which is resumable, and kArg2 = the value, stolen; position, and stack with the generator on top, are stored, and the
// stack top is in the frame's return_offset. The resumed frame is marked, see port::is_delegated(). When it is
// suspended or over, thunks.delegator goes on with the frame that waits, by CompiledCode::continuations, as if a call
// had returned: result in kRet, or null with an exception.
//
// So machine code need not be executed for a generator that merely waits in `yield from` or `await` for another.
// thunks.delegate resumes it, and at once the one below it, and so on down to the one that has something to do; its
// thunks.yield suspends all of them. Each has the state then that it would have by executing RESUME, SEND and
// YIELD_VALUE itself.

// Units from a SEND to the position of the generator that waits in it.
inline constexpr int kWaiting = 3;

// What thunks.delegate passes on when machine code does not know how to resume the generator. The address where to go
// on, with ThreadContext::exit_result in kRet.
const uint8_t* delegate_otherwise(PyThreadState* ts, PyGenObject* gen, PyObject* value);

// The address where `frame`, which has delegated, goes on.
const uint8_t* continue_delegator(Frame* frame);

}  // namespace whipsnake
