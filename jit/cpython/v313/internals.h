// CPython 3.13: private headers, layouts and the inline accessors over them.
#pragma once

#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#endif
#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

// CPython's internal headers are C: they trip C++ warnings that are none of our business.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
extern "C" {
#include "internal/pycore_ceval.h"
#include "internal/pycore_code.h"
#include "internal/pycore_descrobject.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_function.h"
#include "internal/pycore_genobject.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_intrinsics.h"
#include "internal/pycore_list.h"
#include "internal/pycore_long.h"
#include "internal/pycore_object.h"
#include "internal/pycore_opcode_utils.h"
#include "internal/pycore_pyerrors.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_range.h"
#include "internal/pycore_setobject.h"
#include "internal/pycore_tuple.h"
#include "internal/pycore_unicodeobject.h"
#include "opcode.h"
}
#pragma GCC diagnostic pop

namespace whipsnake {

using Frame = _PyInterpreterFrame;
using CodeUnit = _Py_CODEUNIT;

namespace port {

// Byte offsets that machine code uses. Verified against the running interpreter by port_check.cpp.
namespace offset {
inline constexpr int32_t kRefcount = offsetof(PyObject, ob_refcnt);
inline constexpr int32_t kType = offsetof(PyObject, ob_type);
inline constexpr int32_t kVarSize = offsetof(PyVarObject, ob_size);

inline constexpr int32_t kFrameExecutable = offsetof(Frame, f_executable);
inline constexpr int32_t kFramePrevious = offsetof(Frame, previous);
inline constexpr int32_t kFrameFunction = offsetof(Frame, f_funcobj);
inline constexpr int32_t kFrameGlobals = offsetof(Frame, f_globals);
inline constexpr int32_t kFrameBuiltins = offsetof(Frame, f_builtins);
inline constexpr int32_t kFrameLocals = offsetof(Frame, f_locals);
inline constexpr int32_t kFrameObject = offsetof(Frame, frame_obj);
inline constexpr int32_t kFrameInstrPtr = offsetof(Frame, instr_ptr);
inline constexpr int32_t kFrameStackTop = offsetof(Frame, stacktop);
inline constexpr int32_t kFrameReturnOffset = offsetof(Frame, return_offset);
inline constexpr int32_t kFrameOwner = offsetof(Frame, owner);
// A byte of padding, for is_delegated().
inline constexpr int32_t kFrameDelegated = kFrameOwner + 1;
static_assert(kFrameDelegated < static_cast<int32_t>(offsetof(Frame, localsplus)));
inline constexpr int32_t kFrameSlots = offsetof(Frame, localsplus);

inline constexpr int32_t kGeneratorState = offsetof(PyGenObject, gi_frame_state);
inline constexpr int32_t kGeneratorFrame = offsetof(PyGenObject, gi_iframe);
inline constexpr int32_t kGeneratorExcInfo = offsetof(PyGenObject, gi_exc_state);
inline constexpr int32_t kExcInfoPrevious = offsetof(_PyErr_StackItem, previous_item);

inline constexpr int32_t kThreadEvalBreaker = offsetof(PyThreadState, eval_breaker);
inline constexpr int32_t kThreadCurrentFrame = offsetof(PyThreadState, current_frame);
inline constexpr int32_t kThreadRecursionRemaining = offsetof(PyThreadState, py_recursion_remaining);
inline constexpr int32_t kThreadCRecursionRemaining = offsetof(PyThreadState, c_recursion_remaining);
inline constexpr int32_t kThreadDataStackTop = offsetof(PyThreadState, datastack_top);
inline constexpr int32_t kThreadDataStackLimit = offsetof(PyThreadState, datastack_limit);
inline constexpr int32_t kThreadDataStackChunk = offsetof(PyThreadState, datastack_chunk);
inline constexpr int32_t kStackChunkData = offsetof(_PyStackChunk, data);
inline constexpr int32_t kThreadCurrentException = offsetof(PyThreadState, current_exception);
inline constexpr int32_t kThreadExcInfo = offsetof(PyThreadState, exc_info);

inline constexpr int32_t kCodeExtra = offsetof(PyCodeObject, co_extra);
inline constexpr int32_t kLongTag = offsetof(PyLongObject, long_value.lv_tag);
inline constexpr int32_t kLongDigit = offsetof(PyLongObject, long_value.ob_digit);
inline constexpr int32_t kFloatValue = offsetof(PyFloatObject, ob_fval);
inline constexpr int32_t kTupleItems = offsetof(PyTupleObject, ob_item);
inline constexpr int32_t kListItems = offsetof(PyListObject, ob_item);
inline constexpr int32_t kListAllocated = offsetof(PyListObject, allocated);
inline constexpr int32_t kCellValue = offsetof(PyCellObject, ob_ref);
inline constexpr int32_t kTypeVersion = offsetof(PyTypeObject, tp_version_tag);
inline constexpr int32_t kTypeIterNext = offsetof(PyTypeObject, tp_iternext);
inline constexpr int32_t kTypeBasicSize = offsetof(PyTypeObject, tp_basicsize);
inline constexpr int32_t kTypeFlags = offsetof(PyTypeObject, tp_flags);
inline constexpr int32_t kHeapTypeCachedKeys = offsetof(PyHeapTypeObject, ht_cached_keys);
inline constexpr int32_t kDictKeys = offsetof(PyDictObject, ma_keys);
inline constexpr int32_t kDictKeysVersion = offsetof(PyDictKeysObject, dk_version);
inline constexpr int32_t kDictKeysEntries = offsetof(PyDictKeysObject, dk_nentries);
inline constexpr int32_t kDictKeysKind = offsetof(PyDictKeysObject, dk_kind);
inline constexpr int32_t kDictKeysLog2IndexBytes = offsetof(PyDictKeysObject, dk_log2_index_bytes);
inline constexpr int32_t kDictKeysIndices = offsetof(PyDictKeysObject, dk_indices);
inline constexpr int32_t kDictEntryKey = offsetof(PyDictUnicodeEntry, me_key);  // where the kind is unicode
inline constexpr int32_t kDictEntryValue = offsetof(PyDictUnicodeEntry, me_value);
inline constexpr int32_t kModuleDict = offsetof(PyModuleObject, md_dict);
inline constexpr int32_t kFunctionCode = offsetof(PyFunctionObject, func_code);
inline constexpr int32_t kFunctionGlobals = offsetof(PyFunctionObject, func_globals);
inline constexpr int32_t kFunctionBuiltins = offsetof(PyFunctionObject, func_builtins);
inline constexpr int32_t kFunctionVectorcall = offsetof(PyFunctionObject, vectorcall);
inline constexpr int32_t kFunctionDefaults = offsetof(PyFunctionObject, func_defaults);
inline constexpr int32_t kFunctionClosure = offsetof(PyFunctionObject, func_closure);
inline constexpr int32_t kMethodFunction = offsetof(PyMethodObject, im_func);
inline constexpr int32_t kMethodSelf = offsetof(PyMethodObject, im_self);
inline constexpr int32_t kNativeDefinition = offsetof(PyCFunctionObject, m_ml);
inline constexpr int32_t kNativeSelf = offsetof(PyCFunctionObject, m_self);
inline constexpr int32_t kDescriptorType = offsetof(PyDescrObject, d_type);
inline constexpr int32_t kDescriptorMethod = offsetof(PyMethodDescrObject, d_method);
inline constexpr int32_t kPropertyGetter = offsetof(_PyPropertyObject, prop_get);
inline constexpr int32_t kWrappedCallable = sizeof(PyObject);  // 3.13 Objects/funcobject.c, classmethod, staticmethod
// 3.13 Objects/rangeobject.c, rangeobject: start, stop, step, length, all ints; CPython publishes no structure.
inline constexpr int32_t kRangeLength = sizeof(PyObject) + 3 * sizeof(PyObject*);
inline constexpr int32_t kRangeIterStart = offsetof(_PyRangeIterObject, start);
inline constexpr int32_t kRangeIterStep = offsetof(_PyRangeIterObject, step);
inline constexpr int32_t kRangeIterLength = offsetof(_PyRangeIterObject, len);
inline constexpr int32_t kManagedDict = MANAGED_DICT_OFFSET;  // from the object, negative: its dict pointer
// Inline values follow the object's head at once: _PyObject_InlineValues().
inline constexpr int32_t kInlineValues = sizeof(PyObject);
inline constexpr int32_t kInlineValuesValid = kInlineValues + static_cast<int32_t>(offsetof(PyDictValues, valid));
inline constexpr int32_t kInlineValuesCapacity = kInlineValues + static_cast<int32_t>(offsetof(PyDictValues, capacity));
inline constexpr int32_t kInlineValuesSize = kInlineValues + static_cast<int32_t>(offsetof(PyDictValues, size));
inline constexpr int32_t kInlineValuesItems = kInlineValues + static_cast<int32_t>(offsetof(PyDictValues, values));

inline constexpr int32_t slot(int index) { return kFrameSlots + index * static_cast<int32_t>(sizeof(PyObject*)); }
}  // namespace offset

// The low bits of PyThreadState.eval_breaker are requests (signals, GIL, GC, ...), the rest is the monitoring version.
inline constexpr uintptr_t kBreakerEventsMask = _PY_EVAL_EVENTS_MASK;
// Other threads set request bits in it at any time.
inline uintptr_t eval_breaker(const PyThreadState* ts) { return _Py_atomic_load_uintptr_relaxed(&ts->eval_breaker); }
// Ours among them: one that CPython has kept for future use (3.13 Include/internal/pycore_ceval.h) and finds nothing to
// do for. While it is set, the thread's machine code asks breaker_slow() wherever it looks.
inline constexpr uintptr_t kBreakerWatchBit = 1u << 7;
inline constexpr uintptr_t kBreakerRequestsMask = kBreakerEventsMask & ~kBreakerWatchBit;
inline void watch_breaker(PyThreadState* ts, bool watch) {
  if (watch)
    _Py_set_eval_breaker_bit(ts, kBreakerWatchBit);
  else
    _Py_unset_eval_breaker_bit(ts, kBreakerWatchBit);
}

inline PyCodeObject* code_of(const Frame* frame) { return reinterpret_cast<PyCodeObject*>(frame->f_executable); }
// What a classmethod or staticmethod wraps, borrowed; null when it was not initialised.
inline PyObject* wrapped_callable(PyObject* wrapper) {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(wrapper) + offset::kWrappedCallable);
}

inline CodeUnit* instructions(PyCodeObject* code) { return _PyCode_CODE(code); }
inline int instruction_count(PyCodeObject* code) { return static_cast<int>(Py_SIZE(code)); }
inline PyObject** stack_base(Frame* frame) { return frame->localsplus + code_of(frame)->co_nlocalsplus; }
inline int instruction_index(const Frame* frame) {
  return static_cast<int>(frame->instr_ptr - instructions(code_of(frame)));
}
inline void set_instruction(Frame* frame, int index) { frame->instr_ptr = instructions(code_of(frame)) + index; }
inline Frame* current_frame(PyThreadState* ts) { return ts->current_frame; }
inline PyGenObject* generator_of(Frame* frame) { return _PyFrame_GetGenerator(frame); }
inline Frame* frame_of(PyGenObject* gen) { return reinterpret_cast<Frame*>(gen->gi_iframe); }
// Not one that the interpreter pushes for itself: below a call from C, and below __init__, with code in read-only
// memory (3.13 Include/internal/pycore_frame.h, _PyFrame_PushTrampolineUnchecked).
inline bool is_of_program(const Frame* frame) {
  return frame->owner != FRAME_OWNED_BY_CSTACK && PyFunction_Check(frame->f_funcobj);
}
// The frozen modules that carry out `import`, on the stack whenever a module is loaded: they wait for C code, and for
// the module's own.
inline bool is_import_machinery(const PyCodeObject* code) {
  constexpr std::string_view kModules = "<frozen importlib._bootstrap";
  PyObject* file = code->co_filename;
  return PyUnicode_IS_COMPACT_ASCII(file) && std::string_view(reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(file)),
                                                              static_cast<size_t>(PyUnicode_GET_LENGTH(file)))
                                                 .starts_with(kModules);
}
inline bool owned_by_generator(const Frame* frame) { return frame->owner == FRAME_OWNED_BY_GENERATOR; }

