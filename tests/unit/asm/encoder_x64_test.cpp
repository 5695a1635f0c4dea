// The encoder's own forms against Xbyak's, for every register and every class of displacement: both must give the
// same bytes.
#include "jit/asm/x64/encoder_x64.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace whipsnake::x64 {
namespace {

constexpr int32_t kDisps[] = {0, 1, -1, 127, 128, -128, -129, 0x12345678, -0x12345678};

std::string hex(const uint8_t* bytes, size_t size) {
  std::string text;
  char digits[4];
  for (size_t i = 0; i < size; ++i) {
    std::snprintf(digits, sizeof digits, "%02X ", bytes[i]);
    text += digits;
  }
  return text;
}

class EncoderX64 : public testing::Test {
 protected:
  EncoderX64() { encoder_.clear({}); }

  std::string encode(const std::function<void()>& emit) {
    encoder_.clear({});
    encoder_.ensure();
    emit();
    EXPECT_FALSE(encoder_.failed());
    EXPECT_EQ(Xbyak::GetError(), 0);
    return hex(encoder_.bytes(), encoder_.size());
  }
  void same(const std::function<void()>& ours, const std::function<void()>& xbyak) {
    ASSERT_EQ(encode(ours), encode(xbyak));
  }

  Encoder encoder_;
  Encoder& e = encoder_;
};

Xbyak::Reg64 r64(int i) { return Xbyak::Reg64(i); }
Xbyak::Reg32 r32(int i) { return Xbyak::Reg32(i); }
Xbyak::Reg8 r8(int i) { return Xbyak::Reg8(i, i >= 4 && i < 8); }

constexpr whipsnake::Reg kAllRegs[] = {whipsnake::Reg::kRet,    whipsnake::Reg::kArg0,    whipsnake::Reg::kArg1,
                                       whipsnake::Reg::kArg2,   whipsnake::Reg::kArg3,    whipsnake::Reg::kT0,
                                       whipsnake::Reg::kT1,     whipsnake::Reg::kT2,      whipsnake::Reg::kFrame,
                                       whipsnake::Reg::kThread, whipsnake::Reg::kContext, whipsnake::Reg::kS0,
                                       whipsnake::Reg::kS1,     whipsnake::Reg::kS2,      whipsnake::Reg::kNativeStack};

TEST_F(EncoderX64, RegisterForms) {
  for (int a = 0; a < 16; ++a) {
    for (int b = 0; b < 16; ++b) {
      auto ua = static_cast<unsigned>(a);
      auto ub = static_cast<unsigned>(b);
      same([&] { e.op_rr({.wide = true, .escape = true, .code = 0xAF}, ua, ub); }, [&] { e.imul(r64(a), r64(b)); });
      same([&] { e.op_rr({.wide = true, .code = 0x85}, ub, ua); }, [&] { e.test(r64(a), r64(b)); });
      same([&] { e.op_rr({.code = 0x85}, ub, ua); }, [&] { e.test(r32(a), r32(b)); });
      same([&] { e.op_rr({.wide = true, .code = 0x63}, ua, ub); }, [&] { e.movsxd(r64(a), r32(b)); });
      same([&] { e.op_rr({.wide = true, .escape = true, .code = 0x44}, ua, ub); }, [&] { e.cmove(r64(a), r64(b)); });
      if (a == b) {
        same([&] { e.op_rr({.byte_reg = true, .escape = true, .code = 0xB6}, ua, ub); },
             [&] { e.movzx(r32(a), r8(b)); });
      }
      if (a < 8 && b < 8) {
        Xbyak::Xmm xa(a);
        Xbyak::Xmm xb(b);
        same([&] { e.op_rr({.prefix = 0xF2, .escape = true, .code = 0x58}, ua, ub); }, [&] { e.addsd(xa, xb); });
        same([&] { e.op_rr({.prefix = 0x66, .escape = true, .code = 0x2E}, ua, ub); }, [&] { e.ucomisd(xa, xb); });
        same([&] { e.op_rr({.escape = true, .code = 0x28}, ua, ub); }, [&] { e.movaps(xa, xb); });
      }
    }
  }
}

TEST_F(EncoderX64, MemoryForms) {
  for (whipsnake::Reg base : kAllRegs) {
    for (int reg = 0; reg < 16; ++reg) {
      for (int32_t disp : kDisps) {
        Mem mem = Mem::at(base, disp);
        Xbyak::RegExp exp = r64(gpr(base)) + static_cast<size_t>(int64_t{disp});
        auto ureg = static_cast<unsigned>(reg);
        same([&] { e.op_rm({.wide = true, .code = 0x8B}, ureg, mem); }, [&] { e.mov(r64(reg), e.qword[exp]); });
        same([&] { e.op_rm({.code = 0x8B}, ureg, mem); }, [&] { e.mov(r32(reg), e.dword[exp]); });
        same([&] { e.op_rm({.prefix = 0x66, .code = 0x89}, ureg, mem); },
             [&] { e.mov(e.word[exp], Xbyak::Reg16(reg)); });
        same([&] { e.op_rm({.byte_reg = true, .code = 0x88}, ureg, mem); }, [&] { e.mov(e.byte[exp], r8(reg)); });
        same([&] { e.op_rm({.escape = true, .code = 0xB7}, ureg, mem); }, [&] { e.movzx(r32(reg), e.word[exp]); });
        same([&] { e.op_rm({.wide = true, .escape = true, .code = 0xBE}, ureg, mem); },
             [&] { e.movsx(r64(reg), e.byte[exp]); });
        same([&] { e.op_rm({.prefix = 0xF2, .escape = true, .code = 0x10}, ureg, mem); },
             [&] { e.movsd(Xbyak::Xmm(reg), e.qword[exp]); });
        same([&] { e.op_rm({.wide = true, .code = 0x8D}, ureg, mem); }, [&] { e.lea(r64(reg), e.ptr[exp]); });
      }
    }
  }
}

TEST_F(EncoderX64, IndexedForms) {
  for (whipsnake::Reg base : kAllRegs) {
    for (whipsnake::Reg index : kAllRegs) {
      if (index == whipsnake::Reg::kNativeStack) continue;
      for (uint8_t scale : {uint8_t{1}, uint8_t{2}, uint8_t{4}, uint8_t{8}}) {
        for (int32_t disp : kDisps) {
          Mem mem = Mem::indexed(base, index, scale, disp);
          Xbyak::RegExp exp = r64(gpr(base)) + r64(gpr(index)) * scale + static_cast<size_t>(int64_t{disp});
          for (int reg : {0, 5, 12}) {
            auto ureg = static_cast<unsigned>(reg);
            same([&] { e.op_rm({.wide = true, .code = 0x8B}, ureg, mem); }, [&] { e.mov(r64(reg), e.qword[exp]); });
            same([&] { e.op_rm({.code = 0x89}, ureg, mem); }, [&] { e.mov(e.dword[exp], r32(reg)); });
          }
        }
      }
    }
  }
}

TEST_F(EncoderX64, ImmediateForms) {
  for (int reg = 0; reg < 16; ++reg) {
    auto g = static_cast<Gpr>(reg);
    for (int32_t imm : {0, 1, -1, 127, 128, -128, -129, 0x7FFFFFFF, -0x7FFFFFFF - 1}) {
      auto u = static_cast<uint32_t>(imm);
      same([&] { e.alu_imm(0, true, g, imm); }, [&] { e.add(r64(reg), u); });
      same([&] { e.alu_imm(1, true, g, imm); }, [&] { e.or_(r64(reg), u); });
      same([&] { e.alu_imm(4, true, g, imm); }, [&] { e.and_(r64(reg), u); });
      same([&] { e.alu_imm(5, false, g, imm); }, [&] { e.sub(r32(reg), u); });
      same([&] { e.alu_imm(6, true, g, imm); }, [&] { e.xor_(r64(reg), u); });
      same([&] { e.alu_imm(7, false, g, imm); }, [&] { e.cmp(r32(reg), u); });
      Mem mem = Mem::at(whipsnake::Reg::kThread, 8);
      same([&] { e.alu_mem_imm(7, true, mem, imm); }, [&] { e.cmp(e.qword[e.r12 + 8], u); });
      same([&] { e.alu_mem_imm(0, false, mem, imm); }, [&] { e.add(e.dword[e.r12 + 8], u); });
    }
    for (uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0xFFFFFFFF}, uint64_t{0x100000000}, ~uint64_t{0},
                           uint64_t{0xFFFFFFFF80000000}, uint64_t{0xFFFFFFFF7FFFFFFF}, uint64_t{0x123456789ABCDEF0}}) {
      same([&] { e.mov_const(g, static_cast<int64_t>(value)); }, [&] { e.mov(r64(reg), value); });
    }
  }
}

