#include "jit/asm/x64/masm_x64.h"

#include <new>

namespace whipsnake {

std::unique_ptr<Masm> make_masm_x64(NearRange near) { return std::make_unique<x64::MasmX64>(near); }

namespace x64 {

MasmX64::MasmX64(NearRange near) : near_(near) { enc_.clear(near); }

// --- life cycle ---

void MasmX64::reset() {
  enc_.clear(near_);
  label_offsets_.clear();
  fixups_.clear();
}

CodeBuffer MasmX64::finish() {
  if (Xbyak::GetError() != 0) enc_.fail();
  if (!failed()) {
    for (const Fixup& fixup : fixups_) {
      int32_t target = label_offsets_[static_cast<size_t>(fixup.label)];
      if (target < 0) {
        enc_.fail();
        break;
      }
      const int32_t distance = target - static_cast<int32_t>(fixup.offset + fixup.bytes);
      if (fixup.bytes == 4) {
        enc_.patch32(fixup.offset, distance);
      } else if (fits_int8(distance)) {
        enc_.patch8(fixup.offset, static_cast<uint8_t>(distance));
      } else {
        enc_.fail();
        break;
      }
    }
  }
  if (failed()) return {nullptr, 0, nullptr, 0};
  return {enc_.bytes(), enc_.size(), enc_.relocations().data(), enc_.relocations().size()};
}

Label MasmX64::new_label() {
  try {
    label_offsets_.push_back(-1);
  } catch (const std::bad_alloc&) {
    enc_.fail();
    return {};
  }
  return {static_cast<int32_t>(label_offsets_.size()) - 1};
}

void MasmX64::bind(Label label) {
  if (!owns(label) || is_bound(label)) return enc_.fail();
  label_offsets_[static_cast<size_t>(label.id)] = static_cast<int32_t>(enc_.size());
}

bool MasmX64::is_bound(Label label) const { return owns(label) && label_offsets_[static_cast<size_t>(label.id)] >= 0; }

uint32_t MasmX64::offset_of(Label label) const {
  return is_bound(label) ? static_cast<uint32_t>(label_offsets_[static_cast<size_t>(label.id)]) : 0;
}

void MasmX64::align(int bytes) {
  if (bytes < 1 || bytes > 64 || (bytes & (bytes - 1)) != 0) return enc_.fail();
  enc_.ensure();
  auto unit = static_cast<size_t>(bytes);
  size_t padding = (unit - enc_.size() % unit) % unit;
  enc_.nop(padding);
}

// --- control flow ---

MasmX64::Cc MasmX64::cc(Cond cond) {
  switch (cond) {
    case Cond::kEqual: return kE;
    case Cond::kNotEqual: return kNe;
    case Cond::kLess: return kL;
    case Cond::kLessEqual: return kLe;
    case Cond::kGreater: return kG;
    case Cond::kGreaterEqual: return kGe;
    case Cond::kBelow: return kB;
    case Cond::kBelowEqual: return kBe;
    case Cond::kAbove: return kA;
    case Cond::kAboveEqual: return kAe;
    case Cond::kOverflow: return kO;
    case Cond::kNoOverflow: return kNo;
    case Cond::kSign: return kS;
    case Cond::kNotSign: return kNs;
    // After ucomisd: unordered sets ZF, PF and CF; less sets CF; equal sets ZF. The conditions that NaN would
    // make true by mistake are guarded with PF by their users.
    case Cond::kFEqual: return kE;
    case Cond::kFNotEqual: return kNe;
    case Cond::kFLess: return kB;
    case Cond::kFLessEqual: return kBe;
    case Cond::kFGreater: return kA;
    case Cond::kFGreaterEqual: return kAe;
    case Cond::kFUnordered: return kP;
  }
  return kE;
}

void MasmX64::label_field(Label label) {
  if (!owns(label)) return enc_.fail();
  auto at = static_cast<uint32_t>(enc_.size());
  int32_t target = label_offsets_[static_cast<size_t>(label.id)];
  if (target >= 0) {
    enc_.emit32(target - static_cast<int32_t>(at) - 4);
    return;
  }
  enc_.emit32(0);
  add_fixup({at, label.id, 4});
}

void MasmX64::add_fixup(Fixup fixup) {
  try {
    fixups_.push_back(fixup);
  } catch (const std::bad_alloc&) {
    enc_.fail();
  }
}

void MasmX64::jump_cc(Cc code, Label label) {
  if (is_bound(label)) {
    int32_t distance = label_offsets_[static_cast<size_t>(label.id)] - static_cast<int32_t>(enc_.size()) - 2;
    if (fits_int8(distance)) {
      enc_.emit8(static_cast<uint8_t>(0x70 + code));
      enc_.emit8(static_cast<uint8_t>(distance));
      return;
    }
  }
  enc_.emit8(0x0F);
  enc_.emit8(static_cast<uint8_t>(0x80 + code));
  label_field(label);
}

void MasmX64::jump(Label label) {
  enc_.ensure();
  if (is_bound(label)) {
    int32_t distance = label_offsets_[static_cast<size_t>(label.id)] - static_cast<int32_t>(enc_.size()) - 2;
    if (fits_int8(distance)) {
      enc_.emit8(0xEB);
      enc_.emit8(static_cast<uint8_t>(distance));
      return;
    }
  }
  enc_.emit8(0xE9);
  label_field(label);
}

void MasmX64::jump_if(Cond cond, Label label) {
  if (cond >= Cond::kFEqual) return fjump_if(cond, label);
  enc_.ensure();
  jump_cc(cc(cond), label);
}

void MasmX64::skip_if(Cond cond, Label label) {
  if (!owns(label) || is_bound(label) || cond >= Cond::kFEqual) return enc_.fail();
  enc_.ensure();
  enc_.emit8(static_cast<uint8_t>(0x70 + cc(cond)));
  add_fixup({static_cast<uint32_t>(enc_.size()), label.id, 1});
  enc_.emit8(0);
}

// call and jmp with a 32-bit distance.
void MasmX64::branch_to_code(uint8_t code, const void* target) {
  if (!near_.contains(target)) return enc_.fail();
  enc_.ensure();
  enc_.emit8(code);
  enc_.relocate(static_cast<uint32_t>(enc_.size()), 4, target);
  enc_.emit32(0);
}

void MasmX64::call_code(const void* target) { branch_to_code(0xE8, target); }
void MasmX64::jump_code(const void* target) { branch_to_code(0xE9, target); }

void MasmX64::jump_reg(Reg target) {
  enc_.ensure();
  enc_.op_rr({.code = 0xFF}, 4, gpr(target));
}

void MasmX64::jump_mem(Mem target) {
  enc_.ensure();
  enc_.op_rm({.code = 0xFF}, 4, target);
}

void MasmX64::call(Reg target) {
  enc_.ensure();
  enc_.op_rr({.code = 0xFF}, 2, gpr(target));
}

void MasmX64::call_mem(Mem target) {
  enc_.ensure();
  enc_.op_rm({.code = 0xFF}, 2, target);
}

void MasmX64::ret() {
  enc_.ensure();
  enc_.emit8(0xC3);
}

void MasmX64::trap() {
  enc_.ensure();
  enc_.ud2();
}

// The return address and six saved registers are 56 bytes, so 8 more align the stack for calls.
void MasmX64::enter(int locals) {
  if (locals < 0 || locals % 16 != 0) return enc_.fail();
  enc_.ensure();
  for (Reg reg : kCalleeSaved) enc_.push(Xbyak::Reg64(gpr(reg)));
  enc_.alu_imm(5, true, kRsp, locals + 8);
}

void MasmX64::unwind_frame(int locals) {
  if (locals < 0 || locals % 16 != 0) return enc_.fail();
  enc_.ensure();
  enc_.alu_imm(0, true, kRsp, locals + 8);
  constexpr size_t kCount = sizeof kCalleeSaved / sizeof kCalleeSaved[0];
  for (size_t i = kCount; i-- > 0;) enc_.pop(Xbyak::Reg64(gpr(kCalleeSaved[i])));
}

void MasmX64::leave(int locals) {
  unwind_frame(locals);
  ret();
}

void MasmX64::enter_thunk(int locals) {
  enc_.ensure();
  enc_.alu_imm(5, true, kRsp, 8 + locals);
}

void MasmX64::leave_thunk(int locals) {
  enc_.ensure();
  enc_.alu_imm(0, true, kRsp, 8 + locals);
}

void MasmX64::drop_return_address() { leave_thunk(0); }

}  // namespace x64
}  // namespace whipsnake
