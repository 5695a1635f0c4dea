#include "jit/runtime/frames.h"

#include "jit/cpython/opcodes.h"
#include "jit/runtime/objects.h"
#include "jit/runtime/self_check.h"
#include "jit/runtime/thunks.h"

namespace whipsnake {

namespace {

// 3.13 Python/ceval.c, PY_EVAL_C_STACK_UNITS: what one nested interpreter loop takes from c_recursion_remaining. Frames
// that the interpreter would have inlined must not cost any.
constexpr int kEvalStackUnits = 2;

// Recursion that must not nest on the native stack any deeper: the interpreter inlines calls of functions that have
// its own vectorcall, so this one gets it until the call is over.
PyObject* call_uncompiled_inlining(PyFunctionObject* func, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  const vectorcallfunc ours = func->vectorcall;
  func->vectorcall = port::function_vectorcall;
  Py_INCREF(func);
  PyObject* result = port::function_vectorcall(reinterpret_cast<PyObject*>(func), args, nargsf, kwnames);
  if (func->vectorcall == port::function_vectorcall && compiled_code_allowed()) func->vectorcall = ours;
  Py_DECREF(func);
  return result;
}

}  // namespace

CodeEntry describe_entry(PyCodeObject* code, PyObject* globals, PyObject* builtins, const uint8_t* start) {
  constexpr int kShape = CO_OPTIMIZED | CO_VARARGS | CO_VARKEYWORDS;
  static uint64_t last_serial = 0;
  const bool simple = code->co_kwonlyargcount == 0 && (code->co_flags & kShape) == CO_OPTIMIZED;
  return {.globals = globals,
          .builtins = builtins,
          .code = code,
          .start = start,
          .frame_bytes = code->co_framesize * static_cast<int32_t>(sizeof(PyObject*)),
          .locals = code->co_nlocalsplus,
          .arguments = simple ? code->co_argcount : -1,
          .take = nullptr,
          .serial = ++last_serial};
}

vectorcallfunc uncompiled_vectorcall = nullptr;
void (*called_from_machine_code)(PyFunctionObject* func) = nullptr;
void (*calls_machine_code)(Frame* caller) = nullptr;
_PyFrameEvalFunction evaluate_default = _PyEval_EvalFrameDefault;

// A linear congruential generator: the upper bits are random enough.
bool crossing_counts() {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return state < ~uint32_t{0} / kCrossingStride;
}

bool (*eval_frame_is_ours)(_PyFrameEvalFunction) = [](_PyFrameEvalFunction) { return false; };

PyObject* run_compiled(PyThreadState* ts, Frame* frame, const void* target) {
  ++counters.entries;
  port::set_delegated(frame, false);
  ThreadContext& context = thread_context();
  PyObject* result = thunks.run(ts, frame, &context, target);
  if (result == nullptr && context.leave) [[unlikely]] {  // for machine code that would have called; see after_return()
    context.leave = false;
    std::swap(result, context.leave_result);
  }
  if constexpr (kSelfChecks) self_check_result(ts, result);
  return result;
}

PyObject* after_return(PyThreadState* ts, PyObject* result) {
  const Frame* caller = ts->current_frame;
  if (caller == nullptr || caller->owner == FRAME_OWNED_BY_CSTACK) return result;
  return after_escape(ts, result);
}

void put_in_place(Frame* frame, int instruction, int depth) {
  set_depth(frame, depth);
  port::set_instruction(frame, instruction);
  port::update_instrumentation(port::code_of(frame));
}

PyObject* interpret_rest(PyThreadState* ts, Frame* frame, bool raising) {
  ts->current_frame = frame->previous;
  ++ts->py_recursion_remaining;
  ts->c_recursion_remaining += kEvalStackUnits;
  PyObject* result = evaluate_default(ts, frame, raising ? 1 : 0);
  ts->c_recursion_remaining -= kEvalStackUnits;
  return result;
}

bool may_take_arguments(PyThreadState* ts, PyObject* callable, PyObject* const* args, Py_ssize_t total,
                        PyObject* kwnames) {
  const Frame* frame = ts->current_frame;
  if (frame == nullptr || frame->owner == FRAME_OWNED_BY_CSTACK) return false;
  const PyCodeObject* code = port::code_of(frame);
  const auto* stack = frame->localsplus + code->co_nlocalsplus;
  if (args < stack + 1 || args + total > stack + code->co_stacksize) return false;
  const CodeUnit unit = *frame->instr_ptr;
  if (unit.op.code == INSTRUMENTED_CALL || unit.op.code == INSTRUMENTED_CALL_KW) return false;
  if (kOpcodes[unit.op.code].base != (kwnames == nullptr ? CALL : CALL_KW)) return false;
  // callable, self, args... or callable, null, args...; C code that passes its own arguments on has fewer of them, or
  // another callable below.
  if (args[-1] == callable) return unit.op.arg == static_cast<uint8_t>(total - 1);
  return args >= stack + 2 && args[-1] == nullptr && args[-2] == callable && unit.op.arg == static_cast<uint8_t>(total);
}

void give_back_none(PyObject* const* args, Py_ssize_t total) {
  for (Py_ssize_t i = 0; i < total; ++i) const_cast<PyObject**>(args)[i] = Py_None;
}

PyObject* call_in_interpreter(PyThreadState* ts, PyFunctionObject* func, PyObject* const* args, size_t nargsf,
                              PyObject* kwnames) {
  auto* callable = reinterpret_cast<PyObject*>(func);
  const Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  const Py_ssize_t total = nargs + (kwnames == nullptr ? 0 : PyTuple_GET_SIZE(kwnames));
  if (!may_take_arguments(ts, callable, args, total, kwnames))
    return port::function_vectorcall(callable, args, nargsf, kwnames);
  Py_INCREF(func);
  Frame* frame = push_general(ts, func, args, nargs, kwnames);
  give_back_none(args, total);
  if (frame == nullptr) return nullptr;
  return ts->interp->eval_frame != nullptr ? ts->interp->eval_frame(ts, frame, 0)
                                           : _PyEval_EvalFrameDefault(ts, frame, 0);
}

namespace {

// The call of a function whose machine code may not be entered now. `current`: it is the code for its globals.
[[gnu::noinline, gnu::cold]] PyObject* refuse(PyThreadState* ts, PyFunctionObject* func, PyObject* const* args,
                                              size_t nargsf, PyObject* kwnames, bool current) {
  auto* callable = reinterpret_cast<PyObject*>(func);
  if (!current && uncompiled_vectorcall != nullptr) return uncompiled_vectorcall(callable, args, nargsf, kwnames);
  if (current && native_stack_low(ts)) return call_uncompiled_inlining(func, args, nargsf, kwnames);
  return port::function_vectorcall(callable, args, nargsf, kwnames);
}

}  // namespace

namespace {

// Whether machine code may be entered now for a call of a function that has `entry`.
[[gnu::always_inline]] inline bool may_begin(PyThreadState* ts, const PyFunctionObject* func, const CodeEntry& entry) {
  return entry.globals == func->func_globals && entry.builtins == func->func_builtins && compiled_code_allowed() &&
         may_enter(ts) && ts->py_recursion_remaining > 0 && !native_stack_low(ts);
}

CodeEntry entry_without_door(const PyFunctionObject* func, const CompiledCode& compiled) {
  return describe_entry(reinterpret_cast<PyCodeObject*>(func->func_code), compiled.globals, compiled.builtins,
                        compiled.start());
}

// push_frame(), linked.
Frame* begin_frame(PyThreadState* ts, PyFunctionObject* func, const CodeEntry& entry, PyObject* const* args,
                   Py_ssize_t nargs, PyObject* kwnames, KeywordPlan* plan = nullptr) {
  Frame* frame = push_frame(ts, func, entry, args, nargs, kwnames, plan);
  if (frame != nullptr) link_frame(ts, frame);
  return frame;
}

}  // namespace

PyObject* enter_compiled(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames,
                         const CodeEntry* entry) {
  auto* func = reinterpret_cast<PyFunctionObject*>(callable);
  PyThreadState* ts = port::thread_with_gil();
  if (!may_begin(ts, func, *entry)) [[unlikely]] {
    const bool current = entry->globals == func->func_globals && entry->builtins == func->func_builtins;
    return refuse(ts, func, args, nargsf, kwnames, current);
  }
  const Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  const Py_ssize_t total = all_arguments(nargs, kwnames);
  const bool take = may_take_arguments(ts, callable, args, total, kwnames);
  if (take) {
    if (calls_machine_code != nullptr && crossing_counts()) calls_machine_code(ts->current_frame);
  } else {
    for (Py_ssize_t i = 0; i < total; ++i) Py_INCREF(args[i]);
  }
  Py_INCREF(func);
  Frame* frame = begin_frame(ts, func, *entry, args, nargs, kwnames);
  if (take) give_back_none(args, total);
  return frame != nullptr ? run_compiled(ts, frame, entry->start) : nullptr;
}

PyObject* compiled_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* func = reinterpret_cast<PyFunctionObject*>(callable);
  const CompiledCode* compiled = callable_code(func);
  const CodeEntry entry = compiled != nullptr ? entry_without_door(func, *compiled) : CodeEntry{};
  return enter_compiled(callable, args, nargsf, kwnames, &entry);
}

