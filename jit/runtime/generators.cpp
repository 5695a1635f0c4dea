#include "jit/runtime/generators.h"

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

// `frame` can be resumed in machine code.
void remember_code(ResumeCache* cache, Frame* frame) {
  PyCodeObject* code = port::code_of(frame);
  CompiledCode* compiled = find_record(code)->compiled.get();
  if (cache->link.target == compiled || compiled->door == nullptr) return;
  cache->link.link(reinterpret_cast<PyObject*>(code), compiled);
  cache->instructions = port::instructions(code);
  cache->offsets = compiled->entry_offsets(port::instruction_count(code));
  cache->machine_code = compiled->code;
}

}  // namespace

PyObject* resume_uncached(PyThreadState* ts, PyGenObject* gen, PyObject* value, ResumeCache* cache) {
  Frame* frame = port::frame_of(gen);
  const uint8_t* target = wanted_target(ts, frame);
  if (target != nullptr) remember_code(cache, frame);
  PyObject* result = nullptr;
  resume_generator_at(ts, gen, value, target, &result);
  return result;
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
  auto* gen = reinterpret_cast<PyGenObject*>(_Py_MakeCoro(reinterpret_cast<PyFunctionObject*>(frame->f_funcobj)));
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

PyObject* op_send(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* receiver = top[-2];
  PyObject* value = top[-1];
  PyObject* result = nullptr;
  const auto finished = [](PyObject* returned) {
    return reinterpret_cast<PyObject*>(reinterpret_cast<uintptr_t>(returned) | kSendFinished);
  };
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
  if (result != nullptr) {
    Py_DECREF(value);
    return after_escape(ts, result);
  }
  if (PyErr_ExceptionMatches(PyExc_StopIteration) && !monitoring_quiet(ts))
    _PyEval_MonitorRaise(ts, port::current_frame(ts), port::current_frame(ts)->instr_ptr);
  if (_PyGen_FetchStopIterationValue(&result) != 0) {
    Py_DECREF(value);
    return nullptr;
  }
  Py_DECREF(value);
  return finished(result);
}

}  // namespace whipsnake