// Whether a generator's frame that is running in machine code was resumed by the SEND of another's, see
// runtime/generators.h. Kept where the interpreter has nothing and looks at nothing.
inline bool is_delegated(const Frame* frame) {
  return owned_by_generator(frame) && reinterpret_cast<const char*>(frame)[offset::kFrameDelegated] != 0;
}
inline void set_delegated(Frame* frame, bool delegated) {
  reinterpret_cast<char*>(frame)[offset::kFrameDelegated] = static_cast<char>(delegated);
}

// CPython's own function-call entry point (hidden symbol; read off a fresh function object at import).
extern vectorcallfunc function_vectorcall;

// sys.monitoring events that only the interpreter's hidden functions fire; tools hear them as from the interpreter.
// Errors raised by callbacks replace the pending exception, as there.
void fire_exception_handled(PyThreadState* ts, Frame* frame, int instruction, PyObject* exception);
void fire_unwind(PyThreadState* ts, Frame* frame);
// The LINE event of the instruction that `frame` is at, when it begins another line than `previous` is on. The tool may
// move the frame (frame.f_lineno). False when it raised.
bool fire_line(PyThreadState* ts, Frame* frame, int previous);
void fire_reraise(PyThreadState* ts, Frame* frame);

// The thread state that holds the main interpreter's GIL: the calling thread's, wherever objects of that interpreter
// may be used. PyThreadState_GetUnchecked() is a call that looks for a thread-local variable. 3.13 Python/ceval_gil.c:
// whoever holds the GIL is its last holder.
extern _gil_runtime_state* main_gil;  // set by init_names()
inline PyThreadState* thread_with_gil() { return main_gil->last_holder; }

