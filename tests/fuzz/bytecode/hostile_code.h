// From any bytes to a code object with any bytecode and any exception table, and through the whole compiler with it.
// It is not run: the interpreter would not survive most of them.
//
// Layout of the input, each part as far as there are bytes (missing ones are 0):
//   0  locals, of them 1 cells, 2 free variables, 3 arguments (each modulo a small number)
//   4  names, 5 constants
//   6  co_stacksize, little endian, 2 bytes; times 256 if bit 0 of the flags is set
//   8  flags: 0 deep stack, 1 generator, 2 coroutine, 3 *args, 4 bytecode as it is, 5 exception table as it is,
//      6 leave out cold code, 7 the interpreter has run it a while
//   9  bytes of the exception table (times 4 unless it is taken as it is), then the table, then the bytecode
// Bytecode that is not taken as it is has no cache cells: they are put in as each opcode wants them. A table that is
// not has four bytes per entry: units since the end of the last, length, target, depth and lasti.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "jit/asm/code_heap.h"
#include "jit/baseline/compile.h"
#include "jit/engine/framework.h"
#include "jit/opcodes/table.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/invariants.h"
#include "jit/runtime/records.h"
#include "tests/embed/support/python.h"

namespace whipsnake::test {

class HostileInput {
 public:
  HostileInput(const uint8_t* data, size_t size) : next_(data), end_(data + size) {
    locals_ = byte() % 40;
    cells_ = byte() % 4;
    free_ = byte() % 4;
    arguments_ = locals_ != 0 ? byte() % (locals_ + 1) : (byte(), 0);
    names_ = byte();
    constants_ = byte();
    stack_size_ = byte();
    stack_size_ |= byte() << 8;
    flags_ = byte();
    if (flag(0)) stack_size_ <<= 8;
    read_table();
    read_code();
  }

  bool flag(int bit) const { return (flags_ >> bit & 1) != 0; }

  // Null when CPython itself does not make such a code object.
  Ref code() const {
    const Ref names(strings("n", names_));
    const Ref consts(constants());
    const Ref locals(strings("v", locals_)), cells(strings("c", cells_)), outer(strings("f", free_));
    int flags = CO_OPTIMIZED | CO_NEWLOCALS;
    if (flag(1)) flags |= CO_GENERATOR;
    if (flag(2)) flags |= CO_COROUTINE;
    const bool star = flag(3) && arguments_ < locals_;
    if (star) flags |= CO_VARARGS;
    // The bytes come in afterwards: CPython's constructor itself reads what they say, past the end if they say so.
    const std::string plain = nops(code_.size() / sizeof(CodeUnit));
    const Ref bytes(bytes_of(plain)), table(bytes_of(table_)), lines(bytes_of(""));
    const Ref name(PyUnicode_InternFromString("hostile"));
    PyCodeObject* made = PyUnstable_Code_NewWithPosOnlyArgs(
        arguments_, 0, 0, locals_, stack_size_, flags, bytes.get(), consts.get(), names.get(), locals.get(),
        outer.get(), cells.get(), name.get(), name.get(), name.get(), 1, lines.get(), table.get());
    if (made == nullptr) {
      PyErr_Clear();
      return Ref();
    }
    std::copy(code_.begin(), code_.end(), reinterpret_cast<char*>(port::instructions(made)));
    return Ref(reinterpret_cast<PyObject*>(made));
  }

 private:
  int byte() { return next_ != end_ ? *next_++ : 0; }
  size_t left() const { return static_cast<size_t>(end_ - next_); }

  void read_table() {
    int length = byte();
    if (flag(5)) {
      for (; length > 0 && left() > 0; --length) table_.push_back(static_cast<char>(byte()));
      return;
    }
    int end = 0;
    for (; length > 0 && left() >= 4; --length) {
      const int start = end + byte();
      const int units = byte();
      number(start, 0x80);
      number(units, 0);
      number(byte() * (flag(0) ? 16 : 1), 0);
      number(byte(), 0);
      end = start + units;
    }
  }

