#include "jit/asm/range_allocator.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace whipsnake {
namespace {

using Range = RangeAllocator::Range;

TEST(RangeAllocator, RoundsUpAndAligns) {
  RangeAllocator a(1024);
  EXPECT_EQ(a.allocate(1), 0u);
  EXPECT_EQ(a.allocate(17), 16u);
  EXPECT_EQ(a.allocate(16), 48u);
  EXPECT_EQ(a.size_at(16), 32u);
  EXPECT_EQ(a.size_at(32), 0u);
  EXPECT_EQ(a.size_at(17), 0u);
  EXPECT_EQ(a.used(), 64u);
  EXPECT_EQ(a.allocations(), 3u);
}

TEST(RangeAllocator, RefusesWhatDoesNotFit) {
  RangeAllocator a(64);
  EXPECT_EQ(a.allocate(0), RangeAllocator::kNone);
  EXPECT_EQ(a.allocate(65), RangeAllocator::kNone);
  EXPECT_EQ(a.allocate(~size_t{0}), RangeAllocator::kNone);
  EXPECT_EQ(a.allocate(64), 0u);
  EXPECT_EQ(a.allocate(1), RangeAllocator::kNone);
  RangeAllocator empty(0);
  EXPECT_EQ(empty.allocate(1), RangeAllocator::kNone);
}

TEST(RangeAllocator, ReleaseMergesWithBothNeighbours) {
  RangeAllocator a(400);
  size_t block[5];
  for (size_t& b : block) b = a.allocate(80);
  EXPECT_EQ(a.allocate(1), RangeAllocator::kNone);
  Range freed;
  Range merged;
  ASSERT_TRUE(a.release(block[1], &freed, &merged));
  EXPECT_EQ(merged.begin, 80u);
  EXPECT_EQ(merged.end, 160u);
  ASSERT_TRUE(a.release(block[3], &freed, &merged));
  ASSERT_TRUE(a.release(block[2], &freed, &merged));
  EXPECT_EQ(freed.begin, 160u);
  EXPECT_EQ(freed.end, 240u);
  EXPECT_EQ(merged.begin, 80u);
  EXPECT_EQ(merged.end, 320u);
  EXPECT_EQ(a.allocate(240), 80u) << "one range of three blocks";
}

TEST(RangeAllocator, ReleaseOfAnythingElseIsRefused) {
  RangeAllocator a(160);
  size_t block = a.allocate(32);
  Range freed;
  Range merged;
  EXPECT_FALSE(a.release(block + 16, &freed, &merged));
  EXPECT_FALSE(a.release(block + 1, &freed, &merged));
  EXPECT_FALSE(a.release(size_t{1} << 40, &freed, &merged));
  EXPECT_TRUE(a.release(block, &freed, &merged));
  EXPECT_FALSE(a.release(block, &freed, &merged));
}

TEST(RangeAllocator, SharesTellsAboutNeighboursInTheSamePages) {
  RangeAllocator a(3 * 4096);
  size_t first = a.allocate(1024);
  size_t second = a.allocate(4096 - 1024);
  size_t third = a.allocate(4096);
  size_t fourth = a.allocate(2048);
  EXPECT_TRUE(a.shares({0, 4096}, first));
  EXPECT_TRUE(a.shares({0, 4096}, second));
  EXPECT_FALSE(a.shares({4096, 8192}, third));
  EXPECT_FALSE(a.shares({8192, 12288}, fourth)) << "only free space behind it";
  Range freed;
  Range merged;
  ASSERT_TRUE(a.release(first, &freed, &merged));
  EXPECT_FALSE(a.shares({0, 4096}, second)) << "only free space before it";
  size_t small = a.allocate(512);
  EXPECT_TRUE(a.shares({0, 4096}, second)) << "an allocation behind a gap";
  EXPECT_TRUE(a.shares({0, 4096}, small));
}

// Against a simple model: allocations are disjoint, and everything can be had back.
TEST(RangeAllocator, RandomSequencesAgainstAModel) {
  constexpr size_t kCapacity = size_t{1} << 20;
  for (unsigned seed = 0; seed < 5; ++seed) {
    std::mt19937 random(seed);
    RangeAllocator a(kCapacity);
    std::map<size_t, size_t> live;
    size_t used = 0;
    for (int step = 0; step < 20000; ++step) {
      bool allocate = live.empty() || random() % 100 < (step % 5000 < 2500 ? 65 : 40);
      if (allocate) {
        size_t bytes = 1 + random() % (random() % 20 == 0 ? 20000 : 1500);
        size_t rounded = (bytes + 15) / 16 * 16;
        size_t offset = a.allocate(bytes);
        if (offset == RangeAllocator::kNone) continue;
        ASSERT_EQ(offset % 16, 0u);
        auto next = live.lower_bound(offset);
        ASSERT_LE(offset + rounded, next == live.end() ? kCapacity : next->first);
        if (next != live.begin()) {
          auto before = std::prev(next);
          ASSERT_LE(before->first + before->second, offset);
        }
        live[offset] = rounded;
        used += rounded;
      } else {
        auto victim = std::next(live.begin(), static_cast<long>(random() % live.size()));
        Range freed;
        Range merged;
        ASSERT_TRUE(a.release(victim->first, &freed, &merged));
        ASSERT_EQ(freed.size(), victim->second);
        auto after = live.upper_bound(victim->first);
        ASSERT_EQ(merged.end, after == live.end() ? kCapacity : after->first);
        ASSERT_EQ(merged.begin, victim == live.begin() ? 0 : std::prev(victim)->first + std::prev(victim)->second);
        used -= victim->second;
        live.erase(victim);
      }
      ASSERT_EQ(a.used(), used);
      ASSERT_EQ(a.allocations(), live.size());
    }
    Range freed;
    Range merged;
    for (const auto& [offset, size] : live) ASSERT_TRUE(a.release(offset, &freed, &merged));
    EXPECT_EQ(merged.size(), kCapacity);
    EXPECT_EQ(a.allocate(kCapacity), 0u);
  }
}

TEST(RangeAllocator, AFullRangeOfOneSizeClassIsFound) {
  // Blocks of 136 granules lie in the class that starts at 128: a request for 130 must still find one of them.
  RangeAllocator a(20 * 136 * 16);
  std::vector<size_t> blocks;
  for (int i = 0; i < 20; ++i) blocks.push_back(a.allocate(136 * 16));
  Range freed;
  Range merged;
  for (size_t i = 0; i < blocks.size(); i += 2) ASSERT_TRUE(a.release(blocks[i], &freed, &merged));
  for (int i = 0; i < 10; ++i) EXPECT_NE(a.allocate(130 * 16), RangeAllocator::kNone);
  EXPECT_EQ(a.allocate(130 * 16), RangeAllocator::kNone);
}

}  // namespace
}  // namespace whipsnake
