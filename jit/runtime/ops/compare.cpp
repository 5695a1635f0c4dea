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

// Whether one of the items is `value` or an object of its type that is `equal`; -1: not known without running
// somebody's code.
template <typename Equal>
int any_equal(PyObject* value, PyObject* const* items, Py_ssize_t count, Equal equal) {
  const PyTypeObject* type = Py_TYPE(value);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = items[i];
    if (item == value) return 1;
    if (!Py_IS_TYPE(item, const_cast<PyTypeObject*>(type))) return -1;
    if (equal(item)) return 1;
  }
  return 0;
}

// The same for an exact str or an int of one digit; -1 for others.
int known_among(PyObject* value, PyObject* const* items, Py_ssize_t count) {
  if (is_compact_int(value)) {
    const _PyLongValue wanted = as_int(value)->long_value;
    return any_equal(value, items, count, [wanted](PyObject* item) {
      const _PyLongValue& found = as_int(item)->long_value;
      return found.lv_tag == wanted.lv_tag && found.ob_digit[0] == wanted.ob_digit[0];
    });
  }
  if (!PyUnicode_CheckExact(value)) return -1;
  const Py_ssize_t length = PyUnicode_GET_LENGTH(value);
  return any_equal(value, items, count, [value, length](PyObject* item) {
    return PyUnicode_GET_LENGTH(item) == length && _PyUnicode_Equal(item, value) != 0;
  });
}

int known_containment(PyObject* value, PyObject* container) {
  PyObject* found = nullptr;
  if (PyDict_CheckExact(container))
    return find_in_dict(container, value, &found) ? static_cast<int>(found != nullptr) : -1;
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
