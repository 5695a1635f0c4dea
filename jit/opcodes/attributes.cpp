// Attribute access: almost every site calls shared machine code (runtime/attribute_code.h) through a cache of its own,
// which its misses fill, give further entries, and change to another kind of access (runtime/caches.h).
#include "jit/opcodes/cells.h"
#include "jit/opcodes/expressions/expressions.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/attribute_code.h"
#include "jit/runtime/ops/ops.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// Whether shared machine code may serve the site; one that the interpreter has not specialised may become anything.
bool is_shared(const Emitter& e, uint8_t specialized) {
  return !e.without_fast_path() && specialized != LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN &&
         specialized != STORE_ATTR_WITH_HINT;
}

// Calls shared code with the owner, on top of the value stack, and the cache; `site` describes all operands.
void call_shared(Emitter& e, const AttrCode* codes, AttrCache* cache, const Site* site) {
  if (codes == nullptr) return e.fail();
  cache->codes = codes;
  cache->code = codes->any;
  cache->site = site;
  const Reg owner = e.use(1, Reg::kArg1);
  e.masm().mov(Reg::kArg1, owner);
  e.masm().mov_ptr(Reg::kT2, cache);
  e.masm().call_mem(Mem::at(Reg::kT2, static_cast<int32_t>(offsetof(AttrCache, code))));
}

void load_plain(Emitter& e, AttrCache* cache, bool shared) {
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (!shared) return e.operation(&op_load_attr_cached, 1, 1, arg);
  call_shared(e, attr_code(AttrAccess::kLoad, e.stack().peek(1).owned()), cache,
              e.slow_site(&op_load_attr_cached, 1, 1, arg));
  e.stack().drop(1);
  e.push_owned(Reg::kRet);
}

// Two results, both in memory, where the call that follows wants them.
void load_for_call(Emitter& e, AttrCache* cache, bool shared) {
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (!shared) return e.operation_storing(&op_load_method_cached, 1, 2, arg);
  e.masm().lea(Reg::kArg2, e.home(e.stack().depth() - 1));
  call_shared(e, attr_code(AttrAccess::kMethod, e.stack().peek(1).owned()), cache,
              e.slow_site(&op_load_method_cached, 1, 2, arg));
  e.stack().drop(1);
  e.stack().push(Value::memory());
  e.stack().push(Value::memory());
}

}  // namespace

void load_attr(Emitter& e, const Instruction& i) {
  if (expression(e, i)) return;
  AttrCache* cache = new_attr_cache(e, e.name(i.oparg >> 1), false);
  if (cache == nullptr) return;
  if (i.specialized == LOAD_ATTR_PROPERTY) e.protect_locals_below(1);  // so that machine code may call the getter
  if ((i.oparg & 1) != 0)
    load_for_call(e, cache, is_shared(e, i.specialized));
  else
    load_plain(e, cache, is_shared(e, i.specialized));
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
  const Reg value = e.use(2, Reg::kArg2);
  e.masm().mov(Reg::kArg2, value);
  call_shared(e, attr_code(AttrAccess::kStore, e.stack().peek(1).owned(), e.stack().peek(2).owned()), cache,
              e.slow_site(&op_store_attr_cached, 2, 0, arg));
  e.stack().drop(2);
}

}  // namespace whipsnake::opcodes
