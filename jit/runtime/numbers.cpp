#include "jit/runtime/numbers.h"

#include <algorithm>

#include "jit/cpython/memory.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/objects.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shared_code.h"

namespace whipsnake {

namespace {

// Blocks of dead one- and two-digit ints, linked through ob_type: an int comes and goes in two instructions instead of
// two calls. They are ordinary PyObject_Malloc() blocks of one size class, which anyone may free; see
// jit/cpython/memory.h. Only used while nobody wants to hear of each object: tracemalloc sees every int otherwise.
constexpr int kMaxPooled = 128;
struct IntPool {
  PyObject* first = nullptr;
  int count = 0;
};
IntPool pool;

// CPython's own list of dead floats; one that is always full and always empty where it could not be found.
port::FloatFreeList no_free_list = {.numfree = port::kMaxFreeFloats, .items = nullptr};
port::FloatFreeList* free_floats = &no_free_list;

PyObject* small_ints = nullptr;  // the object of 0; its neighbours are in order on both sides
constexpr size_t kSmallIntSize = sizeof(PyLongObject);

bool is_small(int64_t value) { return value >= -_PY_NSMALLNEGINTS && value < _PY_NSMALLPOSINTS; }

PyObject* small_int(int64_t value) {
  return reinterpret_cast<PyObject*>(reinterpret_cast<char*>(small_ints) + value * static_cast<int64_t>(kSmallIntSize));
}

}  // namespace

bool init_numbers() {
  if (port::FloatFreeList* found = port::find_float_free_list()) free_floats = found;
  small_ints = PyLong_FromLong(0);
  for (long value = -_PY_NSMALLNEGINTS; value < _PY_NSMALLPOSINTS; ++value) {
    PyObject* object = PyLong_FromLong(value);
    if (object != small_int(value)) return false;
  }
  return true;
}

void load_small_int(Masm& masm, Reg result, Reg value) {
  constexpr int kShift = 5;
  static_assert(kSmallIntSize == 1 << kShift);
  masm.shl(value, kShift);
  masm.load(result, near_constant(small_ints));
  masm.add(result, value);
}

void load_if_small_int(Masm& masm, Reg result, Reg value, Reg temp, Label larger) {
  masm.lea(temp, Mem::at(value, _PY_NSMALLNEGINTS));
  masm.cmp(temp, _PY_NSMALLNEGINTS + _PY_NSMALLPOSINTS);
  masm.jump_if(Cond::kAboveEqual, larger);
  load_small_int(masm, result, value);
}

PyObject* int_from_signed(int64_t value) {
  if (is_small(value)) return small_int(value);
  const uint64_t magnitude = value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  if (magnitude > port::kMaxShortInt || pool.first == nullptr || !port::memory_is_usual())
    return PyLong_FromLongLong(value);
  PyObject* object = pool.first;
  pool.first = reinterpret_cast<PyObject*>(object->ob_type);
  --pool.count;
  object->ob_type = &PyLong_Type;
  object->ob_refcnt = 1;
  port::set_short_value(object, magnitude, value < 0);
  return object;
}

namespace {

bool keep_int(PyObject* object) {
  if (!port::is_short(object) || pool.count >= kMaxPooled || !port::memory_is_usual()) return false;
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
  end_object(object);
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
  if (object == nullptr || !port::memory_is_usual()) return PyFloat_FromDouble(value);
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
    masm.load(Reg::kT1, near_constant(port::memory.object_malloc));
    masm.load(Reg::kT1, Mem::at(Reg::kT1));
    masm.load(Reg::kT0, near_constant(&port::memory.pymalloc));
    masm.cmp(Reg::kT1, Mem::at(Reg::kT0));
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

void call_new_float(Masm& masm, Label failed) {
  masm.call_code(new_float_code());
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, failed);
}

const uint8_t* load_mixed_code() {
  static const uint8_t* made = nullptr;  // asked for at each site
  if (made != nullptr) return made;
  made = shared_code("load_mixed", [](Masm& masm) {
    const Label int_first = masm.new_label();
    const Label others = masm.new_label();
    const auto load = [&](Reg number, FReg into, Reg real, FReg real_into) {
      sequences::guard_type(masm, number, &PyLong_Type, Reg::kT0, others);
      sequences::guard_type(masm, real, &PyFloat_Type, Reg::kT0, others);
      sequences::compact_value(masm, Reg::kT0, number, Reg::kT1, others);
      masm.int_to_float(into, Reg::kT0);
      masm.fload(real_into, Mem::at(real, port::offset::kFloatValue));
      masm.mov_imm(Reg::kRet, 0);
      masm.ret();
    };
    sequences::guard_type(masm, Reg::kArg0, &PyFloat_Type, Reg::kT0, int_first);
    load(Reg::kArg1, FReg::kF1, Reg::kArg0, FReg::kF0);
    masm.bind(int_first);
    load(Reg::kArg0, FReg::kF0, Reg::kArg1, FReg::kF1);
    masm.bind(others);
    masm.mov_imm(Reg::kRet, 1);
    masm.ret();
  });
  return made;
}

const uint8_t* release_float_code() {
  static const uint8_t* made = nullptr;  // asked for at each site
  if (made != nullptr) return made;
  namespace offset = port::offset;
  made = shared_code("release_float", [](Masm& masm) {
    const Label dead = masm.new_label();
    const Label general = masm.new_label();
    sequences::decref(masm, Reg::kArg0, dead);
    masm.ret();
    masm.bind(dead);
    masm.load(Reg::kT0, near_constant(free_floats));
    masm.load32(Reg::kT1, Mem::at(Reg::kT0, kFreeCount));
    masm.cmp32(Reg::kT1, port::kMaxFreeFloats);
    masm.jump_if(Cond::kAboveEqual, general);
    masm.load(Reg::kT1, Mem::at(Reg::kT0, kFree));
    masm.store(Mem::at(Reg::kArg0, offset::kType), Reg::kT1);
    masm.store(Mem::at(Reg::kT0, kFree), Reg::kArg0);
    masm.add_mem32(Mem::at(Reg::kT0, kFreeCount), 1);
    masm.ret();
    masm.bind(general);
    masm.jump_mem(near_constant(address_of(&_Py_Dealloc)));
  });
  return made;
}

namespace {

// False: the operands or the result are too long, or it raises.
[[gnu::always_inline]] inline bool operate(PyObject* left, PyObject* right, intptr_t oparg, int64_t* value) {
  if (!port::is_short(left) || !port::is_short(right)) return false;
  const int64_t a = port::short_value(left);
  const int64_t b = port::short_value(right);
  switch (port::without_in_place(oparg)) {
    case NB_ADD: *value = a + b; return true;
    case NB_SUBTRACT: *value = a - b; return true;
    case NB_MULTIPLY: return !__builtin_mul_overflow(a, b, value);
    case NB_AND: *value = a & b; return true;
    case NB_OR: *value = a | b; return true;
    case NB_XOR: *value = a ^ b; return true;
    case NB_FLOOR_DIVIDE:
      if (b == 0) return false;
      *value = a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
      return true;
    case NB_REMAINDER:
      if (b == 0) return false;
      *value = a % b + (a % b != 0 && (a % b < 0) != (b < 0) ? b : 0);
      return true;
    case NB_LSHIFT:
      if (b < 0 || b > 62) return false;
      return !__builtin_mul_overflow(a, int64_t{1} << b, value);
    case NB_RSHIFT:
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

IntFunction int_function(intptr_t oparg) {
  switch (port::without_in_place(oparg)) {
    case NB_ADD: return &int_operator<NB_ADD>;
    case NB_SUBTRACT: return &int_operator<NB_SUBTRACT>;
    case NB_MULTIPLY: return &int_operator<NB_MULTIPLY>;
    case NB_AND: return &int_operator<NB_AND>;
    case NB_OR: return &int_operator<NB_OR>;
    case NB_XOR: return &int_operator<NB_XOR>;
    case NB_FLOOR_DIVIDE: return &int_operator<NB_FLOOR_DIVIDE>;
    case NB_REMAINDER: return &int_operator<NB_REMAINDER>;
    case NB_LSHIFT: return &int_operator<NB_LSHIFT>;
    case NB_RSHIFT: return &int_operator<NB_RSHIFT>;
    default: return nullptr;
  }
}

}  // namespace whipsnake
