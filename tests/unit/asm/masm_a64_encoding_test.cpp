// One line per Masm operation and operand class: the instructions on AArch64, as VIXL disassembles them.
#include <gtest/gtest.h>

#include <string>

#include "jit/asm/masm.h"
#include "vixl/aarch64/decoder-aarch64.h"
#include "vixl/aarch64/disasm-aarch64.h"

namespace whipsnake {
namespace {

class MasmA64Encoding : public testing::Test {
 protected:
  MasmA64Encoding() { decoder_.AppendVisitor(&disassembler_); }

  std::string finish() {
    CodeBuffer buffer = m.finish();
    EXPECT_FALSE(m.failed());
    EXPECT_EQ(buffer.relocation_count, 0u);
    disassembler_.MapCodeAddress(0, reinterpret_cast<const vixl::aarch64::Instruction*>(buffer.bytes));
    std::string text;
    for (size_t i = 0; i < buffer.size; i += 4) {
      decoder_.Decode(reinterpret_cast<const vixl::aarch64::Instruction*>(buffer.bytes + i));
      if (i != 0) text += "; ";
      text += disassembler_.GetOutput();
    }
    return text;
  }

  std::unique_ptr<Masm> masm_ = make_masm_a64({});
  Masm& m = *masm_;
  vixl::aarch64::Decoder decoder_;
  vixl::aarch64::Disassembler disassembler_;
};

#define ENCODES(operation, expected)             \
  do {                                           \
    m.reset();                                   \
    m.operation;                                 \
    EXPECT_EQ(finish(), expected) << #operation; \
  } while (false)

TEST_F(MasmA64Encoding, Moves) {
  ENCODES(mov(Reg::kRet, Reg::kArg0), "");
  ENCODES(mov(Reg::kT0, Reg::kS2), "mov x9, x24");
  ENCODES(mov(Reg::kS2, Reg::kNativeStack), "mov x24, sp");
  ENCODES(mov(Reg::kS0, Reg::kS0), "");
  ENCODES(mov32(Reg::kArg1, Reg::kArg1), "mov w1, w1");
  ENCODES(mov_imm(Reg::kRet, 0), "mov x0, #0x0");
  ENCODES(mov_imm(Reg::kT0, 0), "mov x9, #0x0");
  ENCODES(mov_imm(Reg::kRet, -1), "mov x0, #0xffffffffffffffff");
  ENCODES(mov_imm(Reg::kArg0, 0xFFFFFFFF), "mov x0, #0xffffffff");
  ENCODES(mov_imm(Reg::kArg0, 0x100000000), "orr x0, xzr, #0x100000000");
  ENCODES(lea(Reg::kRet, Mem::at(Reg::kFrame)), "mov x0, x19");
  ENCODES(lea(Reg::kRet, Mem::at(Reg::kFrame, 8)), "add x0, x19, #0x8 (8)");
  ENCODES(lea(Reg::kRet, Mem::indexed(Reg::kArg0, Reg::kArg1, 8, 64)),
          "add x16, x0, x1, lsl #3; add x0, x16, #0x40 (64)");
}

TEST_F(MasmA64Encoding, Loads) {
  ENCODES(load(Reg::kRet, Mem::at(Reg::kFrame)), "ldr x0, [x19]");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kFrame, 16)), "ldr x0, [x19, #16]");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kFrame, 1024)), "ldr x0, [x19, #1024]");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kThread)), "ldr x0, [x20]");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kContext)), "ldr x0, [x21]");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kS2)), "ldr x0, [x24]");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kNativeStack)), "ldr x0, [sp]");
  ENCODES(load(Reg::kT2, Mem::at(Reg::kNativeStack, 8)), "ldr x11, [sp, #8]");
  ENCODES(load(Reg::kRet, Mem::indexed(Reg::kContext, Reg::kS2, 4)), "add x16, x21, x24, lsl #2; ldr x0, [x16]");
  ENCODES(load(Reg::kRet, Mem::indexed(Reg::kNativeStack, Reg::kThread, 1, -8)),
          "add x16, sp, x20; ldur x0, [x16, #-8]");
  ENCODES(load32(Reg::kRet, Mem::at(Reg::kArg0)), "ldr w0, [x0]");
  ENCODES(load32_signed(Reg::kRet, Mem::at(Reg::kArg0)), "ldrsw x0, [x0]");
  ENCODES(load16(Reg::kRet, Mem::at(Reg::kArg0, 2)), "ldrh w0, [x0, #2]");
  ENCODES(load8(Reg::kRet, Mem::at(Reg::kArg0, 3)), "ldrb w0, [x0, #3]");
  ENCODES(load8_signed(Reg::kRet, Mem::at(Reg::kArg0, 3)), "ldrsb x0, [x0, #3]");
}

