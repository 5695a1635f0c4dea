#include "jit/cpython/v313/verify.h"

#include "jit/cpython/port.h"
#include "jit/cpython/v313/memory.h"

#include <marshal.h>  // behind Python.h

namespace whipsnake::port {

namespace {

// --- At build time: what machine code and the other checks rely on, as 3.13.0 to 3.13.x have it. A header that was
// patched otherwise is not one we know.
static_assert(sizeof(void*) == 8 && sizeof(CodeUnit) == 2 && sizeof(digit) == 4);
static_assert(offset::kRefcount == 0 && offset::kType == 8 && offset::kVarSize == 16);
static_assert(offset::kFrameExecutable == 0 && offset::kFramePrevious == 8 && offset::kFrameFunction == 16 &&
              offset::kFrameGlobals == 24 && offset::kFrameBuiltins == 32 && offset::kFrameLocals == 40 &&
              offset::kFrameObject == 48 && offset::kFrameInstrPtr == 56 && offset::kFrameStackTop == 64 &&
              offset::kFrameReturnOffset == 68 && offset::kFrameOwner == 70 && offset::kFrameSlots == 72);
static_assert(offset::kThreadEvalBreaker == 24 && offset::kThreadRecursionRemaining == 44 &&
              offset::kThreadCurrentFrame == 72 && offset::kThreadCurrentException == 112 &&
              offset::kThreadExcInfo == 120 && offset::kThreadDataStackTop == 240 &&
              offset::kThreadDataStackLimit == 248);
static_assert(offset::kLongTag == 16 && offset::kLongDigit == 24 && offset::kFloatValue == 16 &&
              offset::kTupleItems == 24 && offset::kListItems == 24 && offset::kCellValue == 16);
static_assert(offset::kDictKeys == 32 && offset::kDictKeysVersion == 12 && offset::kModuleDict == 16 &&
              offset::kTypeVersion == 384 && offset::kHeapTypeCachedKeys == 880);
static_assert(offset::kNativeDefinition == 16 && offset::kNativeSelf == 24 && offset::kDescriptorType == 16 &&
              offset::kDescriptorMethod == 40 && offset::kThreadCRecursionRemaining == 52);
static_assert(offset::kRangeIterStart == 16 && offset::kRangeIterStep == 24 && offset::kRangeIterLength == 32);
static_assert(FRAME_CREATED < FRAME_EXECUTING && FRAME_SUSPENDED < FRAME_EXECUTING && FRAME_EXECUTING == 0);
static_assert(_PY_EVAL_EVENTS_BITS == 8);

// --- At run time

constexpr unsigned char kSample[] = {
#include "jit/cpython/layout_sample.inc"
};

struct Sample {
  PyObject* globals = nullptr;
  PyObject* builtins = nullptr;

  void release() {
    Py_XDECREF(globals);
    Py_XDECREF(builtins);
  }

  bool make() {
    globals = PyDict_New();
    builtins = PyDict_New();
    if (globals == nullptr || builtins == nullptr || PyDict_SetItemString(globals, "__builtins__", builtins) != 0 ||
        !make_instance())
      return false;
    PyObject* code = PyMarshal_ReadObjectFromString(reinterpret_cast<const char*>(kSample), sizeof kSample);
    PyObject* none = code != nullptr ? PyEval_EvalCode(code, globals, globals) : nullptr;
    Py_XDECREF(code);
    Py_XDECREF(none);
    PyObject* suspended = none != nullptr ? (*this)["suspended"] : nullptr;
    PyObject* yielded = suspended != nullptr ? PyIter_Next(suspended) : nullptr;
    Py_XDECREF(yielded);
    return yielded != nullptr;
  }

  // Of a class as a class statement makes it.
  bool make_instance() {
    PyObject* type = PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type), "s(){s:s}", "Class", "__module__",
                                           "whipsnake");
    PyObject* instance = type != nullptr ? PyObject_CallNoArgs(type) : nullptr;
    PyObject* value = PyLong_FromLongLong(kAttribute);
    const bool made = instance != nullptr && value != nullptr &&
                      PyObject_SetAttrString(instance, "attribute", value) == 0 &&
                      PyDict_SetItemString(globals, "instance", instance) == 0;
    Py_XDECREF(type);
    Py_XDECREF(instance);
    Py_XDECREF(value);
    return made;
  }

  static constexpr long long kAttribute = 12345678901;

  PyObject* operator[](const char* name) const { return PyDict_GetItemString(globals, name); }  // borrowed
};

bool attribute_is(PyObject* object, const char* name, long expected) {
  PyObject* value = PyObject_GetAttrString(object, name);
  const bool ok = value != nullptr && PyLong_Check(value) && PyLong_AsLong(value) == expected;
  Py_XDECREF(value);
  PyErr_Clear();
  return ok;
}

