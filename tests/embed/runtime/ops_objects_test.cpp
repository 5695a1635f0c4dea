// Opcode helpers that need a frame or objects with behaviour: variables, attributes, imports, functions.
#include "tests/embed/runtime/ops_fixture.h"

namespace whipsnake {
namespace {

using test::eval;
using test::Ref;
using test::run;

class OpsOnVariables : public test::OpsTest {};

TEST_F(OpsOnVariables, GlobalsAndBuiltins) {
  const Ref space = run("x = 'global'\ndef host(body):\n  body()\n");
  in_frame_of(space, [&] {
    EXPECT_EQ((Stack{}.call(op_load_global, name("x"))), "'global'");
    EXPECT_EQ((Stack{}.call(op_load_global, name("len"))), "<built-in function len>");
    EXPECT_EQ((Stack{}.call(op_load_global, name("nowhere"))), "NameError: name 'nowhere' is not defined");
    const Ref value(PyUnicode_FromString("stored"));
    EXPECT_EQ((Stack{value.get()}.call(op_store_global, name("y"))), "");
    EXPECT_EQ((Stack{}.call(op_load_global, name("y"))), "'stored'");
    EXPECT_EQ((Stack{}.call(op_delete_global, name("y"))), "");
    EXPECT_EQ((Stack{}.call(op_delete_global, name("y"))), "NameError: name 'y' is not defined");
    const Ref mapping(Py_BuildValue("{si}", "x", 5));
    EXPECT_EQ((Stack{mapping.get()}.call(op_load_from_dict_or_globals, name("x"))), "5");
    EXPECT_EQ((Stack{mapping.get()}.call(op_load_from_dict_or_globals, name("len"))), "<built-in function len>");
    EXPECT_EQ((Stack{mapping.get()}.call(op_load_from_dict_or_globals, name("no"))),
              "NameError: name 'no' is not defined");
    EXPECT_EQ((Stack{}.call(op_load_build_class)), "<built-in function __build_class__>");
    EXPECT_EQ((Stack{}.call(op_load_assertion_error)), "<class 'AssertionError'>");
    // A function's frame has no namespace.
    EXPECT_EQ((Stack{}.call(op_load_locals)), "SystemError: no locals found");
    EXPECT_EQ((Stack{}.call(op_load_name, name("x"))), "SystemError: no locals found");
    EXPECT_EQ((Stack{value.get()}.call(op_store_name, name("x"))), "SystemError: no locals found when storing 'x'");
    EXPECT_EQ((Stack{}.call(op_delete_name, name("x"))), "SystemError: no locals when deleting 'x'");
    EXPECT_EQ((Stack{}.call(op_setup_annotations)), "SystemError: no locals found when setting up annotations");
  });
}

TEST_F(OpsOnVariables, OddNamespaces) {
  // Globals and builtins that are no plain dicts.
  const Ref space = run(R"(
class Builtins(dict):
    def __missing__(self, key):
        if key == 'bad': raise ValueError('from builtins')
        raise KeyError(key)
def template(body):
    body()
import types
host = types.FunctionType(template.__code__, {'__builtins__': Builtins(extra=7), 'own': 1})
)");
  in_frame_of(space, [&] {
    EXPECT_EQ((Stack{}.call(op_load_global, name("own"))), "1");
    EXPECT_EQ((Stack{}.call(op_load_global, name("extra"))), "7");
    EXPECT_EQ((Stack{}.call(op_load_global, name("bad"))), "ValueError: from builtins");
    EXPECT_EQ((Stack{}.call(op_load_global, name("none"))), "NameError: name 'none' is not defined");
    EXPECT_EQ((Stack{}.call(op_load_build_class)), "NameError: __build_class__ not found");
  });
}

TEST_F(OpsOnVariables, NamesOfAClassBody) {
  const Ref space = run(R"(
def host(body):
    class Space(dict):
        def __getitem__(self, key):
            if key == 'bad': raise ValueError(key)
            return super().__getitem__(key)
    class Meta(type):
        def __prepare__(name, bases): return Space()
    class Body(metaclass=Meta):
        first = 1
        body()
    global result
    result = Body
)");
  in_frame_of(space, [&] {
    const Ref value(PyLong_FromLong(5));
    EXPECT_EQ((Stack{}.call(op_load_name, name("first"))), "1");
    EXPECT_EQ((Stack{}.call(op_load_name, name("host"))).substr(0, 14), "<function host");
    EXPECT_EQ((Stack{}.call(op_load_name, name("len"))), "<built-in function len>");
    EXPECT_EQ((Stack{}.call(op_load_name, name("bad"))), "ValueError: bad");
    EXPECT_EQ((Stack{}.call(op_load_name, name("none"))), "NameError: name 'none' is not defined");
    EXPECT_EQ((Stack{value.get()}.call(op_store_name, name("second"))), "");
    EXPECT_EQ((Stack{value.get()}.call(op_store_name, name("third"))), "");
    EXPECT_EQ((Stack{}.call(op_delete_name, name("third"))), "");
    EXPECT_EQ((Stack{}.call(op_delete_name, name("third"))), "NameError: name 'third' is not defined");
    EXPECT_EQ((Stack{}.call(op_setup_annotations)), "");
    EXPECT_EQ((Stack{}.call(op_setup_annotations)), "");
    EXPECT_EQ((Stack{}.call(op_load_locals)).find("'second': 5") != std::string::npos, true);
  });
  EXPECT_EQ(test::repr(eval("result.second, hasattr(result, 'third'), result.__annotations__", space).get()),
            "(5, False, {})");
}

TEST_F(OpsOnVariables, LocalsAndCells) {
  const Ref space = run(R"(
def outer():
    free = 'free'
    def host(body):
        plain = 'plain'
        cell = 'cell'
        body()
        global result
        result = cell
        (lambda: cell)
        return free, gone
        gone = plain = 0
    return host
host = outer()
)");
  in_frame_of(space, [&] {
    PyCodeObject* code = port::code_of(port::current_frame(ts()));
    const auto slot = [&](const char* text) {
      for (int i = 0; i < code->co_nlocalsplus; i++) {
        if (PyUnicode_EqualToUTF8(PyTuple_GET_ITEM(code->co_localsplusnames, i), text) != 0) {
          return i;
        }
      }
      ADD_FAILURE() << text;
      return -1;
    };
    EXPECT_EQ((Stack{}.call(op_load_fast_check, slot("plain"))), "'plain'");
    EXPECT_EQ((Stack{}.call(op_delete_fast, slot("plain"))), "");
    const std::string unbound =
        "UnboundLocalError: cannot access local variable 'plain' where it is not associated "
        "with a value";
    EXPECT_EQ((Stack{}.call(op_delete_fast, slot("plain"))), unbound);
    EXPECT_EQ((Stack{}.call(op_load_fast_check, slot("plain"))), unbound);

    EXPECT_EQ((Stack{}.call(op_load_deref, slot("cell"))), "'cell'");
    EXPECT_EQ((Stack{}.call(op_delete_deref, slot("cell"))), "");
    EXPECT_EQ((Stack{}.call(op_delete_deref, slot("cell"))),
              "UnboundLocalError: cannot access local variable 'cell' where it is not associated with a value");
    const Ref space_of_class(Py_BuildValue("{si}", "free", 5));
    EXPECT_EQ((Stack{space_of_class.get()}.call(op_load_from_dict_or_deref, slot("free"))), "5");
    PyDict_Clear(space_of_class.get());
    EXPECT_EQ((Stack{space_of_class.get()}.call(op_load_from_dict_or_deref, slot("free"))), "'free'");
    EXPECT_EQ((Stack{space_of_class.get()}.call(op_load_from_dict_or_deref, slot("cell"))),
              "UnboundLocalError: cannot access local variable 'cell' where it is not associated with a value");
    const Ref value(PyUnicode_FromString("stored"));
    EXPECT_EQ((Stack{value.get()}.call(op_store_deref, slot("cell"))), "");
    EXPECT_EQ(Py_REFCNT(value.get()), 2);

    // A fresh cell for a local, as at the start of a function.
    PyObject*& local = port::current_frame(ts())->localsplus[slot("gone")];
    local = value.new_ref();
    EXPECT_EQ((Stack{}.call(op_make_cell, slot("gone"))), "");
    ASSERT_TRUE(PyCell_Check(local));
    EXPECT_EQ(Py_REFCNT(value.get()), 3);
    Py_CLEAR(local);

    Py_CLEAR(port::current_frame(ts())->localsplus[slot("free")]);
    EXPECT_EQ((Stack{}.call(op_copy_free_vars, 1)), "");
    EXPECT_EQ((Stack{}.call(op_load_deref, slot("free"))), "'free'");
    local = Py_NewRef(Py_None);
  });
  EXPECT_EQ(test::repr(test::lookup(space, "result")), "'stored'");
}

TEST_F(OpsOnVariables, AFreeVariableWithoutValue) {
  const Ref space = run(R"(
def outer():
    def host(body):
        body()
        return lambda: later
    return host
    later = 1
host = outer()
)");
  in_frame_of(space, [&] {
    EXPECT_EQ((Stack{}.call(op_load_deref, 1)),
              "NameError: cannot access free variable 'later' where it is not associated with a value in enclosing "
              "scope");
  });
}

// ---- attributes

class OpsOnAttributes : public test::OpsTest {
 protected:
  Ref space_ = run(R"(
class Base:
    def method(self): return 'base method'
    value = 'base value'
class Thing(Base):
    __slots__ = ('slot',)
    def method(self): return 'method'
    @property
    def bad(self): raise ValueError('property')
    def __delattr__(self, name): raise AttributeError('cannot delete')
    def __repr__(self): return '<thing>'
thing = Thing()
thing.own = len
)");
  PyObject* operator[](const char* text) const { return test::lookup(space_, text); }
};

TEST_F(OpsOnAttributes, LoadStoreDelete) {
  PyObject* thing = (*this)["thing"];
  const Ref value(PyUnicode_FromString("stored"));
  const Py_ssize_t references = Py_REFCNT(thing);
  EXPECT_EQ((Stack{thing}.call(op_load_attr, name("value"))), "'base value'");
  EXPECT_EQ((Stack{thing}.call(op_load_attr, name("bad"))), "ValueError: property");
  EXPECT_EQ((Stack{thing}.call(op_load_attr, name("none"))), "AttributeError: 'Thing' object has no attribute 'none'");
  EXPECT_EQ((Stack{value.get(), thing}.call(op_store_attr, name("slot"))), "");
  EXPECT_EQ((Stack{thing}.call(op_load_attr, name("slot"))), "'stored'");
  EXPECT_EQ((Stack{value.get(), value.get()}.call(op_store_attr, name("slot"))),
            "AttributeError: 'str' object has no attribute 'slot' and no __dict__ for setting new attributes");
  EXPECT_EQ((Stack{thing}.call(op_delete_attr, name("slot"))), "AttributeError: cannot delete");
  EXPECT_EQ((Stack{(*this)["Base"]}.call(op_delete_attr, name("value"))), "");
  EXPECT_EQ(Py_REFCNT(thing), references);
  EXPECT_EQ(Py_REFCNT(value.get()), 2);
}

TEST_F(OpsOnAttributes, MethodsForCalls) {
  PyObject* thing = (*this)["thing"];
  const auto load = [&](PyObject* owner, const char* text) {
    const std::string outcome = Stack{owner}.call(op_load_attr_method, name(text), 0, 2);
    return outcome.substr(0, outcome.find(" at 0x")) + " | " + outcome.substr(outcome.rfind(' ') + 1);
  };
  EXPECT_EQ(load(thing, "method"), "<function Thing.method | <thing>");
  EXPECT_EQ(load(thing, "own"), "<built-in function len> NULL | NULL");
  EXPECT_EQ(load((*this)["Thing"], "method"), "<function Thing.method | NULL");
  EXPECT_EQ((Stack{thing}.call(op_load_attr_method, name("none"))),
            "AttributeError: 'Thing' object has no attribute 'none'");
  EXPECT_EQ((Stack{thing}.call(op_load_attr_method, name("bad"))), "ValueError: property");
  const Py_ssize_t references = Py_REFCNT(thing);
  load(thing, "method");
  EXPECT_EQ(Py_REFCNT(thing), references);
}

TEST_F(OpsOnAttributes, Super) {
  // A frame whose co_names are method, value and none, in the method of a class.
  const Ref space = run(R"(
class Base:
    def method(self): return 'base method'
    value = 'base value'
class Thing(Base):
    def inner(self, body):
        body()
        super().method, super().value, super().none
    def __repr__(self): return '<thing>'
class Silly:
    def __init__(self, *args): self.args = args
    @property
    def value(self): return self.args
thing = Thing()
def host(body):
    try: thing.inner(body)
    except AttributeError: pass
)");
  PyObject* super = reinterpret_cast<PyObject*>(&PySuper_Type);
  PyObject* type = test::lookup(space, "Thing");
  PyObject* self = test::lookup(space, "thing");
  in_frame_of(space, [&] {
    PyObject* names = port::code_of(port::current_frame(ts()))->co_names;
    const auto oparg = [&](const char* text, int flags) {
      for (int i = 0; i < PyTuple_GET_SIZE(names); i++) {
        if (PyUnicode_EqualToUTF8(PyTuple_GET_ITEM(names, i), text) != 0) {
          return i << 2 | flags;
        }
      }
      ADD_FAILURE() << text;
      return 0;
    };
    const auto begin = [](const std::string& text) { return text.substr(0, text.find(" at 0x")); };
    EXPECT_EQ((Stack{super, type, self}.call(op_load_super_attr, oparg("value", 2))), "'base value'");
    EXPECT_EQ((Stack{super, type, self}.call(op_load_super_attr, oparg("value", 3), 0, 2)), "'base value' NULL");
    EXPECT_EQ(begin(Stack{super, type, self}.call(op_load_super_attr, oparg("method", 0))),
              "<bound method Base.method of <thing>>");
    const std::string method = Stack{super, type, self}.call(op_load_super_attr, oparg("method", 1), 0, 2);
    EXPECT_EQ(begin(method), "<function Base.method");
    EXPECT_EQ(method.substr(method.rfind(' ')), " <thing>");
    EXPECT_EQ((Stack{super, type, self}.call(op_load_super_attr, oparg("none", 1))),
              "AttributeError: 'super' object has no attribute 'none'");
    EXPECT_EQ((Stack{super, self, self}.call(op_load_super_attr, oparg("value", 2))),
              "TypeError: super() argument 1 must be a type, not Thing");
    PyObject* silly = test::lookup(space, "Silly");
    EXPECT_EQ((Stack{silly, Py_None, self}.call(op_load_super_attr, oparg("value", 2))), "(None, <thing>)");
    EXPECT_EQ((Stack{silly, Py_None, self}.call(op_load_super_attr, oparg("value", 1), 0, 2)), "() NULL");
    EXPECT_EQ((Stack{super, type, Py_None}.call(op_load_super_attr, oparg("value", 2))),
              "TypeError: super(type, obj): obj (instance of NoneType) is not an instance or subtype of type (Thing).");
  });
}

// ---- imports

class OpsOnImports : public test::OpsTest {};

TEST_F(OpsOnImports, ImportName) {
  const Ref zero(PyLong_FromLong(0));
  const Ref list(Py_BuildValue("(s)", "path"));
  in_frame([&] {
    EXPECT_EQ((Stack{zero.get(), Py_None}.call(op_import_name, name("os.path"))).substr(0, 12), "<module 'os'");
    EXPECT_EQ((Stack{zero.get(), list.get()}.call(op_import_name, name("os.path"))).substr(0, 15), "<module 'posixp");
    EXPECT_EQ((Stack{zero.get(), Py_None}.call(op_import_name, name("no_such_module"))),
              "ModuleNotFoundError: No module named 'no_such_module'");
    const Ref one(PyLong_FromLong(1));
    EXPECT_EQ((Stack{one.get(), Py_None}.call(op_import_name, name("x"))), "KeyError: \"'__name__' not in globals\"");
  });
  const Ref space = run(R"(
import types
def template(body): body()
def importer(*args): return args[0], args[2:]
host = types.FunctionType(template.__code__, {'__builtins__': {'__import__': importer}})
)");
  in_frame_of(space, [&] {
    EXPECT_EQ((Stack{zero.get(), Py_None}.call(op_import_name, name("x.y"))), "('x.y', (None, None, 0))");
  });
  const Ref bare = run(R"(
import types
def template(body): body()
host = types.FunctionType(template.__code__, {'__builtins__': {}})
)");
  in_frame_of(bare, [&] {
    EXPECT_EQ((Stack{zero.get(), Py_None}.call(op_import_name, name("os"))), "ImportError: __import__ not found");
  });
}

TEST_F(OpsOnImports, ImportFrom) {
  const Ref space = run(R"(
import sys, types, os
class Spec:
    origin = '/somewhere/partial.py'
    has_location = True
    _initializing = True
def module(name, **attributes):
    result = types.ModuleType(name)
    result.__dict__.update(attributes)
    return result
partial = module('partial', __spec__=Spec(), __file__='/somewhere/partial.py')
nameless = module('x')
del nameless.__name__
odd = module('x', __name__=5)
placed = module('placed', __file__='/somewhere/placed.py')
package = module('package')
sys.modules['package.sub'] = 'the submodule'
calls = []
lazy = module('lazy', __getattr__=lambda name: calls.append(name) or (_ for _ in ()).throw(AttributeError(name)))
shadow = module('random', __spec__=types.SimpleNamespace(origin=os.path.join(sys.path[0] or '.', 'random.py'),
                                                        has_location=True, _initializing=False))
class NoModule: pass
no_module = NoModule()
angry = module('angry', __spec__=None)
class Angry(types.ModuleType):
    @property
    def __spec__(self): raise ValueError('angry')
angry = Angry('angry')
del angry.__dict__['__spec__']
expected = {}
for key, value in list(globals().items()):
    if isinstance(value, (types.ModuleType, NoModule)):
        sys.modules['_ws_test'] = value
        try:
            from _ws_test import missing
        except Exception as error:
            expected[key] = f'{type(error).__name__}: {error}'
            expected[key + '.details'] = getattr(error, 'name', 0), getattr(error, 'path', 0), getattr(error, 'name_from', 0)
        finally:
            del sys.modules['_ws_test']
calls.clear()
)");
  in_frame([&] {
    for (const char* key :
         {"os", "sys", "partial", "nameless", "odd", "placed", "lazy", "shadow", "no_module", "angry", "package"}) {
      PyObject* module = test::lookup(space, key);
      PyObject* stack[] = {module};
      PyObject* result = op_import_from(ts(), stack + 1, name("missing"));
      EXPECT_EQ(result, nullptr) << key;
      Ref error(PyErr_GetRaisedException());
      ASSERT_TRUE(error) << key;
      if (PyErr_GivenExceptionMatches(error.get(), PyExc_ImportError) != 0) {
        Ref traceback(PyException_GetTraceback(error.get()));
        EXPECT_FALSE(traceback) << key << ": the frame of the import must be the first entry";
        const Ref details = Ref(Py_BuildValue("(NNN)", PyObject_GetAttrString(error.get(), "name"),
                                              PyObject_GetAttrString(error.get(), "path"),
                                              PyObject_GetAttrString(error.get(), "name_from")));
        PyObject* wanted =
            PyDict_GetItemString(test::lookup(space, "expected"), (std::string(key) + ".details").c_str());
        EXPECT_EQ(test::repr(details.get()), test::repr(wanted)) << key;
      }
      PyErr_SetRaisedException(error.release());
      PyObject* text = PyDict_GetItemString(test::lookup(space, "expected"), key);
      EXPECT_EQ(test::take_error(), text != nullptr ? PyUnicode_AsUTF8(text) : "nothing expected") << key;
    }
    EXPECT_EQ(test::repr(test::lookup(space, "calls")), "['missing']") << "asked once";
    PyObject* package[] = {test::lookup(space, "package")};
    EXPECT_EQ(test::repr(Ref(op_import_from(ts(), package + 1, name("sub"))).get()), "'the submodule'");
    PyObject* os[] = {test::lookup(space, "os")};
    EXPECT_EQ(test::repr(Ref(op_import_from(ts(), os + 1, name("sep"))).get()), "'/'");
    expect_no_leak([&] {
      EXPECT_EQ(op_import_from(ts(), package + 1, name("missing")), nullptr);
      PyErr_Clear();
    });
  });
  run("import sys; del sys.modules['package.sub']");
}

// ---- functions

class OpsOnFunctions : public test::OpsTest {};

TEST_F(OpsOnFunctions, MakeFunction) {
  const Ref space = run("def host(body):\n  body()\ndef f(a, b=2, *, c=3) -> int:\n  return a, b, c\n");
  auto* f = reinterpret_cast<PyFunctionObject*>(test::lookup(space, "f"));
  in_frame_of(space, [&] {
    PyObject* code = f->func_code;
    PyObject* stack[2] = {Py_NewRef(code)};
    PyObject* function = op_make_function(ts(), stack + 1, 0);
    ASSERT_NE(function, nullptr);
    auto* object = reinterpret_cast<PyFunctionObject*>(function);
    EXPECT_EQ(object->func_version, reinterpret_cast<PyCodeObject*>(code)->co_version);
    EXPECT_EQ(object->func_globals, space.get());
    const std::pair<intptr_t, PyObject*> attributes[] = {
        {MAKE_FUNCTION_DEFAULTS, Py_BuildValue("(i)", 20)},
        {MAKE_FUNCTION_KWDEFAULTS, Py_BuildValue("{si}", "c", 30)},
        {MAKE_FUNCTION_ANNOTATIONS, Py_BuildValue("(ss)", "return", "int")},
    };
    for (const auto& [which, attribute] : attributes) {
      PyObject* operands[] = {attribute, function};
      EXPECT_EQ(op_set_function_attribute(ts(), operands + 2, which), function);
    }
    PyDict_SetItemString(space.get(), "made", function);
    Py_DECREF(function);
  });
  EXPECT_EQ(test::repr(eval("made(1), made.__annotations__", space).get()), "((1, 20, 30), {'return': 'int'})");
}

TEST_F(OpsOnFunctions, Intrinsics) {
  in_frame([&] {
    const Ref list(Py_BuildValue("[ii]", 1, 2));
    EXPECT_EQ((Stack{list.get()}.call(op_call_intrinsic_1, INTRINSIC_LIST_TO_TUPLE)), "(1, 2)");
    EXPECT_EQ((Stack{Py_True}.call(op_call_intrinsic_1, INTRINSIC_UNARY_POSITIVE)), "1");
    EXPECT_EQ((Stack{list.get()}.call(op_call_intrinsic_1, INTRINSIC_UNARY_POSITIVE)),
              "TypeError: bad operand type for unary +: 'list'");
    const Ref text(PyUnicode_FromString("T"));
    EXPECT_EQ((Stack{text.get()}.call(op_call_intrinsic_1, INTRINSIC_TYPEVAR)), "T");
    EXPECT_EQ((Stack{text.get(), Py_None}.call(op_call_intrinsic_2, INTRINSIC_TYPEVAR_WITH_BOUND)), "T");
    EXPECT_EQ(Py_REFCNT(list.get()), 1);
  });
}

}  // namespace
}  // namespace whipsnake
