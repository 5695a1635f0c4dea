#include "jit/runtime/generators.h"

#include <utility>

#include "jit/runtime/objects.h"
#include "jit/runtime/thunks.h"

namespace whipsnake {

namespace {

bool resumable(const PyGenObject* gen) { return gen->gi_frame_state < FRAME_EXECUTING; }

// The same for machine code, which wants the generator to have some.
const uint8_t* wanted_target(PyThreadState* ts, Frame* frame) {
  const CodeRecord* record = find_record(port::code_of(frame));
  if (called_from_machine_code != nullptr && crossing_counts() &&
      (record == nullptr || (!record->compiled && record->state == TierState::kCold)))
    called_from_machine_code(reinterpret_cast<PyFunctionObject*>(frame->f_funcobj));
  return resume_target(ts, frame);
}

}  // namespace

void remember_code(ResumeCache* cache, Frame* frame) {
  PyCodeObject* code = port::code_of(frame);
  CompiledCode* compiled = find_record(code)->compiled.get();
  if (cache->link.target == compiled || compiled->door == nullptr) return;
  const uint32_t* offsets = compiled->entry_offsets(port::instruction_count(code));
  if (offsets == nullptr) return;
  cache->link.link(reinterpret_cast<PyObject*>(code), compiled);
  cache->instructions = port::instructions(code);
  cache->offsets = offsets;
  cache->machine_code = compiled->code;
}

PyObject* resume_next(PyThreadState* ts, PyGenObject* gen, ResumeCache* cache, bool* returned) {
  ++counters.entries;
  ThreadContext& context = thread_context();
  Py_INCREF(gen);  // the frame lives inside of it
  PyObject* result = thunks.resume_next(ts, gen, &context, cache);
  *returned = !FRAME_STATE_SUSPENDED(gen->gi_frame_state);
  Py_DECREF(gen);
  if (result == nullptr && context.leave) [[unlikely]] {  // see run_compiled()
    context.leave = false;
    std::swap(result, context.leave_result);
  }
  return result;
}

PyObject* resume_uncached(PyThreadState* ts, PyGenObject* gen, PyObject* value, ResumeCache* cache) {
  Frame* frame = port::frame_of(gen);
  const uint8_t* target = wanted_target(ts, frame);
  if (target != nullptr) remember_code(cache, frame);
  PyObject* result = nullptr;
  resume_generator_at(ts, gen, value, target, &result);
  return result;
}

const uint8_t* delegate_otherwise(PyThreadState* ts, PyGenObject* gen, PyObject* value) {
  Frame* frame = port::frame_of(gen);
  const uint8_t* target = wanted_target(ts, frame);
  CodeRecord* record = target != nullptr ? find_record(port::code_of(frame)) : nullptr;
  if (record == nullptr || record->compiled->door == nullptr) {
    resume_generator_at(ts, gen, value, target, &thread_context().exit_result);
    return thunks.delegator;
  }
  record->resumption = record->compiled->resumption(record->code);
  begin_resumption(ts, gen, value);
  link_frame(ts, frame);
  port::set_delegated(frame, true);
  return target;
}

namespace {

// Where the SEND of `frame` goes on in `compiled`, or null.
const uint8_t* continuation(const CompiledCode& compiled, const Frame* frame) {
  if (compiled.globals != frame->f_globals || compiled.builtins != frame->f_builtins) return nullptr;
  const auto wanted = static_cast<uint32_t>(port::instruction_index(frame) + 1);
  for (const auto& [unit, offset] : compiled.continuations)
    if (unit == wanted) return compiled.code + (offset & ~CompiledCode::kMerelyWaits);
  return nullptr;
}

}  // namespace

const uint8_t* continue_delegator(Frame* frame) {
  const CodeRecord* record = find_record(port::code_of(frame));
  if (record->compiled)
    if (const uint8_t* found = continuation(*record->compiled, frame)) return found;
  // There is one, because nobody delegates without.
  for (auto old = record->retired.rbegin();; ++old)
    if (const uint8_t* found = continuation(**old, frame)) return found;
}

PySendResult resume_generator(PyThreadState* ts, PyGenObject* gen, PyObject* arg, PyObject** result) {
  return resume_generator_at(ts, gen, arg, wanted_target(ts, port::frame_of(gen)), result);
}

// 3.13 Python/bytecodes.c, YIELD_VALUE.
PyObject* yield_value(PyThreadState* ts, Frame* frame, PyObject* value, ThreadContext* context) {
  if (frame == context->osr_frame) [[unlikely]] {
    frame->localsplus[frame->stacktop++] = value;  // the interpreter executes the yield itself
    return nullptr;
  }
  PyGenObject* gen = port::generator_of(frame);
  gen->gi_frame_state = static_cast<int8_t>(FRAME_SUSPENDED + frame->instr_ptr->op.arg);
  ++frame->instr_ptr;
  ts->exc_info = gen->gi_exc_state.previous_item;
  gen->gi_exc_state.previous_item = nullptr;
  ++ts->py_recursion_remaining;
  ts->current_frame = frame->previous;
  frame->previous = nullptr;
  return value;
}

// 3.13 Python/bytecodes.c, RETURN_GENERATOR.
PyObject* return_generator(PyThreadState* ts, Frame* frame, PyObject*, ThreadContext* context) {
  auto* func = reinterpret_cast<PyFunctionObject*>(frame->f_funcobj);
  PyGenObject* gen = new_generator(ts, func);
  if (gen == nullptr) gen = reinterpret_cast<PyGenObject*>(_Py_MakeCoro(func));
  if (gen == nullptr) return finish_with_error(ts, frame, context);
  Frame* copy = port::frame_of(gen);
  frame->stacktop = port::code_of(frame)->co_nlocalsplus;
  ++frame->instr_ptr;
  _PyFrame_Copy(frame, copy);
  gen->gi_frame_state = FRAME_CREATED;
  copy->owner = FRAME_OWNED_BY_GENERATOR;
  ++ts->py_recursion_remaining;
  Frame* previous = frame->previous;
  _PyThreadState_PopFrame(ts, frame);
  ts->current_frame = previous;
  return reinterpret_cast<PyObject*>(gen);
}

PyObject* op_for_iter_next(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* iterator = top[-1];
  if (Py_IS_TYPE(iterator, &PyGen_Type)) {
    auto* gen = reinterpret_cast<PyGenObject*>(iterator);
    if (resumable(gen)) {
      PyObject* result = nullptr;
      switch (resume_generator(ts, gen, Py_None, &result)) {
        case PYGEN_NEXT: return after_escape(ts, result);
        case PYGEN_RETURN: Py_DECREF(result); return kDone;
        case PYGEN_ERROR: return nullptr;
      }
    }
  }
  PyObject* item = Py_TYPE(iterator)->tp_iternext(iterator);
  if (item != nullptr) return after_escape(ts, item);
  if (ts->current_exception == nullptr) return kDone;
  if (!PyErr_ExceptionMatches(PyExc_StopIteration)) return nullptr;
  if (!monitoring_quiet(ts)) _PyEval_MonitorRaise(ts, port::current_frame(ts), port::current_frame(ts)->instr_ptr);
  PyErr_Clear();
  return kDone;
}

PyTypeObject* async_yield = nullptr;

PyObject* sent_by_asend(const port::AsyncSend* awaitable, PyObject* sent) {
  const PyAsyncGenObject* generator = awaitable->generator;
  const bool fresh = awaitable->state == port::kAwaitableFresh;
  if (awaitable->state == port::kAwaitableClosed || (fresh && generator->ag_running_async)) return nullptr;
  if (fresh && (sent == nullptr || Py_IsNone(sent))) sent = awaitable->value;
  return sent != nullptr ? sent : Py_None;
}

PySendResult resume_asend_at(PyThreadState* ts, port::AsyncSend* awaitable, PyObject* sent, const uint8_t* target,
                             PyObject** result) {
  PyAsyncGenObject* generator = awaitable->generator;
  awaitable->state = port::kAwaitableStarted;
  generator->ag_running_async = 1;
  PySendResult how =
      resume_generator_at(ts, reinterpret_cast<PyGenObject*>(generator), Py_NewRef(sent), target, result);
  if (how == PYGEN_NEXT && !Py_IS_TYPE(*result, async_yield)) return how;
  awaitable->state = port::kAwaitableClosed;
  if (how == PYGEN_NEXT) {
    PyObject* wrapped = *result;
    *result = Py_NewRef(reinterpret_cast<port::AsyncYield*>(wrapped)->value);
    Py_DECREF(wrapped);
    generator->ag_running_async = 0;
    return PYGEN_RETURN;
  }
  if (how == PYGEN_RETURN) {
    Py_CLEAR(*result);
    PyErr_SetNone(PyExc_StopAsyncIteration);
  }
  // 3.13 Objects/genobject.c, async_gen_unwrap_value.
  if (PyErr_ExceptionMatches(PyExc_StopAsyncIteration) || PyErr_ExceptionMatches(PyExc_GeneratorExit))
    generator->ag_closed = 1;
  generator->ag_running_async = 0;
  return PYGEN_ERROR;
}

namespace {

// SEND to the awaitable of an async generator, without an exception for each item. False: nothing was done.
bool send_to_asend(PyThreadState* ts, PyObject* receiver, PyObject* value, PySendResult* how, PyObject** result) {
  if (async_yield == nullptr || !Py_IS_TYPE(receiver, &_PyAsyncGenASend_Type) || !monitoring_quiet(ts)) return false;
  auto* awaitable = reinterpret_cast<port::AsyncSend*>(receiver);
  auto* generator = reinterpret_cast<PyGenObject*>(awaitable->generator);
  PyObject* sent = sent_by_asend(awaitable, value);
  if (sent == nullptr || !resumable(generator)) return false;
  if (generator->gi_frame_state == FRAME_CREATED && !Py_IsNone(sent)) return false;
  *how = resume_asend_at(ts, awaitable, sent, wanted_target(ts, port::frame_of(generator)), result);
  return true;
}

PyObject* finished(PyObject* returned) {
  return reinterpret_cast<PyObject*>(reinterpret_cast<uintptr_t>(returned) | kSendFinished);
}

// The end of SEND to what is no generator: with what it gave, or null and an exception.
PyObject* sent_to_other(PyThreadState* ts, PyObject* value, PyObject* result) {
  if (result != nullptr) {
    Py_DECREF(value);
    return after_escape(ts, result);
  }
  if (PyErr_ExceptionMatches(PyExc_StopIteration) && !monitoring_quiet(ts))
    _PyEval_MonitorRaise(ts, port::current_frame(ts), port::current_frame(ts)->instr_ptr);
  const int failed = _PyGen_FetchStopIterationValue(&result);
  Py_DECREF(value);
  return failed != 0 ? nullptr : finished(result);
}

}  // namespace

PyObject* op_send(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* receiver = top[-2];
  PyObject* value = top[-1];
  PyObject* result = nullptr;
  if (PySendResult how = PYGEN_ERROR; send_to_asend(ts, receiver, value, &how, &result)) {
    if (how == PYGEN_RETURN && monitoring_quiet(ts)) [[likely]] {
      Py_DECREF(value);
      return finished(result);
    }
    if (how == PYGEN_RETURN) {  // somebody began to listen, who hears of the StopIteration
      _PyGen_SetStopIterationValue(result);
      Py_CLEAR(result);
    }
    return sent_to_other(ts, value, result);
  }
  if (Py_IS_TYPE(receiver, &PyGen_Type) || Py_IS_TYPE(receiver, &PyCoro_Type)) {
    auto* gen = reinterpret_cast<PyGenObject*>(receiver);
    if (resumable(gen)) {
      switch (resume_generator(ts, gen, value, &result)) {
        case PYGEN_NEXT: return after_escape(ts, result);
        case PYGEN_RETURN: return finished(result);
        case PYGEN_ERROR: break;
      }
      // An awaited coroutine that raises StopIteration itself cannot happen: its body turns it into RuntimeError.
      return nullptr;
    }
  }
  if (Py_IsNone(value) && PyIter_Check(receiver))
    result = Py_TYPE(receiver)->tp_iternext(receiver);
  else
    result = PyObject_CallMethodOneArg(receiver, port::names.send, value);
  return sent_to_other(ts, value, result);
}

}  // namespace whipsnake
