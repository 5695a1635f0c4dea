// Masm for AArch64 (AAPCS64), on VIXL's plain Assembler. The family files are masm_a64.cpp (life cycle, control flow,
// frame, addresses), masm_a64_move.cpp, masm_a64_int.cpp and masm_a64_float.cpp.
//
// VIXL's MacroAssembler is not used: it aborts the process when memory runs out, and its labels and pools cost more
// than the instructions. Functions are limited to 1 MiB of code, so that every branch reaches in one instruction; a
// larger one fails. Only Armv8.0 instructions.
//
// Scratch registers: x16 holds an address, x17 a value, x15 an immediate; none survives a Masm call.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "jit/asm/masm.h"
#include "vixl/aarch64/assembler-aarch64.h"

namespace whipsnake::a64 {

class MasmA64 final : public Masm {
 public:
  explicit MasmA64(NearRange near);

  void reset() override;
  bool failed() const override { return failed_; }
  size_t size() const override { return static_cast<size_t>(as_->GetCursorOffset()); }
  CodeBuffer finish() override;
  Label new_label() override;
  void bind(Label label) override;
  bool is_bound(Label label) const override;
  uint32_t offset_of(Label label) const override;
  void align(int bytes) override;

  void mov(Reg dst, Reg src) override;
  void mov32(Reg dst, Reg src) override;
  void mov_imm(Reg dst, int64_t value) override;
  void mov_embedded(Reg dst, const void* p) override;
  void lea(Reg dst, Mem mem) override;
  void lea_label(Reg dst, Label label) override;
  void load(Reg dst, Mem mem) override;
  void load32(Reg dst, Mem mem) override;
  void load32_signed(Reg dst, Mem mem) override;
  void load16(Reg dst, Mem mem) override;
  void load8(Reg dst, Mem mem) override;
  void load8_signed(Reg dst, Mem mem) override;
  void store(Mem mem, Reg src) override;
  void store32(Mem mem, Reg src) override;
  void store16(Mem mem, Reg src) override;
  void store8(Mem mem, Reg src) override;
  void store_imm(Mem mem, int64_t value) override;
  void store32_imm(Mem mem, int32_t value) override;
  void store16_imm(Mem mem, int16_t value) override;
  void store8_imm(Mem mem, int8_t value) override;

  void add(Reg dst, Reg src) override;
  void add(Reg dst, int32_t imm) override;
  void add(Reg dst, Mem src) override;
  void add32(Reg dst, Reg src) override;
  void add32(Reg dst, int32_t imm) override;
  void sub(Reg dst, Reg src) override;
  void sub(Reg dst, int32_t imm) override;
  void sub(Reg dst, Mem src) override;
  void sub32(Reg dst, Reg src) override;
  void sub32(Reg dst, int32_t imm) override;
  void mul(Reg dst, Reg src) override;
  void mul_ov(Reg dst, Reg src, Label overflow) override;
  void div_signed(Reg quotient, Reg remainder, Reg dividend, Reg divisor) override;
  void div_signed32(Reg quotient, Reg remainder, Reg dividend, Reg divisor) override;
  void neg(Reg dst) override;
  void not_(Reg dst) override;
  void and_(Reg dst, Reg src) override;
  void and_(Reg dst, int32_t imm) override;
  void or_(Reg dst, Reg src) override;
  void or_(Reg dst, int32_t imm) override;
  void xor_(Reg dst, Reg src) override;
  void xor_(Reg dst, int32_t imm) override;
  void shl(Reg dst, int bits) override;
  void shr(Reg dst, int bits) override;
  void sar(Reg dst, int bits) override;
  void shl(Reg dst, Reg count) override;
  void shr(Reg dst, Reg count) override;
  void sar(Reg dst, Reg count) override;
  void add_mem(Mem mem, int32_t imm) override;
  void add_mem32(Mem mem, int32_t imm) override;
  void sign_extend32(Reg dst, Reg src) override;

