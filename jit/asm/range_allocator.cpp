#include "jit/asm/range_allocator.h"

#include <bit>
#include <new>

namespace whipsnake {

namespace {

// Entries of the request's own size class that are looked at before a larger class is split.
constexpr int kSearchLimit = 8;

}  // namespace

RangeAllocator::RangeAllocator(size_t capacity) {
  bins_.fill(kNil);
  auto granules = static_cast<uint32_t>(capacity / kGranule);
  if (granules == 0) return;
  try {
    Index first = take_node();
    nodes_[first].size = granules;
    link_free(first);
  } catch (const std::bad_alloc&) {
  }
}

// 0..7 are exact; from then on the three bits below the leading one select the class.
int RangeAllocator::bin_of(uint32_t granules) {
  if (granules < 8) return static_cast<int>(granules);
  int log = static_cast<int>(std::bit_width(granules)) - 1;
  return (log - 2) * 8 + static_cast<int>((granules >> (log - 3)) & 7);
}

RangeAllocator::Index RangeAllocator::find_free(uint32_t granules) const {
  int bin = bin_of(granules);
  Index index = bins_[static_cast<size_t>(bin)];
  for (int i = 0; i < kSearchLimit && index != kNil; ++i, index = nodes_[index].next_free) {
    if (nodes_[index].size >= granules) return index;
  }
  // Anything in a larger class fits.
  auto word = static_cast<size_t>(bin + 1) / 64;
  uint64_t mask = ~uint64_t{0} << (static_cast<size_t>(bin + 1) % 64);
  for (; word < occupied_.size(); ++word, mask = ~uint64_t{0}) {
    if (uint64_t found = occupied_[word] & mask; found != 0) {
      return bins_[word * 64 + static_cast<size_t>(std::countr_zero(found))];
    }
  }
  // Nothing larger: the rest of the own class may still hold one that fits.
  for (; index != kNil; index = nodes_[index].next_free) {
    if (nodes_[index].size >= granules) return index;
  }
  return kNil;
}

size_t RangeAllocator::allocate(size_t bytes) {
  if (bytes == 0 || bytes > (size_t{1} << 35)) return kNone;
  auto granules = static_cast<uint32_t>((bytes + kGranule - 1) / kGranule);
  Index index = find_free(granules);
  if (index == kNil) return kNone;
  uint32_t begin = nodes_[index].begin;

  // All metadata memory first: nothing may throw once the lists change.
  bool split = nodes_[index].size > granules;
  Index rest = kNil;
  try {
    if (split) rest = take_node();
    allocated_.emplace(begin, index);
  } catch (const std::bad_alloc&) {
    if (rest != kNil) give_node(rest);
    return kNone;
  }

  unlink_free(index);
  Node& node = nodes_[index];
  if (split) {
    Node& tail = nodes_[rest];
    tail.begin = begin + granules;
    tail.size = node.size - granules;
    tail.before = index;
    tail.after = node.after;
    if (tail.after != kNil) nodes_[tail.after].before = rest;
    node.after = rest;
    node.size = granules;
    link_free(rest);
  }
  node.used = true;
  used_granules_ += granules;
  return size_t{begin} * kGranule;
}

bool RangeAllocator::release(size_t offset, Range* freed, Range* merged) {
  if (offset % kGranule != 0) return false;
  auto found = allocated_.find(static_cast<uint32_t>(offset / kGranule));
  if (found == allocated_.end() || size_t{found->first} * kGranule != offset) return false;
  Index index = found->second;
  allocated_.erase(found);
  used_granules_ -= nodes_[index].size;
  nodes_[index].used = false;
  *freed = {offset, offset + size_t{nodes_[index].size} * kGranule};

  if (Index after = nodes_[index].after; after != kNil && !nodes_[after].used) {
    unlink_free(after);
    absorb_next(index);
  }
  if (Index before = nodes_[index].before; before != kNil && !nodes_[before].used) {
    unlink_free(before);
    absorb_next(before);
    index = before;
  }
  link_free(index);
  size_t begin = size_t{nodes_[index].begin} * kGranule;
  *merged = {begin, begin + size_t{nodes_[index].size} * kGranule};
  return true;
}

size_t RangeAllocator::size_at(size_t offset) const {
  if (offset % kGranule != 0) return 0;
  auto found = allocated_.find(static_cast<uint32_t>(offset / kGranule));
  if (found == allocated_.end()) return 0;
  return size_t{nodes_[found->second].size} * kGranule;
}

bool RangeAllocator::shares(Range range, size_t offset) const {
  auto found = allocated_.find(static_cast<uint32_t>(offset / kGranule));
  if (found == allocated_.end()) return true;
  const Node& node = nodes_[found->second];
  // Free ranges are merged, so a free neighbour that ends inside `range` is followed by an allocation.
  if (offset > range.begin && node.before != kNil) {
    const Node& before = nodes_[node.before];
    if (before.used || (size_t{before.begin} * kGranule > range.begin && before.before != kNil)) return true;
  }
  if (offset + size_t{node.size} * kGranule < range.end && node.after != kNil) {
    const Node& after = nodes_[node.after];
    if (after.used) return true;
    if ((size_t{after.begin} + after.size) * kGranule < range.end && after.after != kNil) return true;
  }
  return false;
}

RangeAllocator::Index RangeAllocator::take_node() {
  if (unused_nodes_ != kNil) {
    Index index = unused_nodes_;
    unused_nodes_ = nodes_[index].next_free;
    nodes_[index] = Node{};
    return index;
  }
  nodes_.emplace_back();
  return static_cast<Index>(nodes_.size() - 1);
}

void RangeAllocator::give_node(Index index) {
  nodes_[index].next_free = unused_nodes_;
  unused_nodes_ = index;
}

void RangeAllocator::link_free(Index index) {
  auto bin = static_cast<size_t>(bin_of(nodes_[index].size));
  Node& node = nodes_[index];
  node.prev_free = kNil;
  node.next_free = bins_[bin];
  if (node.next_free != kNil) nodes_[node.next_free].prev_free = index;
  bins_[bin] = index;
  occupied_[bin / 64] |= uint64_t{1} << (bin % 64);
}

void RangeAllocator::unlink_free(Index index) {
  auto bin = static_cast<size_t>(bin_of(nodes_[index].size));
  const Node& node = nodes_[index];
  if (node.next_free != kNil) nodes_[node.next_free].prev_free = node.prev_free;
  if (node.prev_free != kNil) {
    nodes_[node.prev_free].next_free = node.next_free;
  } else {
    bins_[bin] = node.next_free;
    if (node.next_free == kNil) occupied_[bin / 64] &= ~(uint64_t{1} << (bin % 64));
  }
}

void RangeAllocator::absorb_next(Index index) {
  Index next = nodes_[index].after;
  nodes_[index].size += nodes_[next].size;
  nodes_[index].after = nodes_[next].after;
  if (nodes_[index].after != kNil) nodes_[nodes_[index].after].before = index;
  give_node(next);
}

}  // namespace whipsnake
