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
  Shadow shadow = Shadow::kNever;
};

InlineShape load_shape(uint8_t specialized) {
  switch (specialized) {
    case LOAD_ATTR_INSTANCE_VALUE:
      return {AttrKind::kInlineValue};
    case LOAD_ATTR_WITH_HINT:
      return {AttrKind::kHintedDict};
    case LOAD_ATTR_SLOT:
      return {AttrKind::kSlot};
    case LOAD_ATTR_MODULE:
      return {AttrKind::kModule};
    case LOAD_ATTR_CLASS:
      return {AttrKind::kOfType};
    case LOAD_ATTR_METHOD_WITH_VALUES:
      return {AttrKind::kMethod, Shadow::kSharedKeys};
    case LOAD_ATTR_METHOD_NO_DICT:
      return {AttrKind::kMethod, Shadow::kNever};
    case LOAD_ATTR_METHOD_LAZY_DICT:
      return {AttrKind::kMethod, Shadow::kNoDict};
    case LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES:
      return {AttrKind::kTypeValue, Shadow::kSharedKeys};
    case LOAD_ATTR_NONDESCRIPTOR_NO_DICT:
      return {AttrKind::kTypeValue, Shadow::kNever};
    default:
      return {};
  }
}

// The owner is a type: its version and that of its metatype are the cached ones.
void guard_versions_of_type(Masm& masm, Reg owner, AttrEntry* entry, Label slow) {
  sequences::guard_type_version(masm, owner, &entry->keys, Reg::kT0, slow);
  masm.load32(Reg::kT0, Mem::at(owner, port::offset::kTypeVersion));
  masm.cmp32(Reg::kT0, Mem::absolute(&entry->version));
  masm.jump_if(Cond::kNotEqual, slow);
}

// The instance has no attribute of its own in front of the type's. kT0 holds its type and is lost.
void guard_not_shadowed(Masm& masm, Shadow shadow, AttrEntry* entry, Reg owner, Label slow) {
  if (shadow == Shadow::kSharedKeys) {
    masm.cmp8(Mem::at(owner, port::offset::kInlineValuesValid), 0);
    masm.jump_if(Cond::kEqual, slow);
    masm.load(Reg::kT0, Mem::at(Reg::kT0, port::offset::kHeapTypeCachedKeys));
    masm.load(Reg::kT0, Mem::at(Reg::kT0, port::offset::kDictKeysEntries));
    masm.cmp32(Reg::kT0, Mem::absolute(&entry->keys));
    masm.jump_if(Cond::kNotEqual, slow);
  } else if (shadow == Shadow::kNoDict) {
    masm.load32_signed(Reg::kT0, Mem::absolute(&entry->dict_offset));
    masm.cmp(Mem::indexed(owner, Reg::kT0, 1), 0);
    masm.jump_if(Cond::kNotEqual, slow);
  }
}

// result = the value at the hinted entry of the instance's dictionary, which has to be for `name`.
void find_hinted(Masm& masm, AttrCache* cache, Reg owner, Reg result, Label slow) {
  const AttrEntry* entry = &cache->entries[0];
  masm.load32_signed(Reg::kT0, Mem::absolute(&entry->dict_offset));
  masm.load(Reg::kT0, Mem::indexed(owner, Reg::kT0, 1));
  masm.test(Reg::kT0, Reg::kT0);
  masm.jump_if(Cond::kEqual, slow);
  masm.load(Reg::kT0, Mem::at(Reg::kT0, port::offset::kDictKeys));
  masm.cmp8(Mem::at(Reg::kT0, port::offset::kDictKeysKind), DICT_KEYS_UNICODE);
  masm.jump_if(Cond::kNotEqual, slow);
  masm.load16(Reg::kT1, Mem::absolute(&entry->hint));
  masm.cmp(Reg::kT1, Mem::at(Reg::kT0, port::offset::kDictKeysEntries));
  masm.jump_if(Cond::kAboveEqual, slow);
  // The entries follow the table of indices.
  masm.load8(Reg::kArg3, Mem::at(Reg::kT0, port::offset::kDictKeysLog2IndexBytes));
  masm.mov_imm(Reg::kArg2, 1);
  masm.shl(Reg::kArg2, Reg::kArg3);
  masm.add(Reg::kT0, Reg::kArg2);
  static_assert(sizeof(PyDictUnicodeEntry) == 16);
  masm.shl(Reg::kT1, 4);
  masm.add(Reg::kT0, Reg::kT1);
  masm.load(Reg::kT1, Mem::at(Reg::kT0, port::offset::kDictKeysIndices + port::offset::kDictEntryKey));
  masm.cmp(Reg::kT1, Mem::absolute(&cache->name));
  masm.jump_if(Cond::kNotEqual, slow);
  masm.load(result, Mem::at(Reg::kT0, port::offset::kDictKeysIndices + port::offset::kDictEntryValue));
}

