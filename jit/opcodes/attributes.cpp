// Attribute access: almost every site calls shared machine code (runtime/attribute_code.h) through a cache of its own,
// which its misses fill, give further entries, and change to another kind of access (runtime/caches.h). Members of an
// owner that the value stack only borrows are looked for in place first.
#include "jit/opcodes/cells.h"
#include "jit/opcodes/expressions/expressions.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/attribute_code.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// Whether shared machine code may serve the site; one that the interpreter has not specialised may become anything.
bool is_shared(const Emitter& e, uint8_t specialized) {
  return !e.without_fast_path() && specialized != LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN &&
         specialized != STORE_ATTR_WITH_HINT;
}

// Calls shared code with the owner and the cache; `site` describes all operands.
void call_shared(Emitter& e, const AttrCode* codes, AttrCache* cache, const Site* site, Reg owner) {
  if (codes == nullptr) return e.fail();
  cache->codes = codes;
  cache->code = codes->any;
  cache->site = site;
  if (owner != Reg::kArg1) e.masm().mov(Reg::kArg1, owner);
  e.masm().mov_ptr(Reg::kT2, cache);
  e.masm().call_mem(Mem::at(Reg::kT2, static_cast<int32_t>(offsetof(AttrCache, code))));
}

// What the interpreter has found the attribute to be, if that is for machine code in place.
AttrKind kind_in_place(Emitter& e, uint8_t specialized) {
  if (e.without_fast_path() || e.stack().peek(1).owned()) return AttrKind::kNone;
  switch (specialized) {
    case LOAD_ATTR_INSTANCE_VALUE:
    case STORE_ATTR_INSTANCE_VALUE: return AttrKind::kInlineValue;
    case LOAD_ATTR_SLOT:
    case STORE_ATTR_SLOT: return AttrKind::kSlot;
    default: return AttrKind::kNone;
  }
}

// The owner is of the type that was seen, and its attributes are where that says.
void guard_in_place(Emitter& e, const AttrCache* cache, Reg owner, Label otherwise) {
  e.fail_under_stress(otherwise);
  sequences::guard_type_version(e.masm(), owner, &cache->member.version, Reg::kT0, otherwise);
  if (cache->in_place != AttrKind::kInlineValue) return;
  e.masm().cmp8(Mem::at(owner, port::offset::kInlineValuesValid), 0);
  e.masm().jump_if(Cond::kEqual, otherwise);
}

// The test for None behind the current instruction, if that is what it loads for.
const Instruction* none_test_behind(const Emitter& e) {
  const Instruction* next = e.following();
  const bool tests = next != nullptr && (next->opcode == POP_JUMP_IF_NONE || next->opcode == POP_JUMP_IF_NOT_NONE);
  return tests ? next : nullptr;
}

// A test for None only looks: what it looks at needs no reference, and one that shared code gives is given up first.
void load_member(Emitter& e, AttrCache* cache) {
  Masm& masm = e.masm();
  const Instruction* test = none_test_behind(e);
  if (test != nullptr) e.flush_below(1);
  const Label otherwise = masm.new_label();
  const Label loaded = masm.new_label();
  const Reg result = e.allocate();
  const Site* site = e.slow_site(&op_load_attr_cached, 1, 1, reinterpret_cast<intptr_t>(cache));
  const Reg owner = e.use(1, Reg::kArg1);
  guard_in_place(e, cache, owner, otherwise);
  masm.load32_signed(Reg::kT0, Mem::absolute(&cache->member.offset));
  masm.load(result, Mem::indexed(owner, Reg::kT0, 1));
  masm.test(result, result);
  masm.jump_if(Cond::kEqual, otherwise);
  if (test == nullptr)
    sequences::incref(masm, result, Reg::kT0);
  else
    e.at(*test);
  masm.bind(loaded);
  e.cold([&e, cache, site, owner, result, otherwise, loaded, test] {
    e.masm().bind(otherwise);
    call_shared(e, attr_code(AttrAccess::kLoad, false), cache, site, owner);
    e.masm().mov(result, Reg::kRet);
    if (test != nullptr) e.decref(result);
    e.masm().jump(loaded);
  });
  e.stack().drop(1);
  if (test == nullptr) return e.stack().push(Value::in_register(result));
  e.skip_following();
  jump_by_none(e, result, *test);
}

// Whether stores here are likely to be the first ones of their attributes.
bool makes_attributes(const Emitter& e) { return e.code()->co_name == known_callables.dunder_init; }

