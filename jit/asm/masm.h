// Masm: the one portable macro-assembler that every engine emits through.
//
// A Masm collects position-independent machine code in a private buffer. Nothing is executable until
// CodeHeap::install() copies the finished buffer into code memory and applies its relocations. One instance is
// reused for many functions (reset()), so that its buffers are allocated once.
//
// Not thread-safe: a Masm belongs to the compile request that uses it. Never runs Python code, never touches CPython.
// Errors (memory exhausted, a function over the back-end's limit of 64 MiB on x86-64 or 1 MiB on AArch64, an unbound
// label, an operand outside the contract) are sticky: failed() becomes true, later calls are harmless, finish() must
// not be used. Emission methods therefore return nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "jit/asm/registers.h"

namespace whipsnake {

// A position in the code under construction; valid for the Masm that made it until its next reset().
struct Label {
  int32_t id = -1;
  bool valid() const { return id >= 0; }
};

// A memory operand: base + index * scale + disp, or (base == Reg::kNone) the absolute address cell + disp.
// kNativeStack may be the base but not the index. A cell inside the code heap's data half is reached with one short
// instruction; any other costs a scratch load.
struct Mem {
  Reg base = Reg::kNone;
  Reg index = Reg::kNone;
  uint8_t scale = 1;  // 1, 2, 4 or 8
  int32_t disp = 0;
  const void* cell = nullptr;

  static Mem at(Reg base, int32_t disp = 0) { return {base, Reg::kNone, 1, disp, nullptr}; }
  static Mem indexed(Reg base, Reg index, uint8_t scale, int32_t disp = 0) {
    return {base, index, scale, disp, nullptr};
  }
  static Mem absolute(const void* cell) { return {Reg::kNone, Reg::kNone, 1, 0, cell}; }
};

// Conditions of jump_if/set_if/select_if, read from the flags that the last flag-setting instruction left.
// Signed: kLess..; unsigned: kBelow..; kOverflow after add/sub (64- or 32-bit); kSign is the sign bit of the result.
// Which conditions mean the same on both CPUs depends on the instruction:
//   cmp.., sub..         all (after cmp8 not kOverflow.., kSign..)
//   add..                all but the unsigned ones
//   and_, or_, xor_, test..   kEqual, kNotEqual, the signed ones (result against 0), kSign, kNotSign
//   neg                  as a comparison of 0 with the operand
// After fcmp use only the kF* conditions: all but kFNotEqual and kFUnordered are false when an operand is NaN. On
// x86-64 kFGreater, kFGreaterEqual and kFUnordered take one branch, the others two: swap fcmp's operands for "less".
enum class Cond : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kBelow,
  kBelowEqual,
  kAbove,
  kAboveEqual,
  kOverflow,
  kNoOverflow,
  kSign,
  kNotSign,
  kFEqual,
  kFNotEqual,
  kFLess,
  kFLessEqual,
  kFGreater,
  kFGreaterEqual,
  kFUnordered,
};
Cond negate(Cond cond);  // integer conditions only

// One place in the buffer that needs the final address. Applied by CodeHeap::install().
struct Relocation {
  enum class Kind : uint8_t { kRel32 /* x86-64: *int32 = target - (address of field + addend) */ };
  Kind kind;
  uint8_t addend;   // kRel32: bytes from the start of the field to the end of the instruction
  uint32_t offset;  // of the field in the buffer
  const void* target;
};

// What finish() hands over; views into the Masm, valid until reset().
struct CodeBuffer {
  const uint8_t* bytes;
  size_t size;
  const Relocation* relocations;
  size_t relocation_count;
};

// The address range that relative references may rely on: everything the CodeHeap hands out lies inside.
struct NearRange {
  const uint8_t* begin = nullptr;
  const uint8_t* end = nullptr;
  bool contains(const void* p) const {
    return reinterpret_cast<const uint8_t*>(p) >= begin && reinterpret_cast<const uint8_t*>(p) < end;
  }
};

class Masm {
 public:
  virtual ~Masm() = default;

  // --- life cycle ---
  virtual void reset() = 0;
  virtual bool failed() const = 0;
  virtual size_t size() const = 0;  // bytes emitted so far
  virtual CodeBuffer finish() = 0;  // resolves labels; a used label that is not bound is an error
  virtual Label new_label() = 0;
  virtual void bind(Label label) = 0;
  virtual bool is_bound(Label label) const = 0;
  virtual uint32_t offset_of(Label label) const = 0;  // bytes from the buffer's start; label must be bound
  virtual void align(int bytes) = 0;                  // pads with no-ops; a power of two up to 64

