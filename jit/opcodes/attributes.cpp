// Attribute access. What the interpreter specialised a site for decides which kind of lookup machine code does inline;
// the cache in front of it is filled by its first miss, refilled by later ones, and has further entries for sites that
// see several types (runtime/caches.h).
#include "jit/opcodes/cells.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

struct InlineShape {
  AttrKind kind = AttrKind::kNone;
  bool shadowable = false;
};

InlineShape load_shape(uint8_t specialized) {
  switch (specialized) {
    case LOAD_ATTR_INSTANCE_VALUE: return {AttrKind::kInlineValue, false};
    case LOAD_ATTR_SLOT: return {AttrKind::kSlot, false};
    case LOAD_ATTR_MODULE: return {AttrKind::kModule, false};
    case LOAD_ATTR_CLASS: return {AttrKind::kOfType, false};
    case LOAD_ATTR_METHOD_WITH_VALUES: return {AttrKind::kMethod, true};
    case LOAD_ATTR_METHOD_NO_DICT: return {AttrKind::kMethod, false};
    case LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES: return {AttrKind::kTypeValue, true};
    case LOAD_ATTR_NONDESCRIPTOR_NO_DICT: return {AttrKind::kTypeValue, false};
    default: return {};
  }
}

// The instance's inline values are in force and its class has given instances no further names.
void guard_not_shadowed(Masm& masm, Reg owner, AttrEntry* entry, Reg temp, Label slow) {
  masm.cmp8(Mem::at(owner, port::offset::kInlineValuesValid), 0);
  masm.jump_if(Cond::kEqual, slow);
  masm.load(temp, Mem::at(owner, port::offset::kType));
  masm.load(temp, Mem::at(temp, port::offset::kHeapTypeCachedKeys));
  masm.load(temp, Mem::at(temp, port::offset::kDictKeysEntries));
  masm.cmp32(temp, Mem::absolute(&entry->keys));
  masm.jump_if(Cond::kNotEqual, slow);
}

// result = the attribute, borrowed, of `owner` by the inline entry; kT0 and kT1 are clobbered.
void find_inline(Masm& masm, InlineShape shape, AttrEntry* entry, Reg owner, Reg result, Label slow) {
  if (shape.kind == AttrKind::kOfType) {
    masm.load(Reg::kT0, Mem::at(owner, port::offset::kType));
    masm.load32(Reg::kT0, Mem::at(Reg::kT0, port::offset::kTypeFlags));
    masm.test(Reg::kT0, static_cast<int32_t>(Py_TPFLAGS_TYPE_SUBCLASS));
    masm.jump_if(Cond::kEqual, slow);
    masm.load32(Reg::kT0, Mem::at(owner, port::offset::kTypeVersion));
    masm.cmp32(Reg::kT0, Mem::absolute(&entry->version));
    masm.jump_if(Cond::kNotEqual, slow);
    masm.load(result, Mem::absolute(&entry->value));
    masm.test(result, result);
    masm.jump_if(Cond::kEqual, slow);
    return;
  }
  sequences::guard_type_version(masm, owner, &entry->version, Reg::kT0, slow);
  if (shape.shadowable) guard_not_shadowed(masm, owner, entry, Reg::kT0, slow);
  switch (shape.kind) {
    case AttrKind::kInlineValue:
      masm.cmp8(Mem::at(owner, port::offset::kInlineValuesValid), 0);
      masm.jump_if(Cond::kEqual, slow);
      [[fallthrough]];
    case AttrKind::kSlot:
      masm.load32_signed(Reg::kT1, Mem::absolute(&entry->offset));
      masm.load(result, Mem::indexed(owner, Reg::kT1, 1));
      break;
    case AttrKind::kModule:
      masm.load(Reg::kT0, Mem::at(owner, port::offset::kModuleDict));
      masm.load(Reg::kT0, Mem::at(Reg::kT0, port::offset::kDictKeys));
      masm.load32(Reg::kT1, Mem::at(Reg::kT0, port::offset::kDictKeysVersion));
      masm.cmp32(Reg::kT1, Mem::absolute(&entry->keys));
      masm.jump_if(Cond::kNotEqual, slow);
      masm.load32_signed(Reg::kT1, Mem::absolute(&entry->offset));
      masm.load(result, Mem::indexed(Reg::kT0, Reg::kT1, 1));
      break;
    default: masm.load(result, Mem::absolute(&entry->value)); break;
  }
  masm.test(result, result);
  masm.jump_if(Cond::kEqual, slow);
}

