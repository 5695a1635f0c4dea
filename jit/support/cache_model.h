// What an instruction cache still holds: the pieces of code that ran last, as many as it has room for.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace whipsnake {

class CacheModel {
 public:
  // In bytes.
  explicit constexpr CacheModel(size_t capacity) : capacity_(capacity) {}

  void clear() { count_ = bytes_ = 0; }

  // The piece runs that is known by this address (only compared), and takes so many bytes. False: a miss, it was not
  // there any more.
  bool touch(const void* piece, size_t bytes) {
    Piece* const first = pieces_.data();
    Piece* const last = first + count_;
    Piece* const found = std::find_if(first, last, [piece](const Piece& other) { return other.address == piece; });
    if (found != last) {
      std::rotate(first, found, found + 1);
      return true;
    }
    if (count_ == kMostPieces) drop_last();
    pieces_[count_++] = {piece, bytes};
    bytes_ += bytes;
    std::rotate(first, first + count_ - 1, first + count_);
    while (bytes_ > capacity_ && count_ > 1) drop_last();
    return false;
  }

 private:
  static constexpr size_t kMostPieces = 256;

  struct Piece {
    const void* address;
    size_t bytes;
  };

  void drop_last() { bytes_ -= pieces_[--count_].bytes; }

  size_t capacity_;
  size_t count_ = 0;
  size_t bytes_ = 0;
  std::array<Piece, kMostPieces> pieces_{};  // what ran last is first
};

}  // namespace whipsnake