  // --- moves; "32" forms zero-extend into the full register ---
  virtual void mov(Reg dst, Reg src) = 0;
  virtual void mov32(Reg dst, Reg src) = 0;
  virtual void mov_imm(Reg dst, int64_t value) = 0;  // shortest encoding; does not change flags
  void mov_ptr(Reg dst, const void* p) { mov_imm(dst, static_cast<int64_t>(reinterpret_cast<uintptr_t>(p))); }
  // mov_ptr() with the pointer itself as the last eight bytes of what is emitted, for others to load from there.
  virtual void mov_embedded(Reg dst, const void* p) = 0;
  virtual void lea(Reg dst, Mem mem) = 0;
  virtual void lea_label(Reg dst, Label label) = 0;  // address of a position in this code
  virtual void load(Reg dst, Mem mem) = 0;
  virtual void load32(Reg dst, Mem mem) = 0;
  virtual void load32_signed(Reg dst, Mem mem) = 0;  // sign-extends to 64
  virtual void load16(Reg dst, Mem mem) = 0;
  virtual void load8(Reg dst, Mem mem) = 0;
  virtual void load8_signed(Reg dst, Mem mem) = 0;  // sign-extends to 64
  virtual void store(Mem mem, Reg src) = 0;
  virtual void store32(Mem mem, Reg src) = 0;
  virtual void store16(Mem mem, Reg src) = 0;
  virtual void store8(Mem mem, Reg src) = 0;
  virtual void store_imm(Mem mem, int64_t value) = 0;  // any value; on x86-64 two 32-bit stores for a cell out of reach
  virtual void store32_imm(Mem mem, int32_t value) = 0;
  virtual void store16_imm(Mem mem, int16_t value) = 0;
  virtual void store8_imm(Mem mem, int8_t value) = 0;

  // --- integer arithmetic; all set flags for Cond unless noted ---
  virtual void add(Reg dst, Reg src) = 0;
  virtual void add(Reg dst, int32_t imm) = 0;
  virtual void add(Reg dst, Mem src) = 0;
  virtual void add32(Reg dst, Reg src) = 0;
  virtual void add32(Reg dst, int32_t imm) = 0;
  virtual void sub(Reg dst, Reg src) = 0;
  virtual void sub(Reg dst, int32_t imm) = 0;
  virtual void sub(Reg dst, Mem src) = 0;
  virtual void sub32(Reg dst, Reg src) = 0;
  virtual void sub32(Reg dst, int32_t imm) = 0;
  virtual void mul(Reg dst, Reg src) = 0;                     // low 64 bits; flags undefined
  virtual void mul_ov(Reg dst, Reg src, Label overflow) = 0;  // jumps if the signed 64-bit product does not fit
  virtual void div_signed(Reg quotient, Reg remainder, Reg dividend, Reg divisor) = 0;
  // truncating; quotient, remainder distinct from divisor; divisor != 0 and not INT64_MIN / -1. Flags undefined.
  // May clobber kRet and kArg2 (x86-64's rax, rdx) whatever the operands; operands may be in them. Either result
  // may be Reg::kNone; other inputs survive.
  virtual void div_signed32(Reg quotient, Reg remainder, Reg dividend, Reg divisor) = 0;
  // the same of the low halves, which is quicker; results are sign-extended to 64; not INT32_MIN / -1
  virtual void neg(Reg dst) = 0;
  virtual void not_(Reg dst) = 0;  // flags unchanged or undefined
  virtual void and_(Reg dst, Reg src) = 0;
  virtual void and_(Reg dst, int32_t imm) = 0;
  virtual void or_(Reg dst, Reg src) = 0;
  virtual void or_(Reg dst, int32_t imm) = 0;
  virtual void xor_(Reg dst, Reg src) = 0;
  virtual void xor_(Reg dst, int32_t imm) = 0;
  virtual void shl(Reg dst, int bits) = 0;  // shifts: flags undefined
  virtual void shr(Reg dst, int bits) = 0;
  virtual void sar(Reg dst, int bits) = 0;
  virtual void shl(Reg dst, Reg count) = 0;  // count 0..63; may clobber kArg3 (x86-64's rcx)
  virtual void shr(Reg dst, Reg count) = 0;
  virtual void sar(Reg dst, Reg count) = 0;
  virtual void add_mem(Mem mem, int32_t imm) = 0;    // 64-bit read-modify-write; sets flags
  virtual void add_mem32(Mem mem, int32_t imm) = 0;  // 32-bit; sets flags
  virtual void sign_extend32(Reg dst, Reg src) = 0;

