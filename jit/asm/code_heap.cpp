#include "jit/asm/code_heap.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "jit/asm/range_allocator.h"

namespace whipsnake {

namespace {

// Both halves and the distance between any two of their bytes stay within a signed 32-bit displacement.
constexpr size_t kMaxHalf = size_t{960} << 20;
// The data half becomes accessible in steps of this size.
constexpr size_t kDataStep = size_t{256} << 10;

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

struct CodeHeap::Impl {
  explicit Impl(const CodeHeapOptions& o)
      : options(o),
        page(static_cast<size_t>(std::max<long>(sysconf(_SC_PAGESIZE), 4096))),
        half(round_up(std::clamp(o.budget, size_t{1}, kMaxHalf), page)),
        code(half),
        data(half) {
    void* memory = MAP_FAILED;
    if (o.fail_after != 0)
      memory = mmap(nullptr, page + 2 * half, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      stats.refused = 1;
      return;
    }
    base = static_cast<uint8_t*>(memory);
  }

  ~Impl() {
    if (base != nullptr) munmap(base, page + 2 * half);
  }

  // Layout: code half, data half, one probe page.
  uint8_t* code_base() const { return base; }
  uint8_t* data_base() const { return base + half; }
  uint8_t* probe_page() const { return base + 2 * half; }

  bool protect(RangeAllocator::Range pages, int protection) const {
    return mprotect(code_base() + pages.begin, pages.size(), protection) == 0;
  }

  // Whether writable memory may still become executable. Costs two system calls.
  bool can_become_executable() const {
    return mprotect(probe_page(), page, PROT_READ | PROT_WRITE) == 0 &&
           mprotect(probe_page(), page, PROT_READ | PROT_EXEC) == 0;
  }

  bool write_code(size_t offset, const CodeBuffer& buffer) const;
  void drop_whole_pages(uint8_t* area, RangeAllocator::Range freed, RangeAllocator::Range merged) const;
  bool make_data_accessible(size_t end);

