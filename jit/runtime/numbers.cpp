#include "jit/runtime/numbers.h"

namespace whipsnake {

namespace {

// Blocks of dead one- and two-digit ints, linked through ob_type: an int comes and goes in two instructions instead of
// two calls. They are ordinary PyObject_Malloc() blocks of one size class, so that anyone may free what comes from here.
constexpr int kMaxPooled = 128;
struct IntPool {
  PyObject* first = nullptr;
  int count = 0;
};
IntPool pool;

// The pool is only used while object memory is allocated as it was at the start: tracemalloc sees every int otherwise.
void* const* object_malloc = nullptr;
void* expected_malloc = nullptr;
bool pool_usable() { return *object_malloc == expected_malloc; }

PyObject* small_ints = nullptr;  // the object of 0; its neighbours are in order on both sides
constexpr size_t kSmallIntSize = sizeof(PyLongObject);

bool is_small(int64_t value) { return value >= -_PY_NSMALLNEGINTS && value < _PY_NSMALLPOSINTS; }

PyObject* small_int(int64_t value) {
  return reinterpret_cast<PyObject*>(reinterpret_cast<char*>(small_ints) + value * static_cast<int64_t>(kSmallIntSize));
}

bool compact(PyObject* object) { return reinterpret_cast<PyLongObject*>(object)->long_value.lv_tag < 16; }
int64_t value_of(PyObject* object) {
  return _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(object));
}

}  // namespace

bool init_numbers() {
  static void* never = nullptr;
  object_malloc = port::find_object_malloc();
  if (object_malloc == nullptr) object_malloc = &never;
  expected_malloc = object_malloc == &never ? &never : *object_malloc;
  small_ints = PyLong_FromLong(0);
  for (long value = -_PY_NSMALLNEGINTS; value < _PY_NSMALLPOSINTS; ++value) {
    PyObject* object = PyLong_FromLong(value);
    if (object != small_int(value)) return false;
  }
  return true;
}

PyObject* int_from_signed(int64_t value) {
  if (is_small(value)) return small_int(value);
  const uint64_t magnitude = value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  if (magnitude > PyLong_MASK || pool.first == nullptr || !pool_usable()) return PyLong_FromLongLong(value);
  auto* object = reinterpret_cast<PyLongObject*>(pool.first);
  pool.first = reinterpret_cast<PyObject*>(object->ob_base.ob_type);
  --pool.count;
  object->ob_base.ob_type = &PyLong_Type;
  object->ob_base.ob_refcnt = 1;
  object->long_value.lv_tag = (uint64_t{1} << 3) | (value < 0 ? 2u : 0u);
  object->long_value.ob_digit[0] = static_cast<digit>(magnitude);
  return reinterpret_cast<PyObject*>(object);
}

void dealloc(PyObject* object) {
  if (Py_IS_TYPE(object, &PyLong_Type) && compact(object) && pool.count < kMaxPooled && pool_usable()) {
    object->ob_type = reinterpret_cast<PyTypeObject*>(pool.first);
    pool.first = object;
    ++pool.count;
    return;
  }
  _Py_Dealloc(object);
}

PyObject* float_from_double(double value) { return PyFloat_FromDouble(value); }

PyObject* int_add(PyObject* left, PyObject* right) {
  if (compact(left) && compact(right)) return int_from_signed(value_of(left) + value_of(right));
  return _PyLong_Add(reinterpret_cast<PyLongObject*>(left), reinterpret_cast<PyLongObject*>(right));
}
PyObject* int_subtract(PyObject* left, PyObject* right) {
  if (compact(left) && compact(right)) return int_from_signed(value_of(left) - value_of(right));
  return _PyLong_Subtract(reinterpret_cast<PyLongObject*>(left), reinterpret_cast<PyLongObject*>(right));
}
PyObject* int_multiply(PyObject* left, PyObject* right) {
  if (compact(left) && compact(right)) return int_from_signed(value_of(left) * value_of(right));
  return _PyLong_Multiply(reinterpret_cast<PyLongObject*>(left), reinterpret_cast<PyLongObject*>(right));
}

}  // namespace whipsnake
