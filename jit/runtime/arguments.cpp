#include "jit/runtime/arguments.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "jit/runtime/dict_lookup.h"
#include "jit/runtime/objects.h"

namespace whipsnake {

bool binds_stars(const PyCodeObject* code) {
  return (code->co_flags & CO_OPTIMIZED) != 0 && (code->co_flags & (CO_VARARGS | CO_VARKEYWORDS)) != 0 &&
         code->co_kwonlyargcount == 0;
}

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

// Positional and keyword-only ones, but not stars.
Py_ssize_t parameters_of(const PyCodeObject& code) { return Py_ssize_t{code.co_argcount} + code.co_kwonlyargcount; }

// The arguments of one call and where they go. Until the frame is taken nothing belongs to it, and nothing has been
// changed: whatever is unusual, an error above all, is left to CPython's function. None of this runs Python code.
// 3.13 Python/ceval.c, initialize_locals.
struct Binding {
  PyThreadState* ts;
  PyFunctionObject* func;
  const CodeEntry& entry;
  PyObject** locals;
  PyObject* const* args;
  Py_ssize_t nargs;
  PyObject* kwnames;
  PyObject* rest;  // what **kwargs becomes, borrowed, or null

  const PyCodeObject& code() const { return *entry.code; }
  bool has(int flag) const { return (code().co_flags & flag) != 0; }
  Py_ssize_t parameters() const { return parameters_of(code()); }
  // The arguments that parameters take by their place.
  Py_ssize_t placed() const { return std::min(nargs, Py_ssize_t{code().co_argcount}); }
};

// The number of the parameter with this name, which is interned as those are; parameters_of(): there is none.
Py_ssize_t find_parameter(const PyCodeObject& code, PyObject* name) {
  PyObject* const* names = reinterpret_cast<PyTupleObject*>(code.co_localsplusnames)->ob_item;
  return std::find(names + code.co_posonlyargcount, names + parameters_of(code), name) - names;
}

// A str that is the same object as every other interned str that is equal to it.
bool is_interned(PyObject* name) { return PyUnicode_CheckExact(name) && PyUnicode_CHECK_INTERNED(name) != 0; }

// Names of parameters are interned; others may be equal to them without being the same. False: there is no plan.
bool make_plan(const Binding& b, KeywordPlan* plan) {
  const Py_ssize_t keywords = PyTuple_GET_SIZE(b.kwnames);
  const Py_ssize_t parameters = b.parameters();
  plan->serial = plan->simple = 0;
  if (keywords == 0 || keywords > KeywordPlan::kParameters || parameters > KeywordPlan::kParameters) return false;
  if (b.nargs + keywords > std::numeric_limits<int8_t>::max()) return false;
  plan->positional = static_cast<int32_t>(b.nargs);
  plan->parameters = static_cast<int32_t>(parameters);
  plan->bound = plan->parameters + (b.has(CO_VARARGS) ? 1 : 0) + (b.has(CO_VARKEYWORDS) ? 1 : 0);
  plan->places = b.code().co_argcount;
  plan->rest = 0;
  int8_t* sources = plan->sources;
  for (Py_ssize_t i = 0; i < parameters; ++i)
    sources[i] = i < b.placed() ? static_cast<int8_t>(i) : KeywordPlan::kDefault;
  for (Py_ssize_t i = 0; i < keywords; ++i) {
    PyObject* keyword = PyTuple_GET_ITEM(b.kwnames, i);
    const Py_ssize_t parameter = find_parameter(b.code(), keyword);
    if (parameter < parameters) {
      if (sources[parameter] != KeywordPlan::kDefault) return false;
      sources[parameter] = static_cast<int8_t>(b.nargs + i);
    } else {
      if (!b.has(CO_VARKEYWORDS) || !is_interned(keyword)) return false;
      plan->rest |= uint32_t{1} << i;
    }
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
PyObject* default_of(const PyFunctionObject* func, const PyCodeObject* code, Py_ssize_t parameter) {
  const Py_ssize_t positional = code->co_argcount;
  if (parameter < positional) {
    const PyObject* defaults = func->func_defaults;
    if (defaults == nullptr) return nullptr;
    const Py_ssize_t index = parameter - positional + PyTuple_GET_SIZE(defaults);
    return index >= 0 ? PyTuple_GET_ITEM(defaults, index) : nullptr;
  }
  PyObject* defaults = func->func_kwdefaults;
  if (defaults == nullptr) return nullptr;
  PyObject* name = PyTuple_GET_ITEM(code->co_localsplusnames, parameter);
  PyObject* value = value_at_place(defaults, parameter - positional, name);  // where each of them has a default
  return value != nullptr || find_in_any_dict(defaults, name, &value) ? value : nullptr;
}

// `source` tells for each parameter the number of its argument, or kDefault. False: nothing was done.
template <typename Source>
[[gnu::always_inline]] inline bool place(const Binding& b, Source source) {
  const PyFunctionObject* func = b.func;  // copies: for all that the compiler knows, `locals` might be in `b`
  const PyCodeObject* code = b.entry.code;
  PyObject** locals = b.locals;
  PyObject* const* args = b.args;
  const Py_ssize_t parameters = b.parameters();
  const Py_ssize_t end = b.entry.locals;
  Py_ssize_t i = 0;
  for (; i < parameters; ++i) {
    const Py_ssize_t from = source(i);
    if (from >= 0) {
      locals[i] = args[from];
    } else {
      PyObject* value = default_of(func, code, i);
      if (value == nullptr) break;
      locals[i] = Py_NewRef(value);
    }
  }
  if (i == parameters) {
    for (; i < end; ++i) locals[i] = nullptr;
    return true;
  }
  while (--i >= 0)
    if (source(i) < 0) Py_DECREF(locals[i]);
  return false;
}

[[gnu::always_inline]] inline bool place_by_plan(const Binding& b, const KeywordPlan& plan) {
  return place(b, [sources = plan.sources](Py_ssize_t i) { return Py_ssize_t{sources[i]}; });
}

// Arguments without names.
[[gnu::always_inline]] inline bool place_in_order(const Binding& b) {
  return place(b, [end = b.placed()](Py_ssize_t i) { return i < end ? i : Py_ssize_t{KeywordPlan::kDefault}; });
}

// What *args and **kwargs become; null where a function has no such.
struct Stars {
  PyObject* args = nullptr;
  PyObject* kwargs = nullptr;

  // `items` are the arguments without a name that no parameter takes, which the tuple steals; `named` (borrowed), if it
  // is not null, is what **kwargs becomes. False: nothing was done.
  bool make(PyThreadState* ts, int flags, PyObject* const* items, Py_ssize_t count, PyObject* named) {
    if ((flags & CO_VARKEYWORDS) != 0 && (kwargs = named != nullptr ? Py_NewRef(named) : PyDict_New()) == nullptr)
      return failed();
    return (flags & CO_VARARGS) == 0 || (args = tuple_of(ts, items, count)) != nullptr || failed();
  }

  bool failed() {
    PyErr_Clear();
    undo();
    return false;
  }

  void undo() {
    Py_CLEAR(kwargs);
    if (args == nullptr || PyTuple_GET_SIZE(args) == 0) return;
    std::fill_n(reinterpret_cast<PyTupleObject*>(args)->ob_item, PyTuple_GET_SIZE(args), nullptr);
    Py_CLEAR(args);
  }

  void store(PyObject** variables) const {
    if (args != nullptr) *variables++ = args;
    if (kwargs != nullptr) *variables = kwargs;
  }
};

// Puts the values whose names no parameter has, by a plan's `rest`, into a dictionary. False: without an exception, for
// want of memory.
bool put_named(uint32_t rest, PyObject* kwnames, PyObject* const* values, PyObject* kwargs) {
  for (; rest != 0; rest &= rest - 1) {
    const int i = std::countr_zero(rest);
    if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(kwnames, i), values[i]) < 0) {
      PyErr_Clear();
      return false;
    }
  }
  return true;
}

// Gives up the references that the dictionary has taken over.
void release_named(uint32_t rest, PyObject* const* values) {
  for (; rest != 0; rest &= rest - 1) Py_DECREF(values[std::countr_zero(rest)]);
}

// place() where there are stars.
[[gnu::noinline]] bool place_with_stars(const Binding& b, const KeywordPlan* plan) {
  const uint32_t rest = plan != nullptr ? plan->rest : 0;
  PyObject* const* values = b.args + b.nargs;
  Stars stars;
  if (!stars.make(b.ts, b.code().co_flags, b.args + b.placed(), b.nargs - b.placed(), b.rest)) return false;
  if (!put_named(rest, b.kwnames, values, stars.kwargs) ||
      !(plan != nullptr ? place_by_plan(b, *plan) : place_in_order(b))) {
    stars.undo();
    return false;
  }
  release_named(rest, values);
  stars.store(b.locals + b.parameters());
  return true;
}

// False: nothing was done.
[[gnu::always_inline]] inline bool bind(const Binding& b, KeywordPlan* plan) {
  const bool stars = b.has(CO_VARARGS | CO_VARKEYWORDS);
  if (b.kwnames == nullptr && !stars) return b.nargs == b.placed() && place_in_order(b);
  if (b.nargs > b.placed() && !b.has(CO_VARARGS)) return false;
  KeywordPlan made;
  if (b.kwnames == nullptr) return place_with_stars(b, nullptr);
  const bool known = plan != nullptr && plan->serial == b.entry.serial && plan->positional == b.nargs;
  if (plan == nullptr) plan = &made;
  if (!known && !make_plan(b, plan)) return false;
  return stars ? place_with_stars(b, plan) : place_by_plan(b, *plan);
}

// Whether a function has stars, and they take whatever arguments there are but those of its parameters, one for each.
bool is_whole(const PyCodeObject& code, Py_ssize_t nargs) {
  if (!binds_stars(&code)) return false;
  return nargs == code.co_argcount || (nargs > code.co_argcount && (code.co_flags & CO_VARARGS) != 0);
}

// bind() for that.
bool bind_whole(PyThreadState* ts, const CodeEntry& entry, PyObject** locals, PyObject* const* args, Py_ssize_t nargs,
                PyObject* rest) {
  const int flags = entry.code->co_flags;
  const Py_ssize_t parameters = entry.code->co_argcount;
  Stars stars;
  if (!stars.make(ts, flags, args + parameters, nargs - parameters, rest)) return false;
  for (Py_ssize_t i = 0; i < parameters; ++i) locals[i] = args[i];
  for (Py_ssize_t i = parameters; i < entry.locals; ++i) locals[i] = nullptr;
  stars.store(locals + parameters);
  return true;
}

// The frame with its arguments. Null: nothing was done.
[[gnu::always_inline]] inline Frame* bound_frame(PyThreadState* ts, PyFunctionObject* func, const CodeEntry& entry,
                                                 PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                                                 PyObject* rest, KeywordPlan* plan) {
  Frame* frame = (entry.code->co_flags & CO_OPTIMIZED) != 0 ? next_frame(ts, entry) : nullptr;
  if (frame == nullptr) return nullptr;
  if (kwnames == nullptr && entry.arguments == nargs) {
    for (Py_ssize_t i = 0; i < nargs; ++i) frame->localsplus[i] = args[i];
    for (Py_ssize_t i = nargs; i < entry.locals; ++i) frame->localsplus[i] = nullptr;
  } else if (kwnames == nullptr && is_whole(*entry.code, nargs)) {
    if (!bind_whole(ts, entry, frame->localsplus, args, nargs, rest)) return nullptr;
  } else if (!bind({ts, func, entry, frame->localsplus, args, nargs, kwnames, rest}, plan)) {
    return nullptr;
  }
  take_frame(ts, frame, func, entry);
  return frame;
}

// Whether a dictionary is one that a function would have made of its items, all for **kwargs, and nobody else has it;
// or is empty. A function puts one item after the other into it, which makes it as large as is needed and no larger.
// 3.13 Objects/dictobject.c, insertion_resize and USABLE_FRACTION.
bool serves_as_kwargs(const PyCodeObject& code, PyObject* object) {
  if (Py_REFCNT(object) != 1 || !PyDict_CheckExact(object)) return false;
  const auto* dict = reinterpret_cast<PyDictObject*>(object);
  if ((code.co_flags & CO_VARKEYWORDS) == 0) return dict->ma_used == 0;
  const PyDictKeysObject* keys = dict->ma_keys;
  if (dict->ma_values != nullptr || keys->dk_nentries != dict->ma_used) return false;
  constexpr int kSmallest = 3;  // log2
  const Py_ssize_t half = Py_ssize_t{1} << keys->dk_log2_size >> 1;
  if (keys->dk_log2_size > kSmallest && dict->ma_used <= half * 2 / 3) return false;
  if (dict->ma_used != 0 && keys->dk_kind != DICT_KEYS_UNICODE) return false;
  const Py_ssize_t parameters = parameters_of(code);
  Py_ssize_t position = 0;
  PyObject* key = nullptr;
  while (PyDict_Next(object, &position, &key, nullptr) != 0)
    if (!is_interned(key) || find_parameter(code, key) != parameters) return false;
  return true;
}

}  // namespace

