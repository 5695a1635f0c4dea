// Runs opcode helpers by hand: on a small value stack, inside a real frame.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <utility>

#include "jit/runtime/context.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/ops/ops.h"
#include "tests/embed/support/python.h"

namespace whipsnake::test {

class OpsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(port::init_names() && init_numbers());
    // As in compiled code while nobody listens.
    saved_breaker_ = *ok_breaker;
    *ok_breaker = ts()->eval_breaker & ~port::kBreakerEventsMask;
  }
  void TearDown() override {
    EXPECT_EQ(take_error(), "");
    *ok_breaker = saved_breaker_;
  }

  static PyThreadState* ts() { return PyThreadState_GetUnchecked(); }

  // The operands on a stack, lowest first, as owned references, and the helper's outcome after call().
  class Stack {
   public:
    Stack(std::initializer_list<PyObject*> operands) {
      for (PyObject* operand : operands) {
        slots_[size_++] = Py_XNewRef(operand);
      }
    }
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;
    ~Stack() {
      for (int i = 0; i < size_; i++) {
        Py_XDECREF(slots_[i]);
      }
    }

    // Runs the helper, which consumes all operands but the `kept` lowest and, if it returns kDone, has stored `stored`
    // results in the place of the others. "" is what repr() of a null is here.
    std::string call(OpFunction op, intptr_t arg = 0, int kept = 0, int stored = 0) {
      PyObject* result = op(ts(), slots_ + size_, arg);
      size_ = kept;
      if (result == kDone) {
        size_ += stored;
        std::string text;
        for (int i = kept; i < size_; i++) {
          text += (i > kept ? " " : "") + (slots_[i] != nullptr ? repr(slots_[i]) : std::string("NULL"));
        }
        return text;
      }
      if (result == nullptr) {
        return take_error();
      }
      slots_[size_++] = result;
      return repr(result);
    }

    PyObject* operator[](int i) const { return slots_[i]; }
    PyObject** top() { return slots_ + size_; }
    void consumed() { size_ = 0; }

   private:
    PyObject* slots_[16] = {};
    int size_ = 0;
  };

  // A name object, which nobody ever frees.
  static intptr_t name(const char* text) { return reinterpret_cast<intptr_t>(PyUnicode_InternFromString(text)); }

  // Runs `body` while the frame of the Python function `host` in `space`, called with a callback, is the current one.
  static void in_frame_of(const Ref& space, const std::function<void()>& body) {
    static PyMethodDef method = {"body", call_body, METH_NOARGS, nullptr};
    Ref capsule(PyCapsule_New(const_cast<std::function<void()>*>(&body), nullptr, nullptr));
    Ref callback(PyCFunction_New(&method, capsule.get()));
    Ref result(PyObject_CallOneArg(lookup(space, "host"), callback.get()));
    EXPECT_TRUE(result) << take_error();
  }

  // Runs `body` in the frame of a function without variables.
  static void in_frame(const std::function<void()>& body) { in_frame_of(run("def host(body):\n  body()\n"), body); }

  // Runs `body` often and checks that no memory is lost: that neither operands nor results nor exceptions leak.
  static void expect_no_leak(const std::function<void()>& body) {
    const auto blocks = [] {
      PyGC_Collect();
      Ref count(PyObject_CallNoArgs(PySys_GetObject("getallocatedblocks")));
      return PyLong_AsLong(count.get());
    };
    constexpr int kRounds = 300;
    for (int i = 0; i < 20; i++) {
      body();
    }
    const long before = blocks();
    for (int i = 0; i < kRounds; i++) {
      body();
    }
    EXPECT_LT(blocks() - before, kRounds / 2);
  }

 private:
  static PyObject* call_body(PyObject* capsule, PyObject*) {
    (*static_cast<std::function<void()>*>(PyCapsule_GetPointer(capsule, nullptr)))();
    return Py_NewRef(Py_None);
  }

  uintptr_t saved_breaker_ = 0;
};

}  // namespace whipsnake::test
