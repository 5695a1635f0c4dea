#include "jit/runtime/numbers.h"

#include <algorithm>

#include "jit/asm/masm.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/shared_code.h"

namespace whipsnake {

namespace {

// Blocks of dead one- and two-digit ints, linked through ob_type: an int comes and goes in two instructions instead of
// two calls. They are ordinary PyObject_Malloc() blocks of one size class, which anyone may free; see
// port::find_object_malloc().
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

// CPython's own list of dead floats; one that is always full and always empty where it could not be found.
port::FloatFreeList no_free_list = {.numfree = port::kMaxFreeFloats, .items = nullptr};
port::FloatFreeList* free_floats = &no_free_list;

PyObject* small_ints = nullptr;  // the object of 0; its neighbours are in order on both sides
constexpr size_t kSmallIntSize = sizeof(PyLongObject);

bool is_small(int64_t value) { return value >= -_PY_NSMALLNEGINTS && value < _PY_NSMALLPOSINTS; }

PyObject* small_int(int64_t value) {
  return reinterpret_cast<PyObject*>(reinterpret_cast<char*>(small_ints) + value * static_cast<int64_t>(kSmallIntSize));
}

// 3.13 Include/internal/pycore_long.h: the tag holds the number of digits and, in its lowest bits, 1 minus the sign.
constexpr uintptr_t kTagBits = 3;
uintptr_t tag_of(PyObject* object) { return reinterpret_cast<PyLongObject*>(object)->long_value.lv_tag; }
bool compact(PyObject* object) { return tag_of(object) < uintptr_t{2} << kTagBits; }
int64_t compact_value(PyObject* object) { return _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(object)); }

// An exact int of up to two digits: 60 bits and a sign.
bool fits(PyObject* object) { return tag_of(object) < uintptr_t{3} << kTagBits; }
int64_t value_of(PyObject* object) {
  if (compact(object)) return compact_value(object);
  const digit* digits = reinterpret_cast<PyLongObject*>(object)->long_value.ob_digit;
  const int64_t magnitude = static_cast<int64_t>(digits[1]) << PyLong_SHIFT | static_cast<int64_t>(digits[0]);
  return (tag_of(object) & 2) != 0 ? -magnitude : magnitude;
}

}  // namespace

bool init_numbers() {
  static void* never = nullptr;
  object_malloc = port::find_object_malloc();
  if (object_malloc == nullptr) object_malloc = &never;
  expected_malloc = object_malloc == &never ? &expected_malloc : *object_malloc;  // never: what it is not
  if (port::FloatFreeList* found = port::find_float_free_list()) free_floats = found;
  small_ints = PyLong_FromLong(0);
  for (long value = -_PY_NSMALLNEGINTS; value < _PY_NSMALLPOSINTS; ++value) {
    PyObject* object = PyLong_FromLong(value);
    if (object != small_int(value)) return false;
  }
  return true;
}

PyObject* int_from_signed(int64_t value) {
  if (is_small(value)) return small_int(value);
  constexpr uint64_t kMaxMagnitude = (uint64_t{1} << 2 * PyLong_SHIFT) - 1;
  const uint64_t magnitude = value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  if (magnitude > kMaxMagnitude || pool.first == nullptr || !pool_usable()) return PyLong_FromLongLong(value);
  auto* object = reinterpret_cast<PyLongObject*>(pool.first);
  pool.first = reinterpret_cast<PyObject*>(object->ob_base.ob_type);
  --pool.count;
  object->ob_base.ob_type = &PyLong_Type;
  object->ob_base.ob_refcnt = 1;
  const uint64_t digits = magnitude > PyLong_MASK ? 2 : 1;
  object->long_value.lv_tag = digits << kTagBits | (value < 0 ? 2u : 0u);
  object->long_value.ob_digit[0] = static_cast<digit>(magnitude & PyLong_MASK);
  if (digits == 2) object->long_value.ob_digit[1] = static_cast<digit>(magnitude >> PyLong_SHIFT);
  return reinterpret_cast<PyObject*>(object);
}