bool check_functions(const Sample& sample) {
  auto* func = reinterpret_cast<PyFunctionObject*>(sample["function"]);
  if (!PyFunction_Check(func) || func->func_code != PyFunction_GetCode(reinterpret_cast<PyObject*>(func)) ||
      func->func_globals != sample.globals || func->func_builtins != sample.builtins ||
      func->func_defaults != PyFunction_GetDefaults(reinterpret_cast<PyObject*>(func)) ||
      func->vectorcall != PyVectorcall_Function(reinterpret_cast<PyObject*>(func)))
    return false;
  for (PyTypeObject* wrapper : {&PyClassMethod_Type, &PyStaticMethod_Type}) {
    PyObject* wrapped = PyObject_CallOneArg(reinterpret_cast<PyObject*>(wrapper), sample["function"]);
    const bool ok = wrapped != nullptr && wrapped_callable(wrapped) == sample["function"];
    Py_XDECREF(wrapped);
    if (!ok) return false;
  }
  auto* closure = reinterpret_cast<PyFunctionObject*>(sample["closure"]);
  PyObject* cells = PyFunction_GetClosure(reinterpret_cast<PyObject*>(closure));
  return cells != nullptr && closure->func_closure == cells && PyTuple_GET_SIZE(cells) == 1 &&
         PyCell_GET(PyTuple_GET_ITEM(cells, 0)) == sample["instance"];
}

// func_version, co_version and the table behind them. Other function watchers may have taken versions away, so a
// version is set here.
bool check_versions(const Sample& sample) {
  auto* func = reinterpret_cast<PyFunctionObject*>(sample["function"]);
  auto* code = reinterpret_cast<PyCodeObject*>(func->func_code);
  auto& versions = PyInterpreterState_Get()->func_state;
  if (versions.next_version != 0 && (code->co_version >= versions.next_version || code->co_version == 0)) return false;
  _PyFunction_SetVersion(func, code->co_version);
  const auto& slot = versions.func_version_cache[code->co_version % FUNC_VERSION_CACHE_SIZE];
  return func->func_version == code->co_version && slot.func == func && slot.code == func->func_code;
}

bool check_code(const Sample& sample) {
  PyObject* object = PyFunction_GetCode(sample["function"]);
  auto* code = reinterpret_cast<PyCodeObject*>(object);
  if (!attribute_is(object, "co_argcount", code->co_argcount) || !attribute_is(object, "co_flags", code->co_flags) ||
      !attribute_is(object, "co_stacksize", code->co_stacksize) ||
      !attribute_is(object, "co_firstlineno", code->co_firstlineno) || code->co_nlocalsplus != 3 ||
      code->co_framesize !=
          code->co_nlocalsplus + code->co_stacksize + static_cast<int>(sizeof(Frame) / sizeof(PyObject*)) - 1)
    return false;
  PyObject* bytes = PyCode_GetCode(code);
  const bool ok = bytes != nullptr && PyBytes_GET_SIZE(bytes) == Py_SIZE(code) * static_cast<int>(sizeof(CodeUnit)) &&
                  static_cast<uint8_t>(PyBytes_AS_STRING(bytes)[0]) == instructions(code)[0].op.code;
  Py_XDECREF(bytes);
  return ok;
}

// What we store is found by the API, and the other way round; also after the space has grown.
bool check_code_extra() {
  static int marker = 0;
  const Py_ssize_t index = own_code_extra_index();
  PyCodeObject* first = PyCode_NewEmpty("whipsnake", "whipsnake", 1);
  PyCodeObject* second = PyCode_NewEmpty("whipsnake", "whipsnake", 1);
  bool ok = index >= 0 && first != nullptr && second != nullptr && code_extra(first, index) == nullptr;
  void* found = nullptr;
  ok = ok && set_own_code_extra(first, &marker) && code_extra(first, index) == &marker &&
       PyUnstable_Code_GetExtra(reinterpret_cast<PyObject*>(first), index, &found) == 0 && found == &marker &&
       code_extra(first, index + 1) == nullptr;
  ok = ok && PyUnstable_Code_SetExtra(reinterpret_cast<PyObject*>(second), index, &marker) == 0 &&
       code_extra(second, index) == &marker;
  Py_XDECREF(first);
  Py_XDECREF(second);
  return ok;
}