void note_call(PyObject* callable) {
  if (called_from_machine_code == nullptr || !Py_IS_TYPE(callable, &PyFunction_Type)) return;
  auto* func = reinterpret_cast<PyFunctionObject*>(callable);
  if (func->vectorcall == port::function_vectorcall && crossing_counts()) called_from_machine_code(func);
}

namespace {

// The entry of a call; null: there is none. A function keeps its entrance when its code is compiled anew, and goes to
// the new one when it is called next.
const CodeEntry* open_entry(PyFunctionObject* func) {
  const CodeEntry* entry = entry_behind(func);
  if (entry != nullptr && entry->globals != nullptr) [[likely]]
    return entry;
  note_call(reinterpret_cast<PyObject*>(func));  // which may compile it
  if (enters_machine_code(func))
    if (const CompiledCode* compiled = callable_code(func)) func->vectorcall = compiled->vectorcall();
  return entry_behind(func);
}

// Calls a function through no entrance: it has none, or nobody may go that way now.
PyObject* call_from_outside(PyThreadState* ts, PyFunctionObject* func, PyObject** args, Py_ssize_t nargs,
                            PyObject* kwnames) {
  const CompiledCode* compiled = enters_machine_code(func) ? callable_code(func) : nullptr;
  if (compiled != nullptr) {
    const CodeEntry entry = entry_without_door(func, *compiled);
    if (may_begin(ts, func, entry)) {
      Frame* frame = begin_frame(ts, func, entry, args, nargs, kwnames);
      return frame != nullptr ? run_compiled(ts, frame, entry.start) : nullptr;
    }
  }
  return call_outside(reinterpret_cast<PyObject*>(func), args, nargs, kwnames);
}

// begin_call() where machine code may be entered.
const uint8_t* begin_at(PyThreadState* ts, PyFunctionObject* func, const CodeEntry& entry, PyObject** args,
                        Py_ssize_t nargs, PyObject* kwnames, ThreadContext* context, KeywordPlan* plan) {
  if (begin_frame(ts, func, entry, args, nargs, kwnames, plan) != nullptr) return entry.start;
  context->call_result = nullptr;
  return nullptr;
}

}  // namespace

