#include "jit/engine/thrashing.h"

#include <algorithm>

#include "jit/engine/entries.h"
#include "jit/engine/policy.h"
#include "jit/runtime/context.h"
#include "jit/runtime/records.h"
#include "jit/support/cache_model.h"
#include "jit/support/clock.h"

namespace whipsnake::thrashing {

namespace {

CacheModel model{policy::kCacheBytes};

struct Watch {
  PyThreadState* thread = nullptr;  // only compared: it may be gone; null while there is no watch
  uint32_t samples = 0;             // since it began
  uint32_t steps = 0;
  uint32_t misses = 0;
  uint64_t began = 0;  // at the first step, in nanoseconds that the thread has used
  uint64_t nanoseconds = 0;
  bool complete() const { return steps == policy::kWatchedSteps || nanoseconds >= policy::kMostNanosecondsPerWatch; }
};
Watch watch;
policy::Watches watches;

// Of a thread that may have been watched once.
void on_step(PyThreadState* ts, PyCodeObject* code) {
  if (ts != watch.thread || watch.complete()) return port::watch_breaker(ts, false);
  const CodeRecord* record = find_record(code);
  if (record == nullptr || !record->compiled) return;  // retired, or of another engine's making
  constexpr uint32_t kStepsPerReading = 50;            // of the clock, which takes longer than a step
  static_assert(policy::kWatchedSteps % kStepsPerReading == 0);
  if (watch.steps++ == 0) watch.began = thread_time();
  if (!model.touch(record, std::min(record->compiled->size, policy::kMostBytesPerStep))) ++watch.misses;
  if (watch.steps % kStepsPerReading == 0) watch.nanoseconds = thread_time() - watch.began;
  if (watch.complete()) port::watch_breaker(ts, false);
}

void start_watch(PyThreadState* ts) {
  model.clear();
  watch = {ts};
  on_watched_step = on_step;
  port::watch_breaker(ts, true);
}

void end_watch(PyThreadState* ts) {
  if (ts == watch.thread) port::watch_breaker(ts, false);
  watch = {};
}

void give_back(CodeRecord* record, void*) {
  if (!record->compiled || record->marked_jit) return;
  retire(record);
  record->calls = record->heat = 0;
  entry::ignore_loops(record);
}

uint64_t functions_in_use() { return counters.compiled - counters.retired; }

}  // namespace

void look(PyThreadState* ts, uint64_t sample) {
  if (watch.thread != nullptr) {
    if (!watch.complete() && ts == watch.thread && ++watch.samples < policy::kMostSamplesPerWatch) return;
    // One that has not come to its end follows a program that is somewhere else, or another thread's turn.
    const bool thrashes = watch.complete() && policy::thrashes(watch.misses, watch.nanoseconds);
    end_watch(ts);
    if (policy::conclude(watches, thrashes, sample)) visit_records(give_back, nullptr);
  }
  if (policy::watch_now(watches, functions_in_use(), sample)) start_watch(ts);
}

void look_away(PyThreadState* ts) { end_watch(ts); }

void forget(PyThreadState* ts) {
  end_watch(ts);
  watches = {};
  policy::thrashing = false;
}

}  // namespace whipsnake::thrashing
