// Opcode helpers around control flow: iteration, awaiting, pattern matching, with, exceptions.
#include "jit/runtime/generators.h"
#include "tests/embed/runtime/ops_fixture.h"

namespace whipsnake {
namespace {

using test::eval;
using test::Ref;
using test::run;

class OpsOnIterators : public test::OpsTest {
 protected:
  Ref space_ = run(R"(
class Bad:
    def __iter__(self): return self
    def __next__(self): raise ValueError('next')
class Stops:
    def __iter__(self): return self
    def __next__(self): raise StopIteration(5)
class Async:
    def __aiter__(self): return self
    def __anext__(self): return coroutine()
class NoAnext:
    def __aiter__(self): return 5
class BadAnext:
    def __aiter__(self): return self
    def __anext__(self): return 5
class RaisingAnext(BadAnext):
    def __anext__(self): raise ValueError('anext')
class Waits:
    def __await__(self): return iter([1])
class BadWait:
    def __await__(self): return 5
async def coroutine(): pass
async def async_generator(): yield 1
def generator(): yield 1
def host(body): body()
async def async_host(body): body()
)");
  PyObject* value(const char* expression) {
    values_.push_back(eval(expression, space_));
    return values_.back().get();
  }

 private:
  std::vector<Ref> values_;
};

TEST_F(OpsOnIterators, GetIterAndLen) {
  EXPECT_EQ((Stack{value("[1]")}.call(op_get_iter)).substr(0, 14), "<list_iterator");
  EXPECT_EQ((Stack{value("5")}.call(op_get_iter)), "TypeError: 'int' object is not iterable");
  EXPECT_EQ((Stack{value("[1, 2]")}.call(op_get_len, 0, 1)), "2");
  EXPECT_EQ((Stack{value("5")}.call(op_get_len, 0, 1)), "TypeError: object of type 'int' has no len()");
}

TEST_F(OpsOnIterators, ForIterTellsItemExhaustedAndError) {
  in_frame([&] {
    PyObject* iterator = value("iter([7])");
    PyObject* stack[] = {iterator};
    EXPECT_EQ(test::repr(Ref(op_for_iter_next(ts(), stack + 1, 0)).get()), "7");
    EXPECT_EQ(op_for_iter_next(ts(), stack + 1, 0), kDone);
    EXPECT_EQ(ts()->current_exception, nullptr);
    EXPECT_EQ(Py_REFCNT(iterator), 1) << "the caller's to release";
    stack[0] = value("Stops()");
    EXPECT_EQ(op_for_iter_next(ts(), stack + 1, 0), kDone);
    EXPECT_EQ(ts()->current_exception, nullptr) << "a StopIteration is the end, too";
    stack[0] = value("Bad()");
    EXPECT_EQ(op_for_iter_next(ts(), stack + 1, 0), nullptr);
    EXPECT_EQ(test::take_error(), "ValueError: next");
  });
}

TEST_F(OpsOnIterators, YieldFrom) {
  in_frame_of(space_, [&] {
    PyObject* generator = value("generator()");
    EXPECT_EQ((Stack{generator}.call(op_get_yield_from_iter)), test::repr(generator));
    EXPECT_EQ((Stack{value("(1,)")}.call(op_get_yield_from_iter)).substr(0, 15), "<tuple_iterator");
    PyObject* coroutine = value("coroutine()");
    EXPECT_EQ((Stack{coroutine}.call(op_get_yield_from_iter)),
              "TypeError: cannot 'yield from' a coroutine object in a non-coroutine generator");
    Ref closed(PyObject_CallMethod(coroutine, "close", nullptr));
  });
}

TEST_F(OpsOnIterators, Awaitables) {
  PyObject* coroutine = value("coroutine()");
  EXPECT_EQ((Stack{coroutine}.call(op_get_awaitable)), test::repr(coroutine));
  Ref closed(PyObject_CallMethod(coroutine, "close", nullptr));
  EXPECT_EQ((Stack{value("Waits()")}.call(op_get_awaitable)).substr(0, 14), "<list_iterator");
  in_frame([&] {
    EXPECT_EQ((Stack{value("5")}.call(op_get_awaitable, 0)),
              "TypeError: object int can't be used in 'await' expression");
    EXPECT_EQ((Stack{value("5")}.call(op_get_awaitable, 1)),
              "TypeError: 'async with' received an object from __aenter__ that does not implement __await__: int");
    EXPECT_EQ((Stack{value("BadWait()")}.call(op_get_awaitable)),
              "TypeError: __await__() returned non-iterator of type 'int'");
  });
}

TEST_F(OpsOnIterators, AwaitingACoroutineTwice) {
  const Ref space = run(R"(
import types
@types.coroutine
def pause(): yield
async def inner(): await pause()
running = inner()
running.send(None)
)");
  PyObject* running = test::lookup(space, "running");
  EXPECT_EQ((Stack{running}.call(op_get_awaitable)), "RuntimeError: coroutine is being awaited already");
  Ref closed(PyObject_CallMethod(running, "close", nullptr));
}

TEST_F(OpsOnIterators, AsyncIterators) {
  EXPECT_EQ((Stack{value("Async()")}.call(op_get_aiter)).find("Async object") != std::string::npos, true);
  EXPECT_EQ((Stack{value("5")}.call(op_get_aiter)),
            "TypeError: 'async for' requires an object with __aiter__ method, got int");
  EXPECT_EQ((Stack{value("NoAnext()")}.call(op_get_aiter)),
            "TypeError: 'async for' received an object from __aiter__ that does not implement __anext__: int");
  {
    Stack stack{value("Async()")};
    EXPECT_EQ(stack.call(op_get_anext, 0, 1).substr(0, 17), "<coroutine object");
    Ref closed(PyObject_CallMethod(stack[1], "close", nullptr));
  }
  EXPECT_EQ((Stack{value("async_generator()")}.call(op_get_anext, 0, 1)).substr(0, 22), "<async_generator_asend");
  EXPECT_EQ((Stack{value("5")}.call(op_get_anext, 0, 1)),
            "TypeError: 'async for' requires an iterator with __anext__ method, got int");
  EXPECT_EQ((Stack{value("RaisingAnext()")}.call(op_get_anext, 0, 1)), "ValueError: anext");
  PyObject* stack[] = {value("BadAnext()")};
  EXPECT_EQ(op_get_anext(ts(), stack + 1, 0), nullptr);
  Ref error(PyErr_GetRaisedException());
  EXPECT_EQ(test::repr(error.get()), "TypeError(\"'async for' received an invalid object from __anext__: int\")");
  EXPECT_EQ(test::repr(Ref(PyException_GetCause(error.get())).get()),
            "TypeError(\"object int can't be used in 'await' expression\")");
}

TEST_F(OpsOnIterators, Matching) {
  EXPECT_EQ((Stack{value("{1: 2}")}.call(op_match_mapping, 0, 1)), "True");
  EXPECT_EQ((Stack{value("[]")}.call(op_match_mapping, 0, 1)), "False");
  EXPECT_EQ((Stack{value("[]")}.call(op_match_sequence, 0, 1)), "True");
  EXPECT_EQ((Stack{value("''")}.call(op_match_sequence, 0, 1)), "False");
  EXPECT_EQ((Stack{value("{1: 2, 3: 4}"), value("(1, 3)")}.call(op_match_keys, 0, 2)), "(2, 4)");
  EXPECT_EQ((Stack{value("{1: 2}"), value("(5,)")}.call(op_match_keys, 0, 2)), "None");
  EXPECT_EQ((Stack{value("{1: 2}"), value("(1, 1)")}.call(op_match_keys, 0, 2)),
            "ValueError: mapping pattern checks duplicate key (1)");
  EXPECT_EQ((Stack{value("5"), value("int"), value("('real',)")}.call(op_match_class, 1)), "(5, 5)");
  EXPECT_EQ((Stack{value("5"), value("str"), value("()")}.call(op_match_class, 0)), "None");
  EXPECT_EQ((Stack{value("5"), value("7"), value("()")}.call(op_match_class, 0)),
            "TypeError: called match pattern must be a class");
}

// ---- with

class OpsOnContexts : public test::OpsTest {
 protected:
  Ref space_ = run(R"(
class Manager:
    def __enter__(self): return 'entered'
    def __exit__(self, *details):
        self.details = details
        return True
    async def __aenter__(self): pass
    async def __aexit__(self, *details): pass
class Half:
    def __enter__(self): return 'entered'
    async def __aenter__(self): pass
class Fails(Manager):
    def __enter__(self): raise ValueError('enter')
manager, half, fails = Manager(), Half(), Fails()
error = ValueError('text')
)");
  PyObject* operator[](const char* text) const { return test::lookup(space_, text); }
};

TEST_F(OpsOnContexts, Entering) {
  PyObject* manager = (*this)["manager"];
  const Py_ssize_t references = Py_REFCNT(manager);
  {
    Stack stack{manager};
    const std::string outcome = stack.call(op_before_with, 0, 0, 2);
    EXPECT_EQ(outcome.substr(0, 30), "<bound method Manager.__exit__");
    EXPECT_EQ(test::repr(stack[1]), "'entered'");
  }
  EXPECT_EQ(Py_REFCNT(manager), references);
  {
    Stack stack{manager};
    EXPECT_EQ(stack.call(op_before_async_with, 0, 0, 2).substr(0, 31), "<bound method Manager.__aexit__");
    Ref closed(PyObject_CallMethod(stack[1], "close", nullptr));
  }
  EXPECT_EQ((Stack{Py_None}.call(op_before_with)),
            "TypeError: 'NoneType' object does not support the context manager protocol");
  EXPECT_EQ((Stack{(*this)["half"]}.call(op_before_with)),
            "TypeError: 'Half' object does not support the context manager protocol (missed __exit__ method)");
  EXPECT_EQ((Stack{(*this)["fails"]}.call(op_before_with)), "ValueError: enter");
  EXPECT_EQ((Stack{Py_None}.call(op_before_async_with)),
            "TypeError: 'NoneType' object does not support the asynchronous context manager protocol");
  EXPECT_EQ((Stack{(*this)["half"]}.call(op_before_async_with)),
            "TypeError: 'Half' object does not support the asynchronous context manager protocol (missed __aexit__ "
            "method)");
}

TEST_F(OpsOnContexts, LeavingWithAnException) {
  const Ref exit(PyObject_GetAttrString((*this)["manager"], "__exit__"));
  const Ref lasti(PyLong_FromLong(4));
  EXPECT_EQ((Stack{exit.get(), lasti.get(), Py_None, (*this)["error"]}.call(op_with_except_start, 0, 4)), "True");
  EXPECT_EQ(test::repr(eval("manager.details", space_).get()), "(<class 'ValueError'>, ValueError('text'), None)");
}

// ---- exceptions

class OpsOnExceptions : public test::OpsTest {
 protected:
  PyObject* value(const char* expression) {
    values_.push_back(eval(expression, space_));
    return values_.back().get();
  }
  std::string raise(PyObject* exception, PyObject* cause, bool* again = nullptr) {
    const bool result = op_raise(ts(), Py_XNewRef(exception), Py_XNewRef(cause));
    if (again != nullptr) {
      *again = result;
    }
    Ref error(PyErr_GetRaisedException());
    Ref caused(error ? PyException_GetCause(error.get()) : nullptr);
    return test::repr(error.get()) + (caused ? " from " + test::repr(caused.get()) : "");
  }

