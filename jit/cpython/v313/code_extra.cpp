#include "jit/cpython/v313/code_extra.h"

namespace whipsnake::port {

namespace {

void (*on_free)(void*) = nullptr;

void free_extra(void* value) {
  if (value != nullptr && on_free != nullptr) on_free(value);
}

}  // namespace

Py_ssize_t own_code_extra_index() {
  static Py_ssize_t index = -1;
  if (index < 0) index = PyUnstable_Eval_RequestCodeExtraIndex(free_extra);
  return index;
}

void set_code_extra_free(void (*function)(void*)) { on_free = function; }

// 3.13 Objects/codeobject.c, PyUnstable_Code_SetExtra: the space is PyMem memory and grows by reallocation.
bool set_own_code_extra(PyCodeObject* code, void* value) {
  const Py_ssize_t index = own_code_extra_index();
  if (index < 0) return false;
  auto* extra = static_cast<CodeExtra*>(code->co_extra);
  Py_ssize_t size = extra != nullptr ? extra->size : 0;
  if (size <= index) {
    extra =
        static_cast<CodeExtra*>(PyMem_Realloc(extra, sizeof(CodeExtra) + static_cast<size_t>(index) * sizeof(void*)));
    if (extra == nullptr) return false;
    for (; size <= index; ++size) extra->items[size] = nullptr;
    extra->size = size;
    code->co_extra = extra;
  }
  extra->items[index] = value;
  return true;
}

}  // namespace whipsnake::port
