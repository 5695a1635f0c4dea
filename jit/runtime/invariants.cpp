#include "jit/runtime/invariants.h"

#include <algorithm>
#include <map>
#include <memory>
#include <new>
#include <unordered_map>
#include <vector>

#include "jit/runtime/context.h"

namespace whipsnake {

bool functions_are_assumed = false;

namespace {

constexpr uint32_t kVolatile = 16;         // a name that changed more often is not cached any more
constexpr uint32_t kUninteresting = 4096;  // a dict with that many events about other keys is not watched any more

// Cells that fall together. A cell is in one group (types, functions) or two (a name in globals and in builtins).
struct Group {
  std::vector<void*> cells;
};

struct Key : Group {
  PyObject* name = nullptr;  // strong
  uint32_t invalidations = 0;
  ~Key() { Py_XDECREF(name); }
  Key() = default;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
};

struct WatchedDict {
  std::unordered_map<PyObject*, std::unique_ptr<Key>> keys;  // by interned name
  uint32_t uninteresting = 0;
  bool given_up = false;  // too busy to be watched
};

struct Cell {
  bool is_pointer;  // PyObject*, else uint32_t
  Group* groups[2];
};

struct State {
  int dict_watcher = -1;
  int type_watcher = -1;
  bool functions = false;
  std::unordered_map<PyObject*, std::unique_ptr<WatchedDict>> dicts;
  std::unordered_map<PyTypeObject*, std::unique_ptr<Group>> types;
  std::unordered_map<PyFunctionObject*, std::unique_ptr<Group>> watched_functions;
  std::map<void*, Cell> cells;  // by address, so that those of one piece of machine code are found together
};

// Never destroyed: dicts and code objects die after static objects do. Needs no memory: it is asked for where none may
// be had, and by destructors.
State& state() {
  alignas(State) static unsigned char memory[sizeof(State)];
  static State* instance = new (memory) State;
  return *instance;
}

void leave_group(Group* group, void* cell) {
  if (group == nullptr) return;
  auto& cells = group->cells;
  if (auto it = std::find(cells.begin(), cells.end(), cell); it != cells.end()) {
    *it = cells.back();
    cells.pop_back();
  }
}

void zero(void* address, const Cell& cell) {
  if (cell.is_pointer)
    *static_cast<PyObject**>(address) = nullptr;
  else
    *static_cast<uint32_t*>(address) = 0;
}

void join(void* address, Cell cell) {
  State& s = state();
  if (auto it = s.cells.find(address); it != s.cells.end()) {
    for (Group* group : it->second.groups) leave_group(group, address);
    s.cells.erase(it);
  }
  size_t joined = 0;
  try {
    for (Group* group : cell.groups) {
      if (group != nullptr) group->cells.push_back(address);
      ++joined;
    }
    s.cells.emplace(address, cell);
  } catch (const std::bad_alloc&) {
    for (size_t i = 0; i < joined; ++i)
      if (cell.groups[i] != nullptr) cell.groups[i]->cells.pop_back();
    throw;
  }
}

// What a map has for `key`, made if need be. Never leaves an empty place behind when memory runs out.
template <typename Map>
auto& find_or_make(Map& map, const typename Map::key_type& key) {
  if (auto it = map.find(key); it != map.end()) return it->second;
  return map.emplace(key, std::make_unique<typename Map::mapped_type::element_type>()).first->second;
}

// The group's fact no longer holds.
void invalidate(Group& group) {
  State& s = state();
  if (!group.cells.empty()) ++counters.invalidations;
  while (!group.cells.empty()) {
    void* address = group.cells.back();
    auto it = s.cells.find(address);
    zero(address, it->second);
    for (Group* member : it->second.groups) leave_group(member, address);
    s.cells.erase(it);
  }
}

// --- dicts

void invalidate_all(WatchedDict& dict) {
  for (auto& [name, key] : dict.keys) invalidate(*key);
}

// The key that an event is about. Keys are compared by value, but an interned string is equal only to itself among
// interned strings.
Key* find_key(WatchedDict& dict, PyObject* name) {
  if (auto it = dict.keys.find(name); it != dict.keys.end()) return it->second.get();
  if (PyUnicode_CHECK_INTERNED(name)) return nullptr;
  for (auto& [known, key] : dict.keys)
    if (_PyUnicode_Equal(known, name)) return key.get();
  return nullptr;
}

void key_event(PyObject* object, WatchedDict& dict, PyObject* name) {
  if (!PyUnicode_CheckExact(name)) {
    // May be equal to any of our names, by its own rules.
    if (!PyLong_CheckExact(name)) invalidate_all(dict);
    return;
  }
  if (Key* key = find_key(dict, name); key != nullptr && !key->cells.empty()) {
    ++key->invalidations;
    invalidate(*key);
    return;
  }
  if (++dict.uninteresting < kUninteresting) return;
  invalidate_all(dict);
  dict.given_up = true;
  PyObject* pending = PyErr_GetRaisedException();
  if (PyDict_Unwatch(state().dict_watcher, object) < 0) PyErr_Clear();
  PyErr_SetRaisedException(pending);
}

// 3.13 Objects/dictobject.c: called before the change.
int on_dict_event(PyDict_WatchEvent event, PyObject* object, PyObject* name, PyObject*) {
  State& s = state();
  auto it = s.dicts.find(object);
  if (it == s.dicts.end()) return 0;
  switch (event) {
    case PyDict_EVENT_ADDED:
    case PyDict_EVENT_MODIFIED:
    case PyDict_EVENT_DELETED: key_event(object, *it->second, name); break;
    case PyDict_EVENT_CLEARED:
    case PyDict_EVENT_CLONED: invalidate_all(*it->second); break;
    case PyDict_EVENT_DEALLOCATED:
      invalidate_all(*it->second);
      s.dicts.erase(it);
      break;
  }
  return 0;
}

WatchedDict* watch(PyObject* object) {
  State& s = state();
  const bool known = s.dicts.count(object) != 0;
  auto& entry = find_or_make(s.dicts, object);
  if (!known && PyDict_Watch(s.dict_watcher, object) < 0) {
    PyErr_Clear();
    s.dicts.erase(object);
    return nullptr;
  }
  return entry->given_up ? nullptr : entry.get();
}

Key* key_of(WatchedDict* dict, PyObject* name) {
  auto& key = find_or_make(dict->keys, name);
  if (key->name == nullptr) key->name = Py_NewRef(name);
  return key.get();
}

// Borrowed. Lookups by exact strings in such a dict run no code of anybody's.
PyObject* look_up(PyObject* dict, PyObject* name) { return _PyDict_GetItem_KnownHash(dict, name, PyObject_Hash(name)); }

bool is_plain(PyObject* dict) {
  return PyDict_CheckExact(dict) && DK_IS_UNICODE(reinterpret_cast<PyDictObject*>(dict)->ma_keys);
}

bool assume_global_or_throw(PyObject* globals, PyObject* builtins, PyObject* name, PyObject** cell) {
  if (!is_plain(globals) || !is_plain(builtins) || !PyUnicode_CHECK_INTERNED(name)) return false;
  PyObject* value = look_up(globals, name);
  const bool is_builtin = value == nullptr;
  if (is_builtin) value = look_up(builtins, name);
  if (value == nullptr) return false;
  WatchedDict* first = watch(globals);
  WatchedDict* second = is_builtin && builtins != globals ? watch(builtins) : nullptr;
  if (first == nullptr || (is_builtin && builtins != globals && second == nullptr)) return false;
  Key* in_globals = key_of(first, name);
  Key* in_builtins = second != nullptr ? key_of(second, name) : nullptr;
  if (in_globals->invalidations > kVolatile || (in_builtins != nullptr && in_builtins->invalidations > kVolatile))
    return false;
  join(cell, {true, {in_globals, in_builtins}});
  *cell = value;
  return true;
}

// --- types

// 3.13 Objects/typeobject.c, type_modified_unlocked: comes once; the next change is told only if the type has got a
// version tag again by then.
int on_type_event(PyTypeObject* type) {
  State& s = state();
  if (auto it = s.types.find(type); it != s.types.end()) {
    invalidate(*it->second);
    s.types.erase(it);
  }
  return 0;
}

bool assume_type_or_throw(PyTypeObject* type, uint32_t* cell) {
  State& s = state();
  if (!PyUnstable_Type_AssignVersionTag(type)) return false;
  const bool known = s.types.count(type) != 0;
  auto& group = find_or_make(s.types, type);
  if (!known && PyType_Watch(s.type_watcher, reinterpret_cast<PyObject*>(type)) < 0) {
    PyErr_Clear();
    s.types.erase(type);
    return false;
  }
  if (type->tp_version_tag == 0) return false;
  join(cell, {false, {group.get(), nullptr}});
  *cell = type->tp_version_tag;
  return true;
}

// --- functions

bool assume_function_or_throw(PyFunctionObject* func, uint32_t* cell) {
  auto& group = find_or_make(state().watched_functions, func);
  functions_are_assumed = true;
  join(cell, {false, {group.get(), nullptr}});
  *cell = 1;
  return true;
}

template <typename Function>
bool guarded(Function function) {
  PyObject* pending = PyErr_GetRaisedException();
  bool ok = false;
  try {
    ok = function();
  } catch (const std::bad_alloc&) {
  }
  PyErr_Clear();
  PyErr_SetRaisedException(pending);
  return ok;
}

}  // namespace

bool start_invariants(bool use_watchers) {
  if (!use_watchers) return false;
  State& s = state();
  PyObject* pending = PyErr_GetRaisedException();
  if (s.dict_watcher < 0)
    s.dict_watcher = port::take_late_watcher_id(PyDict_AddWatcher, PyDict_ClearWatcher, on_dict_event);
  if (s.type_watcher < 0)
    s.type_watcher = port::take_late_watcher_id(PyType_AddWatcher, PyType_ClearWatcher, on_type_event);
  PyErr_SetRaisedException(pending);
  return s.dict_watcher >= 0 && s.type_watcher >= 0;
}

void stop_invariants() {
  State& s = state();
  PyObject* pending = PyErr_GetRaisedException();
  for (auto& [address, cell] : s.cells) zero(address, cell);
  s.cells.clear();
  for (auto& [object, dict] : s.dicts)
    if (!dict->given_up && PyDict_Unwatch(s.dict_watcher, object) < 0) PyErr_Clear();
  for (auto& [type, group] : s.types)
    if (PyType_Unwatch(s.type_watcher, reinterpret_cast<PyObject*>(type)) < 0) PyErr_Clear();
  s.dicts.clear();
  s.types.clear();
  s.watched_functions.clear();
  if (s.dict_watcher >= 0 && PyDict_ClearWatcher(s.dict_watcher) < 0) PyErr_Clear();
  if (s.type_watcher >= 0 && PyType_ClearWatcher(s.type_watcher) < 0) PyErr_Clear();
  s.dict_watcher = s.type_watcher = -1;
  PyErr_SetRaisedException(pending);
}

bool assume_global(PyObject* globals, PyObject* builtins, PyObject* name, PyObject** cell) {
  if (state().dict_watcher < 0) return false;
  return guarded([&] { return assume_global_or_throw(globals, builtins, name, cell); });
}

bool assume_type(PyTypeObject* type, uint32_t* cell) {
  if (state().type_watcher < 0) return false;
  return guarded([&] { return assume_type_or_throw(type, cell); });
}

bool assume_function(PyFunctionObject* func, uint32_t* cell) {
  if (!state().functions) return false;
  return guarded([&] { return assume_function_or_throw(func, cell); });
}

void forget_cells(const void* begin, const void* end) {
  State& s = state();
  auto it = s.cells.lower_bound(const_cast<void*>(begin));
  while (it != s.cells.end() && it->first < end) {
    for (Group* group : it->second.groups) leave_group(group, it->first);
    it = s.cells.erase(it);
  }
}

void set_function_watcher(bool active) {
  State& s = state();
  s.functions = active;
  if (active) return;
  for (auto& [func, group] : s.watched_functions) invalidate(*group);
  s.watched_functions.clear();
  functions_are_assumed = false;
}

void function_changed(PyFunctionObject* func) {
  State& s = state();
  if (auto it = s.watched_functions.find(func); it != s.watched_functions.end()) {
    invalidate(*it->second);
    s.watched_functions.erase(it);
  }
  functions_are_assumed = !s.watched_functions.empty();
}

}  // namespace whipsnake
