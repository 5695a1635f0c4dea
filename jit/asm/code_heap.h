// Executable memory: one reservation of address space, split into a code half and a data half that lie within
// reach of each other, so that code refers to its inline caches, constants and the helper table with short
// relative instructions.                                                                              [w^x]
//
// No page is ever writable and executable at once: pages of the code half are PROT_READ|PROT_WRITE only inside
// install(), and PROT_READ|PROT_EXEC otherwise. That is safe because it runs with the GIL held and compiled code is
// only ever executing (as opposed to being on some thread's stack) with the GIL held.
//
// Every failure is a value: a refused reservation, an exhausted budget or a kernel policy that forbids executable
// memory (at any time, also long after start) makes install()/allocate_data() return null, and the caller stays
// interpreted. A page with installed code is made writable only after a spare page has shown that the way back to
// executable is open, so that a policy that tightens later cannot strand code that is already installed.
//
// Not thread-safe: called with the GIL held. A forked child owns a private copy and goes on independently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "jit/asm/masm.h"

namespace whipsnake {

struct CodeHeapOptions {
  size_t budget = size_t{64} << 20;  // bytes of code; the data half has the same size
  int64_t fail_after = -1;           // testing: the n-th and later install() calls fail (0: even the reservation fails)
  void (*on_writable)() = nullptr;   // testing: called by install() while code pages are writable
};

struct CodeHeapStats {
  size_t code_bytes = 0;  // in use
  size_t code_bytes_peak = 0;
  size_t data_bytes = 0;
  size_t installs = 0;
  size_t releases = 0;
  size_t refused = 0;  // requests for memory that failed, the reservation included
};

class CodeHeap {
 public:
  explicit CodeHeap(const CodeHeapOptions& options);  // reserves; ok() tells whether that worked
  ~CodeHeap();                                        // unmaps everything
  CodeHeap(const CodeHeap&) = delete;
  CodeHeap& operator=(const CodeHeap&) = delete;

  bool ok() const;
  NearRange near_range() const;  // both halves

  // Copies finished code into code memory, applies its relocations, flushes the instruction cache.
  // Returns the entry address (16-byte aligned) or null.
  const uint8_t* install(const CodeBuffer& code);
  void release(const uint8_t* code);  // from install(); the memory may be handed out again

  // Zeroed, read-write, 16-byte aligned; stable address; null when exhausted.
  void* allocate_data(size_t bytes);
  void release_data(void* data);

  bool contains_code(const void* address) const;
  const uint8_t* code_begin() const;  // of the code half
  size_t code_capacity() const;       // its bytes
  const CodeHeapStats& stats() const;
  CodeHeapOptions& options();  // fail_after and budget may be changed at run time; the budget
                               // cannot grow beyond what was reserved

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace whipsnake