TEST_F(MasmA64Encoding, Stores) {
  ENCODES(store(Mem::at(Reg::kFrame, 72), Reg::kRet), "str x0, [x19, #72]");
  ENCODES(store32(Mem::at(Reg::kRet), Reg::kT1), "str w10, [x0]");
  ENCODES(store16(Mem::at(Reg::kRet), Reg::kArg1), "strh w1, [x0]");
  ENCODES(store8(Mem::at(Reg::kRet), Reg::kRet), "strb w0, [x0]");
  ENCODES(store8(Mem::at(Reg::kRet), Reg::kArg1), "strb w1, [x0]");
  ENCODES(store8(Mem::at(Reg::kRet), Reg::kS2), "strb w24, [x0]");
  ENCODES(store_imm(Mem::at(Reg::kFrame, 8), 0), "str xzr, [x19, #8]");
  ENCODES(store_imm(Mem::at(Reg::kFrame, 8), 0x123456789),
          "mov x17, #0x6789; movk x17, #0x2345, lsl #16; movk x17, #0x1, lsl #32; str x17, [x19, #8]");
  ENCODES(store32_imm(Mem::at(Reg::kRet), 1), "mov x17, #0x1; str w17, [x0]");
  ENCODES(store16_imm(Mem::at(Reg::kRet), 0x1234), "mov x17, #0x1234; strh w17, [x0]");
  ENCODES(store8_imm(Mem::at(Reg::kRet), -1), "mov x17, #0xffffffffffffffff; strb w17, [x0]");
}

TEST_F(MasmA64Encoding, Arithmetic) {
  ENCODES(add(Reg::kRet, Reg::kArg1), "adds x0, x0, x1");
  ENCODES(add(Reg::kRet, 8), "adds x0, x0, #0x8 (8)");
  ENCODES(add(Reg::kRet, 1000), "adds x0, x0, #0x3e8 (1000)");
  ENCODES(add(Reg::kArg1, 1000), "adds x1, x1, #0x3e8 (1000)");
  ENCODES(add(Reg::kRet, Mem::at(Reg::kFrame, 8)), "ldr x17, [x19, #8]; adds x0, x0, x17");
  ENCODES(add32(Reg::kRet, Reg::kArg1), "adds w0, w0, w1");
  ENCODES(sub32(Reg::kS0, 1), "subs w22, w22, #0x1 (1)");
  ENCODES(sub(Reg::kRet, Reg::kArg1), "subs x0, x0, x1");
  ENCODES(sub(Reg::kNativeStack, 16), "sub sp, sp, #0x10 (16)");
  ENCODES(mul(Reg::kRet, Reg::kT0), "mul x0, x0, x9");
  ENCODES(neg(Reg::kRet), "negs x0, x0");
  ENCODES(not_(Reg::kT0), "mvn x9, x9");
  ENCODES(and_(Reg::kRet, 7), "ands x0, x0, #0x7");
  ENCODES(and_(Reg::kRet, 0x7FFFFFFF), "ands x0, x0, #0x7fffffff");
  ENCODES(and_(Reg::kRet, -8), "ands x0, x0, #0xfffffffffffffff8");
  ENCODES(or_(Reg::kRet, 1), "orr x0, x0, #0x1; tst x0, x0");
  ENCODES(xor_(Reg::kT0, Reg::kT1), "eor x9, x9, x10; tst x9, x9");
  ENCODES(shl(Reg::kRet, 1), "lsl x0, x0, #1");
  ENCODES(shl(Reg::kRet, 3), "lsl x0, x0, #3");
  ENCODES(shr(Reg::kT0, 63), "lsr x9, x9, #63");
  ENCODES(sar(Reg::kRet, 2), "asr x0, x0, #2");
  ENCODES(shl(Reg::kRet, Reg::kArg3), "lsl x0, x0, x3");
  ENCODES(shl(Reg::kRet, Reg::kT0), "lsl x0, x0, x9");
  ENCODES(shl(Reg::kArg3, Reg::kT0), "lsl x3, x3, x9");
  ENCODES(add_mem(Mem::at(Reg::kFrame, 56), 2), "ldr x17, [x19, #56]; adds x17, x17, #0x2 (2); str x17, [x19, #56]");
  ENCODES(add_mem32(Mem::at(Reg::kRet), -1), "ldr w17, [x0]; subs w17, w17, #0x1 (1); str w17, [x0]");
  ENCODES(sign_extend32(Reg::kRet, Reg::kT0), "sxtw x0, w9");
}

