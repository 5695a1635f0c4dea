// One line per Masm operation and operand class: the exact bytes on x86-64.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "jit/asm/masm.h"

namespace whipsnake {
namespace {

class MasmX64Encoding : public testing::Test {
 protected:
  std::string finish() {
    CodeBuffer buffer = m.finish();
    EXPECT_FALSE(m.failed());
    std::string text;
    char digits[4];
    for (size_t i = 0; i < buffer.size; ++i) {
      std::snprintf(digits, sizeof digits, i == 0 ? "%02X" : " %02X", buffer.bytes[i]);
      text += digits;
    }
    return text;
  }

  alignas(16) uint8_t heap_[64] = {};  // stands for the near range
  std::unique_ptr<Masm> masm_ = make_masm_x64({heap_, heap_ + sizeof heap_});
  Masm& m = *masm_;
};

#define ENCODES(operation, expected)             \
  do {                                           \
    m.reset();                                   \
    m.operation;                                 \
    EXPECT_EQ(finish(), expected) << #operation; \
  } while (false)

TEST_F(MasmX64Encoding, Moves) {
  ENCODES(mov(Reg::kRet, Reg::kArg0), "48 8B C7");
  ENCODES(mov(Reg::kT0, Reg::kS2), "4C 8B C5");
  ENCODES(mov(Reg::kS2, Reg::kNativeStack), "48 8B EC");
  ENCODES(mov(Reg::kS0, Reg::kS0), "");
  ENCODES(mov32(Reg::kArg1, Reg::kArg1), "8B F6");
  ENCODES(mov_imm(Reg::kRet, 0), "B8 00 00 00 00");
  ENCODES(mov_imm(Reg::kT0, 0), "41 B8 00 00 00 00");
  ENCODES(mov_imm(Reg::kRet, -1), "48 C7 C0 FF FF FF FF");
  ENCODES(mov_imm(Reg::kArg0, 0xFFFFFFFF), "BF FF FF FF FF");
  ENCODES(mov_imm(Reg::kArg0, 0x100000000), "48 BF 00 00 00 00 01 00 00 00");
  ENCODES(lea(Reg::kRet, Mem::at(Reg::kFrame)), "48 8B C3");
  ENCODES(lea(Reg::kRet, Mem::at(Reg::kFrame, 8)), "48 8D 43 08");
  ENCODES(lea(Reg::kRet, Mem::indexed(Reg::kArg0, Reg::kArg1, 8, 64)), "48 8D 44 F7 40");
}

TEST_F(MasmX64Encoding, Loads) {
  ENCODES(load(Reg::kRet, Mem::at(Reg::kFrame)), "48 8B 03");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kFrame, 16)), "48 8B 43 10");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kFrame, 1024)), "48 8B 83 00 04 00 00");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kThread)), "49 8B 04 24");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kContext)), "49 8B 45 00");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kS2)), "48 8B 45 00");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kNativeStack)), "48 8B 04 24");
  ENCODES(load(Reg::kT2, Mem::at(Reg::kNativeStack, 8)), "4C 8B 54 24 08");
  ENCODES(load(Reg::kRet, Mem::indexed(Reg::kContext, Reg::kS2, 4)), "49 8B 44 AD 00");
  ENCODES(load(Reg::kRet, Mem::indexed(Reg::kNativeStack, Reg::kThread, 1, -8)), "4A 8B 44 24 F8");
  ENCODES(load32(Reg::kRet, Mem::at(Reg::kArg0)), "8B 07");
  ENCODES(load32_signed(Reg::kRet, Mem::at(Reg::kArg0)), "48 63 07");
  ENCODES(load16(Reg::kRet, Mem::at(Reg::kArg0, 2)), "0F B7 47 02");
  ENCODES(load8(Reg::kRet, Mem::at(Reg::kArg0, 3)), "0F B6 47 03");
  ENCODES(load8_signed(Reg::kRet, Mem::at(Reg::kArg0, 3)), "48 0F BE 47 03");
}