// A suspended generator has a frame that holds still.
bool check_frames(const Sample& sample) {
  auto* fresh = reinterpret_cast<PyGenObject*>(sample["fresh"]);
  auto* suspended = reinterpret_cast<PyGenObject*>(sample["suspended"]);
  if (!PyGen_CheckExact(fresh) || fresh->gi_frame_state != FRAME_CREATED ||
      suspended->gi_frame_state != FRAME_SUSPENDED)
    return false;
  for (PyGenObject* generator : {fresh, suspended}) {
    const Frame* frame = frame_of(generator);
    PyCodeObject* code = PyGen_GetCode(generator);
    const bool ok = code_of(frame) == code && frame->f_funcobj == sample["generator"] &&
                    frame->f_globals == sample.globals && frame->f_builtins == sample.builtins &&
                    frame->owner == FRAME_OWNED_BY_GENERATOR && frame->localsplus[0] == sample["instance"] &&
                    frame->previous == nullptr && frame->frame_obj == nullptr && instruction_index(frame) >= 0 &&
                    instruction_index(frame) < instruction_count(code) && frame->stacktop >= code->co_nlocalsplus &&
                    frame->stacktop <= code->co_nlocalsplus + code->co_stacksize;
    Py_DECREF(code);
    if (!ok) return false;
  }
  PyObject* object = PyObject_GetAttrString(reinterpret_cast<PyObject*>(suspended), "gi_frame");
  const bool ok =
      object != nullptr && frame_of(suspended)->frame_obj == reinterpret_cast<PyFrameObject*>(object) &&
      instructions(code_of(frame_of(suspended))) + PyFrame_GetLasti(reinterpret_cast<PyFrameObject*>(object)) / 2 ==
          frame_of(suspended)->instr_ptr;
  Py_XDECREF(object);
  return ok;
}

// The headers tell code that is built with a sanitizer the limit of an interpreter that is, which ours never is.
constexpr int kCRecursionLimit = 10000;
#ifndef _Py_ADDRESS_SANITIZER
static_assert(kCRecursionLimit == Py_C_RECURSION_LIMIT);
#endif

bool check_thread() {
  PyThreadState* ts = PyThreadState_Get();
  const int limit = Py_GetRecursionLimit();
  if (ts->interp == PyInterpreterState_Main() && ts->interp->ceval.gil->last_holder != ts) return false;
  const _pending_calls& queue = ts->interp->ceval.pending;
  if (queue.max != MAXPENDINGCALLS || queue.maxloop != MAXPENDINGCALLSLOOP) return false;
  if (ts->interp != PyThreadState_GetInterpreter(ts) || ts->py_recursion_limit != limit ||
      ts->py_recursion_remaining > limit || ts->py_recursion_remaining < -50 ||
      ts->c_recursion_remaining > kCRecursionLimit || ts->c_recursion_remaining < 0 || ts->tracing < 0 ||
      ts->exc_info == nullptr || ts->datastack_chunk == nullptr || ts->datastack_top < ts->datastack_chunk->data ||
      ts->datastack_top > ts->datastack_limit)
    return false;
  if ((eval_breaker(ts) & ~kBreakerEventsMask) != ts->interp->ceval.instrumentation_version) return false;
  // The newest complete frame is the running frame object's.
  const Frame* frame = ts->current_frame;
  while (frame != nullptr && _PyFrame_IsIncomplete(const_cast<Frame*>(frame))) frame = frame->previous;
  PyFrameObject* object = PyThreadState_GetFrame(ts);
  bool ok = object == nullptr ? frame == nullptr : frame != nullptr && frame->frame_obj == object;
  Py_XDECREF(object);
  PyErr_SetString(PyExc_KeyError, "");
  ok = ok && ts->current_exception != nullptr &&
       Py_IS_TYPE(ts->current_exception, reinterpret_cast<PyTypeObject*>(PyExc_KeyError));
  PyErr_Clear();
  return ok && ts->current_exception == nullptr;
}

int ignore_function(PyFunction_WatchEvent, PyFunctionObject*, PyObject*) { return 0; }
int ignore_dict(PyDict_WatchEvent, PyObject*, PyObject*, PyObject*) { return 0; }

// Fields before and behind those that we use, so that a shift in between is noticed.
bool check_interpreter() {
  const PyInterpreterState* interp = PyInterpreterState_Get();
  _PyFrameEvalFunction evaluator = interp->eval_frame != nullptr ? interp->eval_frame : _PyEval_EvalFrameDefault;
  if (evaluator != _PyInterpreterState_GetEvalFrameFunc(const_cast<PyInterpreterState*>(interp))) return false;
  const int function_watcher = PyFunction_AddWatcher(ignore_function);
  const int dict_watcher = PyDict_AddWatcher(ignore_dict);
  // When all ids are taken, others' watchers are there instead; nothing can be said then.
  bool ok = (function_watcher < 0 || interp->func_watchers[function_watcher] == ignore_function) &&
            (dict_watcher < 0 || interp->dict_state.watchers[dict_watcher] == ignore_dict);
  if (function_watcher >= 0) PyFunction_ClearWatcher(function_watcher);
  if (dict_watcher >= 0) PyDict_ClearWatcher(dict_watcher);
  PyErr_Clear();
  for (const uint8_t tools : interp->monitors.tools)
    for (int tool = 0; tool < 6; ++tool)
      if ((tools >> tool & 1) != 0 && interp->monitoring_tool_names[tool] == nullptr) ok = false;
  for (PyObject* name : interp->monitoring_tool_names)
    if (name != nullptr && (reinterpret_cast<uintptr_t>(name) & 7) != 0) ok = false;
  return ok;
}

