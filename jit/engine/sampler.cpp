#include "jit/engine/sampler.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <csignal>

#include <atomic>
#include <ctime>

#include "jit/engine/policy.h"

namespace whipsnake::sampler {

namespace {

constexpr size_t kStackSize = 64 << 10;  // glibc's minimum is less, and the thread calls next to nothing
constexpr int kPatience = 50;            // intervals that a request may stay unanswered before the thread goes to sleep

void (*take_sample)(PyThreadState*) = nullptr;  // null: stopped
uint64_t samples = 0;
uint64_t microseconds = 0;  // that the samples stand for
bool fork_hooks_registered = false;

pthread_t thread;
std::atomic<pid_t> thread_id{0};  // the kernel's
pid_t thread_of = -1;             // the process that has the thread; a child of a plain fork() has none

// Guards the thread's life, and what follows: the first thread ends without the GIL.
pthread_mutex_t lifetime = PTHREAD_MUTEX_INITIALIZER;
pid_t without_first_thread = -1;  // the process whose first thread has ended

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;  // guards `stopping`
pthread_cond_t wake;
bool stopping = false;
std::atomic<bool> asked{false};     // a request has been made and not been answered
std::atomic<bool> sleeping{false};  // the thread waits until it is
std::atomic<uint32_t> interval_us{0};

int answer(void*) {
  PyThreadState* ts = PyThreadState_GetUnchecked();
  asked.store(false, std::memory_order_release);
  if (thread_of == getpid() && sleeping.exchange(false)) {
    pthread_mutex_lock(&mutex);  // or the signal could come between the thread's look and its wait
    pthread_cond_signal(&wake);
    pthread_mutex_unlock(&mutex);
  }
  if (take_sample == nullptr || ts->interp != PyInterpreterState_Main()) return 0;
  ++samples;
  microseconds += interval_us.load(std::memory_order_relaxed);
  interval_us.store(policy::sampling_interval_us(microseconds), std::memory_order_relaxed);
  take_sample(ts);
  return 0;
}

bool wait_for(uint32_t wanted) {
  timespec until{};
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += static_cast<long>(wanted) * 1000;  // microseconds
  until.tv_sec += until.tv_nsec / 1'000'000'000;
  until.tv_nsec %= 1'000'000'000;
  while (!stopping && pthread_cond_timedwait(&wake, &mutex, &until) == 0) {
  }
  return !stopping;
}

void* run(void*) {
  thread_id = static_cast<pid_t>(syscall(SYS_gettid));
  // pthread_setname_np() of another thread opens a file of /proc, which the kernel then has to forget again when the
  // process ends: a millisecond of a short one.
  prctl(PR_SET_NAME, "whipsnake");
  pthread_mutex_lock(&mutex);
  int unanswered = 0;
  while (wait_for(interval_us.load(std::memory_order_relaxed))) {
    if (!asked.load(std::memory_order_acquire)) {
      unanswered = 0;
      asked.store(true, std::memory_order_release);
      pthread_mutex_unlock(&mutex);
      const bool made = port::add_pending_call(answer);
      pthread_mutex_lock(&mutex);
      if (!made) asked.store(false, std::memory_order_release);
    } else if (++unanswered >= kPatience) {
      sleeping.store(true);
      // An answer that came in between has seen neither: look again.
      while (!stopping && sleeping.load() && asked.load(std::memory_order_acquire)) {
        timespec until{};
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 3600;
        pthread_cond_timedwait(&wake, &mutex, &until);
      }
      sleeping.store(false);
      unanswered = 0;
    }
  }
  pthread_mutex_unlock(&mutex);
  return nullptr;
}

class Lifetime {
 public:
  Lifetime() { pthread_mutex_lock(&lifetime); }
  ~Lifetime() { pthread_mutex_unlock(&lifetime); }
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;
};

bool start_thread() {
  const Lifetime locked;
  if (thread_of == getpid()) return true;
  if (without_first_thread == getpid()) return false;
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&wake, &clock);
  pthread_condattr_destroy(&clock);
  pthread_mutex_init(&mutex, nullptr);  // in a child it may have been held by the thread that is not there
  stopping = false;
  asked = false;
  interval_us = policy::sampling_interval_us(microseconds);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits it
  const bool started = pthread_create(&thread, &attributes, run, nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (started) thread_of = getpid();
  return started;
}

// Needs `lifetime`, but not the GIL.
void end_thread() {
  if (thread_of != getpid()) return;
  pthread_mutex_lock(&mutex);
  stopping = true;
  pthread_cond_signal(&wake);
  pthread_mutex_unlock(&mutex);
  pthread_join(thread, nullptr);
  // The kernel counts a thread for a moment after it has been joined, and CPython asks the kernel.
  for (int i = 0; i < 2000 && syscall(SYS_tgkill, getpid(), thread_id.load(), 0) == 0; ++i) usleep(20);
  pthread_cond_destroy(&wake);
  thread_of = -1;
}

void stop_thread() {
  const Lifetime locked;
  end_thread();
}

void first_thread_ends(void*) {
  const Lifetime locked;
  without_first_thread = getpid();
  end_thread();
}

// A process whose first thread ends by pthread_exit() goes on until no thread is left, and ours must not be the last.
// In a child that a thread has forked the first thread is a thread of Python, and ends like that.
void watch_first_thread() {
  static pthread_key_t key;
  static const bool has_key = pthread_key_create(&key, first_thread_ends) == 0;
  if (has_key && syscall(SYS_gettid) == getpid()) pthread_setspecific(key, &key);
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

PyObject* before_fork(PyObject*, PyObject*) {
  stop_thread();
  Py_RETURN_NONE;
}

// Both sides: the thread comes back at the next pending calls, after CPython has looked for threads, and not at all in
// a child that executes another program at once.
PyObject* after_fork(PyObject*, PyObject*) {
  if (take_sample == nullptr) Py_RETURN_NONE;
  forking = PyThreadState_GetUnchecked()->current_frame;
  forking_at = forking == nullptr ? nullptr : forking->instr_ptr;
  port::add_pending_call(start_again);  // of whichever thread: the main one may be waiting
  Py_RETURN_NONE;
}

PyObject* after_fork_in_child(PyObject*, PyObject*) {
  pthread_mutex_init(&lifetime, nullptr);  // it may have been held by a thread that is not there
  watch_first_thread();
  return after_fork(nullptr, nullptr);
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
  watch_first_thread();
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
