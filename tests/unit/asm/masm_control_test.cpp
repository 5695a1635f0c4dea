// Labels, branches, calls, frames, thunks and the sticky failure.
#include <cstring>

#include "tests/unit/asm/machine.h"

namespace whipsnake {
namespace {

class MasmControl : public MasmTest {
 protected:
  // Instructions that take up at least `bytes` and do nothing.
  void fill(size_t bytes) {
    size_t end = m.size() + bytes;
    while (m.size() < end) m.mov_imm(Reg::kT2, 0x123456789ABCDEF);
  }
};

TEST_P(MasmControl, ForwardAndBackwardAtEveryDistance) {
  for (size_t gap : {size_t{0}, size_t{60}, size_t{100}, size_t{120}, size_t{124}, size_t{130}, size_t{160},
                     size_t{5000}, size_t{40000}, size_t{300000}}) {
    compile([&] {
      Label forward = m.new_label();
      Label back = m.new_label();
      Label done = m.new_label();
      m.mov_imm(Reg::kS0, 0);
      m.jump(forward);
      m.bind(back);
      m.add(Reg::kS0, 10);
      m.cmp(Reg::kS0, 25);
      m.jump_if(Cond::kGreater, done);
      fill(gap);
      m.bind(forward);
      m.add(Reg::kS0, 1);
      m.cmp(Reg::kS0, 1000);
      m.jump_if(Cond::kLess, back);
      m.trap();
      m.bind(done);
      m.mov(Reg::kRet, Reg::kS0);
    });
    EXPECT_EQ(run(), 32 + 1) << gap;
    heap_.release(code_);
  }
}

// Around the limit of the short form, one instruction at a time.
TEST_P(MasmControl, BackwardDistancesAroundTheShortForm) {
  for (int padding = 0; padding < 60; ++padding) {
    for (bool conditional : {false, true}) {
      compile([&] {
        Label back = m.new_label();
        Label done = m.new_label();
        m.mov_imm(Reg::kS0, 0);
        m.bind(back);
        m.cmp(Reg::kS0, 3);
        m.jump_if(Cond::kEqual, done);
        for (int i = 0; i < padding; ++i) m.mov(Reg::kT0, Reg::kT1);
        m.add(Reg::kS0, 1);
        if (conditional) {
          m.jump_if(Cond::kNotEqual, back);
          m.trap();
        } else {
          m.jump(back);
        }
        m.bind(done);
        m.mov(Reg::kRet, Reg::kS0);
      });
      ASSERT_EQ(run(), 3) << padding;
      heap_.release(code_);
    }
  }
}

TEST_P(MasmControl, OneLabelManyBranches) {
  compile([&] {
    Label out = m.new_label();
    for (int i = 0; i < 500; ++i) {
      m.cmp(Reg::kArg1, i);
      m.mov_imm(Reg::kS0, i * 3);
      m.jump_if(Cond::kEqual, out);
    }
    m.mov_imm(Reg::kS0, -1);
    m.bind(out);
    m.mov(Reg::kRet, Reg::kS0);
  });
  EXPECT_EQ(run(0, 0), 0);
  EXPECT_EQ(run(0, 123), 369);
  EXPECT_EQ(run(0, 499), 499 * 3);
  EXPECT_EQ(run(0, 500), -1);
}

TEST_P(MasmControl, LabelAddresses) {
  compile([&] {
    Label before = m.new_label();
    Label after = m.new_label();
    m.bind(before);
    m.lea_label(Reg::kS2, before);
    m.store(cell_mem(0), Reg::kS2);
    m.lea_label(Reg::kThread, after);
    m.store(cell_mem(1), Reg::kThread);
    m.mov_imm(Reg::kRet, 7);
    m.jump_reg(Reg::kThread);
    m.trap();
    m.bind(after);
    EXPECT_TRUE(m.is_bound(after));
    cell(2) = static_cast<int64_t>(m.offset_of(before));
    cell(3) = static_cast<int64_t>(m.offset_of(after));
  });
  EXPECT_EQ(run(), 7);
  EXPECT_EQ(cell(0), reinterpret_cast<int64_t>(code_) + cell(2));
  EXPECT_EQ(cell(1), reinterpret_cast<int64_t>(code_) + cell(3));
}

TEST_P(MasmControl, EmbeddedPointerIsTheLastThingEmitted) {
  for (const void* pointer : {static_cast<const void*>(&cell(0)), reinterpret_cast<const void*>(uintptr_t{5})}) {
    uint32_t end = 0;
    compile([&] {
      m.mov_embedded(Reg::kRet, pointer);
      Label behind = m.new_label();
      m.bind(behind);
      end = m.offset_of(behind);
    });
    EXPECT_EQ(run(), reinterpret_cast<int64_t>(pointer));
    EXPECT_EQ(std::memcmp(code_ + end - sizeof pointer, &pointer, sizeof pointer), 0);
  }
}

TEST_P(MasmControl, JumpThroughMemory) {
  static int64_t far_cell = 0;
  for (bool near : {true, false}) {
    int64_t* target = near ? &cell(0) : &far_cell;
    compile([&] {
      Label there = m.new_label();
      m.lea_label(Reg::kT0, there);
      m.store(Mem::absolute(target), Reg::kT0);
      m.mov_imm(Reg::kRet, 11);
      m.jump_mem(Mem::absolute(target));
      m.trap();
      m.bind(there);
    });
    EXPECT_EQ(run(), 11);
  }
}

// A callee that overwrites every register it may, called in each way from a function that checks the rest survive.
TEST_P(MasmControl, CallsKeepCalleeSavedRegistersAndStack) {
  compile(
      [&] {
        for (Reg reg : kGeneral) m.mov_imm(reg, -1);
        m.store_imm(Mem::at(Reg::kNativeStack, 32), 1234);
        m.mov(Reg::kT0, Reg::kNativeStack);
        m.store(cell_mem(20), Reg::kT0);
        m.mov_imm(Reg::kRet, 42);
      },
      48);
  const uint8_t* callee = code_;
  static const uint8_t* far_target;
  far_target = callee;
  std::memcpy(&cell(10), &callee, sizeof callee);

  compile(
      [&] {
        size_t n = 0;
        m.mov(Reg::kT0, Reg::kNativeStack);
        m.store(cell_mem(21), Reg::kT0);
        for (Mem target : {Mem::absolute(&cell(10)), Mem::absolute(&far_target), Mem{}}) {
          int64_t pattern = 0x1111;
          for (Reg reg : kCalleeSaved) m.mov_imm(reg, pattern += 0x1111);
          if (target.cell != nullptr) {
            m.call_mem(target);
          } else {
            m.mov_ptr(Reg::kT1, callee);
            m.call(Reg::kT1);
          }
          m.store(cell_mem(100 + n++), Reg::kRet);
          for (Reg reg : kCalleeSaved) m.store(cell_mem(100 + n++), reg);
        }
        m.mov(Reg::kT0, Reg::kNativeStack);
        m.store(cell_mem(22), Reg::kT0);
        m.mov_imm(Reg::kRet, 5);
      },
      16);
  EXPECT_EQ(run(), 5);
  size_t n = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cell(100 + n++), 42);
    int64_t pattern = 0x1111;
    for (Reg reg : kCalleeSaved) EXPECT_EQ(cell(100 + n++), pattern += 0x1111) << name(reg);
  }
  EXPECT_EQ(cell(21), cell(22)) << "the stack pointer";
  EXPECT_EQ(cell(20) % 16, 0) << "aligned for calls";
  EXPECT_EQ(cell(21) % 16, 0);
  EXPECT_LT(cell(20), cell(21));
}