TEST_F(MasmA64Encoding, Comparisons) {
  ENCODES(cmp(Reg::kRet, Reg::kT0), "cmp x0, x9");
  ENCODES(cmp(Reg::kRet, 0), "cmp x0, #0x0 (0)");
  ENCODES(cmp(Reg::kRet, 1), "cmp x0, #0x1 (1)");
  ENCODES(cmp(Reg::kArg1, 1000), "cmp x1, #0x3e8 (1000)");
  ENCODES(cmp(Reg::kRet, Mem::at(Reg::kArg0, 8)), "ldr x17, [x0, #8]; cmp x0, x17");
  ENCODES(cmp(Mem::at(Reg::kArg0, 8), 5), "ldr x17, [x0, #8]; cmp x17, #0x5 (5)");
  ENCODES(cmp32(Reg::kRet, 0), "cmp w0, #0x0 (0)");
  ENCODES(cmp32(Mem::at(Reg::kRet, 16), 1000), "ldr w17, [x0, #16]; cmp w17, #0x3e8 (1000)");
  ENCODES(cmp8(Mem::at(Reg::kRet, 16), 1), "ldrsb w17, [x0, #16]; cmp w17, #0x1 (1)");
  ENCODES(cmp_ptr(Reg::kRet, nullptr), "mov x17, #0x0; cmp x0, x17");
  ENCODES(test(Reg::kRet, Reg::kRet), "tst x0, x0");
  ENCODES(test32(Reg::kT0, Reg::kT0), "tst w9, w9");
  ENCODES(test(Reg::kRet, 1), "tst x0, #0x1");
  ENCODES(test(Reg::kArg0, 1), "tst x0, #0x1");
  ENCODES(test(Reg::kArg0, 256), "tst x0, #0x100");
  ENCODES(test(Reg::kArg0, -256), "tst x0, #0xffffffffffffff00");
  ENCODES(test32(Mem::at(Reg::kRet, 20), 64), "ldr w17, [x0, #20]; tst w17, #0x40");
  ENCODES(test32(Mem::at(Reg::kRet, 20), 256), "ldr w17, [x0, #20]; tst w17, #0x100");
  ENCODES(test8(Mem::at(Reg::kRet), 1), "ldrsb w17, [x0]; tst w17, #0x1");
  ENCODES(set_if(Cond::kEqual, Reg::kRet), "cset x0, eq");
  ENCODES(set_if(Cond::kLess, Reg::kArg0), "cset x0, lt");
  ENCODES(select_if(Cond::kNotEqual, Reg::kRet, Reg::kS2), "csel x0, x24, x0, ne");
}

TEST_F(MasmA64Encoding, Control) {
  ENCODES(jump_reg(Reg::kRet), "br x0");
  ENCODES(jump_reg(Reg::kT0), "br x9");
  ENCODES(jump_mem(Mem::at(Reg::kContext, 8)), "ldr x16, [x21, #8]; br x16");
  ENCODES(call(Reg::kRet), "blr x0");
  ENCODES(call_mem(Mem::at(Reg::kContext, 8)), "ldr x16, [x21, #8]; blr x16");
  ENCODES(ret(), "ret");
  ENCODES(trap(), "brk #0x0");
  ENCODES(enter(0),
          "stp x29, x30, [sp, #-64]!; stp x19, x20, [sp, #16]; stp x21, x22, [sp, #32]; stp x23, x24, [sp, #48]; mov "
          "x29, sp");
  ENCODES(leave(32),
          "add sp, sp, #0x20 (32); ldp x19, x20, [sp, #16]; ldp x21, x22, [sp, #32]; ldp x23, x24, [sp, #48]; ldp x29, "
          "x30, [sp], #64; ret");
}