TEST_F(MasmX64Encoding, Stores) {
  ENCODES(store(Mem::at(Reg::kFrame, 72), Reg::kRet), "48 89 43 48");
  ENCODES(store32(Mem::at(Reg::kRet), Reg::kT1), "44 89 08");
  ENCODES(store16(Mem::at(Reg::kRet), Reg::kArg1), "66 89 30");
  ENCODES(store8(Mem::at(Reg::kRet), Reg::kRet), "88 00");
  ENCODES(store8(Mem::at(Reg::kRet), Reg::kArg1), "40 88 30");
  ENCODES(store8(Mem::at(Reg::kRet), Reg::kS2), "40 88 28");
  ENCODES(store_imm(Mem::at(Reg::kFrame, 8), 0), "48 C7 43 08 00 00 00 00");
  ENCODES(store_imm(Mem::at(Reg::kFrame, 8), 0x123456789), "49 BB 89 67 45 23 01 00 00 00 4C 89 5B 08");
  ENCODES(store32_imm(Mem::at(Reg::kRet), 1), "C7 00 01 00 00 00");
  ENCODES(store16_imm(Mem::at(Reg::kRet), 0x1234), "66 C7 00 34 12");
  ENCODES(store8_imm(Mem::at(Reg::kRet), -1), "C6 00 FF");
}

TEST_F(MasmX64Encoding, Arithmetic) {
  ENCODES(add(Reg::kRet, Reg::kArg1), "48 03 C6");
  ENCODES(add(Reg::kRet, 8), "48 83 C0 08");
  ENCODES(add(Reg::kRet, 1000), "48 05 E8 03 00 00");
  ENCODES(add(Reg::kArg1, 1000), "48 81 C6 E8 03 00 00");
  ENCODES(add(Reg::kRet, Mem::at(Reg::kFrame, 8)), "48 03 43 08");
  ENCODES(add32(Reg::kRet, Reg::kArg1), "03 C6");
  ENCODES(sub32(Reg::kS0, 1), "41 83 EE 01");
  ENCODES(sub(Reg::kRet, Reg::kArg1), "48 2B C6");
  ENCODES(sub(Reg::kNativeStack, 16), "48 83 EC 10");
  ENCODES(mul(Reg::kRet, Reg::kT0), "49 0F AF C0");
  ENCODES(neg(Reg::kRet), "48 F7 D8");
  ENCODES(not_(Reg::kT0), "49 F7 D0");
  ENCODES(and_(Reg::kRet, 7), "83 E0 07");
  ENCODES(and_(Reg::kRet, 0x7FFFFFFF), "25 FF FF FF 7F");
  ENCODES(and_(Reg::kRet, -8), "48 83 E0 F8");
  ENCODES(or_(Reg::kRet, 1), "48 83 C8 01");
  ENCODES(xor_(Reg::kT0, Reg::kT1), "4D 33 C1");
  ENCODES(shl(Reg::kRet, 1), "48 D1 E0");
  ENCODES(shl(Reg::kRet, 3), "48 C1 E0 03");
  ENCODES(shr(Reg::kT0, 63), "49 C1 E8 3F");
  ENCODES(sar(Reg::kRet, 2), "48 C1 F8 02");
  ENCODES(shl(Reg::kRet, Reg::kArg3), "48 D3 E0");
  ENCODES(shl(Reg::kRet, Reg::kT0), "41 8B C8 48 D3 E0");
  ENCODES(shl(Reg::kArg3, Reg::kT0), "49 89 CB 41 8B C8 49 D3 E3 4C 89 D9");
  ENCODES(add_mem(Mem::at(Reg::kFrame, 56), 2), "48 83 43 38 02");
  ENCODES(add_mem32(Mem::at(Reg::kRet), -1), "83 00 FF");
  ENCODES(sign_extend32(Reg::kRet, Reg::kT0), "49 63 C0");
}

