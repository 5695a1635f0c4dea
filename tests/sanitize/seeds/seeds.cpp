// An extension module with one error of each kind that the sanitizers are there to find, and code that has none: what
// tests/sanitize/__main__.py tries out before it believes a silent run. Built with sanitizers only.
#include <Python.h>

#include <cstdint>
#include <memory>
#include <thread>

namespace {

PyObject* overflow(PyObject*, PyObject*) {
  volatile size_t at = 4;
  const auto memory = std::make_unique<int[]>(at);
  memory[at] = 1;
  Py_RETURN_NONE;
}

PyObject* use_after_free(PyObject*, PyObject*) {
  auto memory = std::make_unique<int[]>(4);
  volatile int* stale = memory.get();
  memory.reset();
  return PyLong_FromLong(stale[1]);
}

// Python's own memory, which PYTHONMALLOC=malloc makes visible.
PyObject* object_after_free(PyObject*, PyObject*) {
  PyObject* object = PyTuple_New(100);
  if (object == nullptr) return nullptr;
  volatile Py_ssize_t* stale = &reinterpret_cast<PyVarObject*>(object)->ob_size;
  PyObject_GC_UnTrack(object);
  PyObject_GC_Del(object);
  return PyLong_FromSsize_t(*stale);
}

PyObject* shift(PyObject*, PyObject*) {
  volatile int distance = 40;
  return PyLong_FromLong(1 << distance);
}

int shared = 0;

// Written by a thread that does not hold the GIL, and by one that does.
PyObject* race(PyObject*, PyObject*) {
  std::thread other([] { shared = shared + 1; });
  shared = shared + 1;
  Py_BEGIN_ALLOW_THREADS;
  other.join();
  Py_END_ALLOW_THREADS;
  return PyLong_FromLong(shared);
}

// The same with the GIL in both threads: the sanitizer has to see that it is a lock.
PyObject* locked(PyObject*, PyObject*) {
  std::thread other([] {
    const PyGILState_STATE state = PyGILState_Ensure();
    shared = shared + 1;
    PyGILState_Release(state);
  });
  shared = shared + 1;
  Py_BEGIN_ALLOW_THREADS;
  other.join();
  Py_END_ALLOW_THREADS;
  return PyLong_FromLong(shared);
}

PyMethodDef functions[] = {
    {"overflow", overflow, METH_NOARGS, nullptr},
    {"use_after_free", use_after_free, METH_NOARGS, nullptr},
    {"object_after_free", object_after_free, METH_NOARGS, nullptr},
    {"shift", shift, METH_NOARGS, nullptr},
    {"race", race, METH_NOARGS, nullptr},
    {"locked", locked, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "sanitizer_seeds", nullptr, -1, functions, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_sanitizer_seeds() { return PyModule_Create(&definition); }
