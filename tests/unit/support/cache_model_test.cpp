#include "jit/support/cache_model.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>

namespace whipsnake {
namespace {

std::array<char, 1000> pieces;

// Runs the first `count` pieces in turn, `rounds` times. Misses of the last round.
size_t misses_of_walk(CacheModel& model, size_t count, size_t bytes, int rounds) {
  size_t misses = 0;
  for (int round = 0; round < rounds; ++round) {
    misses = 0;
    for (size_t i = 0; i < count; ++i) misses += model.touch(&pieces[i], bytes) ? 0 : 1;
  }
  return misses;
}

TEST(CacheModel, WhatFitsMissesOnce) {
  CacheModel model(1000);
  EXPECT_EQ(misses_of_walk(model, 10, 100, 1), 10u);
  EXPECT_EQ(misses_of_walk(model, 10, 100, 3), 0u);
}

TEST(CacheModel, WalkThatIsOnePieceTooLongAlwaysMisses) {
  CacheModel model(1000);
  EXPECT_EQ(misses_of_walk(model, 11, 100, 3), 11u);
}

TEST(CacheModel, KeepsWhatRanLast) {
  CacheModel model(200);
  EXPECT_FALSE(model.touch(&pieces[0], 100));
  EXPECT_FALSE(model.touch(&pieces[1], 100));
  EXPECT_TRUE(model.touch(&pieces[0], 100));
  EXPECT_FALSE(model.touch(&pieces[2], 100));  // instead of 1
  EXPECT_TRUE(model.touch(&pieces[0], 100));
  EXPECT_FALSE(model.touch(&pieces[1], 100));
}

TEST(CacheModel, LargerThanAllIsKeptAlone) {
  CacheModel model(200);
  EXPECT_FALSE(model.touch(&pieces[0], 100));
  EXPECT_FALSE(model.touch(&pieces[1], 5000));
  EXPECT_TRUE(model.touch(&pieces[1], 5000));
  EXPECT_FALSE(model.touch(&pieces[0], 100));
  EXPECT_FALSE(model.touch(&pieces[1], 5000));
}

TEST(CacheModel, HoldsAFewHundredPiecesAtMost) {
  CacheModel model(1000);
  EXPECT_EQ(misses_of_walk(model, 256, 1, 2), 0u);
  EXPECT_EQ(misses_of_walk(model, 257, 1, 2), 257u);
}

TEST(CacheModel, Clear) {
  CacheModel model(1000);
  EXPECT_FALSE(model.touch(&pieces[0], 900));
  model.clear();
  EXPECT_FALSE(model.touch(&pieces[0], 900));
  EXPECT_FALSE(model.touch(&pieces[1], 100));
  EXPECT_TRUE(model.touch(&pieces[0], 900));
}

}  // namespace
}  // namespace whipsnake
