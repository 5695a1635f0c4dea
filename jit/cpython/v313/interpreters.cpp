#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

// 3.13 Include/internal/pycore_runtime.h, _Py_DebugOffsets: made for tools of other versions.
PyInterpreterState* const* find_newest_interpreter() {
  const uint64_t offset = _PyRuntime.debug_offsets.runtime_state.interpreters_head;
  if (offset % alignof(void*) != 0 || offset + 2 * sizeof(void*) > sizeof _PyRuntime) return nullptr;
  const auto* found = reinterpret_cast<PyInterpreterState* const*>(reinterpret_cast<const char*>(&_PyRuntime) + offset);
  const bool ok = found[0] == PyInterpreterState_Head() && found[1] == PyInterpreterState_Main();
  return ok ? found : nullptr;
}

}  // namespace whipsnake::port
