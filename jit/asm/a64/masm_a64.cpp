#include "jit/asm/a64/masm_a64.h"

#include <new>

namespace whipsnake {

std::unique_ptr<Masm> make_masm_a64(NearRange near) { return std::make_unique<a64::MasmA64>(near); }

namespace a64 {

using namespace vixl::aarch64;  // registers and conditions by their usual names

namespace {

// Reach of conditional branches and adr.
constexpr size_t kMaxCodeBytes = size_t{1} << 20;
constexpr size_t kMaxOpBytes = 256;  // no Masm method emits more

constexpr uint8_t kXOf[] = {
    0,  0,  1,  2,  3,  9,  10, 11,  // kRet, kArg0..3, kT0..2
    19, 20, 21, 22, 23, 24,          // kFrame, kThread, kContext, kS0..2
    31, 4,                           // kNativeStack (see x()), kArg4
};

}  // namespace

// --- life cycle ---

// The buffer has its final size from the start (the code must not move under VIXL); untouched pages cost nothing.
MasmA64::MasmA64(NearRange near) : near_(near) {
  size_t capacity = kMaxCodeBytes;
  buffer_.reset(new (std::nothrow) uint8_t[capacity]);
  if (buffer_ == nullptr) {
    capacity = 2 * kMaxOpBytes;  // a place to write to, so that emission stays harmless
    buffer_.reset(new uint8_t[capacity]);
    failed_ = true;
  }
  as_ = std::make_unique<Assembler>(buffer_.get(), capacity);
}

void MasmA64::reset() {
  as_->GetBuffer()->Rewind(0);
  label_offsets_.clear();
  fixups_.clear();
  failed_ = as_->GetBuffer()->GetCapacity() < kMaxCodeBytes;
}

void MasmA64::ensure() {
  if (as_->GetBuffer()->GetRemainingBytes() < kMaxOpBytes) [[unlikely]] {
    failed_ = true;
    as_->GetBuffer()->Rewind(0);
  }
}

CodeBuffer MasmA64::finish() {
  if (!failed_) {
    for (const Fixup& fixup : fixups_) {
      int32_t target = label_offsets_[static_cast<size_t>(fixup.label)];
      if (target < 0) {
        failed_ = true;
        break;
      }
      patch(fixup.offset, int64_t{target} - fixup.offset);
    }
  }
  if (failed_) return {nullptr, 0, nullptr, 0};
  return {buffer_.get(), size(), nullptr, 0};
}

Label MasmA64::new_label() {
  try {
    label_offsets_.push_back(-1);
  } catch (const std::bad_alloc&) {
    fail();
    return {};
  }
  return {static_cast<int32_t>(label_offsets_.size()) - 1};
}

void MasmA64::bind(Label label) {
  if (!owns(label) || is_bound(label)) return fail();
  label_offsets_[static_cast<size_t>(label.id)] = static_cast<int32_t>(size());
}

bool MasmA64::is_bound(Label label) const { return owns(label) && label_offsets_[static_cast<size_t>(label.id)] >= 0; }

uint32_t MasmA64::offset_of(Label label) const {
  return is_bound(label) ? static_cast<uint32_t>(label_offsets_[static_cast<size_t>(label.id)]) : 0;
}

void MasmA64::align(int bytes) {
  if (bytes < 1 || bytes > 64 || (bytes & (bytes - 1)) != 0) return fail();
  ensure();
  while (size() % static_cast<size_t>(bytes) != 0) as_->nop();
}

int64_t MasmA64::distance_to(Label label) {
  if (!owns(label)) {
    fail();
    return 0;
  }
  auto at = static_cast<uint32_t>(size());
  int32_t target = label_offsets_[static_cast<size_t>(label.id)];
  if (target >= 0) return int64_t{target} - at;
  try {
    fixups_.push_back({at, label.id});
  } catch (const std::bad_alloc&) {
    fail();
  }
  return 0;
}

void MasmA64::patch(uint32_t offset, int64_t distance) {
  uint32_t instruction;
  std::memcpy(&instruction, buffer_.get() + offset, sizeof instruction);
  auto bytes = static_cast<uint32_t>(distance);
  uint32_t words = bytes >> 2;
  if ((instruction & 0x7C000000) == 0x14000000) {  // b
    instruction |= words & 0x03FFFFFF;
  } else if ((instruction & 0xFF000010) == 0x54000000) {  // b.cond
    instruction |= (words & 0x7FFFF) << 5;
  } else {  // adr
    instruction |= ((bytes & 3) << 29) | ((words & 0x7FFFF) << 5);
  }
  std::memcpy(buffer_.get() + offset, &instruction, sizeof instruction);
}

// --- operands ---

Register MasmA64::x(Reg reg) {
  if (reg == Reg::kNativeStack) return sp;
  if (reg == Reg::kNone) return xzr;
  return XRegister(kXOf[static_cast<uint8_t>(reg)]);
}

Register MasmA64::source(Reg reg) {
  if (reg != Reg::kNativeStack) return x(reg);
  as_->mov(x17, sp);
  return x17;
}

void MasmA64::constant(const Register& dst, int64_t value) {
  auto bits = static_cast<uint64_t>(value);
  if (Assembler::IsImmLogical(bits, 64) && (bits >> 16) != 0) {
    as_->orr(dst, xzr, Operand(value));
    return;
  }
  int zeros = 0;
  int ones = 0;
  for (int i = 0; i < 4; ++i) {
    uint64_t part = (bits >> (16 * i)) & 0xFFFF;
    zeros += part == 0 ? 1 : 0;
    ones += part == 0xFFFF ? 1 : 0;
  }
  bool inverted = ones > zeros;
  uint64_t background = inverted ? 0xFFFF : 0;
  bool first = true;
  for (int i = 0; i < 4; ++i) {
    uint64_t part = (bits >> (16 * i)) & 0xFFFF;
    if (part == background) continue;
    if (!first) {
      as_->movk(dst, part, 16 * i);
    } else if (inverted) {
      as_->movn(dst, part ^ 0xFFFF, 16 * i);
    } else {
      as_->movz(dst, part, 16 * i);
    }
    first = false;
  }
  if (!first) return;
  if (inverted) {
    as_->movn(dst, 0, 0);
  } else {
    as_->movz(dst, 0, 0);
  }
}

// The extended form is slower than the shifted one, but the only one that takes the stack pointer.
Operand MasmA64::scaled(const Register& base, const Register& index, unsigned shift) {
  return base.Is(sp) ? Operand(index, UXTX, shift) : Operand(index, LSL, shift);
}

MemOperand MasmA64::address(const Mem& mem, unsigned size_log2) {
  if (mem.base == Reg::kNone) {
    if (mem.index != Reg::kNone) fail();
    constant(x16, static_cast<int64_t>(reinterpret_cast<uintptr_t>(mem.cell)) + mem.disp);
    return MemOperand(x16);
  }
  auto encodable = [&](int64_t disp) {
    return Assembler::IsImmLSUnscaled(disp) || Assembler::IsImmLSScaled(disp, size_log2);
  };
  Register base = x(mem.base);
  if (mem.index == Reg::kNone) {
    if (encodable(mem.disp)) return MemOperand(base, mem.disp);
    constant(x16, mem.disp);
    return MemOperand(base, x16);
  }
  unsigned shift = 0;
  switch (mem.scale) {
    case 1: break;
    case 2: shift = 1; break;
    case 4: shift = 2; break;
    case 8: shift = 3; break;
    default: fail();
  }
  if (mem.index == Reg::kNativeStack) fail();
  Register index = x(mem.index);
  if (mem.disp == 0 && (shift == 0 || shift == size_log2)) return MemOperand(base, index, LSL, shift);
  as_->add(x16, base, scaled(base, index, shift));
  if (encodable(mem.disp)) return MemOperand(x16, mem.disp);
  constant(x17, mem.disp);
  as_->add(x16, x16, x17);
  return MemOperand(x16);
}

// --- control flow ---

Condition MasmA64::condition(Cond cond) {
  switch (cond) {
    case Cond::kEqual: return eq;
    case Cond::kNotEqual: return ne;
    case Cond::kLess: return lt;
    case Cond::kLessEqual: return le;
    case Cond::kGreater: return gt;
    case Cond::kGreaterEqual: return ge;
    case Cond::kBelow: return lo;
    case Cond::kBelowEqual: return ls;
    case Cond::kAbove: return hi;
    case Cond::kAboveEqual: return hs;
    case Cond::kOverflow: return vs;
    case Cond::kNoOverflow: return vc;
    case Cond::kSign: return mi;
    case Cond::kNotSign: return pl;
    // fcmp leaves NZCV = 0110 equal, 1000 less, 0010 greater, 0011 unordered.
    case Cond::kFEqual: return eq;
    case Cond::kFNotEqual: return ne;
    case Cond::kFLess: return mi;
    case Cond::kFLessEqual: return ls;
    case Cond::kFGreater: return gt;
    case Cond::kFGreaterEqual: return ge;
    case Cond::kFUnordered: return vs;
  }
  return al;
}

void MasmA64::jump(Label label) {
  ensure();
  as_->b(distance_to(label) / 4);
}

void MasmA64::jump_if(Cond cond, Label label) {
  ensure();
  as_->b(distance_to(label) / 4, condition(cond));
}

void MasmA64::skip_if(Cond cond, Label label) { jump_if(cond, label); }

void MasmA64::jump_reg(Reg target) {
  ensure();
  as_->br(x(target));
}

void MasmA64::jump_mem(Mem target) {
  ensure();
  as_->ldr(x16, address(target, 3));
  as_->br(x16);
}

void MasmA64::call(Reg target) {
  ensure();
  as_->blr(x(target));
}

void MasmA64::call_mem(Mem target) {
  ensure();
  as_->ldr(x16, address(target, 3));
  as_->blr(x16);
}

// Branches reach 128 MiB, which code and its callers need not be within.
void MasmA64::call_code(const void* target) {
  ensure();
  constant(x16, static_cast<int64_t>(reinterpret_cast<uintptr_t>(target)));
  as_->blr(x16);
}

void MasmA64::jump_code(const void* target) {
  ensure();
  constant(x16, static_cast<int64_t>(reinterpret_cast<uintptr_t>(target)));
  as_->br(x16);
}

void MasmA64::ret() {
  ensure();
  as_->ret();
}

void MasmA64::trap() {
  ensure();
  as_->brk(0);
}

// Saves x29 and x30 with the six registers of kCalleeSaved: 64 bytes.
void MasmA64::enter(int locals) {
  if (locals < 0 || locals % 16 != 0) return fail();
  ensure();
  as_->stp(x29, x30, MemOperand(sp, -64, PreIndex));
  as_->stp(x19, x20, MemOperand(sp, 16));
  as_->stp(x21, x22, MemOperand(sp, 32));
  as_->stp(x23, x24, MemOperand(sp, 48));
  as_->mov(x29, sp);
  if (locals != 0) add_immediate(false, sp, sp, -int64_t{locals});
}

void MasmA64::unwind_frame(int locals) {
  if (locals < 0 || locals % 16 != 0) return fail();
  ensure();
  if (locals != 0) add_immediate(false, sp, sp, locals);
  as_->ldp(x19, x20, MemOperand(sp, 16));
  as_->ldp(x21, x22, MemOperand(sp, 32));
  as_->ldp(x23, x24, MemOperand(sp, 48));
  as_->ldp(x29, x30, MemOperand(sp, 64, PostIndex));
}

void MasmA64::leave(int locals) {
  unwind_frame(locals);
  ret();
}

void MasmA64::enter_thunk(int locals) {
  ensure();
  as_->stp(x29, x30, MemOperand(sp, -16, PreIndex));
  if (locals != 0) as_->sub(sp, sp, locals);
}

void MasmA64::leave_thunk(int locals) {
  ensure();
  if (locals != 0) as_->add(sp, sp, locals);
  as_->ldp(x29, x30, MemOperand(sp, 16, PostIndex));
}

// The return address is only in x30, which the next call overwrites.
void MasmA64::drop_return_address() {}

}  // namespace a64
}  // namespace whipsnake