 private:
  Ref space_ = run(R"(
class NotOne(Exception):
    def __new__(cls): return 5
class Fails(Exception):
    def __init__(self): raise KeyError('init')
)");
  std::vector<Ref> values_;
};

TEST_F(OpsOnExceptions, TheStackOfHandledOnes) {
  PyObject* error = value("ValueError(1)");
  PyObject* second = value("ValueError(2)");
  Stack stack{error};
  EXPECT_EQ(stack.call(op_push_exc_info, 0, 0, 2), "None ValueError(1)");
  EXPECT_EQ(ts()->exc_info->exc_value, error);
  Stack inner{second};
  EXPECT_EQ(inner.call(op_push_exc_info, 0, 0, 2), "ValueError(1) ValueError(2)");
  PyObject* previous[] = {Py_NewRef(inner[0])};
  EXPECT_EQ(op_pop_except(ts(), previous + 1, 0), kDone);
  EXPECT_EQ(ts()->exc_info->exc_value, error);
  PyObject* none[] = {Py_None};
  EXPECT_EQ(op_pop_except(ts(), none + 1, 0), kDone);
  EXPECT_EQ(ts()->exc_info->exc_value, nullptr);
}

TEST_F(OpsOnExceptions, Matching) {
  PyObject* error = value("ValueError(1)");
  EXPECT_EQ((Stack{error, PyExc_ValueError}.call(op_check_exc_match, 0, 1)), "True");
  EXPECT_EQ((Stack{error, PyExc_KeyError}.call(op_check_exc_match, 0, 1)), "False");
  EXPECT_EQ((Stack{error, value("(KeyError, Exception)")}.call(op_check_exc_match, 0, 1)), "True");
  EXPECT_EQ((Stack{error, value("5")}.call(op_check_exc_match, 0, 1)),
            "TypeError: catching classes that do not inherit from BaseException is not allowed");
  PyObject* group = value("ExceptionGroup('g', [ValueError(1), KeyError(2)])");
  EXPECT_EQ((Stack{group, PyExc_ValueError}.call(op_check_eg_match, 0, 0, 2)),
            "ExceptionGroup('g', [KeyError(2)]) ExceptionGroup('g', [ValueError(1)])");
  EXPECT_EQ((Stack{group, PyExc_OSError}.call(op_check_eg_match, 0, 0, 2)),
            "ExceptionGroup('g', [ValueError(1), KeyError(2)]) None");
  EXPECT_EQ((Stack{group, value("ExceptionGroup")}.call(op_check_eg_match)),
            "TypeError: catching ExceptionGroup with except* is not allowed. Use except instead.");
  PyErr_SetHandledException(nullptr);
}

TEST_F(OpsOnExceptions, Raise) {
  PyObject* error = value("ValueError(1)");
  const Py_ssize_t references = Py_REFCNT(error);
  bool again = true;
  EXPECT_EQ(raise(error, nullptr, &again), "ValueError(1)");
  EXPECT_FALSE(again);
  EXPECT_EQ(raise(PyExc_ValueError, nullptr), "ValueError()");
  EXPECT_EQ(raise(PyExc_ValueError, PyExc_KeyError), "ValueError() from KeyError()");
  EXPECT_EQ(raise(PyExc_ValueError, error), "ValueError() from ValueError(1)");
  EXPECT_EQ(raise(PyExc_ValueError, Py_None), "ValueError()");
  EXPECT_EQ(raise(PyExc_ValueError, value("5")), "TypeError('exception causes must derive from BaseException')");
  EXPECT_EQ(raise(value("5"), error), "TypeError('exceptions must derive from BaseException')");
  EXPECT_EQ(raise(value("Fails"), error), "KeyError('init')");
  EXPECT_EQ(raise(value("NotOne"), nullptr).substr(0, 22), "TypeError(\"calling <cl");
  EXPECT_EQ(raise(PyExc_ValueError, value("Fails")), "KeyError('init')");
  EXPECT_EQ(Py_REFCNT(error), references);

  EXPECT_EQ(raise(nullptr, nullptr, &again), "RuntimeError('No active exception to reraise')");
  EXPECT_FALSE(again);
  PyErr_SetHandledException(error);
  EXPECT_EQ(raise(nullptr, nullptr, &again), "ValueError(1)");
  EXPECT_TRUE(again);
  PyErr_SetHandledException(nullptr);

  EXPECT_EQ((Stack{PyExc_ValueError, PyExc_KeyError}.call(op_raise_varargs, 2)), "ValueError: ");
  EXPECT_EQ((Stack{error}.call(op_raise_varargs, 1)), "ValueError: 1");
  EXPECT_EQ((Stack{}.call(op_raise_varargs, 0)), "RuntimeError: No active exception to reraise");
}

TEST_F(OpsOnExceptions, EndsOfDelegation) {
  PyObject* iterator = value("iter([])");
  PyObject* stop = value("StopIteration('value')");
  PyObject* end = value("StopAsyncIteration()");
  PyObject* error = value("ValueError(1)");
  {
    PyObject* stack[] = {Py_NewRef(iterator), Py_None, Py_NewRef(stop)};
    EXPECT_EQ(op_cleanup_throw(ts(), stack + 3), 1);
    EXPECT_EQ(stack[0], Py_None);
    EXPECT_EQ(test::repr(Ref(stack[1]).get()), "'value'");
  }
  {
    PyObject* stack[] = {Py_NewRef(iterator), Py_None, Py_NewRef(error)};
    EXPECT_EQ(op_cleanup_throw(ts(), stack + 3), 0);
    EXPECT_EQ(test::take_error(), "ValueError: 1");
  }
  {
    PyObject* stack[] = {Py_NewRef(iterator), Py_NewRef(end)};
    EXPECT_EQ(op_end_async_for(ts(), stack + 2), 1);
  }
  {
    PyObject* stack[] = {Py_NewRef(iterator), Py_NewRef(error)};
    EXPECT_EQ(op_end_async_for(ts(), stack + 2), 0);
    EXPECT_EQ(test::take_error(), "ValueError: 1");
  }
  for (PyObject* operand : {iterator, stop, end, error}) {
    EXPECT_EQ(Py_REFCNT(operand), 1);
  }
}

TEST_F(OpsOnExceptions, NothingLeaks) {
  PyObject* error = value("ValueError(1)");
  PyObject* five = value("[5]");
  expect_no_leak([&] {
    raise(error, nullptr);
    raise(five, error);
    raise(PyExc_ValueError, five);
    raise(PyExc_ValueError, PyExc_KeyError);
    Stack{error, five}.call(op_check_exc_match, 0, 1);
    Stack{five}.call(op_before_with);
    Stack{five}.call(op_get_awaitable);
    Stack{five, PyExc_KeyError, five}.call(op_match_class, 0);
  });
}

}  // namespace
}  // namespace whipsnake
