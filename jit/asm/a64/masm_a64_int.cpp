// Integer arithmetic and comparisons.
#include <limits>

#include "jit/asm/a64/masm_a64.h"

namespace whipsnake::a64 {

using namespace vixl::aarch64;

// Adding a negative number is subtracting its absolute value, with the same flags. The one exception is the smallest
// number of the operation's own width, which has no absolute value and therefore goes through a register.
void MasmA64::add_immediate(bool set_flags, const Register& dst, const Register& src, int64_t imm) {
  bool subtract = imm < 0 && !(dst.Is32Bits() && imm == std::numeric_limits<int32_t>::min());
  int64_t magnitude = subtract ? -imm : imm;
  Operand operand(magnitude);
  if (!Assembler::IsImmAddSub(magnitude)) {
    constant(x15, magnitude);
    // The extended form is the one that takes the stack pointer.
    bool with_sp = dst.Is(sp) || src.Is(sp);
    operand = dst.Is32Bits() ? Operand(w15) : with_sp ? Operand(x15, UXTX) : Operand(x15);
  }
  if (subtract) {
    if (set_flags) {
      as_->subs(dst, src, operand);
    } else {
      as_->sub(dst, src, operand);
    }
  } else {
    if (set_flags) {
      as_->adds(dst, src, operand);
    } else {
      as_->add(dst, src, operand);
    }
  }
}

void MasmA64::compare_immediate(const Register& a, int64_t imm) {
  if (imm >= 0 && Assembler::IsImmAddSub(imm)) {
    as_->cmp(a, Operand(imm));
  } else if (imm < 0 && Assembler::IsImmAddSub(-imm)) {
    as_->cmn(a, Operand(-imm));
  } else {
    constant(x15, imm);
    as_->cmp(a, a.Is32Bits() ? Operand(w15) : Operand(x15));
  }
}

Operand MasmA64::logical_immediate(int64_t imm, Width width) {
  auto bits = static_cast<uint64_t>(imm);
  bool wide = width == Width::k64;
  if (!wide) bits &= 0xFFFFFFFF;
  if (Assembler::IsImmLogical(bits, wide ? 64 : 32)) return Operand(static_cast<int64_t>(bits));
  constant(x15, imm);
  return wide ? Operand(x15) : Operand(w15);
}

void MasmA64::add(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->adds(x(dst), x(dst), source(src));
}

void MasmA64::add(Reg dst, int32_t imm) {
  ensure();
  add_immediate(dst != Reg::kNativeStack, x(dst), x(dst), imm);
}

void MasmA64::add(Reg dst, Mem src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ldr(x17, address(src, 3));
  as_->adds(x(dst), x(dst), x17);
}

void MasmA64::add32(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->adds(w(dst), w(dst), source(src).W());
}

void MasmA64::add32(Reg dst, int32_t imm) {
  if (!is_plain(dst)) return;
  ensure();
  add_immediate(true, w(dst), w(dst), imm);
}

void MasmA64::sub(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->subs(x(dst), x(dst), source(src));
}

void MasmA64::sub(Reg dst, int32_t imm) {
  ensure();
  if (dst == Reg::kNativeStack) return add_immediate(false, sp, sp, -int64_t{imm});
  subtract_immediate(x(dst), imm);
}

void MasmA64::sub(Reg dst, Mem src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ldr(x17, address(src, 3));
  as_->subs(x(dst), x(dst), x17);
}

void MasmA64::sub32(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->subs(w(dst), w(dst), source(src).W());
}

void MasmA64::sub32(Reg dst, int32_t imm) {
  if (!is_plain(dst)) return;
  ensure();
  subtract_immediate(w(dst), imm);
}

// Not add_immediate with the opposite sign: subtracting 0 leaves the carry (no borrow) that adding 0 does not.
void MasmA64::subtract_immediate(const Register& dst, int32_t imm) {
  if (imm >= 0 && Assembler::IsImmAddSub(imm)) {
    as_->subs(dst, dst, Operand(imm));
  } else if (imm < 0 && Assembler::IsImmAddSub(-int64_t{imm})) {
    as_->adds(dst, dst, Operand(-int64_t{imm}));
  } else {
    constant(x15, imm);
    as_->subs(dst, dst, dst.Is32Bits() ? Operand(w15) : Operand(x15));
  }
}

void MasmA64::mul(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->mul(x(dst), x(dst), source(src));
}

void MasmA64::mul_ov(Reg dst, Reg src, Label overflow) {
  if (!is_plain(dst)) return;
  ensure();
  Register factor = source(src);
  as_->smulh(x16, x(dst), factor);
  as_->mul(x(dst), x(dst), factor);
  as_->cmp(x16, Operand(x(dst), ASR, 63));  // the upper half must be copies of the sign bit
  as_->b(distance_to(overflow) / 4, ne);
}

void MasmA64::div_signed(Reg quotient, Reg remainder, Reg dividend, Reg divisor) {
  ensure();
  as_->sdiv(x16, x(dividend), x(divisor));
  if (remainder != Reg::kNone) as_->msub(x17, x16, x(divisor), x(dividend));
  if (quotient != Reg::kNone) as_->mov(x(quotient), x16);
  if (remainder != Reg::kNone) as_->mov(x(remainder), x17);
}

void MasmA64::div_signed32(Reg quotient, Reg remainder, Reg dividend, Reg divisor) {
  ensure();
  as_->sdiv(w16, w(dividend), w(divisor));
  if (remainder != Reg::kNone) as_->msub(w17, w16, w(divisor), w(dividend));
  if (quotient != Reg::kNone) as_->sxtw(x(quotient), x16);
  if (remainder != Reg::kNone) as_->sxtw(x(remainder), x17);
}

void MasmA64::neg(Reg dst) {
  if (!is_plain(dst)) return;
  ensure();
  as_->negs(x(dst), Operand(x(dst)));
}

void MasmA64::not_(Reg dst) {
  if (!is_plain(dst)) return;
  ensure();
  as_->mvn(x(dst), Operand(x(dst)));
}

void MasmA64::and_(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ands(x(dst), x(dst), source(src));
}

void MasmA64::and_(Reg dst, int32_t imm) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ands(x(dst), x(dst), logical_immediate(imm, Width::k64));
}

