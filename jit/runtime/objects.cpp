#include "jit/runtime/objects.h"

#include <algorithm>
#include <cstring>

#include "jit/cpython/memory.h"
#include "jit/runtime/context.h"

namespace whipsnake {

namespace {

// 3.13 Include/cpython/object.h, Py_TRASHCAN_BEGIN and Py_TRASHCAN_END: each container that ends within another's end
// counts as C recursion. Where little of that is left, CPython's function has to put the object off; where much of a
// small native stack is gone, it needs less of it than we do.
bool nests_deep(const PyThreadState* ts) {
  return ts->c_recursion_remaining <= Py_TRASHCAN_HEADROOM || below_stack_limit();
}

// Not by constructor and destructor: a thread that wants the GIL back while the interpreter shuts down ends where it
// is, which runs destructors, and its thread state is gone by then. [thread-end]
void begin_nesting(PyThreadState* ts) { --ts->c_recursion_remaining; }

void end_nesting(PyThreadState* ts) {
  ++ts->c_recursion_remaining;
  if (ts->delete_later != nullptr && ts->c_recursion_remaining > 2 * Py_TRASHCAN_HEADROOM) [[unlikely]]
    _PyTrash_thread_destroy_chain(ts);
}

// 3.13 Objects/typeobject.c, clear_slots.
void clear_slots(PyTypeObject* type, PyObject* self) {
  auto* member = reinterpret_cast<PyMemberDef*>(reinterpret_cast<char*>(type) + Py_TYPE(type)->tp_basicsize);
  for (const PyMemberDef* end = member + Py_SIZE(type); member != end; ++member) {
    if (member->type != Py_T_OBJECT_EX || (member->flags & Py_READONLY) != 0) continue;
    auto** slot = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + member->offset);
    release_or_null(std::exchange(*slot, nullptr));
  }
}

// What ends and makes exceptions of most classes: that of ValueError.
PyTypeObject* plain_exception() { return reinterpret_cast<PyTypeObject*>(PyExc_ValueError); }

// 3.13 Objects/exceptions.c, BaseException_clear.
void clear_exception(PyObject* self) {
  auto* exception = reinterpret_cast<PyBaseExceptionObject*>(self);
  for (PyObject** field : {&exception->dict, &exception->args, &exception->notes, &exception->traceback,
                           &exception->cause, &exception->context})
    release_or_null(std::exchange(*field, nullptr));
}

size_t bytes_before(const PyTypeObject* type) {
  return (type->tp_flags & Py_TPFLAGS_PREHEADER) != 0 ? port::kInstanceHead : port::kGcHead;
}

// An exception of a class made in C. 3.13 Objects/exceptions.c, BaseException_dealloc.
bool end_exception(PyThreadState* ts, PyObject* self, const PyTypeObject* type) {
  if (type->tp_free != &PyObject_GC_Del || nests_deep(ts)) return false;
  port::untrack(self);
  begin_nesting(ts);
  clear_exception(self);
  port::give_collected(ts, self, bytes_before(type));
  end_nesting(ts);
  return true;
}

// An instance of a class made in Python that derives from object, or from a plain exception, alone. 3.13
// Objects/typeobject.c, subtype_dealloc and object_dealloc. False: CPython's function has to do it, nothing has been
// changed.
bool end_instance(PyThreadState* ts, PyObject* self, PyTypeObject* type) {
  const unsigned long flags = type->tp_flags;
  if ((flags & Py_TPFLAGS_HAVE_GC) == 0 || type->tp_finalize != nullptr || type->tp_del != nullptr ||
      type->tp_free != &PyObject_GC_Del || nests_deep(ts))
    return false;
  bool slots = false;
  const PyTypeObject* base = type;
  for (; base->tp_dealloc == port::memory.subtype_dealloc; base = base->tp_base) slots = slots || Py_SIZE(base) != 0;
  const bool exception = base->tp_dealloc == plain_exception()->tp_dealloc;
  if (base != &PyBaseObject_Type && !exception) return false;
  const Py_ssize_t references = type->tp_weaklistoffset;
  if (references != 0 && *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + references) != nullptr)
    return false;
  if ((flags & Py_TPFLAGS_MANAGED_DICT) != 0) {
    if (exception || _PyObject_GetManagedDict(self) != nullptr) return false;
  } else if (type->tp_dictoffset != base->tp_dictoffset) {
    return false;
  }
  port::untrack(self);
  begin_nesting(ts);
  if (slots)
    for (PyTypeObject* at = type; at != base; at = at->tp_base)
      if (Py_SIZE(at) != 0) clear_slots(at, self);
  if (exception) {
    begin_nesting(ts);  // BaseException_dealloc within subtype_dealloc
    clear_exception(self);
    end_nesting(ts);
  } else if ((flags & Py_TPFLAGS_INLINE_VALUES) != 0) {
    // 3.13 Objects/dictobject.c, set_dict_inline_values
    PyDictValues* values = _PyObject_InlineValues(self);
    if (values->valid != 0) {
      values->valid = 0;
      for (int i = 0; i < values->capacity; ++i) release_or_null(std::exchange(values->values[i], nullptr));
    }
  }
  port::give_collected(ts, self, bytes_before(type));
  Py_DECREF(type);
  end_nesting(ts);
  return true;
}