  CodeHeapOptions options;
  CodeHeapStats stats;
  const size_t page;
  const size_t half;
  uint8_t* base = nullptr;
  RangeAllocator code;
  RangeAllocator data;
  size_t data_accessible = 0;  // bytes from data_base()
  int64_t install_calls = 0;
};

// [w^x] The only place where code pages are writable.
bool CodeHeap::Impl::write_code(size_t offset, const CodeBuffer& buffer) const {
  RangeAllocator::Range pages{offset / page * page, round_up(offset + buffer.size, page)};
  if (code.shares(pages, offset) && !can_become_executable()) return false;
  if (!protect(pages, PROT_READ | PROT_WRITE)) {
    // The kernel may have changed some of the pages before it failed.
    protect(pages, PROT_READ | PROT_EXEC);
    return false;
  }
  uint8_t* target = code_base() + offset;
  std::memcpy(target, buffer.bytes, buffer.size);
  for (size_t i = 0; i < buffer.relocation_count; ++i) {
    const Relocation& relocation = buffer.relocations[i];
    uint8_t* field = target + relocation.offset;
    switch (relocation.kind) {
      case Relocation::Kind::kRel32: {
        auto distance =
            static_cast<int32_t>(static_cast<const uint8_t*>(relocation.target) - (field + relocation.addend));
        std::memcpy(field, &distance, sizeof distance);
        break;
      }
    }
  }
  if (options.on_writable != nullptr) options.on_writable();
  if (!protect(pages, PROT_READ | PROT_EXEC)) return false;
  __builtin___clear_cache(reinterpret_cast<char*>(target), reinterpret_cast<char*>(target + buffer.size));
  return true;
}

// Gives wholly free pages that `freed` touches back to the system; they read as zeros afterwards.
void CodeHeap::Impl::drop_whole_pages(uint8_t* area, RangeAllocator::Range freed, RangeAllocator::Range merged) const {
  size_t begin = std::max(freed.begin / page * page, round_up(merged.begin, page));
  size_t end = std::min(round_up(freed.end, page), merged.end / page * page);
  if (begin < end) madvise(area + begin, end - begin, MADV_DONTNEED);
}

bool CodeHeap::Impl::make_data_accessible(size_t end) {
  if (end <= data_accessible) return true;
  size_t wanted = std::min(round_up(end, kDataStep), half);
  if (mprotect(data_base() + data_accessible, wanted - data_accessible, PROT_READ | PROT_WRITE) != 0) return false;
  data_accessible = wanted;
  return true;
}

CodeHeap::CodeHeap(const CodeHeapOptions& options) : impl_(std::make_unique<Impl>(options)) {}
CodeHeap::~CodeHeap() = default;

bool CodeHeap::ok() const { return impl_->base != nullptr; }

NearRange CodeHeap::near_range() const {
  if (!ok()) return {};
  return {impl_->base, impl_->base + 2 * impl_->half};
}

const uint8_t* CodeHeap::install(const CodeBuffer& code) {
  Impl& impl = *impl_;
  ++impl.install_calls;
  bool injected = impl.options.fail_after >= 0 && impl.install_calls >= impl.options.fail_after;
  size_t limit = std::min(impl.options.budget, impl.half);
  if (!ok() || injected || code.size == 0 || code.size > limit || impl.code.used() + code.size > limit) {
    ++impl.stats.refused;
    return nullptr;
  }
  size_t offset = impl.code.allocate(code.size);
  if (offset != RangeAllocator::kNone && !impl.write_code(offset, code)) {
    RangeAllocator::Range freed;
    RangeAllocator::Range merged;
    impl.code.release(offset, &freed, &merged);
    offset = RangeAllocator::kNone;
  }
  if (offset == RangeAllocator::kNone) {
    ++impl.stats.refused;
    return nullptr;
  }
  ++impl.stats.installs;
  impl.stats.code_bytes = impl.code.used();
  impl.stats.code_bytes_peak = std::max(impl.stats.code_bytes_peak, impl.stats.code_bytes);
  return impl.code_base() + offset;
}

void CodeHeap::release(const uint8_t* code) {
  if (!contains_code(code)) return;
  Impl& impl = *impl_;
  RangeAllocator::Range freed;
  RangeAllocator::Range merged;
  if (!impl.code.release(static_cast<size_t>(code - impl.code_base()), &freed, &merged)) return;
  impl.drop_whole_pages(impl.code_base(), freed, merged);
  ++impl.stats.releases;
  impl.stats.code_bytes = impl.code.used();
}

void* CodeHeap::allocate_data(size_t bytes) {
  Impl& impl = *impl_;
  size_t limit = std::min(impl.options.budget, impl.half);
  size_t offset = RangeAllocator::kNone;
  if (ok() && bytes <= limit && impl.data.used() + bytes <= limit) offset = impl.data.allocate(bytes);
  if (offset != RangeAllocator::kNone && !impl.make_data_accessible(offset + impl.data.size_at(offset))) {
    RangeAllocator::Range freed;
    RangeAllocator::Range merged;
    impl.data.release(offset, &freed, &merged);
    offset = RangeAllocator::kNone;
  }
  if (offset == RangeAllocator::kNone) {
    ++impl.stats.refused;
    return nullptr;
  }
  void* data = impl.data_base() + offset;
  std::memset(data, 0, impl.data.size_at(offset));
  impl.stats.data_bytes = impl.data.used();
  return data;
}

void CodeHeap::release_data(void* data) {
  Impl& impl = *impl_;
  auto* address = static_cast<uint8_t*>(data);
  if (!ok() || address < impl.data_base() || address >= impl.data_base() + impl.half) return;
  RangeAllocator::Range freed;
  RangeAllocator::Range merged;
  if (!impl.data.release(static_cast<size_t>(address - impl.data_base()), &freed, &merged)) return;
  impl.drop_whole_pages(impl.data_base(), freed, merged);
  impl.stats.data_bytes = impl.data.used();
}

bool CodeHeap::contains_code(const void* address) const {
  auto* byte = static_cast<const uint8_t*>(address);
  return ok() && byte >= impl_->code_base() && byte < impl_->code_base() + impl_->half;
}

const uint8_t* CodeHeap::code_begin() const { return impl_->code_base(); }
size_t CodeHeap::code_capacity() const { return impl_->half; }

const CodeHeapStats& CodeHeap::stats() const { return impl_->stats; }
CodeHeapOptions& CodeHeap::options() { return impl_->options; }

}  // namespace whipsnake