// orr and eor set no flags: a test of the result does.

void MasmA64::or_(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->orr(x(dst), x(dst), source(src));
  as_->tst(x(dst), x(dst));
}

void MasmA64::or_(Reg dst, int32_t imm) {
  if (!is_plain(dst)) return;
  ensure();
  as_->orr(x(dst), x(dst), logical_immediate(imm, Width::k64));
  as_->tst(x(dst), x(dst));
}

void MasmA64::xor_(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->eor(x(dst), x(dst), source(src));
  as_->tst(x(dst), x(dst));
}

void MasmA64::xor_(Reg dst, int32_t imm) {
  if (!is_plain(dst)) return;
  ensure();
  as_->eor(x(dst), x(dst), logical_immediate(imm, Width::k64));
  as_->tst(x(dst), x(dst));
}

bool MasmA64::is_shift(Reg dst, int bits) {
  if (bits < 0 || bits > 63) fail();
  return is_plain(dst) && bits > 0 && bits < 64;
}

void MasmA64::shl(Reg dst, int bits) {
  if (!is_shift(dst, bits)) return;
  ensure();
  as_->lsl(x(dst), x(dst), static_cast<unsigned>(bits));
}

void MasmA64::shr(Reg dst, int bits) {
  if (!is_shift(dst, bits)) return;
  ensure();
  as_->lsr(x(dst), x(dst), static_cast<unsigned>(bits));
}

void MasmA64::sar(Reg dst, int bits) {
  if (!is_shift(dst, bits)) return;
  ensure();
  as_->asr(x(dst), x(dst), static_cast<unsigned>(bits));
}

void MasmA64::shl(Reg dst, Reg count) {
  if (!is_plain(dst)) return;
  ensure();
  as_->lslv(x(dst), x(dst), x(count));
}

