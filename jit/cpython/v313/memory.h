// Memory of objects without the calls: pymalloc's blocks, the garbage collector's lists and the free lists of tuples
// and lists, as they lie in the interpreter's own state. What is taken here is given back there and the other way
// round.
//
// Everything here needs a thread state `ts` that holds the main interpreter's GIL, and memory_is_usual().
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

// Where things are, found by init_memory().
struct ObjectMemory {
  void* const* object_malloc;  // the malloc function of object memory,
  void* const* buffer_malloc;  // that of PyMem_Malloc(),
  const void* pymalloc;        // and what is there while that is pymalloc, or the front of it
  const PyRefTracer* tracer;   // who is told of each object that begins and ends
  _obmalloc_state* state;
  destructor subtype_dealloc;  // tp_dealloc of classes made in Python
};
extern ObjectMemory memory;

// Fills in `memory`; `instance` is one of a class made in Python. Where something is not as expected,
// memory_is_usual() will be false for good. No exception is set afterwards.
void init_memory(PyObject* instance);

// Nobody (tracemalloc, a debugging allocator, a tracer of references) wants to hear of each object.
inline bool memory_is_usual() { return *memory.object_malloc == memory.pymalloc && *memory.tracer == nullptr; }

// Puts the front of pymalloc (allocator_front.cpp) in its place, for the whole process, and back. False: memory is not
// usual, or the interpreter is no shared library, whose pymalloc is as fast. Where somebody has put another allocator
// on top meanwhile, the front stays below it and works on.
bool start_allocator_front();
void stop_allocator_front();

// 3.13 Objects/obmalloc.c, pymalloc_alloc: a block from a pool that has one. Null: PyObject_Malloc() is needed.
inline void* take_block(size_t bytes) {
  if (bytes - 1 >= SMALL_REQUEST_THRESHOLD) return nullptr;
  const size_t size_class = (bytes - 1) >> ALIGNMENT_SHIFT;
  pool_header* pool = memory.state->pools.used[2 * size_class];
  if (pool == pool->nextpool) return nullptr;
  pymem_block* block = pool->freeblock;
  auto* next = *reinterpret_cast<pymem_block**>(block);
  if (next == nullptr) {  // pymalloc_pool_extend
    if (pool->nextoffset > pool->maxnextoffset) return nullptr;
    next = reinterpret_cast<pymem_block*>(pool) + pool->nextoffset;
    pool->nextoffset += static_cast<unsigned>(INDEX2SIZE(size_class));
    *reinterpret_cast<pymem_block**>(next) = nullptr;
  }
  pool->freeblock = next;
  ++pool->ref.count;
  return block;
}

// 3.13 Objects/obmalloc.c, arena_map_is_used: whether pymalloc manages this address.
inline bool is_pymalloc_block(const void* block) {
  const arena_map_mid_t* mid = memory.state->usage.arena_map_root.ptrs[MAP_TOP_INDEX(block)];
  if (mid == nullptr) return false;
  const arena_map_bot_t* bottom = mid->ptrs[MAP_MID_INDEX(block)];
  if (bottom == nullptr) return false;
  const arena_coverage_t& arena = bottom->arenas[MAP_BOT_INDEX(block)];
  const auto tail = static_cast<int32_t>(AS_UINT(block) & ARENA_SIZE_MASK);
  return tail < arena.tail_lo || (tail >= arena.tail_hi && arena.tail_hi != 0);
}

inline pool_header* pool_of(const void* block) {
  return reinterpret_cast<pool_header*>(reinterpret_cast<uintptr_t>(block) & ~uintptr_t{POOL_SIZE_MASK});
}

// 3.13 Objects/obmalloc.c, pymalloc_free. False: PyObject_Free() is needed.
inline bool try_give_block(void* block) {
  if (!is_pymalloc_block(block)) [[unlikely]]
    return false;
  pool_header* pool = pool_of(block);
  if (pool->freeblock == nullptr || pool->ref.count <= 1) [[unlikely]]
    return false;  // the pool was full, or becomes empty
  *reinterpret_cast<pymem_block**>(block) = pool->freeblock;
  pool->freeblock = static_cast<pymem_block*>(block);
  --pool->ref.count;
  return true;
}

// As PyObject_Free().
inline void give_block(void* block) {
  if (!try_give_block(block)) [[unlikely]]
    PyObject_Free(block);
}

// A buffer of PyMem_Malloc()'s. Null: that has to be asked.
inline void* take_buffer(size_t bytes) {
  return *memory.buffer_malloc == memory.pymalloc ? take_block(bytes) : nullptr;
}

