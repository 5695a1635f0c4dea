#include "jit/runtime/self_check.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "jit/cpython/opcodes.h"
#include "jit/runtime/frames.h"

namespace whipsnake {

uint64_t self_checks_made;

namespace {

// Memory that was freed, or never filled, under the debugging allocators (3.13 Objects/obmalloc.c): 0xdd, 0xcd, 0xfd.
bool is_filler(uintptr_t word) {
  const uintptr_t low = word & 0xff;
  return (low == 0xdd || low == 0xcd || low == 0xfd) && word == low * (~uintptr_t{0} / 0xff);
}

bool is_address(const void* pointer) {
  const auto word = reinterpret_cast<uintptr_t>(pointer);
  constexpr uintptr_t kUser = uintptr_t{1} << 47;  // above are no addresses of programs
  return word >= 4096 && word < kUser && word % alignof(PyObject) == 0;
}

bool has_sound_count(const PyObject* object) {
  // 3.13 Include/object.h: immortal objects have the lower half negative; nobody has 2**40 references.
  constexpr Py_ssize_t kMany = Py_ssize_t{1} << 40;
  return object->ob_refcnt > 0 && object->ob_refcnt < kMany && !is_filler(static_cast<uintptr_t>(object->ob_refcnt));
}

// 3.13 Include/cpython/longintrepr.h, Include/internal/pycore_long.h
const char* fault_of_int(PyObject* object) {
  const auto* number = reinterpret_cast<PyLongObject*>(object);
  const uintptr_t tag = number->long_value.lv_tag;
  const uintptr_t digits = tag >> 3, sign = tag & 3;
  if (sign == 3 || (tag & 4) != 0) return "int with a tag that means nothing";
  if ((digits == 0) != (sign == 1)) return "int whose sign and size contradict";
  if (digits > (uintptr_t{1} << 40)) return "int of an impossible size";
  if (digits == 0) return nullptr;
  for (uintptr_t i = 0; i < std::min<uintptr_t>(digits, 4); ++i)
    if (number->long_value.ob_digit[i] >> PyLong_SHIFT != 0) return "int with a digit that is too large";
  if (number->long_value.ob_digit[digits - 1] == 0) return "int with a leading zero";
  return nullptr;
}

}  // namespace

const char* fault_of(PyObject* object) {
  if (!is_address(object)) return "no address of an object";
  if (!has_sound_count(object)) return "object with an impossible reference count";
  PyTypeObject* type = Py_TYPE(object);
  if (!is_address(type)) return "object whose type is no address";
  if (!has_sound_count(reinterpret_cast<PyObject*>(type))) return "object whose type has an impossible reference count";
  if ((type->tp_flags & Py_TPFLAGS_READY) == 0 || !PyType_Check(reinterpret_cast<PyObject*>(type)))
    return "object whose type is none";
  if (type == &PyBool_Type && object != Py_True && object != Py_False) return "bool that is neither of the two";
  if (type == &_PyNone_Type && object != Py_None) return "None that is another";
  if (type == &PyLong_Type) return fault_of_int(object);
  if (type == &PyTuple_Type && Py_SIZE(object) < 0) return "tuple of negative size";
  if (type == &PyList_Type && Py_SIZE(object) > reinterpret_cast<PyListObject*>(object)->allocated)
    return "list that is larger than its memory";
  return nullptr;
}

namespace {

// Where the check is, for the report.
struct Place {
  Frame* frame;
  const Site* site;
};

[[noreturn]] void fail(const Place& place, const char* what, const char* where, int index, const void* value) {
  std::fprintf(stderr, "whipsnake: self-check failed: %s", what);
  if (where != nullptr) std::fprintf(stderr, " (%s %d: %p)", where, index, value);
  if (place.site != nullptr && place.site->record != nullptr) {
    PyCodeObject* code = place.site->record->code;
    const auto index_of = static_cast<int>(place.site->instruction);
    const auto opcode = port::instructions(code)[index_of].op.code;
    std::fprintf(stderr, ", before instruction %d (%s), line %d of %s, %s", index_of, opcode_name(opcode),
                 PyCode_Addr2Line(code, index_of * static_cast<int>(sizeof(CodeUnit))),
                 PyUnicode_AsUTF8(code->co_qualname), PyUnicode_AsUTF8(code->co_filename));
  }
  std::fputc('\n', stderr);
  std::fflush(stderr);
  std::abort();
}

void check_object(const Place& place, PyObject* object, const char* where, int index) {
  if (const char* fault = fault_of(object)) fail(place, fault, where, index, object);
}

void check_frame(const Place& place, PyThreadState* ts, ThreadContext* context) {
  Frame* frame = place.frame;
  if (ts != PyThreadState_GetUnchecked()) fail(place, "the thread's register is another thread's", nullptr, 0, nullptr);
  if (context != &this_thread_context) fail(place, "the context's register is another's", nullptr, 0, nullptr);
  if (ts->current_frame != frame) fail(place, "the frame is not the thread's current one", nullptr, 0, nullptr);
  if (!is_address(frame->f_executable) || !PyCode_Check(frame->f_executable))
    fail(place, "the frame has no code", nullptr, 0, nullptr);
  PyCodeObject* code = port::code_of(frame);
  if (place.site->record != nullptr && place.site->record->code != code)
    fail(place, "the frame runs other code", nullptr, 0, nullptr);
  if (frame->stacktop != -1) fail(place, "the frame is not marked as running", "stacktop", frame->stacktop, nullptr);
  const auto* first = port::instructions(code);
  if (frame->instr_ptr < first - 1 || frame->instr_ptr >= first + port::instruction_count(code))
    fail(place, "the frame's position is outside of its code", nullptr, 0, nullptr);
  PyObject** end = frame->localsplus + code->co_nlocalsplus + code->co_stacksize;
  if (frame->owner == FRAME_OWNED_BY_THREAD) {
    if (end > ts->datastack_top || ts->datastack_top > ts->datastack_limit)
      fail(place, "the frame is not below the top of the data stack", nullptr, 0, nullptr);
    if (reinterpret_cast<PyObject**>(frame) < ts->datastack_chunk->data)
      fail(place, "the frame is not in the newest chunk of the data stack", nullptr, 0, nullptr);
  } else if (frame->owner != FRAME_OWNED_BY_GENERATOR) {
    fail(place, "the frame belongs to nobody", "owner", frame->owner, nullptr);
  }
  if (ts->current_exception != nullptr) fail(place, "an exception is pending", nullptr, 0, ts->current_exception);
  check_object(place, frame->f_funcobj, "function", 0);
  check_object(place, frame->f_globals, "globals", 0);
  check_object(place, frame->f_builtins, "builtins", 0);
}

PyObject* value_of(const Place& place, const StackEntry& entry, const ThreadContext* context) {
  switch (entry.where) {
    case StackEntry::Where::kRegister: return context->saved[entry.index];
    case StackEntry::Where::kLocal: return place.frame->localsplus[entry.index];
    case StackEntry::Where::kConstant: return entry.constant;
    case StackEntry::Where::kNull: break;
  }
  return nullptr;
}

// Nulls are where PUSH_NULL left them, and where a comprehension has put an unbound name; a borrowed local never is.
void check_stack(const Place& place, const ThreadContext* context) {
  const PyCodeObject* code = port::code_of(place.frame);
  if (place.site->depth > code->co_stacksize) fail(place, "the stack is too deep", "depth", place.site->depth, nullptr);
  int described = 0;
  for (int slot = 0; slot < place.site->depth; ++slot) {
    PyObject* value = port::stack_base(place.frame)[slot];
    if (described < place.site->entry_count && place.site->entries[described].slot == slot) {
      const StackEntry& entry = place.site->entries[described++];
      value = value_of(place, entry, context);
      if (value == nullptr && entry.where == StackEntry::Where::kLocal)
        fail(place, "a variable on the stack is unbound", "stack", slot, nullptr);
    }
    if (value != nullptr) check_object(place, value, "stack", slot);
  }
}

// What the instruction takes for granted about the top of the stack.
void check_operands(const Place& place, const ThreadContext* context) {
  const Site* site = place.site;
  const auto opcode = kOpcodes[port::instructions(site->record->code)[site->instruction].op.code].base;
  if (site->depth == 0 || (opcode != POP_JUMP_IF_TRUE && opcode != POP_JUMP_IF_FALSE && opcode != UNARY_NOT)) return;
  PyObject* top = port::stack_base(place.frame)[site->depth - 1];
  if (site->entry_count > 0 && site->entries[site->entry_count - 1].slot == site->depth - 1)
    top = value_of(place, site->entries[site->entry_count - 1], context);
  if (top != Py_True && top != Py_False) fail(place, "a condition is no bool", "stack", site->depth - 1, top);
}

}  // namespace

void self_check(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context) {
  ++self_checks_made;
  const Place place{frame, site};
  check_frame(place, ts, context);
  const PyCodeObject* code = port::code_of(frame);
  for (int i = 0; i < code->co_nlocalsplus; ++i)
    if (PyObject* value = frame->localsplus[i]) check_object(place, value, "variable", i);
  check_stack(place, context);
  if (site->record != nullptr) check_operands(place, context);
}

void self_check_result(PyThreadState* ts, PyObject* result) {
  const Place nowhere{nullptr, nullptr};
  if (result == nullptr) {
    if (ts->current_exception == nullptr && !this_thread_context.leave &&
        ts->current_frame != this_thread_context.osr_frame)
      fail(nowhere, "a function returned nothing without an exception", nullptr, 0, nullptr);
    return;
  }
  if (const char* fault = fault_of(result)) fail(nowhere, fault, "result", 0, result);
}

}  // namespace whipsnake