namespace {

bool keep_int(PyObject* object) {
  if (!fits(object) || pool.count >= kMaxPooled || !pool_usable()) return false;
  object->ob_type = reinterpret_cast<PyTypeObject*>(pool.first);
  pool.first = object;
  ++pool.count;
  return true;
}

bool keep_float(PyObject* object) {
  // Negative: the interpreter is going away.
  if (static_cast<unsigned>(free_floats->numfree) >= static_cast<unsigned>(port::kMaxFreeFloats)) return false;
  object->ob_type = reinterpret_cast<PyTypeObject*>(free_floats->items);
  free_floats->items = reinterpret_cast<PyFloatObject*>(object);
  ++free_floats->numfree;
  return true;
}

}  // namespace

void dealloc(PyObject* object) {
  const PyTypeObject* type = Py_TYPE(object);
  if (type == &PyLong_Type ? keep_int(object) : type == &PyFloat_Type && keep_float(object)) return;
  _Py_Dealloc(object);
}

void release_int(PyObject* object) {
  if (_Py_IsImmortal(object) || --object->ob_refcnt != 0) return;
  if (!keep_int(object)) _Py_Dealloc(object);
}

void release_float(PyObject* object) {
  if (_Py_IsImmortal(object) || --object->ob_refcnt != 0) return;
  if (!keep_float(object)) _Py_Dealloc(object);
}

// The free list is as good for objects that tracemalloc wants to hear of, but it must be told.
PyObject* float_from_double(double value) {
  PyFloatObject* object = free_floats->items;
  if (object == nullptr || !pool_usable()) return PyFloat_FromDouble(value);
  free_floats->items = reinterpret_cast<PyFloatObject*>(object->ob_base.ob_type);
  --free_floats->numfree;
  object->ob_base.ob_type = &PyFloat_Type;
  object->ob_base.ob_refcnt = 1;
  object->ob_fval = value;
  return reinterpret_cast<PyObject*>(object);
}

namespace {

constexpr int32_t kFree = offsetof(port::FloatFreeList, items);
constexpr int32_t kFreeCount = offsetof(port::FloatFreeList, numfree);

}  // namespace

const uint8_t* new_float_code() {
  static const uint8_t* made = nullptr;  // asked for at each site
  if (made != nullptr) return made;
  namespace offset = port::offset;
  made = shared_code("new_float", [](Masm& masm) {
    const Label general = masm.new_label();
    masm.load(Reg::kT1, near_constant(object_malloc));
    masm.load(Reg::kT1, Mem::at(Reg::kT1));
    masm.cmp(Reg::kT1, near_constant(expected_malloc));
    masm.jump_if(Cond::kNotEqual, general);
    masm.load(Reg::kT0, near_constant(free_floats));
    masm.load(Reg::kRet, Mem::at(Reg::kT0, kFree));
    masm.test(Reg::kRet, Reg::kRet);
    masm.jump_if(Cond::kEqual, general);
    masm.load(Reg::kT1, Mem::at(Reg::kRet, offset::kType));
    masm.store(Mem::at(Reg::kT0, kFree), Reg::kT1);
    masm.add_mem32(Mem::at(Reg::kT0, kFreeCount), -1);
    masm.load(Reg::kT1, near_constant(&PyFloat_Type));
    masm.store(Mem::at(Reg::kRet, offset::kType), Reg::kT1);
    masm.store_imm(Mem::at(Reg::kRet, offset::kRefcount), 1);
    masm.fstore(Mem::at(Reg::kRet, offset::kFloatValue), FReg::kF0);
    masm.ret();
    masm.bind(general);
    masm.jump_mem(near_constant(address_of(&float_from_double)));
  });
  return made;
}

const uint8_t* release_float_code() {
  static const uint8_t* made = nullptr;  // asked for at each site
  if (made != nullptr) return made;
  namespace offset = port::offset;
  made = shared_code("release_float", [](Masm& masm) {
    const Label alive = masm.new_label();
    const Label general = masm.new_label();
    masm.cmp32(Mem::at(Reg::kArg0, offset::kRefcount), 0);
    masm.skip_if(Cond::kLess, alive);
    masm.add_mem(Mem::at(Reg::kArg0, offset::kRefcount), -1);
    masm.skip_if(Cond::kNotEqual, alive);
    masm.load(Reg::kT0, near_constant(free_floats));
    masm.load32(Reg::kT1, Mem::at(Reg::kT0, kFreeCount));
    masm.cmp32(Reg::kT1, port::kMaxFreeFloats);
    masm.jump_if(Cond::kAboveEqual, general);
    masm.load(Reg::kT1, Mem::at(Reg::kT0, kFree));
    masm.store(Mem::at(Reg::kArg0, offset::kType), Reg::kT1);
    masm.store(Mem::at(Reg::kT0, kFree), Reg::kArg0);
    masm.add_mem32(Mem::at(Reg::kT0, kFreeCount), 1);
    masm.bind(alive);
    masm.ret();
    masm.bind(general);
    masm.jump_mem(near_constant(address_of(&_Py_Dealloc)));
  });
  return made;
}