// result = the attribute, borrowed, of `owner` by the inline entry; kT0, kT1, kArg2 and kArg3 are clobbered.
void find_inline(Masm& masm, InlineShape shape, AttrCache* cache, Reg owner, Reg result, Label slow) {
  AttrEntry* entry = &cache->entries[0];
  if (shape.kind == AttrKind::kOfType) {
    guard_versions_of_type(masm, owner, entry, slow);
    masm.load(result, Mem::absolute(&entry->value));
    return;
  }
  masm.load(Reg::kT0, Mem::at(owner, port::offset::kType));
  masm.load32(Reg::kT1, Mem::at(Reg::kT0, port::offset::kTypeVersion));
  masm.cmp32(Reg::kT1, Mem::absolute(&entry->version));
  masm.jump_if(Cond::kNotEqual, slow);
  switch (shape.kind) {
    case AttrKind::kInlineValue:
      masm.cmp8(Mem::at(owner, port::offset::kInlineValuesValid), 0);
      masm.jump_if(Cond::kEqual, slow);
      [[fallthrough]];
    case AttrKind::kSlot:
      masm.load32_signed(Reg::kT1, Mem::absolute(&entry->offset));
      masm.load(result, Mem::indexed(owner, Reg::kT1, 1));
      break;
    case AttrKind::kHintedDict:
      find_hinted(masm, cache, owner, result, slow);
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
    default:
      guard_not_shadowed(masm, shape.shadow, entry, owner, slow);
      masm.load(result, Mem::absolute(&entry->value));
      return;
  }
  masm.test(result, result);
  masm.jump_if(Cond::kEqual, slow);
}

void load_plain(Emitter& e, PyObject* name, InlineShape shape) {
  Masm& masm = e.masm();
  AttrCache* cache = new_attr_cache(e, name, shape.kind, shape.shadow);
  if (cache == nullptr)
    return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (shape.kind == AttrKind::kNone)
    return e.operation(&op_load_attr_cached, 1, 1, arg);
  const Reg result = e.allocate();
  const Emitter::Slow slow = e.slow_path(&op_load_attr_cached, 1, 1, arg);
  const Value owner = e.stack().peek(1);
  const int slot = e.stack().depth() - 1;
  find_inline(masm, shape, cache, e.use(1, Reg::kArg0), result, slow.label);
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
  AttrCache* cache = new_attr_cache(e, name, shape.kind, shape.shadow);
  if (cache == nullptr)
    return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (shape.kind == AttrKind::kNone)
    return e.operation_storing(&op_load_method_cached, 1, 2, arg);
  const Emitter::Slow slow = e.slow_path(&op_load_method_cached, 1, 2, arg);
  const Value owner = e.stack().peek(1);
  const int slot = e.stack().depth() - 1;
  const Reg object = e.use(1, Reg::kArg0);
  find_inline(masm, shape, cache, object, Reg::kArg1, slow.label);
  e.incref(Reg::kArg1);
  if (shape.kind == AttrKind::kMethod) {
    if (!owner.owned())
      e.incref(object);
    masm.store(e.home(slot + 1), object);
    masm.store(e.home(slot), Reg::kArg1);
    e.stack().drop(1);
  } else {
    masm.store_imm(e.home(slot + 1), 0);
    if (owner.owned() && object != Reg::kArg0)
      masm.mov(Reg::kArg0, object);
    masm.store(e.home(slot), Reg::kArg1);
    e.stack().drop(1);
    if (owner.owned())
      e.decref(Reg::kArg0);
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

void load_super_attr(Emitter& e, const Instruction& i) {
  if ((i.oparg & 1) == 0)
    return e.operation(&op_load_super_attr, 3, 1, i.oparg);
  if (SuperCache* cache = new_super_cache(e, i.oparg))
    e.operation_storing(&op_load_super_method_cached, 3, 2, reinterpret_cast<intptr_t>(cache));
}

void store_attr(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  AttrKind kind = AttrKind::kNone;
  if (i.specialized == STORE_ATTR_INSTANCE_VALUE)
    kind = AttrKind::kInlineValue;
  if (i.specialized == STORE_ATTR_SLOT)
    kind = AttrKind::kSlot;
  AttrCache* cache = new_attr_cache(e, e.name(i.oparg), kind, Shadow::kNever);
  if (cache == nullptr)
    return;
  AttrEntry* entry = &cache->entries[0];
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (kind == AttrKind::kNone)
    return e.operation(&op_store_attr_cached, 2, 0, arg);
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
  e.stack().drop(1);
  e.pop_owned(Reg::kT1);
  masm.load(Reg::kArg3, Mem::at(Reg::kArg2));
  masm.store(Mem::at(Reg::kArg2), Reg::kT1);
  const Label added = masm.new_label();
  const Label stored = masm.new_label();
  masm.test(Reg::kArg3, Reg::kArg3);
  masm.jump_if(Cond::kEqual, kind == AttrKind::kInlineValue ? added : stored);
  masm.mov(Reg::kArg0, Reg::kArg3);
  e.decref(Reg::kArg0);
  masm.bind(stored);
  e.release(owner, slot);
  masm.bind(slow.resume);
  e.finish_slow(slow, std::function<void()>());
  if (kind == AttrKind::kInlineValue)
    e.cold([&masm, object, entry, added, stored] {
      // 3.13 Include/internal/pycore_dict.h, _PyDictValues_AddToInsertionOrder: the order is kept behind the values.
      masm.bind(added);
      masm.load8(Reg::kT0, Mem::at(object, port::offset::kInlineValuesCapacity));
      masm.load8(Reg::kT1, Mem::at(object, port::offset::kInlineValuesSize));
      masm.lea(Reg::kT0, Mem::indexed(object, Reg::kT0, 8, port::offset::kInlineValuesItems));
      masm.load16(Reg::kArg3, Mem::absolute(&entry->index));
      masm.store8(Mem::indexed(Reg::kT0, Reg::kT1, 1), Reg::kArg3);
      masm.add(Reg::kT1, 1);
      masm.store8(Mem::at(object, port::offset::kInlineValuesSize), Reg::kT1);
      masm.jump(stored);
    });
}

}  // namespace whipsnake::opcodes