TEST_F(MasmX64Encoding, Comparisons) {
  ENCODES(cmp(Reg::kRet, Reg::kT0), "49 3B C0");
  ENCODES(cmp(Reg::kRet, 0), "48 85 C0");
  ENCODES(cmp(Reg::kRet, 1), "48 83 F8 01");
  ENCODES(cmp(Reg::kArg1, 1000), "48 81 FE E8 03 00 00");
  ENCODES(cmp(Reg::kRet, Mem::at(Reg::kArg0, 8)), "48 3B 47 08");
  ENCODES(cmp(Mem::at(Reg::kArg0, 8), 5), "48 83 7F 08 05");
  ENCODES(cmp32(Reg::kRet, 0), "85 C0");
  ENCODES(cmp32(Mem::at(Reg::kRet, 16), 1000), "81 78 10 E8 03 00 00");
  ENCODES(cmp8(Mem::at(Reg::kRet, 16), 1), "80 78 10 01");
  ENCODES(cmp_ptr(Reg::kRet, nullptr), "48 85 C0");
  ENCODES(test(Reg::kRet, Reg::kRet), "48 85 C0");
  ENCODES(test32(Reg::kT0, Reg::kT0), "45 85 C0");
  ENCODES(test(Reg::kRet, 1), "A8 01");
  ENCODES(test(Reg::kArg0, 1), "40 F6 C7 01");
  ENCODES(test(Reg::kArg0, 256), "F7 C7 00 01 00 00");
  ENCODES(test(Reg::kArg0, -256), "48 F7 C7 00 FF FF FF");
  ENCODES(test32(Mem::at(Reg::kRet, 20), 64), "F6 40 14 40");
  ENCODES(test32(Mem::at(Reg::kRet, 20), 256), "F7 40 14 00 01 00 00");
  ENCODES(test8(Mem::at(Reg::kRet), 1), "F6 00 01");
  ENCODES(set_if(Cond::kEqual, Reg::kRet), "0F 94 C0 0F B6 C0");
  ENCODES(set_if(Cond::kLess, Reg::kArg0), "40 0F 9C C7 40 0F B6 FF");
  ENCODES(select_if(Cond::kNotEqual, Reg::kRet, Reg::kS2), "48 0F 45 C5");
}

TEST_F(MasmX64Encoding, Control) {
  ENCODES(jump_reg(Reg::kRet), "FF E0");
  ENCODES(jump_reg(Reg::kT0), "41 FF E0");
  ENCODES(jump_mem(Mem::at(Reg::kContext, 8)), "41 FF 65 08");
  ENCODES(call(Reg::kRet), "FF D0");
  ENCODES(call_mem(Mem::at(Reg::kContext, 8)), "41 FF 55 08");
  ENCODES(ret(), "C3");
  ENCODES(trap(), "0F 0B");
  ENCODES(enter(0), "53 41 54 41 55 41 56 41 57 55 48 83 EC 08");
  ENCODES(leave(32), "48 83 C4 28 5D 41 5F 41 5E 41 5D 41 5C 5B C3");
}

TEST_F(MasmX64Encoding, Floats) {
  ENCODES(fload(FReg::kF0, Mem::at(Reg::kFrame, 8)), "F2 0F 10 43 08");
  ENCODES(fstore(Mem::at(Reg::kThread), FReg::kF7), "F2 41 0F 11 3C 24");
  ENCODES(fmov(FReg::kF1, FReg::kF2), "0F 28 CA");
  ENCODES(fadd(FReg::kF0, FReg::kF1), "F2 0F 58 C1");
  ENCODES(fsub(FReg::kF0, FReg::kF1), "F2 0F 5C C1");
  ENCODES(fmul(FReg::kF0, FReg::kF1), "F2 0F 59 C1");
  ENCODES(fdiv(FReg::kF0, FReg::kF1), "F2 0F 5E C1");
  ENCODES(fsqrt(FReg::kF0, FReg::kF1), "F2 0F 51 C1");
  ENCODES(fneg(FReg::kF0), "66 45 0F 76 FF 66 41 0F 73 F7 3F 41 0F 57 C7");
  ENCODES(fcmp(FReg::kF0, FReg::kF1), "66 0F 2E C1");
  ENCODES(fzero(FReg::kF3), "0F 57 DB");
  ENCODES(int_to_float(FReg::kF0, Reg::kT0), "0F 57 C0 F2 49 0F 2A C0");
  ENCODES(float_to_int(Reg::kRet, FReg::kF0), "F2 48 0F 2C C0");
  ENCODES(fmov_bits(Reg::kT0, FReg::kF1), "66 49 0F 7E C8");
  ENCODES(fmov_bits(FReg::kF1, Reg::kT0), "66 49 0F 6E C8");
  ENCODES(fset_if(Cond::kFEqual, Reg::kRet), "0F 94 C0 41 0F 9B C3 41 22 C3 0F B6 C0");
  ENCODES(fset_if(Cond::kFGreater, Reg::kRet), "0F 97 C0 0F B6 C0");
}

