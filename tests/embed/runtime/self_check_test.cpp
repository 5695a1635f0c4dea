// What the self-checks find wrong with an object.
#include "jit/runtime/self_check.h"

#include <gtest/gtest.h>

#include <cstring>

namespace whipsnake {
namespace {

// A copy of an object's head and of the first bytes behind it, to be spoilt.
struct Copy {
  alignas(16) char bytes[64] = {};
  explicit Copy(PyObject* original, size_t size) { std::memcpy(bytes, original, size); }
  PyObject* get() { return reinterpret_cast<PyObject*>(bytes); }
  PyLongObject* number() { return reinterpret_cast<PyLongObject*>(bytes); }
};

TEST(SelfCheck, SoundObjects) {
  PyObject* big = PyLong_FromString("123456789012345678901234567890", nullptr, 10);
  for (PyObject* object : {Py_None, Py_True, big, reinterpret_cast<PyObject*>(&PyLong_Type), Py_Ellipsis})
    EXPECT_STREQ(fault_of(object), nullptr);
  for (long value : {0l, 1l, -1l, 256l, 257l, -5l, 1l << 30, -(1l << 40)}) {
    PyObject* number = PyLong_FromLong(value);
    EXPECT_STREQ(fault_of(number), nullptr) << value;
    Py_DECREF(number);
  }
  Py_DECREF(big);
}

TEST(SelfCheck, Addresses) {
  EXPECT_STREQ(fault_of(nullptr), "no address of an object");
  EXPECT_STREQ(fault_of(reinterpret_cast<PyObject*>(uintptr_t{1})), "no address of an object");
  EXPECT_STREQ(fault_of(reinterpret_cast<PyObject*>(uintptr_t{0xdddddddddddddddd})), "no address of an object");
}

TEST(SelfCheck, ReferenceCounts) {
  PyObject* number = PyLong_FromLong(12345);
  Copy copy(number, sizeof(PyLongObject));
  for (Py_ssize_t count : {Py_ssize_t{0}, Py_ssize_t{-1}, static_cast<Py_ssize_t>(0xdddddddddddddddd)}) {
    copy.get()->ob_refcnt = count;
    EXPECT_STREQ(fault_of(copy.get()), "object with an impossible reference count") << count;
  }
  Py_DECREF(number);
}

TEST(SelfCheck, Types) {
  PyObject* number = PyLong_FromLong(12345);
  Copy copy(number, sizeof(PyLongObject));
  copy.get()->ob_type = nullptr;
  EXPECT_STREQ(fault_of(copy.get()), "object whose type is no address");
  copy.get()->ob_type = reinterpret_cast<PyTypeObject*>(PyList_New(0));
  EXPECT_NE(fault_of(copy.get()), nullptr);
  copy.get()->ob_type = &PyBool_Type;
  EXPECT_STREQ(fault_of(copy.get()), "bool that is neither of the two");
  Py_DECREF(number);
}

TEST(SelfCheck, Ints) {
  PyObject* number = PyLong_FromLong(12345);
  Copy copy(number, sizeof(PyLongObject));
  const uintptr_t tag = copy.number()->long_value.lv_tag;
  copy.number()->long_value.lv_tag = tag | 3;
  EXPECT_STREQ(fault_of(copy.get()), "int with a tag that means nothing");
  copy.number()->long_value.lv_tag = (tag & ~uintptr_t{3}) | 1;
  EXPECT_STREQ(fault_of(copy.get()), "int whose sign and size contradict");
  copy.number()->long_value.lv_tag = tag;
  copy.number()->long_value.ob_digit[0] = 0;
  EXPECT_STREQ(fault_of(copy.get()), "int with a leading zero");
  copy.number()->long_value.ob_digit[0] = 1u << 30;
  EXPECT_STREQ(fault_of(copy.get()), "int with a digit that is too large");
  Py_DECREF(number);
}

}  // namespace
}  // namespace whipsnake