// The exception that is being raised, without a look at the thread: PyErr_GetRaisedException() and its opposite, for a
// thread in which there is none.
inline PyObject* take_exception(PyThreadState* ts) { return std::exchange(ts->current_exception, nullptr); }
inline void give_exception(PyThreadState* ts, PyObject* exception) { ts->current_exception = exception; }

// What specialising instructions count down from, before their first execution.
inline uint16_t untouched_counter() { return adaptive_counter_warmup().as_counter; }

// Queues `call` for whichever thread of the main interpreter holds the GIL next. Needs no GIL. False: the queue is
// full. 3.13 Python/ceval_gil.c, _PyEval_AddPendingCall: Py_AddPendingCall() would wait for the main thread.
inline bool add_pending_call(int (*call)(void*)) {
  return _PyEval_AddPendingCall(PyInterpreterState_Main(), call, nullptr, 0) == 0;
}

// The same for a thread that the C library may not know of, and which has no thread state: waits for no other thread.
// `only`: the one thread that the C library knows, whose mutexes must then be left alone; null if it knows more. False:
// not at this moment.
bool try_add_pending_call(int (*call)(void*), PyThreadState* only);

// The main interpreter's first thread state, whose memory is never given back.
inline bool is_first_thread_state(const PyThreadState* ts) {
  return ts == &PyInterpreterState_Main()->_initial_thread.base;
}

