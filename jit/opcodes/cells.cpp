#include "jit/opcodes/cells.h"

#include "jit/runtime/invariants.h"
#include "jit/runtime/stress.h"

namespace whipsnake::opcodes {

namespace {

// What caches begin with under stress that has them never filled.
uint32_t misses_before() { return stress::settings.caches ? 0 : 1u << 20; }

}  // namespace

GlobalCache* new_global_cache(baseline::Emitter& e, PyObject* name) {
  auto* cache = static_cast<GlobalCache*>(e.allocate_data(sizeof(GlobalCache)));
  if (cache == nullptr) return nullptr;
  cache->name = name;
  cache->globals = e.globals();
  cache->builtins = e.builtins();
  cache->globals_version = kNoVersion;
  cache->refusals = cache->places = misses_before();
  e.resources().on_release([cache] { forget_cells(&cache->value, &cache->value + 1); });
  return cache;
}

namespace {

void name_attribute(AttrCache* cache, PyObject* name, bool store) {
  cache->entry.version = kNoVersion;
  cache->member.version = kNoVersion;
  cache->name = name;
  cache->misses = misses_before();
  cache->id = stress::settings.caches ? attribute_id(name, store) : 0;
  cache->id_hash = id_hash(cache->id);
}

}  // namespace

AttrCache* new_attr_cache(baseline::Emitter& e, PyObject* name, bool store) {
  auto* cache = static_cast<AttrCache*>(e.allocate_aligned(sizeof(AttrCache)));
  if (cache != nullptr) name_attribute(cache, name, store);
  return cache;
}

FieldCache* new_field_cache(baseline::Emitter& e, PyObject* name, AttrKind first) {
  auto* cache = static_cast<FieldCache*>(e.allocate_aligned(sizeof(FieldCache)));
  if (cache == nullptr) return nullptr;
  name_attribute(&cache->attribute, name, false);
  for (FieldCache::Entry& entry : cache->entries) entry.version = kNoVersion;
  cache->first = first;
  return cache;
}

SuperCache* new_super_cache(baseline::Emitter& e, int oparg) {
  auto* cache = static_cast<SuperCache*>(e.allocate_data(sizeof(SuperCache)));
  if (cache == nullptr) return nullptr;
  cache->version = kNoVersion;
  cache->name = e.name(oparg >> 2);
  cache->misses = misses_before();
  cache->oparg = oparg;
  return cache;
}

GetItemCache* new_getitem_cache(baseline::Emitter& e) {
  auto* cache = static_cast<GetItemCache*>(e.allocate_data(sizeof(GetItemCache)));
  if (cache == nullptr) return nullptr;
  for (GetItemCache::Entry& entry : cache->entries) entry.version = kNoVersion;
  cache->misses = misses_before();
  return cache;
}

ClassCache* new_class_cache(baseline::Emitter& e, int oparg) {
  auto* cache = static_cast<ClassCache*>(e.allocate_data(sizeof(ClassCache)));
  if (cache == nullptr) return nullptr;
  cache->misses = misses_before();
  cache->oparg = oparg;
  return cache;
}

KeywordSite* new_keyword_site(baseline::Emitter& e, int oparg) {
  auto* site = static_cast<KeywordSite*>(e.allocate_data(sizeof(KeywordSite)));
  if (site == nullptr) return nullptr;
  const baseline::Value names = e.stack().peek(1);
  site->oparg = oparg;
  if (names.is(baseline::Value::Kind::kConstant) && stress::settings.caches) {
    site->names = names.constant;
    site->unnamed = oparg - static_cast<int32_t>(PyTuple_GET_SIZE(names.constant));
  }
  return site;
}

UnpackPlan* new_unpack_plan(baseline::Emitter& e, int count) {
  const size_t stores = sizeof(UnpackPlan::Store) * static_cast<size_t>(count);
  auto* plan = static_cast<UnpackPlan*>(e.allocate_data(offsetof(UnpackPlan, stores) + stores));
  if (plan == nullptr) return nullptr;
  plan->count = static_cast<uint16_t>(count);
  plan->instruction = static_cast<uint16_t>(e.instruction().index);
  return plan;
}

ResumeCache* new_resume_cache(baseline::Emitter& e) {
  auto* cache = static_cast<ResumeCache*>(e.allocate_data(sizeof(ResumeCache)));
  if (cache == nullptr) return nullptr;
  e.resources().on_release([cache] { cache->link.unlink(); });
  return cache;
}

}  // namespace whipsnake::opcodes
