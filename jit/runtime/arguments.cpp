#include "jit/runtime/arguments.h"

#include <algorithm>

#include "jit/runtime/dict_lookup.h"

namespace whipsnake {

namespace {

// The place of the next frame; null when the data stack chunk is full.
Frame* next_frame(const PyThreadState* ts, const CodeEntry& entry) {
  auto* top = reinterpret_cast<char*>(ts->datastack_top) + entry.frame_bytes;
  if (ts->datastack_top == nullptr || top >= reinterpret_cast<char*>(ts->datastack_limit)) return nullptr;
  return reinterpret_cast<Frame*>(ts->datastack_top);
}

// 3.13 Include/internal/pycore_frame.h, _PyFrame_Initialize, but for the variables.
void take_frame(PyThreadState* ts, Frame* frame, PyFunctionObject* func, const CodeEntry& entry) {
  ts->datastack_top = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(frame) + entry.frame_bytes);
  frame->f_funcobj = reinterpret_cast<PyObject*>(func);
  frame->f_executable = Py_NewRef(entry.code);
  frame->f_builtins = entry.builtins;
  frame->f_globals = entry.globals;
  frame->f_locals = nullptr;
  frame->frame_obj = nullptr;
  frame->instr_ptr = port::instructions(entry.code);
  frame->return_offset = 0;
  frame->owner = FRAME_OWNED_BY_THREAD;
}

// The arguments of one call and where they go. Until the frame is taken nothing belongs to it, and nothing has been
// changed: whatever is unusual, an error above all, is left to CPython's function, and so are functions with stars, for
// which that is as fast. None of this runs Python code. 3.13 Python/ceval.c, initialize_locals.
struct Binding {
  PyFunctionObject* func;
  const CodeEntry& entry;
  PyObject** locals;
  PyObject* const* args;
  Py_ssize_t nargs;
  PyObject* kwnames;

