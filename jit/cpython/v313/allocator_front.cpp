// The front of pymalloc: the same pools without a look at the calling thread. Whoever allocates while there is but one
// interpreter holds its GIL.
//
// 3.13 Objects/obmalloc.c, _PyObject_Malloc and _PyObject_Free ask the thread for its interpreter, whose pools they
// use: in a shared library that is a call, and a good part of the whole. While there is but one interpreter its pools
// are the only ones, so there is nothing to ask. (In an executable it is an instruction, and the front, which is one
// call more, would cost more than it saves.) Blocks come from the same lists in the same order and go back there;
// whatever is not that simple is pymalloc's own to do. Anybody (tracemalloc) may put another allocator on top.
#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstring>

#include "jit/cpython/port_check.h"
#include "jit/cpython/v313/memory.h"

namespace whipsnake::port {

namespace {

PyMemAllocatorEx behind;  // pymalloc's functions for objects, and for buffers: they are the same

void* front_malloc(void*, size_t bytes) {
  if (is_only_interpreter()) [[likely]]
    if (void* block = take_block(bytes)) [[likely]]
      return block;
  return behind.malloc(behind.ctx, bytes);
}

void front_free(void*, void* block) {
  if (is_only_interpreter() && try_give_block(block)) [[likely]]
    return;
  behind.free(behind.ctx, block);
}

void* front_calloc(void*, size_t count, size_t size) {
  size_t bytes = 0;
  if (is_only_interpreter() && !__builtin_mul_overflow(count, size, &bytes))
    if (void* block = take_block(bytes)) return std::memset(block, 0, bytes);
  return behind.calloc(behind.ctx, count, size);
}

// 3.13 Objects/obmalloc.c, pymalloc_realloc: a block that is large enough stays, unless a quarter would be wasted.
void* front_realloc(void*, void* block, size_t bytes) {
  if (block == nullptr) return front_malloc(nullptr, bytes);
  if (is_only_interpreter() && is_pymalloc_block(block)) {
    const size_t size = INDEX2SIZE(pool_of(block)->szidx);
    if (bytes <= size && 4 * bytes > 3 * size) return block;
  }
  return behind.realloc(behind.ctx, block, bytes);
}

bool is_same(const PyMemAllocatorEx& one, const PyMemAllocatorEx& other) {
  return one.ctx == other.ctx && one.malloc == other.malloc && one.calloc == other.calloc &&
         one.realloc == other.realloc && one.free == other.free;
}

constexpr PyMemAllocatorDomain kDomains[] = {PYMEM_DOMAIN_OBJ, PYMEM_DOMAIN_MEM};

bool both_are(const PyMemAllocatorEx& wanted) {
  return std::ranges::all_of(kDomains, [&](PyMemAllocatorDomain domain) {
    PyMemAllocatorEx found;
    PyMem_GetAllocator(domain, &found);
    return is_same(found, wanted);
  });
}

void set_both(PyMemAllocatorEx allocator) {
  for (const PyMemAllocatorDomain domain : kDomains) PyMem_SetAllocator(domain, &allocator);
  memory.pymalloc = reinterpret_cast<const void*>(allocator.malloc);
}

// Whether the interpreter is a shared library, not the program itself, which comes first in the list of what is loaded.
bool is_in_library(const PyMemAllocatorEx& pymalloc) {
  Dl_info info;
  void* found = nullptr;
  const void* address = reinterpret_cast<const void*>(pymalloc.malloc);
  if (dladdr1(address, &info, &found, RTLD_DL_LINKMAP) == 0 || found == nullptr) return false;
  return static_cast<const link_map*>(found)->l_prev != nullptr;
}

constexpr PyMemAllocatorEx kFront = {nullptr, front_malloc, front_calloc, front_realloc, front_free};

}  // namespace

bool start_allocator_front() {
  if (!memory_is_usual()) return false;
  if (both_are(kFront)) return true;
  PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &behind);
  if (*newest_interpreter == nullptr || !both_are(behind) || !is_in_library(behind)) return false;
  set_both(kFront);
  return true;
}

void stop_allocator_front() {
  if (both_are(kFront)) set_both(behind);
}

}  // namespace whipsnake::port
