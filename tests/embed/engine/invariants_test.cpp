// Cells that are zeroed before the fact they stand for ceases to hold.
#include "jit/runtime/invariants.h"

#include <gtest/gtest.h>

#include "jit/cpython/port_check.h"
#include "tests/embed/support/python.h"

namespace whipsnake {
namespace {

// A cell of a test is zeroed or forgotten at its end: stop_invariants() writes to all others.
class Invariants : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(port::initialize(), "");
    ASSERT_TRUE(start_invariants(true));
    globals_ = PyDict_New();
    builtins_ = PyDict_New();
    name_ = PyUnicode_InternFromString("name");
    one_ = PyList_New(0);
    two_ = PyList_New(0);
  }
  void TearDown() override {
    stop_invariants();
    for (PyObject* object : {globals_, builtins_, name_, one_, two_}) Py_XDECREF(object);
    ASSERT_EQ(PyErr_Occurred(), nullptr);
  }
  void set(PyObject* dict, PyObject* value) { ASSERT_EQ(PyDict_SetItem(dict, name_, value), 0); }
  bool assume(PyObject** cell) { return assume_global(globals_, builtins_, name_, cell); }

  PyObject *globals_ = nullptr, *builtins_ = nullptr, *name_ = nullptr, *one_ = nullptr, *two_ = nullptr;
};

TEST_F(Invariants, GlobalIsForgottenWhenItChanges) {
  PyObject* cell = nullptr;
  EXPECT_FALSE(assume(&cell));
  set(globals_, one_);
  ASSERT_TRUE(assume(&cell));
  EXPECT_EQ(cell, one_);
  set(globals_, one_);  // the same value again
  EXPECT_EQ(cell, one_);
  set(globals_, two_);
  EXPECT_EQ(cell, nullptr);
  ASSERT_TRUE(assume(&cell));
  EXPECT_EQ(cell, two_);
  PyDict_DelItem(globals_, name_);
  EXPECT_EQ(cell, nullptr);
}

TEST_F(Invariants, BuiltinIsForgottenWhenItIsShadowed) {
  PyObject* cell = nullptr;
  set(builtins_, one_);
  ASSERT_TRUE(assume(&cell));
  EXPECT_EQ(cell, one_);
  set(globals_, two_);
  EXPECT_EQ(cell, nullptr);
  ASSERT_TRUE(assume(&cell));
  EXPECT_EQ(cell, two_);
  PyDict_DelItem(globals_, name_);
  ASSERT_TRUE(assume(&cell));
  EXPECT_EQ(cell, one_);
  set(builtins_, two_);
  EXPECT_EQ(cell, nullptr);
}

TEST_F(Invariants, OtherKeysDoNotMatterUntilThereAreTooMany) {
  PyObject* cell = nullptr;
  set(globals_, one_);
  ASSERT_TRUE(assume(&cell));
  PyDict_SetItemString(globals_, "other", one_);
  EXPECT_EQ(cell, one_);
  for (int i = 0; i < 10000; ++i) PyDict_SetItemString(globals_, "other", (i & 1) != 0 ? one_ : two_);
  EXPECT_EQ(cell, nullptr);
  EXPECT_FALSE(assume(&cell));
}

TEST_F(Invariants, EqualStringsAreTheSameKey) {
  PyObject* cell = nullptr;
  set(globals_, one_);
  ASSERT_TRUE(assume(&cell));
  PyObject* equal = PyUnicode_FromFormat("na%s", "me");
  ASSERT_NE(equal, name_);
  PyDict_SetItem(globals_, equal, two_);
  Py_DECREF(equal);
  EXPECT_EQ(cell, nullptr);
}

TEST_F(Invariants, WholeDictionaryOperations) {
  PyObject* cell = nullptr;
  set(globals_, one_);
  ASSERT_TRUE(assume(&cell));
  PyDict_Clear(globals_);
  EXPECT_EQ(cell, nullptr);
  PyObject* other = PyDict_New();
  PyDict_SetItem(other, name_, two_);
  set(builtins_, one_);
  ASSERT_TRUE(assume(&cell));
  PyDict_Update(globals_, other);  // copies the keys of `other` as a whole
  EXPECT_EQ(cell, nullptr);
  Py_DECREF(other);
  ASSERT_TRUE(assume(&cell));
  Py_CLEAR(globals_);
  EXPECT_EQ(cell, nullptr);
  globals_ = PyDict_New();
}

