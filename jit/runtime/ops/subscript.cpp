// Subscripts and slices. 3.13 Python/bytecodes.c: BINARY_SUBSCR, STORE_SUBSCR and specialised forms, DELETE_SUBSCR,
// BINARY_SLICE, STORE_SLICE, BUILD_SLICE.
#include "jit/runtime/dict_lookup.h"
#include "jit/runtime/ops/common.h"

namespace whipsnake {

namespace {

// The index that `key` selects in a sequence of `size`, or -1 when the general way must be taken (it raises, too).
Py_ssize_t plain_index(PyObject* key, Py_ssize_t size) {
  if (!is_compact_int(key)) {
    return -1;
  }
  Py_ssize_t index = compact_value(key);
  if (index < 0) {
    index += size;
  }
  return index < size ? index : -1;
}

// A slice bound as PySlice_AdjustIndices leaves it, for a step of 1. False: not None and not a small int.
bool plain_bound(PyObject* bound, Py_ssize_t size, Py_ssize_t if_none, Py_ssize_t* index) {
  if (Py_IsNone(bound)) {
    *index = if_none;
    return true;
  }
  if (!is_compact_int(bound)) {
    return false;
  }
  Py_ssize_t value = compact_value(bound);
  if (value < 0) {
    value = value + size < 0 ? 0 : value + size;
  }
  *index = value < size ? value : size;
  return true;
}

// A slice of an exact list, tuple or str, without a slice object. False: something else; nothing was done.
bool plain_slice(PyObject* container, PyObject* start, PyObject* stop, PyObject** result) {
  PyTypeObject* type = Py_TYPE(container);
  Py_ssize_t size;
  if (type == &PyList_Type || type == &PyTuple_Type) {
    size = Py_SIZE(container);
  } else if (type == &PyUnicode_Type) {
    size = PyUnicode_GET_LENGTH(container);
  } else {
    return false;
  }
  Py_ssize_t from;
  Py_ssize_t to;
  if (!plain_bound(start, size, 0, &from) || !plain_bound(stop, size, size, &to)) {
    return false;
  }
  if (to < from) {
    to = from;
  }
  // Each gives the container itself back for the whole of a tuple or str, as their subscript slots do.
  if (type == &PyList_Type) {
    *result = PyList_GetSlice(container, from, to);
  } else if (type == &PyTuple_Type) {
    *result = PyTuple_GetSlice(container, from, to);
  } else {
    *result = PyUnicode_Substring(container, from, to);
  }
  return true;
}

// 3.13 Objects/sliceobject.c, _PyBuildSlice_ConsumeRefs.
PyObject* new_slice(PyObject* start, PyObject* stop) {
  PyObject* slice = PySlice_New(start, stop, nullptr);
  release(start, stop);
  return slice;
}

}  // namespace

PyObject* op_binary_subscr(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* container = top[-2];
  PyObject* key = top[-1];
  PyTypeObject* type = Py_TYPE(container);
  if (type == &PyList_Type || type == &PyTuple_Type) {
    const Py_ssize_t index = plain_index(key, Py_SIZE(container));
    if (index >= 0) {
      PyObject* item = type == &PyList_Type ? PyList_GET_ITEM(container, index) : PyTuple_GET_ITEM(container, index);
      Py_INCREF(item);
      release_int(key);
      release(container);
      return item;
    }
  } else if (type == &PyDict_Type) {
    PyObject* value = known_item(container, key);
    if (value == nullptr && PyDict_GetItemRef(container, key, &value) == 0) {
      _PyErr_SetKeyError(key);
    }
    release(container, key);
    return after_escape(ts, value);
  } else if (type == &PyUnicode_Type) {
    const Py_ssize_t index = plain_index(key, PyUnicode_GET_LENGTH(container));
    if (index >= 0) {
      PyObject* character = PyUnicode_FromOrdinal(static_cast<int>(PyUnicode_READ_CHAR(container, index)));
      release_int(key);
      release(container);
      return character;
    }
  }
  PyObject* result = PyObject_GetItem(container, key);
  release(container, key);
  return after_escape(ts, result);
}

PyObject* op_store_subscr(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* value = top[-3];
  PyObject* container = top[-2];
  PyObject* key = top[-1];
  if (PyList_CheckExact(container)) {
    const Py_ssize_t index = plain_index(key, PyList_GET_SIZE(container));
    if (index >= 0) {
      PyObject* old = PyList_GET_ITEM(container, index);
      PyList_SET_ITEM(container, index, value);
      release(old);
      release_int(key);
      release(container);
      return after_escape(ts, kDone);
    }
  } else if (PyDict_CheckExact(container)) {
    const int failed = _PyDict_SetItem_Take2(reinterpret_cast<PyDictObject*>(container), key, value);
    release(container);
    return after_escape(ts, done_if(failed == 0));
  }
  const int failed = PyObject_SetItem(container, key, value);
  release(value, container, key);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_delete_subscr(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* container = top[-2];
  PyObject* key = top[-1];
  const int failed = PyObject_DelItem(container, key);
  release(container, key);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_binary_slice(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* container = top[-3];
  PyObject* start = top[-2];
  PyObject* stop = top[-1];
  PyObject* result = nullptr;
  if (plain_slice(container, start, stop, &result)) {
    release(start, stop, container);
    return result;
  }
  PyObject* slice = new_slice(start, stop);
  if (slice != nullptr) {
    result = PyObject_GetItem(container, slice);
    release(slice);
  }
  release(container);
  return after_escape(ts, result);
}

PyObject* op_store_slice(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* value = top[-4];
  PyObject* container = top[-3];
  PyObject* slice = new_slice(top[-2], top[-1]);
  int failed = -1;
  if (slice != nullptr) {
    failed = PyObject_SetItem(container, slice, value);
    release(slice);
  }
  release(value, container);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_build_slice(PyThreadState*, PyObject** top, intptr_t arg) {
  PyObject* step = arg == 3 ? top[-1] : nullptr;
  PyObject* start = top[-arg];
  PyObject* stop = top[1 - arg];
  PyObject* slice = PySlice_New(start, stop, step);
  release(start, stop);
  Py_XDECREF(step);
  return slice;
}

}  // namespace whipsnake
