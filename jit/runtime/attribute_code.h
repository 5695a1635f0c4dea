// Machine code for attribute access, shared by all sites: inline it would be 75 to 150 bytes per site, and attributes
// are what programs consist of.                                                                             [cache]
//
// There is a piece for each way in which attributes are found. A site calls AttrCache::code with kT2 = the cache, whose
// `site` says what the slow path needs, and kArg1 = the owner. What it owns of its operands is given up, whether it
// succeeds or leaves for the handler. kS0 to kS2 are kept.
#pragma once

#include "jit/runtime/caches.h"

namespace whipsnake {

// Null when there is no memory for the code. `owns_value`: kStore only.
const AttrCode* attr_code(AttrAccess access, bool owns_owner, bool owns_value = false);

}  // namespace whipsnake