bool check_numbers() {
  PyObject* two_digits = PyLong_FromLongLong((5LL << 30) + 7);
  PyObject* negative = PyLong_FromLong(-1234567);
  PyObject* real = PyFloat_FromDouble(1.25);
  bool ok = two_digits != nullptr && negative != nullptr && real != nullptr;
  if (ok) {
    const auto& big = reinterpret_cast<PyLongObject*>(two_digits)->long_value;
    const auto& small = reinterpret_cast<PyLongObject*>(negative)->long_value;
    ok = big.lv_tag == (2 << 3) && big.ob_digit[0] == 7 && big.ob_digit[1] == 5 && small.lv_tag == ((1 << 3) | 2) &&
         small.ob_digit[0] == 1234567 && reinterpret_cast<PyFloatObject*>(real)->ob_fval == 1.25;
  }
  Py_XDECREF(two_digits);
  Py_XDECREF(negative);
  Py_XDECREF(real);
  const char* five = reinterpret_cast<const char*>(PyLong_FromLong(5));
  const char* six = reinterpret_cast<const char*>(PyLong_FromLong(6));
  return ok && six - five == static_cast<ptrdiff_t>(sizeof(PyLongObject)) &&
         _Py_IsImmortal(const_cast<PyObject*>(reinterpret_cast<const PyObject*>(five)));
}

bool check_containers(const Sample& sample) {
  PyObject* module = PyImport_AddModule("sys");  // borrowed
  if (module == nullptr || reinterpret_cast<PyModuleObject*>(module)->md_dict != PyModule_GetDict(module)) return false;
  PyObject* range = PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyRange_Type), "iii", 3, 10, 2);
  PyObject* iterator = range != nullptr ? PyObject_GetIter(range) : nullptr;
  bool ok = false;
  if (iterator != nullptr) {
    const auto* r = reinterpret_cast<_PyRangeIterObject*>(iterator);
    ok = Py_IS_TYPE(iterator, &PyRangeIter_Type) && r->start == 3 && r->step == 2 && r->len == 4 &&
         *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(range) + offset::kRangeLength) == PyLong_FromLong(4);
  }
  Py_XDECREF(iterator);
  Py_XDECREF(range);
  auto* dict = reinterpret_cast<PyDictObject*>(sample.globals);
  return ok && DK_IS_UNICODE(dict->ma_keys) && dict->ma_keys->dk_nentries >= PyDict_GET_SIZE(sample.globals) &&
         dict->ma_values == nullptr;
}

bool check_instances(const Sample& sample) {
  PyObject* instance = sample["instance"];
  PyTypeObject* type = Py_TYPE(instance);
  if (!PyUnstable_Type_AssignVersionTag(type) || type->tp_version_tag == 0 ||
      (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) == 0)
    return false;
  const PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
  const PyDictValues* values = _PyObject_InlineValues(instance);
  return keys != nullptr && keys->dk_kind == DICT_KEYS_SPLIT && keys->dk_nentries == 1 && values->valid == 1 &&
         values->size == 1 && PyLong_Check(values->values[0]) &&
         PyLong_AsLongLong(values->values[0]) == Sample::kAttribute && _PyObject_GetManagedDict(instance) == nullptr;
}

}  // namespace

const char* verify_layouts() {
  Sample sample;
  const char* unexpected = nullptr;
  if (!sample.make())
    unexpected = "memory";
  else if (!check_thread())
    unexpected = "thread state";
  else if (!check_interpreter())
    unexpected = "interpreter state";
  else if (!check_code(sample))
    unexpected = "code objects";
  else if (!check_code_extra())
    unexpected = "code objects' extra data";
  else if (!check_functions(sample))
    unexpected = "functions";
  else if (!check_versions(sample))
    unexpected = "function versions";
  else if (!check_frames(sample))
    unexpected = "frames";
  else if (!check_numbers())
    unexpected = "numbers";
  else if (!check_containers(sample))
    unexpected = "containers";
  else if (!check_instances(sample))
    unexpected = "instances";
  else
    init_memory(sample["instance"]);  // checks itself
  sample.release();
  PyErr_Clear();
  return unexpected;
}

}  // namespace whipsnake::port
