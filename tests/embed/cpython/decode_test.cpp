// Decoding, the exception table and stack depths, against CPython's own dis module and compiler, and with bytecode
// that no compiler makes.
#include "jit/cpython/decode.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/embed/support/python.h"

namespace whipsnake {
namespace {

using test::Ref;

// ---- the table of stack effects

TEST(StackEffects, AreThoseOfTheInterpreter) {
  const Ref space = test::run("import _opcode");
  const Ref effect = test::eval("lambda op, arg, jump: _opcode.stack_effect(op, arg, jump=jump)", space);
  for (const OpcodeInfo& info : kOpcodes) {
    if (info.name == nullptr || !is_base_opcode(info.number) || stack_use(info.number, 1, false).popped < 0) {
      continue;
    }
    for (int oparg = 0; oparg <= (info.has_arg ? 300 : 0); oparg++) {
      for (const bool jump : {false, true}) {
        if (info.number == FOR_ITER && jump) {
          continue;  // CPython counts to END_FOR, we to what follows the loop
        }
        const Ref arguments(Py_BuildValue("(iOO)", int{info.number}, Py_None, jump ? Py_True : Py_False));
        if (info.has_arg) {
          PyTuple_SetItem(arguments.get(), 1, PyLong_FromLong(oparg));
        }
        const Ref expected(PyObject_CallObject(effect.get(), arguments.get()));
        ASSERT_TRUE(expected) << info.name << " " << oparg << ": " << test::take_error();
        ASSERT_EQ(stack_effect(info.number, oparg, jump), PyLong_AsLong(expected.get())) << info.name << " " << oparg;
      }
    }
  }
}

TEST(StackEffects, EveryOpcodeOfCodeObjectsHasOne) {
  for (const OpcodeInfo& info : kOpcodes) {
    if (info.name == nullptr) {
      continue;
    }
    const uint8_t number = info.number;
    const bool internal = number == CACHE || number == RESERVED || number == EXTENDED_ARG || number == ENTER_EXECUTOR ||
                          number == INTERPRETER_EXIT;
    const bool expected = is_base_opcode(number) && !internal && number < MIN_INSTRUMENTED_OPCODE;
    EXPECT_EQ(stack_use(number, 1, false).popped >= 0, expected) << info.name;
  }
}

// ---- real code

struct Decoded {
  std::vector<Instruction> instructions;
  std::vector<Handler> handlers;
  std::vector<int> depths;
  bool good = false;  // up to here
  bool values = false;

  explicit Decoded(PyCodeObject* code) {
    good = decode(code, instructions) && decode_exception_table(code, handlers) &&
           compute_stack_depths(code, instructions, handlers, depths);
    values = good && check_stack_kinds(code, instructions, handlers, depths);
  }
};

void for_each_code(PyObject* code, const std::function<void(PyCodeObject*)>& visit) {
  visit(reinterpret_cast<PyCodeObject*>(code));
  PyObject* consts = reinterpret_cast<PyCodeObject*>(code)->co_consts;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
    if (PyCode_Check(PyTuple_GET_ITEM(consts, i))) {
      for_each_code(PyTuple_GET_ITEM(consts, i), visit);
    }
  }
}

PyCodeObject* code_of(PyObject* function) {
  return reinterpret_cast<PyCodeObject*>(reinterpret_cast<PyFunctionObject*>(function)->func_code);
}

TEST(Decode, DecodesTheStandardLibrary) {
  const Ref space = test::run(R"(
import os, glob
files = sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), '*.py')))
files += sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), 'asyncio', '*.py')))
codes = []
for file in files:
    with open(file, 'rb') as f:
        codes.append(compile(f.read(), file, 'exec', dont_inherit=True))
)");
  PyObject* codes = test::lookup(space, "codes");
  int functions = 0;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(codes); i++) {
    for_each_code(PyList_GET_ITEM(codes, i), [&](PyCodeObject* code) {
      functions++;
      const Decoded decoded(code);
      EXPECT_TRUE(decoded.good && decoded.values) << test::repr(reinterpret_cast<PyObject*>(code));
    });
  }
  EXPECT_GT(functions, 5000);
}

