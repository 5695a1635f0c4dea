// Hands out sub-ranges of [0, capacity), as offsets: the bookkeeping behind both halves of the code heap.
//
// The metadata lives on the ordinary heap, never in the managed range. Sizes are rounded up to kGranule. Free
// ranges are kept in size classes (eight per power of two) and merge with free neighbours on release, so that
// any sequence of allocations and releases that ends with nothing allocated ends with one free range. Both
// operations are O(1) apart from a hash lookup and a bounded search of one size class.
//
// Not thread-safe. Never throws: allocate() returns kNone when the range or the metadata's memory is
// exhausted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace whipsnake {

class RangeAllocator {
 public:
  static constexpr size_t kGranule = 16;
  static constexpr size_t kNone = ~size_t{0};

  struct Range {
    size_t begin = 0;
    size_t end = 0;
    size_t size() const { return end - begin; }
  };

  // `capacity` < 64 GiB, a multiple of kGranule. A failure to allocate the first node leaves an allocator
  // without room.
  explicit RangeAllocator(size_t capacity);

  // The offset of `bytes` (> 0) bytes, or kNone.
  size_t allocate(size_t bytes);

  // Gives back what allocate() returned; `freed` is the range itself and `merged` the whole free range around
  // it. False, without effect, when `offset` is not allocated.
  bool release(size_t offset, Range* freed, Range* merged);

  size_t size_at(size_t offset) const;  // rounded size of an allocation; 0 when `offset` is not one
  size_t used() const { return used_granules_ * kGranule; }
  size_t allocations() const { return allocated_.size(); }

  // Whether a byte of [begin, end) belongs to an allocation other than the one at `offset`, which must lie
  // inside and be the only allocation not cut off by the range's edges.
  bool shares(Range range, size_t offset) const;

 private:
  using Index = uint32_t;
  static constexpr Index kNil = ~Index{0};
  static constexpr int kBins = 232;  // eight per power of two, 32-bit granule counts

  struct Node {
    uint32_t begin = 0;  // granules
    uint32_t size = 0;
    Index before = kNil;  // neighbours by address
    Index after = kNil;
    Index next_free = kNil;  // in the size class; also links unused nodes
    Index prev_free = kNil;
    bool used = false;
  };

  static int bin_of(uint32_t granules);
  Index find_free(uint32_t granules) const;
  Index take_node();
  void give_node(Index index);
  void link_free(Index index);
  void unlink_free(Index index);
  void absorb_next(Index index);

  std::vector<Node> nodes_;
  Index unused_nodes_ = kNil;
  std::array<Index, kBins> bins_;
  std::array<uint64_t, (kBins + 63) / 64> occupied_{};  // a bit per size class
  std::unordered_map<uint32_t, Index> allocated_;       // by begin
  size_t used_granules_ = 0;
};

}  // namespace whipsnake
