#include <cstring>

#include "jit/cpython/port.h"

namespace whipsnake::port {

// 3.13 Include/internal/pycore_pymem.h: the three domains' allocators stand one behind the other in _PyRuntime, the one
// for objects last. Their place differs between patch releases, so it is looked for by what the public API says.
void* const* find_object_malloc() {
  PyMemAllocatorEx wanted[3];
  PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &wanted[0]);
  PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &wanted[1]);
  PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &wanted[2]);
  const char* runtime = reinterpret_cast<const char*>(&_PyRuntime);
  constexpr size_t kSearched = 4096;
  static_assert(kSearched + sizeof wanted < sizeof _PyRuntime);
  for (size_t offset = 0; offset < kSearched; offset += sizeof(void*)) {
    if (std::memcmp(runtime + offset, wanted, sizeof wanted) != 0) continue;
    const auto* domains = reinterpret_cast<const PyMemAllocatorEx*>(runtime + offset);
    // 3.13 Objects/obmalloc.c: pymalloc and mimalloc have no context, the debug hooks have; the C library's malloc is
    // also that of raw memory.
    if (domains[2].ctx != nullptr || domains[2].malloc == domains[0].malloc) return nullptr;
    return reinterpret_cast<void* const*>(&domains[2].malloc);
  }
  return nullptr;
}

FloatFreeList* find_float_free_list() {
  FloatFreeList* list = &PyInterpreterState_Main()->object_state.freelists.floats;
  PyObject* first = PyFloat_FromDouble(0.5);
  PyObject* second = PyFloat_FromDouble(0.25);
  if (first == nullptr || second == nullptr) {
    PyErr_Clear();
    Py_XDECREF(first);
    Py_XDECREF(second);
    return nullptr;
  }
  const auto is_on_top = [list](const PyObject* object) {
    return static_cast<const void*>(list->items) == object && list->numfree > 0 && list->numfree <= kMaxFreeFloats;
  };
  const int before = list->numfree;
  Py_DECREF(second);
  bool found = is_on_top(second) && list->numfree == before + 1;
  Py_DECREF(first);
  found = found && is_on_top(first) && list->numfree == before + 2 && static_cast<void*>(first->ob_type) == second;
  second = PyFloat_FromDouble(0.25);
  found = found && second == first && list->numfree == before + 1;
  Py_XDECREF(second);
  return found ? list : nullptr;
}

}  // namespace whipsnake::port
