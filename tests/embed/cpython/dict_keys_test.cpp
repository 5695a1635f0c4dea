#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../support/python.h"
#include "jit/cpython/port.h"

namespace {

using whipsnake::port::kKeyAbsent;
using whipsnake::port::kKeyUnknown;
using whipsnake::port::probe_unicode_keys;

PyDictKeysObject* keys_of(PyObject* dict) { return reinterpret_cast<PyDictObject*>(dict)->ma_keys; }

Py_ssize_t probe(PyObject* dict, PyObject* name) {
  return probe_unicode_keys(keys_of(dict), name, PyObject_Hash(name));
}

PyObject* interned(int number) { return PyUnicode_InternFromString(("name" + std::to_string(number)).c_str()); }

// Whatever is put in and taken out, the probe finds what the dictionary finds, where it may answer at all.
TEST(DictKeys, ProbeAgreesWithTheDictionary) {
  std::vector<PyObject*> names;
  for (int i = 0; i < 400; ++i) names.push_back(interned(i));
  for (int size = 0; size <= 120; ++size) {
    PyObject* dict = PyDict_New();
    for (int i = 0; i < size; ++i) ASSERT_EQ(PyDict_SetItem(dict, names[static_cast<size_t>(i)], Py_None), 0);
    for (int i = 0; i < size; i += 3) ASSERT_EQ(PyDict_DelItem(dict, names[static_cast<size_t>(i)]), 0);
    if (size != 0 && DK_IS_UNICODE(keys_of(dict))) {
      for (PyObject* name : names) {
        const bool there = PyDict_Contains(dict, name) == 1;
        const Py_ssize_t index = probe(dict, name);
        if (keys_of(dict)->dk_log2_size >= 8) {
          EXPECT_EQ(index, kKeyUnknown);
        } else if (there) {
          ASSERT_GE(index, 0);
          EXPECT_EQ(DK_UNICODE_ENTRIES(keys_of(dict))[index].me_key, name);
        } else {
          EXPECT_EQ(index, kKeyAbsent);
        }
      }
    }
    Py_DECREF(dict);
  }
  for (PyObject* name : names) Py_DECREF(name);
}

TEST(DictKeys, AnEqualKeyThatIsAnotherObjectIsUnknown) {
  PyObject* dict = PyDict_New();
  PyObject* name = interned(1);
  PyObject* equal = PyUnicode_FromFormat("name%d", 1);
  ASSERT_NE(name, equal);
  ASSERT_EQ(PyDict_SetItem(dict, equal, Py_None), 0);
  EXPECT_EQ(probe(dict, name), kKeyUnknown);
  EXPECT_GE(probe(dict, equal), 0);
  Py_DECREF(equal);
  Py_DECREF(name);
  Py_DECREF(dict);
}

}  // namespace
