// The instruction encoder under MasmX64: a growable byte buffer, Xbyak for most register forms, and a short
// encoder of our own for the forms that make up nearly all baseline code (register/register, register/memory
// and immediate ALU instructions). Xbyak's Address objects cost 20 ns per instruction, more than a whole
// template may; this path costs 2-3 ns. tests/unit/asm/encoder_x64_test.cpp compares it with Xbyak for every
// register and displacement class.
//
// Private to jit/asm/x64. Every emission method needs kMaxOpBytes of room, which ensure() makes once per Masm
// method. Memory is plain malloc memory, never executable; a failed allocation sets failed() and makes later
// writes harmless.
#pragma once

// Xbyak reports misuse through a thread-local error code that MasmX64::finish() looks at, not by throwing.
#ifndef XBYAK_NO_EXCEPTION
#define XBYAK_NO_EXCEPTION
#endif
#include <xbyak/xbyak.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "jit/asm/masm.h"

namespace whipsnake::x64 {

// Hardware numbers, indexed by Reg.
enum Gpr : uint8_t { kRax, kRcx, kRdx, kRbx, kRsp, kRbp, kRsi, kRdi, kR8, kR9, kR10, kR11, kR12, kR13, kR14, kR15 };
inline constexpr Gpr kScratch = kR11;
inline constexpr int kFScratch = 15;  // xmm15

inline constexpr Gpr kGprOf[] = {
    kRax, kRdi, kRsi, kRdx, kRcx, kR8,  kR9, kR10,  // kRet, kArg0..3, kT0..2
    kRbx, kR12, kR13, kR14, kR15, kRbp,             // kFrame, kThread, kContext, kS0..2
    kRsp, kR8,  kR11,                               // kNativeStack, kArg4; kNone is never an operand
};
inline Gpr gpr(Reg reg) { return kGprOf[static_cast<uint8_t>(reg)]; }
inline int xmm(FReg reg) { return static_cast<int>(reg); }

inline bool fits_int8(int64_t value) { return value == static_cast<int8_t>(value); }
inline bool fits_int32(int64_t value) { return value == static_cast<int32_t>(value); }
inline bool fits_uint32(int64_t value) { return value == static_cast<int64_t>(static_cast<uint32_t>(value)); }

// An opcode and what its prefixes depend on.
struct Opcode {
  uint8_t prefix = 0;     // mandatory prefix (66, F2, F3) or 0
  bool wide = false;      // REX.W
  bool byte_reg = false;  // the register field names a byte register: spl, bpl, sil, dil need an empty REX
  bool escape = false;    // 0F before the opcode byte
  uint8_t code = 0;
};

class Encoder : public Xbyak::CodeGenerator {
 public:
  static constexpr size_t kMaxOpBytes = 64;           // no Masm method emits more
  static constexpr size_t kMaxCodeBytes = 64u << 20;  // larger functions fail

  Encoder();
  ~Encoder() override;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void clear(NearRange near);
  size_t size() const { return size_; }
  const uint8_t* bytes() const { return top_; }
  const std::vector<Relocation>& relocations() const { return relocations_; }
  bool failed() const { return failed_; }
  void fail() { failed_ = true; }
  const NearRange& near_range() const { return near_; }

  void ensure(size_t bytes = kMaxOpBytes) {
    if (size_ + bytes > maxSize_) [[unlikely]]
      grow(bytes);
  }

  // The 32-bit field at `offset` is to hold the distance to `target`; `addend` as in Relocation.
  void relocate(uint32_t offset, uint8_t addend, const void* target);

  // Overwrites the 32-bit field at `offset`.
  void patch32(uint32_t offset, int32_t value) { std::memcpy(top_ + offset, &value, sizeof value); }

  void patch8(uint32_t offset, uint8_t value) { top_[offset] = value; }

  void emit8(uint8_t value) { top_[size_++] = value; }
  void emit32(int32_t value) {
    std::memcpy(top_ + size_, &value, sizeof value);
    size_ += sizeof value;
  }
  void emit64(int64_t value) {
    std::memcpy(top_ + size_, &value, sizeof value);
    size_ += sizeof value;
  }

  // opcode reg, rm
  void op_rr(Opcode op, unsigned reg, unsigned rm);
  // opcode reg, [mem]; `imm_bytes` is the size of the immediate that the caller emits right after. May use
  // kScratch.
  void op_rm(Opcode op, unsigned reg, const Mem& mem, uint8_t imm_bytes = 0);
  // opcode reg, [base + disp] with hardware numbers
  void op_base_disp(Opcode op, unsigned reg, unsigned base, int32_t disp);
  // lea reg, [rip + target] when that is near, else a move of the constant
  void mov_const(Gpr dst, int64_t value);
  void mov_imm64(Gpr dst, int64_t value);  // always with all eight bytes
  // One of the eight classic ALU operations (0 add, 1 or, 4 and, 5 sub, 6 xor, 7 cmp) with an immediate.
  void alu_imm(unsigned operation, bool wide, Gpr dst, int32_t imm);
  void alu_mem_imm(unsigned operation, bool wide, const Mem& mem, int32_t imm);
  bool is_far_cell(const Mem& mem) const {
    return mem.base == whipsnake::Reg::kNone && !near_.contains(target_of(mem));
  }

 private:
  static const uint8_t* target_of(const Mem& mem) { return static_cast<const uint8_t*>(mem.cell) + mem.disp; }
  void grow(size_t bytes);
  void prefixes(Opcode op, unsigned reg, unsigned index, unsigned base);

  NearRange near_;
  std::vector<Relocation> relocations_;
  bool failed_ = false;
};

inline void Encoder::prefixes(Opcode op, unsigned reg, unsigned index, unsigned base) {
  uint8_t* p = top_ + size_;
  if (op.prefix != 0) *p++ = op.prefix;
  unsigned rex = 0x40u | (op.wide ? 8u : 0u) | ((reg >> 3) << 2) | ((index >> 3) << 1) | (base >> 3);
  if (rex != 0x40u || (op.byte_reg && reg >= 4)) *p++ = static_cast<uint8_t>(rex);
  if (op.escape) *p++ = 0x0F;
  *p++ = op.code;
  size_ = static_cast<size_t>(p - top_);
}

inline void Encoder::op_rr(Opcode op, unsigned reg, unsigned rm) {
  prefixes(op, reg, 0, rm);
  emit8(static_cast<uint8_t>(0xC0u | ((reg & 7) << 3) | (rm & 7)));
}

}  // namespace whipsnake::x64
