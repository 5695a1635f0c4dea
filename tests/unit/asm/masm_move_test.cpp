// Moves, loads and stores: every width, register and form of address.
#include <cstring>

#include "tests/unit/asm/machine.h"

namespace whipsnake {
namespace {

class MasmMove : public MasmTest {};

const std::vector<int64_t>& constants() {
  static const std::vector<int64_t> values = [] {
    std::vector<int64_t> v = edge_values();
    for (int shift = 0; shift < 64; ++shift) {
      v.push_back(wrap(uint64_t{1} << shift));
      v.push_back(wrap(~(uint64_t{1} << shift)));
      v.push_back(wrap(~uint64_t{0} << shift));
      v.push_back(wrap(0xABCDull << shift));
    }
    for (uint64_t u : {0x0000FFFF0000FFFFull, 0xFFFF0000FFFF1234ull, 0x00007FFF12345678ull, 0x1234000000005678ull}) {
      v.push_back(wrap(u));
    }
    return v;
  }();
  return values;
}

TEST_P(MasmMove, Registers) {
  size_t n = 0;
  compile([&] {
    for (Reg dst : kGeneral) {
      for (Reg src : kGeneral) {
        m.mov_imm(dst, -1);
        m.mov_imm(src, -0x123456789);
        m.mov(dst, src);
        m.store(cell_mem(n++), dst);
        m.mov32(dst, src);
        m.store(cell_mem(n++), dst);
      }
    }
  });
  run();
  for (size_t i = 0; i < n; i += 2) {
    ASSERT_EQ(cell(i), -0x123456789);
    ASSERT_EQ(cell(i + 1), zero_extended(-0x123456789));
  }
}

TEST_P(MasmMove, ConstantsInEveryRegister) {
  for (Reg reg : kGeneral) {
    size_t n = 0;
    compile([&] {
      for (int64_t value : constants()) {
        m.mov_imm(reg, value);
        m.store(cell_mem(n++), reg);
      }
    });
    run();
    for (size_t i = 0; i < n; ++i) ASSERT_EQ(cell(i), constants()[i]) << name(reg);
    heap_.release(code_);
  }
}

TEST_P(MasmMove, ConstantsKeepFlags) {
  for (int64_t value : constants()) {
    int64_t equal = run_body([&] {
      m.mov_imm(Reg::kT0, 5);
      m.cmp(Reg::kT0, 5);
      m.mov_imm(Reg::kT1, value);
      m.mov_ptr(Reg::kT2, &cell(3));
      m.set_if(Cond::kEqual, Reg::kRet);
    });
    ASSERT_EQ(equal, 1) << value;
  }
}

TEST_P(MasmMove, PointersInsideAndOutsideTheHeap) {
  static int64_t outside = 0;
  compile([&] {
    m.mov_ptr(Reg::kT0, &cell(5));
    m.store(cell_mem(0), Reg::kT0);
    m.mov_ptr(Reg::kS2, &outside);
    m.store(cell_mem(1), Reg::kS2);
    m.lea(Reg::kS0, Mem::absolute(&cell(6)));
    m.store(cell_mem(2), Reg::kS0);
    Mem with_disp = Mem::absolute(&cell(6));
    with_disp.disp = 16;
    m.lea(Reg::kS0, with_disp);
    m.store(cell_mem(3), Reg::kS0);
  });
  run();
  EXPECT_EQ(cell(0), reinterpret_cast<int64_t>(&cell(5)));
  EXPECT_EQ(cell(1), reinterpret_cast<int64_t>(&outside));
  EXPECT_EQ(cell(2), reinterpret_cast<int64_t>(&cell(6)));
  EXPECT_EQ(cell(3), reinterpret_cast<int64_t>(&cell(8)));
}

// One form of address: which registers, how far.
struct Address {
  Reg base;
  Reg index;
  uint8_t scale;
  int32_t disp;
};

Reg other_than(Reg a, Reg b) {
  for (Reg reg : {Reg::kS0, Reg::kS1, Reg::kS2}) {
    if (reg != a && reg != b) return reg;
  }
  return Reg::kNone;
}

std::vector<Address> addresses() {
  std::vector<Address> all;
  for (Reg base : kGeneral) {
    for (int32_t disp : {0, 8, -8, 120, 128, -128, -136, 255, -256, 257, 1024, 32760, 32768, 40001, -40000, 1 << 20}) {
      all.push_back({base, Reg::kNone, 1, disp});
    }
    for (Reg index : kGeneral) {
      for (uint8_t scale : {uint8_t{1}, uint8_t{2}, uint8_t{4}, uint8_t{8}}) {
        for (int32_t disp : {0, 24, -1000, 100000}) all.push_back({base, index, scale, disp});
      }
    }
  }
  return all;
}

// Loads of each width from each form of address. The base register is set so that the access lands on one buffer.
TEST_P(MasmMove, LoadsFromEveryAddress) {
  static const uint8_t data[8] = {0x81, 0x92, 0xA3, 0xB4, 0xC5, 0xD6, 0xE7, 0xF8};
  int64_t expected[6];
  int64_t all;
  std::memcpy(&all, data, 8);
  expected[0] = all;
  expected[1] = zero_extended(all);
  expected[2] = int64_t{static_cast<int32_t>(all)};
  expected[3] = int64_t{static_cast<uint16_t>(all)};
  expected[4] = int64_t{static_cast<uint8_t>(all)};
  expected[5] = int64_t{static_cast<int8_t>(all)};
  std::vector<Address> forms = addresses();
  constexpr size_t kBatch = 128;
  for (size_t begin = 0; begin < forms.size(); begin += kBatch) {
    size_t end = std::min(begin + kBatch, forms.size());
    compile([&] {
      for (size_t i = begin; i < end; ++i) {
        const Address& a = forms[i];
        bool twice = a.index != Reg::kNone && same(a.base, a.index);
        if (twice && a.scale != 1) continue;
        int64_t target = reinterpret_cast<int64_t>(data) - a.disp;
        Reg result = other_than(a.base, a.index);
        Mem mem = a.index == Reg::kNone ? Mem::at(a.base, a.disp) : Mem::indexed(a.base, a.index, a.scale, a.disp);
        if (twice) {
          // base + base: an odd target is out by one byte, which the displacement makes up for
          m.mov_imm(a.base, target >> 1);
          mem.disp += static_cast<int32_t>(target & 1);
        } else if (a.index != Reg::kNone) {
          m.mov_imm(a.index, -77);
          m.mov_imm(a.base, target + 77 * a.scale);
        } else {
          m.mov_imm(a.base, target);
        }
        size_t at = (i - begin) * 6;
        m.load(result, mem);
        m.store(cell_mem(at), result);
        m.load32(result, mem);
        m.store(cell_mem(at + 1), result);
        m.load32_signed(result, mem);
        m.store(cell_mem(at + 2), result);
        m.load16(result, mem);
        m.store(cell_mem(at + 3), result);
        m.load8(result, mem);
        m.store(cell_mem(at + 4), result);
        m.load8_signed(result, mem);
        m.store(cell_mem(at + 5), result);
      }
    });
    run();
    for (size_t i = begin; i < end; ++i) {
      const Address& a = forms[i];
      if (a.index != Reg::kNone && same(a.base, a.index) && a.scale != 1) continue;
      for (size_t k = 0; k < 6; ++k) {
        ASSERT_EQ(cell((i - begin) * 6 + k), expected[k])
            << "load " << k << " [" << name(a.base) << " + " << name(a.index) << " * " << int{a.scale} << " + "
            << a.disp << "]";
      }
    }
    heap_.release(code_);
  }
}

TEST_P(MasmMove, LoadsIntoEveryRegister) {
  cell(0) = -2;
  compile([&] {
    size_t n = 1;
    for (Reg reg : kGeneral) {
      m.load(reg, cell_mem(0));
      m.store(cell_mem(n++), reg);
      m.mov_ptr(reg, &cell(0));
      m.load(reg, Mem::at(reg));
      m.store(cell_mem(n++), reg);
      m.load8(reg, cell_mem(0));
      m.store(cell_mem(n++), reg);
    }
  });
  run();
  for (size_t i = 1; i < 1 + 3 * std::size(kGeneral); i += 3) {
    ASSERT_EQ(cell(i), -2);
    ASSERT_EQ(cell(i + 1), -2);
    ASSERT_EQ(cell(i + 2), 254);
  }
}

// A store changes its own bytes and no others, whatever the register.
TEST_P(MasmMove, StoresOfEveryWidthFromEveryRegister) {
  constexpr int64_t kValue = 0x1122334455667788;
  for (Reg reg : kGeneral) {
    Reg base = same(reg, Reg::kT2) ? Reg::kT1 : Reg::kT2;
    compile([&] {
      m.mov_imm(reg, kValue);
      m.mov_ptr(base, &cell(0));
      m.store(Mem::at(base, 0), reg);
      m.store32(Mem::at(base, 8), reg);
      m.store16(Mem::at(base, 16), reg);
      m.store8(Mem::at(base, 24), reg);
      m.store32(cell_mem(4), reg);
      m.store16(cell_mem(5), reg);
      m.store8(cell_mem(6), reg);
    });
    for (size_t i = 0; i < 7; ++i) cell(i) = -1;
    run();
    EXPECT_EQ(cell(0), kValue) << name(reg);
    for (size_t i : {size_t{1}, size_t{4}}) EXPECT_EQ(bits(cell(i)), 0xFFFFFFFF55667788u) << name(reg);
    for (size_t i : {size_t{2}, size_t{5}}) EXPECT_EQ(bits(cell(i)), 0xFFFFFFFFFFFF7788u) << name(reg);
    for (size_t i : {size_t{3}, size_t{6}}) EXPECT_EQ(bits(cell(i)), 0xFFFFFFFFFFFFFF88u) << name(reg);
    heap_.release(code_);
  }
}

TEST_P(MasmMove, StoresOfConstants) {
  static int64_t far_cell = 0;
  for (int64_t value : constants()) {
    compile([&] {
      m.store_imm(cell_mem(0), value);
      m.store32_imm(cell_mem(1), static_cast<int32_t>(value));
      m.store16_imm(cell_mem(2), static_cast<int16_t>(value));
      m.store8_imm(cell_mem(3), static_cast<int8_t>(value));
      m.store_imm(Mem::absolute(&far_cell), value);
      m.mov_ptr(Reg::kT0, &cell(8));
      m.mov_imm(Reg::kT1, -2);
      m.store_imm(Mem::indexed(Reg::kT0, Reg::kT1, 8, -8), value);  // cell 5
      m.store16_imm(Mem::at(Reg::kT0, -16), static_cast<int16_t>(value));
    });
    for (size_t i = 0; i < 8; ++i) cell(i) = 0;
    run();
    ASSERT_EQ(cell(0), value);
    ASSERT_EQ(cell(1), zero_extended(value));
    ASSERT_EQ(cell(2), int64_t{static_cast<uint16_t>(value)});
    ASSERT_EQ(cell(3), int64_t{static_cast<uint8_t>(value)});
    ASSERT_EQ(cell(4), 0);
    ASSERT_EQ(cell(5), value);
    ASSERT_EQ(cell(6), int64_t{static_cast<uint16_t>(value)});
    ASSERT_EQ(far_cell, value);
    heap_.release(code_);
  }
}

TEST_P(MasmMove, FarCells) {
  static int64_t far_cells[4];
  far_cells[0] = 1000;
  compile([&] {
    Mem far_mem = Mem::absolute(&far_cells[0]);
    m.load(Reg::kT0, far_mem);
    m.add(Reg::kT0, far_mem);
    m.store(Mem::absolute(&far_cells[1]), Reg::kT0);
    m.add_mem(far_mem, -1);
    m.cmp(far_mem, 999);
    m.set_if(Cond::kEqual, Reg::kT1);
    m.store8(Mem::absolute(&far_cells[2]), Reg::kT1);
    Mem next = far_mem;
    next.disp = 8;
    m.load(Reg::kT2, next);
    m.store(Mem::absolute(&far_cells[3]), Reg::kT2);
  });
  run();
  EXPECT_EQ(far_cells[0], 999);
  EXPECT_EQ(far_cells[1], 2000);
  EXPECT_EQ(far_cells[2], 1);
  EXPECT_EQ(far_cells[3], 2000);
}

TEST_P(MasmMove, LeaComputesAddressesAndKeepsFlags) {
  for (const Address& a : addresses()) {
    if (a.index == Reg::kNone ? a.base != Reg::kS2 && a.base != Reg::kThread : a.disp == -1000) continue;
    int64_t result = run_body([&] {
      constexpr int64_t kBase = 0x10000000000;
      m.mov_imm(a.base, kBase);
      if (a.index != Reg::kNone) m.mov_imm(a.index, kBase);
      Reg dst = other_than(a.base, a.index);
      m.cmp(a.base, a.base);
      m.lea(dst, a.index == Reg::kNone ? Mem::at(a.base, a.disp) : Mem::indexed(a.base, a.index, a.scale, a.disp));
      m.set_if(Cond::kEqual, Reg::kFrame);
      int64_t expected = kBase + a.disp + (a.index == Reg::kNone ? 0 : kBase * a.scale);
      m.cmp_ptr(dst, reinterpret_cast<const void*>(expected));
      m.set_if(Cond::kEqual, dst);
      m.add(dst, Reg::kFrame);
      m.mov(Reg::kRet, dst);
    });
    ASSERT_EQ(result, 2) << name(a.base) << " " << name(a.index) << " " << int{a.scale} << " " << a.disp;
  }
}

TEST_P(MasmMove, LeaIntoItsOwnOperands) {
  int64_t result = run_body([&] {
    m.mov_imm(Reg::kT0, 100);
    m.mov_imm(Reg::kT1, 3);
    m.lea(Reg::kT0, Mem::indexed(Reg::kT0, Reg::kT1, 8, 1));
    m.lea(Reg::kT1, Mem::indexed(Reg::kT0, Reg::kT1, 2, -1));
    m.lea(Reg::kT1, Mem::at(Reg::kT1, 1000));
    m.lea(Reg::kRet, Mem::at(Reg::kT1));
  });
  EXPECT_EQ(result, 100 + 24 + 1 + 6 - 1 + 1000);
}

TEST_P(MasmMove, StackAsBase) {
  compile(
      [&] {
        for (int32_t i = 0; i < 8; ++i) m.store_imm(Mem::at(Reg::kNativeStack, i * 8), i * 100);
        m.mov_imm(Reg::kT0, 3);
        m.load(Reg::kT1, Mem::indexed(Reg::kNativeStack, Reg::kT0, 8, 8));
        m.lea(Reg::kT2, Mem::at(Reg::kNativeStack, 40));
        m.add(Reg::kT1, Mem::at(Reg::kT2));
        m.mov(Reg::kT2, Reg::kNativeStack);
        m.add(Reg::kT1, Mem::at(Reg::kT2, 8));
        m.sub(Reg::kNativeStack, 32);
        m.add(Reg::kT1, Mem::at(Reg::kNativeStack, 32 + 16));
        m.add(Reg::kNativeStack, 32);
        m.store(cell_mem(0), Reg::kNativeStack);
        m.mov(Reg::kT2, Reg::kNativeStack);
        m.store(cell_mem(1), Reg::kT2);
        m.cmp(Reg::kNativeStack, Reg::kT2);
        m.set_if(Cond::kEqual, Reg::kT2);
        m.add(Reg::kT1, Reg::kT2);
        m.mov(Reg::kRet, Reg::kT1);
      },
      64);
  EXPECT_EQ(run(), 400 + 500 + 100 + 200 + 1);
  EXPECT_EQ(cell(0), cell(1));
  EXPECT_EQ(cell(0) % 16, 0);
}

WHIPSNAKE_FOR_EVERY_CPU(MasmMove);

}  // namespace
}  // namespace whipsnake
