// Where local variables may have a value already. A store to one that cannot has nothing to release: what it would
// release is looked for out of line, so that the usual way is short and straight. Only a hint: debuggers give frames
// variables, and every store looks.
#pragma once

#include <cstdint>
#include <vector>

#include "jit/cpython/decode.h"

namespace whipsnake::baseline {

// A set of local variables. Those from the 64th on, and all that are no plain variables (cells), count as bound.
class LocalSet {
 public:
  static constexpr int kMax = 64;
  bool has(int local) const { return local >= kMax || (bits_ >> local & 1) != 0; }
  void add(int local) { bits_ |= bit(local); }
  void remove(int local) { bits_ &= ~bit(local); }
  // Whether it has grown.
  bool merge(LocalSet other) {
    const uint64_t before = bits_;
    bits_ |= other.bits_;
    return bits_ != before;
  }

 private:
  static uint64_t bit(int local) { return local < kMax ? uint64_t{1} << local : 0; }
  uint64_t bits_ = 0;
};

// bound[i]: variables that may have a value before instructions[i], as far as the code itself says. Parallel to
// `instructions`.
void find_bound_locals(PyCodeObject* code, const std::vector<Instruction>& instructions,
                       const std::vector<Handler>& handlers, std::vector<LocalSet>& bound);

}  // namespace whipsnake::baseline