  const PyCodeObject& code() const { return *entry.code; }
  Py_ssize_t parameters() const { return Py_ssize_t{code().co_argcount} + code().co_kwonlyargcount; }
};

// Names of parameters are interned; others may be equal to them without being the same. False: there is no plan.
bool make_plan(const Binding& b, KeywordPlan* plan) {
  const Py_ssize_t keywords = PyTuple_GET_SIZE(b.kwnames);
  const Py_ssize_t parameters = b.parameters();
  plan->serial = plan->simple = 0;
  if (keywords == 0 || keywords > parameters || parameters > KeywordPlan::kParameters) return false;
  plan->positional = static_cast<int32_t>(b.nargs);
  plan->parameters = static_cast<int32_t>(parameters);
  plan->places = b.code().co_argcount;
  int8_t* sources = plan->sources;
  for (Py_ssize_t i = 0; i < parameters; ++i) sources[i] = i < b.nargs ? static_cast<int8_t>(i) : KeywordPlan::kDefault;
  PyObject* const* names = reinterpret_cast<PyTupleObject*>(b.code().co_localsplusnames)->ob_item;
  for (Py_ssize_t i = 0; i < keywords; ++i) {
    PyObject* keyword = PyTuple_GET_ITEM(b.kwnames, i);
    const auto parameter = std::find(names + b.code().co_posonlyargcount, names + parameters, keyword) - names;
    if (parameter == parameters || sources[parameter] != KeywordPlan::kDefault) return false;
    sources[parameter] = static_cast<int8_t>(b.nargs + i);
  }
  const auto first_default = [&](Py_ssize_t begin, Py_ssize_t end) {
    return std::find(sources + begin, sources + end, KeywordPlan::kDefault) - sources;
  };
  plan->defaults = plan->places - static_cast<int32_t>(first_default(0, plan->places));
  plan->serial = b.entry.serial;
  if (first_default(plan->places, parameters) == parameters) plan->simple = plan->serial;
  return true;
}

// The default of a parameter, borrowed; null: it has none.
PyObject* default_of(const Binding& b, Py_ssize_t parameter) {
  const Py_ssize_t positional = b.code().co_argcount;
  if (parameter < positional) {
    const PyObject* defaults = b.func->func_defaults;
    if (defaults == nullptr) return nullptr;
    const Py_ssize_t index = parameter - positional + PyTuple_GET_SIZE(defaults);
    return index >= 0 ? PyTuple_GET_ITEM(defaults, index) : nullptr;
  }
  PyObject* defaults = b.func->func_kwdefaults;
  if (defaults == nullptr) return nullptr;
  PyObject* name = PyTuple_GET_ITEM(b.code().co_localsplusnames, parameter);
  PyObject* value = value_at_place(defaults, parameter - positional, name);  // where each of them has a default
  return value != nullptr || find_in_any_dict(defaults, name, &value) ? value : nullptr;
}

// `source` tells for each parameter the number of its argument, or kDefault. False: nothing was done.
template <typename Source>
bool place(const Binding& b, Source source) {
  const Py_ssize_t parameters = b.parameters();
  Py_ssize_t i = 0;
  for (; i < parameters; ++i) {
    const Py_ssize_t from = source(i);
    if (from >= 0) {
      b.locals[i] = b.args[from];
    } else {
      PyObject* value = default_of(b, i);
      if (value == nullptr) break;
      b.locals[i] = Py_NewRef(value);
    }
  }
  if (i == parameters) {
    for (; i < b.entry.locals; ++i) b.locals[i] = nullptr;
    return true;
  }
  while (--i >= 0)
    if (source(i) < 0) Py_DECREF(b.locals[i]);
  return false;
}

// False: nothing was done.
bool bind(const Binding& b, KeywordPlan* plan) {
  if (b.nargs > b.code().co_argcount) return false;
  if (b.kwnames == nullptr)
    return place(b, [&b](Py_ssize_t i) { return i < b.nargs ? i : Py_ssize_t{KeywordPlan::kDefault}; });
  KeywordPlan made;
  const bool known = plan != nullptr && plan->serial == b.entry.serial && plan->positional == b.nargs;
  if (plan == nullptr) plan = &made;
  if (!known && !make_plan(b, plan)) return false;
  return place(b, [plan](Py_ssize_t i) { return Py_ssize_t{plan->sources[i]}; });
}

}  // namespace

Frame* push_frame(PyThreadState* ts, PyFunctionObject* func, const CodeEntry& entry, PyObject* const* args,
                  Py_ssize_t nargs, PyObject* kwnames, KeywordPlan* plan) {
  constexpr int kKind = CO_OPTIMIZED | CO_VARARGS | CO_VARKEYWORDS;
  Frame* frame = (entry.code->co_flags & kKind) == CO_OPTIMIZED ? next_frame(ts, entry) : nullptr;
  if (frame == nullptr) return push_general(ts, func, args, nargs, kwnames);
  if (kwnames == nullptr && entry.arguments == nargs) {
    for (Py_ssize_t i = 0; i < nargs; ++i) frame->localsplus[i] = args[i];
    for (Py_ssize_t i = nargs; i < entry.locals; ++i) frame->localsplus[i] = nullptr;
  } else if (!bind({func, entry, frame->localsplus, args, nargs, kwnames}, plan)) {
    return push_general(ts, func, args, nargs, kwnames);
  }
  take_frame(ts, frame, func, entry);
  return frame;
}

Frame* push_general(PyThreadState* ts, PyFunctionObject* func, PyObject* const* args, Py_ssize_t nargs,
                    PyObject* kwnames) {
  auto* code = reinterpret_cast<PyCodeObject*>(func->func_code);
  PyObject* locals = (code->co_flags & CO_OPTIMIZED) != 0 ? nullptr : Py_NewRef(func->func_globals);
  return _PyEvalFramePushAndInit(ts, func, locals, args, static_cast<size_t>(nargs), kwnames);
}

}  // namespace whipsnake
