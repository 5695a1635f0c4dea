// Comparisons and conditions: each flag-setting operation with each condition it promises, as a jump, as a value and
// as a selection.
#include <functional>

#include "tests/unit/asm/machine.h"

namespace whipsnake {
namespace {

constexpr Cond kIntConds[] = {Cond::kEqual,   Cond::kNotEqual,     Cond::kLess,     Cond::kLessEqual,
                              Cond::kGreater, Cond::kGreaterEqual, Cond::kBelow,    Cond::kBelowEqual,
                              Cond::kAbove,   Cond::kAboveEqual,   Cond::kOverflow, Cond::kNoOverflow,
                              Cond::kSign,    Cond::kNotSign};

// What a comparison of a and b, as T, makes of `cond`.
template <typename T>
bool compares(Cond cond, T a, T b) {
  using U = std::make_unsigned_t<T>;
  auto ua = static_cast<U>(a);
  auto ub = static_cast<U>(b);
  T difference;
  bool overflow = __builtin_sub_overflow(a, b, &difference);
  switch (cond) {
    case Cond::kEqual: return a == b;
    case Cond::kNotEqual: return a != b;
    case Cond::kLess: return a < b;
    case Cond::kLessEqual: return a <= b;
    case Cond::kGreater: return a > b;
    case Cond::kGreaterEqual: return a >= b;
    case Cond::kBelow: return ua < ub;
    case Cond::kBelowEqual: return ua <= ub;
    case Cond::kAbove: return ua > ub;
    case Cond::kAboveEqual: return ua >= ub;
    case Cond::kOverflow: return overflow;
    case Cond::kNoOverflow: return !overflow;
    case Cond::kSign: return difference < 0;
    case Cond::kNotSign: return difference >= 0;
    default: return false;
  }
}

bool is_unsigned(Cond cond) { return cond >= Cond::kBelow && cond <= Cond::kAboveEqual; }
bool is_overflow(Cond cond) { return cond == Cond::kOverflow || cond == Cond::kNoOverflow; }
bool is_sign(Cond cond) { return cond == Cond::kSign || cond == Cond::kNotSign; }

class MasmCond : public MasmTest {
 protected:
  // Runs `set_flags` once per condition and form, on all a and b: bit 2i+k of the result is condition i in form k.
  void check(const std::function<void()>& set_flags, const std::function<bool(Cond)>& promised,
             const std::function<bool(Cond, int64_t, int64_t)>& model, const std::vector<int64_t>& as,
             const std::vector<int64_t>& bs) {
    for (Cond cond : kIntConds) {
      if (!promised(cond)) continue;
      compile([&] {
        m.mov(Reg::kS0, Reg::kArg0);
        m.mov(Reg::kS1, Reg::kArg1);
        auto operands = [&] {
          m.mov(Reg::kT0, Reg::kS0);
          m.mov(Reg::kT1, Reg::kS1);
          m.store(cell_mem(0), Reg::kS0);
          m.store(cell_mem(1), Reg::kS1);
        };
        Label taken = m.new_label();
        Label joined = m.new_label();
        operands();
        set_flags();
        m.jump_if(cond, taken);
        m.mov_imm(Reg::kS2, 0);
        m.jump(joined);
        m.bind(taken);
        m.mov_imm(Reg::kS2, 1);
        m.bind(joined);

        operands();
        set_flags();
        m.set_if(cond, Reg::kT2);
        m.shl(Reg::kT2, 1);
        m.or_(Reg::kS2, Reg::kT2);

        operands();
        m.mov_imm(Reg::kT2, 0);
        m.mov_imm(Reg::kFrame, 4);
        set_flags();
        m.select_if(cond, Reg::kT2, Reg::kFrame);
        m.or_(Reg::kS2, Reg::kT2);
        m.mov(Reg::kRet, Reg::kS2);
      });
      for (int64_t a : as) {
        for (int64_t b : bs) {
          ASSERT_EQ(run(a, b), model(cond, a, b) ? 7 : 0) << "condition " << int(cond) << ": " << a << ", " << b;
        }
      }
      heap_.release(code_);
    }
  }