bool end_list(PyThreadState* ts, PyObject* object);

// From the last to the first; what has no count is on the way without jumps.
inline void release_items(PyThreadState* ts, PyObject* const* items, Py_ssize_t count) {
  for (PyObject* const* at = items + count; at != items;) {
    PyObject* item = *--at;
    if (item == nullptr) [[unlikely]]
      continue;
    if (_Py_IsImmortal(item)) [[likely]]
      continue;
    if (--item->ob_refcnt != 0) continue;
    if (!Py_IS_TYPE(item, &PyList_Type) || !port::memory_is_usual() || !end_list(ts, item)) dealloc(item);
  }
}

// 3.13 Objects/tupleobject.c, tupledealloc and maybe_freelist_push.
bool end_tuple(PyThreadState* ts, PyObject* object) {
  auto* tuple = reinterpret_cast<PyTupleObject*>(object);
  const Py_ssize_t size = Py_SIZE(tuple);
  if (size == 0 || nests_deep(ts)) return false;
  port::untrack(object);
  begin_nesting(ts);
  release_items(ts, tuple->ob_item, size);
  auto& list = port::free_lists(ts).tuples;
  if (size <= PyTuple_MAXSAVESIZE && static_cast<unsigned>(list.numfree[size - 1]) < PyTuple_MAXFREELIST) {
    tuple->ob_item[0] = reinterpret_cast<PyObject*>(list.items[size - 1]);
    list.items[size - 1] = tuple;
    ++list.numfree[size - 1];
  } else {
    port::give_collected(ts, object, port::kGcHead);
  }
  end_nesting(ts);
  return true;
}

// 3.13 Objects/listobject.c, list_dealloc.
[[gnu::noinline]] bool end_list(PyThreadState* ts, PyObject* object) {
  auto* list = reinterpret_cast<PyListObject*>(object);
  if (nests_deep(ts)) return false;
  port::untrack(object);
  begin_nesting(ts);
  if (list->ob_item != nullptr) {
    release_items(ts, list->ob_item, Py_SIZE(list));
    port::give_buffer(list->ob_item);
  }
  auto& free = port::free_lists(ts).lists;
  if (static_cast<unsigned>(free.numfree) < PyList_MAXFREELIST)
    free.items[free.numfree++] = list;
  else
    port::give_collected(ts, object, port::kGcHead);
  end_nesting(ts);
  return true;
}

// 3.13 Objects/classobject.c, method_dealloc.
bool end_method(PyThreadState* ts, PyObject* object) {
  auto* method = reinterpret_cast<PyMethodObject*>(object);
  if (method->im_weakreflist != nullptr) return false;
  port::untrack(object);
  release_object(method->im_func);
  release_or_null(method->im_self);
  port::give_collected(ts, object, port::kGcHead);
  return true;
}

