// Machine code for attribute access, one piece for each way in which attributes are found, shared by all sites: inline it
// would be 75 to 150 bytes per site, and attributes are what programs consist of.                       [cache]
//
// A site calls the piece with kT2 = its AttrCache, whose `site` says what the slow path needs, and kArg1 = the owner. What
// it owns of its operands is given up, whether it succeeds or leaves for the handler. kS0 to kS2 are kept.
#pragma once

#include "jit/runtime/caches.h"

namespace whipsnake {

// kRet = the attribute, a new reference. Null when there is no memory for the code.
const uint8_t* load_attr_code(AttrKind kind, Shadow shadow, bool owns_owner);

// For a call that follows: callable and self, or the attribute and null, are stored at kArg2.
const uint8_t* load_method_code(AttrKind kind, Shadow shadow, bool owns_owner);

// Stores kArg2 as the attribute.
const uint8_t* store_attr_code(AttrKind kind, bool owns_owner, bool owns_value);

}  // namespace whipsnake
