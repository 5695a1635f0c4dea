#include "jit/baseline/value_stack.h"

#include <gtest/gtest.h>

namespace whipsnake::baseline {
namespace {

using Kind = Value::Kind;

_object* const kObject = reinterpret_cast<_object*>(uintptr_t{64});  // never looked at

TEST(Value, KindsSayWhoOwnsTheReference) {
  EXPECT_TRUE(Value::memory().owned());
  EXPECT_TRUE(Value::in_register(Reg::kS1).owned());
  EXPECT_FALSE(Value::local(3).owned());
  EXPECT_FALSE(Value::of_constant(kObject).owned());
  EXPECT_FALSE(Value::null().owned());
}

TEST(Value, CarriesWhatItsKindNeeds) {
  EXPECT_EQ(Value::in_register(Reg::kS2).reg, Reg::kS2);
  EXPECT_EQ(Value::local(3).index, 3);
  EXPECT_EQ(Value::of_constant(kObject).constant, kObject);
  EXPECT_TRUE(Value().is(Kind::kMemory));
  EXPECT_TRUE(Value::null().is(Kind::kNull));
  EXPECT_FALSE(Value::null().is(Kind::kMemory));
}

TEST(ValueStack, ABlockStartsWithEverythingInMemory) {
  ValueStack stack;
  stack.push(Value::local(0));
  stack.reset(3);
  ASSERT_EQ(stack.depth(), 3);
  for (int slot = 0; slot < 3; ++slot) EXPECT_TRUE(stack.slot(slot).is(Kind::kMemory)) << slot;
  stack.reset(0);
  EXPECT_EQ(stack.depth(), 0);
}

TEST(ValueStack, LastInFirstOut) {
  ValueStack stack;
  stack.push(Value::local(7));
  stack.push(Value::of_constant(kObject));
  stack.push(Value::in_register(Reg::kS0));
  EXPECT_EQ(stack.pop().reg, Reg::kS0);
  EXPECT_EQ(stack.pop().constant, kObject);
  EXPECT_EQ(stack.pop().index, 7);
  EXPECT_EQ(stack.depth(), 0);
}

TEST(ValueStack, PeekCountsFromTheTopSlotFromTheBottom) {
  ValueStack stack;
  for (int index = 0; index < 4; ++index) stack.push(Value::local(index));
  EXPECT_EQ(stack.peek(1).index, 3);
  EXPECT_EQ(stack.peek(4).index, 0);
  EXPECT_EQ(stack.slot(0).index, 0);
  EXPECT_EQ(stack.slot(3).index, 3);
  stack.peek(2) = Value::null();
  EXPECT_TRUE(stack.slot(2).is(Kind::kNull));
  const ValueStack& constant = stack;
  EXPECT_EQ(&constant.slot(1), &stack.peek(3));
}

TEST(ValueStack, DropForgetsTheTop) {
  ValueStack stack;
  for (int index = 0; index < 4; ++index) stack.push(Value::local(index));
  stack.drop(0);
  EXPECT_EQ(stack.depth(), 4);
  stack.drop(3);
  ASSERT_EQ(stack.depth(), 1);
  EXPECT_EQ(stack.peek(1).index, 0);
}

TEST(ValueStack, FindsTheEntryOfARegister) {
  ValueStack stack;
  EXPECT_EQ(stack.find_register(Reg::kS0), -1);
  stack.push(Value::memory());
  stack.push(Value::in_register(Reg::kS1));
  stack.push(Value::in_register(Reg::kS0));
  EXPECT_EQ(stack.find_register(Reg::kS1), 1);
  EXPECT_EQ(stack.find_register(Reg::kS0), 2);
  EXPECT_EQ(stack.find_register(Reg::kS2), -1);
  stack.slot(1) = Value::memory();  // spilled
  EXPECT_EQ(stack.find_register(Reg::kS1), -1);
}

// Entries of other kinds have a default `reg`, which must not count as one.
TEST(ValueStack, NoEntryIsInTheRegisterThatIsNone) {
  ValueStack stack;
  stack.push(Value::local(1));
  stack.push(Value::memory());
  EXPECT_EQ(stack.find_register(Reg::kNone), -1);
}

// The slots keep their place whatever is above them: an entry's home does not change while it lives.
TEST(ValueStack, SlotsStayWhileTheStackGrows) {
  ValueStack stack;
  stack.reset(1);
  stack.slot(0) = Value::local(9);
  for (int i = 0; i < 1000; ++i) stack.push(Value::memory());
  EXPECT_EQ(stack.depth(), 1001);
  EXPECT_EQ(stack.slot(0).index, 9);
}

}  // namespace
}  // namespace whipsnake::baseline
