// The code heap: W^X, reuse, budgets, failure at every point, relocations and fork.
#include "jit/asm/code_heap.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "jit/support/sanitizers.h"

namespace whipsnake {
namespace {

// Machine code "return value", padded with unreachable bytes to `size`.
std::vector<uint8_t> code_returning(int32_t value, size_t size = 16) {
  std::unique_ptr<Masm> masm = make_masm(kHostCpu, {});
  masm->mov_imm(Reg::kRet, value);
  masm->ret();
  CodeBuffer buffer = masm->finish();
  std::vector<uint8_t> bytes(buffer.bytes, buffer.bytes + buffer.size);
  bytes.resize(std::max(size, bytes.size()));
  return bytes;
}

const uint8_t* install(CodeHeap& heap, const std::vector<uint8_t>& bytes) {
  return heap.install({bytes.data(), bytes.size(), nullptr, 0});
}

int64_t call(const uint8_t* code) { return reinterpret_cast<int64_t (*)()>(const_cast<uint8_t*>(code))(); }

struct Mapping {
  uintptr_t begin;
  uintptr_t end;
  std::string protection;
};

std::vector<Mapping> mappings() {
  std::vector<Mapping> all;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    Mapping mapping;
    char protection[8];
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &mapping.begin, &mapping.end, protection) == 3) {
      mapping.protection = protection;
      all.push_back(mapping);
    }
  }
  return all;
}

std::string protection_at(const void* address) {
  auto at = reinterpret_cast<uintptr_t>(address);
  for (const Mapping& mapping : mappings()) {
    if (at >= mapping.begin && at < mapping.end) return mapping.protection;
  }
  return "none";
}

bool any_writable_and_executable() {
  for (const Mapping& mapping : mappings()) {
    if (mapping.protection.find('w') != std::string::npos && mapping.protection.find('x') != std::string::npos)
      return true;
  }
  return false;
}