// 3.13 Objects/cellobject.c, cell_dealloc.
bool end_cell(PyThreadState* ts, PyObject* object) {
  port::untrack(object);
  release_or_null(reinterpret_cast<PyCellObject*>(object)->ob_ref);
  port::give_collected(ts, object, port::kGcHead);
  return true;
}

// 3.13 Python/traceback.c, tb_dealloc.
bool end_traceback(PyThreadState* ts, PyObject* object) {
  auto* entry = reinterpret_cast<PyTracebackObject*>(object);
  if (nests_deep(ts)) return false;
  port::untrack(object);
  begin_nesting(ts);
  release_or_null(reinterpret_cast<PyObject*>(entry->tb_next));
  release_or_null(reinterpret_cast<PyObject*>(entry->tb_frame));
  port::give_collected(ts, object, port::kGcHead);
  end_nesting(ts);
  return true;
}

// 3.13 Objects/frameobject.c, frame_dealloc.
bool end_frame(PyThreadState* ts, PyObject* object) {
  auto* owner = reinterpret_cast<PyFrameObject*>(object);
  if (nests_deep(ts)) return false;
  port::untrack(object);
  begin_nesting(ts);
  PyObject* code = nullptr;
  auto* frame = reinterpret_cast<Frame*>(owner->_f_frame_data);
  if (owner->f_frame == frame && frame->owner == FRAME_OWNED_BY_FRAME_OBJECT) {
    code = std::exchange(frame->f_executable, nullptr);
    release_or_null(std::exchange(frame->f_funcobj, nullptr));
    release_or_null(std::exchange(frame->f_locals, nullptr));
    for (int i = 0; i < frame->stacktop; ++i) release_or_null(std::exchange(frame->localsplus[i], nullptr));
  }
  release_or_null(reinterpret_cast<PyObject*>(std::exchange(owner->f_back, nullptr)));
  release_or_null(std::exchange(owner->f_trace, nullptr));
  release_or_null(std::exchange(owner->f_extra_locals, nullptr));
  release_or_null(std::exchange(owner->f_locals_cache, nullptr));
  port::give_collected(ts, object, port::kGcHead);
  release_or_null(code);
  end_nesting(ts);
  return true;
}

// A generator or coroutine that is over. 3.13 Objects/genobject.c, gen_dealloc.
bool end_generator(PyThreadState* ts, PyObject* object) {
  auto* generator = reinterpret_cast<PyGenObject*>(object);
  if (generator->gi_frame_state != FRAME_CLEARED || generator->gi_weakreflist != nullptr) return false;
  port::untrack(object);
  PyObject* code = port::frame_of(generator)->f_executable;
  if ((reinterpret_cast<PyCodeObject*>(code)->co_flags & CO_COROUTINE) != 0)
    release_or_null(std::exchange(reinterpret_cast<PyCoroObject*>(object)->cr_origin_or_finalizer, nullptr));
  release_object(code);
  release_object(generator->gi_name);
  release_object(generator->gi_qualname);
  port::give_collected(ts, object, port::kGcHead);
  return true;
}

// 3.13 Objects/unicodeobject.c, unicode_dealloc: text in one block that is not interned.
bool end_text(PyObject* object) {
  const auto* text = reinterpret_cast<PyASCIIObject*>(object);
  if (text->state.interned != SSTATE_NOT_INTERNED || text->state.compact == 0 || text->state.ascii == 0) return false;
  port::give_block(object);
  return true;
}

