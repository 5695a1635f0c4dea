// Records, function versions, the registry and the policy, from inside.
#include "jit/engine/framework.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "jit/engine/policy.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/records.h"
#include "jit/runtime/shapes.h"
#include "jit/runtime/thunks.h"
#include "tests/embed/support/python.h"

namespace whipsnake {
namespace {

PyObject* run(const char* source, const char* name) {
  PyObject* globals = PyDict_New();
  PyObject* none = PyRun_String(source, Py_file_input, globals, globals);
  EXPECT_NE(none, nullptr);
  Py_XDECREF(none);
  PyObject* result = Py_XNewRef(PyDict_GetItemString(globals, name));
  Py_DECREF(globals);
  return result;
}

// A function and its globals refer to each other.
void release(PyObject* func) {
  Py_DECREF(func);
  PyGC_Collect();
}

PyFunctionObject* function(PyObject* object) { return reinterpret_cast<PyFunctionObject*>(object); }
PyCodeObject* code_of(PyObject* object) { return reinterpret_cast<PyCodeObject*>(function(object)->func_code); }

TEST(PortCheck, ThisInterpreterIsSupported) { EXPECT_EQ(port::initialize(), ""); }

TEST(FunctionVersions, AreTakenAndGiven) {
  ASSERT_EQ(port::initialize(), "");
  PyObject* f = run("def f(): pass", "f");
  const uint32_t original = function(f)->func_version;
  ASSERT_NE(original, 0u);
  EXPECT_EQ(code_of(f)->co_version, original);
  port::take_version(function(f));
  port::take_version(code_of(f));
  EXPECT_EQ(function(f)->func_version, 0u);
  EXPECT_EQ(code_of(f)->co_version, 0u);
  const auto& slots = PyInterpreterState_Get()->func_state.func_version_cache;
  EXPECT_NE(slots[original % FUNC_VERSION_CACHE_SIZE].code, function(f)->func_code);
  port::give_version(function(f));  // one of its own: the code object has none
  EXPECT_NE(function(f)->func_version, 0u);
  for (const auto& slot : slots) EXPECT_NE(slot.func, function(f));
  port::take_version(function(f));
  port::give_version(code_of(f));
  port::give_version(function(f));
  EXPECT_NE(function(f)->func_version, original);
  EXPECT_EQ(function(f)->func_version, code_of(f)->co_version);
  Py_DECREF(f);
}

TEST(Records, LiveAsLongAsTheirCode) {
  ASSERT_EQ(port::initialize(), "");
  PyObject* f = run("def f(): pass", "f");
  EXPECT_EQ(find_record(code_of(f)), nullptr);
  CodeRecord* record = get_record(code_of(f));
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(find_record(code_of(f)), record);
  EXPECT_EQ(get_record(code_of(f)), record);
  EXPECT_EQ(record->code, code_of(f));
  struct Look {
    CodeRecord* wanted;
    int found;
  } look{record, 0};
  const auto visit = [](CodeRecord* seen, void* context) {
    auto* l = static_cast<Look*>(context);
    l->found += seen == l->wanted;
  };
  visit_records(visit, &look);
  EXPECT_EQ(look.found, 1);
  release(f);
  look.found = 0;
  visit_records(visit, &look);
  EXPECT_EQ(look.found, 0);
}

struct Counted : CodeResources {
  explicit Counted(int* n) : alive(n) { ++*alive; }
  ~Counted() override { --*alive; }
  int* alive;
};

TEST(Records, RetiredCodeStaysUntilTheCodeObjectDies) {
  ASSERT_EQ(port::initialize(), "");
  int alive = 0;
  PyObject* f = run("def f(): pass", "f");
  CodeRecord* record = get_record(code_of(f));
  for (int i = 0; i < 2; ++i) {
    record->compiled = std::make_unique<CompiledCode>();
    record->compiled->resources = std::make_unique<Counted>(&alive);
    record->state = TierState::kCompiled;
    retire(record);
    EXPECT_EQ(record->state, TierState::kCold);
    EXPECT_EQ(record->compiled, nullptr);
  }
  EXPECT_EQ(alive, 2);
  release(f);
  EXPECT_EQ(alive, 0);
  flush_released();
}

TEST(CompiledCode, EntriesAreFound) {
  CompiledCode compiled;
  static const uint8_t bytes[64] = {};
  compiled.code = bytes;
  compiled.entries = {{0, 5}, {4, 20}, {9, 33}};
  EXPECT_EQ(compiled.entry(0), bytes + 5);
  EXPECT_EQ(compiled.entry(4), bytes + 20);
  EXPECT_EQ(compiled.entry(9), bytes + 33);
  for (const int missing : {1, 3, 5, 10}) EXPECT_EQ(compiled.entry(missing), nullptr);
}

TEST(Registry, KnowsTheBaselineEngine) {
  EXPECT_NE(registry::find("baseline"), nullptr);
  EXPECT_EQ(registry::find("nothing"), nullptr);
}

TEST(Framework, EnablesAndDisables) {
  framework::Settings settings;
  settings.engine = "nothing";
  EXPECT_NE(framework::enable(settings).find("unknown engine"), std::string::npos);
  EXPECT_FALSE(framework::enabled());
  settings.engine = "baseline";
  settings.threshold = 3;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(framework::enable(settings), "");
    EXPECT_TRUE(framework::active());
    PyObject* f = run("def f(): return [1]", "f");
    for (int call = 0; call < 6; ++call) Py_XDECREF(PyObject_CallNoArgs(f));
    EXPECT_STREQ(framework::tier(function(f)), "baseline");
    EXPECT_TRUE(enters_machine_code(function(f)));
    framework::disable();
    EXPECT_FALSE(framework::active());
    EXPECT_EQ(function(f)->vectorcall, port::function_vectorcall);
    EXPECT_NE(function(f)->func_version, 0u);
    EXPECT_STREQ(framework::tier(function(f)), "interpreter");
    Py_DECREF(f);
  }
}

TEST(Framework, SamplesUnlessGivenANumber) {
  framework::Settings settings;
  const auto sampled = [&settings] {
    EXPECT_EQ(framework::enable(settings), "");
    const bool result = policy::thresholds.sampled;
    framework::disable();
    return result;
  };
  EXPECT_TRUE(sampled());
  settings.loop_threshold = 7;
  EXPECT_FALSE(sampled());
  EXPECT_EQ(policy::thresholds.calls, policy::kCounted.calls);
  EXPECT_EQ(policy::thresholds.back_edges, 7u);
  settings.loop_threshold.reset();
  settings.threshold = 0;
  EXPECT_FALSE(sampled());
  EXPECT_EQ(policy::thresholds.calls, 0u);
  EXPECT_EQ(policy::thresholds.back_edges, policy::kCounted.back_edges);
  settings.threshold.reset();
  settings.entry = framework::EntryMode::kEvalFrame;
  EXPECT_FALSE(sampled());
}

// The machine code that takes the arguments of calls of this source's f.
const uint8_t* entry_of(const std::string& source) {
  PyObject* f = run(source.c_str(), "f");
  const uint8_t* entry = entry_of_shape(describe_entry(code_of(f), nullptr, nullptr, nullptr));
  release(f);
  return entry;
}

TEST(Shapes, EntriesAreSharedByFunctionsOfOneShape) {
  framework::Settings settings;
  settings.threshold = 1000;
  ASSERT_EQ(framework::enable(settings), "");
  const uint8_t* two = entry_of("def f(a, b): return a");
  ASSERT_NE(two, nullptr);
  EXPECT_EQ(entry_of("def f(self, other):\n for i in self: pass"), entry_of("def f(x, y):\n z = x\n return y"));
  EXPECT_EQ(entry_of("def f(x, y=1): return x + y"), two);
  EXPECT_EQ(entry_of("async def f(x, y): yield"), two);
  const uint8_t* const others[] = {
      two,
      entry_of("def f(a): return a"),            // fewer arguments
      entry_of("def f(a): b = a; return b"),     // as many variables, but fewer arguments
      entry_of("def f(a, b): c = a; return c"),  // more variables
  };
  for (const uint8_t* const& one : others) {
    EXPECT_NE(one, nullptr);
    for (const uint8_t* const& other : others)
      if (&one != &other) {
        EXPECT_NE(one, other) << &one - others << " and " << &other - others;
      }
  }
  framework::disable();
}

TEST(Shapes, StarsAreOfTheShape) {
  framework::Settings settings;
  settings.threshold = 1000;
  ASSERT_EQ(framework::enable(settings), "");
  EXPECT_EQ(entry_of("def f(*a): return a"), entry_of("def f(*rest): pass"));
  const char* const sources[] = {"def f(a): pass",       "def f(*a): pass",      "def f(**a): pass",
                                 "def f(a, b): pass",    "def f(a, *b): pass",   "def f(a, **b): pass",
                                 "def f(*a, **b): pass", "def f(a, b, c): pass", "def f(a, *b, **c): pass"};
  std::set<const uint8_t*> entries = {thunks.take_general};
  for (const char* source : sources) EXPECT_TRUE(entries.insert(entry_of(source)).second) << source;
  framework::disable();
}

// Statements for a function: more variables than machine code clears by itself.
std::string many_variables() {
  std::string result;
  for (int i = 0; i < 100; ++i) result += "v" + std::to_string(i) + " = ";
  return result + "None; ";
}

TEST(Shapes, OddFunctionsAreCalledTheGeneralWay) {
  framework::Settings settings;
  settings.threshold = 1000;
  ASSERT_EQ(framework::enable(settings), "");
  ASSERT_NE(thunks.take_general, nullptr);
  EXPECT_EQ(entry_of("def f(a, *, b=1): return a"), thunks.take_general);
  EXPECT_EQ(entry_of("def f(*a, b=1): return a"), thunks.take_general);
  EXPECT_EQ(entry_of("def f(**a):\n " + many_variables() + "return a"), thunks.take_general);
  EXPECT_NE(entry_of("def f(): pass"), thunks.take_general);
  framework::disable();
}

TEST(Shapes, ReturnsAreSharedByFunctionsWithSoManyVariables) {
  framework::Settings settings;
  settings.threshold = 1000;
  ASSERT_EQ(framework::enable(settings), "");
  const auto return_of = [](const char* source) {
    PyObject* f = run(source, "f");
    const uint8_t* code = return_of_shape(code_of(f));
    release(f);
    return code;
  };
  const uint8_t* one = return_of("def f(a): return a");
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(return_of("def f():\n for i in (): pass"), one);
  EXPECT_NE(return_of("def f(a, b): return a"), one);
  EXPECT_EQ(return_of("def f(a): yield a"), nullptr);
  EXPECT_EQ(return_of("async def f(a): return a"), nullptr);
  EXPECT_EQ(return_of("def f(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p): return a"), nullptr);
  framework::disable();
}

}  // namespace
}  // namespace whipsnake