// Runs `body` in a child process, which may tie itself down; true when it returned true.
bool in_child(const std::function<bool()>& body) {
  pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// From here on, mprotect with PROT_EXEC is refused in this process, as a sandbox set up by the program would do.
bool forbid_executable_memory() {
  constexpr auto kProtArgument = static_cast<uint32_t>(offsetof(seccomp_data, args) + 2 * sizeof(uint64_t));
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kProtArgument),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EACCES & SECCOMP_RET_DATA)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{sizeof filter / sizeof filter[0], filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(CodeHeap, InstallsAndRuns) {
  CodeHeap heap({});
  ASSERT_TRUE(heap.ok());
  std::vector<const uint8_t*> installed;
  for (int i = 0; i < 1000; ++i) {
    installed.push_back(install(heap, code_returning(i, 16 + static_cast<size_t>(i) * 7 % 3000)));
    ASSERT_NE(installed.back(), nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(installed.back()) % 16, 0u);
    EXPECT_TRUE(heap.contains_code(installed.back()));
    EXPECT_TRUE(heap.near_range().contains(installed.back()));
  }
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(call(installed[static_cast<size_t>(i)]), i);
  EXPECT_EQ(heap.stats().installs, 1000u);
  EXPECT_EQ(heap.stats().refused, 0u);
  EXPECT_FALSE(heap.contains_code(&heap));
  EXPECT_FALSE(heap.contains_code(heap.allocate_data(8)));
  EXPECT_FALSE(heap.contains_code(nullptr));
}

// --- [w^x] ---

const uint8_t* g_watched;
std::string g_watched_protection;
bool g_violation;
int g_writable_calls;

void look_at_maps() {
  ++g_writable_calls;
  g_violation = g_violation || any_writable_and_executable();
  if (g_watched != nullptr) g_watched_protection = protection_at(g_watched);
}

TEST(CodeHeap, NoPageIsEverWritableAndExecutable) {
  ASSERT_FALSE(any_writable_and_executable()) << "of someone else's making";
  g_violation = false;
  g_writable_calls = 0;
  g_watched = nullptr;
  CodeHeapOptions options;
  options.on_writable = look_at_maps;
  CodeHeap heap(options);
  const uint8_t* first = install(heap, code_returning(1));
  g_watched = first;
  const uint8_t* neighbour = install(heap, code_returning(2));
  EXPECT_EQ(g_watched_protection, "rw-p") << "same page, only while it is written";
  EXPECT_EQ(protection_at(first), "r-xp");
  const uint8_t* large = install(heap, code_returning(3, 100000));
  g_watched = nullptr;
  EXPECT_EQ(protection_at(large + 50000), "r-xp");
  heap.release(neighbour);
  EXPECT_EQ(protection_at(first), "r-xp");
  heap.release(large);
  install(heap, code_returning(4, 70000));
  EXPECT_EQ(g_writable_calls, 4);
  EXPECT_FALSE(g_violation);
  EXPECT_FALSE(any_writable_and_executable());
  EXPECT_EQ(call(first), 1);
  void* data = heap.allocate_data(100);
  EXPECT_EQ(protection_at(data), "rw-p");
}

TEST(CodeHeap, UnusedPartsAreInaccessible) {
  CodeHeap heap({});
  install(heap, code_returning(1));
  heap.allocate_data(1);
  NearRange range = heap.near_range();
  EXPECT_EQ(protection_at(range.begin + (size_t{1} << 20)), "---p");
  EXPECT_EQ(protection_at(range.end - 1), "---p");
}

// --- reuse ---

TEST(CodeHeap, ReleasedMemoryIsReused) {
  CodeHeap heap({});
  const uint8_t* a = install(heap, code_returning(1, 500));
  const uint8_t* b = install(heap, code_returning(2, 500));
  heap.release(a);
  const uint8_t* c = install(heap, code_returning(3, 500));
  EXPECT_EQ(a, c);
  EXPECT_EQ(call(b), 2);
  EXPECT_EQ(call(c), 3);
  EXPECT_EQ(heap.stats().releases, 1u);
}

TEST(CodeHeap, ReleaseOfAnythingElseIsHarmless) {
  CodeHeap heap({});
  const uint8_t* a = install(heap, code_returning(1, 64));
  heap.release(nullptr);
  heap.release(a + 16);
  heap.release(reinterpret_cast<const uint8_t*>(&heap));
  heap.release_data(nullptr);
  heap.release_data(&heap);
  EXPECT_EQ(heap.stats().releases, 0u);
  EXPECT_EQ(call(a), 1);
}

TEST(CodeHeap, TenThousandCyclesDoNotGrow) {
  CodeHeapOptions options;
  options.budget = size_t{1} << 20;  // far less than is installed in all
  CodeHeap heap(options);
  std::mt19937 random(7);
  struct Function {
    const uint8_t* code;
    void* data;
    int value;
  };
  std::vector<Function> live;
  size_t installed_bytes = 0;
  for (int i = 0; i < 10000; ++i) {
    if (live.size() >= 60) {
      size_t victim = random() % live.size();
      ASSERT_EQ(call(live[victim].code), live[victim].value);
      heap.release(live[victim].code);
      heap.release_data(live[victim].data);
      live[victim] = live.back();
      live.pop_back();
    }
    size_t size = 100 + random() % 8000;
    installed_bytes += size;
    Function f{install(heap, code_returning(i, size)), heap.allocate_data(16 + random() % 1000), i};
    ASSERT_NE(f.code, nullptr);
    ASSERT_NE(f.data, nullptr);
    live.push_back(f);
  }
  EXPECT_GT(installed_bytes, 30 * options.budget);
  EXPECT_EQ(heap.stats().installs, 10000u);
  EXPECT_LT(heap.stats().code_bytes_peak, 60u * 8200);
  for (const Function& f : live) {
    heap.release(f.code);
    heap.release_data(f.data);
  }
  EXPECT_EQ(heap.stats().code_bytes, 0u);
  EXPECT_EQ(heap.stats().data_bytes, 0u);
  EXPECT_NE(install(heap, code_returning(1, options.budget)), nullptr) << "nothing is left behind";
}

TEST(CodeHeap, FreePagesGoBackToTheSystem) {
  CodeHeap heap({});
  constexpr size_t kSize = size_t{8} << 20;
  auto resident = [&](const uint8_t* begin) {
    std::vector<unsigned char> pages(kSize / 4096);
    if (mincore(const_cast<uint8_t*>(begin), kSize, pages.data()) != 0) return size_t{0};
    size_t count = 0;
    for (unsigned char page : pages) count += page & 1;
    return count;
  };
  const uint8_t* code = install(heap, code_returning(1, kSize));
  ASSERT_NE(code, nullptr);
  ASSERT_EQ(resident(code), kSize / 4096);
  heap.release(code);
  EXPECT_EQ(resident(code), 0u);
  auto* data = static_cast<uint8_t*>(heap.allocate_data(kSize));
  EXPECT_EQ(resident(data), kSize / 4096);
  heap.release_data(data);
  EXPECT_EQ(resident(data), 0u);
}

TEST(CodeHeap, DataIsZeroedAlignedAndStable) {
  CodeHeap heap({});
  std::vector<uint8_t*> cells;
  for (size_t i = 1; i < 2000; ++i) {
    auto* data = static_cast<uint8_t*>(heap.allocate_data(i));
    ASSERT_NE(data, nullptr);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(data) % 16, 0u);
    ASSERT_TRUE(heap.near_range().contains(data));
    for (size_t k = 0; k < i; ++k) ASSERT_EQ(data[k], 0);
    std::memset(data, 0xEE, i);
    cells.push_back(data);
  }
  for (size_t i = 0; i < cells.size(); i += 3) heap.release_data(cells[i]);
  for (size_t i = 1; i < 2000; i += 7) {
    auto* data = static_cast<uint8_t*>(heap.allocate_data(i));
    for (size_t k = 0; k < i; ++k) ASSERT_EQ(data[k], 0) << "reused memory";
  }
}

