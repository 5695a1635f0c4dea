// What emission costs: compile time is part of the product, so the number is printed with every test run. The bound is
// wide, for slow machines and sanitizers; on a 2020s desktop x86-64 takes 5-6 ns per instruction.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "tests/unit/asm/machine.h"

namespace whipsnake {
namespace {

class EmissionSpeed : public MasmTest {
 protected:
  // What a baseline template is made of: ten Masm operations and a label.
  void emit_template(int i) {
    Label slow = m.new_label();
    m.load(Reg::kRet, Mem::at(Reg::kFrame, 72 + 8 * (i % 20)));
    m.cmp_ptr(Reg::kRet, &cell(1));
    m.jump_if(Cond::kNotEqual, slow);
    m.load32(Reg::kT0, Mem::at(Reg::kRet));
    m.test32(Reg::kT0, Reg::kT0);
    m.add_mem32(Mem::at(Reg::kRet), 1);
    m.store(Mem::at(Reg::kFrame, 80 + 8 * (i % 20)), Reg::kRet);
    m.mov_ptr(Reg::kArg1, this);
    m.call_mem(cell_mem(2));
    m.bind(slow);
    m.test(Reg::kRet, Reg::kRet);
  }
};

TEST_P(EmissionSpeed, OfATypicalFunction) {
  constexpr int kTemplates = 150;
  constexpr double kOperations = kTemplates * 10;
  double best = 1e9;
  for (int round = 0; round < 50; ++round) {
    auto begin = std::chrono::steady_clock::now();
    m.reset();
    m.enter(0);
    for (int i = 0; i < kTemplates; ++i) emit_template(i);
    m.leave(0);
    m.finish();
    std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
    ASSERT_FALSE(m.failed());
    best = std::min(best, time.count());
  }
  double per_operation = best / kOperations;
  std::printf("%.1f ns per operation, %.1f us for %.0f of them, %zu bytes\n", per_operation, best / 1000, kOperations,
              m.size());
  EXPECT_LT(per_operation, 1000);
}

TEST_P(EmissionSpeed, OfInstall) {
  m.reset();
  m.enter(0);
  for (int i = 0; i < 150; ++i) emit_template(i);
  m.leave(0);
  CodeBuffer buffer = m.finish();
  constexpr int kRounds = 500;
  std::vector<const uint8_t*> installed;
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i) installed.push_back(heap_.install(buffer));
  std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
  begin = std::chrono::steady_clock::now();
  for (const uint8_t* code : installed) heap_.release(code);
  std::chrono::duration<double, std::micro> release_time = std::chrono::steady_clock::now() - begin;
  std::printf("install %.1f us, release %.1f us for %zu bytes\n", time.count() / kRounds,
              release_time.count() / kRounds, buffer.size);
  EXPECT_LT(time.count() / kRounds, 10000);
}

WHIPSNAKE_FOR_EVERY_CPU(EmissionSpeed);

}  // namespace
}  // namespace whipsnake