Frame* push_frame(PyThreadState* ts, PyFunctionObject* func, const CodeEntry& entry, PyObject* const* args,
                  Py_ssize_t nargs, PyObject* kwnames, KeywordPlan* plan) {
  Frame* frame = bound_frame(ts, func, entry, args, nargs, kwnames, nullptr, plan);
  return frame != nullptr ? frame : push_general(ts, func, args, nargs, kwnames);
}

Frame* push_with_rest(PyThreadState* ts, PyFunctionObject* func, const CodeEntry& entry, PyObject* const* args,
                      Py_ssize_t nargs, PyObject* rest) {
  if (rest != nullptr && !serves_as_kwargs(*entry.code, rest)) return nullptr;
  Frame* frame = bound_frame(ts, func, entry, args, nargs, nullptr, rest, nullptr);
  if (frame != nullptr) Py_XDECREF(rest);
  return frame;
}

Py_ssize_t make_stars(PyThreadState* ts, const CodeEntry* entry, Py_ssize_t nargs, PyObject* const* args) {
  const int flags = entry->code->co_flags;
  const Py_ssize_t parameters = entry->code->co_argcount;
  Frame* frame = next_frame(ts, *entry);
  Stars stars;
  if (frame == nullptr || !stars.make(ts, flags, args + parameters, nargs - parameters, nullptr)) return nargs;
  stars.store(frame->localsplus + parameters);
  return -1;
}

