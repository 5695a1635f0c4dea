// Subscripts and slices. 3.13 Python/bytecodes.c: BINARY_SUBSCR, STORE_SUBSCR and specialised forms, DELETE_SUBSCR,
// BINARY_SLICE, STORE_SLICE, BUILD_SLICE.
#include "jit/runtime/dict_lookup.h"
#include "jit/runtime/objects.h"
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

// Whether it is a subclass of dict that has kept this method.
template <typename Method>
bool keeps_of_dict(const PyTypeObject* type, Method PyMappingMethods::*method) {
  return (type->tp_flags & Py_TPFLAGS_DICT_SUBCLASS) != 0 &&
         type->tp_as_mapping->*method == PyDict_Type.tp_as_mapping->*method;
}

// 3.13 Python/errors.c, _PyErr_SetKeyError.
void set_key_error(PyThreadState* ts, PyObject* key) {
  PyObject* items[] = {Py_NewRef(key)};
  PyObject* args = new_tuple(ts, items, 1);
  PyObject* error =
      args == nullptr ? nullptr : new_exception(ts, reinterpret_cast<PyTypeObject*>(PyExc_KeyError), args);
  if (error == nullptr) return;
  PyErr_SetObject(PyExc_KeyError, error);
  Py_DECREF(error);
}

// 3.13 Objects/dictobject.c, dict_subscript of a subclass.
PyObject* missing_item(PyThreadState* ts, PyObject* dict, PyObject* key) {
  static PyObject* const name = PyUnicode_InternFromString("__missing__");
  PyObject* missing = name != nullptr ? _PyType_Lookup(Py_TYPE(dict), name) : nullptr;
  if (missing == nullptr) {
    if (name != nullptr) set_key_error(ts, key);
    return nullptr;
  }
  Py_INCREF(missing);
  const PyTypeObject* type = Py_TYPE(missing);
  PyObject* result = nullptr;
  if ((type->tp_flags & Py_TPFLAGS_METHOD_DESCRIPTOR) != 0) {
    PyObject* arguments[] = {dict, key};
    result = PyObject_Vectorcall(missing, arguments, 2, nullptr);
  } else {
    PyObject* bound = type->tp_descr_get == nullptr
                          ? Py_NewRef(missing)
                          : type->tp_descr_get(missing, dict, reinterpret_cast<PyObject*>(Py_TYPE(dict)));
    if (bound != nullptr) result = PyObject_CallOneArg(bound, key);
    Py_XDECREF(bound);
  }
  Py_DECREF(missing);
  return result;
}

// What a slice selects from a sequence.
struct Selection {
  Py_ssize_t start, stop, step;
};

// A bound of a slice as PySlice_AdjustIndices leaves it. False: not None and not a small int.
bool plain_bound(PyObject* bound, Py_ssize_t size, Py_ssize_t step, Py_ssize_t if_none, Py_ssize_t* index) {
  if (Py_IsNone(bound)) {
    *index = if_none;
    return true;
  }
  if (!is_compact_int(bound)) {
    return false;
  }
  const Py_ssize_t lowest = step < 0 ? -1 : 0;
  Py_ssize_t value = compact_value(bound);
  if (value < 0) {
    value = value + size < 0 ? lowest : value + size;
  }
  *index = value < size ? value : size + lowest;
  return true;
}

// 3.13 Objects/sliceobject.c, PySlice_Unpack and PySlice_AdjustIndices, for the operands start, stop and, where
// `kCount` is 3, step. False: not all are None or small ints.
template <int kCount>
bool plain_selection(PyObject* const* bounds, Py_ssize_t size, Selection* selected) {
  selected->step = 1;
  if (kCount == 3 && !Py_IsNone(bounds[2])) {
    if (!is_compact_int(bounds[2]) || compact_value(bounds[2]) == 0) {
      return false;
    }
    selected->step = compact_value(bounds[2]);
  }
  const bool backward = selected->step < 0;
  return plain_bound(bounds[0], size, selected->step, backward ? size - 1 : 0, &selected->start) &&
         plain_bound(bounds[1], size, selected->step, backward ? -1 : size, &selected->stop);
}

// An exact list or tuple of every step-th item of `items`, with a step other than 1.
PyObject* extended_slice(PyTypeObject* type, PyObject* const* items, const Selection& s) {
  Py_ssize_t count = 0;
  if (s.step < 0 ? s.stop < s.start : s.start < s.stop) {
    count = s.step < 0 ? (s.start - s.stop - 1) / -s.step + 1 : (s.stop - s.start - 1) / s.step + 1;
  }
  PyObject* result = type == &PyList_Type ? PyList_New(count) : PyTuple_New(count);
  if (result == nullptr || count == 0) {
    return result;
  }
  PyObject** into = type == &PyList_Type ? reinterpret_cast<PyListObject*>(result)->ob_item
                                         : reinterpret_cast<PyTupleObject*>(result)->ob_item;
  Py_ssize_t from = s.start;
  for (Py_ssize_t i = 0; i < count; ++i, from += s.step) {
    into[i] = Py_NewRef(items[from]);
  }
  return result;
}