TEST_F(Invariants, VolatileNamesAreRefused) {
  PyObject* cell = nullptr;
  set(globals_, one_);
  int assumed = 0;
  for (int i = 0; i < 100; ++i) {
    assumed += assume(&cell);
    set(globals_, (i & 1) != 0 ? one_ : two_);
    EXPECT_EQ(cell, nullptr);
  }
  EXPECT_GT(assumed, 5);
  EXPECT_LT(assumed, 50);
}

TEST_F(Invariants, ForgottenCellsAreNotTouched) {
  PyObject* cells[3] = {};
  set(globals_, one_);
  for (PyObject*& cell : cells) ASSERT_TRUE(assume(&cell));
  forget_cells(&cells[1], &cells[2]);
  set(globals_, two_);
  EXPECT_EQ(cells[0], nullptr);
  EXPECT_EQ(cells[1], one_);
  EXPECT_EQ(cells[2], nullptr);
  for (PyObject*& cell : cells) ASSERT_TRUE(assume(&cell));
  stop_invariants();
  for (PyObject* cell : cells) EXPECT_EQ(cell, nullptr);
  EXPECT_FALSE(assume(&cells[0]));
}

TEST_F(Invariants, OneCellStandsForOneFact) {
  PyObject* cell = nullptr;
  set(globals_, one_);
  set(builtins_, two_);
  ASSERT_TRUE(assume(&cell));
  PyObject* other = PyDict_New();
  ASSERT_TRUE(assume_global(other, builtins_, name_, &cell));
  EXPECT_EQ(cell, two_);
  set(globals_, two_);  // no longer its business
  EXPECT_EQ(cell, two_);
  Py_DECREF(other);
  EXPECT_EQ(cell, nullptr);
}

TEST_F(Invariants, PendingExceptionsSurvive) {
  PyObject* cell = nullptr;
  set(globals_, one_);
  PyErr_SetString(PyExc_KeyError, "pending");
  EXPECT_TRUE(assume(&cell));
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
  PyErr_Clear();
  forget_cells(&cell, &cell + 1);
}

TEST_F(Invariants, TypesChange) {
  PyObject* type = PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type), "s(O){}", "T", &PyBaseObject_Type);
  PyObject* subtype = PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type), "s(O){}", "S", type);
  ASSERT_NE(subtype, nullptr);
  uint32_t cells[2] = {};
  ASSERT_TRUE(assume_type(reinterpret_cast<PyTypeObject*>(type), &cells[0]));
  ASSERT_TRUE(assume_type(reinterpret_cast<PyTypeObject*>(subtype), &cells[1]));
  EXPECT_EQ(cells[0], reinterpret_cast<PyTypeObject*>(type)->tp_version_tag);
  PyObject_SetAttrString(subtype, "x", Py_None);
  EXPECT_NE(cells[0], 0u);
  EXPECT_EQ(cells[1], 0u);
  ASSERT_TRUE(assume_type(reinterpret_cast<PyTypeObject*>(subtype), &cells[1]));
  PyObject_SetAttrString(type, "x", Py_None);
  EXPECT_EQ(cells[0], 0u);
  EXPECT_EQ(cells[1], 0u);
  ASSERT_TRUE(assume_type(reinterpret_cast<PyTypeObject*>(type), &cells[0]));
  Py_DECREF(subtype);
  Py_DECREF(type);
  PyGC_Collect();
  EXPECT_EQ(cells[0], 0u);  // the type is dead
  uint32_t builtin = 0;
  EXPECT_TRUE(assume_type(&PyLong_Type, &builtin));
  EXPECT_NE(builtin, 0u);
  forget_cells(&builtin, &builtin + 1);
}

TEST_F(Invariants, FunctionsChange) {
  PyObject* code = reinterpret_cast<PyObject*>(PyCode_NewEmpty("f", "f", 1));
  auto* func = reinterpret_cast<PyFunctionObject*>(PyFunction_New(code, globals_));
  uint32_t cell = 0;
  EXPECT_FALSE(assume_function(func, &cell));  // nobody watches functions
  set_function_watcher(true);
  ASSERT_TRUE(assume_function(func, &cell));
  EXPECT_NE(cell, 0u);
  EXPECT_TRUE(functions_are_assumed);
  function_changed(func);
  EXPECT_EQ(cell, 0u);
  EXPECT_FALSE(functions_are_assumed);
  ASSERT_TRUE(assume_function(func, &cell));
  set_function_watcher(false);
  EXPECT_EQ(cell, 0u);
  Py_DECREF(func);
  Py_DECREF(code);
}

}  // namespace
}  // namespace whipsnake
