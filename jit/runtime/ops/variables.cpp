// Names, globals, local variables and cells. 3.13 Python/bytecodes.c: LOAD_NAME, STORE_NAME, DELETE_NAME, *_GLOBAL,
// LOAD_FROM_DICT_OR_*, LOAD_LOCALS, SETUP_ANNOTATIONS, LOAD_FAST_CHECK, DELETE_FAST, *_DEREF, MAKE_CELL,
// COPY_FREE_VARS.
#include "jit/runtime/objects.h"
#include "jit/runtime/ops/common.h"

namespace whipsnake {

namespace {

PyObject* no_such_name(PyThreadState* ts, PyObject* name) {
  _PyEval_FormatExcCheckArg(ts, PyExc_NameError, kNameErrorMessage, name);
  return nullptr;
}

// A global or builtin; null with NameError or another exception. New reference.
PyObject* find_global(PyThreadState* ts, const Frame* frame, PyObject* name) {
  PyObject* globals = frame->f_globals;
  PyObject* builtins = frame->f_builtins;
  if (PyDict_CheckExact(globals) && PyDict_CheckExact(builtins)) {
    PyObject* value =
        _PyDict_LoadGlobal(reinterpret_cast<PyDictObject*>(globals), reinterpret_cast<PyDictObject*>(builtins), name);
    if (value == nullptr && ts->current_exception == nullptr) {
      return no_such_name(ts, name);
    }
    return value;
  }
  PyObject* value = nullptr;
  if (PyMapping_GetOptionalItem(globals, name, &value) < 0 || value != nullptr) {
    return value;
  }
  if (PyMapping_GetOptionalItem(builtins, name, &value) < 0 || value != nullptr) {
    return value;
  }
  return no_such_name(ts, name);
}

PyObject* unbound_local(PyThreadState* ts, intptr_t slot) {
  PyCodeObject* code = port::code_of(port::current_frame(ts));
  _PyEval_FormatExcCheckArg(ts, PyExc_UnboundLocalError, kUnboundLocalMessage,
                            PyTuple_GetItem(code->co_localsplusnames, slot));
  return nullptr;
}

PyObject* unbound_cell(PyThreadState* ts, intptr_t slot) {
  _PyEval_FormatExcUnbound(ts, port::code_of(port::current_frame(ts)), static_cast<int>(slot));
  return nullptr;
}

PyObject*& cell_value(PyThreadState* ts, intptr_t slot) {
  return reinterpret_cast<PyCellObject*>(slot_of(ts, slot))->ob_ref;
}

}  // namespace

PyObject* op_load_name(PyThreadState* ts, PyObject**, intptr_t arg) {
  const Frame* frame = port::current_frame(ts);
  PyObject* name = name_of(arg);
  PyObject* locals = frame->f_locals;
  if (locals == nullptr) {
    PyErr_SetString(PyExc_SystemError, "no locals found");
    return nullptr;
  }
  PyObject* value = nullptr;
  if (PyMapping_GetOptionalItem(locals, name, &value) < 0) {
    return nullptr;
  }
  if (value == nullptr && PyDict_GetItemRef(frame->f_globals, name, &value) < 0) {
    return nullptr;
  }
  if (value == nullptr && PyMapping_GetOptionalItem(frame->f_builtins, name, &value) < 0) {
    return nullptr;
  }
  return value != nullptr ? after_escape(ts, value) : no_such_name(ts, name);
}

PyObject* op_store_name(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* value = top[-1];
  PyObject* name = name_of(arg);
  PyObject* locals = port::current_frame(ts)->f_locals;
  int failed = -1;
  if (locals == nullptr) {
    PyErr_Format(PyExc_SystemError, "no locals found when storing %R", name);
  } else if (PyDict_CheckExact(locals)) {
    failed = PyDict_SetItem(locals, name, value);
  } else {
    failed = PyObject_SetItem(locals, name, value);
  }
  release(value);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_delete_name(PyThreadState* ts, PyObject**, intptr_t arg) {
  PyObject* name = name_of(arg);
  PyObject* locals = port::current_frame(ts)->f_locals;
  if (locals == nullptr) {
    PyErr_Format(PyExc_SystemError, "no locals when deleting %R", name);
    return nullptr;
  }
  // Whatever the deletion raised, a NameError takes its place.
  return PyObject_DelItem(locals, name) == 0 ? after_escape(ts, kDone) : no_such_name(ts, name);
}

PyObject* op_load_global(PyThreadState* ts, PyObject**, intptr_t arg) {
  return after_escape(ts, find_global(ts, port::current_frame(ts), name_of(arg)));
}

PyObject* op_store_global(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* value = top[-1];
  const int failed = PyDict_SetItem(port::current_frame(ts)->f_globals, name_of(arg), value);
  release(value);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_delete_global(PyThreadState* ts, PyObject**, intptr_t arg) {
  PyObject* name = name_of(arg);
  const int found = PyDict_Pop(port::current_frame(ts)->f_globals, name, nullptr);
  if (found == 0) {
    return no_such_name(ts, name);
  }
  return after_escape(ts, done_if(found > 0));
}

PyObject* op_load_from_dict_or_globals(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* space = top[-1];
  PyObject* name = name_of(arg);
  PyObject* value = nullptr;
  if (PyMapping_GetOptionalItem(space, name, &value) == 0) {
    value = find_global(ts, port::current_frame(ts), name);
  }
  release(space);
  return after_escape(ts, value);
}

PyObject* op_load_locals(PyThreadState* ts, PyObject**, intptr_t) {
  PyObject* locals = port::current_frame(ts)->f_locals;
  if (locals == nullptr) {
    PyErr_SetString(PyExc_SystemError, "no locals found");
  }
  return Py_XNewRef(locals);
}

PyObject* op_load_build_class(PyThreadState* ts, PyObject**, intptr_t) {
  PyObject* builder = nullptr;
  if (PyMapping_GetOptionalItem(port::current_frame(ts)->f_builtins, port::names.build_class, &builder) == 0) {
    PyErr_SetString(PyExc_NameError, "__build_class__ not found");
  }
  return after_escape(ts, builder);
}

PyObject* op_load_assertion_error(PyThreadState*, PyObject**, intptr_t) { return Py_NewRef(PyExc_AssertionError); }

PyObject* op_setup_annotations(PyThreadState* ts, PyObject**, intptr_t) {
  PyObject* locals = port::current_frame(ts)->f_locals;
  if (locals == nullptr) {
    PyErr_SetString(PyExc_SystemError, "no locals found when setting up annotations");
    return nullptr;
  }
  PyObject* annotations = nullptr;
  int failed = 0;
  if (PyMapping_GetOptionalItem(locals, port::names.annotations, &annotations) < 0) {
    return nullptr;
  }
  if (annotations == nullptr) {
    annotations = PyDict_New();
    if (annotations == nullptr) {
      return nullptr;
    }
    failed = PyObject_SetItem(locals, port::names.annotations, annotations);
  }
  release(annotations);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_load_fast_check(PyThreadState* ts, PyObject**, intptr_t arg) {
  PyObject* value = slot_of(ts, arg);
  return value != nullptr ? Py_NewRef(value) : unbound_local(ts, arg);
}

PyObject* op_delete_fast(PyThreadState* ts, PyObject**, intptr_t arg) {
  PyObject* value = slot_of(ts, arg);
  if (value == nullptr) {
    return unbound_local(ts, arg);
  }
  slot_of(ts, arg) = nullptr;
  release(value);
  return after_escape(ts, kDone);
}

PyObject* op_load_deref(PyThreadState* ts, PyObject**, intptr_t arg) {
  PyObject* value = cell_value(ts, arg);
  return value != nullptr ? Py_NewRef(value) : unbound_cell(ts, arg);
}

PyObject* op_load_from_dict_or_deref(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* space = top[-1];
  PyObject* name = PyTuple_GET_ITEM(port::code_of(port::current_frame(ts))->co_localsplusnames, arg);
  PyObject* value = nullptr;
  if (PyMapping_GetOptionalItem(space, name, &value) == 0) {
    value = op_load_deref(ts, top, arg);
  }
  release(space);
  return after_escape(ts, value);
}

PyObject* op_store_deref(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject*& value = cell_value(ts, arg);
  PyObject* old = value;
  value = top[-1];
  Py_XDECREF(old);
  return after_escape(ts, kDone);
}

PyObject* op_delete_deref(PyThreadState* ts, PyObject**, intptr_t arg) {
  PyObject*& value = cell_value(ts, arg);
  PyObject* old = value;
  if (old == nullptr) {
    return unbound_cell(ts, arg);
  }
  value = nullptr;
  release(old);
  return after_escape(ts, kDone);
}

PyObject* op_make_cell(PyThreadState* ts, PyObject**, intptr_t arg) {
  // The slot is empty but for an argument, or what somebody stored through f_locals before.
  PyObject* initial = slot_of(ts, arg);
  PyObject* cell = new_cell(ts, initial);
  if (cell == nullptr) {
    return nullptr;
  }
  slot_of(ts, arg) = cell;
  Py_XDECREF(initial);
  return kDone;
}

PyObject* op_copy_free_vars(PyThreadState* ts, PyObject**, intptr_t arg) {
  Frame* frame = port::current_frame(ts);
  PyObject* closure = reinterpret_cast<PyFunctionObject*>(frame->f_funcobj)->func_closure;
  PyObject** free_slots = frame->localsplus + port::code_of(frame)->co_nlocalsplus - arg;
  for (intptr_t i = 0; i < arg; i++) {
    free_slots[i] = Py_NewRef(PyTuple_GET_ITEM(closure, i));
  }
  return kDone;
}

}  // namespace whipsnake
