#include "jit/engine/policy.h"

#include <algorithm>

namespace whipsnake::policy {

Thresholds thresholds;

bool compile_at_call(const CodeRecord& record) {
  return record.state == TierState::kCold && (record.marked_jit || record.calls >= thresholds.calls);
}

bool called_often(uint64_t nanoseconds) { return nanoseconds < 20'000'000; }

bool compile_at_sample(CodeRecord& record, int depth, uint64_t sampled_us) {
  // Compiling pays for code that a good part of the time is spent in; how long it took so far is all that is known. The
  // machine code of many functions that take little time each drives the rest out of the processor's caches and makes
  // everything slower, so a share of all the time is asked for as well.
  constexpr uint32_t kHot = 8000;
  constexpr uint64_t kShare = 32;
  if (record.state != TierState::kCold) return false;
  record.heat += sampling_interval_us(sampled_us) * (depth == 0 ? 2 : 1);
  return record.heat >= kHot && record.heat * kShare >= sampled_us;
}

uint32_t sampling_interval_us(uint64_t sampled_us) {
  constexpr uint64_t kMilliseconds = 1000;
  if (sampled_us < 50 * kMilliseconds) return 1000;
  if (sampled_us < 250 * kMilliseconds) return 2000;
  return sampled_us < 1250 * kMilliseconds ? 5000 : 10000;
}

bool compile_at_back_edge(const CodeRecord& record) {
  return record.state == TierState::kCold && record.back_edges >= thresholds.back_edges;
}

bool count_back_edges(const CodeRecord& record) { return record.has_loops && record.state == TierState::kCold; }

bool loop_entry_pays(LoopAccount& account, uint64_t nanoseconds_inside) {
  constexpr uint64_t kWorthwhile = 20'000;
  constexpr int32_t kMaxCredit = 1000;
  account.credit = std::min(account.credit + (nanoseconds_inside >= kWorthwhile ? 10 : -1), kMaxCredit);
  return account.credit > 0;
}

Verdict review_exits(const CodeRecord& record) {
  // Machine code follows what the interpreter had specialised when it was compiled. When that turns out wrong, the
  // interpreter adapts while it runs what we left, so compiling again sees better facts. Each further attempt waits
  // twice as long; code that still leaves that often is not worth having.
  constexpr uint32_t kAttempts = 4;
  constexpr uint32_t kManyExits = 512;
  if (record.exits < kManyExits << record.compilations)
    return Verdict::kKeep;
  return record.compilations < kAttempts ? Verdict::kCompileAgain : Verdict::kGiveBack;
}

}  // namespace whipsnake::policy
