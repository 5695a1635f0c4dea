// Watcher ids: eight of each kind per interpreter, for everybody.
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

// Takes one of the last free ids, but not the last: there are programs (CPython's own tests among them) that expect to
// get the first, or to get ids until they have the last. -1 when there is none; no exception is set, a pending one is
// left alone.
template <typename Callback>
int take_late_watcher_id(int (*add)(Callback), int (*clear)(int), Callback callback) {
  constexpr int kIds = 8;
  PyObject* pending = PyErr_GetRaisedException();
  int taken[kIds];
  int count = 0;
  while (count < kIds && (taken[count] = add(callback)) >= 0) ++count;
  const int chosen = count > 1 ? count - 2 : 0;
  for (int i = 0; i < count; ++i)
    if (i != chosen) clear(taken[i]);
  PyErr_Clear();
  PyErr_SetRaisedException(pending);
  return count > 0 ? taken[chosen] : -1;
}

}  // namespace whipsnake::port
