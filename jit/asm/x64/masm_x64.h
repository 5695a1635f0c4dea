// Masm for x86-64 (System V ABI). The family files are masm_x64.cpp (life cycle, control flow, frame),
// masm_x64_move.cpp, masm_x64_int.cpp and masm_x64_float.cpp.
//
// One pass: a forward branch takes the 32-bit form and is patched by finish(); a backward branch takes the
// short form when its distance allows. Uses only the SSE2 baseline, so the code runs on every x86-64 CPU.
#pragma once

#include <cstdint>
#include <vector>

#include "jit/asm/masm.h"
#include "jit/asm/x64/encoder_x64.h"

namespace whipsnake::x64 {

class MasmX64 final : public Masm {
 public:
  explicit MasmX64(NearRange near);

  void reset() override;
  bool failed() const override { return enc_.failed(); }
  size_t size() const override { return enc_.size(); }
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
  // A field of 1 or 4 bytes to be set to (label - its end) by finish().
  struct Fixup {
    uint32_t offset;
    int32_t label;
    uint32_t bytes;
  };

  // Condition codes as they appear in the low four bits of jcc, setcc and cmovcc.
  enum Cc : uint8_t { kO, kNo, kB, kAe, kE, kNe, kBe, kA, kS, kNs, kP, kNp, kL, kGe, kLe, kG };
  static Cc cc(Cond cond);

  bool owns(Label label) const {
    return static_cast<size_t>(label.id) < label_offsets_.size();  // an invalid id is huge as size_t
  }
  void branch_to_code(uint8_t code, const void* target);
  void add_fixup(Fixup fixup);
  void label_field(Label label);  // emits the 32-bit distance to `label`, or zeros and a fixup
  void jump_cc(Cc code, Label label);
  void set_byte(Cc code, Gpr dst);  // dst's low byte = 0 or 1
  void zero_extend_byte(Gpr reg);
  void divide(bool wide, Reg quotient, Reg remainder, Reg dividend, Reg divisor);
  void shift_by_register(unsigned operation, Reg dst, Reg count);
  void shift_by_constant(unsigned operation, Reg dst, int bits);
  void sse(uint8_t prefix, uint8_t code, FReg dst, FReg src);

  Encoder enc_;
  NearRange near_;
  std::vector<int32_t> label_offsets_;  // -1: not bound
  std::vector<Fixup> fixups_;
};

}  // namespace whipsnake::x64
