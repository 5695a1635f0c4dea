#include "jit/support/quiet_thread.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>

#include "jit/support/sanitizers.h"

namespace whipsnake {
namespace {

constexpr size_t kStackSize = size_t{64} << 10;
constexpr int64_t kLong = 60'000'000'000;

std::atomic<uint32_t> signal_word{0};
std::atomic<bool> ended{false};
std::atomic<pid_t> id{0};
std::atomic<bool> takes_signals{false};
std::atomic<int> error_seen{0};
std::atomic<char*> stack{nullptr};

int threads() {
  int found = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task")) ++found;
  return found;
}

void wait_to_be_ended() {
  char here = 0;
  stack = &here;
  id = static_cast<pid_t>(syscall(SYS_gettid));
  sigset_t mask;
  sigprocmask(SIG_BLOCK, nullptr, &mask);
  takes_signals = sigismember(&mask, SIGINT) == 0;
  errno = 0;
  close(-1);  // sets its own errno
  error_seen = errno;
  for (uint32_t seen = signal_word; !ended; seen = signal_word) wait_for_wake(signal_word, seen, kLong);
}

class QuietThreadTest : public testing::Test {
 protected:
  void SetUp() override {
    ended = false;
    error_seen = 0;
  }
  void end() {
    ended = true;
    wake(signal_word);
    thread.join();
  }
  QuietThread thread;
};

TEST_F(QuietThreadTest, IsThereUntilItIsJoined) {
  if (WHIPSNAKE_THREAD_SANITIZER) expect_threads();  // with the first it makes one of its own
  const int before = threads();
  EXPECT_FALSE(thread.runs());
  ASSERT_TRUE(thread.start(wait_to_be_ended, kStackSize));
  EXPECT_TRUE(thread.runs());
  EXPECT_EQ(threads(), before + 1);
  end();
  EXPECT_FALSE(thread.runs());
  EXPECT_EQ(threads(), before);
  thread.join();  // no more to wait for
}

TEST_F(QuietThreadTest, IsGoneWhenItEndedBeforeItIsJoined) {
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(thread.start([] { id = static_cast<pid_t>(syscall(SYS_gettid)); }, kStackSize));
    for (int spin = 0; spin < i * 40; ++spin) asm volatile("");
    thread.join();
    ASSERT_EQ(syscall(SYS_tgkill, getpid(), id.load(), 0), -1) << i;
  }
}

TEST_F(QuietThreadTest, IsAnotherThreadOfTheKernelAndTakesNoSignals) {
  ASSERT_TRUE(thread.start(wait_to_be_ended, kStackSize));
  end();
  EXPECT_NE(id, 0);
  EXPECT_NE(id, getpid());
  EXPECT_FALSE(takes_signals);
}

TEST_F(QuietThreadTest, HasAnErrnoOfItsOwn) {
  ASSERT_TRUE(thread.start(wait_to_be_ended, kStackSize));
  errno = ENOENT;
  while (error_seen == 0) {
  }
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(error_seen, EBADF);
  end();
}

TEST_F(QuietThreadTest, ComesAndGoes) {
  for (int i = 0; i < 300; ++i) {
    ended = false;
    ASSERT_TRUE(thread.start(wait_to_be_ended, kStackSize));
    end();
  }
}

TEST_F(QuietThreadTest, IsNotThereInAChild) {
  ASSERT_TRUE(thread.start(wait_to_be_ended, kStackSize));
  const pid_t child = fork();
  if (child == 0) {
    const bool gone = !thread.runs();
    thread.join();
    _exit(gone && thread.start(wait_to_be_ended, kStackSize) && thread.runs() ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  end();
}

#if !WHIPSNAKE_THREAD_SANITIZER
bool is_mapped(char* address) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  unsigned char resident = 0;
  return mincore(reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(address) & ~(page - 1)), 1, &resident) == 0;
}

TEST_F(QuietThreadTest, LeavesNoMemoryBehindInAChild) {
  stack = nullptr;
  ASSERT_TRUE(thread.start(wait_to_be_ended, kStackSize));
  while (stack == nullptr) {
  }
  const pid_t child = fork();
  if (child == 0) {
    const bool was_mapped = is_mapped(stack);
    thread.forget();
    thread.forget();  // no more to give back
    _exit(was_mapped && !is_mapped(stack) && thread.start(wait_to_be_ended, kStackSize) && thread.runs() ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  thread.forget();  // not here, where it runs
  EXPECT_TRUE(thread.runs());
  end();
}

// In a child: what the C library believes does not change back.
TEST_F(QuietThreadTest, TheCLibraryDoesNotKnowUntilItIsTold) {
  const pid_t child = fork();
  if (child == 0) {
    const bool alone = is_alone();
    const bool started = thread.start(wait_to_be_ended, kStackSize);
    const bool still_alone = is_alone();
    expect_threads();
    _exit(alone && started && still_alone && !is_alone() ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
#endif

TEST(WaitForWake, ReturnsAtOnceWhenTheWordHasChanged) {
  std::atomic<uint32_t> word{1};
  const uint32_t seen = word;
  wake(word);
  wait_for_wake(word, seen, kLong);
}

TEST(WaitForWake, ReturnsWhenTheTimeIsOver) {
  std::atomic<uint32_t> word{1};
  wait_for_wake(word, 1, 1'000'000);
}

TEST(WaitWhile, ReturnsWhenTheOtherThreadSaysSo) {
  static std::atomic<bool> busy{true};
  QuietThread thread;
  ASSERT_TRUE(thread.start([] { busy = false; }, kStackSize));
  wait_while(busy);
  EXPECT_FALSE(busy);
  thread.join();
}

}  // namespace
}  // namespace whipsnake