TEST_P(MasmControl, LocalsOfEverySize) {
  for (int locals : {0, 16, 112, 128, 4080, 4096, 5008}) {
    compile(
        [&] {
          for (int at = 0; at < locals; at += 8) m.store_imm(Mem::at(Reg::kNativeStack, at), at);
          m.mov_imm(Reg::kS0, 0);
          for (int at = 0; at < locals; at += 8) m.add(Reg::kS0, Mem::at(Reg::kNativeStack, at));
          m.mov(Reg::kRet, Reg::kS0);
        },
        locals);
    int64_t words = locals / 8;
    EXPECT_EQ(run(), 8 * (words * (words - 1) / 2)) << locals;
    heap_.release(code_);
  }
}

TEST_P(MasmControl, UnwindFrameThenTailCall) {
  compile([&] {
    m.add(Reg::kArg1, 1);
    m.mov(Reg::kRet, Reg::kArg1);
  });
  const uint8_t* callee = code_;
  m.reset();
  m.enter(32);
  for (Reg reg : kCalleeSaved) m.mov_imm(reg, -1);
  m.mov_ptr(Reg::kT0, callee);
  m.unwind_frame(32);
  m.jump_reg(Reg::kT0);
  const uint8_t* tail_caller = install();
  compile([&] {
    for (Reg reg : kCalleeSaved) m.mov_imm(reg, 99);
    m.mov_ptr(Reg::kT0, tail_caller);
    m.mov_imm(Reg::kArg1, 6);
    m.call(Reg::kT0);
    for (Reg reg : kCalleeSaved) m.add(Reg::kRet, reg);
  });
  EXPECT_EQ(run(), 7 + 6 * 99);
}

