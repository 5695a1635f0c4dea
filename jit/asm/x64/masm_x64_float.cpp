// Double-precision floating point, on SSE2.
#include "jit/asm/x64/masm_x64.h"

namespace whipsnake::x64 {

namespace {

constexpr uint8_t kDouble = 0xF2;  // prefix of the scalar-double instructions

Xbyak::Xmm xmm_operand(int number) { return Xbyak::Xmm(number); }

}  // namespace

void MasmX64::sse(uint8_t prefix, uint8_t code, FReg dst, FReg src) {
  enc_.ensure();
  enc_.op_rr({.prefix = prefix, .escape = true, .code = code}, static_cast<unsigned>(dst), static_cast<unsigned>(src));
}

void MasmX64::fload(FReg dst, Mem mem) {
  enc_.ensure();
  enc_.op_rm({.prefix = kDouble, .escape = true, .code = 0x10}, static_cast<unsigned>(dst), mem);
}

void MasmX64::fstore(Mem mem, FReg src) {
  enc_.ensure();
  enc_.op_rm({.prefix = kDouble, .escape = true, .code = 0x11}, static_cast<unsigned>(src), mem);
}

void MasmX64::fmov(FReg dst, FReg src) {
  if (dst != src) sse(0, 0x28, dst, src);  // movaps
}

void MasmX64::fadd(FReg dst, FReg src) { sse(kDouble, 0x58, dst, src); }
void MasmX64::fsub(FReg dst, FReg src) { sse(kDouble, 0x5C, dst, src); }
void MasmX64::fmul(FReg dst, FReg src) { sse(kDouble, 0x59, dst, src); }
void MasmX64::fdiv(FReg dst, FReg src) { sse(kDouble, 0x5E, dst, src); }
void MasmX64::fsqrt(FReg dst, FReg src) { sse(kDouble, 0x51, dst, src); }

// The mask is made in a register (all ones, shifted left by 63), which needs neither memory nor a general
// register.
void MasmX64::fneg(FReg dst) {
  enc_.ensure();
  Xbyak::Xmm mask = xmm_operand(kFScratch);
  enc_.pcmpeqd(mask, mask);
  enc_.psllq(mask, 63);
  enc_.xorps(xmm_operand(xmm(dst)), mask);
}

void MasmX64::fcmp(FReg a, FReg b) { sse(0x66, 0x2E, a, b); }  // ucomisd
void MasmX64::fzero(FReg dst) { sse(0, 0x57, dst, dst); }      // xorps

void MasmX64::int_to_float(FReg dst, Reg src) {
  fzero(dst);  // cvtsi2sd keeps the upper half: without this it would wait for dst's last writer
  enc_.cvtsi2sd(xmm_operand(xmm(dst)), Xbyak::Reg64(gpr(src)));
}

void MasmX64::float_to_int(Reg dst, FReg src) {
  enc_.ensure();
  enc_.cvttsd2si(Xbyak::Reg64(gpr(dst)), xmm_operand(xmm(src)));
}

void MasmX64::fmov_bits(Reg dst, FReg src) {
  enc_.ensure();
  enc_.movq(Xbyak::Reg64(gpr(dst)), xmm_operand(xmm(src)));
}

void MasmX64::fmov_bits(FReg dst, Reg src) {
  enc_.ensure();
  enc_.movq(xmm_operand(xmm(dst)), Xbyak::Reg64(gpr(src)));
}

void MasmX64::fjump_if(Cond cond, Label label) {
  if (cond < Cond::kFEqual) return enc_.fail();
  enc_.ensure();
  switch (cond) {
    case Cond::kFNotEqual:
      jump_cc(kP, label);
      jump_cc(kNe, label);
      return;
    case Cond::kFEqual:
    case Cond::kFLess:
    case Cond::kFLessEqual: {
      // jp over the branch
      enc_.emit8(0x7A);
      size_t field = enc_.size();
      enc_.emit8(0);
      jump_cc(cc(cond), label);
      enc_.patch8(static_cast<uint32_t>(field), static_cast<uint8_t>(enc_.size() - field - 1));
      return;
    }
    default: jump_cc(cc(cond), label); return;
  }
}

void MasmX64::fset_if(Cond cond, Reg dst) {
  if (cond < Cond::kFEqual) return enc_.fail();
  enc_.ensure();
  Gpr reg = gpr(dst);
  const Opcode byte_and{.byte_reg = true, .code = 0x22};
  const Opcode byte_or{.byte_reg = true, .code = 0x0A};
  set_byte(cc(cond), reg);
  switch (cond) {
    case Cond::kFNotEqual:
      set_byte(kP, kScratch);
      enc_.op_rr(byte_or, reg, kScratch);
      break;
    case Cond::kFEqual:
    case Cond::kFLess:
    case Cond::kFLessEqual:
      set_byte(kNp, kScratch);
      enc_.op_rr(byte_and, reg, kScratch);
      break;
    default: break;
  }
  zero_extend_byte(reg);
}

}  // namespace whipsnake::x64
