// Runs portable snippets: emits them with one CPU's Masm, installs them in a CodeHeap and executes them, natively when
// the host is that CPU and in VIXL's simulator when it is AArch64 on another host. Tests take the CPU as a parameter,
// so that each body states what both back-ends must do.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "jit/asm/code_heap.h"
#include "jit/asm/masm.h"

#if !defined(__aarch64__)
#include "vixl/aarch64/simulator-aarch64.h"
#endif

namespace whipsnake {

inline std::vector<Cpu> runnable_cpus() {
#if defined(__x86_64__)
  return {Cpu::kX64, Cpu::kA64};
#else
  return {Cpu::kA64};
#endif
}

inline std::string cpu_name(const testing::TestParamInfo<Cpu>& info) { return info.param == Cpu::kX64 ? "x64" : "a64"; }

inline std::unique_ptr<Masm> masm_for(Cpu cpu, NearRange near) {
#if defined(__x86_64__)
  if (cpu == Cpu::kX64) return make_masm_x64(near);
#endif
  return cpu == Cpu::kA64 ? make_masm_a64(near) : nullptr;
}

class MasmTest : public testing::TestWithParam<Cpu> {
 protected:
  MasmTest() : heap_(CodeHeapOptions{}), masm_(masm_for(GetParam(), heap_.near_range())), m(*masm_) {
    cells_ = static_cast<int64_t*>(heap_.allocate_data(kCells * sizeof(int64_t)));
#if !defined(__aarch64__)
    if (GetParam() == Cpu::kA64) {
      simulator_ = std::make_unique<vixl::aarch64::Simulator>(&decoder_);
      // The oldest machines: the back-end must not need anything newer.
      simulator_->SetCPUFeatures(vixl::CPUFeatures::AArch64LegacyBaseline());
    }
#endif
  }

  // An element of an array in the code heap's data half, and how code names it.
  static constexpr size_t kCells = 8192;
  int64_t& cell(size_t i) { return cells_[i]; }
  Mem cell_mem(size_t i) { return Mem::absolute(&cells_[i]); }

  // Emits enter, `body`, leave and installs the result as the code that run() calls.
  template <typename Body>
  void compile(Body body, int locals = 0) {
    m.reset();
    m.enter(locals);
    body();
    m.leave(locals);
    code_ = install();
  }

  // What was emitted since reset(), ready to be called.
  const uint8_t* install() {
    CodeBuffer buffer = m.finish();
    EXPECT_FALSE(m.failed());
    const uint8_t* code = m.failed() ? nullptr : heap_.install(buffer);
    EXPECT_NE(code, nullptr);
    return code;
  }

  int64_t run(int64_t a0 = 0, int64_t a1 = 0, int64_t a2 = 0, int64_t a3 = 0) { return call(code_, a0, a1, a2, a3); }

  int64_t call(const uint8_t* code, int64_t a0 = 0, int64_t a1 = 0, int64_t a2 = 0, int64_t a3 = 0) {
    if (code == nullptr) return std::numeric_limits<int64_t>::min() + 99;
#if !defined(__aarch64__)
    if (GetParam() == Cpu::kA64) {
      auto* first = reinterpret_cast<const vixl::aarch64::Instruction*>(code);
      return simulator_->RunFrom<int64_t, int64_t, int64_t, int64_t, int64_t>(first, a0, a1, a2, a3);
    }
#endif
    return reinterpret_cast<int64_t (*)(int64_t, int64_t, int64_t, int64_t)>(const_cast<uint8_t*>(code))(a0, a1, a2,
                                                                                                         a3);
  }

  // Runs `body` between enter and leave.
  template <typename Body>
  int64_t run_body(Body body, int64_t a0 = 0, int64_t a1 = 0, int64_t a2 = 0, int64_t a3 = 0) {
    compile(body);
    int64_t result = run(a0, a1, a2, a3);
    heap_.release(code_);
    code_ = nullptr;
    return result;
  }

  // Whether two names mean one register on this CPU.
  bool same(Reg a, Reg b) const {
    auto folded = [&](Reg r) { return GetParam() == Cpu::kA64 && r == Reg::kArg0 ? Reg::kRet : r; };
    return folded(a) == folded(b);
  }

  CodeHeap heap_;
  std::unique_ptr<Masm> masm_;
  Masm& m;
  const uint8_t* code_ = nullptr;

 private:
  int64_t* cells_ = nullptr;
#if !defined(__aarch64__)
  vixl::aarch64::Decoder decoder_;
  std::unique_ptr<vixl::aarch64::Simulator> simulator_;
#endif
};

// Every register that can hold a value, and the values that arithmetic goes wrong on.
inline constexpr Reg kGeneral[] = {Reg::kRet, Reg::kArg0,  Reg::kArg1,   Reg::kArg2,    Reg::kArg3, Reg::kT0, Reg::kT1,
                                   Reg::kT2,  Reg::kFrame, Reg::kThread, Reg::kContext, Reg::kS0,   Reg::kS1, Reg::kS2};

inline const std::vector<int64_t>& edge_values() {
  static const std::vector<int64_t> values = {
      0,
      1,
      -1,
      2,
      7,
      -8,
      127,
      128,
      -128,
      -129,
      255,
      256,
      4095,
      4096,
      65535,
      65536,
      -65536,
      std::numeric_limits<int32_t>::max(),
      int64_t{std::numeric_limits<int32_t>::max()} + 1,
      std::numeric_limits<int32_t>::min(),
      int64_t{std::numeric_limits<int32_t>::min()} - 1,
      std::numeric_limits<uint32_t>::max(),
      int64_t{1} << 32,
      0x123456789ABCDEF0,
      -0x123456789ABCDEF0,
      0x00FF00FF00FF00FF,
      int64_t{1} << 62,
      std::numeric_limits<int64_t>::max() - 1,
      std::numeric_limits<int64_t>::max(),
      std::numeric_limits<int64_t>::min(),
      std::numeric_limits<int64_t>::min() + 1,
  };
  return values;
}

inline const std::vector<int32_t>& edge_immediates() {
  static const std::vector<int32_t> values = {0,
                                              1,
                                              -1,
                                              2,
                                              -2,
                                              127,
                                              128,
                                              -128,
                                              -129,
                                              255,
                                              256,
                                              4095,
                                              4096,
                                              -4095,
                                              -4096,
                                              0xFFF000,
                                              65535,
                                              0x10001,
                                              -65537,
                                              0x12345678,
                                              -0x12345678,
                                              std::numeric_limits<int32_t>::max(),
                                              std::numeric_limits<int32_t>::min()};
  return values;
}

inline uint64_t bits(int64_t value) { return static_cast<uint64_t>(value); }
inline int64_t wrap(uint64_t value) { return static_cast<int64_t>(value); }
inline int64_t zero_extended(int64_t value) { return static_cast<int64_t>(static_cast<uint32_t>(value)); }

}  // namespace whipsnake

#define WHIPSNAKE_FOR_EVERY_CPU(suite) \
  INSTANTIATE_TEST_SUITE_P(Cpu, suite, testing::ValuesIn(runnable_cpus()), cpu_name)
