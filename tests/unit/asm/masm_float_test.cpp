// Double-precision arithmetic, conversions and conditions, with NaN, infinities and signed zeros.
#include <cmath>
#include <cstring>

#include "tests/unit/asm/machine.h"

namespace whipsnake {
namespace {

constexpr FReg kFloats[] = {FReg::kF0, FReg::kF1, FReg::kF2, FReg::kF3, FReg::kF4, FReg::kF5, FReg::kF6, FReg::kF7};

const std::vector<double>& float_values() {
  using Limits = std::numeric_limits<double>;
  static const std::vector<double> values = {0.0,
                                             -0.0,
                                             1.0,
                                             -1.0,
                                             0.5,
                                             -2.75,
                                             1e300,
                                             -1e300,
                                             1e-300,
                                             Limits::min(),
                                             Limits::max(),
                                             Limits::denorm_min(),
                                             Limits::infinity(),
                                             -Limits::infinity(),
                                             Limits::quiet_NaN(),
                                             3.0,
                                             9007199254740993.0,
                                             123456.789};
  return values;
}

class MasmFloat : public MasmTest {
 protected:
  int64_t bits_of(double d) { return std::bit_cast<int64_t>(d); }
  double value_at(size_t i) { return std::bit_cast<double>(cell(i)); }

  // Equal bits, or both NaN: which NaN an operation gives differs between CPUs.
  static bool agrees(double got, double expected) {
    return std::isnan(expected) ? std::isnan(got) : std::bit_cast<int64_t>(got) == std::bit_cast<int64_t>(expected);
  }