  void cmp(Reg a, Reg b) override;
  void cmp(Reg a, int32_t imm) override;
  void cmp(Reg a, Mem b) override;
  void cmp(Mem a, int32_t imm) override;
  void cmp32(Reg a, Reg b) override;
  void cmp32(Reg a, int32_t imm) override;
  void cmp32(Reg a, Mem b) override;
  void cmp32(Mem a, int32_t imm) override;
  void cmp8(Mem a, int8_t imm) override;
  void cmp_ptr(Reg a, const void* p) override;
  void test(Reg a, Reg b) override;
  void test32(Reg a, Reg b) override;
  void test(Reg a, int32_t imm) override;
  void test32(Mem a, int32_t imm) override;
  void test8(Mem a, int8_t imm) override;
  void set_if(Cond cond, Reg dst) override;
  void select_if(Cond cond, Reg dst, Reg src) override;

  void jump(Label label) override;
  void jump_if(Cond cond, Label label) override;
  void skip_if(Cond cond, Label label) override;
  void jump_reg(Reg target) override;
  void jump_mem(Mem target) override;
  void call(Reg target) override;
  void call_mem(Mem target) override;
  void call_code(const void* target) override;
  void jump_code(const void* target) override;
  void ret() override;
  void trap() override;
  void enter(int locals) override;
  void leave(int locals) override;
  void unwind_frame(int locals) override;
  void enter_thunk(int locals) override;
  void leave_thunk(int locals) override;
  void drop_return_address() override;

  void fload(FReg dst, Mem mem) override;
  void fstore(Mem mem, FReg src) override;
  void fmov(FReg dst, FReg src) override;
  void fadd(FReg dst, FReg src) override;
  void fsub(FReg dst, FReg src) override;
  void fmul(FReg dst, FReg src) override;
  void fdiv(FReg dst, FReg src) override;
  void fsqrt(FReg dst, FReg src) override;
  void fneg(FReg dst) override;
  void fcmp(FReg a, FReg b) override;
  void fzero(FReg dst) override;
  void int_to_float(FReg dst, Reg src) override;
  void float_to_int(Reg dst, FReg src) override;
  void fmov_bits(Reg dst, FReg src) override;
  void fmov_bits(FReg dst, Reg src) override;
  void fjump_if(Cond cond, Label label) override;
  void fset_if(Cond cond, Reg dst) override;

 private:
  // A branch or adr whose distance finish() fills in; the instruction itself tells which field.
  struct Fixup {
    uint32_t offset;
    int32_t label;
  };

  using Register = vixl::aarch64::Register;
  using Operand = vixl::aarch64::Operand;
  using MemOperand = vixl::aarch64::MemOperand;
  using Condition = vixl::aarch64::Condition;
  enum class Width : uint8_t { k32, k64 };

  static Condition condition(Cond cond);
  static Operand scaled(const Register& base, const Register& index, unsigned shift);
  static Register x(Reg reg);
  static Register w(Reg reg) { return x(reg).W(); }

  bool owns(Label label) const { return static_cast<size_t>(label.id) < label_offsets_.size(); }
  void fail() { failed_ = true; }
  void ensure();
  // The distance to `label` in bytes, or 0 and a fixup for the instruction about to be emitted.
  int64_t distance_to(Label label);
  void patch(uint32_t offset, int64_t distance);

  void constant(const Register& dst, int64_t value);
  Register source(Reg reg);  // a register that is valid as any operand: the stack pointer is copied to x17
  bool is_plain(Reg reg) {   // as a destination; the stack pointer fails
    if (reg == Reg::kNativeStack) fail();
    return reg != Reg::kNativeStack;
  }
  // Makes `mem` addressable by an access of 2^size_log2 bytes; uses x16, and x17 only while it runs.
  MemOperand address(const Mem& mem, unsigned size_log2);
  void add_immediate(bool set_flags, const Register& dst, const Register& src, int64_t imm);
  void subtract_immediate(const Register& dst, int32_t imm);
  bool is_shift(Reg dst, int bits);  // false when there is nothing to emit
  void compare_immediate(const Register& a, int64_t imm);
  Register value_register(int64_t value);  // xzr or x17
  Operand logical_immediate(int64_t imm, Width width);

  NearRange near_;
  std::unique_ptr<uint8_t[]> buffer_;
  std::unique_ptr<vixl::aarch64::Assembler> as_;
  std::vector<int32_t> label_offsets_;  // -1: not bound
  std::vector<Fixup> fixups_;
  bool failed_ = false;
};

}  // namespace whipsnake::a64