TEST_F(EncoderX64, NearCellsBecomeRelocations) {
  static uint8_t area[64];
  encoder_.clear({area, area + sizeof area});
  encoder_.ensure();
  encoder_.op_rm({.wide = true, .code = 0x8B}, kRax, Mem::absolute(area + 8));
  encoder_.alu_mem_imm(7, true, Mem::absolute(area + 16), 1);
  encoder_.alu_mem_imm(7, true, Mem::absolute(area + 24), 1000);
  encoder_.mov_const(kR12, static_cast<int64_t>(reinterpret_cast<uintptr_t>(area + 32)));
  EXPECT_EQ(hex(encoder_.bytes(), encoder_.size()),
            "48 8B 05 00 00 00 00 "
            "48 83 3D 00 00 00 00 01 "
            "48 81 3D 00 00 00 00 E8 03 00 00 "
            "4C 8D 25 00 00 00 00 ");
  const auto& relocations = encoder_.relocations();
  ASSERT_EQ(relocations.size(), 4u);
  const uint32_t offsets[] = {3, 10, 18, 29};
  const uint8_t addends[] = {4, 5, 8, 4};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(relocations[i].offset, offsets[i]);
    EXPECT_EQ(relocations[i].addend, addends[i]);
    EXPECT_EQ(relocations[i].target, area + 8 * (i + 1));
  }
}

TEST_F(EncoderX64, GrowsWithoutLosingCode) {
  encoder_.clear({});
  for (int i = 0; i < 200000; ++i) {
    encoder_.ensure();
    encoder_.emit32(i);
  }
  ASSERT_EQ(encoder_.size(), 800000u);
  for (int i = 0; i < 200000; ++i) {
    int32_t value;
    std::memcpy(&value, encoder_.bytes() + static_cast<size_t>(i) * 4, 4);
    ASSERT_EQ(value, i);
  }
}

}  // namespace
}  // namespace whipsnake::x64
