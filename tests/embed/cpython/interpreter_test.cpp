// The interpreter these tests run in is the one whose headers they were compiled with, and works.
#include <Python.h>
#include <gtest/gtest.h>

#include <string>

TEST(EmbeddedInterpreter, IsTheOneTheHeadersDescribe) {
  const std::string running = Py_GetVersion();
  EXPECT_EQ(running.substr(0, running.find(' ')), PY_VERSION);
}

TEST(EmbeddedInterpreter, FindsItsStandardLibrary) {
  PyObject* module = PyImport_ImportModule("collections.abc");
  EXPECT_NE(module, nullptr);
  Py_XDECREF(module);
}