bool end_usual(PyThreadState* ts, PyObject* object, PyTypeObject* type) {
  if (type->tp_dealloc == port::memory.subtype_dealloc) return end_instance(ts, object, type);
  if (type == &PyTuple_Type) return end_tuple(ts, object);
  if (type == &PyUnicode_Type) return end_text(object);
  if (type == &PyList_Type) return end_list(ts, object);
  if (type == &PyGen_Type || type == &PyCoro_Type) return end_generator(ts, object);
  if (type == &PyMethod_Type) return end_method(ts, object);
  if (type == &PyCell_Type) return end_cell(ts, object);
  if (type == &PyTraceBack_Type) return end_traceback(ts, object);
  if (type == &PyFrame_Type) return end_frame(ts, object);
  if (type->tp_dealloc == plain_exception()->tp_dealloc) return end_exception(ts, object, type);
  return false;
}

// Apart from end_object(), for all the registers that it needs.
[[gnu::noinline]] void end_maybe_usual(PyObject* object) {
  if (port::memory_is_usual() && end_usual(port::thread_with_gil(), object, Py_TYPE(object))) return;
  _Py_Dealloc(object);
}

// Not dictionaries, nor what extension modules define: end_usual() would find so only after all others.
bool may_be_usual(const PyTypeObject* type) {
  return (type->tp_flags & (Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_DICT_SUBCLASS)) == 0 ||
         type->tp_dealloc == port::memory.subtype_dealloc;
}

}  // namespace

void end_object(PyObject* object) {
  return may_be_usual(Py_TYPE(object)) ? end_maybe_usual(object) : _Py_Dealloc(object);
}

// 3.13 Objects/typeobject.c, _PyType_AllocNoTrack and PyType_GenericAlloc; Objects/dictobject.c,
// _PyObject_InitInlineValues.
PyObject* new_instance(PyThreadState* ts, PyTypeObject* type) {
  const unsigned long flags = type->tp_flags;
  PyObject* self = nullptr;
  if ((flags & Py_TPFLAGS_HAVE_GC) != 0 && type->tp_itemsize == 0 && port::memory_is_usual()) {
    const bool inline_values = (flags & Py_TPFLAGS_INLINE_VALUES) != 0;
    size_t size = (static_cast<size_t>(type->tp_basicsize) + 7) & ~size_t{7};
    if (inline_values) size += _PyInlineValuesSize(type);
    self = port::take_collected(ts, bytes_before(type), size);
    if (self != nullptr) {
      std::memset(self, 0, size);
      self->ob_refcnt = 1;
      self->ob_type = type;
      if (inline_values) {
        PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
        if (keys->dk_usable > 1) --keys->dk_usable;
        PyDictValues* values = _PyObject_InlineValues(self);
        values->capacity = static_cast<uint8_t>(shared_keys_usable_size(keys));
        values->embedded = 1;
        values->valid = 1;
        _PyObject_ManagedDictPointer(self)->dict = nullptr;
      }
      port::track(ts, self);
      return self;
    }
  }
  self = type->tp_alloc(type, 0);
  Py_DECREF(type);
  return self;
}

bool is_plain_exception_class(PyTypeObject* type) {
  const PyTypeObject* plain = plain_exception();
  return (type->tp_flags & Py_TPFLAGS_BASE_EXC_SUBCLASS) != 0 && type->tp_new == plain->tp_new &&
         type->tp_init == plain->tp_init && type->tp_alloc == PyType_GenericAlloc && type->tp_vectorcall == nullptr &&
         Py_TYPE(type)->tp_call == PyType_Type.tp_call;
}

// 3.13 Objects/exceptions.c, BaseException_new and BaseException_init.
PyObject* new_exception(PyThreadState* ts, PyTypeObject* type, PyObject* args) {
  PyObject* self = new_instance(ts, reinterpret_cast<PyTypeObject*>(Py_NewRef(type)));
  if (self != nullptr)
    reinterpret_cast<PyBaseExceptionObject*>(self)->args = args;  // all else is null
  else
    Py_DECREF(args);
  return self;
}