// As PyMem_Free(), which may be another allocator's.
inline void give_buffer(void* buffer) {
  if (*memory.buffer_malloc == memory.pymalloc) [[likely]]
    return give_block(buffer);
  PyMem_Free(buffer);
}

// What is in front of an object that the collector knows.
inline constexpr size_t kGcHead = sizeof(PyGC_Head);
inline constexpr size_t kInstanceHead = kGcHead + 2 * sizeof(PyObject*);  // with a dict and weak references

// Patch releases differ in where the generations are, not in where the pointer to the youngest one's list is: 3.13.5
// aligns PyGC_Head to four bytes.
inline gc_generation& young_generation(PyThreadState* ts) {
  static_assert(offsetof(gc_generation, head) == 0);
  return *reinterpret_cast<gc_generation*>(ts->interp->gc.generation0);
}

// 3.13 Python/gc.c, _PyObject_GC_Link: one more young object, and a collection is due when there are too many.
inline void count_young(PyThreadState* ts) {
  _gc_runtime_state& gc = ts->interp->gc;
  gc_generation& young = young_generation(ts);
  if (++young.count > young.threshold && gc.enabled != 0 && young.threshold != 0 && gc.collecting == 0 &&
      ts->current_exception == nullptr) [[unlikely]]
    if (!_Py_eval_breaker_bit_is_set(ts, _PY_GC_SCHEDULED_BIT)) _Py_set_eval_breaker_bit(ts, _PY_GC_SCHEDULED_BIT);
}

// 3.13 Include/internal/pycore_object.h, _PyObject_GC_TRACK, and back, in whatever list `object` is.
inline void track(PyThreadState* ts, PyObject* object) {
  PyGC_Head* head = _Py_AS_GC(object);
  PyGC_Head* generation = ts->interp->gc.generation0;
  auto* last = reinterpret_cast<PyGC_Head*>(generation->_gc_prev);
  last->_gc_next = reinterpret_cast<uintptr_t>(head);
  head->_gc_prev = (head->_gc_prev & ~_PyGC_PREV_MASK) | reinterpret_cast<uintptr_t>(last);
  head->_gc_next = reinterpret_cast<uintptr_t>(generation);
  generation->_gc_prev = reinterpret_cast<uintptr_t>(head);
}

inline void untrack(PyObject* object) {
  PyGC_Head* head = _Py_AS_GC(object);
  if (head->_gc_next == 0) return;
  auto* previous = reinterpret_cast<PyGC_Head*>(head->_gc_prev & _PyGC_PREV_MASK);
  auto* next = reinterpret_cast<PyGC_Head*>(head->_gc_next);
  previous->_gc_next = reinterpret_cast<uintptr_t>(next);
  next->_gc_prev = (next->_gc_prev & ~_PyGC_PREV_MASK) | reinterpret_cast<uintptr_t>(previous);
  head->_gc_next = 0;
  head->_gc_prev &= _PyGC_PREV_MASK_FINALIZED;
}

// 3.13 Python/gc.c, gc_alloc: memory for an object with `before` bytes (the collector's head included) in front of it,
// of which nothing but those are initialised. Null: try the general way; nothing has been changed.
inline PyObject* take_collected(PyThreadState* ts, size_t before, size_t bytes) {
  auto* block = static_cast<uintptr_t*>(take_block(before + bytes));
  if (block == nullptr) return nullptr;
  block[0] = 0;
  block[1] = 0;
  auto* object = reinterpret_cast<PyObject*>(reinterpret_cast<char*>(block) + before);
  PyGC_Head* head = _Py_AS_GC(object);
  head->_gc_next = 0;
  head->_gc_prev = 0;
  count_young(ts);
  return object;
}

// As PyObject_GC_New() and _PyObject_GC_NewVar(), of a type that is not on the heap, with `bytes` of memory. Null:
// nothing has been changed.
inline PyObject* take_collected_of(PyThreadState* ts, PyTypeObject* type, size_t bytes) {
  PyObject* object = take_collected(ts, kGcHead, bytes);
  if (object == nullptr) return nullptr;
  object->ob_refcnt = 1;
  object->ob_type = type;
  return object;
}

// 3.13 Python/gc.c, PyObject_GC_Del, of an untracked object.
inline void give_collected(PyThreadState* ts, PyObject* object, size_t before) {
  gc_generation& young = young_generation(ts);
  if (young.count > 0) --young.count;
  give_block(reinterpret_cast<char*>(object) - before);
}

inline auto& free_lists(PyThreadState* ts) { return ts->interp->object_state.freelists; }

}  // namespace whipsnake::port
