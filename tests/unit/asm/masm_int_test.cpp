// Integer arithmetic: every operation compared with C++ over edge values, immediates and registers.
#include "tests/unit/asm/machine.h"

namespace whipsnake {
namespace {

using Divide = void (Masm::*)(Reg quotient, Reg remainder, Reg dividend, Reg divisor);

class MasmInt : public MasmTest {
 protected:
  // Quotient, remainder and both operands of kArg0 and kArg1 go to cells.
  void compile_division(Divide divide) {
    compile([&] {
      m.mov(Reg::kT0, Reg::kArg0);
      m.mov(Reg::kT1, Reg::kArg1);
      (m.*divide)(Reg::kS0, Reg::kS1, Reg::kT0, Reg::kT1);
      m.store(cell_mem(0), Reg::kS0);
      m.store(cell_mem(1), Reg::kS1);
      m.store(cell_mem(2), Reg::kT0);
      m.store(cell_mem(3), Reg::kT1);
    });
  }

  // kRet = kArg0 with `operation` applied to it and kArg1, for all pairs of edge values.
  template <typename Emit, typename Model>
  void check_binary(Emit emit, Model model) {
    compile([&] {
      m.mov(Reg::kT0, Reg::kArg0);
      emit(Reg::kT0, Reg::kArg1);
      m.mov(Reg::kRet, Reg::kT0);
    });
    for (int64_t a : edge_values()) {
      for (int64_t b : edge_values()) ASSERT_EQ(run(a, b), model(a, b)) << a << ", " << b;
    }
  }

  template <typename Emit, typename Model>
  void check_immediate(Emit emit, Model model) {
    for (int32_t imm : edge_immediates()) {
      compile([&] {
        m.mov(Reg::kT0, Reg::kArg0);
        emit(Reg::kT0, imm);
        m.mov(Reg::kRet, Reg::kT0);
      });
      for (int64_t a : edge_values()) ASSERT_EQ(run(a), model(a, imm)) << a << ", " << imm;
      heap_.release(code_);
    }
  }