namespace {

// Null without an exception: CPython has to do it.
PyTupleObject* take_tuple(PyThreadState* ts, Py_ssize_t count) {
  if (!port::memory_is_usual()) return nullptr;
  auto& list = port::free_lists(ts).tuples;
  if (count <= PyTuple_MAXSAVESIZE && list.items[count - 1] != nullptr) {
    PyTupleObject* tuple = list.items[count - 1];
    list.items[count - 1] = reinterpret_cast<PyTupleObject*>(tuple->ob_item[0]);
    --list.numfree[count - 1];
    tuple->ob_base.ob_base.ob_refcnt = 1;  // its type and its size it has
    return tuple;
  }
  const size_t bytes = offsetof(PyTupleObject, ob_item) + static_cast<size_t>(count) * sizeof(PyObject*);
  auto* tuple = reinterpret_cast<PyTupleObject*>(port::take_collected_of(ts, &PyTuple_Type, bytes));
  if (tuple != nullptr) tuple->ob_base.ob_size = count;
  return tuple;
}

}  // namespace

// 3.13 Objects/tupleobject.c, _PyTuple_FromArraySteal and tuple_alloc.
PyObject* tuple_of(PyThreadState* ts, PyObject* const* items, Py_ssize_t count) {
  PyTupleObject* tuple = count != 0 ? take_tuple(ts, count) : nullptr;
  auto* object = reinterpret_cast<PyObject*>(tuple);
  if (tuple != nullptr) {
    port::track(ts, object);
  } else {
    object = PyTuple_New(count);
    if (object == nullptr) return nullptr;
    tuple = reinterpret_cast<PyTupleObject*>(object);
  }
  std::copy_n(items, count, tuple->ob_item);
  return object;
}

PyObject* new_tuple(PyThreadState* ts, PyObject* const* items, Py_ssize_t count) {
  PyObject* tuple = tuple_of(ts, items, count);
  if (tuple == nullptr)
    for (Py_ssize_t i = 0; i < count; ++i) Py_DECREF(items[i]);
  return tuple;
}

// 3.13 Objects/listobject.c, _PyList_FromArraySteal and PyList_New: a dead list is taken before memory for the items.
PyObject* new_list(PyThreadState* ts, PyObject* const* items, Py_ssize_t count) {
  auto& free = port::free_lists(ts).lists;
  if (!port::memory_is_usual() || free.numfree <= 0) return _PyList_FromArraySteal(items, count);
  PyObject** array = nullptr;
  if (count != 0) {
    array = static_cast<PyObject**>(port::take_buffer(static_cast<size_t>(count) * sizeof(PyObject*)));
    if (array == nullptr) return _PyList_FromArraySteal(items, count);
  }
  PyListObject* list = free.items[--free.numfree];
  list->ob_base.ob_base.ob_refcnt = 1;
  list->ob_base.ob_size = count;
  list->ob_item = array;
  list->allocated = count;
  for (Py_ssize_t i = 0; i < count; ++i) array[i] = items[i];
  auto* object = reinterpret_cast<PyObject*>(list);
  port::track(ts, object);
  return object;
}

// 3.13 Objects/cellobject.c, PyCell_New.
PyObject* new_cell(PyThreadState* ts, PyObject* value) {
  PyObject* object =
      port::memory_is_usual() ? port::take_collected_of(ts, &PyCell_Type, sizeof(PyCellObject)) : nullptr;
  if (object == nullptr) return PyCell_New(value);
  reinterpret_cast<PyCellObject*>(object)->ob_ref = Py_XNewRef(value);
  port::track(ts, object);
  return object;
}

// 3.13 Objects/genobject.c, make_gen.
PyGenObject* new_generator(PyThreadState* ts, PyFunctionObject* func) {
  auto* code = reinterpret_cast<PyCodeObject*>(func->func_code);
  const int kind = code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR);
  if ((kind != CO_GENERATOR && (kind != CO_COROUTINE || ts->coroutine_origin_tracking_depth != 0)) ||
      !port::memory_is_usual())
    return nullptr;
  PyTypeObject* type = kind == CO_GENERATOR ? &PyGen_Type : &PyCoro_Type;
  const size_t bytes = _PyObject_VAR_SIZE(type, _PyFrame_NumSlotsForCodeObject(code));
  PyObject* object = port::take_collected_of(ts, type, bytes);
  if (object == nullptr) return nullptr;
  auto* generator = reinterpret_cast<PyGenObject*>(object);
  generator->gi_frame_state = FRAME_CLEARED;
  generator->gi_weakreflist = nullptr;
  generator->gi_exc_state = {};
  generator->gi_name = Py_NewRef(func->func_name);
  generator->gi_qualname = Py_NewRef(func->func_qualname);
  if (kind == CO_COROUTINE) reinterpret_cast<PyCoroObject*>(object)->cr_origin_or_finalizer = nullptr;
  port::track(ts, object);
  return generator;
}

