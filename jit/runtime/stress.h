// Stress: settings under which compiled code does all the time what it otherwise does rarely. A program must not
// notice, except by the clock (and, for collections and failures, as it would notice those). [stress]
//
// Everything is decided while code is compiled: what is off emits nothing and is asked for nowhere on a hot path. What
// is on counts down in memory, from numbers that chance chose when the code was compiled, and so is the same for the
// same seed wherever code is compiled in the same order (thresholds that are numbers, one thread).
#pragma once

#include <cstdint>

#include "jit/asm/masm.h"
#include "jit/runtime/op_helper.h"

namespace whipsnake::stress {

// Fast paths in machine code that can be left out together; the names are those of the option.
enum class Family : uint8_t {
  kNone,  // has no fast path, or none that could be left out
  kAttributes,
  kCalls,
  kContainers,
  kGlobals,
  kIteration,
  kNumbers,
  kTruth,
  kCount,
};
const char* name(Family family);

struct Settings {
  uint32_t exit_every = 0;      // instructions between exits to the interpreter, on average; 0: none, as below
  uint32_t slow_every = 0;      // guards between two that fail although they hold
  uint32_t jettison_every = 0;  // entries and back edges until all machine code is thrown away
  uint32_t fail_every = 0;      // calls of helpers, of which the last raises MemoryError
  bool collect = false;         // garbage is collected before each call of a helper
  bool caches = true;           // inline caches are filled
  uint32_t without = 0;         // 1 << Family: left out
  uint64_t seed = 0;

  bool on() const {
    return exit_every != 0 || slow_every != 0 || jettison_every != 0 || fail_every != 0 || collect || !caches ||
           without != 0;
  }
};

extern Settings settings;  // to be changed by start() only
void start(const Settings& wanted);

// Where guards fail, machine code expects nothing from the first of one instruction in two, which chance chose.
inline bool expects_nothing(uint32_t instruction) {
  constexpr uint64_t kMix = 0x9e3779b97f4a7c15;
  return settings.slow_every != 0 && (settings.seed + instruction) * kMix >> 63 != 0;
}

inline bool left_out(Family family) { return (settings.without >> static_cast<int>(family) & 1) != 0; }

// What machine code counts down; reached zero so many times.
struct Countdown {
  int32_t left = 1;
  uint64_t reached = 0;
};
extern Countdown exits, guards, entries;

// Counts down and, when that is over, goes to `taken`. Clobbers the flags alone.
void emit_countdown(Masm& masm, const Countdown& countdown, Label taken);
// What `taken` begins with; clobbers the same. The next time is after `every` times, on average.
void emit_restart(Masm& masm, const Countdown& countdown, uint32_t every);

// For statistics.
struct Counts {
  uint64_t jettisons = 0;    // all machine code thrown away
  uint64_t freed = 0;        // pieces of machine code whose memory was given back early
  uint64_t collections = 0;  // of garbage
  uint64_t failures = 0;     // of helpers
};
extern Counts counts;

// A helper of a compiled instruction with what comes before it: a collection, a failure. Has the contract of an
// OpHelper; `arg` is a HelperCall.
struct HelperCall {
  OpHelper helper;
  intptr_t arg;
  int32_t pops;  // operands that the helper consumes; -1: it never fails
};
PyObject* op_stressed(PyThreadState* ts, PyObject** top, intptr_t arg);
inline bool wraps_helpers() { return settings.collect || settings.fail_every != 0; }

// The helper call after the next `calls` - 1 fails, for code compiled while fail_every was set.
void fail_in(uint32_t calls);
// Helper calls so far that could have failed.
uint64_t helper_calls();

// Collects garbage; leaves a pending exception alone. May run any Python code.
void collect_garbage();

// Retires all machine code, and frees what no frame is in and nothing points to any more. Runs no Python code.
void jettison();

}  // namespace whipsnake::stress