  void check_pairs(const std::function<void()>& set_flags, const std::function<bool(Cond)>& promised,
                   const std::function<bool(Cond, int64_t, int64_t)>& model) {
    check(set_flags, promised, model, edge_values(), edge_values());
  }
  void check_immediates(const std::function<void(int32_t)>& set_flags, const std::function<bool(Cond)>& promised,
                        const std::function<bool(Cond, int64_t, int64_t)>& model) {
    for (int32_t imm : edge_immediates()) check([&] { set_flags(imm); }, promised, model, edge_values(), {imm});
  }
};

bool all(Cond) { return true; }
bool compare64(Cond cond, int64_t a, int64_t b) { return compares<int64_t>(cond, a, b); }
bool compare32(Cond cond, int64_t a, int64_t b) {
  return compares<int32_t>(cond, static_cast<int32_t>(a), static_cast<int32_t>(b));
}
// A result compared with zero: what logical operations promise.
bool zero_and_sign(Cond cond) { return !is_unsigned(cond) && !is_overflow(cond); }

TEST_P(MasmCond, CmpRegisters) {
  check_pairs([&] { m.cmp(Reg::kT0, Reg::kT1); }, all, compare64);
}
TEST_P(MasmCond, Cmp32Registers) {
  check_pairs([&] { m.cmp32(Reg::kT0, Reg::kT1); }, all, compare32);
}
TEST_P(MasmCond, CmpRegisterWithMemory) {
  check_pairs([&] { m.cmp(Reg::kT0, cell_mem(1)); }, all, compare64);
}
TEST_P(MasmCond, Cmp32RegisterWithMemory) {
  check_pairs([&] { m.cmp32(Reg::kT0, cell_mem(1)); }, all, compare32);
}
TEST_P(MasmCond, CmpRegisterWithImmediate) {
  check_immediates([&](int32_t imm) { m.cmp(Reg::kT0, imm); }, all, compare64);
}
TEST_P(MasmCond, Cmp32RegisterWithImmediate) {
  check_immediates([&](int32_t imm) { m.cmp32(Reg::kT0, imm); }, all, compare32);
}
TEST_P(MasmCond, CmpMemoryWithImmediate) {
  check_immediates([&](int32_t imm) { m.cmp(cell_mem(0), imm); }, all, compare64);
}
TEST_P(MasmCond, Cmp32MemoryWithImmediate) {
  check_immediates([&](int32_t imm) { m.cmp32(cell_mem(0), imm); }, all, compare32);
}
TEST_P(MasmCond, CmpByteOfMemoryWithImmediate) {
  auto promised = [](Cond cond) { return !is_overflow(cond) && !is_sign(cond); };
  auto model = [](Cond cond, int64_t a, int64_t b) {
    return compares<int8_t>(cond, static_cast<int8_t>(a), static_cast<int8_t>(b));
  };
  for (int imm : {0, 1, -1, 2, 100, 127, -128}) {
    check([&] { m.cmp8(cell_mem(0), static_cast<int8_t>(imm)); }, promised, model, edge_values(), {imm});
  }
}
TEST_P(MasmCond, CmpPointer) {
  for (int64_t pointer : edge_values()) {
    check([&] { m.cmp_ptr(Reg::kT0, reinterpret_cast<const void*>(pointer)); }, all, compare64, edge_values(),
          {pointer});
  }
  const auto inside = reinterpret_cast<int64_t>(&cell(7));
  check([&] { m.cmp_ptr(Reg::kT0, &cell(7)); }, all, compare64, {inside, inside + 1, inside - 1, 0}, {inside});
}

TEST_P(MasmCond, AddAndSub) {
  auto promised = [](Cond cond) { return !is_unsigned(cond); };
  auto sum = [](Cond cond, int64_t a, int64_t b) {
    int64_t result;
    bool overflow = __builtin_add_overflow(a, b, &result);
    if (is_overflow(cond)) return overflow == (cond == Cond::kOverflow);
    if (is_sign(cond)) return (result < 0) == (cond == Cond::kSign);
    // The signed conditions see the true sum.
    __int128 exact = static_cast<__int128>(a) + b;
    int64_t reduced = exact < 0 ? -1 : exact > 0 ? 1 : 0;
    if (cond == Cond::kEqual || cond == Cond::kNotEqual) reduced = result == 0 ? 0 : 1;
    // "less or equal" combines both: zero result or true sum below zero
    if (cond == Cond::kLessEqual) return result == 0 || exact < 0;
    if (cond == Cond::kGreater) return result != 0 && exact >= 0;
    return compares<int64_t>(cond, reduced, 0);
  };
  check_pairs([&] { m.add(Reg::kT0, Reg::kT1); }, promised, sum);
  check_pairs([&] { m.add(Reg::kT0, cell_mem(1)); }, promised, sum);
  check_immediates([&](int32_t imm) { m.add(Reg::kT0, imm); }, promised, sum);
  check_immediates([&](int32_t imm) { m.add_mem(cell_mem(0), imm); }, promised, sum);
  check_pairs([&] { m.sub(Reg::kT0, Reg::kT1); }, all, compare64);
  check_pairs([&] { m.sub(Reg::kT0, cell_mem(1)); }, all, compare64);
  check_immediates([&](int32_t imm) { m.sub(Reg::kT0, imm); }, all, compare64);
}

TEST_P(MasmCond, Add32AndSub32) {
  auto promised = [](Cond cond) {
    return cond == Cond::kEqual || cond == Cond::kNotEqual || is_overflow(cond) || is_sign(cond);
  };
  auto sum = [](Cond cond, int64_t a, int64_t b) {
    int32_t result;
    bool overflow = __builtin_add_overflow(static_cast<int32_t>(a), static_cast<int32_t>(b), &result);
    if (is_overflow(cond)) return overflow == (cond == Cond::kOverflow);
    return compares<int32_t>(cond, result, 0);
  };
  check_pairs([&] { m.add32(Reg::kT0, Reg::kT1); }, promised, sum);
  check_immediates([&](int32_t imm) { m.add32(Reg::kT0, imm); }, promised, sum);
  check_immediates([&](int32_t imm) { m.add_mem32(cell_mem(0), imm); }, promised, sum);
  check_pairs([&] { m.sub32(Reg::kT0, Reg::kT1); }, all, compare32);
  check_immediates([&](int32_t imm) { m.sub32(Reg::kT0, imm); }, all, compare32);
}

TEST_P(MasmCond, Logic) {
  auto conjunction = [](Cond cond, int64_t a, int64_t b) { return compares<int64_t>(cond, a & b, 0); };
  auto conjunction32 = [](Cond cond, int64_t a, int64_t b) {
    return compares<int32_t>(cond, static_cast<int32_t>(a & b), 0);
  };
  auto disjunction = [](Cond cond, int64_t a, int64_t b) { return compares<int64_t>(cond, a | b, 0); };
  auto difference = [](Cond cond, int64_t a, int64_t b) { return compares<int64_t>(cond, a ^ b, 0); };
  check_pairs([&] { m.and_(Reg::kT0, Reg::kT1); }, zero_and_sign, conjunction);
  check_immediates([&](int32_t imm) { m.and_(Reg::kT0, imm); }, zero_and_sign, conjunction);
  check_pairs([&] { m.or_(Reg::kT0, Reg::kT1); }, zero_and_sign, disjunction);
  check_immediates([&](int32_t imm) { m.or_(Reg::kT0, imm); }, zero_and_sign, disjunction);
  check_pairs([&] { m.xor_(Reg::kT0, Reg::kT1); }, zero_and_sign, difference);
  check_immediates([&](int32_t imm) { m.xor_(Reg::kT0, imm); }, zero_and_sign, difference);
  check_pairs([&] { m.test(Reg::kT0, Reg::kT1); }, zero_and_sign, conjunction);
  check_pairs([&] { m.test32(Reg::kT0, Reg::kT1); }, zero_and_sign, conjunction32);
  check_immediates([&](int32_t imm) { m.test(Reg::kT0, imm); }, zero_and_sign, conjunction);
  check_immediates([&](int32_t imm) { m.test32(cell_mem(0), imm); }, zero_and_sign, conjunction32);
  auto byte = [](Cond cond, int64_t a, int64_t b) { return compares<int8_t>(cond, static_cast<int8_t>(a & b), 0); };
  for (int imm : {0, 1, -1, 2, 3, 5, 127, -128, 64}) {
    check([&] { m.test8(cell_mem(0), static_cast<int8_t>(imm)); }, zero_and_sign, byte, edge_values(), {imm});
  }
}

TEST_P(MasmCond, Neg) {
  auto promised = [](Cond cond) {
    return cond == Cond::kEqual || cond == Cond::kNotEqual || is_overflow(cond) || is_sign(cond);
  };
  check([&] { m.neg(Reg::kT0); }, promised, [](Cond cond, int64_t a, int64_t) { return compares<int64_t>(cond, 0, a); },
        edge_values(), {0});
}

// The narrow forms of test have encodings of their own per register.
TEST_P(MasmCond, EveryRegister) {
  std::vector<std::string> what;
  compile([&] {
    auto keep = [&](Reg reg, Cond cond, const char* op) {
      m.set_if(cond, reg);
      m.store(cell_mem(what.size()), reg);
      what.push_back(std::string(op) + " " + name(reg));
    };
    for (Reg reg : kGeneral) {
      for (int32_t imm : {1, 0x80, 0x1000, -2}) {
        m.mov_imm(reg, 0x1000 | 0x80 | 1);
        m.test(reg, imm);
        keep(reg, Cond::kNotEqual, "test imm");
      }
      m.mov_imm(reg, -77);
      m.cmp(reg, -77);
      keep(reg, Cond::kEqual, "cmp imm8");
      m.mov_imm(reg, 777777);
      m.cmp32(reg, 777777);
      keep(reg, Cond::kEqual, "cmp imm32");
      m.mov_imm(reg, 5);
      m.cmp(reg, 0);
      keep(reg, Cond::kGreater, "cmp 0");
      m.mov_imm(reg, 0x200000000);
      m.test32(reg, reg);
      keep(reg, Cond::kEqual, "test32");
      m.test(reg, reg);
      keep(reg, Cond::kNotEqual, "test");
    }
  });
  run();
  for (size_t i = 0; i < what.size(); ++i) {
    EXPECT_EQ(cell(i), 1) << what[i];
  }
}

TEST(Cond, NegateIsAnInvolutionThatFlipsTheAnswer) {
  for (Cond cond : kIntConds) {
    EXPECT_EQ(negate(negate(cond)), cond);
    for (int64_t a : edge_values()) {
      for (int64_t b : edge_values()) EXPECT_NE(compare64(cond, a, b), compare64(negate(cond), a, b));
    }
  }
  EXPECT_EQ(negate(Cond::kFEqual), Cond::kFNotEqual);
  EXPECT_EQ(negate(Cond::kFNotEqual), Cond::kFEqual);
}

WHIPSNAKE_FOR_EVERY_CPU(MasmCond);

}  // namespace
}  // namespace whipsnake
