// Moves, loads and stores.
#include "jit/asm/a64/masm_a64.h"

namespace whipsnake::a64 {

using namespace vixl::aarch64;

void MasmA64::mov(Reg dst, Reg src) {
  if (x(dst).Is(x(src))) return;
  ensure();
  as_->mov(x(dst), x(src));
}

void MasmA64::mov32(Reg dst, Reg src) {
  if (!is_plain(dst)) return;
  ensure();
  as_->mov(w(dst), source(src).W());  // writing a w register clears the upper half
}

void MasmA64::mov_imm(Reg dst, int64_t value) {
  if (!is_plain(dst)) return;
  ensure();
  constant(x(dst), value);
}

void MasmA64::mov_embedded(Reg dst, const void* p) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ldr(x(dst), 2);  // distances in instructions
  as_->b(3);
  as_->dc64(reinterpret_cast<uintptr_t>(p));
}

void MasmA64::lea(Reg dst, Mem mem) {
  ensure();
  if (mem.base == Reg::kNone) {
    if (mem.index != Reg::kNone) return fail();
    mov_ptr(dst, static_cast<const uint8_t*>(mem.cell) + mem.disp);
    return;
  }
  Register base = x(mem.base);
  if (mem.index != Reg::kNone) {
    if (mem.index == Reg::kNativeStack) return fail();
    unsigned shift = mem.scale == 8 ? 3 : mem.scale == 4 ? 2 : mem.scale == 2 ? 1 : 0;
    as_->add(x16, base, scaled(base, x(mem.index), shift));
    base = x16;
  }
  if (mem.disp != 0) {
    add_immediate(false, x(dst), base, mem.disp);
  } else if (!x(dst).Is(base)) {
    as_->mov(x(dst), base);
  }
}

void MasmA64::lea_label(Reg dst, Label label) {
  if (!is_plain(dst)) return;
  ensure();
  int64_t distance = distance_to(label);
  as_->adr(x(dst), distance);
}

void MasmA64::load(Reg dst, Mem mem) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ldr(x(dst), address(mem, 3));
}

void MasmA64::load32(Reg dst, Mem mem) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ldr(w(dst), address(mem, 2));
}

void MasmA64::load32_signed(Reg dst, Mem mem) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ldrsw(x(dst), address(mem, 2));
}

void MasmA64::load16(Reg dst, Mem mem) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ldrh(w(dst), address(mem, 1));
}

void MasmA64::load8(Reg dst, Mem mem) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ldrb(w(dst), address(mem, 0));
}

void MasmA64::load8_signed(Reg dst, Mem mem) {
  if (!is_plain(dst)) return;
  ensure();
  as_->ldrsb(x(dst), address(mem, 0));
}

void MasmA64::store(Mem mem, Reg src) {
  ensure();
  MemOperand to = address(mem, 3);
  as_->str(source(src), to);
}

void MasmA64::store32(Mem mem, Reg src) {
  ensure();
  MemOperand to = address(mem, 2);
  as_->str(source(src).W(), to);
}

void MasmA64::store16(Mem mem, Reg src) {
  ensure();
  MemOperand to = address(mem, 1);
  as_->strh(source(src).W(), to);
}

void MasmA64::store8(Mem mem, Reg src) {
  ensure();
  MemOperand to = address(mem, 0);
  as_->strb(source(src).W(), to);
}

Register MasmA64::value_register(int64_t value) {
  if (value == 0) return xzr;
  constant(x17, value);
  return x17;
}

void MasmA64::store_imm(Mem mem, int64_t value) {
  ensure();
  MemOperand to = address(mem, 3);
  as_->str(value_register(value), to);
}

void MasmA64::store32_imm(Mem mem, int32_t value) {
  ensure();
  MemOperand to = address(mem, 2);
  as_->str(value_register(value).W(), to);
}

void MasmA64::store16_imm(Mem mem, int16_t value) {
  ensure();
  MemOperand to = address(mem, 1);
  as_->strh(value_register(value).W(), to);
}

void MasmA64::store8_imm(Mem mem, int8_t value) {
  ensure();
  MemOperand to = address(mem, 0);
  as_->strb(value_register(value).W(), to);
}

}  // namespace whipsnake::a64