void store_member(Emitter& e, AttrCache* cache) {
  Masm& masm = e.masm();
  const Label otherwise = masm.new_label();
  const Label unlikely = masm.new_label();
  const Label stored = masm.new_label();
  const bool is_inline = cache->in_place == AttrKind::kInlineValue;
  const bool adds = makes_attributes(e);
  const bool owns_value = e.stack().peek(2).owned();
  const Site* site = e.slow_site(&op_store_attr_cached, 2, 0, reinterpret_cast<intptr_t>(cache));
  const Reg value = e.use(2, Reg::kArg2);
  const Reg owner = e.use(1, Reg::kArg1);
  guard_in_place(e, cache, owner, otherwise);
  if (is_inline) {
    masm.cmp(Mem::at(owner, port::offset::kManagedDict), 0);
    masm.jump_if(Cond::kNotEqual, otherwise);
  }
  if (!owns_value) sequences::incref(masm, value, Reg::kT0);
  masm.load32_signed(Reg::kT0, Mem::absolute(&cache->member.offset));
  masm.load(Reg::kArg0, Mem::indexed(owner, Reg::kT0, 1));
  masm.store(Mem::indexed(owner, Reg::kT0, 1), value);
  e.stack().drop(2);
  const auto add = [&masm, is_inline, owner] {
    if (is_inline) sequences::note_added_value(masm, owner, Reg::kT0, Reg::kT1, Reg::kRet);
  };
  const auto replace = [&e] { e.decref(Reg::kArg0); };
  masm.test(Reg::kArg0, Reg::kArg0);
  masm.jump_if(adds ? Cond::kNotEqual : Cond::kEqual, is_inline || adds ? unlikely : stored);
  adds ? add() : replace();
  masm.bind(stored);
  e.cold([&e, cache, site, owner, value, owns_value, is_inline, adds, add, replace, otherwise, unlikely, stored] {
    if (is_inline || adds) {
      e.masm().bind(unlikely);
      adds ? replace() : add();
      e.masm().jump(stored);
    }
    e.masm().bind(otherwise);
    if (value != Reg::kArg2) e.masm().mov(Reg::kArg2, value);
    call_shared(e, attr_code(AttrAccess::kStore, false, owns_value), cache, site, owner);
    e.masm().jump(stored);
  });
}

void load_plain(Emitter& e, AttrCache* cache, bool shared) {
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (!shared) return e.operation(&op_load_attr_cached, 1, 1, arg);
  const Site* site = e.slow_site(&op_load_attr_cached, 1, 1, arg);
  call_shared(e, attr_code(AttrAccess::kLoad, e.stack().peek(1).owned()), cache, site, e.use(1, Reg::kArg1));
  e.stack().drop(1);
  e.push_owned(Reg::kRet);
}

// Two results, both in memory, where the call that follows wants them.
void load_for_call(Emitter& e, AttrCache* cache, bool shared) {
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (!shared) return e.operation_storing(&op_load_method_cached, 1, 2, arg);
  e.masm().lea(Reg::kArg2, e.home(e.stack().depth() - 1));
  const Site* site = e.slow_site(&op_load_method_cached, 1, 2, arg);
  call_shared(e, attr_code(AttrAccess::kMethod, e.stack().peek(1).owned()), cache, site, e.use(1, Reg::kArg1));
  e.stack().drop(1);
  e.stack().push(Value::memory());
  e.stack().push(Value::memory());
}

}  // namespace

void load_attr(Emitter& e, const Instruction& i) {
  if (expression(e, i)) return;
  AttrCache* cache = new_attr_cache(e, e.name(i.oparg >> 1), false);
  if (cache == nullptr) return;
  // So that machine code may call a getter or another descriptor, which the interpreter does not specialise for.
  if (i.specialized == LOAD_ATTR_PROPERTY || i.specialized == LOAD_ATTR) e.protect_locals_below(1);
  const bool shared = is_shared(e, i.specialized);
  if ((i.oparg & 1) != 0) return load_for_call(e, cache, shared);
  cache->in_place = kind_in_place(e, i.specialized);
  cache->in_place != AttrKind::kNone ? load_member(e, cache) : load_plain(e, cache, shared);
}

void load_super_attr(Emitter& e, const Instruction& i) {
  if ((i.oparg & 1) == 0) return e.operation(&op_load_super_attr, 3, 1, i.oparg);
  if (SuperCache* cache = new_super_cache(e, i.oparg))
    e.operation_storing(&op_load_super_method_cached, 3, 2, reinterpret_cast<intptr_t>(cache));
}

void store_attr(Emitter& e, const Instruction& i) {
  AttrCache* cache = new_attr_cache(e, e.name(i.oparg), true);
  if (cache == nullptr) return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (!is_shared(e, i.specialized)) return e.operation(&op_store_attr_cached, 2, 0, arg);
  cache->in_place = kind_in_place(e, i.specialized);
  if (cache->in_place != AttrKind::kNone) return store_member(e, cache);
  const Site* site = e.slow_site(&op_store_attr_cached, 2, 0, arg);
  const Reg value = e.use(2, Reg::kArg2);
  if (value != Reg::kArg2) e.masm().mov(Reg::kArg2, value);
  const AttrCode* codes = attr_code(AttrAccess::kStore, e.stack().peek(1).owned(), e.stack().peek(2).owned());
  call_shared(e, codes, cache, site, e.use(1, Reg::kArg1));
  e.stack().drop(2);
}

}  // namespace whipsnake::opcodes
