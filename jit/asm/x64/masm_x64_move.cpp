// Moves, loads and stores.
#include "jit/asm/x64/masm_x64.h"

namespace whipsnake::x64 {

void MasmX64::mov(Reg dst, Reg src) {
  if (dst == src) return;
  enc_.ensure();
  enc_.op_rr({.wide = true, .code = 0x8B}, gpr(dst), gpr(src));
}

void MasmX64::mov32(Reg dst, Reg src) {
  enc_.ensure();
  enc_.op_rr({.code = 0x8B}, gpr(dst), gpr(src));
}

void MasmX64::mov_imm(Reg dst, int64_t value) {
  enc_.ensure();
  enc_.mov_const(gpr(dst), value);
}

void MasmX64::mov_embedded(Reg dst, const void* p) {
  enc_.ensure();
  enc_.mov_imm64(gpr(dst), static_cast<int64_t>(reinterpret_cast<uintptr_t>(p)));
}

void MasmX64::lea(Reg dst, Mem mem) {
  if (mem.base == Reg::kNone && mem.index == Reg::kNone) {
    mov_ptr(dst, static_cast<const uint8_t*>(mem.cell) + mem.disp);
    return;
  }
  if (mem.index == Reg::kNone && mem.disp == 0) {
    mov(dst, mem.base);
    return;
  }
  enc_.ensure();
  enc_.op_rm({.wide = true, .code = 0x8D}, gpr(dst), mem);
}

void MasmX64::lea_label(Reg dst, Label label) {
  enc_.ensure();
  unsigned reg = gpr(dst);
  enc_.emit8(static_cast<uint8_t>(0x48 | ((reg >> 3) << 2)));
  enc_.emit8(0x8D);
  enc_.emit8(static_cast<uint8_t>(((reg & 7) << 3) | 5));
  label_field(label);
}

void MasmX64::load(Reg dst, Mem mem) {
  enc_.ensure();
  enc_.op_rm({.wide = true, .code = 0x8B}, gpr(dst), mem);
}

void MasmX64::load32(Reg dst, Mem mem) {
  enc_.ensure();
  enc_.op_rm({.code = 0x8B}, gpr(dst), mem);
}

void MasmX64::load32_signed(Reg dst, Mem mem) {
  enc_.ensure();
  enc_.op_rm({.wide = true, .code = 0x63}, gpr(dst), mem);
}

void MasmX64::load16(Reg dst, Mem mem) {
  enc_.ensure();
  enc_.op_rm({.escape = true, .code = 0xB7}, gpr(dst), mem);
}

void MasmX64::load8(Reg dst, Mem mem) {
  enc_.ensure();
  enc_.op_rm({.escape = true, .code = 0xB6}, gpr(dst), mem);
}

void MasmX64::load8_signed(Reg dst, Mem mem) {
  enc_.ensure();
  enc_.op_rm({.wide = true, .escape = true, .code = 0xBE}, gpr(dst), mem);
}

void MasmX64::store(Mem mem, Reg src) {
  enc_.ensure();
  enc_.op_rm({.wide = true, .code = 0x89}, gpr(src), mem);
}

void MasmX64::store32(Mem mem, Reg src) {
  enc_.ensure();
  enc_.op_rm({.code = 0x89}, gpr(src), mem);
}

void MasmX64::store16(Mem mem, Reg src) {
  enc_.ensure();
  enc_.op_rm({.prefix = 0x66, .code = 0x89}, gpr(src), mem);
}

void MasmX64::store8(Mem mem, Reg src) {
  enc_.ensure();
  enc_.op_rm({.byte_reg = true, .code = 0x88}, gpr(src), mem);
}

void MasmX64::store_imm(Mem mem, int64_t value) {
  enc_.ensure();
  if (fits_int32(value)) {
    enc_.op_rm({.wide = true, .code = 0xC7}, 0, mem, 4);
    enc_.emit32(static_cast<int32_t>(value));
  } else if (!enc_.is_far_cell(mem)) {
    enc_.mov_const(kScratch, value);
    enc_.op_rm({.wide = true, .code = 0x89}, kScratch, mem);
  } else {
    // The scratch register holds the address, so the value goes in two halves.
    const uint8_t* target = static_cast<const uint8_t*>(mem.cell) + mem.disp;
    enc_.mov_const(kScratch, static_cast<int64_t>(reinterpret_cast<uintptr_t>(target)));
    enc_.op_base_disp({.code = 0xC7}, 0, kScratch, 0);
    enc_.emit32(static_cast<int32_t>(value));
    enc_.op_base_disp({.code = 0xC7}, 0, kScratch, 4);
    enc_.emit32(static_cast<int32_t>(value >> 32));
  }
}

void MasmX64::store32_imm(Mem mem, int32_t value) {
  enc_.ensure();
  enc_.op_rm({.code = 0xC7}, 0, mem, 4);
  enc_.emit32(value);
}

void MasmX64::store16_imm(Mem mem, int16_t value) {
  enc_.ensure();
  enc_.op_rm({.prefix = 0x66, .code = 0xC7}, 0, mem, 2);
  enc_.emit8(static_cast<uint8_t>(value));
  enc_.emit8(static_cast<uint8_t>(value >> 8));
}

void MasmX64::store8_imm(Mem mem, int8_t value) {
  enc_.ensure();
  enc_.op_rm({.code = 0xC6}, 0, mem, 1);
  enc_.emit8(static_cast<uint8_t>(value));
}

}  // namespace whipsnake::x64