const uint8_t* begin_call(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject* kwnames,
                          ThreadContext* context, KeywordPlan* plan) {
  if (!Py_IS_TYPE(callable, &PyFunction_Type)) {
    context->call_result = call_outside(callable, args, nargs, kwnames);
    return nullptr;
  }
  auto* func = reinterpret_cast<PyFunctionObject*>(callable);
  const CodeEntry* entry = open_entry(func);
  if (entry == nullptr || !may_begin(ts, func, *entry)) {
    context->call_result = call_from_outside(ts, func, args, nargs, kwnames);
    return nullptr;
  }
  return begin_at(ts, func, *entry, args, nargs, kwnames, context, plan);
}

const uint8_t* begin_function(PyThreadState* ts, PyFunctionObject* func, Py_ssize_t nargs, PyObject** args,
                              const CodeEntry* entry) {
  ThreadContext& context = thread_context();
  if (may_begin(ts, func, *entry)) [[likely]]
    return begin_at(ts, func, *entry, args, nargs, nullptr, &context, nullptr);
  const uint8_t* start = begin_call(ts, reinterpret_cast<PyObject*>(func), args, nargs, nullptr, &context);
  if (start == nullptr) context.call_result = after_call(ts, context.call_result);
  return start;
}

const uint8_t* begin_with_rest(PyThreadState* ts, PyFunctionObject* func, PyObject* const* args, Py_ssize_t nargs,
                               PyObject* rest) {
  const CodeEntry* entry = open_entry(func);
  if (entry == nullptr || !may_begin(ts, func, *entry)) return nullptr;
  Frame* frame = push_with_rest(ts, func, *entry, args, nargs, rest);
  if (frame == nullptr) return nullptr;
  link_frame(ts, frame);
  return entry->start;
}

