#include "jit/support/quiet_thread.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <ctime>

namespace whipsnake {

namespace {

// What a thread pointer points into: below it (x86-64) or above it (ARM64) thread-local variables, of which errno is
// used, on the other side the C library's description of the thread. All zero: no thread-local variable of anybody
// has a value here.
constexpr size_t kThreadLocalSize = size_t{64} << 10;

// glibc's, since 2.32 (sys/single_threaded.h). Null elsewhere.
const volatile char* single_threaded() {
  static const auto* found = static_cast<const volatile char*>(dlsym(RTLD_DEFAULT, "__libc_single_threaded"));
  return found;
}

bool threads_expected = false;  // by expect_threads()

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);  // a new thread inherits it
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

bool is_alone() { return !threads_expected && (single_threaded() == nullptr || *single_threaded() != 0); }

void expect_threads() {
  if (!is_alone()) return;
  pthread_t thread;
  threads_expected = pthread_create(&thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr) == 0;
  if (threads_expected) pthread_join(thread, nullptr);
}

void wait_for_wake(std::atomic<uint32_t>& word, uint32_t seen, int64_t nanoseconds) {
  const timespec limit{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, &limit, nullptr, 0);
}

void wake(std::atomic<uint32_t>& word) {
  ++word;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void wait_while(const std::atomic<bool>& busy) {
  while (busy) usleep(20);
}

bool QuietThread::start(void (*run)(), size_t stack_size) {
  const SignalsBlocked blocked;
  if (single_threaded() == nullptr) expect_threads();  // there is no telling what the program does
  run_ = run;
  stack_size_ = stack_size;
  tid_ = 0;
  const bool made = make();
  process_ = made ? getpid() : -1;
  return made;
}

bool QuietThread::runs() const { return process_ == getpid(); }

void QuietThread::join() {
  if (!runs()) return;
  process_ = -1;
  wait_for_end();
  // The kernel counts a thread for a moment after that, and CPython asks the kernel.
  for (int i = 0; i < 2000 && syscall(SYS_tgkill, getpid(), id_, 0) == 0; ++i) usleep(20);
}

void QuietThread::forget() {
  if (process_ == -1 || runs()) return;
  process_ = -1;
  free_memory();
}

int QuietThread::begin(void* self) {
  // pthread_setname_np() of another thread opens a file of /proc, which the kernel then has to forget again when the
  // process ends: a millisecond of a short one.
  prctl(PR_SET_NAME, "whipsnake");
  static_cast<QuietThread*>(self)->run_();
  return 0;
}

#if WHIPSNAKE_THREAD_SANITIZER

bool QuietThread::make() {
  const auto begin_known = [](void* self) -> void* {
    static_cast<QuietThread*>(self)->id_ = static_cast<pid_t>(syscall(SYS_gettid));
    begin(self);
    return nullptr;
  };
  return pthread_create(&known_, nullptr, begin_known, this) == 0;
}

void QuietThread::wait_for_end() { pthread_join(known_, nullptr); }
void QuietThread::free_memory() {}

#else

// From below: the stack, thread-local variables, the thread pointer, and what is above it.
bool QuietThread::make() {
  void* memory = mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<char*>(memory);
  char* thread_pointer = memory_ + stack_size_ + kThreadLocalSize;
#ifdef __x86_64__
  // Code reads the thread pointer where it points to, and the C library's description of the thread begins with it.
  auto** words = reinterpret_cast<void**>(thread_pointer);
  words[0] = words[2] = thread_pointer;
#endif
  constexpr int kLikeAThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                               CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  id_ = clone(begin, memory_ + stack_size_, kLikeAThread, this, &tid_, thread_pointer, &tid_);
  if (id_ > 0) return true;
  munmap(memory_, size());
  return false;
}

void QuietThread::wait_for_end() {
  // Not a private futex: the kernel's wake-up at the end of a thread is none.
  for (uint32_t now = tid_; now != 0; now = tid_) syscall(SYS_futex, &tid_, FUTEX_WAIT, now, nullptr, nullptr, 0);
  free_memory();
}

size_t QuietThread::size() const { return stack_size_ + 2 * kThreadLocalSize; }
void QuietThread::free_memory() { munmap(memory_, size()); }

#endif

}  // namespace whipsnake
