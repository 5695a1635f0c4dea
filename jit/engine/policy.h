// When code is compiled, compiled again, or given back: every number and every decision of the tier-up policy.
#pragma once

#include <cstdint>

#include "jit/runtime/code_record.h"

namespace whipsnake::policy {

// How hot code is found. Sampled: by looking every few milliseconds at what runs (sampler.h), which costs code that is
// not hot nothing. Counted: at each call and back edge, which is exact and repeatable, and slows cold code down.
struct Thresholds {
  bool sampled = false;       // `calls` is not used
  uint32_t calls = 250;       // calls of a code object that are interpreted before it is compiled
  uint32_t back_edges = 400;  // back edges of its loops, over all calls, before it is compiled and entered in mid-run
};
inline constexpr Thresholds kCounted{};
inline constexpr Thresholds kSampled{true, 0, 400};
extern Thresholds thresholds;  // set by enable()

// Whether calls of code that is not compiled arrive at a trampoline, which compile_at_call() is asked by. Where samples
// find what is hot they do not: a function with a trampoline has no version, so that the interpreter would neither
// inline nor specialise its calls while a program starts. `record` may be null.
bool counts_calls(const CodeRecord* record);

// Where samples find what is hot, calls between the tiers are counted all the same, record->calls of them since
// record->first_call: whether the code is to be compiled for their sake. Begins anew when there have been many, but
// over a long time.
bool crosses_often(CodeRecord& record, uint64_t now);

// Samples look at so many Python frames from the top: those that call hot code are hot, too.
inline constexpr int kSampledFrames = 4;
// Adds to record->heat for a frame that a sample, of this number, has found `depth` frames below the top; true when its
// code is to be compiled now.
bool compile_at_sample(CodeRecord& record, int depth, uint64_t sample);
// Microseconds until the next sample, after so many. Each costs a timer and two switches of threads, up to
// 100 microseconds in a virtual machine, and what is hot in the end was hot early.
uint32_t sampling_interval_us(uint64_t sampled_us);

// Whether machine code is known to be gone from the caches when it is needed (see thrashing.h): only what takes a good
// part of the time by itself is compiled then. [thrash]
extern bool thrashing;

// What is watched to find out. A function counts with its slow paths, so about half of such a cache is in use, as much
// as processors have; and of a large function little is executed in one step.
inline constexpr size_t kCacheBytes = size_t{48} << 10;
inline constexpr size_t kMostBytesPerStep = 4096;
inline constexpr uint32_t kWatchedSteps = 1000;
inline constexpr uint64_t kMostNanosecondsPerWatch = 2'000'000;
inline constexpr uint32_t kMostSamplesPerWatch = 2;  // the interpreter's calls are slower meanwhile
// Whether so many steps that found nothing in the cache are too many, for a watch that took its thread so long.
bool thrashes(uint32_t misses, uint64_t nanoseconds);

struct Watches {
  uint64_t last = 0;       // the sample that started the last watch
  uint64_t functions = 0;  // compiled at that time
  uint32_t suspicion = 0;  // each that has found thrashing adds to it, each other takes away half as much
  uint64_t until = 0;      // the sample that ends policy::thrashing
  uint32_t verdicts = 0;   // so often it was set
};
// Asked at each sample. Also ends policy::thrashing: a program may have come to other work.
bool watch_now(Watches& watches, uint64_t functions, uint64_t sample);
// What a watch has found; one that was not completed has not found thrashing. True when policy::thrashing has been set:
// machine code is to be given back.
bool conclude(Watches& watches, bool thrashes, uint64_t sample);

// Asked at each call that arrives at a counting trampoline or evaluator, before the call is counted.
bool compile_at_call(const CodeRecord& record);
// Asked at each counted back edge.
bool compile_at_back_edge(const CodeRecord& record);

// Whether the interpreter has run the code long enough for its never having been somewhere to mean that it will not.
// From the last attempt on everything is compiled.
bool knows_cold_code(const CodeRecord& record);

// Whether back edges of this code are worth counting: it has loops, and compiling it has not been settled.
bool count_back_edges(const CodeRecord& record);

// Loops that the interpreter runs are entered again and again after exits, which costs about a microsecond each time.
// That pays when much is done inside. Returns false when it is better to leave this code's loops to the interpreter.
struct LoopAccount {
  int32_t credit = 100;
};
bool loop_entry_pays(LoopAccount& account, uint64_t nanoseconds_inside);

// Asked now and then about machine code that is left for the interpreter again and again (record.exits times).
enum class Verdict { kKeep, kCompileNow, kCompileLater, kGiveBack };
Verdict review_exits(const CodeRecord& record);

// Asked now and then about machine code where one guard has failed `slow` times: whether it has been made for what does
// not come any more, so that it is to be made anew: by what the interpreter learns now, or expecting less.
bool learns_anew(const CodeRecord& record, uint32_t slow);
// Whether a guard that has failed `slow` times is treated as the one that has failed `slowest` times and has been asked
// about, so that code is not made anew for one after the other.
bool shares_lesson(uint32_t slow, uint32_t slowest);
// Heat of such code: it is compiled again at the next sample that finds it.
uint32_t heat_of_relearned();

}  // namespace whipsnake::policy
