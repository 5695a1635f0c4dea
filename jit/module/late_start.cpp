#include "jit/module/late_start.h"

#include "jit/cpython/port_check.h"
#include "jit/cpython/undisturbed.h"
#include "jit/engine/framework.h"
#include "jit/engine/sampler.h"
#include "jit/module/late/late.h"

namespace whipsnake {

namespace {

// Null if autoload did not start this process. Borrowed for life.
LateStart* asked() {
  PyObject* dict = PyInterpreterState_GetDict(PyInterpreterState_Main());
  PyObject* capsule = dict == nullptr ? nullptr : PyDict_GetItemString(dict, kLateStartKey);
  return capsule == nullptr ? nullptr : static_cast<LateStart*>(PyCapsule_GetPointer(capsule, kLateStartKey));
}

// A pending call: somewhere in the program, which has begun and may have changed anything.
int serve(void*) {
  if (Py_IsFinalizing()) return 0;
  // Refused moments are short, and the queue has just lost an entry; should it be full, the import will do it.
  if (!port::is_time_to_start(PyThreadState_Get()) && port::add_pending_call(serve)) return 0;
  start_if_asked();
  return 0;
}

}  // namespace

void start_if_asked() {
  LateStart* late = asked();
  auto waiting = StartState::kWaiting;
  if (late == nullptr || !late->state.compare_exchange_strong(waiting, StartState::kStarted)) return;
  PyObject* pending = PyErr_GetRaisedException();
  {
    const port::Undisturbed undisturbed(PyThreadState_Get());
    if (port::initialize().empty()) framework::enable(framework::Settings());
  }
  PyErr_SetRaisedException(pending);
}

}  // namespace whipsnake

extern "C" {

__attribute__((visibility("default"))) void whipsnake_start() { whipsnake::serve(nullptr); }

__attribute__((visibility("default"))) void whipsnake_start_before_fork() {
  whipsnake::start_if_asked();
  whipsnake::sampler::pause_for_fork();
}
}