// --- failure ---

TEST(CodeHeap, BudgetIsKeptAndMayChange) {
  CodeHeapOptions options;
  options.budget = 64 * 1024;
  CodeHeap heap(options);
  EXPECT_EQ(install(heap, code_returning(1, 65 * 1024)), nullptr);
  const uint8_t* a = install(heap, code_returning(1, 40 * 1024));
  EXPECT_EQ(install(heap, code_returning(2, 30 * 1024)), nullptr);
  EXPECT_NE(a, nullptr);
  EXPECT_EQ(heap.stats().refused, 2u);
  heap.options().budget = 45 * 1024;
  EXPECT_EQ(install(heap, code_returning(2, 10 * 1024)), nullptr);
  EXPECT_EQ(heap.allocate_data(46 * 1024), nullptr);
  EXPECT_NE(heap.allocate_data(44 * 1024), nullptr);
  heap.options().budget = 0;
  EXPECT_EQ(install(heap, code_returning(2)), nullptr);
  EXPECT_EQ(heap.allocate_data(1), nullptr);
  heap.options().budget = size_t{1} << 40;
  EXPECT_NE(install(heap, code_returning(2, 20 * 1024)), nullptr);
  EXPECT_EQ(install(heap, code_returning(2, 20 * 1024)), nullptr) << "never more than was reserved";
  EXPECT_EQ(call(a), 1);
}

TEST(CodeHeap, EmptyAndAbsurdRequestsAreRefused) {
  CodeHeap heap({});
  EXPECT_EQ(heap.install({nullptr, 0, nullptr, 0}), nullptr);
  EXPECT_EQ(heap.allocate_data(0), nullptr);
  EXPECT_EQ(heap.allocate_data(~size_t{0}), nullptr);
}

TEST(CodeHeap, InjectedFailures) {
  CodeHeapOptions options;
  options.fail_after = 3;
  CodeHeap heap(options);
  EXPECT_NE(install(heap, code_returning(1)), nullptr);
  EXPECT_NE(install(heap, code_returning(2)), nullptr);
  EXPECT_EQ(install(heap, code_returning(3)), nullptr);
  EXPECT_EQ(install(heap, code_returning(4)), nullptr);
  EXPECT_EQ(heap.stats().refused, 2u);
  heap.options().fail_after = -1;
  EXPECT_NE(install(heap, code_returning(5)), nullptr);
}

TEST(CodeHeap, WithoutReservationEverythingIsRefused) {
  CodeHeapOptions options;
  options.fail_after = 0;
  CodeHeap heap(options);
  EXPECT_FALSE(heap.ok());
  EXPECT_EQ(install(heap, code_returning(1)), nullptr);
  EXPECT_EQ(heap.allocate_data(16), nullptr);
  EXPECT_FALSE(heap.near_range().contains(&heap));
  EXPECT_FALSE(heap.contains_code(nullptr));
  heap.release(nullptr);
  heap.release_data(nullptr);
}

TEST(CodeHeap, AddressSpaceLimit) {
#if WHIPSNAKE_ADDRESS_SANITIZER || WHIPSNAKE_THREAD_SANITIZER
  GTEST_SKIP() << "the sanitizer's own memory needs more";
#endif
  EXPECT_TRUE(in_child([] {
    rlimit limit{size_t{64} << 20, size_t{64} << 20};
    if (setrlimit(RLIMIT_AS, &limit) != 0) return false;
    CodeHeap heap({});
    return !heap.ok() && install(heap, code_returning(1)) == nullptr;
  }));
}

