// Code objects with any bytecode go through the whole compiler, which declines them or not, and never does harm (under
// sanitizers, that says more). The fuzzer's corpus is replayed, and code that once did harm is here by name.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/fuzz/bytecode/hostile_code.h"

namespace whipsnake {
namespace {

class HostileCompile : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(test::prepare_hostile()); }
  void TearDown() override { framework::disable(); }

  static std::string compile(const std::string& input) {
    return test::compile_hostile(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  }
};

TEST_F(HostileCompile, Corpus) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WHIPSNAKE_BYTECODE_CORPUS)) {
    std::ifstream file(entry.path(), std::ios::binary);
    compile(std::string(std::istreambuf_iterator<char>(file), {}));
    ++files;
  }
  EXPECT_GT(files, 0);
}

TEST_F(HostileCompile, RandomBytes) {
  std::mt19937 random(6);
  int compiled = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string input = {5, 1, 0, 2, 4, 6, 12, 0, static_cast<char>(random() & 0xce), static_cast<char>(random() % 2)};
    for (size_t i = random() % 8 * 2; i > 0; --i) {
      input.push_back(static_cast<char>(random() % (random() % 8 == 0 ? 256 : 120)));
      input.push_back(static_cast<char>(random() % (random() % 4 == 0 ? 256 : 4)));
    }
    compiled += compile(input + std::string{static_cast<char>(RETURN_CONST), 0}).empty() ? 1 : 0;
  }
  EXPECT_GT(compiled, 100);
}

}  // namespace
}  // namespace whipsnake