// What dis says, in our terms: (start, index, opcode, oparg, target) and (start, end, target, depth, lasti), in units.
constexpr const char* kExpectations = R"(
import dis
def instructions(code):
    result = []
    for i in dis.get_instructions(code):
        target = -1 if i.jump_target is None else i.jump_target // 2
        if i.opname == 'FOR_ITER':
            target += 2
        if i.opname != 'EXTENDED_ARG':
            result.append((i.start_offset // 2, i.offset // 2, i.opcode, i.arg or 0, target))
    return result
def handlers(code):
    return [(e.start // 2, e.end // 2, e.target // 2, e.depth, e.lasti) for e in dis._parse_exception_table(code)]
)";

std::string show(const Instruction& i) {
  return "(" + std::to_string(i.start) + ", " + std::to_string(i.index) + ", " + std::to_string(i.opcode) + ", " +
         std::to_string(i.oparg) + ", " + std::to_string(i.target) + ")";
}

std::string show(const Handler& h) {
  return "(" + std::to_string(h.start) + ", " + std::to_string(h.end) + ", " + std::to_string(h.target) + ", " +
         std::to_string(h.depth) + ", " + (h.lasti ? "True" : "False") + ")";
}

template <typename T>
std::string show(const std::vector<T>& list) {
  std::string text;
  for (const T& item : list) {
    text += (text.empty() ? "[" : ", ") + show(item);
  }
  return text.empty() ? "[]" : text + "]";
}

TEST(Decode, AgreesWithDis) {
  const Ref space = test::run(kExpectations);
  const Ref modules = test::run(R"(
import argparse, asyncio.base_events, contextlib, difflib, inspect, typing, _pydecimal
codes = []
for module in (argparse, asyncio.base_events, contextlib, difflib, inspect, typing, _pydecimal):
    with open(module.__file__, 'rb') as f:
        codes.append(compile(f.read(), module.__file__, 'exec'))
)");
  PyObject* codes = test::lookup(modules, "codes");
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(codes); i++) {
    for_each_code(PyList_GET_ITEM(codes, i), [&](PyCodeObject* code) {
      const Decoded decoded(code);
      ASSERT_TRUE(decoded.good);
      auto* as_object = reinterpret_cast<PyObject*>(code);
      const Ref instructions(PyObject_CallOneArg(test::lookup(space, "instructions"), as_object));
      EXPECT_EQ(show(decoded.instructions), test::repr(instructions.get())) << test::repr(as_object);
      const Ref handlers(PyObject_CallOneArg(test::lookup(space, "handlers"), as_object));
      EXPECT_EQ(show(decoded.handlers), test::repr(handlers.get())) << test::repr(as_object);
    });
  }
}

TEST(Decode, ShowsWhatTheInterpreterSpecialised) {
  const Ref space = test::run(R"(
def f(n):
    total = 0
    for i in range(n):
        total += i
    return total
f(1000)
)");
  const Decoded decoded(code_of(test::lookup(space, "f")));
  ASSERT_TRUE(decoded.good);
  bool found = false;
  for (const Instruction& instruction : decoded.instructions) {
    EXPECT_TRUE(is_base_opcode(instruction.opcode));
    EXPECT_EQ(kOpcodes[instruction.specialized].base, instruction.opcode);
    found |= instruction.specialized == BINARY_OP_ADD_INT;
  }
  EXPECT_TRUE(found);
}

TEST(Decode, SeesThroughInstrumentation) {
  const Ref space = test::run(R"(
import sys
def f(items):
    for item in items:
        if item:
            print(item)
    return len(items)
def trace(frame, event, argument):
    return trace
)");
  PyCodeObject* code = code_of(test::lookup(space, "f"));
  const Decoded before(code);
  const Ref traced = test::eval("(sys.settrace(trace), f([0, 0, 0]))", space);
  const Decoded during(code);
  const Ref untraced = test::eval("sys.settrace(None)", space);
  ASSERT_TRUE(before.good);
  ASSERT_TRUE(during.good);
  EXPECT_EQ(_PyCode_CODE(code)[during.instructions[0].index].op.code >= MIN_INSTRUMENTED_OPCODE, true);
  EXPECT_EQ(show(before.instructions), show(during.instructions));
  EXPECT_EQ(before.depths, during.depths);
}

TEST(Decode, JoinsExtendedArguments) {
  const Ref space = test::run(R"(
source = 'def f(x):\n' + ''.join(f'  x = {n}\n' for n in range(1000, 1600)) + '  return x\n'
exec(source)
)");
  const Decoded decoded(code_of(test::lookup(space, "f")));
  ASSERT_TRUE(decoded.good);
  int extended = 0;
  for (const Instruction& instruction : decoded.instructions) {
    extended += instruction.start != instruction.index ? 1 : 0;
    if (instruction.oparg > 255) {
      EXPECT_EQ(instruction.start + 1, instruction.index);
      EXPECT_EQ(instruction.opcode, LOAD_CONST);
    }
  }
  EXPECT_GT(extended, 300);
}

TEST(StackDepths, KnowHandlersLoopsAndUnreachableCode) {
  const Ref space = test::run(R"(
def f(items):
    for item in items:
        try:
            item()
        except ValueError:
            return 1
)");
  const Decoded decoded(code_of(test::lookup(space, "f")));
  ASSERT_TRUE(decoded.good);
  bool saw_handler = false;
  for (size_t i = 0; i < decoded.instructions.size(); i++) {
    const Instruction& instruction = decoded.instructions[i];
    if (instruction.opcode == FOR_ITER) {
      EXPECT_EQ(decoded.depths[i], 1);
    }
    if (instruction.opcode == END_FOR) {
      EXPECT_EQ(decoded.depths[i], -1) << "only the interpreter's inlined generators come here";
      EXPECT_EQ(decoded.depths[i + 2], 0) << "after the loop";
    }
    if (instruction.opcode == PUSH_EXC_INFO && !saw_handler) {
      saw_handler = true;
      EXPECT_EQ(decoded.depths[i], 2) << "the iterator and the exception";
    }
    if (instruction.opcode == CALL) {
      const Handler* handler = find_handler(decoded.handlers, instruction);
      ASSERT_NE(handler, nullptr);
      EXPECT_EQ(handler->depth, 1);
      EXPECT_FALSE(handler->lasti);
    }
  }
  EXPECT_TRUE(saw_handler);
}

// ---- bytecode that no compiler makes

// `def f(a): ...` with this bytecode (opcode, oparg pairs), and one name, two constants, a stack of four.
class CodeWith {
 public:
  explicit CodeWith(const std::vector<int>& bytes, const std::string& table = "") {
    static const Ref space = test::run(R"(
def f(a):
    return a.name(1, 2)
make = lambda code, table: f.__code__.replace(
    co_code=code, co_consts=(None, 1), co_names=('name',), co_stacksize=4, co_exceptiontable=table)
)");
    std::string text;
    for (const int byte : bytes) {
      text.push_back(static_cast<char>(byte));
    }
    code_ = Ref(PyObject_CallFunction(test::lookup(space, "make"), "y#y#", text.data(),
                                      static_cast<Py_ssize_t>(text.size()), table.data(),
                                      static_cast<Py_ssize_t>(table.size())));
    EXPECT_TRUE(code_) << test::take_error();
  }

  bool decodes() const {
    std::vector<Instruction> instructions;
    return decode(code(), instructions);
  }
  bool has_handlers() const {
    std::vector<Handler> handlers;
    return decode_exception_table(code(), handlers);
  }
  bool has_depths() const { return Decoded(code()).good; }
  bool has_values() const { return Decoded(code()).values; }

 private:
  PyCodeObject* code() const { return reinterpret_cast<PyCodeObject*>(code_.get()); }
  Ref code_;
};

TEST(HostileCode, IsRefusedByDecode) {
  EXPECT_TRUE(CodeWith({RESUME, 0, LOAD_CONST, 1, RETURN_VALUE, 0}).has_depths()) << "the check of the check";
  const std::vector<std::pair<const char*, std::vector<int>>> cases = {
      {"no such opcode", {RESUME, 0, 233, 0, RETURN_CONST, 0}},
      {"CACHE", {RESUME, 0, CACHE, 0, RETURN_CONST, 0}},
      {"INTERPRETER_EXIT", {RESUME, 0, LOAD_CONST, 0, INTERPRETER_EXIT, 0}},
      {"jump past the end", {RESUME, 0, JUMP_FORWARD, 1, RETURN_CONST, 0}},
      {"jump before the start", {RESUME, 0, JUMP_BACKWARD_NO_INTERRUPT, 3, RETURN_CONST, 0}},
      {"jump into caches", {RESUME, 0, JUMP_FORWARD, 1, TO_BOOL, 0, 0, 0, 0, 0, 0, 0, RETURN_CONST, 0}},
      {"jump behind an EXTENDED_ARG", {JUMP_FORWARD, 1, EXTENDED_ARG, 0, LOAD_CONST, 1, RETURN_VALUE, 0}},
      {"EXTENDED_ARG at the end", {RESUME, 0, RETURN_CONST, 0, EXTENDED_ARG, 0}},
      {"oparg too large", {EXTENDED_ARG, 255, EXTENDED_ARG, 255, EXTENDED_ARG, 255, NOP, 0, RETURN_CONST, 0}},
      {"no such constant", {RETURN_CONST, 2}},
      {"no such name", {LOAD_GLOBAL, 2, 0, 0, 0, 0, 0, 0, 0, 0, RETURN_VALUE, 0}},
      {"no such local", {LOAD_FAST, 1, RETURN_VALUE, 0}},
      {"no such second local", {LOAD_FAST_LOAD_FAST, 1, RETURN_VALUE, 0}},
      {"a local that is no cell", {LOAD_DEREF, 0, RETURN_VALUE, 0}},
      {"no such operator", {LOAD_CONST, 0, LOAD_CONST, 0, BINARY_OP, 26, 0, 0, RETURN_VALUE, 0}},
      {"FOR_ITER without END_FOR", {LOAD_CONST, 0, FOR_ITER, 0, 0, 0, NOP, 0, POP_TOP, 0, RETURN_CONST, 0}},
      {"COPY 0", {LOAD_CONST, 0, COPY, 0, RETURN_VALUE, 0}},
  };
  for (const auto& [what, bytes] : cases) {
    EXPECT_FALSE(CodeWith(bytes).decodes()) << what;
  }
}

TEST(HostileCode, IsRefusedByTheDepthWalk) {
  const std::vector<std::pair<const char*, std::vector<int>>> cases = {
      {"runs off the end", {RESUME, 0, NOP, 0}},
      {"too few operands", {LOAD_CONST, 0, UNARY_NEGATIVE, 0, BINARY_OP, 0, 0, 0, RETURN_VALUE, 0}},
      {"copies what is not there", {LOAD_CONST, 0, COPY, 2, POP_TOP, 0, RETURN_VALUE, 0}},
      {"above co_stacksize",
       {LOAD_CONST, 0, LOAD_CONST, 0, LOAD_CONST, 0, LOAD_CONST, 0, LOAD_CONST, 0, RETURN_VALUE, 0}},
      {"two depths at one place", {LOAD_FAST, 0, POP_JUMP_IF_TRUE, 1, 0, 0, LOAD_CONST, 0, RETURN_CONST, 0}},
      {"a loop that grows", {LOAD_CONST, 0, JUMP_BACKWARD_NO_INTERRUPT, 2}},
  };
  for (const auto& [what, bytes] : cases) {
    const CodeWith code(bytes);
    EXPECT_TRUE(code.decodes()) << what;
    EXPECT_FALSE(code.has_depths()) << what;
  }
}

TEST(HostileCode, IsRefusedByTheKindWalk) {
  const std::string handler_at_3("\x80\x03\x03\x00", 4);
  const std::vector<std::pair<std::vector<int>, std::string>> good = {
      {{PUSH_NULL, 0, STORE_FAST, 0, RETURN_CONST, 0}, ""},
      {{LOAD_CONST, 0, PUSH_NULL, 0, LOAD_CONST, 1, CALL, 1, 0, 0, 0, 0, 0, 0, RETURN_VALUE, 0}, ""},
      {{RESUME, 0, NOP, 0, RETURN_CONST, 0, PUSH_EXC_INFO, 0, RERAISE, 0}, handler_at_3},
      {{RESUME, 0, NOP, 0, RETURN_CONST, 0, LOAD_CONST, 0, SWAP, 2, RERAISE, 0}, handler_at_3},
  };
  for (const auto& [bytes, table] : good) EXPECT_TRUE(CodeWith(bytes, table).has_values()) << int{bytes[0]};
  const std::vector<std::tuple<const char*, std::vector<int>, std::string>> cases = {
      {"NULL is returned", {PUSH_NULL, 0, RETURN_VALUE, 0}, ""},
      {"NULL from a global is returned", {LOAD_GLOBAL, 1, 0, 0, 0, 0, 0, 0, 0, 0, RETURN_VALUE, 0}, ""},
      {"NULL is an argument",
       {LOAD_CONST, 0, LOAD_CONST, 1, PUSH_NULL, 0, CALL, 1, 0, 0, 0, 0, 0, 0, RETURN_VALUE, 0},
       ""},
      {"NULL is called", {PUSH_NULL, 0, LOAD_CONST, 1, CALL, 0, 0, 0, 0, 0, 0, 0, RETURN_VALUE, 0}, ""},
      {"NULL on one of two paths",
       {LOAD_FAST, 0, LOAD_FAST, 0, POP_JUMP_IF_TRUE, 2, 0, 0, POP_TOP, 0, PUSH_NULL, 0, RETURN_VALUE, 0},
       ""},
      {"NULL after a copy", {LOAD_CONST, 0, PUSH_NULL, 0, COPY, 1, RETURN_VALUE, 0}, ""},
      {"a constant is raised again", {LOAD_CONST, 0, RERAISE, 0}, ""},
      {"what the handler has swapped is raised again",
       {RESUME, 0, NOP, 0, RETURN_CONST, 0, LOAD_CONST, 0, RERAISE, 0},
       handler_at_3},
      {"what was handled before is raised again",
       {RESUME, 0, NOP, 0, RETURN_CONST, 0, PUSH_EXC_INFO, 0, POP_TOP, 0, RERAISE, 0},
       handler_at_3},
      {"a constant leaves a loop",
       {LOAD_CONST, 0, LOAD_CONST, 0, LOAD_CONST, 0, CLEANUP_THROW, 0, POP_TOP, 0, RETURN_VALUE, 0},
       ""},
  };
  for (const auto& [what, bytes, table] : cases) {
    const CodeWith code(bytes, table);
    EXPECT_TRUE(code.has_depths()) << what;
    EXPECT_FALSE(code.has_values()) << what;
  }
}

TEST(HostileCode, IsRefusedByTheExceptionTable) {
  const std::vector<int> bytes = {RESUME, 0, LOAD_CONST, 1, RETURN_VALUE, 0, PUSH_EXC_INFO, 0, RERAISE, 0};
  EXPECT_TRUE(CodeWith(bytes, "\x81\x02\x03").has_handlers() == false) << "an entry cut short";
  EXPECT_TRUE(CodeWith(bytes, std::string("\x81\x02\x03\x00", 4)).has_depths()) << "the check of the check";
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"does not begin an entry", std::string("\x01\x02\x03\x00", 4)},
      {"begins one in the middle", std::string("\x81\x82\x03\x00", 4)},
      {"a number without end", std::string("\x81\x02\x03\x40", 4)},
      {"target past the end", std::string("\x81\x02\x05\x00", 4)},
      {"range past the end", std::string("\x81\x05\x03\x00", 4)},
      {"empty range", std::string("\x81\x00\x03\x00", 4)},
      {"overlap", std::string("\x81\x02\x03\x00\x82\x01\x03\x00", 8)},
      {"huge number", std::string("\xff\x7f\x7f\x7f\x7f\x7f\x00\x02\x03\x00", 10)},
  };
  for (const auto& [what, table] : cases) {
    EXPECT_FALSE(CodeWith(bytes, table).has_handlers()) << what;
  }
  EXPECT_FALSE(CodeWith(bytes, std::string("\x81\x02\x03\x04", 4)).has_depths()) << "expects more than there is";
  EXPECT_FALSE(CodeWith({LOAD_CONST, 1, LOAD_CONST, 1, EXTENDED_ARG, 0, LOAD_CONST, 1, RETURN_VALUE, 0, RERAISE, 0},
                        std::string("\x81\x02\x03\x00", 4))
                   .has_depths())
      << "a handler behind an EXTENDED_ARG";
}