  // `operation` on every pair of registers: each result goes to a cell of its own.
  template <typename Emit, typename Model>
  void check_registers(Emit emit, Model model) {
    constexpr int64_t kA = 0x7123456789ABCDEF;
    constexpr int64_t kB = 13;
    std::vector<int64_t> expected;
    compile([&] {
      for (Reg dst : kGeneral) {
        for (Reg src : kGeneral) {
          m.mov_imm(dst, kA);
          if (!same(dst, src)) m.mov_imm(src, kB);
          emit(dst, src);
          m.store(cell_mem(expected.size()), dst);
          expected.push_back(same(dst, src) ? model(kA, kA) : model(kA, kB));
        }
      }
    });
    run();
    size_t i = 0;
    for (Reg dst : kGeneral) {
      for (Reg src : kGeneral) {
        EXPECT_EQ(cell(i), expected[i]) << name(dst) << ", " << name(src);
        ++i;
      }
    }
    heap_.release(code_);
  }
};

TEST_P(MasmInt, Add) {
  auto emit = [&](Reg d, Reg s) { m.add(d, s); };
  auto model = [](int64_t a, int64_t b) { return wrap(bits(a) + bits(b)); };
  check_binary(emit, model);
  check_registers(emit, model);
  check_immediate([&](Reg d, int32_t imm) { m.add(d, imm); }, model);
}

TEST_P(MasmInt, Sub) {
  auto emit = [&](Reg d, Reg s) { m.sub(d, s); };
  auto model = [](int64_t a, int64_t b) { return wrap(bits(a) - bits(b)); };
  check_binary(emit, model);
  check_registers(emit, model);
  check_immediate([&](Reg d, int32_t imm) { m.sub(d, imm); }, model);
}

TEST_P(MasmInt, Add32ClearsTheUpperHalf) {
  auto emit = [&](Reg d, Reg s) { m.add32(d, s); };
  auto model = [](int64_t a, int64_t b) { return zero_extended(wrap(bits(a) + bits(b))); };
  check_binary(emit, model);
  check_registers(emit, model);
  check_immediate([&](Reg d, int32_t imm) { m.add32(d, imm); }, model);
}

TEST_P(MasmInt, Sub32ClearsTheUpperHalf) {
  auto emit = [&](Reg d, Reg s) { m.sub32(d, s); };
  auto model = [](int64_t a, int64_t b) { return zero_extended(wrap(bits(a) - bits(b))); };
  check_binary(emit, model);
  check_registers(emit, model);
  check_immediate([&](Reg d, int32_t imm) { m.sub32(d, imm); }, model);
}

TEST_P(MasmInt, And) {
  auto emit = [&](Reg d, Reg s) { m.and_(d, s); };
  auto model = [](int64_t a, int64_t b) { return a & b; };
  check_binary(emit, model);
  check_registers(emit, model);
  check_immediate([&](Reg d, int32_t imm) { m.and_(d, imm); }, model);
}

TEST_P(MasmInt, Or) {
  auto emit = [&](Reg d, Reg s) { m.or_(d, s); };
  auto model = [](int64_t a, int64_t b) { return a | b; };
  check_binary(emit, model);
  check_registers(emit, model);
  check_immediate([&](Reg d, int32_t imm) { m.or_(d, imm); }, model);
}

TEST_P(MasmInt, Xor) {
  auto emit = [&](Reg d, Reg s) { m.xor_(d, s); };
  auto model = [](int64_t a, int64_t b) { return a ^ b; };
  check_binary(emit, model);
  check_registers(emit, model);
  check_immediate([&](Reg d, int32_t imm) { m.xor_(d, imm); }, model);
}

TEST_P(MasmInt, Mul) {
  auto emit = [&](Reg d, Reg s) { m.mul(d, s); };
  auto model = [](int64_t a, int64_t b) { return wrap(bits(a) * bits(b)); };
  check_binary(emit, model);
  check_registers(emit, model);
}

TEST_P(MasmInt, MulOverflowIsNoticedExactly) {
  compile([&] {
    Label overflow = m.new_label();
    Label done = m.new_label();
    m.mov(Reg::kT0, Reg::kArg0);
    m.mul_ov(Reg::kT0, Reg::kArg1, overflow);
    m.mov_imm(Reg::kRet, 0);
    m.jump(done);
    m.bind(overflow);
    m.mov_imm(Reg::kRet, 1);
    m.bind(done);
    m.store(cell_mem(0), Reg::kT0);
  });
  std::vector<int64_t> values = edge_values();
  for (int64_t v : {int64_t{3037000499}, int64_t{3037000500}, int64_t{-3037000500}, int64_t{1} << 31}) {
    values.push_back(v);
  }
  for (int64_t a : values) {
    for (int64_t b : values) {
      int64_t product;
      bool overflows = __builtin_mul_overflow(a, b, &product);
      ASSERT_EQ(run(a, b), overflows ? 1 : 0) << a << " * " << b;
      ASSERT_EQ(cell(0), product);
    }
  }
}

TEST_P(MasmInt, DivSigned) {
  compile_division(&Masm::div_signed);
  for (int64_t a : edge_values()) {
    for (int64_t b : edge_values()) {
      if (b == 0 || (b == -1 && a == std::numeric_limits<int64_t>::min())) continue;
      run(a, b);
      ASSERT_EQ(cell(0), a / b) << a << " / " << b;
      ASSERT_EQ(cell(1), a % b) << a << " % " << b;
      ASSERT_EQ(cell(2), a) << "the dividend survives";
      ASSERT_EQ(cell(3), b) << "the divisor survives";
    }
  }
}

// The high halves do not matter.
TEST_P(MasmInt, DivSigned32) {
  compile_division(&Masm::div_signed32);
  for (int64_t a : edge_values()) {
    for (int64_t b : edge_values()) {
      const auto dividend = static_cast<int32_t>(a);
      const auto divisor = static_cast<int32_t>(b);
      if (divisor == 0 || (divisor == -1 && dividend == std::numeric_limits<int32_t>::min())) continue;
      run(a, b);
      ASSERT_EQ(cell(0), dividend / divisor) << a << " / " << b;
      ASSERT_EQ(cell(1), dividend % divisor) << a << " % " << b;
      ASSERT_EQ(cell(2), a) << "the dividend survives";
      ASSERT_EQ(cell(3), b) << "the divisor survives";
    }
  }
}

constexpr Divide kDivisions[] = {&Masm::div_signed, &Masm::div_signed32};

// All placements that the contract allows: quotient, remainder and divisor distinct, the dividend anywhere.
TEST_P(MasmInt, DivSignedWithEveryPlacement) {
  constexpr int64_t kDividend = -1000003;
  constexpr int64_t kDivisor = 17;
  for (size_t round = 0; round < 2 * std::size(kGeneral); ++round) {
    const Reg dividend = kGeneral[round / 2];
    const Divide divide = kDivisions[round % 2];
    std::vector<std::string> where;
    compile([&] {
      for (Reg divisor : kGeneral) {
        for (Reg quotient : kGeneral) {
          for (Reg remainder : kGeneral) {
            if (same(quotient, divisor) || same(remainder, divisor) || same(quotient, remainder)) continue;
            if (same(dividend, divisor)) continue;
            m.mov_imm(dividend, kDividend);
            m.mov_imm(divisor, kDivisor);
            (m.*divide)(quotient, remainder, dividend, divisor);
            m.store(cell_mem(where.size() * 2), quotient);
            m.store(cell_mem(where.size() * 2 + 1), remainder);
            where.push_back(std::string(name(quotient)) + " " + name(remainder) + " <- " + name(dividend) + " / " +
                            name(divisor));
          }
        }
      }
    });
    run();
    for (size_t i = 0; i < where.size(); ++i) {
      ASSERT_EQ(cell(2 * i), kDividend / kDivisor) << where[i];
      ASSERT_EQ(cell(2 * i + 1), kDividend % kDivisor) << where[i];
    }
    heap_.release(code_);
  }
}

TEST_P(MasmInt, DivSignedMayDropOneResult) {
  for (const Divide divide : kDivisions) {
    const auto result = [&](Reg quotient, Reg remainder) {
      return run_body(
          [&] {
            m.mov(Reg::kT0, Reg::kArg0);
            m.mov(Reg::kT1, Reg::kArg1);
            (m.*divide)(quotient, remainder, Reg::kT0, Reg::kT1);
          },
          -100, 7);
    };
    EXPECT_EQ(result(Reg::kRet, Reg::kNone), -14);
    EXPECT_EQ(result(Reg::kNone, Reg::kRet), -2);
  }
}

TEST_P(MasmInt, NegAndNot) {
  for (Reg reg : kGeneral) {
    compile([&] {
      m.mov(reg, Reg::kArg0);
      m.neg(reg);
      m.store(cell_mem(0), reg);
      m.not_(reg);
      m.store(cell_mem(1), reg);
    });
    for (int64_t a : edge_values()) {
      run(a);
      ASSERT_EQ(cell(0), wrap(0 - bits(a))) << name(reg);
      ASSERT_EQ(cell(1), wrap(~(0 - bits(a)))) << name(reg);
    }
    heap_.release(code_);
  }
}

TEST_P(MasmInt, ShiftsByConstants) {
  for (int count = 0; count < 64; ++count) {
    compile([&] {
      m.mov(Reg::kT0, Reg::kArg0);
      m.mov(Reg::kT1, Reg::kArg0);
      m.mov(Reg::kS2, Reg::kArg0);
      m.shl(Reg::kT0, count);
      m.shr(Reg::kT1, count);
      m.sar(Reg::kS2, count);
      m.store(cell_mem(0), Reg::kT0);
      m.store(cell_mem(1), Reg::kT1);
      m.store(cell_mem(2), Reg::kS2);
    });
    for (int64_t a : edge_values()) {
      run(a);
      ASSERT_EQ(cell(0), wrap(bits(a) << count)) << a << " << " << count;
      ASSERT_EQ(cell(1), wrap(bits(a) >> count)) << a << " >> " << count;
      ASSERT_EQ(cell(2), a >> count) << a << " >> " << count;
    }
    heap_.release(code_);
  }
}

TEST_P(MasmInt, ShiftsByRegisters) {
  auto shl = [](int64_t a, int64_t n) { return wrap(bits(a) << (n & 63)); };
  auto shr = [](int64_t a, int64_t n) { return wrap(bits(a) >> (n & 63)); };
  auto sar = [](int64_t a, int64_t n) { return a >> (n & 63); };
  check_registers([&](Reg d, Reg s) { m.shl(d, s); }, shl);
  check_registers([&](Reg d, Reg s) { m.shr(d, s); }, shr);
  check_registers([&](Reg d, Reg s) { m.sar(d, s); }, sar);
  compile([&] {
    m.mov(Reg::kT0, Reg::kArg0);
    m.mov(Reg::kT1, Reg::kArg0);
    m.mov(Reg::kT2, Reg::kArg0);
    m.mov(Reg::kS0, Reg::kArg1);
    m.shl(Reg::kT0, Reg::kS0);
    m.shr(Reg::kT1, Reg::kS0);
    m.sar(Reg::kT2, Reg::kS0);
    m.store(cell_mem(0), Reg::kT0);
    m.store(cell_mem(1), Reg::kT1);
    m.store(cell_mem(2), Reg::kT2);
    m.store(cell_mem(3), Reg::kS0);
  });
  for (int64_t a : edge_values()) {
    for (int64_t count = 0; count < 64; ++count) {
      run(a, count);
      ASSERT_EQ(cell(0), shl(a, count)) << a << " << " << count;
      ASSERT_EQ(cell(1), shr(a, count)) << a << " >> " << count;
      ASSERT_EQ(cell(2), sar(a, count)) << a << " >> " << count;
      ASSERT_EQ(cell(3), count) << "the count survives";
    }
  }
}

TEST_P(MasmInt, SignExtend32) {
  auto emit = [&](Reg d, Reg s) { m.sign_extend32(d, s); };
  auto model = [](int64_t, int64_t b) { return int64_t{static_cast<int32_t>(b)}; };
  check_binary(emit, model);
  check_registers(emit, model);
}

TEST_P(MasmInt, ArithmeticWithMemory) {
  compile([&] {
    m.mov(Reg::kT0, Reg::kArg0);
    m.store(cell_mem(0), Reg::kArg1);
    m.add(Reg::kT0, cell_mem(0));
    m.mov(Reg::kT1, Reg::kArg0);
    m.sub(Reg::kT1, cell_mem(0));
    m.store(cell_mem(1), Reg::kT0);
    m.store(cell_mem(2), Reg::kT1);
  });
  for (int64_t a : edge_values()) {
    for (int64_t b : edge_values()) {
      run(a, b);
      ASSERT_EQ(cell(1), wrap(bits(a) + bits(b)));
      ASSERT_EQ(cell(2), wrap(bits(a) - bits(b)));
    }
  }
}

TEST_P(MasmInt, AddToMemory) {
  for (int32_t imm : edge_immediates()) {
    compile([&] {
      m.add_mem(cell_mem(0), imm);
      m.add_mem32(cell_mem(1), imm);
      m.mov_ptr(Reg::kT0, &cell(4));
      m.mov_imm(Reg::kT1, -1);
      m.add_mem(Mem::indexed(Reg::kT0, Reg::kT1, 8, -8), imm);  // cell 2
      m.add_mem32(Mem::at(Reg::kT0, -8), imm);                  // cell 3
    });
    for (int64_t a : edge_values()) {
      for (size_t i = 0; i < 4; ++i) cell(i) = a;
      run();
      int64_t wide = wrap(bits(a) + bits(imm));
      int64_t narrow = wrap((bits(a) & 0xFFFFFFFF00000000) | bits(zero_extended(wide)));
      ASSERT_EQ(cell(0), wide) << a << " + " << imm;
      ASSERT_EQ(cell(1), narrow) << a << " + " << imm;
      ASSERT_EQ(cell(2), wide) << a << " + " << imm;
      ASSERT_EQ(cell(3), narrow) << a << " + " << imm;
    }
    heap_.release(code_);
  }
}

WHIPSNAKE_FOR_EVERY_CPU(MasmInt);

}  // namespace
}  // namespace whipsnake