// A slice of an exact list, tuple, str or bytes, without a slice object. False: something else; nothing was done.
template <int kCount>
bool plain_slice(PyObject* container, PyObject* const* bounds, PyObject** result) {
  PyTypeObject* type = Py_TYPE(container);
  Py_ssize_t size;
  if (type == &PyList_Type || type == &PyTuple_Type || type == &PyBytes_Type) {
    size = Py_SIZE(container);
  } else if (type == &PyUnicode_Type) {
    size = PyUnicode_GET_LENGTH(container);
  } else {
    return false;
  }
  Selection selected;
  if (!plain_selection<kCount>(bounds, size, &selected)) {
    return false;
  }
  if (kCount == 3 && selected.step != 1) {
    if (type == &PyList_Type) {
      *result = extended_slice(type, reinterpret_cast<PyListObject*>(container)->ob_item, selected);
    } else if (type == &PyTuple_Type) {
      *result = extended_slice(type, reinterpret_cast<PyTupleObject*>(container)->ob_item, selected);
    } else {
      return false;
    }
    return true;
  }
  const Py_ssize_t from = selected.start;
  const Py_ssize_t to = selected.stop < from ? from : selected.stop;
  // Each gives the container itself back for the whole of a tuple, str or bytes, as their subscript slots do.
  if (type == &PyList_Type) {
    *result = PyList_GetSlice(container, from, to);
  } else if (type == &PyTuple_Type) {
    *result = PyTuple_GetSlice(container, from, to);
  } else if (type == &PyUnicode_Type) {
    *result = PyUnicode_Substring(container, from, to);
  } else if (from == 0 && to == size) {
    *result = Py_NewRef(container);
  } else {
    *result = PyBytes_FromStringAndSize(PyBytes_AS_STRING(container) + from, to - from);
  }
  return true;
}

// container[start:stop] = value for an exact list and what has its items at hand, or del without a value. False:
// something else; nothing was done.
bool assign_plain_slice(PyObject* container, PyObject* const* bounds, PyObject* value, int* failed) {
  if (!PyList_CheckExact(container)) {
    return false;
  }
  if (value != nullptr && !PyList_CheckExact(value) && !PyTuple_CheckExact(value)) {
    return false;
  }
  Selection selected;
  if (!plain_selection<2>(bounds, PyList_GET_SIZE(container), &selected)) {
    return false;
  }
  *failed = PyList_SetSlice(container, selected.start, selected.stop, value);
  return true;
}

// 3.13 Objects/sliceobject.c, _PyBuildSlice_ConsumeRefs.
PyObject* new_slice(PyObject* const* bounds, PyObject* step = nullptr) {
  PyObject* slice = PySlice_New(bounds[0], bounds[1], step);
  release(bounds[0], bounds[1]);
  Py_XDECREF(step);
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
    PyObject* value = nullptr;
    if (find_in_dict(container, key, &value)) {
      Py_XINCREF(value);
      if (value == nullptr) set_key_error(ts, key);
    } else if (PyDict_GetItemRef(container, key, &value) == 0) {
      set_key_error(ts, key);
    }
    release(container, key);
    return after_escape(ts, value);
  } else if (PyObject* value = nullptr;
             keeps_of_dict(type, &PyMappingMethods::mp_subscript) && find_in_any_dict(container, key, &value)) {
    value = value != nullptr ? Py_NewRef(value) : missing_item(ts, container, key);
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
    Py_hash_t hash;
    int failed = 0;
    if (known_hash(key, &hash)) {
      failed = _PyDict_SetItem_KnownHash(container, key, value, hash);
      release(value, key);
    } else {
      failed = _PyDict_SetItem_Take2(reinterpret_cast<PyDictObject*>(container), key, value);
    }
    release(container);
    return after_escape(ts, done_if(failed == 0));
  } else if (Py_hash_t hash;
             keeps_of_dict(Py_TYPE(container), &PyMappingMethods::mp_ass_subscript) && known_hash(key, &hash)) {
    const int failed = _PyDict_SetItem_KnownHash(container, key, value, hash);
    release(value, container, key);
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

namespace {

// container, start, stop and, where `kCount` is 3, step.
template <int kCount>
PyObject* subscr_slice(PyThreadState* ts, PyObject** top) {
  PyObject** bounds = top - kCount;
  PyObject* container = bounds[-1];
  PyObject* result = nullptr;
  if (plain_slice<kCount>(container, bounds, &result)) {
    for (int i = 0; i < kCount; ++i) {
      release_int(bounds[i]);  // or None, which survives it
    }
    release(container);
    return after_escape(ts, result);
  }
  PyObject* slice = new_slice(bounds, kCount == 3 ? bounds[2] : nullptr);
  if (slice != nullptr) {
    result = PyObject_GetItem(container, slice);
    release(slice);
  }
  release(container);
  return after_escape(ts, result);
}

}  // namespace

PyObject* op_binary_slice(PyThreadState* ts, PyObject** top, intptr_t) { return subscr_slice<2>(ts, top); }

PyObject* op_subscr_built_slice(PyThreadState* ts, PyObject** top, intptr_t arg) {
  return arg == 3 ? subscr_slice<3>(ts, top) : subscr_slice<2>(ts, top);
}

PyObject* op_store_slice(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* value = top[-4];
  PyObject* container = top[-3];
  int failed = -1;
  if (assign_plain_slice(container, top - 2, value, &failed)) {
    release_int(top[-2]);
    release_int(top[-1]);
  } else if (PyObject* slice = new_slice(top - 2)) {
    failed = PyObject_SetItem(container, slice, value);
    release(slice);
  }
  release(value, container);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_delete_built_slice(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject** bounds = top - arg;
  PyObject* step = arg == 3 ? top[-1] : nullptr;
  PyObject* container = bounds[-1];
  int failed = -1;
  if (step == nullptr && assign_plain_slice(container, bounds, nullptr, &failed)) {
    release_int(bounds[0]);
    release_int(bounds[1]);
  } else if (PyObject* slice = new_slice(bounds, step)) {
    failed = PyObject_DelItem(container, slice);
    release(slice);
  }
  release(container);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_build_slice(PyThreadState*, PyObject** top, intptr_t arg) {
  return new_slice(top - arg, arg == 3 ? top[-1] : nullptr);
}

}  // namespace whipsnake
