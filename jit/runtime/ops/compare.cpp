// Comparison, identity, membership. 3.13 Python/bytecodes.c: COMPARE_OP, IS_OP, CONTAINS_OP and specialised forms.
#include "jit/runtime/dict_lookup.h"
#include "jit/runtime/ops/common.h"

namespace whipsnake {

namespace {

// The low four bits of COMPARE_OP's oparg say for which outcomes the answer is True.
// 3.13 Include/internal/pycore_code.h, COMPARISON_BIT: 1 unordered, 2 less, 4 greater, 8 equal.
template <typename Number>
intptr_t outcome(Number left, Number right) {
  return intptr_t{1} << (2 * static_cast<int>(left >= right) + static_cast<int>(left <= right));
}
constexpr intptr_t kOutcomeNotEqual = 1 | 2 | 4;
constexpr intptr_t kOutcomeEqual = 8;
constexpr intptr_t kOutcomes = 15;
constexpr intptr_t kToBool = 16;

}  // namespace

PyObject* op_compare_op(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* left = top[-2];
  PyObject* right = top[-1];
  PyTypeObject* type = Py_TYPE(left);
  if (type == Py_TYPE(right)) {
    if (type == &PyLong_Type && _PyLong_IsCompact(as_int(left)) && _PyLong_IsCompact(as_int(right))) {
      const intptr_t bit = outcome(compact_value(left), compact_value(right));
      release_int(left);
      release_int(right);
      return boolean((bit & arg) != 0);
    }
    if (type == &PyFloat_Type) {
      const intptr_t bit = outcome(PyFloat_AS_DOUBLE(left), PyFloat_AS_DOUBLE(right));
      release_float(left);
      release_float(right);
      return boolean((bit & arg) != 0);
    }
    const intptr_t wanted = arg & kOutcomes;
    if (type == &PyUnicode_Type && (wanted == kOutcomeEqual || wanted == kOutcomeNotEqual)) {
      const bool equal = _PyUnicode_Equal(left, right) != 0;
      release_str(left);
      release_str(right);
      return boolean(equal == (wanted == kOutcomeEqual));
    }
  }
  PyObject* result = PyObject_RichCompare(left, right, static_cast<int>(arg >> 5));
  release(left, right);
  if (result != nullptr && (arg & kToBool) != 0) {
    const int truth = PyObject_IsTrue(result);
    release(result);
    result = truth < 0 ? nullptr : boolean(truth != 0);
  }
  return after_escape(ts, result);
}

namespace {

// value in items[count], for an exact str or short int among others of its type: 1 or 0. -1: not known without running
// somebody's code.
int known_among(PyObject* value, PyObject* const* items, Py_ssize_t count) {
  PyTypeObject* type = Py_TYPE(value);
  const bool is_str = type == &PyUnicode_Type;
  if (!is_str && (type != &PyLong_Type || !port::is_short(value))) return -1;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = items[i];
    if (item == value) return 1;
    if (!Py_IS_TYPE(item, type)) return -1;
    if (is_str ? _PyUnicode_Equal(item, value) != 0
               : port::is_short(item) && port::short_value(item) == port::short_value(value))
      return 1;
  }
  return 0;
}

int known_containment(PyObject* value, PyObject* container) {
  PyObject* found = nullptr;
  if (PyDict_CheckExact(container)) return find_in_dict(container, value, &found) ? static_cast<int>(found != nullptr) : -1;
  if (PyList_CheckExact(container))
    return known_among(value, reinterpret_cast<PyListObject*>(container)->ob_item, PyList_GET_SIZE(container));
  if (PyTuple_CheckExact(container))
    return known_among(value, reinterpret_cast<PyTupleObject*>(container)->ob_item, PyTuple_GET_SIZE(container));
  return -1;
}

}  // namespace

PyObject* op_contains_op(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* left = top[-2];
  PyObject* right = top[-1];
  int found = known_containment(left, right);
  if (found >= 0) {
    release(left, right);
    return after_escape(ts, boolean((found ^ arg) != 0));
  }
  if (PyDict_CheckExact(right)) {
    found = PyDict_Contains(right, left);
  } else if (PySet_CheckExact(right) || PyFrozenSet_CheckExact(right)) {
    found = _PySet_Contains(reinterpret_cast<PySetObject*>(right), left);
  } else {
    found = PySequence_Contains(right, left);
  }
  release(left, right);
  return after_escape(ts, found < 0 ? nullptr : boolean((found ^ arg) != 0));
}

PyObject* op_is_op(PyThreadState*, PyObject** top, intptr_t arg) {
  PyObject* left = top[-2];
  PyObject* right = top[-1];
  const bool same = Py_Is(left, right);
  release(left, right);
  return boolean(same != (arg != 0));
}

}  // namespace whipsnake