intptr_t make_stars_by_plan(PyThreadState* ts, const CodeEntry* entry, const KeywordSite* site, PyObject* const* args) {
  const KeywordPlan& plan = site->plan;
  const Py_ssize_t placed = std::min(plan.positional, plan.places);
  PyObject* const* values = args + plan.positional;
  Frame* frame = next_frame(ts, *entry);
  Stars stars;
  if (frame == nullptr || !stars.make(ts, entry->code->co_flags, args + placed, plan.positional - placed, nullptr))
    return 0;
  if (!put_named(plan.rest, site->names, values, stars.kwargs)) {
    stars.undo();
    return 0;
  }
  release_named(plan.rest, values);
  stars.store(frame->localsplus + plan.parameters);
  return 1;
}

Frame* push_general(PyThreadState* ts, PyFunctionObject* func, PyObject* const* args, Py_ssize_t nargs,
                    PyObject* kwnames) {
  auto* code = reinterpret_cast<PyCodeObject*>(func->func_code);
  PyObject* locals = (code->co_flags & CO_OPTIMIZED) != 0 ? nullptr : Py_NewRef(func->func_globals);
  return _PyEvalFramePushAndInit(ts, func, locals, args, static_cast<size_t>(nargs), kwnames);
}

}  // namespace whipsnake
