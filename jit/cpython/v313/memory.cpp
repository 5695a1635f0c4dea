#include "jit/cpython/v313/memory.h"

#include <cstring>

namespace whipsnake::port {

namespace {

void* const never = nullptr;
const PyRefTracer no_tracer = nullptr;

int ignore_reference(PyObject*, PyRefTracerEvent, void*) { return 0; }

// 3.13 Include/internal/pycore_runtime.h, _reftracer_runtime_state: its place in _PyRuntime differs between patch
// releases, so a tracer of our own is looked for.
const PyRefTracer* find_tracer() {
  static int data = 0;
  void* kept_data = nullptr;
  const PyRefTracer kept = PyRefTracer_GetTracer(&kept_data);
  if (PyRefTracer_SetTracer(&ignore_reference, &data) != 0) return nullptr;
  const _reftracer_runtime_state wanted = {&ignore_reference, &data};
  const char* runtime = reinterpret_cast<const char*>(&_PyRuntime);
  const PyRefTracer* found = nullptr;
  for (size_t offset = 0; found == nullptr && offset + sizeof wanted <= sizeof _PyRuntime; offset += sizeof(void*))
    if (std::memcmp(runtime + offset, &wanted, sizeof wanted) == 0)
      found = reinterpret_cast<const PyRefTracer*>(runtime + offset);
  PyRefTracer_SetTracer(kept, kept_data);
  return found;
}

// Every list of pools begins with a pool, or with the place in the table that stands for an empty list.
bool looks_like_pools(const _obmalloc_state* state) {
  if (state == nullptr || reinterpret_cast<uintptr_t>(state) % alignof(_obmalloc_state) != 0) return false;
  for (size_t i = 0; i < NB_SMALL_SIZE_CLASSES; ++i) {
    const auto pool = reinterpret_cast<uintptr_t>(state->pools.used[2 * i]);
    const auto empty = reinterpret_cast<uintptr_t>(&state->pools.used[2 * i]) - 2 * sizeof(pymem_block*);
    if (pool != empty && (pool == 0 || (pool & POOL_SIZE_MASK) != 0)) return false;
  }
  return true;
}

// We and the allocator hand out the same block.
bool is_pymalloc(_obmalloc_state* state) {
  if (!looks_like_pools(state)) return false;
  constexpr size_t kBytes = 100;
  constexpr int kBlocks = 2;
  void* blocks[kBlocks];
  for (void*& block : blocks) block = PyObject_Malloc(kBytes);
  // Its pool must not become empty without the last block: there is another of ours in it, but where it is the first.
  const bool alone = pool_of(blocks[kBlocks - 1]) != pool_of(blocks[kBlocks - 2]);
  void*& freed = blocks[kBlocks - 1];
  void* more = alone ? PyObject_Malloc(kBytes) : nullptr;
  void* const expected = freed;
  PyObject_Free(freed);
  memory.state = state;
  void* taken = looks_like_pools(state) ? take_block(kBytes) : nullptr;
  if (taken != nullptr) give_block(taken);
  freed = PyObject_Malloc(kBytes);
  const bool ok = taken == expected && freed == expected && is_pymalloc_block(blocks[0]) && !is_pymalloc_block(&state);
  for (void* block : blocks) PyObject_Free(block);
  PyObject_Free(more);
  return ok;
}

// The count of young objects, and the place of new ones in the collector's lists.
bool check_collector(PyThreadState* ts) {
  const int before = young_generation(ts).count;
  PyObject* list = PyList_New(1);
  PyObject* tuple = PyTuple_New(PyTuple_MAXSAVESIZE + 1);  // of no free list
  bool ok = list != nullptr && tuple != nullptr && young_generation(ts).count > before &&
            ts->interp->gc.generation0->_gc_prev == reinterpret_cast<uintptr_t>(_Py_AS_GC(tuple)) &&
            young_generation(ts).threshold >= 0;
  if (ok) {
    untrack(tuple);
    ok = PyObject_GC_IsTracked(tuple) == 0;
    track(ts, tuple);
    ok = ok && PyObject_GC_IsTracked(tuple) == 1;
  }
  Py_XDECREF(tuple);
  Py_XDECREF(list);
  return ok;
}

// The object that dies is the next to be made.
bool check_free_lists(PyThreadState* ts) {
  const auto& lists = free_lists(ts);
  PyObject* list = PyList_New(0);
  PyObject* tuple = PyTuple_New(2);
  if (list == nullptr || tuple == nullptr) {
    Py_XDECREF(list);
    Py_XDECREF(tuple);
    return false;
  }
  const auto* dead_list = reinterpret_cast<PyListObject*>(list);
  const auto* dead_tuple = reinterpret_cast<PyTupleObject*>(tuple);
  Py_DECREF(list);
  Py_DECREF(tuple);
  const int count = lists.lists.numfree;
  return count > 0 && count <= PyList_MAXFREELIST && lists.lists.items[count - 1] == dead_list &&
         lists.tuples.numfree[1] > 0 && lists.tuples.numfree[1] <= PyTuple_MAXFREELIST &&
         lists.tuples.items[1] == dead_tuple;
}

}  // namespace

ObjectMemory memory = {&never, &never, &never, &no_tracer, nullptr, nullptr};

void init_memory(PyObject* instance) {
  PyThreadState* ts = PyThreadState_Get();
  memory.subtype_dealloc = Py_TYPE(instance)->tp_dealloc;
  void* const* object_malloc = find_object_malloc();
  const PyRefTracer* tracer = find_tracer();
  const bool usual = object_malloc != nullptr && tracer != nullptr && *tracer == nullptr &&
                     is_pymalloc(ts->interp->obmalloc) && check_collector(ts) && check_free_lists(ts);
  PyErr_Clear();
  if (!usual) return;
  memory.object_malloc = object_malloc;
  memory.buffer_malloc = object_malloc - sizeof(PyMemAllocatorEx) / sizeof(void*);  // see find_object_malloc()
  memory.pymalloc = *object_malloc;
  memory.tracer = tracer;
}

}  // namespace whipsnake::port
