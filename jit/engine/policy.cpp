#include "jit/engine/policy.h"

#include <algorithm>

#include "jit/cpython/profile.h"
#include "jit/runtime/frames.h"

namespace whipsnake::policy {

Thresholds thresholds;

bool counts_calls(const CodeRecord* record) { return !thresholds.sampled || (record != nullptr && record->marked_jit); }

namespace {
// Whether the interpreter has had the executions that it needs to specialise instructions anew.
bool lesson_is_over(const CodeRecord& record, uint32_t executions) {
  constexpr uint32_t kLesson = 128;
  static_assert(kLesson > kMissesToSpecializeAnew);
  return record.lessons == 0 || executions >= kLesson;
}
}  // namespace

bool compile_at_call(const CodeRecord& record) {
  if (record.state != TierState::kCold || !lesson_is_over(record, record.calls)) return false;
  return record.marked_jit || (!thresholds.sampled && record.calls >= thresholds.calls);
}

bool crosses_often(CodeRecord& record, uint64_t now) {
  constexpr uint32_t kCrossings = 100;
  constexpr uint64_t kNanoseconds = 12'000'000;
  if (thrashing) return false;
  if (record.calls == 0) record.first_call = now;
  record.calls += kCrossingStride;
  if (record.calls < kCrossings) return false;
  if (now - record.first_call < kNanoseconds) return true;
  record.calls = 0;
  return false;
}

namespace {
// One sample says little, however long it stands for: while a program starts, each finds something else, and compiling
// that costs more than it will ever give back. What several have found will be found again.
constexpr uint32_t kHot = 5;

// The top of every fifth sample, for a while.
bool is_hot_spot(CodeRecord& record, uint64_t sample) {
  constexpr uint64_t kSamples = 40;
  constexpr uint32_t kMany = 8;
  if (sample - record.first_sample >= kSamples) {
    record.first_sample = sample;
    record.heat = 0;
  }
  return ++record.heat >= kMany;
}
}  // namespace

bool compile_at_sample(CodeRecord& record, int depth, uint64_t sample) {
  if (record.state != TierState::kCold) return false;
  if (thrashing) return depth == 0 && is_hot_spot(record, sample);
  record.heat += depth == 0 ? 2 : 1;
  return record.heat >= kHot;
}

uint32_t sampling_interval_us(uint64_t sampled_us) {
  constexpr uint64_t kShortest = 2'000;
  constexpr uint64_t kLongest = 20'000;
  constexpr uint64_t kLongRunning = 5'000'000;
  if (sampled_us >= kLongRunning) return 50'000;
  return static_cast<uint32_t>(std::clamp(sampled_us / 4, kShortest, kLongest));
}

bool thrashing = false;

// A thousand steps of machine code that is in the cache take a tenth of a millisecond. When they take twenty times as
// long, the program is somewhere else, in the interpreter and in C, which need the same caches: each step misses, and
// there are too few of them to gain by. Misses that the model sees count in addition. A loop through few functions has
// machine code in the cache, whatever it takes its time for.
bool thrashes(uint32_t misses, uint64_t nanoseconds) {
  constexpr uint32_t kLoop = 4;
  if (misses < kLoop) return false;
  constexpr uint64_t kPerMiss = kMostNanosecondsPerWatch / (kWatchedSteps / 2);
  return nanoseconds + misses * kPerMiss >= kMostNanosecondsPerWatch;
}

bool watch_now(Watches& watches, uint64_t functions, uint64_t sample) {
  constexpr uint64_t kFewFunctions = 8;  // whose machine code does not matter
  constexpr uint64_t kSamples = 64;
  if (thrashing && sample >= watches.until) thrashing = false;
  if (thrashing || functions <= kFewFunctions) return false;
  const bool grown = functions > watches.functions + watches.functions / 8;
  if (!grown && watches.suspicion == 0 && sample < watches.last + kSamples) return false;
  watches.last = sample;
  watches.functions = functions;
  return true;
}

bool conclude(Watches& watches, bool thrashes, uint64_t sample) {
  // Programs have phases. What machine code loses where it thrashes is more than what it gains in as much time
  // elsewhere.
  constexpr uint32_t kWeight = 2;
  constexpr uint32_t kSuspicion = 3 * kWeight;
  constexpr uint64_t kSamples = 200;  // some three seconds at first
  constexpr uint32_t kMostDoublings = 16;
  if (!thrashes) {
    if (watches.suspicion > 0) --watches.suspicion;
    return false;
  }
  watches.suspicion += kWeight;
  if (watches.suspicion < kSuspicion) return false;
  watches.until = sample + (kSamples << std::min(watches.verdicts, kMostDoublings));
  ++watches.verdicts;
  watches.suspicion = 0;
  watches.functions = 0;
  return thrashing = true;
}

bool compile_at_back_edge(const CodeRecord& record) {
  return record.state == TierState::kCold && record.back_edges >= thresholds.back_edges &&
         lesson_is_over(record, record.back_edges);
}

bool count_back_edges(const CodeRecord& record) { return record.has_loops && record.state == TierState::kCold; }

bool loop_entry_pays(LoopAccount& account, uint64_t nanoseconds_inside) {
  constexpr uint64_t kWorthwhile = 20'000;
  constexpr int32_t kMaxCredit = 1000;
  account.credit = std::min(account.credit + (nanoseconds_inside >= kWorthwhile ? 10 : -1), kMaxCredit);
  return account.credit > 0;
}

namespace {
constexpr uint32_t kAttempts = 4;  // to compile a function, if its machine code is left too often
}

bool knows_cold_code(const CodeRecord& record) {
  constexpr uint32_t kExperience = 16;
  const bool experienced =
      record.heat != 0 || record.compilations != 0 || record.calls >= kExperience || record.back_edges >= kExperience;
  return experienced && record.compilations + 1 < kAttempts;
}

Verdict review_exits(const CodeRecord& record) {
  // Machine code follows what the interpreter had specialised when it was compiled. When that turns out wrong, the
  // interpreter adapts while it runs what we left, so compiling again sees better facts; of code that was left out all
  // is known at once. Each further attempt waits twice as long; code that still leaves that often is not worth having.
  constexpr uint32_t kManyExits = 512;
  if (record.exits < kManyExits << record.compilations) return Verdict::kKeep;
  if (record.compilations >= kAttempts) return Verdict::kGiveBack;
  return record.cold_exits > record.exits / 2 ? Verdict::kCompileNow : Verdict::kCompileLater;
}

bool learns_anew(const CodeRecord& record, uint32_t slow) {
  constexpr uint32_t kMany = 4096;
  constexpr uint32_t kLessons = 6;
  return record.lessons < kLessons && slow >= kMany << record.lessons;
}

bool shares_lesson(uint32_t slow, uint32_t slowest) { return slow >= slowest / 4; }

uint32_t heat_of_relearned() { return kHot - 1; }

}  // namespace whipsnake::policy