TEST(HostileCode, RandomBytesNeverHurt) {
  std::mt19937 random(313);
  int decoded = 0;
  for (int round = 0; round < 20000; round++) {
    std::vector<int> bytes;
    for (size_t i = random() % 12 + 1; i > 0; i--) {
      // CPython itself cannot make code objects with INSTRUMENTED_ opcodes in them.
      const auto opcode = static_cast<int>(random() % (random() % 8 == 0 ? MIN_INSTRUMENTED_OPCODE : 119));
      bytes.push_back(opcode);
      bytes.push_back(static_cast<int>(random() % (random() % 4 == 0 ? 256 : 4)));
      for (int caches = kOpcodes[static_cast<size_t>(opcode)].caches; caches > 0; caches--) {
        bytes.insert(bytes.end(), {0, 0});
      }
    }
    // CPython itself writes past code whose last instruction lacks its caches.
    bytes.insert(bytes.end(), 20, int{NOP});
    bytes.insert(bytes.end(), {RETURN_CONST, 0});
    std::string table;
    for (size_t i = random() % 9; i > 0; i--) {
      table.push_back(static_cast<char>(random() % 64 + (i % 4 == 0 ? 128 : 0)));
    }
    const CodeWith code(bytes, table);
    decoded += code.decodes() ? 1 : 0;
    code.has_handlers();
    code.has_depths();
  }
  EXPECT_GT(decoded, 100);
}

}  // namespace
}  // namespace whipsnake
