// Python from C++ tests: owned references, running source, reading its objects.
#pragma once

#include <Python.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace whipsnake::test {

// An owned reference.
class Ref {
 public:
  Ref() = default;
  explicit Ref(PyObject* owned) : object_(owned) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  PyObject* new_ref() const { return Py_NewRef(object_); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

// The exception that is set, as "Type: text", and clears it; "" if there is none.
inline std::string take_error() {
  Ref error(PyErr_GetRaisedException());
  if (!error) {
    return "";
  }
  Ref text(PyObject_Str(error.get()));
  const char* utf8 = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  PyErr_Clear();
  return std::string(Py_TYPE(error.get())->tp_name) + ": " + (utf8 != nullptr ? utf8 : "?");
}

inline std::string repr(PyObject* value) {
  Ref text(value != nullptr ? PyObject_Repr(value) : nullptr);
  const char* utf8 = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  return utf8 != nullptr ? utf8 : "<null> " + take_error();
}

// Runs statements in a fresh namespace and returns it. A failure fails the test.
inline Ref run(const char* source) {
  Ref space(PyDict_New());
  PyDict_SetItemString(space.get(), "__builtins__", PyEval_GetBuiltins());
  Ref result(PyRun_String(source, Py_file_input, space.get(), space.get()));
  if (!result) {
    ADD_FAILURE() << take_error() << "\nin:\n" << source;
  }
  return space;
}

inline Ref eval(const char* expression, const Ref& space) {
  Ref result(PyRun_String(expression, Py_eval_input, space.get(), space.get()));
  if (!result) {
    ADD_FAILURE() << take_error() << "\nin: " << expression;
  }
  return result;
}

// A name of that namespace; borrowed.
inline PyObject* lookup(const Ref& space, const char* name) {
  PyObject* value = PyDict_GetItemString(space.get(), name);
  EXPECT_NE(value, nullptr) << name;
  return value;
}

}  // namespace whipsnake::test
