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

// Where machine code finds a description: the site's own entry, or one whose address is in a register.
class EntryRef {
 public:
  explicit EntryRef(AttrEntry* cell) : cell_(cell) {}
  explicit EntryRef(Reg base) : base_(base) {}
  Mem version() const { return field(offsetof(AttrEntry, version)); }
  Mem id() const { return field(offsetof(AttrEntry, id)); }
  Mem keys() const { return field(offsetof(AttrEntry, keys)); }
  Mem offset() const { return field(offsetof(AttrEntry, offset)); }
  Mem kind() const { return field(offsetof(AttrEntry, kind)); }
  Mem shadow() const { return field(offsetof(AttrEntry, shadow)); }
  Mem hint() const { return field(offsetof(AttrEntry, hint)); }
  Mem dict_offset() const { return field(offsetof(AttrEntry, dict_offset)); }
  Mem value_version() const { return field(offsetof(AttrEntry, value_version)); }
  Mem value() const { return field(offsetof(AttrEntry, value)); }

 private:
  Mem field(size_t at) const {
    return cell_ != nullptr ? Mem::absolute(reinterpret_cast<const char*>(cell_) + at)
                            : Mem::at(base_, static_cast<int32_t>(at));
  }

  AttrEntry* cell_ = nullptr;
  Reg base_ = Reg::kNone;
};

// kT1 = the version that descriptions of `owner` are known by; kT0 = its type, or for kOfType its metatype.
void load_version(Masm& masm, AttrKind kind, Reg owner, Label slow) {
  masm.load(Reg::kT0, Mem::at(owner, port::offset::kType));
  if (kind != AttrKind::kOfType)
    return masm.load32(Reg::kT1, Mem::at(Reg::kT0, port::offset::kTypeVersion));
  masm.load32(Reg::kT1, Mem::at(Reg::kT0, port::offset::kTypeFlags));
  masm.test(Reg::kT1, static_cast<int32_t>(Py_TPFLAGS_TYPE_SUBCLASS));
  masm.jump_if(Cond::kEqual, slow);
  masm.load32(Reg::kT1, Mem::at(owner, port::offset::kTypeVersion));
}

// kArg3 = the shared entry for the version in kT1, of the kind that the site serves. kT0 is kept, kArg2 clobbered.
void find_shared(Masm& masm, const AttrCache* cache, Label slow) {
  const EntryRef entry(Reg::kArg3);
  masm.mov(Reg::kArg3, Reg::kT1);
  masm.add(Reg::kArg3, static_cast<int32_t>(id_hash(cache->id)));
  masm.and_(Reg::kArg3, static_cast<int32_t>(kSharedEntries - 1));
  static_assert(sizeof(AttrEntry) == 5 * 8);
  masm.lea(Reg::kArg3, Mem::indexed(Reg::kArg3, Reg::kArg3, 4));
  masm.mov_ptr(Reg::kArg2, shared_entries);
  masm.lea(Reg::kArg3, Mem::indexed(Reg::kArg2, Reg::kArg3, 8));
  masm.cmp32(Reg::kT1, entry.version());
  masm.jump_if(Cond::kNotEqual, slow);
  masm.cmp32(entry.id(), static_cast<int32_t>(cache->id));
  masm.jump_if(Cond::kNotEqual, slow);
  masm.cmp8(entry.kind(), static_cast<int8_t>(cache->inline_kind));
  masm.jump_if(Cond::kNotEqual, slow);
  if (cache->inline_kind == AttrKind::kMethod || cache->inline_kind == AttrKind::kTypeValue) {
    masm.cmp8(entry.shadow(), static_cast<int8_t>(cache->inline_shadow));
    masm.jump_if(Cond::kNotEqual, slow);
  }
  masm.cmp32(entry.value_version(), 0);
  masm.jump_if(Cond::kNotEqual, slow);
}