// The head of the list of all interpreters, to which new ones come first. Null when it is not found.
PyInterpreterState* const* find_newest_interpreter();

// Where the interpreter keeps the malloc function of object memory, so that one can see without a call whether somebody
// (tracemalloc) has put another in its place. Null when it is not found, or when blocks are not as good as those of the
// next multiple of 16 bytes: a debugging allocator sees what is written behind the size asked for.
void* const* find_object_malloc();

// The main interpreter's list of dead floats, linked through ob_type: numfree of them, at most kMaxFreeFloats. Null
// when it is not where it is expected. 3.13 Objects/floatobject.c, PyFloat_FromDouble and _PyFloat_ExactDealloc.
using FloatFreeList = _Py_float_freelist;
inline constexpr int kMaxFreeFloats = PyFloat_MAXFREELIST;
FloatFreeList* find_float_free_list();

// Interned names used by opcode helpers, created at import.
struct Names {
  PyObject *send, *iter, *aenter, *aexit, *enter, *exit, *build_class, *annotations, *import_, *name, *path, *spec,
      *initializing, *empty_string, *origin, *dunder_file, *dunder_all, *dunder_dict;
};
extern Names names;

// Creates names, function_vectorcall and main_gil. Once per process, before any helper runs and before anybody watches
// the creation of functions. False: an exception is set.
bool init_names();

}  // namespace port
}  // namespace whipsnake