  // --- comparisons: set flags only ---
  virtual void cmp(Reg a, Reg b) = 0;
  virtual void cmp(Reg a, int32_t imm) = 0;
  virtual void cmp(Reg a, Mem b) = 0;
  virtual void cmp(Mem a, int32_t imm) = 0;  // 64-bit memory against sign-extended imm
  virtual void cmp32(Reg a, Reg b) = 0;
  virtual void cmp32(Reg a, int32_t imm) = 0;
  virtual void cmp32(Reg a, Mem b) = 0;
  virtual void cmp32(Mem a, int32_t imm) = 0;
  virtual void cmp8(Mem a, int8_t imm) = 0;
  virtual void cmp_ptr(Reg a, const void* p) = 0;  // any 64-bit constant (may use the scratch register)
  virtual void test(Reg a, Reg b) = 0;
  virtual void test32(Reg a, Reg b) = 0;
  virtual void test(Reg a, int32_t imm) = 0;
  virtual void test32(Mem a, int32_t imm) = 0;
  virtual void test8(Mem a, int8_t imm) = 0;
  virtual void set_if(Cond cond, Reg dst) = 0;              // 0 or 1 in the full register; flags undefined after
  virtual void select_if(Cond cond, Reg dst, Reg src) = 0;  // dst = src when cond (not kF*) holds

  // --- control flow ---
  virtual void jump(Label label) = 0;
  virtual void jump_if(Cond cond, Label label) = 0;
  // The same, shorter, to a label that is bound at most 100 bytes further on (else the code fails). Integer conditions.
  virtual void skip_if(Cond cond, Label label) = 0;
  virtual void jump_reg(Reg target) = 0;
  virtual void jump_mem(Mem target) = 0;
  virtual void call(Reg target) = 0;
  virtual void call_mem(Mem target) = 0;           // x86-64: call [cell]; the runtime's helper table uses this
  virtual void call_code(const void* target) = 0;  // machine code in the range that make_masm() was given
  virtual void jump_code(const void* target) = 0;
  virtual void ret() = 0;
  virtual void trap() = 0;  // unreachable; dies

  // Function frame: saves every callee-saved register of registers.h, keeps the stack aligned for calls, and leaves
  // `locals` bytes (multiple of 16) at [kNativeStack]. `leave` undoes it and returns to the caller.
  virtual void enter(int locals) = 0;
  virtual void leave(int locals) = 0;
  // Undoes enter() without returning: a jump that follows is a tail call from the function.
  virtual void unwind_frame(int locals) = 0;

  // A thunk is called from inside a function frame and calls C++ itself: enter_thunk() saves the return address where
  // the CPU keeps it in a register, aligns the stack and leaves `locals` bytes (multiple of 16) at [kNativeStack],
  // leave_thunk() undoes that; `ret` then returns.
  // drop_return_address(), after leave_thunk(), forgets the return address so that the thunk may jump elsewhere in
  // the function frame that called it. All three keep flags and registers undefined but for kRet.
  virtual void enter_thunk(int locals = 0) = 0;
  virtual void leave_thunk(int locals = 0) = 0;
  virtual void drop_return_address() = 0;

  // --- double-precision floating point ---
  virtual void fload(FReg dst, Mem mem) = 0;
  virtual void fstore(Mem mem, FReg src) = 0;
  virtual void fmov(FReg dst, FReg src) = 0;
  virtual void fadd(FReg dst, FReg src) = 0;
  virtual void fsub(FReg dst, FReg src) = 0;
  virtual void fmul(FReg dst, FReg src) = 0;
  virtual void fdiv(FReg dst, FReg src) = 0;
  virtual void fsqrt(FReg dst, FReg src) = 0;
  virtual void fneg(FReg dst) = 0;  // flips the sign bit; may use the scratch register
  virtual void fcmp(FReg a, FReg b) = 0;
  virtual void fzero(FReg dst) = 0;
  virtual void int_to_float(FReg dst, Reg src) = 0;  // signed 64-bit
  virtual void float_to_int(Reg dst, FReg src) = 0;  // truncates; out of range: any value
  virtual void fmov_bits(Reg dst, FReg src) = 0;     // raw bits
  virtual void fmov_bits(FReg dst, Reg src) = 0;
  // Jumps when `cond` (a kF* condition) holds after fcmp.
  virtual void fjump_if(Cond cond, Label label) = 0;
  virtual void fset_if(Cond cond, Reg dst) = 0;  // 0 or 1 after fcmp
};

enum class Cpu : uint8_t { kX64, kA64 };

#if defined(__aarch64__)
inline constexpr Cpu kHostCpu = Cpu::kA64;
#else
inline constexpr Cpu kHostCpu = Cpu::kX64;
#endif

// A macro-assembler for `cpu`, or null when this build has no back-end for it. References to addresses inside
// `near` are emitted relative (see Relocation); everything else absolute.
std::unique_ptr<Masm> make_masm(Cpu cpu, NearRange near);
std::unique_ptr<Masm> make_masm_x64(NearRange near);
std::unique_ptr<Masm> make_masm_a64(NearRange near);

}  // namespace whipsnake
