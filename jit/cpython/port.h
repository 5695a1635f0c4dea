// The port layer's contract: everything that the rest of the project may know about one CPython version.
//
// This folder is the only one that includes CPython's internal headers or asks for its version. Others include this
// header and use the names of namespace whipsnake::port, CPython's public API, and the private functions listed in
// v313/README.md (exported by every build of the minor version).
#pragma once

#include "jit/cpython/v313/async_generators.h"
#include "jit/cpython/v313/code_extra.h"
#include "jit/cpython/v313/dict_keys.h"
#include "jit/cpython/v313/eval_hook.h"
#include "jit/cpython/v313/function_versions.h"
#include "jit/cpython/v313/inline_caches.h"
#include "jit/cpython/v313/internals.h"
#include "jit/cpython/v313/ints.h"
#include "jit/cpython/v313/monitoring.h"
#include "jit/cpython/v313/watchers.h"
