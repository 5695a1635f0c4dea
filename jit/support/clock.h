// Clocks, in nanoseconds.
#pragma once

#include <cstdint>
#include <ctime>

namespace whipsnake {

inline uint64_t read_clock(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

inline uint64_t now() { return read_clock(CLOCK_MONOTONIC); }

// What all threads of the process have used, which is none while they wait.
inline uint64_t processor_time() { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

// Of the calling thread alone.
inline uint64_t thread_time() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace whipsnake
