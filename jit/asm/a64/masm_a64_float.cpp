// Double-precision floating point.
#include "jit/asm/a64/masm_a64.h"

namespace whipsnake::a64 {

using namespace vixl::aarch64;

namespace {

VRegister d(FReg reg) { return DRegister(static_cast<unsigned>(reg)); }

}  // namespace

void MasmA64::fload(FReg dst, Mem mem) {
  ensure();
  as_->ldr(d(dst), address(mem, 3));
}

void MasmA64::fstore(Mem mem, FReg src) {
  ensure();
  as_->str(d(src), address(mem, 3));
}

void MasmA64::fmov(FReg dst, FReg src) {
  if (dst == src) return;
  ensure();
  as_->fmov(d(dst), d(src));
}

void MasmA64::fadd(FReg dst, FReg src) {
  ensure();
  as_->fadd(d(dst), d(dst), d(src));
}

void MasmA64::fsub(FReg dst, FReg src) {
  ensure();
  as_->fsub(d(dst), d(dst), d(src));
}

void MasmA64::fmul(FReg dst, FReg src) {
  ensure();
  as_->fmul(d(dst), d(dst), d(src));
}

void MasmA64::fdiv(FReg dst, FReg src) {
  ensure();
  as_->fdiv(d(dst), d(dst), d(src));
}

void MasmA64::fsqrt(FReg dst, FReg src) {
  ensure();
  as_->fsqrt(d(dst), d(src));
}

void MasmA64::fneg(FReg dst) {
  ensure();
  as_->fneg(d(dst), d(dst));
}

void MasmA64::fcmp(FReg a, FReg b) {
  ensure();
  as_->fcmp(d(a), d(b));
}

void MasmA64::fzero(FReg dst) {
  ensure();
  as_->fmov(d(dst), xzr);
}

void MasmA64::int_to_float(FReg dst, Reg src) {
  ensure();
  as_->scvtf(d(dst), source(src));
}

void MasmA64::float_to_int(Reg dst, FReg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->fcvtzs(x(dst), d(src));
}

void MasmA64::fmov_bits(Reg dst, FReg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->fmov(x(dst), d(src));
}

void MasmA64::fmov_bits(FReg dst, Reg src) {
  ensure();
  as_->fmov(d(dst), source(src));
}

void MasmA64::fjump_if(Cond cond, Label label) {
  if (cond < Cond::kFEqual) return fail();
  jump_if(cond, label);
}

void MasmA64::fset_if(Cond cond, Reg dst) {
  if (cond < Cond::kFEqual) return fail();
  set_if(cond, dst);
}

}  // namespace whipsnake::a64