// The instance has no attribute of its own in front of the type's. kT0 holds its type and is lost.
void guard_not_shadowed(Masm& masm, Shadow shadow, const EntryRef& entry, Reg owner, Label slow) {
  if (shadow == Shadow::kSharedKeys) {
    masm.cmp8(Mem::at(owner, port::offset::kInlineValuesValid), 0);
    masm.jump_if(Cond::kEqual, slow);
    masm.load(Reg::kT0, Mem::at(Reg::kT0, port::offset::kHeapTypeCachedKeys));
    masm.load(Reg::kT0, Mem::at(Reg::kT0, port::offset::kDictKeysEntries));
    masm.cmp32(Reg::kT0, entry.keys());
    masm.jump_if(Cond::kNotEqual, slow);
  } else if (shadow == Shadow::kNoDict) {
    masm.load32_signed(Reg::kT0, entry.dict_offset());
    masm.cmp(Mem::indexed(owner, Reg::kT0, 1), 0);
    masm.jump_if(Cond::kNotEqual, slow);
  }
}

// result = the value at the hinted entry of the instance's dictionary, which has to be for the site's name.
void find_hinted(Masm& masm, const AttrCache* cache, const EntryRef& entry, Reg owner, Reg result, Label slow) {
  masm.load32_signed(Reg::kT0, entry.dict_offset());
  masm.load16(Reg::kT1, entry.hint());
  masm.load(Reg::kT0, Mem::indexed(owner, Reg::kT0, 1));
  masm.test(Reg::kT0, Reg::kT0);
  masm.jump_if(Cond::kEqual, slow);
  masm.load(Reg::kT0, Mem::at(Reg::kT0, port::offset::kDictKeys));
  masm.cmp8(Mem::at(Reg::kT0, port::offset::kDictKeysKind), DICT_KEYS_UNICODE);
  masm.jump_if(Cond::kNotEqual, slow);
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

// result = the attribute, borrowed, of `owner`, whose version the entry has; kT0 as load_version() left it.
void find_by_entry(Masm& masm, const AttrCache* cache, const EntryRef& entry, Reg owner, Reg result, Label slow) {
  switch (cache->inline_kind) {
    case AttrKind::kInlineValue:
      masm.cmp8(Mem::at(owner, port::offset::kInlineValuesValid), 0);
      masm.jump_if(Cond::kEqual, slow);
      [[fallthrough]];
    case AttrKind::kSlot:
      masm.load32_signed(Reg::kT1, entry.offset());
      masm.load(result, Mem::indexed(owner, Reg::kT1, 1));
      break;
    case AttrKind::kHintedDict:
      find_hinted(masm, cache, entry, owner, result, slow);
      break;
    case AttrKind::kModule:
      masm.load(Reg::kT0, Mem::at(owner, port::offset::kModuleDict));
      masm.load(Reg::kT0, Mem::at(Reg::kT0, port::offset::kDictKeys));
      masm.load32(Reg::kT1, Mem::at(Reg::kT0, port::offset::kDictKeysVersion));
      masm.cmp32(Reg::kT1, entry.keys());
      masm.jump_if(Cond::kNotEqual, slow);
      masm.load32_signed(Reg::kT1, entry.offset());
      masm.load(result, Mem::indexed(Reg::kT0, Reg::kT1, 1));
      break;
    case AttrKind::kOfType:
      masm.load32(Reg::kT0, Mem::at(Reg::kT0, port::offset::kTypeVersion));
      masm.cmp32(Reg::kT0, entry.keys());
      masm.jump_if(Cond::kNotEqual, slow);
      masm.load(result, entry.value());
      return;
    default:
      guard_not_shadowed(masm, cache->inline_shadow, entry, owner, slow);
      masm.load(result, entry.value());
      return;
  }
  masm.test(result, result);
  masm.jump_if(Cond::kEqual, slow);
}

// result = the attribute, borrowed, of `owner` by the site's own entry or, out of line, a shared one. Clobbers kT0,
// kT1, kArg2 and kArg3; neither `owner` nor `result` is one of them.
void find_inline(Emitter& e, AttrCache* cache, Reg owner, Reg result, Label slow) {
  Masm& masm = e.masm();
  const EntryRef own(&cache->entry);
  const bool shares = cache->inline_kind != AttrKind::kModule && cache->id != 0;
  const Label others = shares ? masm.new_label() : slow;
  const Label found = masm.new_label();
  load_version(masm, cache->inline_kind, owner, slow);
  masm.cmp32(Reg::kT1, own.version());
  masm.jump_if(Cond::kNotEqual, others);
  find_by_entry(masm, cache, own, owner, result, slow);
  masm.bind(found);
  if (!shares)
    return;
  e.cold([&masm, cache, owner, result, others, found, slow] {
    masm.bind(others);
    find_shared(masm, cache, slow);
    find_by_entry(masm, cache, EntryRef(Reg::kArg3), owner, result, slow);
    masm.jump(found);
  });
}

void load_plain(Emitter& e, PyObject* name, InlineShape shape) {
  Masm& masm = e.masm();
  AttrCache* cache = new_attr_cache(e, name, shape.kind, shape.shadow, false);
  if (cache == nullptr)
    return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (shape.kind == AttrKind::kNone)
    return e.operation(&op_load_attr_cached, 1, 1, arg);
  const Reg result = e.allocate();
  const Emitter::Slow slow = e.slow_path(&op_load_attr_cached, 1, 1, arg);
  const Value owner = e.stack().peek(1);
  const int slot = e.stack().depth() - 1;
  find_inline(e, cache, e.use(1, Reg::kArg0), result, slow.label);
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
  AttrCache* cache = new_attr_cache(e, name, shape.kind, shape.shadow, false);
  if (cache == nullptr)
    return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (shape.kind == AttrKind::kNone)
    return e.operation_storing(&op_load_method_cached, 1, 2, arg);
  const Emitter::Slow slow = e.slow_path(&op_load_method_cached, 1, 2, arg);
  const Value owner = e.stack().peek(1);
  const int slot = e.stack().depth() - 1;
  const Reg object = e.use(1, Reg::kArg0);
  find_inline(e, cache, object, Reg::kArg1, slow.label);
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
  AttrCache* cache = new_attr_cache(e, e.name(i.oparg), kind, Shadow::kNever, true);
  if (cache == nullptr)
    return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (kind == AttrKind::kNone)
    return e.operation(&op_store_attr_cached, 2, 0, arg);
  const Emitter::Slow slow = e.slow_path(&op_store_attr_cached, 2, 0, arg);
  const Value owner = e.stack().peek(1);
  const int slot = e.stack().depth() - 1;
  const Reg object = e.use(1, Reg::kArg1);
  const Label others = masm.new_label();
  const Label found = masm.new_label();
  load_version(masm, kind, object, slow.label);
  masm.cmp32(Reg::kT1, EntryRef(&cache->entry).version());
  masm.jump_if(Cond::kNotEqual, cache->id != 0 ? others : slow.label);
  masm.load32_signed(Reg::kT0, EntryRef(&cache->entry).offset());
  masm.bind(found);
  if (kind == AttrKind::kInlineValue) {
    masm.cmp8(Mem::at(object, port::offset::kInlineValuesValid), 0);
    masm.jump_if(Cond::kEqual, slow.label);
    masm.cmp(Mem::at(object, port::offset::kManagedDict), 0);
    masm.jump_if(Cond::kNotEqual, slow.label);
  }
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
  if (cache->id != 0) {
    e.cold([&masm, cache, others, found, slow] {
      masm.bind(others);
      find_shared(masm, cache, slow.label);
      masm.load32_signed(Reg::kT0, EntryRef(Reg::kArg3).offset());
      masm.jump(found);
    });
  }
  if (kind == AttrKind::kInlineValue)
    e.cold([&masm, object, added, stored] {
      // 3.13 Include/internal/pycore_dict.h, _PyDictValues_AddToInsertionOrder: the order is kept behind the values.
      masm.bind(added);
      masm.sub(Reg::kArg2, object);
      masm.sub(Reg::kArg2, port::offset::kInlineValuesItems);
      masm.shr(Reg::kArg2, 3);  // the attribute's index
      masm.load8(Reg::kT0, Mem::at(object, port::offset::kInlineValuesCapacity));
      masm.load8(Reg::kT1, Mem::at(object, port::offset::kInlineValuesSize));
      masm.lea(Reg::kT0, Mem::indexed(object, Reg::kT0, 8, port::offset::kInlineValuesItems));
      masm.store8(Mem::indexed(Reg::kT0, Reg::kT1, 1), Reg::kArg2);
      masm.add(Reg::kT1, 1);
      masm.store8(Mem::at(object, port::offset::kInlineValuesSize), Reg::kT1);
      masm.jump(stored);
    });
}

}  // namespace whipsnake::opcodes