// A thunk returns to its caller, or drops the return address and continues elsewhere in the caller's frame.
TEST_P(MasmControl, Thunks) {
  compile([&] {
    m.mov(Reg::kT0, Reg::kNativeStack);
    m.store(cell_mem(3), Reg::kT0);
    m.mov_imm(Reg::kRet, 30);
  });
  const uint8_t* helper = code_;
  m.reset();
  Label elsewhere = m.new_label();
  m.enter_thunk();
  m.mov_ptr(Reg::kT0, helper);
  m.call(Reg::kT0);
  m.leave_thunk();
  m.cmp(Reg::kFrame, 0);
  m.jump_if(Cond::kNotEqual, elsewhere);
  m.ret();
  m.bind(elsewhere);
  m.drop_return_address();
  m.jump_reg(Reg::kFrame);
  const uint8_t* thunk = install();
  for (bool drop : {false, true}) {
    compile(
        [&] {
          Label there = m.new_label();
          Label done = m.new_label();
          m.mov(Reg::kT0, Reg::kNativeStack);
          m.store(cell_mem(0), Reg::kT0);
          if (drop) {
            m.lea_label(Reg::kFrame, there);
          } else {
            m.mov_imm(Reg::kFrame, 0);
          }
          m.mov_ptr(Reg::kT1, thunk);
          m.call(Reg::kT1);
          m.add(Reg::kRet, 1);
          m.jump(done);
          m.bind(there);
          m.add(Reg::kRet, 2);
          m.bind(done);
          m.mov(Reg::kT0, Reg::kNativeStack);
          m.store(cell_mem(1), Reg::kT0);
        },
        16);
    EXPECT_EQ(run(), drop ? 32 : 31);
    EXPECT_EQ(cell(0), cell(1)) << "the stack is level in both ways out";
    EXPECT_EQ(cell(3) % 16, 0) << "aligned inside the helper";
    heap_.release(code_);
  }
}

TEST_P(MasmControl, AlignPadsWithHarmlessInstructions) {
  for (int unit : {1, 2, 4, 8, 16, 32, 64}) {
    for (int before = 0; before < 8; ++before) {
      int64_t result = run_body([&] {
        m.mov_imm(Reg::kS0, 1);
        for (int i = 0; i < before; ++i) m.add(Reg::kS0, 1);
        m.align(unit);
        EXPECT_EQ(m.size() % static_cast<size_t>(unit), 0u);
        m.mov(Reg::kRet, Reg::kS0);
      });
      EXPECT_EQ(result, before + 1);
    }
  }
}

