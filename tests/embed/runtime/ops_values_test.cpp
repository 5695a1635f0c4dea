// Opcode helpers that make values of values: arithmetic, comparison, subscripts, building, unpacking, formatting.
#include "tests/embed/runtime/ops_fixture.h"

namespace whipsnake {
namespace {

using test::eval;
using test::Ref;
using test::repr;
using test::run;
using test::take_error;

// A namespace of operands: numbers, containers, and objects whose slots run Python code or raise.
class OpsOnValues : public test::OpsTest {
 protected:
  PyObject* operator[](const char* name) const { return test::lookup(space_, name); }
  PyObject* value(const char* expression) {
    values_.push_back(eval(expression, space_));
    return values_.back().get();
  }

 private:
  Ref space_ = run(R"(
class Loud:
    def __add__(self, other): return 'added'
    def __neg__(self): return 'negated'
    def __bool__(self): raise ValueError('no truth')
    def __lt__(self, other): return []
    def __eq__(self, other): return self
    def __contains__(self, item): return item == 3
    def __getitem__(self, key): return ('got', key)
    def __setitem__(self, key, value): self.stored = (key, value)
    def __delitem__(self, key): raise KeyError(key)
    def __format__(self, spec): return 'as ' + spec
    def __repr__(self): return '<loud>'
    def keys(self): raise TypeError('no keys')
    __hash__ = None
loud = Loud()
)");
  std::vector<Ref> values_;
};

// Every operation that ints of two digits have a short way for, on every pair of edge values: short ones, those that
// are or become too long, and those that raise.
TEST_F(OpsOnValues, ShortOperationsAreThoseOfInt) {
  const Ref numbers = eval(
      "[*range(-9, 10), 29, 30, 31, 32, 33, 61, 62, 63, 64, 255, 256, 257, 1023, -5, -6, -255, -1024,"
      " 2**29, -2**29, 2**30 - 1, 1 - 2**30, 2**30, -2**30, 2**31, -2**32, 2**45 - 1, 2**59, -2**59,"
      " 2**60 - 1, 1 - 2**60, 2**60, -2**60, 2**61, -2**62, 2**63, -2**63, -2**64]",
      run(""));
  const Py_ssize_t count = PyList_GET_SIZE(numbers.get());
  const auto outcome = [](PyObject* result) { return repr(Ref(result).get()); };  // with the exception, if there is one
  constexpr intptr_t kInPlace = NB_INPLACE_ADD - NB_ADD;
  int done = 0;
  for (intptr_t oparg :
       {NB_ADD, NB_SUBTRACT, NB_MULTIPLY, NB_AND, NB_OR, NB_XOR, NB_FLOOR_DIVIDE, NB_REMAINDER, NB_LSHIFT, NB_RSHIFT}) {
    const IntFunction function = int_function(oparg);
    ASSERT_NE(function, nullptr);
    EXPECT_EQ(int_function(oparg + kInPlace), function);
    for (Py_ssize_t i = 0; i < count; ++i) {
      for (Py_ssize_t j = 0; j < count; ++j) {
        PyObject* left = PyList_GET_ITEM(numbers.get(), i);
        PyObject* right = PyList_GET_ITEM(numbers.get(), j);
        if (oparg == NB_LSHIFT && PyLong_AsDouble(right) > 64) continue;  // gigabytes
        ++done;
        const std::string wanted = outcome(_PyEval_BinaryOps[oparg](left, right));
        EXPECT_EQ(outcome(function(left, right)), wanted) << oparg << ": " << repr(left) << ", " << repr(right);
        const std::string in_place = outcome(_PyEval_BinaryOps[oparg + kInPlace](left, right));
        EXPECT_EQ(in_place, wanted);
      }
    }
  }
  EXPECT_GT(done, 10000);
  for (intptr_t oparg : {NB_TRUE_DIVIDE, NB_POWER, NB_MATRIX_MULTIPLY}) EXPECT_EQ(int_function(oparg), nullptr);
}

TEST_F(OpsOnValues, Unary) {
  EXPECT_EQ((Stack{value("1234567")}.call(op_unary_negative)), "-1234567");
  EXPECT_EQ((Stack{value("1.5")}.call(op_unary_negative)), "-1.5");
  EXPECT_EQ((Stack{(*this)["loud"]}.call(op_unary_negative)), "'negated'");
  EXPECT_EQ((Stack{value("1.5")}.call(op_unary_invert)), "TypeError: bad operand type for unary ~: 'float'");
  EXPECT_EQ((Stack{value("6")}.call(op_unary_invert)), "-7");
  EXPECT_EQ((Stack{Py_True}.call(op_unary_not)), "False");
  EXPECT_EQ((Stack{Py_False}.call(op_unary_not)), "True");
}

TEST_F(OpsOnValues, Truth) {
  for (const char* expression : {"0", "1", "-2**70", "''", "'x'", "[]", "[0]", "()", "(0,)", "None", "True", "False",
                                 "0.0", "0.1", "{}", "{1}", "object()"}) {
    PyObject* operand = value(expression);
    EXPECT_EQ((Stack{operand}.call(op_to_bool)), PyObject_IsTrue(operand) != 0 ? "True" : "False") << expression;
  }
  EXPECT_EQ((Stack{(*this)["loud"]}.call(op_to_bool)), "ValueError: no truth");
}

TEST_F(OpsOnValues, BinaryOperatorsAreTheInterpretersOwn) {
  // All operators on all pairs, against the interpreter's table, which the helper's own fast paths must agree with.
  const char* operands[] = {"7",    "0",  "-3",  "2**80", "-2**62", "1.5", "0.0", "float('inf')",
                            "'ab'", "''", "[1]", "(2,)",  "True",   "None"};
  for (int oparg = 0; oparg <= NB_INPLACE_XOR; oparg++) {
    for (const char* a : operands) {
      for (const char* b : operands) {
        const bool huge =
            (oparg == NB_LSHIFT || oparg == NB_INPLACE_LSHIFT || oparg == NB_POWER || oparg == NB_INPLACE_POWER ||
             oparg == NB_MULTIPLY || oparg == NB_INPLACE_MULTIPLY) &&
            (std::string(a).find("**") != std::string::npos || std::string(b).find("**") != std::string::npos);
        if (huge) {
          continue;
        }
        // Fresh operands for each: in-place operators change them.
        Ref expected(_PyEval_BinaryOps[oparg](value(a), value(b)));
        const std::string wanted = expected ? test::repr(expected.get()) : test::take_error();
        EXPECT_EQ((Stack{value(a), value(b)}.call(op_binary_op, oparg)), wanted) << a << " " << oparg << " " << b;
      }
    }
  }
}

TEST_F(OpsOnValues, BinaryOperatorsReuseOnlyFloatsThatNobodyElseSees) {
  PyObject* kept = value("2.5");
  EXPECT_EQ((Stack{kept, kept}.call(op_binary_op, NB_ADD)), "5.0");
  EXPECT_EQ(test::repr(kept), "2.5");
  EXPECT_EQ(Py_REFCNT(kept), 1);
  PyObject* lone[] = {PyFloat_FromDouble(2.0), PyFloat_FromDouble(3.0)};
  Ref result(op_binary_op(ts(), lone + 2, NB_MULTIPLY));
  EXPECT_EQ(test::repr(result.get()), "6.0");
}

TEST_F(OpsOnValues, StringsGrowInPlace) {
  const Ref space =
      run("def host(body):\n  text = 'ab' * len([0] * 500)\n  body()\n  global result\n  result = text\n");
  in_frame_of(space, [&] {
    const intptr_t slot = 1;
    PyObject*& local = port::current_frame(ts())->localsplus[slot];
    PyObject* tail = PyUnicode_FromString("cd");
    for (int i = 0; i < 100; i++) {
      PyObject* operands[] = {Py_NewRef(local), Py_NewRef(tail)};
      const Py_ssize_t length = PyUnicode_GET_LENGTH(local);
      PyObject* sum = op_binary_op_to_local(ts(), operands + 2, NB_INPLACE_ADD | slot << 8);
      ASSERT_NE(sum, nullptr);
      EXPECT_EQ(local, Py_None);
      EXPECT_EQ(PyUnicode_GET_LENGTH(sum), length + 2);
      local = sum;
    }
    // Somebody else has it: a new string, and the local stays.
    Ref other(Py_NewRef(local));
    Ref sum(nullptr);
    PyObject* operands[] = {Py_NewRef(local), tail};
    sum = Ref(op_binary_op_to_local(ts(), operands + 2, NB_ADD | slot << 8));
    EXPECT_EQ(local, other.get());
    EXPECT_EQ(PyUnicode_GET_LENGTH(other.get()), 1200);
    EXPECT_EQ(PyUnicode_GET_LENGTH(sum.get()), 1202);
    // Not strings.
    PyObject* numbers[] = {PyLong_FromLong(1000), PyLong_FromLong(2000)};
    EXPECT_EQ(test::repr(Ref(op_binary_op_to_local(ts(), numbers + 2, NB_ADD | slot << 8)).get()), "3000");
  });
  EXPECT_EQ(test::repr(eval("result == 'ab' * 500 + 'cd' * 100", space).get()), "True");
}

TEST_F(OpsOnValues, Comparison) {
  const char* operands[] = {"1", "2", "-1", "2**70", "1.0", "float('nan')", "'a'", "'b'", "[1]", "None"};
  // 3.13 Include/internal/pycore_code.h: the mask of outcomes that goes with each comparison.
  const int masks[] = {2, 2 | 8, 8, 1 | 2 | 4, 4, 4 | 8};
  for (int comparison = Py_LT; comparison <= Py_GE; comparison++) {
    for (const char* a : operands) {
      for (const char* b : operands) {
        Ref expected(PyObject_RichCompare(value(a), value(b), comparison));
        const std::string wanted = expected ? test::repr(expected.get()) : test::take_error();
        const intptr_t oparg = comparison << 5 | masks[comparison];
        EXPECT_EQ((Stack{value(a), value(b)}.call(op_compare_op, oparg)), wanted) << a << " " << comparison << " " << b;
        EXPECT_EQ((Stack{value(a), value(b)}.call(op_compare_op, oparg | 16)), wanted);
      }
    }
  }
  EXPECT_EQ((Stack{(*this)["loud"], Py_None}.call(op_compare_op, Py_LT << 5 | 2)), "[]");
  EXPECT_EQ((Stack{(*this)["loud"], Py_None}.call(op_compare_op, Py_LT << 5 | 2 | 16)), "False");
  EXPECT_EQ((Stack{(*this)["loud"], Py_None}.call(op_compare_op, Py_EQ << 5 | 8 | 16)), "ValueError: no truth");
}

TEST_F(OpsOnValues, MembershipAndIdentity) {
  for (const char* container : {"[1, 3]", "{1, 3}", "frozenset({1, 3})", "{1: 0, 3: 0}", "range(4)", "loud"}) {
    EXPECT_EQ((Stack{value("3"), value(container)}.call(op_contains_op, 0)), "True") << container;
    EXPECT_EQ((Stack{value("3"), value(container)}.call(op_contains_op, 1)), "False") << container;
    EXPECT_EQ((Stack{value("4"), value(container)}.call(op_contains_op, 0)), "False") << container;
  }
  EXPECT_EQ((Stack{value("[]"), value("{1}")}.call(op_contains_op, 0)), "TypeError: unhashable type: 'list'");
  EXPECT_EQ((Stack{value("1"), value("1")}.call(op_is_op, 0)), "True");
  EXPECT_EQ((Stack{value("[]"), value("[]")}.call(op_is_op, 0)), "False");
  EXPECT_EQ((Stack{value("[]"), value("[]")}.call(op_is_op, 1)), "True");
}

TEST_F(OpsOnValues, Subscripts) {
  const char* containers[] = {"[5, 6, 7]", "(5, 6, 7)", "'äbc'", "{1: 'one', -1: 'minus'}", "loud", "None"};
  const char* keys[] = {"0", "1", "-1", "-4", "3", "True", "2**70", "'x'", "None", "slice(1)"};
  for (const char* container : containers) {
    for (const char* key : keys) {
      Ref expected(PyObject_GetItem(value(container), value(key)));
      const std::string wanted = expected ? test::repr(expected.get()) : test::take_error();
      EXPECT_EQ((Stack{value(container), value(key)}.call(op_binary_subscr)), wanted) << container << key;
    }
  }
  for (const char* container : {"[5, 6, 7]", "{1: 0}", "(1, 2)", "loud"}) {
    for (const char* key : keys) {
      PyObject* ours = value(container);
      PyObject* theirs = value(container);
      const std::string wanted = PyObject_SetItem(theirs, value(key), value("'new'")) == 0 ? "" : test::take_error();
      EXPECT_EQ((Stack{value("'new'"), ours, value(key)}.call(op_store_subscr)), wanted) << container << key;
      EXPECT_EQ(test::repr(ours), test::repr(theirs)) << container << key;
    }
  }
  PyObject* list = value("[1, 2, 3]");
  EXPECT_EQ((Stack{list, value("0")}.call(op_delete_subscr)), "");
  EXPECT_EQ(test::repr(list), "[2, 3]");
  EXPECT_EQ((Stack{value("loud"), value("0")}.call(op_delete_subscr)), "KeyError: 0");
}

TEST_F(OpsOnValues, Slices) {
  const char* bounds[] = {"None", "0", "1", "3", "-1", "-2", "-99", "99", "2**70", "-2**70", "True", "1.0"};
  for (const char* container : {"[1, 2, 3]", "(1, 2, 3)", "'äbc'", "'abc'", "b'abc'", "range(3)", "loud", "()", "''"}) {
    for (const char* start : bounds) {
      for (const char* stop : bounds) {
        Ref slice(PySlice_New(value(start), value(stop), nullptr));
        Ref expected(PyObject_GetItem(value(container), slice.get()));
        const std::string wanted = expected ? test::repr(expected.get()) : test::take_error();
        EXPECT_EQ((Stack{value(container), value(start), value(stop)}.call(op_binary_slice)), wanted)
            << container << "[" << start << ":" << stop << "]";
      }
    }
  }
  PyObject* tuple = value("tuple([1, 2])");
  PyObject* operands[] = {Py_NewRef(tuple), Py_None, Py_None};
  Ref whole(op_binary_slice(ts(), operands + 3, 0));
  EXPECT_EQ(whole.get(), tuple) << "the interpreter gives the tuple itself";

  PyObject* list = value("[1, 2, 3]");
  EXPECT_EQ((Stack{value("[9]"), list, value("0"), value("2")}.call(op_store_slice)), "");
  EXPECT_EQ(test::repr(list), "[9, 3]");
  EXPECT_EQ((Stack{value("[9]"), value("(1,)"), value("0"), value("2")}.call(op_store_slice)),
            "TypeError: 'tuple' object does not support item assignment");
  EXPECT_EQ((Stack{value("1"), value("2")}.call(op_build_slice, 2)), "slice(1, 2, None)");
  EXPECT_EQ((Stack{value("1"), value("2"), value("3")}.call(op_build_slice, 3)), "slice(1, 2, 3)");
}

TEST_F(OpsOnValues, Building) {
  EXPECT_EQ((Stack{value("1"), value("'x'")}.call(op_build_tuple, 2)), "(1, 'x')");
  EXPECT_EQ((Stack{}.call(op_build_tuple, 0)), "()");
  EXPECT_EQ((Stack{value("1"), value("'x'")}.call(op_build_list, 2)), "[1, 'x']");
  EXPECT_EQ((Stack{value("1"), value("1")}.call(op_build_set, 2)), "{1}");
  EXPECT_EQ((Stack{value("1"), value("[]"), value("[]")}.call(op_build_set, 3)), "TypeError: unhashable type: 'list'");
  EXPECT_EQ((Stack{value("1"), value("2"), value("3"), value("4")}.call(op_build_map, 2)), "{1: 2, 3: 4}");
  EXPECT_EQ((Stack{value("[]"), value("2")}.call(op_build_map, 1)), "TypeError: unhashable type: 'list'");
  EXPECT_EQ((Stack{value("1"), value("2"), value("('a', 'b')")}.call(op_build_const_key_map, 2)), "{'a': 1, 'b': 2}");
  EXPECT_EQ((Stack{value("1"), value("('a', 'b')")}.call(op_build_const_key_map, 1)),
            "SystemError: bad BUILD_CONST_KEY_MAP keys argument");
  EXPECT_EQ((Stack{value("'a'"), value("'ä'"), value("''")}.call(op_build_string, 3)), "'aä'");
}

// Calls a helper that fills the collection at the bottom, with one more value between; shows collection or error.
std::string fill(test::OpsTest*, OpFunction op, PyObject* collection, std::initializer_list<PyObject*> operands) {
  PyObject* stack[4] = {collection, Py_None};
  PyObject** top = stack + 2;
  for (PyObject* operand : operands) {
    *top++ = Py_NewRef(operand);
  }
  PyObject* result = op(PyThreadState_GetUnchecked(), top, 2);
  return result == kDone ? test::repr(collection) : test::take_error();
}

TEST_F(OpsOnValues, Filling) {
  EXPECT_EQ(fill(this, op_list_append, value("[1]"), {value("2")}), "[1, 2]");
  EXPECT_EQ(fill(this, op_list_extend, value("[1]"), {value("(2, 3)")}), "[1, 2, 3]");
  EXPECT_EQ(fill(this, op_list_extend, value("[1]"), {value("5")}),
            "TypeError: Value after * must be an iterable, not int");
  EXPECT_EQ(fill(this, op_list_extend, value("[1]"), {value("(1 // x for x in [0])")}),
            "ZeroDivisionError: integer division or modulo by zero");
  EXPECT_EQ(fill(this, op_set_add, value("{1}"), {value("2")}), "{1, 2}");
  EXPECT_EQ(fill(this, op_set_add, value("{1}"), {value("[]")}), "TypeError: unhashable type: 'list'");
  EXPECT_EQ(fill(this, op_set_update, value("{1}"), {value("[1, 2]")}), "{1, 2}");
  EXPECT_EQ(fill(this, op_set_update, value("{1}"), {value("5")}), "TypeError: 'int' object is not iterable");
  EXPECT_EQ(fill(this, op_map_add, value("{1: 2}"), {value("3"), value("4")}), "{1: 2, 3: 4}");
  EXPECT_EQ(fill(this, op_map_add, value("{1: 2}"), {value("[]"), value("4")}), "TypeError: unhashable type: 'list'");
  EXPECT_EQ(fill(this, op_dict_update, value("{1: 2}"), {value("{1: 3}")}), "{1: 3}");
  EXPECT_EQ(fill(this, op_dict_update, value("{1: 2}"), {value("5")}), "TypeError: 'int' object is not a mapping");
  EXPECT_EQ(fill(this, op_dict_update, value("{1: 2}"), {(*this)["loud"]}), "TypeError: no keys");
}

TEST_F(OpsOnValues, MergingKeywords) {
  PyObject* callable = value("print");
  EXPECT_EQ((Stack{callable, nullptr, value("()"), value("{'a': 1}"), value("{'b': 2}")}.call(op_dict_merge, 1, 4)),
            "");
  EXPECT_EQ((Stack{callable, nullptr, value("()"), value("{'a': 1}"), value("{'a': 2}")}.call(op_dict_merge, 1, 4)),
            "TypeError: print() got multiple values for keyword argument 'a'");
  EXPECT_EQ((Stack{callable, nullptr, value("()"), value("{}"), value("5")}.call(op_dict_merge, 1, 4)),
            "TypeError: print() argument after ** must be a mapping, not int");
}

TEST_F(OpsOnValues, Unpacking) {
  // The first item is the top of the stack.
  for (const char* sequence : {"(1, 'b')", "[1, 'b']", "iter([1, 'b'])", "{1: 0, 'b': 0}"}) {
    EXPECT_EQ((Stack{value(sequence)}.call(op_unpack_sequence, 2, 0, 2)), "'b' 1") << sequence;
  }
  EXPECT_EQ((Stack{value("()")}.call(op_unpack_sequence, 0, 0, 0)), "");
  EXPECT_EQ((Stack{value("(1, 2, 3)")}.call(op_unpack_sequence, 2)),
            "ValueError: too many values to unpack (expected 2)");
  EXPECT_EQ((Stack{value("[1]")}.call(op_unpack_sequence, 2)),
            "ValueError: not enough values to unpack (expected 2, got 1)");
  EXPECT_EQ((Stack{value("5")}.call(op_unpack_sequence, 2)), "TypeError: cannot unpack non-iterable int object");
  EXPECT_EQ((Stack{value("range(5)")}.call(op_unpack_ex, 1 | 2 << 8, 0, 4)), "4 3 [1, 2] 0");
  EXPECT_EQ((Stack{value("range(2)")}.call(op_unpack_ex, 2, 0, 3)), "[] 1 0");
  EXPECT_EQ((Stack{value("range(1)")}.call(op_unpack_ex, 1 | 1 << 8)),
            "ValueError: not enough values to unpack (expected at least 2, got 1)");
}

TEST_F(OpsOnValues, Formatting) {
  EXPECT_EQ((Stack{value("'ä'")}.call(op_convert_value, FVC_STR)), "'ä'");
  EXPECT_EQ((Stack{value("'ä'")}.call(op_convert_value, FVC_REPR)), "\"'ä'\"");
  EXPECT_EQ((Stack{value("'ä'")}.call(op_convert_value, FVC_ASCII)), "\"'\\\\xe4'\"");
  EXPECT_EQ((Stack{value("5")}.call(op_format_simple)), "'5'");
  EXPECT_EQ((Stack{value("'s'")}.call(op_format_simple)), "'s'");
  EXPECT_EQ((Stack{value("5"), value("'03'")}.call(op_format_with_spec)), "'005'");
  EXPECT_EQ((Stack{value("loud"), value("'x'")}.call(op_format_with_spec)), "'as x'");
  EXPECT_EQ((Stack{value("[]"), value("'x'")}.call(op_format_with_spec)),
            "TypeError: unsupported format string passed to list.__format__");
}

TEST_F(OpsOnValues, OperandsAreConsumedOnceEachWay) {
  const Ref space = run("class C:\n  pass\n");
  const auto fresh = [&] { return PyObject_CallNoArgs(test::lookup(space, "C")); };
  expect_no_leak([&] {
    const std::pair<OpFunction*, int> failing[] = {
        {op_binary_op, 2},       {op_compare_op, 2},   {op_contains_op, 2},     {op_is_op, 2},
        {op_binary_subscr, 2},   {op_store_subscr, 3}, {op_delete_subscr, 2},   {op_binary_slice, 3},
        {op_store_slice, 4},     {op_build_slice, 2},  {op_unary_negative, 1},  {op_unary_invert, 1},
        {op_to_bool, 1},         {op_build_tuple, 2},  {op_build_list, 2},      {op_build_set, 2},
        {op_build_string, 2},    {op_build_map, 4},    {op_unpack_sequence, 1}, {op_unpack_ex, 1},
        {op_format_with_spec, 2}};
    for (const auto& [op, count] : failing) {
      PyObject* stack[8];
      PyObject* watched[8];
      for (int i = 0; i < count; i++) {
        stack[i] = fresh();
        watched[i] = Py_NewRef(stack[i]);
      }
      PyObject* result = op(ts(), stack + count, 2);
      if (result != nullptr && result != kDone) {
        Py_DECREF(result);
      }
      PyErr_Clear();
      for (int i = 0; i < count; i++) {
        EXPECT_EQ(Py_REFCNT(watched[i]), 1);
        Py_DECREF(watched[i]);
      }
    }
  });
}

}  // namespace
}  // namespace whipsnake