void load_plain(Emitter& e, PyObject* name, InlineShape shape) {
  Masm& masm = e.masm();
  AttrCache* cache = new_attr_cache(e, name, shape.kind, shape.shadowable);
  if (cache == nullptr) return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (shape.kind == AttrKind::kNone) return e.operation(&op_load_attr_cached, 1, 1, arg);
  const Reg result = e.allocate();
  const Emitter::Slow slow = e.slow_path(&op_load_attr_cached, 1, 1, arg);
  const Value owner = e.stack().peek(1);
  const int slot = e.stack().depth() - 1;
  find_inline(masm, shape, &cache->entries[0], e.use(1, Reg::kArg0), result, slow.label);
  e.incref(result);
  e.stack().drop(1);
  e.release(owner, slot);
  masm.bind(slow.resume);
  e.finish_slow(slow, result);
  e.stack().push(Value::in_register(result));
}

// Two results, both in memory, where the call that follows wants them.
void load_for_call(Emitter& e, PyObject* name, InlineShape shape) {
  Masm& masm = e.masm();
  AttrCache* cache = new_attr_cache(e, name, shape.kind, shape.shadowable);
  if (cache == nullptr) return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (shape.kind == AttrKind::kNone) return e.operation_storing(&op_load_method_cached, 1, 2, arg);
  const Emitter::Slow slow = e.slow_path(&op_load_method_cached, 1, 2, arg);
  const Value owner = e.stack().peek(1);
  const int slot = e.stack().depth() - 1;
  const Reg object = e.use(1, Reg::kArg0);
  find_inline(masm, shape, &cache->entries[0], object, Reg::kArg1, slow.label);
  e.incref(Reg::kArg1);
  if (shape.kind == AttrKind::kMethod) {
    if (!owner.owned()) e.incref(object);
    masm.store(e.home(slot + 1), object);
    masm.store(e.home(slot), Reg::kArg1);
    e.stack().drop(1);
  } else {
    masm.store_imm(e.home(slot + 1), 0);
    if (owner.owned() && object != Reg::kArg0) masm.mov(Reg::kArg0, object);
    masm.store(e.home(slot), Reg::kArg1);
    e.stack().drop(1);
    if (owner.owned()) e.decref(Reg::kArg0);
  }
  masm.bind(slow.resume);
  e.finish_slow(slow, std::function<void()>());
  e.stack().push(Value::memory());
  e.stack().push(Value::memory());
}

}  // namespace

void load_attr(Emitter& e, const Instruction& i) {
  PyObject* name = e.name(i.oparg >> 1);
  const InlineShape shape = load_shape(i.specialized);
  if ((i.oparg & 1) != 0)
    load_for_call(e, name, shape);
  else
    load_plain(e, name, shape.kind == AttrKind::kMethod ? InlineShape{} : shape);
}

// Inline: the instance has the attribute already.
void store_attr(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  AttrKind kind = AttrKind::kNone;
  if (i.specialized == STORE_ATTR_INSTANCE_VALUE) kind = AttrKind::kInlineValue;
  if (i.specialized == STORE_ATTR_SLOT) kind = AttrKind::kSlot;
  AttrCache* cache = new_attr_cache(e, e.name(i.oparg), kind, false);
  if (cache == nullptr) return;
  AttrEntry* entry = &cache->entries[0];
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (kind == AttrKind::kNone) return e.operation(&op_store_attr_cached, 2, 0, arg);
  const Emitter::Slow slow = e.slow_path(&op_store_attr_cached, 2, 0, arg);
  const Value owner = e.stack().peek(1);
  const int slot = e.stack().depth() - 1;
  const Reg object = e.use(1, Reg::kArg1);
  sequences::guard_type_version(masm, object, &entry->version, Reg::kT0, slow.label);
  if (kind == AttrKind::kInlineValue) {
    masm.cmp8(Mem::at(object, port::offset::kInlineValuesValid), 0);
    masm.jump_if(Cond::kEqual, slow.label);
    masm.cmp(Mem::at(object, port::offset::kManagedDict), 0);
    masm.jump_if(Cond::kNotEqual, slow.label);
  }
  masm.load32_signed(Reg::kT0, Mem::absolute(&entry->offset));
  masm.lea(Reg::kArg2, Mem::indexed(object, Reg::kT0, 1));
  masm.load(Reg::kArg3, Mem::at(Reg::kArg2));
  masm.test(Reg::kArg3, Reg::kArg3);  // a new attribute has to be entered into the order of insertion
  masm.jump_if(Cond::kEqual, slow.label);
  e.stack().drop(1);
  e.pop_owned(Reg::kT1);
  masm.store(Mem::at(Reg::kArg2), Reg::kT1);
  masm.mov(Reg::kArg0, Reg::kArg3);
  e.decref(Reg::kArg0);
  e.release(owner, slot);
  masm.bind(slow.resume);
  e.finish_slow(slow, std::function<void()>());
}

}  // namespace whipsnake::opcodes
