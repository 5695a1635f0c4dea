// Making and filling collections. 3.13 Python/bytecodes.c: BUILD_*, LIST_APPEND, LIST_EXTEND, SET_ADD, SET_UPDATE,
// MAP_ADD, DICT_UPDATE, DICT_MERGE.
#include "jit/runtime/objects.h"
#include "jit/runtime/ops/common.h"

namespace whipsnake {

namespace {

// An array operand: its values are released from the top down.
void release_array(PyObject** values, intptr_t count) {
  while (--count >= 0) {
    release(values[count]);
  }
}

}  // namespace

PyObject* op_build_tuple(PyThreadState* ts, PyObject** top, intptr_t arg) { return new_tuple(ts, top - arg, arg); }

PyObject* op_build_list(PyThreadState* ts, PyObject** top, intptr_t arg) { return new_list(ts, top - arg, arg); }

PyObject* op_build_set(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject** values = top - arg;
  PyObject* set = PySet_New(nullptr);
  if (set == nullptr) {
    release_array(values, arg);
    return nullptr;
  }
  int failed = 0;
  for (intptr_t i = 0; i < arg; i++) {
    PyObject* item = values[i];
    if (failed == 0) {
      failed = PySet_Add(set, item);
    }
    release(item);
  }
  if (failed != 0) {
    release(set);
    return nullptr;
  }
  return after_escape(ts, set);
}

PyObject* op_build_map(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject** values = top - 2 * arg;
  PyObject* dict = _PyDict_FromItems(values, 2, values + 1, 2, arg);
  release_array(values, 2 * arg);
  return after_escape(ts, dict);
}

PyObject* op_build_const_key_map(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* keys = top[-1];
  PyObject** values = top - 1 - arg;
  PyObject* dict = nullptr;
  if (PyTuple_CheckExact(keys) && PyTuple_GET_SIZE(keys) == arg) {
    dict = _PyDict_FromItems(&PyTuple_GET_ITEM(keys, 0), 1, values, 1, arg);
  } else {
    // The interpreter only asserts it: bytecode that no compiler makes.
    PyErr_SetString(PyExc_SystemError, "bad BUILD_CONST_KEY_MAP keys argument");
  }
  release_array(values, arg);
  release(keys);
  return after_escape(ts, dict);
}

PyObject* op_build_string(PyThreadState*, PyObject** top, intptr_t arg) {
  PyObject** pieces = top - arg;
  PyObject* text = _PyUnicode_JoinArray(port::names.empty_string, pieces, arg);
  release_array(pieces, arg);
  return text;
}

PyObject* op_list_append(PyThreadState*, PyObject** top, intptr_t arg) {
  auto* list = reinterpret_cast<PyListObject*>(top[-1 - arg]);
  return done_if(_PyList_AppendTakeRef(list, top[-1]) == 0);
}

PyObject* op_list_extend(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* list = top[-1 - arg];
  PyObject* iterable = top[-1];
  PyObject* none = _PyList_Extend(reinterpret_cast<PyListObject*>(list), iterable);
  if (none == nullptr && PyErr_ExceptionMatches(PyExc_TypeError) && Py_TYPE(iterable)->tp_iter == nullptr &&
      !PySequence_Check(iterable)) {
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "Value after * must be an iterable, not %.200s", Py_TYPE(iterable)->tp_name);
  }
  release(iterable);
  return after_escape(ts, done_if(none != nullptr));
}

PyObject* op_set_add(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* value = top[-1];
  const int failed = PySet_Add(top[-1 - arg], value);
  release(value);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_set_update(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* iterable = top[-1];
  const int failed = _PySet_Update(top[-1 - arg], iterable);
  release(iterable);
  return after_escape(ts, done_if(failed >= 0));
}

PyObject* op_map_add(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* dict = reinterpret_cast<PyDictObject*>(top[-2 - arg]);
  return after_escape(ts, done_if(_PyDict_SetItem_Take2(dict, top[-2], top[-1]) == 0));
}

PyObject* op_dict_update(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* update = top[-1];
  const int failed = PyDict_Update(top[-1 - arg], update);
  if (failed < 0 && PyErr_ExceptionMatches(PyExc_AttributeError)) {
    PyErr_Format(PyExc_TypeError, "'%.200s' object is not a mapping", Py_TYPE(update)->tp_name);
  }
  release(update);
  return after_escape(ts, done_if(failed >= 0));
}

PyObject* op_dict_merge(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* callable = top[-4 - arg];
  PyObject* update = top[-1];
  const int failed = _PyDict_MergeEx(top[-1 - arg], update, 2);
  if (failed < 0) {
    _PyEval_FormatKwargsError(ts, callable, update);
  }
  release(update);
  return after_escape(ts, done_if(failed >= 0));
}

}  // namespace whipsnake