  // 3.13 Objects/exception_handling_notes.txt
  void number(int value, int first) {
    for (int shift = 18; shift > 0; shift -= 6) {
      if (value >> shift == 0) continue;
      table_.push_back(static_cast<char>((value >> shift & 0x3f) | 0x40 | first));
      first = 0;
    }
    table_.push_back(static_cast<char>((value & 0x3f) | first));
  }

  void read_code() {
    constexpr size_t kMost = 4096;
    while (left() >= 2 && code_.size() < kMost) {
      const auto opcode = static_cast<uint8_t>(byte());
      code_.push_back(static_cast<char>(opcode));
      code_.push_back(static_cast<char>(byte()));
      // What the interpreter writes there before it has run the code, and after.
      for (int caches = flag(4) ? 0 : kOpcodes[opcode].caches; caches > 0; --caches)
        code_.append(flag(7) ? "\x11\x42" : std::string(2, '\0'));
    }
    if (code_.empty()) code_ = nops(1);
  }

  static std::string nops(size_t units) {
    std::string text;
    for (; units > 0; --units) text += {static_cast<char>(NOP), '\0'};
    return text;
  }

  static PyObject* bytes_of(const std::string& text) {
    return PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
  }

  static PyObject* strings(const char* prefix, int count) {
    PyObject* tuple = PyTuple_New(count);
    for (int i = 0; i < count; ++i)
      PyTuple_SET_ITEM(tuple, i, PyUnicode_InternFromString((prefix + std::to_string(i)).c_str()));
    return tuple;
  }

  // One of each kind that templates look at, again and again.
  PyObject* constants() const {
    static PyObject* const kinds = [] {
      const Ref space(
          run("kinds = (None, 1, -7, 1 << 40, 1 << 200, 2.5, 'text', b'bytes', True, (), (1, 2), ('a', 'b'),"
              " frozenset({1}), ..., 1j, compile('x', 'f', 'exec'))"));
      return Py_NewRef(lookup(space, "kinds"));
    }();
    PyObject* tuple = PyTuple_New(constants_);
    for (int i = 0; i < constants_; ++i)
      PyTuple_SET_ITEM(tuple, i, Py_NewRef(PyTuple_GET_ITEM(kinds, i % PyTuple_GET_SIZE(kinds))));
    return tuple;
  }

  const uint8_t* next_;
  const uint8_t* end_;
  int locals_ = 0, cells_ = 0, free_ = 0, arguments_ = 0, names_ = 0, constants_ = 0, stack_size_ = 0, flags_ = 0;
  std::string table_;
  std::string code_;
};

// Compiles what the bytes say and throws it away. Why it was declined, or "".
inline std::string compile_hostile(const uint8_t* data, size_t size) {
  static PyObject* const globals = PyDict_New();
  const HostileInput input(data, size);
  const Ref code(input.code());
  if (!code) return "not a code object";
  CodeRecord record;
  record.code = reinterpret_cast<PyCodeObject*>(code.get());
  baseline::CompileOptions options;
  options.record = &record;
  options.leave_out_cold = input.flag(6);
  std::string reason;
  std::unique_ptr<CompiledCode> compiled =
      baseline::compile(record.code, globals, PyEval_GetBuiltins(), *code_heap, opcodes::templates(), options, &reason);
  if (compiled) release_compiled(std::move(compiled));
  flush_released();
  EXPECT_EQ(PyErr_Occurred(), nullptr);
  return reason;
}

// Before the first: code memory, and what machine code refers to.
inline bool prepare_hostile() {
  framework::Settings settings;
  settings.threshold = settings.loop_threshold = 1U << 30;
  return framework::enable(settings).empty() && framework::unavailable().count("machine code") == 0;
}

}  // namespace whipsnake::test
