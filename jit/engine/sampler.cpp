#include "jit/engine/sampler.h"

#include <unistd.h>

#include <atomic>

#include "jit/engine/policy.h"
#include "jit/support/clock.h"
#include "jit/support/quiet_thread.h"

namespace whipsnake::sampler {

namespace {

constexpr size_t kStackSize = 64 << 10;  // the thread calls next to nothing
constexpr int64_t kNanosecondsPerHour = 3'600'000'000'000;

void (*take_sample)(PyThreadState*) = nullptr;  // null: stopped
uint64_t samples = 0;
uint64_t microseconds = 0;  // that the samples stand for
uint64_t sampled_at = 0;    // processor time at the last one
bool fork_hooks_registered = false;

// Whose rights a thread has. The C library gives all threads that it knows those that one of them has taken.
struct Identity {
  uid_t user, effective_user, saved_user;
  gid_t group, effective_group, saved_group;
  bool operator==(const Identity&) const = default;
};

Identity identity() {
  Identity found{};
  getresuid(&found.user, &found.effective_user, &found.saved_user);
  getresgid(&found.group, &found.effective_group, &found.saved_group);
  return found;
}

QuietThread thread;
Identity started_as;
PyThreadState* first = nullptr;   // the thread's owner, which alone is asked while the process has no other thread
std::atomic<uint32_t> signal{0};  // the thread waits for it
std::atomic<bool> stopping{false};
std::atomic<bool> asking{false};    // the thread may hold a lock of CPython
std::atomic<bool> asked{false};     // a request has been made and not been answered
std::atomic<bool> sleeping{false};  // the thread waits until it is
std::atomic<uint32_t> interval_us{0};

bool start_thread();
void stop_thread();

// So that nothing in the process has more rights than the program has left itself.
void follow_identity() {
  if (!thread.runs() || identity() == started_as) return;
  stop_thread();
  start_thread();
}

int answer(void*) {
  PyThreadState* ts = PyThreadState_GetUnchecked();
  asked = false;
  if (thread.runs() && sleeping.exchange(false)) wake(signal);
  follow_identity();
  if (take_sample == nullptr || ts->interp != PyInterpreterState_Main()) return 0;
  // A program that has waited answers when it goes on: what it waited in is not hot.
  const uint32_t interval = interval_us.load(std::memory_order_relaxed);
  const uint64_t used = processor_time();
  if (used - sampled_at < uint64_t{interval} * 1000 / 2) return 0;
  sampled_at = used;
  ++samples;
  microseconds += interval;
  interval_us.store(policy::sampling_interval_us(microseconds), std::memory_order_relaxed);
  take_sample(ts);
  return 0;
}

void sleep_until_answered() {
  sleeping = true;
  // An answer that came in between has seen neither: look again.
  for (uint32_t seen = signal; !stopping && sleeping && asked; seen = signal)
    wait_for_wake(signal, seen, kNanosecondsPerHour);
  sleeping = false;
}

void run() {
  for (uint32_t seen = signal; !stopping; seen = signal) {
    wait_for_wake(signal, seen, int64_t{interval_us.load(std::memory_order_relaxed)} * 1000);
    if (stopping) return;
    if (asked.exchange(true)) {  // for an interval by now: the program waits, or is in C code for long
      sleep_until_answered();
      continue;
    }
    asking = true;
    if (stopping || !port::try_add_pending_call(answer, is_alone() ? first : nullptr)) asked = false;
    asking = false;
  }
}

bool start_thread() {
  if (thread.runs()) return true;
  first = PyThreadState_GetUnchecked();
  if (!port::is_first_thread_state(first)) expect_threads();  // it may end before the process
  stopping = asking = asked = sleeping = false;
  interval_us = policy::sampling_interval_us(microseconds);
  sampled_at = processor_time();
  started_as = identity();
  return thread.start(run, kStackSize);
}

// It ends soon, and until then touches nothing of CPython's.
void let_thread_end() {
  if (!thread.runs()) return;
  stopping = true;
  wake(signal);
  wait_while(asking);
}

void stop_thread() {
  let_thread_end();
  thread.join();
}

const Frame* forking = nullptr;  // the frame that called os.fork(), and where it was then
const void* forking_at = nullptr;

// Hooks of others run Python code before CPython looks for threads.
bool still_forking(PyThreadState* ts) {
  for (const Frame* frame = ts->current_frame; frame != nullptr; frame = frame->previous)
    if (frame == forking) return frame != ts->current_frame && frame->instr_ptr == forking_at;
  return false;
}

int start_again(void*) {
  if (take_sample == nullptr) return 0;
  if (still_forking(PyThreadState_GetUnchecked()) && port::add_pending_call(start_again)) return 0;
  start_thread();
  return 0;
}

// CPython looks for threads after the hooks in the parent. To wait here as well would give the processor away: to the
// last child, where there is only one, and a parent that makes several would reach its work a time slice later.
PyObject* before_fork(PyObject*, PyObject*) {
  QuietThread::kMayBeForkedFrom ? let_thread_end() : stop_thread();
  Py_RETURN_NONE;
}

// The thread comes back at the next pending calls: in the parent after CPython has looked for threads, and not at all
// in a child that executes another program at once.
PyObject* come_back_when_left(const Frame* frame) {
  if (take_sample == nullptr) Py_RETURN_NONE;
  forking = frame;
  forking_at = frame == nullptr ? nullptr : frame->instr_ptr;
  port::add_pending_call(start_again);  // of whichever thread: the main one may be waiting
  Py_RETURN_NONE;
}

PyObject* after_fork(PyObject*, PyObject*) {
  stop_thread();
  return come_back_when_left(PyThreadState_GetUnchecked()->current_frame);
}

PyObject* after_fork_in_child(PyObject*, PyObject*) {
  thread.forget();
  return come_back_when_left(nullptr);
}

PyMethodDef kBefore = {"whipsnake_before_fork", before_fork, METH_NOARGS, nullptr};
PyMethodDef kAfter = {"whipsnake_after_fork", after_fork, METH_NOARGS, nullptr};
PyMethodDef kAfterInChild = {"whipsnake_after_fork_in_child", after_fork_in_child, METH_NOARGS, nullptr};

// There is no way to take fork hooks back: they look whether sampling is on.
bool register_fork_hooks() {
  if (fork_hooks_registered) return true;
  // From sys.modules, where it always is: importing would ask the program's hooks.
  PyObject* posix_name = PyUnicode_FromString("posix");
  PyObject* posix = posix_name == nullptr ? nullptr : PyImport_GetModule(posix_name);
  Py_XDECREF(posix_name);
  PyObject* hook = posix == nullptr ? nullptr : PyObject_GetAttrString(posix, "register_at_fork");
  PyObject* before = PyCFunction_New(&kBefore, nullptr);
  PyObject* after = PyCFunction_New(&kAfter, nullptr);
  PyObject* in_child = PyCFunction_New(&kAfterInChild, nullptr);
  PyObject* arguments = PyTuple_New(0);
  PyObject* keywords =
      Py_BuildValue("{s:O,s:O,s:O}", "before", before, "after_in_parent", after, "after_in_child", in_child);
  PyObject* done = hook != nullptr && keywords != nullptr ? PyObject_Call(hook, arguments, keywords) : nullptr;
  fork_hooks_registered = done != nullptr;
  PyErr_Clear();
  for (PyObject* object : {posix, hook, before, after, in_child, arguments, keywords, done}) Py_XDECREF(object);
  return fork_hooks_registered;
}

}  // namespace

bool start(void (*take)(PyThreadState* ts)) {
  if (!register_fork_hooks()) return false;
  take_sample = take;
  if (start_thread()) return true;
  take_sample = nullptr;
  return false;
}

void pause_for_fork() { stop_thread(); }

void stop() {
  take_sample = nullptr;
  stop_thread();
}

uint64_t taken() { return samples; }

}  // namespace whipsnake::sampler