TEST_F(MasmX64Encoding, NearCells) {
  Mem cell = Mem::absolute(heap_ + 16);
  ENCODES(load(Reg::kRet, cell), "48 8B 05 00 00 00 00");
  ENCODES(cmp(cell, 1), "48 83 3D 00 00 00 00 01");
  ENCODES(store16_imm(cell, 0x1234), "66 C7 05 00 00 00 00 34 12");
  ASSERT_EQ(m.finish().relocation_count, 1u);
  EXPECT_EQ(m.finish().relocations[0].offset, 3u);
  EXPECT_EQ(m.finish().relocations[0].addend, 6);
  EXPECT_EQ(m.finish().relocations[0].target, heap_ + 16);
  ENCODES(call_mem(cell), "FF 15 00 00 00 00");
  ENCODES(jump_mem(cell), "FF 25 00 00 00 00");
  ENCODES(fload(FReg::kF2, cell), "F2 0F 10 15 00 00 00 00");
  ENCODES(mov_ptr(Reg::kArg1, heap_ + 16), "48 8D 35 00 00 00 00");
  ENCODES(cmp_ptr(Reg::kRet, heap_ + 16), "4C 8D 1D 00 00 00 00 49 3B C3");
}

TEST_F(MasmX64Encoding, FarCells) {
  Mem cell = Mem::absolute(reinterpret_cast<const void*>(0x123456789ABC));
  ENCODES(load(Reg::kRet, cell), "49 BB BC 9A 78 56 34 12 00 00 49 8B 03");
  ENCODES(call_mem(cell), "49 BB BC 9A 78 56 34 12 00 00 41 FF 13");
  ENCODES(cmp_ptr(Reg::kRet, cell.cell), "49 BB BC 9A 78 56 34 12 00 00 49 3B C3");
  EXPECT_EQ(m.finish().relocation_count, 0u);
}

TEST_F(MasmX64Encoding, Branches) {
  m.reset();
  Label back = m.new_label();
  Label ahead = m.new_label();
  m.bind(back);
  m.jump(ahead);
  m.jump_if(Cond::kEqual, ahead);
  m.jump(back);
  m.jump_if(Cond::kOverflow, back);
  m.bind(ahead);
  m.lea_label(Reg::kT0, back);
  m.lea_label(Reg::kRet, ahead);
  EXPECT_EQ(finish(),
            "E9 0A 00 00 00 "
            "0F 84 04 00 00 00 "
            "EB F3 "
            "70 F1 "
            "4C 8D 05 EA FF FF FF "
            "48 8D 05 F2 FF FF FF");
}

TEST_F(MasmX64Encoding, FloatBranchesLookAtTheParityFlag) {
  for (auto [cond, expected] :
       {std::pair{Cond::kFEqual, "7A 06 0F 84 00 00 00 00"},
        std::pair{Cond::kFNotEqual, "0F 8A 06 00 00 00 0F 85 00 00 00 00"},
        std::pair{Cond::kFLess, "7A 06 0F 82 00 00 00 00"}, std::pair{Cond::kFGreater, "0F 87 00 00 00 00"},
        std::pair{Cond::kFUnordered, "0F 8A 00 00 00 00"}}) {
    m.reset();
    Label next = m.new_label();
    m.fjump_if(cond, next);
    m.bind(next);
    EXPECT_EQ(finish(), expected);
  }
}

}  // namespace
}  // namespace whipsnake
