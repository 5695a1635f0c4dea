// [quiet-thread] A thread that the C library does not know of.
//
// A process of one thread is cheaper: glibc leaves out the locked instructions of each mutex, and its malloc takes no
// lock. It gives that up for good when it makes a second thread, and a program that makes many system calls, around
// each of which Python gives up the GIL, then takes some per cent longer. So ours comes from the kernel.
//
// What runs in it must not allocate, wait for a mutex of the C library while is_alone(), or use a thread-local variable
// but errno; it takes no signals. Under ThreadSanitizer, which has to know each thread, it is a thread like others.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "jit/support/sanitizers.h"

namespace whipsnake {

// Whether the C library believes that the process has one thread: whoever it does not know must leave its mutexes
// alone.
bool is_alone();
// From now on it does not.
void expect_threads();

// Waits until wake() is called with the same word, for so many nanoseconds at most; not at all if the word is not
// `seen` any more. May return early.
void wait_for_wake(std::atomic<uint32_t>& word, uint32_t seen, int64_t nanoseconds);
// Changes the word, so that nobody who has looked at it before goes to sleep.
void wake(std::atomic<uint32_t>& word);

// Waits until `busy` is false, which another thread says in a moment. Sleeps: that one may have a lower priority.
void wait_while(const std::atomic<bool>& busy);

class QuietThread {
 public:
  // Whether a process may fork while it has one. ThreadSanitizer takes it for a thread of the program's.
  static constexpr bool kMayBeForkedFrom = !WHIPSNAKE_THREAD_SANITIZER;

  bool start(void (*run)(), size_t stack_size);  // false when there can be none
  // Waits until `run` has returned and the kernel counts the thread no more.
  void join();
  // False in a child that was forked since start(), which has no such thread.
  bool runs() const;
  // In such a child: gives the thread's memory back.
  void forget();

 private:
  bool make();
  void wait_for_end();
  void free_memory();
  size_t size() const;
  static int begin(void* self);

  void (*run_)() = nullptr;
  size_t stack_size_ = 0;
  pid_t process_ = -1;                  // that has the thread
  pid_t id_ = 0;                        // the kernel's name of it, even when it has ended
  std::atomic<uint32_t> tid_{0};        // the same; the kernel clears it when the thread ends
  char* memory_ = nullptr;              // its stack, and what its thread pointer points into
  [[maybe_unused]] pthread_t known_{};  // under ThreadSanitizer
};

}  // namespace whipsnake
