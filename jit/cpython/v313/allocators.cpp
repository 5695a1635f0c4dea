#include <cstring>

#include "jit/cpython/port.h"

namespace whipsnake::port {

// 3.13 Include/internal/pycore_pymem.h: the three domains' allocators stand one behind the other in _PyRuntime, the one
// for objects last. Their place differs between patch releases, so it is looked for by what the public API says.
void* const* find_object_malloc() {
  PyMemAllocatorEx wanted[3];
  PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &wanted[0]);
  PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &wanted[1]);
  PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &wanted[2]);
  const char* runtime = reinterpret_cast<const char*>(&_PyRuntime);
  constexpr size_t kSearched = 4096;
  static_assert(kSearched + sizeof wanted < sizeof _PyRuntime);
  for (size_t offset = 0; offset < kSearched; offset += sizeof(void*)) {
    if (std::memcmp(runtime + offset, wanted, sizeof wanted) != 0) continue;
    const auto* domains = reinterpret_cast<const PyMemAllocatorEx*>(runtime + offset);
    return reinterpret_cast<void* const*>(&domains[2].malloc);
  }
  return nullptr;
}

}  // namespace whipsnake::port
