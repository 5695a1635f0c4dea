// The versions in inline caches, against those of the types, functions and keys that they were taken from.
#include "jit/cpython/decode.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/embed/support/python.h"

namespace whipsnake {
namespace {

using test::Ref;

constexpr const char* kPrograms = R"(
import types
module = types.ModuleType("module")
module.name = 1

class Plain:
    shared = 5
    def __init__(self): self.x = 1
    def method(self): return self
    @property
    def made(self): return 1
class Slots:
    __slots__ = ("x",)
    shared = 5
    def method(self): return self
class Other:
    def __getattribute__(self, name): return 1
def getattribute(): pass
made = Plain.made.fget
getattribute = Other.__getattribute__
plain, slots, other = Plain(), Slots(), Other()
slots.x = 1
bound = plain.method
def called(a=1): return a

def value(): return plain.x
def slot(): return slots.x
def of_class(): return Plain.shared
def method_values(): return plain.method()
def method_no_dict(): return slots.method()
def shared_values(): return plain.shared
def shared_no_dict(): return slots.shared
def property_(): return plain.made
def overridden(): return other.x
def of_module(): return module.name
def store_value(): plain.x = 2
def store_slot(): slots.x = 2
def call_exact(): called(1)
def call_general(): called()
def call_bound(): bound()
def call_class(): Plain()
def call_builtin(): len("")
def truth(): return not slots
for f in [value, slot, of_class, method_values, method_no_dict, shared_values, shared_no_dict, property_, overridden, of_module,
          store_value, store_slot, call_exact, call_general, call_bound, call_class, call_builtin, truth]:
    for _ in range(200): f()
)";

struct Case {
  const char* function;
  uint8_t specialized;
  const char* type;  // whose versions the cache has; null for none
  const char* keys;  // a module, or the class whose instances share keys
  const char* of_function;
};

constexpr Case kCases[] = {
    {"value", LOAD_ATTR_INSTANCE_VALUE, "Plain", nullptr, nullptr},
    {"slot", LOAD_ATTR_SLOT, "Slots", nullptr, nullptr},
    {"of_class", LOAD_ATTR_CLASS, "Plain", nullptr, nullptr},
    {"method_values", LOAD_ATTR_METHOD_WITH_VALUES, "Plain", "Plain", nullptr},
    {"method_no_dict", LOAD_ATTR_METHOD_NO_DICT, "Slots", nullptr, nullptr},
    {"shared_values", LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES, "Plain", "Plain", nullptr},
    {"shared_no_dict", LOAD_ATTR_NONDESCRIPTOR_NO_DICT, "Slots", nullptr, nullptr},
    {"property_", LOAD_ATTR_PROPERTY, "Plain", nullptr, "made"},
    {"overridden", LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN, "Other", nullptr, "getattribute"},
    {"of_module", LOAD_ATTR_MODULE, nullptr, "module", nullptr},
    {"store_value", STORE_ATTR_INSTANCE_VALUE, "Plain", nullptr, nullptr},
    {"store_slot", STORE_ATTR_SLOT, "Slots", nullptr, nullptr},
    {"call_exact", CALL_PY_EXACT_ARGS, nullptr, nullptr, "called"},
    {"call_general", CALL_PY_GENERAL, nullptr, nullptr, "called"},
    {"call_class", CALL_ALLOC_AND_ENTER_INIT, "Plain", nullptr, nullptr},
    {"call_builtin", CALL_LEN, nullptr, nullptr, nullptr},
    {"truth", TO_BOOL_ALWAYS_TRUE, "Slots", nullptr, nullptr},
};

uint32_t keys_version(PyObject* owner) {
  if (PyType_Check(owner)) return reinterpret_cast<PyHeapTypeObject*>(owner)->ht_cached_keys->dk_version;
  return reinterpret_cast<PyDictObject*>(PyModule_GetDict(owner))->ma_keys->dk_version;
}

TEST(InlineCaches, HoldVersionsByTheSpecialisedOpcode) {
  const Ref space = test::run(kPrograms);
  for (const Case& wanted : kCases) {
    SCOPED_TRACE(wanted.function);
    auto* function = reinterpret_cast<PyFunctionObject*>(test::lookup(space, wanted.function));
    std::vector<Instruction> instructions;
    ASSERT_TRUE(decode(reinterpret_cast<PyCodeObject*>(function->func_code), instructions));
    bool found = false;
    for (const Instruction& instruction : instructions) {
      if (instruction.specialized != wanted.specialized) continue;
      found = true;
      const auto named = [&](const char* name) { return test::lookup(space, name); };
      const auto [type, keys, of_function] = port::cached_versions(instruction.specialized, instruction.cache);
      EXPECT_EQ(type, wanted.type ? reinterpret_cast<PyTypeObject*>(named(wanted.type))->tp_version_tag : 0);
      EXPECT_EQ(keys, wanted.keys ? keys_version(named(wanted.keys)) : 0);
      EXPECT_EQ(of_function,
                wanted.of_function ? reinterpret_cast<PyFunctionObject*>(named(wanted.of_function))->func_version : 0);
      EXPECT_TRUE(type != 0 || keys != 0 || of_function != 0 || wanted.specialized == CALL_LEN);
    }
    EXPECT_TRUE(found);
  }
}

}  // namespace
}  // namespace whipsnake
