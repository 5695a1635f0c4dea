// What `_late`, which starts late, and `_core`, which it then loads, know of each other.
#pragma once

#include <atomic>

namespace whipsnake {

enum class StartState : int {
  kWaiting,    // asked for, not done: whoever changes this to kStarted does it
  kStarted,    // done, or tried
  kCancelled,  // the interpreter ends: Python must not be touched any more
};

// One per process, never destroyed. The main interpreter's dictionary (PyInterpreterState_GetDict) has a capsule with
// it.
struct LateStart {
  std::atomic<StartState> state{StartState::kWaiting};
};

inline constexpr char kLateStartKey[] = "whipsnake.late";  // in the dictionary, and the capsule's name

// Exported by `_core`; both with the GIL.
// Starts in a pending call, or asks for another if this is no moment to do it.
using Start = void (*)();
inline constexpr char kStart[] = "whipsnake_start";
// Starts from a before-fork hook: no thread of ours is left afterwards, until the process has forked.
using StartBeforeFork = void (*)();
inline constexpr char kStartBeforeFork[] = "whipsnake_start_before_fork";

}  // namespace whipsnake