TEST_P(MasmControl, UnboundLabelFails) {
  m.reset();
  Label label = m.new_label();
  EXPECT_FALSE(m.is_bound(label));
  m.jump(label);
  EXPECT_FALSE(m.failed());
  CodeBuffer buffer = m.finish();
  EXPECT_TRUE(m.failed());
  EXPECT_EQ(buffer.bytes, nullptr);
  EXPECT_EQ(heap_.install(buffer), nullptr);
  m.reset();
  EXPECT_FALSE(m.failed());
}

TEST_P(MasmControl, UnusedUnboundLabelIsHarmless) {
  int64_t result = run_body([&] {
    m.new_label();
    m.mov_imm(Reg::kRet, 3);
  });
  EXPECT_EQ(result, 3);
}

TEST_P(MasmControl, MisuseFailsAndStaysFailed) {
  auto fails = [&](auto misuse) {
    m.reset();
    misuse();
    m.mov(Reg::kRet, Reg::kT0);
    bool failed = m.failed();
    m.finish();
    return failed && m.failed();
  };
  EXPECT_TRUE(fails([&] { m.jump(Label{}); }));
  EXPECT_TRUE(fails([&] { m.bind(Label{5}); }));
  EXPECT_TRUE(fails([&] {
    Label label = m.new_label();
    m.bind(label);
    m.bind(label);
  }));
  EXPECT_TRUE(fails([&] { m.load(Reg::kRet, Mem::indexed(Reg::kT0, Reg::kNativeStack, 1)); }));
  EXPECT_TRUE(fails([&] { m.load(Reg::kRet, Mem::indexed(Reg::kT0, Reg::kT1, 3)); }));
  EXPECT_TRUE(fails([&] { m.shl(Reg::kRet, 64); }));
  EXPECT_TRUE(fails([&] { m.sar(Reg::kRet, -1); }));
  EXPECT_TRUE(fails([&] { m.enter(8); }));
  EXPECT_TRUE(fails([&] { m.align(3); }));
  EXPECT_TRUE(fails([&] { m.fjump_if(Cond::kEqual, m.new_label()); }));
  m.reset();
  EXPECT_FALSE(m.failed());
}

TEST_P(MasmControl, AnEndlessFunctionFailsInsteadOfGrowingForever) {
  m.reset();
  m.enter(0);
  for (int i = 0; i < 20'000'000 && !m.failed(); ++i) m.mov_imm(Reg::kT0, 0x123456789ABCDEF);
  EXPECT_TRUE(m.failed());
  Label label = m.new_label();
  m.bind(label);
  m.jump(label);
  m.leave(0);
  EXPECT_EQ(m.finish().bytes, nullptr);
  EXPECT_EQ(run_body([&] { m.mov_imm(Reg::kRet, 8); }), 8) << "usable again after reset()";
}

TEST_P(MasmControl, ResetForgetsLabelsAndCode) {
  for (int i = 0; i < 100; ++i) {
    int64_t result = run_body([&] {
      Label a = m.new_label();
      EXPECT_EQ(a.id, 0);
      m.mov_imm(Reg::kRet, i);
      m.jump(a);
      m.trap();
      m.bind(a);
    });
    ASSERT_EQ(result, i);
  }
  EXPECT_EQ(heap_.stats().code_bytes, 0u);
}

TEST(Masm, OnlyLinkedBackEndsAreMade) {
  EXPECT_NE(make_masm(kHostCpu, {}), nullptr);
  EXPECT_EQ(make_masm(kHostCpu == Cpu::kX64 ? Cpu::kA64 : Cpu::kX64, {}), nullptr);
  EXPECT_EQ(make_masm(static_cast<Cpu>(9), {}), nullptr);
}

TEST(Masm, RegistersHaveDistinctNames) {
  for (Reg a : kGeneral) {
    for (Reg b : kGeneral) EXPECT_EQ(a == b, std::string(name(a)) == name(b));
  }
}

WHIPSNAKE_FOR_EVERY_CPU(MasmControl);

}  // namespace
}  // namespace whipsnake
