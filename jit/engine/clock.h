// The clock by which the tier-up policy measures.
#pragma once

#include <cstdint>
#include <ctime>

namespace whipsnake {

// Nanoseconds of CLOCK_MONOTONIC.
inline uint64_t now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

}  // namespace whipsnake
