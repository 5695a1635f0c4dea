#include "jit/asm/x64/encoder_x64.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace whipsnake::x64 {

namespace {

// Xbyak wants a buffer at construction; ours is allocated by the first ensure().
uint8_t g_no_buffer[1];

constexpr size_t kKeptBytes = size_t{1} << 20;  // a larger buffer is not kept for the next function

}  // namespace

Encoder::Encoder() : Xbyak::CodeGenerator(0, g_no_buffer) {}

Encoder::~Encoder() {
  if (maxSize_ != 0) std::free(top_);
}

void Encoder::clear(NearRange near) {
  size_ = 0;
  if (maxSize_ > kKeptBytes) {  // one huge function must not cost its memory for ever
    std::free(top_);
    top_ = g_no_buffer;
    maxSize_ = 0;
  }
  near_ = near;
  relocations_.clear();
  failed_ = false;
  Xbyak::ClearError();
}

void Encoder::grow(size_t bytes) {
  size_t wanted = std::max({size_t{16384}, maxSize_ * 2, size_ + bytes});
  void* grown = nullptr;
  if (wanted <= kMaxCodeBytes) grown = std::realloc(maxSize_ == 0 ? nullptr : top_, wanted);
  if (grown != nullptr) {
    top_ = static_cast<uint8_t*>(grown);
    maxSize_ = wanted;
    return;
  }
  // Harmless from here on: emission goes round and round in what memory there is.
  failed_ = true;
  size_ = 0;
  if (maxSize_ < bytes) {
    static uint8_t overflow[4096];  // write-only; only ever reached when the very first allocation failed
    top_ = overflow;
  }
}

void Encoder::relocate(uint32_t offset, uint8_t addend, const void* target) {
  try {
    relocations_.push_back({Relocation::Kind::kRel32, addend, offset, target});
  } catch (const std::bad_alloc&) {
    failed_ = true;
  }
}

void Encoder::op_base_disp(Opcode op, unsigned reg, unsigned base, int32_t disp) {
  prefixes(op, reg, 0, base);
  unsigned reg_bits = (reg & 7) << 3;
  unsigned rm = base & 7;
  bool needs_sib = rm == kRsp;  // also r12
  if (disp == 0 && rm != kRbp) {
    emit8(static_cast<uint8_t>(reg_bits | rm));
    if (needs_sib) emit8(0x24);
  } else if (fits_int8(disp)) {
    emit8(static_cast<uint8_t>(0x40u | reg_bits | rm));
    if (needs_sib) emit8(0x24);
    emit8(static_cast<uint8_t>(disp));
  } else {
    emit8(static_cast<uint8_t>(0x80u | reg_bits | rm));
    if (needs_sib) emit8(0x24);
    emit32(disp);
  }
}

void Encoder::op_rm(Opcode op, unsigned reg, const Mem& mem, uint8_t imm_bytes) {
  using whipsnake::Reg;
  if (mem.base != Reg::kNone && mem.index == Reg::kNone) [[likely]] {
    op_base_disp(op, reg, gpr(mem.base), mem.disp);
    return;
  }
  if (mem.base == Reg::kNone) {
    if (mem.index != Reg::kNone) return fail();
    const uint8_t* target = target_of(mem);
    if (near_.contains(target)) {
      prefixes(op, reg, 0, 0);
      emit8(static_cast<uint8_t>(((reg & 7) << 3) | 5));
      relocate(static_cast<uint32_t>(size_), static_cast<uint8_t>(4 + imm_bytes), target);
      emit32(0);
    } else {
      mov_const(kScratch, static_cast<int64_t>(reinterpret_cast<uintptr_t>(target)));
      op_base_disp(op, reg, kScratch, 0);
    }
    return;
  }
  unsigned scale = 0;
  switch (mem.scale) {
    case 1: break;
    case 2: scale = 1; break;
    case 4: scale = 2; break;
    case 8: scale = 3; break;
    default: return fail();
  }
  unsigned base = gpr(mem.base);
  unsigned index = gpr(mem.index);
  if (index == kRsp) return fail();
  prefixes(op, reg, index, base);
  auto sib = static_cast<uint8_t>((scale << 6) | ((index & 7) << 3) | (base & 7));
  unsigned reg_bits = (reg & 7) << 3;
  if (mem.disp == 0 && (base & 7) != kRbp) {
    emit8(static_cast<uint8_t>(reg_bits | 4));
    emit8(sib);
  } else if (fits_int8(mem.disp)) {
    emit8(static_cast<uint8_t>(0x40u | reg_bits | 4));
    emit8(sib);
    emit8(static_cast<uint8_t>(mem.disp));
  } else {
    emit8(static_cast<uint8_t>(0x80u | reg_bits | 4));
    emit8(sib);
    emit32(mem.disp);
  }
}

void Encoder::mov_const(Gpr dst, int64_t value) {
  if (fits_uint32(value)) {
    if (dst >= 8) emit8(0x41);
    emit8(static_cast<uint8_t>(0xB8 + (dst & 7)));
    emit32(static_cast<int32_t>(value));
  } else if (fits_int32(value)) {
    op_rr({.wide = true, .code = 0xC7}, 0, dst);
    emit32(static_cast<int32_t>(value));
  } else if (auto* target = reinterpret_cast<const void*>(static_cast<uintptr_t>(value)); near_.contains(target)) {
    op_rm({.wide = true, .code = 0x8D}, dst, Mem::absolute(target));
  } else {
    mov_imm64(dst, value);
  }
}

void Encoder::mov_imm64(Gpr dst, int64_t value) {
  emit8(dst >= 8 ? 0x49 : 0x48);
  emit8(static_cast<uint8_t>(0xB8 + (dst & 7)));
  emit64(value);
}

void Encoder::alu_imm(unsigned operation, bool wide, Gpr dst, int32_t imm) {
  if (fits_int8(imm)) {
    op_rr({.wide = wide, .code = 0x83}, operation, dst);
    emit8(static_cast<uint8_t>(imm));
  } else if (dst == kRax) {
    if (wide) emit8(0x48);
    emit8(static_cast<uint8_t>(operation * 8 + 5));
    emit32(imm);
  } else {
    op_rr({.wide = wide, .code = 0x81}, operation, dst);
    emit32(imm);
  }
}

void Encoder::alu_mem_imm(unsigned operation, bool wide, const Mem& mem, int32_t imm) {
  if (fits_int8(imm)) {
    op_rm({.wide = wide, .code = 0x83}, operation, mem, 1);
    emit8(static_cast<uint8_t>(imm));
  } else {
    op_rm({.wide = wide, .code = 0x81}, operation, mem, 4);
    emit32(imm);
  }
}

}  // namespace whipsnake::x64