void MasmA64::shr(Reg dst, Reg count) {
  if (!is_plain(dst)) return;
  ensure();
  as_->lsrv(x(dst), x(dst), x(count));
}

void MasmA64::sar(Reg dst, Reg count) {
  if (!is_plain(dst)) return;
  ensure();
  as_->asrv(x(dst), x(dst), x(count));
}

void MasmA64::add_mem(Mem mem, int32_t imm) {
  ensure();
  MemOperand cell = address(mem, 3);
  as_->ldr(x17, cell);
  add_immediate(true, x17, x17, imm);
  as_->str(x17, cell);
}

void MasmA64::add_mem32(Mem mem, int32_t imm) {
  ensure();
  MemOperand cell = address(mem, 2);
  as_->ldr(w17, cell);
  add_immediate(true, w17, w17, imm);
  as_->str(w17, cell);
}

void MasmA64::sign_extend32(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->sxtw(x(dst), source(src));
}

// --- comparisons ---

void MasmA64::cmp(Reg a, Reg b) {
  ensure();
  as_->cmp(source(a), source(b));
}

void MasmA64::cmp(Reg a, int32_t imm) {
  ensure();
  compare_immediate(source(a), imm);
}

void MasmA64::cmp(Reg a, Mem b) {
  ensure();
  if (!is_plain(a)) return;
  as_->ldr(x17, address(b, 3));
  as_->cmp(x(a), x17);
}

void MasmA64::cmp(Mem a, int32_t imm) {
  ensure();
  as_->ldr(x17, address(a, 3));
  compare_immediate(x17, imm);
}

void MasmA64::cmp32(Reg a, Reg b) {
  ensure();
  as_->cmp(source(a).W(), source(b).W());
}

void MasmA64::cmp32(Reg a, int32_t imm) {
  ensure();
  compare_immediate(source(a).W(), imm);
}

void MasmA64::cmp32(Reg a, Mem b) {
  ensure();
  if (!is_plain(a)) return;
  as_->ldr(w17, address(b, 2));
  as_->cmp(w(a), w17);
}

void MasmA64::cmp32(Mem a, int32_t imm) {
  ensure();
  as_->ldr(w17, address(a, 2));
  compare_immediate(w17, imm);
}

// Sign extension keeps the order of bytes, signed and unsigned.
void MasmA64::cmp8(Mem a, int8_t imm) {
  ensure();
  as_->ldrsb(w17, address(a, 0));
  compare_immediate(w17, imm);
}

void MasmA64::cmp_ptr(Reg a, const void* p) {
  ensure();
  if (!is_plain(a)) return;
  constant(x17, static_cast<int64_t>(reinterpret_cast<uintptr_t>(p)));
  as_->cmp(x(a), x17);
}

void MasmA64::test(Reg a, Reg b) {
  ensure();
  as_->tst(source(a), source(b));
}

void MasmA64::test32(Reg a, Reg b) {
  ensure();
  as_->tst(source(a).W(), source(b).W());
}

void MasmA64::test(Reg a, int32_t imm) {
  ensure();
  as_->tst(source(a), logical_immediate(imm, Width::k64));
}

void MasmA64::test32(Mem a, int32_t imm) {
  ensure();
  as_->ldr(w17, address(a, 2));
  as_->tst(w17, logical_immediate(imm, Width::k32));
}

void MasmA64::test8(Mem a, int8_t imm) {
  ensure();
  as_->ldrsb(w17, address(a, 0));
  as_->tst(w17, logical_immediate(imm, Width::k32));
}

void MasmA64::set_if(Cond cond, Reg dst) {
  if (!is_plain(dst)) return;
  ensure();
  as_->cset(x(dst), condition(cond));
}

void MasmA64::select_if(Cond cond, Reg dst, Reg src) {
  if (cond >= Cond::kFEqual) return fail();
  if (!is_plain(dst)) return;
  ensure();
  as_->csel(x(dst), source(src), x(dst), condition(cond));
}

}  // namespace whipsnake::a64
