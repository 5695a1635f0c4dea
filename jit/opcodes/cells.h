// Cache cells for templates: allocated in the code heap's data half, owned by the function's machine code.
#pragma once

#include "jit/baseline/emitter.h"
#include "jit/runtime/caches.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/generators.h"
#include "jit/runtime/unpack_code.h"

namespace whipsnake::opcodes {

// Null after Emitter::fail() when the data half is exhausted.
GlobalCache* new_global_cache(baseline::Emitter& e, PyObject* name);
FieldCache* new_field_cache(baseline::Emitter& e, PyObject* name, AttrKind first);
AttrCache* new_attr_cache(baseline::Emitter& e, PyObject* name, bool store);
SuperCache* new_super_cache(baseline::Emitter& e, int oparg);
GetItemCache* new_getitem_cache(baseline::Emitter& e);
ResumeCache* new_resume_cache(baseline::Emitter& e);
ClassCache* new_class_cache(baseline::Emitter& e, int oparg);
KeywordSite* new_keyword_site(baseline::Emitter& e, int oparg);
UnpackPlan* new_unpack_plan(baseline::Emitter& e, int count);

}  // namespace whipsnake::opcodes