TEST(CodeHeap, PolicyAgainstExecutableMemoryFromTheStart) {
  EXPECT_TRUE(in_child([] {
    if (!forbid_executable_memory()) return false;
    CodeHeap heap({});
    return heap.ok() && install(heap, code_returning(1)) == nullptr && install(heap, code_returning(2)) == nullptr &&
           heap.allocate_data(16) != nullptr && heap.stats().code_bytes == 0 && heap.stats().refused == 2;
  }));
}

// Code that is already installed goes on working, also on the page that the next function would have shared.
TEST(CodeHeap, PolicyAgainstExecutableMemoryLater) {
  EXPECT_TRUE(in_child([] {
    CodeHeap heap({});
    const uint8_t* first = install(heap, code_returning(1));
    const uint8_t* second = install(heap, code_returning(2));
    if (first == nullptr || second == nullptr || !forbid_executable_memory()) return false;
    for (size_t size : {size_t{16}, size_t{5000}, size_t{100000}}) {
      if (install(heap, code_returning(3, size)) != nullptr) return false;
    }
    heap.release(second);
    if (install(heap, code_returning(4)) != nullptr) return false;
    return call(first) == 1;
  }));
}

#if defined(PR_SET_MDWE)
TEST(CodeHeap, MemoryDenyWriteExecuteLater) {
  EXPECT_TRUE(in_child([] {
    CodeHeap heap({});
    const uint8_t* first = install(heap, code_returning(1));
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0) return true;  // older kernel
    return install(heap, code_returning(2)) == nullptr && call(first) == 1;
  }));
}
#endif

// --- fork ---

TEST(CodeHeap, ChildrenGoOnWithTheirOwnCopy) {
  CodeHeap heap({});
  const uint8_t* before = install(heap, code_returning(1));
  auto* cell = static_cast<int64_t*>(heap.allocate_data(8));
  *cell = 5;
  EXPECT_TRUE(in_child([&] {
    const uint8_t* code = install(heap, code_returning(100));
    *cell = 6;
    heap.release(before);
    const uint8_t* again = install(heap, code_returning(101));
    return call(code) == 100 && call(again) == 101;
  }));
  const uint8_t* after = install(heap, code_returning(2));
  EXPECT_EQ(call(before), 1);
  EXPECT_EQ(call(after), 2);
  EXPECT_EQ(*cell, 5);
}

// --- relocations ---

TEST(CodeHeap, RelocationsReachCellsFromEveryPlace) {
  CodeHeapOptions options;
  options.budget = size_t{16} << 20;
  CodeHeap heap(options);
  std::unique_ptr<Masm> masm = make_masm(kHostCpu, heap.near_range());
  std::vector<int64_t*> cells;
  for (int i = 0; i < 100; ++i) {
    cells.push_back(static_cast<int64_t*>(heap.allocate_data(i % 2 == 0 ? 8 : 100000)));
    *cells.back() = i;
  }
  for (size_t i = 0; i < cells.size(); ++i) {
    Mem mem = Mem::absolute(cells[i]);
    masm->reset();
    masm->enter(0);
    Label wrong = masm->new_label();
    masm->load(Reg::kT0, mem);
    masm->cmp(mem, static_cast<int32_t>(i));  // an 8-bit immediate behind the displacement
    masm->jump_if(Cond::kNotEqual, wrong);
    masm->add_mem(mem, 1000);  // a 32-bit one
    masm->cmp(mem, static_cast<int32_t>(i + 1000));
    masm->jump_if(Cond::kNotEqual, wrong);
    masm->store16_imm(mem, static_cast<int16_t>(i + 1));
    masm->store8_imm(mem, static_cast<int8_t>(i + 1));
    masm->test8(mem, -1);
    masm->jump_if(Cond::kEqual, wrong);
    masm->store_imm(mem, static_cast<int64_t>(i));
    masm->add(Reg::kT0, mem);
    masm->mov_ptr(Reg::kT1, cells[i]);
    masm->add(Reg::kT0, Mem::at(Reg::kT1));
    masm->mov(Reg::kRet, Reg::kT0);
    masm->leave(0);
    masm->bind(wrong);
    masm->mov_imm(Reg::kRet, -1);
    masm->leave(0);
    CodeBuffer buffer = masm->finish();
    ASSERT_FALSE(masm->failed());
    const uint8_t* code = heap.install(buffer);
    ASSERT_NE(code, nullptr);
    ASSERT_EQ(call(code), static_cast<int64_t>(3 * i));
    // The same code at another place.
    const uint8_t* copy = heap.install(buffer);
    ASSERT_EQ(call(copy), static_cast<int64_t>(3 * i));
    install(heap, code_returning(0, 50000));
  }
}

}  // namespace
}  // namespace whipsnake
