// Integer arithmetic and comparisons.
#include "jit/asm/x64/masm_x64.h"

namespace whipsnake::x64 {

namespace {

// Operation numbers of the classic ALU group: `operation * 8 + 3` is "reg, r/m", and the /digit of 81 and 83.
constexpr unsigned kAdd = 0;
constexpr unsigned kOr = 1;
constexpr unsigned kAnd = 4;
constexpr unsigned kSub = 5;
constexpr unsigned kXor = 6;
constexpr unsigned kCmp = 7;
// And of the shift group.
constexpr unsigned kShl = 4;
constexpr unsigned kShr = 5;
constexpr unsigned kSar = 7;

constexpr Opcode kSignExtend32{.wide = true, .code = 0x63};  // movsxd

constexpr Opcode alu(unsigned operation, bool wide) {
  return {.wide = wide, .code = static_cast<uint8_t>(operation * 8 + 3)};
}

Xbyak::Reg64 reg64(Gpr reg) { return Xbyak::Reg64(reg); }

}  // namespace

void MasmX64::add(Reg dst, Reg src) {
  enc_.ensure();
  enc_.op_rr(alu(kAdd, true), gpr(dst), gpr(src));
}

void MasmX64::add(Reg dst, int32_t imm) {
  enc_.ensure();
  enc_.alu_imm(kAdd, true, gpr(dst), imm);
}

void MasmX64::add(Reg dst, Mem src) {
  enc_.ensure();
  enc_.op_rm(alu(kAdd, true), gpr(dst), src);
}

void MasmX64::add32(Reg dst, Reg src) {
  enc_.ensure();
  enc_.op_rr(alu(kAdd, false), gpr(dst), gpr(src));
}

void MasmX64::add32(Reg dst, int32_t imm) {
  enc_.ensure();
  enc_.alu_imm(kAdd, false, gpr(dst), imm);
}

void MasmX64::sub(Reg dst, Reg src) {
  enc_.ensure();
  enc_.op_rr(alu(kSub, true), gpr(dst), gpr(src));
}

void MasmX64::sub(Reg dst, int32_t imm) {
  enc_.ensure();
  enc_.alu_imm(kSub, true, gpr(dst), imm);
}

void MasmX64::sub(Reg dst, Mem src) {
  enc_.ensure();
  enc_.op_rm(alu(kSub, true), gpr(dst), src);
}

void MasmX64::sub32(Reg dst, Reg src) {
  enc_.ensure();
  enc_.op_rr(alu(kSub, false), gpr(dst), gpr(src));
}

void MasmX64::sub32(Reg dst, int32_t imm) {
  enc_.ensure();
  enc_.alu_imm(kSub, false, gpr(dst), imm);
}

void MasmX64::mul(Reg dst, Reg src) {
  enc_.ensure();
  enc_.imul(reg64(gpr(dst)), reg64(gpr(src)));
}

void MasmX64::mul_ov(Reg dst, Reg src, Label overflow) {
  enc_.ensure();
  enc_.imul(reg64(gpr(dst)), reg64(gpr(src)));
  jump_cc(kO, overflow);
}

void MasmX64::div_signed(Reg quotient, Reg remainder, Reg dividend, Reg divisor) {
  divide(true, quotient, remainder, dividend, divisor);
}

void MasmX64::div_signed32(Reg quotient, Reg remainder, Reg dividend, Reg divisor) {
  divide(false, quotient, remainder, dividend, divisor);
}

void MasmX64::divide(bool wide, Reg quotient, Reg remainder, Reg dividend, Reg divisor) {
  enc_.ensure();
  Gpr by = gpr(divisor);
  if (by == kRax || by == kRdx) {
    enc_.mov(reg64(kScratch), reg64(by));
    by = kScratch;
  }
  if (gpr(dividend) != kRax) enc_.mov(reg64(kRax), reg64(gpr(dividend)));
  if (wide) {
    enc_.cqo();
    enc_.idiv(reg64(by));
  } else {
    enc_.cdq();
    enc_.idiv(Xbyak::Reg32(by));
  }
  const auto take = [&](Gpr into, Gpr from) {
    if (!wide)
      enc_.op_rr(kSignExtend32, into, from);
    else if (into != from)
      enc_.mov(reg64(into), reg64(from));
  };
  // The parallel move (quotient, remainder) = (rax, rdx).
  const bool want_quotient = quotient != Reg::kNone;
  const bool want_remainder = remainder != Reg::kNone;
  if (want_quotient && want_remainder && gpr(quotient) == kRdx && gpr(remainder) == kRax) {
    enc_.xchg(reg64(kRax), reg64(kRdx));
    take(kRax, kRax);
    take(kRdx, kRdx);
  } else if (want_quotient && gpr(quotient) == kRdx) {
    if (want_remainder) take(gpr(remainder), kRdx);
    take(kRdx, kRax);
  } else {
    if (want_quotient) take(gpr(quotient), kRax);
    if (want_remainder) take(gpr(remainder), kRdx);
  }
}

void MasmX64::neg(Reg dst) {
  enc_.ensure();
  enc_.neg(reg64(gpr(dst)));
}

void MasmX64::not_(Reg dst) {
  enc_.ensure();
  enc_.not_(reg64(gpr(dst)));
}

void MasmX64::and_(Reg dst, Reg src) {
  enc_.ensure();
  enc_.op_rr(alu(kAnd, true), gpr(dst), gpr(src));
}

void MasmX64::and_(Reg dst, int32_t imm) {
  enc_.ensure();
  // A mask without sign bit clears the upper half, as the 32-bit form does; the flags agree too.
  enc_.alu_imm(kAnd, imm < 0, gpr(dst), imm);
}

void MasmX64::or_(Reg dst, Reg src) {
  enc_.ensure();
  enc_.op_rr(alu(kOr, true), gpr(dst), gpr(src));
}

void MasmX64::or_(Reg dst, int32_t imm) {
  enc_.ensure();
  enc_.alu_imm(kOr, true, gpr(dst), imm);
}

void MasmX64::xor_(Reg dst, Reg src) {
  enc_.ensure();
  enc_.op_rr(alu(kXor, true), gpr(dst), gpr(src));
}

void MasmX64::xor_(Reg dst, int32_t imm) {
  enc_.ensure();
  enc_.alu_imm(kXor, true, gpr(dst), imm);
}

void MasmX64::shift_by_constant(unsigned operation, Reg dst, int bits) {
  if (bits < 0 || bits > 63) return enc_.fail();
  if (bits == 0) return;
  enc_.ensure();
  if (bits == 1) {
    enc_.op_rr({.wide = true, .code = 0xD1}, operation, gpr(dst));
  } else {
    enc_.op_rr({.wide = true, .code = 0xC1}, operation, gpr(dst));
    enc_.emit8(static_cast<uint8_t>(bits));
  }
}

void MasmX64::shl(Reg dst, int bits) { shift_by_constant(kShl, dst, bits); }
void MasmX64::shr(Reg dst, int bits) { shift_by_constant(kShr, dst, bits); }
void MasmX64::sar(Reg dst, int bits) { shift_by_constant(kSar, dst, bits); }

void MasmX64::shift_by_register(unsigned operation, Reg dst, Reg count) {
  enc_.ensure();
  const Opcode shift{.wide = true, .code = 0xD3};
  Gpr value = gpr(dst);
  if (value == kRcx) {
    enc_.mov(reg64(kScratch), reg64(kRcx));
    value = kScratch;
  }
  if (gpr(count) != kRcx) enc_.op_rr({.code = 0x8B}, kRcx, gpr(count));
  enc_.op_rr(shift, operation, value);
  if (value != gpr(dst)) enc_.mov(reg64(kRcx), reg64(kScratch));
}

void MasmX64::shl(Reg dst, Reg count) { shift_by_register(kShl, dst, count); }
void MasmX64::shr(Reg dst, Reg count) { shift_by_register(kShr, dst, count); }
void MasmX64::sar(Reg dst, Reg count) { shift_by_register(kSar, dst, count); }

void MasmX64::add_mem(Mem mem, int32_t imm) {
  enc_.ensure();
  enc_.alu_mem_imm(kAdd, true, mem, imm);
}

void MasmX64::add_mem32(Mem mem, int32_t imm) {
  enc_.ensure();
  enc_.alu_mem_imm(kAdd, false, mem, imm);
}

void MasmX64::sign_extend32(Reg dst, Reg src) {
  enc_.ensure();
  enc_.op_rr(kSignExtend32, gpr(dst), gpr(src));
}

// --- comparisons ---

void MasmX64::cmp(Reg a, Reg b) {
  enc_.ensure();
  enc_.op_rr(alu(kCmp, true), gpr(a), gpr(b));
}

void MasmX64::cmp(Reg a, int32_t imm) {
  if (imm == 0) return test(a, a);  // same flags, one byte less
  enc_.ensure();
  enc_.alu_imm(kCmp, true, gpr(a), imm);
}

void MasmX64::cmp(Reg a, Mem b) {
  enc_.ensure();
  enc_.op_rm(alu(kCmp, true), gpr(a), b);
}

void MasmX64::cmp(Mem a, int32_t imm) {
  enc_.ensure();
  enc_.alu_mem_imm(kCmp, true, a, imm);
}

void MasmX64::cmp32(Reg a, Reg b) {
  enc_.ensure();
  enc_.op_rr(alu(kCmp, false), gpr(a), gpr(b));
}

void MasmX64::cmp32(Reg a, int32_t imm) {
  if (imm == 0) return test32(a, a);
  enc_.ensure();
  enc_.alu_imm(kCmp, false, gpr(a), imm);
}

void MasmX64::cmp32(Reg a, Mem b) {
  enc_.ensure();
  enc_.op_rm(alu(kCmp, false), gpr(a), b);
}

void MasmX64::cmp32(Mem a, int32_t imm) {
  enc_.ensure();
  enc_.alu_mem_imm(kCmp, false, a, imm);
}

void MasmX64::cmp8(Mem a, int8_t imm) {
  enc_.ensure();
  enc_.op_rm({.code = 0x80}, kCmp, a, 1);
  enc_.emit8(static_cast<uint8_t>(imm));
}

void MasmX64::cmp_ptr(Reg a, const void* p) {
  auto value = static_cast<int64_t>(reinterpret_cast<uintptr_t>(p));
  if (fits_int32(value)) return cmp(a, static_cast<int32_t>(value));
  enc_.ensure();
  enc_.mov_const(kScratch, value);
  enc_.op_rr(alu(kCmp, true), gpr(a), kScratch);
}

void MasmX64::test(Reg a, Reg b) {
  enc_.ensure();
  enc_.op_rr({.wide = true, .code = 0x85}, gpr(b), gpr(a));
}

void MasmX64::test32(Reg a, Reg b) {
  enc_.ensure();
  enc_.op_rr({.code = 0x85}, gpr(b), gpr(a));
}

// A narrower test gives the same flags when the mask's sign bit is clear in the narrower form.
void MasmX64::test(Reg a, int32_t imm) {
  enc_.ensure();
  Gpr reg = gpr(a);
  if (imm >= 0 && imm <= 127) {
    if (reg == kRax) {
      enc_.emit8(0xA8);
    } else {
      if (reg >= 4) enc_.emit8(reg >= 8 ? 0x41 : 0x40);
      enc_.emit8(0xF6);
      enc_.emit8(static_cast<uint8_t>(0xC0 | (reg & 7)));
    }
    enc_.emit8(static_cast<uint8_t>(imm));
  } else if (reg == kRax) {
    if (imm < 0) enc_.emit8(0x48);
    enc_.emit8(0xA9);
    enc_.emit32(imm);
  } else {
    enc_.op_rr({.wide = imm < 0, .code = 0xF7}, 0, reg);
    enc_.emit32(imm);
  }
}

void MasmX64::test32(Mem a, int32_t imm) {
  if (imm >= 0 && imm <= 127) return test8(a, static_cast<int8_t>(imm));
  enc_.ensure();
  enc_.op_rm({.code = 0xF7}, 0, a, 4);
  enc_.emit32(imm);
}

void MasmX64::test8(Mem a, int8_t imm) {
  enc_.ensure();
  enc_.op_rm({.code = 0xF6}, 0, a, 1);
  enc_.emit8(static_cast<uint8_t>(imm));
}

void MasmX64::set_byte(Cc code, Gpr dst) {
  if (dst >= 4) enc_.emit8(dst >= 8 ? 0x41 : 0x40);
  enc_.emit8(0x0F);
  enc_.emit8(static_cast<uint8_t>(0x90 + code));
  enc_.emit8(static_cast<uint8_t>(0xC0 | (dst & 7)));
}

void MasmX64::zero_extend_byte(Gpr reg) {
  enc_.op_rr({.byte_reg = true, .escape = true, .code = 0xB6}, reg,
             reg);  // both fields agree on the empty REX
}

void MasmX64::set_if(Cond cond, Reg dst) {
  if (cond >= Cond::kFEqual) return fset_if(cond, dst);
  enc_.ensure();
  set_byte(cc(cond), gpr(dst));
  zero_extend_byte(gpr(dst));
}

void MasmX64::select_if(Cond cond, Reg dst, Reg src) {
  if (cond >= Cond::kFEqual) return enc_.fail();
  enc_.ensure();
  enc_.op_rr({.wide = true, .escape = true, .code = static_cast<uint8_t>(0x40 + cc(cond))}, gpr(dst), gpr(src));
}

}  // namespace whipsnake::x64
