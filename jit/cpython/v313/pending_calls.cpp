// Requests of a pending call without a wait: 3.13 Python/ceval_gil.c, _PyEval_AddPendingCall().
#include <atomic>

#include "jit/cpython/port.h"

namespace whipsnake::port {

namespace {

void push(_pending_calls& queue, int (*call)(void*)) {
  queue.calls[queue.next] = {call, nullptr, 0};
  queue.next = (queue.next + 1) % PENDINGCALLSARRAYSIZE;
  std::atomic_ref(queue.npending).fetch_add(1);
}

void ask(PyThreadState* ts) { std::atomic_ref(ts->eval_breaker).fetch_or(_PY_CALLS_TO_DO_BIT); }

// Whoever takes the GIL later looks at the queue then.
void ask_holder_of_gil(PyInterpreterState* interpreter) {
  _gil_runtime_state* gil = interpreter->ceval.gil;
  pthread_mutex_lock(&gil->mutex);  // no thread state ends meanwhile
  auto* holder = std::atomic_ref(gil->locked).load() != 0 ? std::atomic_ref(gil->last_holder).load() : nullptr;
  if (holder != nullptr && holder->interp == interpreter) ask(holder);
  pthread_mutex_unlock(&gil->mutex);
}

}  // namespace

bool try_add_pending_call(int (*call)(void*), PyThreadState* only) {
  PyInterpreterState* interpreter = PyInterpreterState_Main();
  _pending_calls& queue = interpreter->ceval.pending;
  uint8_t unlocked = _Py_UNLOCKED;
  if (!std::atomic_ref(queue.mutex._bits).compare_exchange_strong(unlocked, _Py_LOCKED)) return false;
  const bool has_room = queue.npending < queue.max;
  if (has_room) push(queue, call);
  PyMutex_Unlock(&queue.mutex);
  if (!has_room) return false;
  if (only != nullptr) {
    ask(only);
  } else {
    ask_holder_of_gil(interpreter);
  }
  return true;
}

}  // namespace whipsnake::port