TEST_F(MasmA64Encoding, Floats) {
  ENCODES(fload(FReg::kF0, Mem::at(Reg::kFrame, 8)), "ldr d0, [x19, #8]");
  ENCODES(fstore(Mem::at(Reg::kThread), FReg::kF7), "str d7, [x20]");
  ENCODES(fmov(FReg::kF1, FReg::kF2), "fmov d1, d2");
  ENCODES(fadd(FReg::kF0, FReg::kF1), "fadd d0, d0, d1");
  ENCODES(fsub(FReg::kF0, FReg::kF1), "fsub d0, d0, d1");
  ENCODES(fmul(FReg::kF0, FReg::kF1), "fmul d0, d0, d1");
  ENCODES(fdiv(FReg::kF0, FReg::kF1), "fdiv d0, d0, d1");
  ENCODES(fsqrt(FReg::kF0, FReg::kF1), "fsqrt d0, d1");
  ENCODES(fneg(FReg::kF0), "fneg d0, d0");
  ENCODES(fcmp(FReg::kF0, FReg::kF1), "fcmp d0, d1");
  ENCODES(fzero(FReg::kF3), "fmov d3, xzr");
  ENCODES(int_to_float(FReg::kF0, Reg::kT0), "scvtf d0, x9");
  ENCODES(float_to_int(Reg::kRet, FReg::kF0), "fcvtzs x0, d0");
  ENCODES(fmov_bits(Reg::kT0, FReg::kF1), "fmov x9, d1");
  ENCODES(fmov_bits(FReg::kF1, Reg::kT0), "fmov d1, x9");
  ENCODES(fset_if(Cond::kFEqual, Reg::kRet), "cset x0, eq");
  ENCODES(fset_if(Cond::kFGreater, Reg::kRet), "cset x0, gt");
}

TEST_F(MasmA64Encoding, Constants) {
  ENCODES(mov_imm(Reg::kT0, 0x12340000), "mov x9, #0x12340000");
  ENCODES(mov_imm(Reg::kT0, -0x12340001), "mov x9, #0xffffffffedcbffff");
  ENCODES(mov_imm(Reg::kT0, 0x00FF00FF00FF00FF), "mov x9, #0xff00ff00ff00ff");
  ENCODES(mov_imm(Reg::kT0, 0x7FFF12345678), "mov x9, #0x5678; movk x9, #0x1234, lsl #16; movk x9, #0x7fff, lsl #32");
}

TEST_F(MasmA64Encoding, ImmediatesThatFitNoInstruction) {
  ENCODES(add(Reg::kRet, 0x12345), "mov x15, #0x2345; movk x15, #0x1, lsl #16; adds x0, x0, x15");
  ENCODES(cmp(Reg::kRet, -5), "cmn x0, #0x5 (5)");
  ENCODES(test(Reg::kRet, 5), "mov x15, #0x5; tst x0, x15");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kFrame, 40000)), "mov x16, #0x9c40; ldr x0, [x19, x16]");
  ENCODES(load(Reg::kRet, Mem::at(Reg::kFrame, -8)), "ldur x0, [x19, #-8]");
  ENCODES(load(Reg::kRet, Mem::indexed(Reg::kFrame, Reg::kT0, 8)), "ldr x0, [x19, x9, lsl #3]");
  ENCODES(load32(Reg::kRet, Mem::indexed(Reg::kFrame, Reg::kT0, 1)), "ldr w0, [x19, x9]");
}

TEST_F(MasmA64Encoding, Cells) {
  Mem cell = Mem::absolute(reinterpret_cast<const void*>(0x123456789ABC));
  ENCODES(load(Reg::kRet, cell),
          "mov x16, #0x9abc; movk x16, #0x5678, lsl #16; movk x16, #0x1234, lsl #32; ldr x0, [x16]");
}

TEST_F(MasmA64Encoding, Branches) {
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
  EXPECT_EQ(finish(),
            "b #+0x10 (addr 0x10); b.eq #+0xc (addr 0x10); b #-0x8 (addr 0x0); b.vs #-0xc (addr 0x0); "
            "adr x9, #-0x10 (addr 0x0)");
}

}  // namespace
}  // namespace whipsnake