// 3.13 Objects/classobject.c, PyMethod_New. Where it is entered is the interpreter's secret, seen in another one.
PyObject* new_method(PyThreadState* ts, PyObject* function, PyObject* self) {
  static vectorcallfunc method_vectorcall = nullptr;
  PyObject* object = method_vectorcall != nullptr && port::memory_is_usual()
                         ? port::take_collected_of(ts, &PyMethod_Type, sizeof(PyMethodObject))
                         : nullptr;
  if (object == nullptr) {
    object = PyMethod_New(function, self);
    if (object != nullptr) method_vectorcall = reinterpret_cast<PyMethodObject*>(object)->vectorcall;
    return object;
  }
  auto* method = reinterpret_cast<PyMethodObject*>(object);
  method->im_func = Py_NewRef(function);
  method->im_self = Py_NewRef(self);
  method->im_weakreflist = nullptr;
  method->vectorcall = method_vectorcall;
  port::track(ts, object);
  return object;
}

// 3.13 Python/frame.c, _PyFrame_MakeAndSetFrameObject; Objects/frameobject.c, _PyFrame_New_NoTrack. The collector
// learns of the object when the frame ends.
PyFrameObject* new_frame_object(PyThreadState* ts, Frame* frame) {
  const PyCodeObject* code = port::code_of(frame);
  const size_t slots = static_cast<size_t>(code->co_nlocalsplus + code->co_stacksize);
  const size_t bytes = static_cast<size_t>(PyFrame_Type.tp_basicsize) + slots * sizeof(PyObject*);
  PyObject* object = port::memory_is_usual() ? port::take_collected_of(ts, &PyFrame_Type, bytes) : nullptr;
  // PyEval_GetFrame() makes it (the function that does so is hidden), but forgets every exception when it cannot.
  if (object == nullptr) return PyEval_GetFrame();
  auto* made = reinterpret_cast<PyFrameObject*>(object);
  made->f_back = nullptr;
  made->f_frame = frame;
  made->f_trace = nullptr;
  made->f_lineno = 0;
  made->f_trace_lines = 1;
  made->f_trace_opcodes = 0;
  made->f_extra_locals = nullptr;
  made->f_locals_cache = nullptr;
  frame->frame_obj = made;
  return made;
}

// 3.13 Python/traceback.c, PyTraceBack_Here: the line is looked up when somebody asks for it.
PyObject* new_traceback(PyThreadState* ts, PyObject* next, PyFrameObject* frame) {
  PyObject* object =
      port::memory_is_usual() ? port::take_collected_of(ts, &PyTraceBack_Type, sizeof(PyTracebackObject)) : nullptr;
  if (object == nullptr) {
    object = reinterpret_cast<PyObject*>(PyObject_GC_New(PyTracebackObject, &PyTraceBack_Type));
    if (object == nullptr) {
      PyErr_Clear();
      return nullptr;
    }
  }
  auto* entry = reinterpret_cast<PyTracebackObject*>(object);
  entry->tb_next = reinterpret_cast<PyTracebackObject*>(next);
  entry->tb_frame = reinterpret_cast<PyFrameObject*>(Py_NewRef(frame));
  entry->tb_lasti = port::instruction_index(frame->f_frame) * static_cast<int>(sizeof(CodeUnit));
  entry->tb_lineno = -1;
  port::track(ts, object);
  return object;
}

}  // namespace whipsnake
