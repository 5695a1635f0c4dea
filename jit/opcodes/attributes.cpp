// Attribute access. What the interpreter specialised a site for decides which kind of lookup machine code does;
// the cache in front of it is filled by its first miss, refilled by later ones, and has further entries for sites that
// see several types (runtime/caches.h).
#include "jit/opcodes/cells.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/attribute_code.h"
#include "jit/runtime/ops/ops.h"

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

// Calls the shared code with the owner, which is `from_top`, and the cache; the operands are on the value stack as `site`
// describes them.
void call_shared(Emitter& e, const uint8_t* code, AttrCache* cache, const Site* site, int from_top) {
  if (code == nullptr) return e.fail();
  cache->site = site;
  const Reg owner = e.use(from_top, Reg::kArg1);
  e.masm().mov(Reg::kArg1, owner);
  e.masm().mov_ptr(Reg::kT2, cache);
  e.masm().call_code(code);
}

void load_plain(Emitter& e, PyObject* name, InlineShape shape) {
  AttrCache* cache = new_attr_cache(e, name, shape.kind, shape.shadow, false);
  if (cache == nullptr)
    return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (shape.kind == AttrKind::kNone)
    return e.operation(&op_load_attr_cached, 1, 1, arg);
  call_shared(e, load_attr_code(shape.kind, shape.shadow, e.stack().peek(1).owned()), cache,
              e.slow_site(&op_load_attr_cached, 1, 1, arg), 1);
  e.stack().drop(1);
  e.push_owned(Reg::kRet);
}

// Two results, both in memory, where the call that follows wants them.
void load_for_call(Emitter& e, PyObject* name, InlineShape shape) {
  AttrCache* cache = new_attr_cache(e, name, shape.kind, shape.shadow, false);
  if (cache == nullptr)
    return;
  const auto arg = reinterpret_cast<intptr_t>(cache);
  if (shape.kind == AttrKind::kNone)
    return e.operation_storing(&op_load_method_cached, 1, 2, arg);
  e.masm().lea(Reg::kArg2, e.home(e.stack().depth() - 1));
  call_shared(e, load_method_code(shape.kind, shape.shadow, e.stack().peek(1).owned()), cache,
              e.slow_site(&op_load_method_cached, 1, 2, arg), 1);
  e.stack().drop(1);
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
  const Reg value = e.use(2, Reg::kArg2);
  e.masm().mov(Reg::kArg2, value);
  call_shared(e, store_attr_code(kind, e.stack().peek(1).owned(), e.stack().peek(2).owned()), cache,
              e.slow_site(&op_store_attr_cached, 2, 0, arg), 1);
  e.stack().drop(2);
}

}  // namespace whipsnake::opcodes