  template <typename Emit, typename Model>
  void check_binary(Emit emit, Model model) {
    for (FReg dst : kFloats) {
      for (FReg src : kFloats) {
        compile([&] {
          m.fload(src, cell_mem(1));
          m.fload(dst, cell_mem(0));
          emit(dst, src);
          m.fstore(cell_mem(2), dst);
        });
        for (double a : float_values()) {
          for (double b : float_values()) {
            cell(0) = bits_of(a);
            cell(1) = bits_of(b);
            run();
            ASSERT_TRUE(agrees(value_at(2), model(a, dst == src ? a : b)))
                << a << ", " << b << ": " << value_at(2) << " in " << int(dst) << ", " << int(src);
          }
        }
        heap_.release(code_);
      }
    }
  }
};

TEST_P(MasmFloat, Arithmetic) {
  check_binary([&](FReg d, FReg s) { m.fadd(d, s); }, [](double a, double b) { return a + b; });
  check_binary([&](FReg d, FReg s) { m.fsub(d, s); }, [](double a, double b) { return a - b; });
  check_binary([&](FReg d, FReg s) { m.fmul(d, s); }, [](double a, double b) { return a * b; });
  check_binary([&](FReg d, FReg s) { m.fdiv(d, s); }, [](double a, double b) { return a / b; });
  check_binary([&](FReg d, FReg s) { m.fsqrt(d, s); }, [](double, double b) { return std::sqrt(b); });
  check_binary([&](FReg d, FReg s) { m.fmov(d, s); }, [](double, double b) { return b; });
}

TEST_P(MasmFloat, NegAndZero) {
  for (FReg reg : kFloats) {
    compile([&] {
      m.fload(reg, cell_mem(0));
      m.fneg(reg);
      m.fstore(cell_mem(1), reg);
      m.fzero(reg);
      m.fstore(cell_mem(2), reg);
    });
    for (double a : float_values()) {
      cell(0) = bits_of(a);
      run();
      ASSERT_EQ(cell(1), bits_of(a) ^ std::numeric_limits<int64_t>::min()) << "the sign bit flips, also of NaN";
      ASSERT_EQ(cell(2), 0);
    }
    heap_.release(code_);
  }
}

TEST_P(MasmFloat, LoadsAndStoresThroughRegisters) {
  cell(5) = bits_of(6.25);
  int64_t result = run_body([&] {
    m.mov_ptr(Reg::kS2, &cell(4));
    m.mov_imm(Reg::kThread, 1);
    m.fload(FReg::kF7, Mem::at(Reg::kS2, 8));
    m.fstore(Mem::indexed(Reg::kS2, Reg::kThread, 8, 8), FReg::kF7);
    m.fload(FReg::kF0, Mem::indexed(Reg::kS2, Reg::kThread, 8));
    m.fmov_bits(Reg::kRet, FReg::kF0);
  });
  EXPECT_EQ(result, bits_of(6.25));
  EXPECT_EQ(cell(6), bits_of(6.25));
}

TEST_P(MasmFloat, BitsMoveBothWays) {
  for (FReg freg : kFloats) {
    for (Reg reg : kGeneral) {
      int64_t result = run_body([&] {
        m.mov_imm(reg, 0x7FF123456789ABCD);
        m.fmov_bits(freg, reg);
        m.mov_imm(reg, 0);
        m.fmov_bits(reg, freg);
        m.mov(Reg::kRet, reg);
      });
      ASSERT_EQ(result, 0x7FF123456789ABCD);
    }
  }
}

TEST_P(MasmFloat, IntegersBecomeFloats) {
  for (FReg freg : kFloats) {
    compile([&] {
      m.mov(Reg::kS2, Reg::kArg0);
      m.int_to_float(freg, Reg::kS2);
      m.fmov_bits(Reg::kRet, freg);
    });
    for (int64_t value : edge_values()) ASSERT_EQ(run(value), bits_of(static_cast<double>(value))) << value;
    for (int64_t value : {int64_t{9007199254740993}, int64_t{9007199254740995}, int64_t{-9007199254740993}}) {
      ASSERT_EQ(run(value), bits_of(static_cast<double>(value))) << value;
    }
    heap_.release(code_);
  }
}

TEST_P(MasmFloat, FloatsAreTruncated) {
  compile([&] {
    m.fmov_bits(FReg::kF5, Reg::kArg0);
    m.float_to_int(Reg::kS0, FReg::kF5);
    m.mov(Reg::kRet, Reg::kS0);
  });
  for (double value :
       {0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 2.0, 1e15, -1e15, 9.2e18, -9223372036854775808.0, 4294967296.5}) {
    ASSERT_EQ(run(bits_of(value)), static_cast<int64_t>(value)) << value;
  }
  for (double value : float_values()) run(bits_of(value));  // out of range: any value, but no trap
}

bool holds(Cond cond, double a, double b) {
  switch (cond) {
    case Cond::kFEqual: return a == b;
    case Cond::kFNotEqual: return a != b;
    case Cond::kFLess: return a < b;
    case Cond::kFLessEqual: return a <= b;
    case Cond::kFGreater: return a > b;
    case Cond::kFGreaterEqual: return a >= b;
    default: return std::isunordered(a, b);
  }
}

TEST_P(MasmFloat, ConditionsWithNan) {
  for (Cond cond : {Cond::kFEqual, Cond::kFNotEqual, Cond::kFLess, Cond::kFLessEqual, Cond::kFGreater,
                    Cond::kFGreaterEqual, Cond::kFUnordered}) {
    for (Reg reg : kGeneral) {
      compile([&] {
        Label back = m.new_label();
        Label start = m.new_label();
        Label taken = m.new_label();
        Label joined = m.new_label();
        m.fmov_bits(FReg::kF1, Reg::kArg0);
        m.fmov_bits(FReg::kF6, Reg::kArg1);
        m.jump(start);
        m.bind(back);
        m.or_(Reg::kS1, 8);
        m.jump(joined);

        m.bind(start);
        m.fcmp(FReg::kF1, FReg::kF6);
        m.fset_if(cond, reg);
        m.mov(Reg::kS1, reg);
        m.fcmp(FReg::kF1, FReg::kF6);
        m.set_if(cond, reg);
        m.shl(reg, 1);
        m.or_(Reg::kS1, reg);
        m.fcmp(FReg::kF1, FReg::kF6);
        m.fjump_if(cond, taken);
        m.jump(joined);
        m.bind(taken);
        m.or_(Reg::kS1, 4);
        m.fcmp(FReg::kF1, FReg::kF6);
        m.jump_if(cond, back);
        m.bind(joined);
        m.mov(Reg::kRet, Reg::kS1);
      });
      if (reg == Reg::kS1) continue;
      for (double a : float_values()) {
        for (double b : float_values()) {
          ASSERT_EQ(run(bits_of(a), bits_of(b)), holds(cond, a, b) ? 15 : 0)
              << "condition " << int(cond) << ": " << a << ", " << b << " in " << name(reg);
        }
      }
      heap_.release(code_);
    }
  }
}

TEST_P(MasmFloat, FcmpOnEveryRegister) {
  cell(0) = bits_of(1.0);
  cell(1) = bits_of(2.0);
  size_t n = 2;
  compile([&] {
    for (FReg a : kFloats) {
      for (FReg b : kFloats) {
        m.fload(a, cell_mem(0));
        m.fload(b, cell_mem(1));
        m.fcmp(a, b);
        m.fset_if(Cond::kFLess, Reg::kT0);
        m.store(cell_mem(n++), Reg::kT0);
      }
    }
  });
  run();
  for (size_t i = 2; i < n; ++i) EXPECT_EQ(cell(i), (i - 2) / 8 == (i - 2) % 8 ? 0 : 1);
}

WHIPSNAKE_FOR_EVERY_CPU(MasmFloat);

}  // namespace
}  // namespace whipsnake