PyObject* call_stealing(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject* kwnames) {
  ThreadContext& context = thread_context();
  const uint8_t* start = begin_call(ts, callable, args, nargs, kwnames, &context);
  return start != nullptr ? run_compiled(ts, ts->current_frame, start) : context.call_result;
}

namespace {

// A generator's frame without a frame object ends. 3.13 Python/ceval.c, clear_gen_frame; Python/frame.c,
// _PyFrame_ClearExceptCode.
void clear_generator(PyThreadState* ts, Frame* frame) {
  PyGenObject* gen = port::generator_of(frame);
  gen->gi_frame_state = FRAME_CLEARED;
  ts->exc_info = gen->gi_exc_state.previous_item;
  gen->gi_exc_state.previous_item = nullptr;
  --ts->c_recursion_remaining;
  const int count = std::exchange(frame->stacktop, 0);
  for (int i = 0; i < count; ++i) release_or_null(frame->localsplus[i]);
  release_object(frame->f_funcobj);
  release_or_null(std::exchange(gen->gi_exc_state.exc_value, nullptr));
  ++ts->c_recursion_remaining;
  frame->previous = nullptr;
}

}  // namespace

PyObject* finish_frame(PyThreadState* ts, Frame* frame, PyObject* result, ThreadContext* context) {
  PyCodeObject* code = port::code_of(frame);
  if (frame == context->osr_frame) [[unlikely]] {
    // The interpreter executes the return itself. RETURN_CONST brings its own value.
    const uint8_t opcode = frame->instr_ptr->op.code;
    frame->stacktop = code->co_nlocalsplus;
    if (opcode == RETURN_CONST || opcode == INSTRUMENTED_RETURN_CONST)
      Py_DECREF(result);
    else
      frame->localsplus[frame->stacktop++] = result;
    return nullptr;
  }
  ++ts->py_recursion_remaining;
  ts->current_frame = frame->previous;
  frame->stacktop = code->co_nlocalsplus;
  if (frame->owner == FRAME_OWNED_BY_THREAD && frame->frame_obj == nullptr && frame->f_locals == nullptr &&
      static_cast<void*>(frame) != static_cast<void*>(&ts->datastack_chunk->data[0])) [[likely]] {
    // 3.13 Python/frame.c, _PyFrame_ClearExceptCode: the function is released after the locals, the code last.
    const int count = code->co_nlocalsplus;
    frame->stacktop = 0;
    for (int i = 0; i < count; ++i) Py_XDECREF(frame->localsplus[i]);
    Py_DECREF(frame->f_funcobj);
    Py_DECREF(code);
    ts->datastack_top = reinterpret_cast<PyObject**>(frame);
    return result;
  }
  if (port::owned_by_generator(frame) && frame->frame_obj == nullptr && frame->f_locals == nullptr) [[likely]] {
    clear_generator(ts, frame);
    return result;
  }
  _PyEval_FrameClearAndPop(ts, frame);
  return result;
}

PyObject* finish_with_error(PyThreadState* ts, Frame* frame, ThreadContext* context) {
  frame->stacktop = port::code_of(frame)->co_nlocalsplus;
  if (frame == context->osr_frame) [[unlikely]] {
    // The interpreter unwinds: a RERAISE outside of every try range, told where the exception came from.
    static CodeUnit stub[2] = {};
    reinterpret_cast<uint8_t*>(stub)[0] = RERAISE;
    reinterpret_cast<uint8_t*>(stub)[1] = 1;
    PyObject* exception = PyErr_GetRaisedException();
    PyObject* lasti = PyLong_FromLong(port::instruction_index(frame));
    frame->localsplus[frame->stacktop++] = lasti != nullptr ? lasti : Py_NewRef(Py_None);
    frame->localsplus[frame->stacktop++] = exception;
    frame->instr_ptr = stub;
    return nullptr;
  }
  if (!monitoring_quiet(ts)) [[unlikely]]
    port::fire_unwind(ts, frame);
  ++ts->py_recursion_remaining;
  ts->current_frame = frame->previous;
  _PyEval_FrameClearAndPop(ts, frame);
  return nullptr;
}

void enter_loop(PyThreadState* ts, Frame* frame, const void* target) {
  ThreadContext& context = thread_context();
  Frame* outer = context.osr_frame;
  context.osr_frame = frame;
  ++counters.loops_entered;
  frame->stacktop = -1;
  run_compiled(ts, frame, target);
  context.osr_frame = outer;
}

}  // namespace whipsnake
