// Memory of objects, and the front of its allocator: for whoever makes and ends objects.
#pragma once

#include "jit/cpython/v313/memory.h"
