#include "jit/engine/policy.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "jit/runtime/code_record.h"

namespace whipsnake::policy {
namespace {

TEST(Policy, CompilesAtTheThreshold) {
  CodeRecord record;
  thresholds = {false, 2, 3};
  EXPECT_FALSE(compile_at_call(record));
  record.calls = 2;
  EXPECT_TRUE(compile_at_call(record));
  record.state = TierState::kDeclined;
  EXPECT_FALSE(compile_at_call(record));
  record = CodeRecord();
  record.marked_jit = true;
  EXPECT_TRUE(compile_at_call(record));
  record.back_edges = 3;
  EXPECT_TRUE(compile_at_back_edge(record));
  EXPECT_FALSE(count_back_edges(record));
  record.has_loops = true;
  EXPECT_TRUE(count_back_edges(record));
  thresholds = {};
}

// A run of samples in which the code is found at `depth`; how many until it is to be compiled.
int samples_until_hot(int depth) {
  CodeRecord record;
  int samples = 1;
  while (samples < 1000 && !compile_at_sample(record, depth, 0)) ++samples;
  return samples;
}

TEST(Policy, CodeOnTopOfSamplesIsHotSoonerThanItsCallers) {
  const int on_top = samples_until_hot(0);
  EXPECT_GT(on_top, 2);  // one sample is chance
  EXPECT_LT(on_top, 8);
  for (int depth = 1; depth < kSampledFrames; ++depth) EXPECT_GT(samples_until_hot(depth), on_top) << depth;
  CodeRecord top, caller;
  compile_at_sample(top, 0, 0);
  compile_at_sample(caller, 1, 0);
  EXPECT_GT(top.heat, caller.heat);
  EXPECT_GT(caller.heat, 0u);
}

TEST(Policy, CodeThatIsHotIsAskedForUntilItIsSettled) {
  CodeRecord record;
  while (!compile_at_sample(record, 0, 0)) {
  }
  EXPECT_TRUE(compile_at_sample(record, kSampledFrames - 1, 0));
  const uint32_t heat = record.heat;
  for (const TierState state : {TierState::kCompiled, TierState::kDeclined, TierState::kDisabled}) {
    record.state = state;
    EXPECT_FALSE(compile_at_sample(record, 0, 0));
  }
  EXPECT_EQ(record.heat, heat);
}

TEST(Policy, SamplesGetRarerButDoNotEnd) {
  uint32_t last = sampling_interval_us(0);
  EXPECT_GE(last, 100u);
  for (uint64_t elapsed = 0; elapsed < 10'000'000; elapsed += 1000) {
    const uint32_t interval = sampling_interval_us(elapsed);
    ASSERT_GE(interval, last) << elapsed;
    last = interval;
  }
  EXPECT_GT(last, sampling_interval_us(0));
  EXPECT_LE(last, 100'000u);
  EXPECT_EQ(sampling_interval_us(~uint64_t{0}), last);
}

TEST(Policy, CallsAreNotCountedWhereSamplesFindWhatIsHot) {
  const Thresholds before = thresholds;
  CodeRecord record;
  record.calls = 1'000'000;
  CodeRecord marked;
  marked.marked_jit = true;
  thresholds = kCounted;
  EXPECT_TRUE(counts_calls(nullptr));
  EXPECT_TRUE(compile_at_call(record));
  thresholds = kSampled;
  EXPECT_FALSE(counts_calls(nullptr));
  EXPECT_FALSE(counts_calls(&record));
  EXPECT_FALSE(compile_at_call(record));
  EXPECT_TRUE(counts_calls(&marked));
  EXPECT_TRUE(compile_at_call(marked));
  marked.state = TierState::kCompiled;
  EXPECT_FALSE(compile_at_call(marked));
  thresholds = before;
}

TEST(Policy, ShortLoopEntriesEnd) {
  LoopAccount account;
  int entries = 0;
  while (loop_entry_pays(account, 500) && entries < 10000) ++entries;
  EXPECT_GT(entries, 10);
  EXPECT_LT(entries, 1000);
  LoopAccount good;
  for (int i = 0; i < 10000; ++i) ASSERT_TRUE(loop_entry_pays(good, 1'000'000));
}

TEST(Policy, CodeThatIsLeftTooOftenIsGivenBackInTheEnd) {
  CodeRecord record;
  record.compilations = 1;
  EXPECT_EQ(review_exits(record), Verdict::kKeep);
  int again = 0;
  for (;; ++again) {
    record.exits = 1u << 20;
    if (review_exits(record) != Verdict::kCompileLater) break;
    ++record.compilations;
    record.exits = 0;
    EXPECT_EQ(review_exits(record), Verdict::kKeep);
  }
  EXPECT_EQ(review_exits(record), Verdict::kGiveBack);
  EXPECT_GT(again, 0);
  EXPECT_LT(again, 10);
}

// ---- thrashing

constexpr uint32_t kAllMiss = kWatchedSteps;

class Thrashing : public testing::Test {
 protected:
  ~Thrashing() override { thrashing = false; }

  // Watches that agree, the last at `sample`.
  bool conclude_until(uint64_t sample) {
    EXPECT_FALSE(conclude(watches, true, sample - 2));
    EXPECT_FALSE(conclude(watches, true, sample - 1));
    return conclude(watches, true, sample);
  }

  Watches watches;
};

TEST_F(Thrashing, MissesThatAreTooMany) {
  constexpr uint64_t kFast = 100'000;
  EXPECT_FALSE(thrashes(0, kFast));
  EXPECT_FALSE(thrashes(kWatchedSteps / 4, kFast));
  EXPECT_TRUE(thrashes(kWatchedSteps / 2, kFast));
  EXPECT_TRUE(thrashes(kAllMiss, kFast));
}

TEST_F(Thrashing, StepsThatAreTooFarBetween) {
  constexpr uint32_t kFew = 10;  // one each for so many functions
  EXPECT_TRUE(thrashes(kFew, kMostNanosecondsPerWatch));
  EXPECT_FALSE(thrashes(kFew, kMostNanosecondsPerWatch / 2));
  EXPECT_FALSE(thrashes(2, kMostNanosecondsPerWatch));  // a loop that calls C
  EXPECT_FALSE(thrashes(kWatchedSteps / 8, kMostNanosecondsPerWatch / 2));
  EXPECT_TRUE(thrashes(kWatchedSteps / 4, kMostNanosecondsPerWatch / 2));
}

TEST_F(Thrashing, FewFunctionsAreNotWatched) {
  EXPECT_FALSE(watch_now(watches, 5, 1));
  EXPECT_TRUE(watch_now(watches, 10, 2));
}

TEST_F(Thrashing, WatchesGetRareWhereNothingIsCompiled) {
  uint64_t count = 0;
  for (uint64_t sample = 1; sample <= 640; ++sample) count += watch_now(watches, 100, sample) ? 1 : 0;
  EXPECT_EQ(count, 10u);
  EXPECT_TRUE(watch_now(watches, 113, 641));
  EXPECT_FALSE(watch_now(watches, 115, 642));
}

TEST_F(Thrashing, OneWatchIsChance) {
  ASSERT_TRUE(watch_now(watches, 100, 1));
  EXPECT_FALSE(conclude(watches, true, 2));
  EXPECT_FALSE(thrashing);
  EXPECT_TRUE(watch_now(watches, 100, 2));  // once more, at once
  EXPECT_FALSE(conclude(watches, false, 3));
  EXPECT_FALSE(conclude(watches, false, 4));
  EXPECT_FALSE(watch_now(watches, 100, 4));
  EXPECT_TRUE(conclude_until(50));
  EXPECT_TRUE(thrashing);
}

TEST_F(Thrashing, SomePhasesAreEnough) {
  const auto concludes = [this](int every) {
    watches = {};
    bool found = false;
    for (int i = 0; i < 40; ++i) found = found || conclude(watches, i % every == 0, 10);
    return found;
  };
  EXPECT_TRUE(concludes(2));
  EXPECT_FALSE(concludes(3));
}

TEST_F(Thrashing, EndsAndTakesTwiceAsLongEachTime) {
  uint64_t sample = 100;
  uint64_t before = 0;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(conclude_until(sample));
    const uint64_t begin = sample;
    while (thrashing) {
      EXPECT_FALSE(watch_now(watches, 0, ++sample));
      ASSERT_LT(sample - begin, 1'000'000u);
    }
    const uint64_t lasted = sample - begin;
    if (i > 0) {
      EXPECT_EQ(lasted, 2 * before);
    }
    before = lasted;
  }
  EXPECT_TRUE(watch_now(watches, 100, sample + 1));
}

// Samples until code is compiled that is on top of one of `every`.
uint64_t samples_until_compiled(CodeRecord& record, uint64_t every, uint64_t most) {
  for (uint64_t sample = every; sample <= most; sample += every)
    if (compile_at_sample(record, 0, sample)) return sample;
  return 0;
}

TEST_F(Thrashing, OnlyHotSpotsAreCompiled) {
  CodeRecord record;
  thrashing = true;
  EXPECT_EQ(samples_until_compiled(record, 50, 100'000), 0u);
  EXPECT_EQ(samples_until_compiled(record, 10, 100'000), 0u);
  CodeRecord hot;
  EXPECT_NE(samples_until_compiled(hot, 2, 40), 0u);
  CodeRecord caller;
  for (uint64_t sample = 1; sample < 1000; ++sample) EXPECT_FALSE(compile_at_sample(caller, 1, sample));
  CodeRecord crossing;
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(crosses_often(crossing, 1));
  thrashing = false;
  EXPECT_NE(samples_until_compiled(record, 50, 1000), 0u);
  bool crosses = false;
  for (int i = 0; i < 1000; ++i) crosses = crosses || crosses_often(crossing, 1);
  EXPECT_TRUE(crosses);
}

TEST_F(Thrashing, WhatTheProgramMarkedOrCannotBeCompiledIsLeft) {
  CodeRecord declined;
  declined.state = TierState::kDeclined;
  thrashing = true;
  EXPECT_EQ(samples_until_compiled(declined, 1, 100), 0u);
  EXPECT_EQ(declined.heat, 0u);
  CodeRecord marked;
  marked.marked_jit = true;
  EXPECT_TRUE(compile_at_call(marked));
}

}  // namespace
}  // namespace whipsnake::policy