namespace {

[[gnu::always_inline]] inline bool operate(PyObject* left, PyObject* right, intptr_t oparg, int64_t* value) {
  if (!fits(left) || !fits(right)) return false;
  const int64_t a = value_of(left);
  const int64_t b = value_of(right);
  switch (oparg) {
    case NB_ADD:
    case NB_INPLACE_ADD: *value = a + b; return true;
    case NB_SUBTRACT:
    case NB_INPLACE_SUBTRACT: *value = a - b; return true;
    case NB_MULTIPLY:
    case NB_INPLACE_MULTIPLY: return !__builtin_mul_overflow(a, b, value);
    case NB_AND:
    case NB_INPLACE_AND: *value = a & b; return true;
    case NB_OR:
    case NB_INPLACE_OR: *value = a | b; return true;
    case NB_XOR:
    case NB_INPLACE_XOR: *value = a ^ b; return true;
    case NB_FLOOR_DIVIDE:
    case NB_INPLACE_FLOOR_DIVIDE:
      if (b == 0) return false;
      *value = a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
      return true;
    case NB_REMAINDER:
    case NB_INPLACE_REMAINDER:
      if (b == 0) return false;
      *value = a % b + (a % b != 0 && (a % b < 0) != (b < 0) ? b : 0);
      return true;
    case NB_LSHIFT:
    case NB_INPLACE_LSHIFT: {
      if (b < 0 || b > 62) return false;
      return !__builtin_mul_overflow(a, int64_t{1} << b, value);
    }
    case NB_RSHIFT:
    case NB_INPLACE_RSHIFT:
      if (b < 0) return false;
      *value = a >> std::min<int64_t>(b, 63);
      return true;
    default: return false;
  }
}

template <int kOparg>
PyObject* int_operator(PyObject* left, PyObject* right) {
  if (int64_t value = 0; operate(left, right, kOparg, &value)) return int_from_signed(value);
  return _PyEval_BinaryOps[kOparg](left, right);
}

}  // namespace

bool int_operation(PyObject* left, PyObject* right, intptr_t oparg, int64_t* value) {
  return operate(left, right, oparg, value);
}

IntFunction int_function(intptr_t oparg) {
  switch (oparg) {
    case NB_AND:
    case NB_INPLACE_AND: return &int_operator<NB_AND>;
    case NB_OR:
    case NB_INPLACE_OR: return &int_operator<NB_OR>;
    case NB_XOR:
    case NB_INPLACE_XOR: return &int_operator<NB_XOR>;
    case NB_FLOOR_DIVIDE:
    case NB_INPLACE_FLOOR_DIVIDE: return &int_operator<NB_FLOOR_DIVIDE>;
    case NB_REMAINDER:
    case NB_INPLACE_REMAINDER: return &int_operator<NB_REMAINDER>;
    case NB_LSHIFT:
    case NB_INPLACE_LSHIFT: return &int_operator<NB_LSHIFT>;
    case NB_RSHIFT:
    case NB_INPLACE_RSHIFT: return &int_operator<NB_RSHIFT>;
    default: return nullptr;
  }
}

PyObject* int_add(PyObject* left, PyObject* right) {
  if (fits(left) && fits(right)) return int_from_signed(value_of(left) + value_of(right));
  return _PyLong_Add(reinterpret_cast<PyLongObject*>(left), reinterpret_cast<PyLongObject*>(right));
}
PyObject* int_subtract(PyObject* left, PyObject* right) {
  if (fits(left) && fits(right)) return int_from_signed(value_of(left) - value_of(right));
  return _PyLong_Subtract(reinterpret_cast<PyLongObject*>(left), reinterpret_cast<PyLongObject*>(right));
}
PyObject* int_multiply(PyObject* left, PyObject* right) {
  if (compact(left) && compact(right)) return int_from_signed(compact_value(left) * compact_value(right));
  return _PyLong_Multiply(reinterpret_cast<PyLongObject*>(left), reinterpret_cast<PyLongObject*>(right));
}

}  // namespace whipsnake
