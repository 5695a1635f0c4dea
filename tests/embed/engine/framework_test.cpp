// Records, function versions, the registry and the policy, from inside.
#include "jit/engine/framework.h"

#include <gtest/gtest.h>

#include "jit/engine/policy.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/records.h"
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
  for (const auto& slot : slots)
    EXPECT_NE(slot.func, function(f));
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
  for (const int missing : {1, 3, 5, 10})
    EXPECT_EQ(compiled.entry(missing), nullptr);
}

TEST(Policy, CompilesAtTheThreshold) {
  CodeRecord record;
  policy::thresholds = {2, 3};
  EXPECT_FALSE(policy::compile_at_call(record));
  record.calls = 2;
  EXPECT_TRUE(policy::compile_at_call(record));
  record.state = TierState::kDeclined;
  EXPECT_FALSE(policy::compile_at_call(record));
  record = CodeRecord();
  record.marked_jit = true;
  EXPECT_TRUE(policy::compile_at_call(record));
  record.back_edges = 3;
  EXPECT_TRUE(policy::compile_at_back_edge(record));
  EXPECT_FALSE(policy::count_back_edges(record));
  record.has_loops = true;
  EXPECT_TRUE(policy::count_back_edges(record));
  policy::thresholds = {};
}

TEST(Policy, ShortLoopEntriesEnd) {
  policy::LoopAccount account;
  int entries = 0;
  while (policy::loop_entry_pays(account, 500) && entries < 10000)
    ++entries;
  EXPECT_GT(entries, 10);
  EXPECT_LT(entries, 1000);
  policy::LoopAccount good;
  for (int i = 0; i < 10000; ++i)
    ASSERT_TRUE(policy::loop_entry_pays(good, 1'000'000));
}

TEST(Policy, CodeThatIsLeftTooOftenIsGivenBackInTheEnd) {
  CodeRecord record;
  record.compilations = 1;
  EXPECT_EQ(policy::review_exits(record), policy::Verdict::kKeep);
  int again = 0;
  for (;; ++again) {
    record.exits = 1u << 20;
    if (policy::review_exits(record) != policy::Verdict::kCompileAgain)
      break;
    ++record.compilations;
    record.exits = 0;
    EXPECT_EQ(policy::review_exits(record), policy::Verdict::kKeep);
  }
  EXPECT_EQ(policy::review_exits(record), policy::Verdict::kGiveBack);
  EXPECT_GT(again, 0);
  EXPECT_LT(again, 10);
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
    for (int call = 0; call < 6; ++call)
      Py_XDECREF(PyObject_CallNoArgs(f));
    EXPECT_STREQ(framework::tier(function(f)), "baseline");
    EXPECT_EQ(function(f)->vectorcall, compiled_vectorcall);
    framework::disable();
    EXPECT_FALSE(framework::active());
    EXPECT_EQ(function(f)->vectorcall, port::function_vectorcall);
    EXPECT_NE(function(f)->func_version, 0u);
    EXPECT_STREQ(framework::tier(function(f)), "interpreter");
    Py_DECREF(f);
  }
}

}  // namespace
}  // namespace whipsnake
