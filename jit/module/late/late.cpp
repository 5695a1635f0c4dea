// [late-start] whipsnake._late: what autoload loads at start-up instead of the core, because most processes of a
// machine are over in a few milliseconds. Once there is code that could run for long, it starts a thread that waits
// that long and asks for a pending call, in which the core is loaded and starts. Nothing here needs the C++ library,
// and nothing runs Python code.
#include <Python.h>

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <utility>

#include "jit/cpython/port.h"
#include "jit/module/late/late.h"
#include "jit/support/clock.h"
#include "jit/support/quiet_thread.h"

namespace whipsnake {

namespace {

// A process is worth the core once it has run for half as long as the interpreter took to start: in processor time,
// because on a busy machine everything takes long. One that waits gets it, too, but not one that waits for a short
// command to end.
constexpr uint64_t kShare = 2;
constexpr uint64_t kLongestNs = 1'000'000'000;
constexpr uint64_t kRarer = 4;  // a look waits for a fourth of the time that has gone by: two dozen of them at most
constexpr uint64_t kShortestWaitNs = 1'000'000;
constexpr size_t kStackSize = size_t{64} << 10;

LateStart late_start;
char* core_path = nullptr;

int watcher = -1;  // of code objects, until there is the thread
QuietThread thread;
std::atomic<uint32_t> signal{0};  // the thread waits for it
std::atomic<bool> asking{false};  // the thread touches Python

bool starts_with(const char* text, const char* prefix) { return std::strncmp(text, prefix, std::strlen(prefix)) == 0; }

// Whether WHIPSNAKE=baseline is set and none of the variables that say more. One that is empty counts as not set.
bool only_baseline_is_asked_for() {
  bool asked = false;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (std::strcmp(*entry, "WHIPSNAKE=baseline") == 0) asked = true;
    if (starts_with(*entry, "_WHIPSNAKE_LAUNCH=")) return false;
    const char* value = starts_with(*entry, "WHIPSNAKE_") ? std::strchr(*entry, '=') : nullptr;
    if (value != nullptr && value[1] != '\0') return false;
  }
  return asked;
}

// Whether this interpreter runs the command, which only starts another one; as whipsnake._autoload finds it.
bool is_command() {
  int count = 0;
  wchar_t** arguments = nullptr;
  Py_GetArgcArgv(&count, &arguments);
  for (int i = 1; i < count; ++i) {
    if (arguments[i][0] == L'-') continue;
    const wchar_t* slash = std::wcsrchr(arguments[i], L'/');
    return std::wcscmp(slash == nullptr ? arguments[i] : slash + 1, L"whipsnake") == 0;
  }
  return false;
}

template <typename Function>
Function core_function(const char* name) {
  void* core = dlopen(core_path, RTLD_NOW | RTLD_LOCAL);
  return core == nullptr ? nullptr : reinterpret_cast<Function>(dlsym(core, name));
}

// False when there is nothing to wait for any more.
bool wait_for(uint64_t nanoseconds) {
  const uint32_t seen = signal;
  if (late_start.state == StartState::kWaiting) wait_for_wake(signal, seen, static_cast<int64_t>(nanoseconds));
  return late_start.state == StartState::kWaiting;
}

bool wait_until_worthwhile() {
  const uint64_t begin = now();
  const uint64_t used = processor_time();
  const uint64_t worthwhile = used + used / kShare;
  for (uint64_t missing = used / kShare, waited = 0;
       wait_for(std::clamp(std::max(missing, waited / kRarer), kShortestWaitNs, kLongestNs));) {
    missing = worthwhile - std::min(worthwhile, processor_time());
    waited = now() - begin;
    if (missing == 0 || waited >= kLongestNs) return true;
  }
  return false;
}

// A pending call.
int load_and_start(void*) {
  if (late_start.state != StartState::kWaiting) return 0;
  if (const auto start = core_function<Start>(kStart)) start();
  return 0;
}

// False: not now, the queue of pending calls may be full.
bool request() {
  asking = true;  // and only then look: at_exit() does both the other way round
  const bool waiting = late_start.state == StartState::kWaiting;
  // The first needs no mutex of the C library, the second finds whichever thread is running.
  const bool done = !waiting || (is_alone() ? Py_AddPendingCall(load_and_start, nullptr) == 0
                                            : port::add_pending_call(load_and_start));
  asking = false;
  return done;
}

void run() {
  if (!wait_until_worthwhile()) return;
  while (!request() && wait_for(kShortestWaitNs)) {
  }
}

void start_thread() {
  if (!thread.start(run, kStackSize)) Py_AddPendingCall(load_and_start, nullptr);
}

// 3.13 Python/pythonrun.c imports it for each `python -c`.
bool is_of_linecache(const PyCodeObject* code) {
  constexpr char kName[] = "/linecache.py";
  Py_ssize_t size = 0;
  const char* name = PyUnicode_AsUTF8AndSize(code->co_filename, &size);
  if (name == nullptr) PyErr_Clear();
  return name != nullptr && size >= Py_ssize_t{sizeof kName} - 1 &&
         std::strcmp(name + size - (sizeof kName - 1), kName) == 0;
}

// A function, or code with a loop. Modules that an interpreter starts with are part of it and have come before; of
// programs that are over at once, most have neither.
bool may_run_for_long(const PyCodeObject* code) {
  const CodeUnit* units = _PyCode_CODE(code);
  return ((code->co_flags & CO_OPTIMIZED) != 0 ||
          std::any_of(units, units + Py_SIZE(code), [](CodeUnit unit) { return unit.op.code == JUMP_BACKWARD; })) &&
         !is_of_linecache(code);
}

int on_code(PyCodeEvent event, PyCodeObject* code) {
  if (event != PY_CODE_EVENT_CREATE || watcher < 0 || !may_run_for_long(code)) return 0;
  PyCode_ClearWatcher(std::exchange(watcher, -1));
  if (late_start.state == StartState::kWaiting) start_thread();
  return 0;
}

void watch_code() {
  watcher = PyCode_AddWatcher(on_code);
  if (watcher >= 0) return;
  PyErr_Clear();  // others have them all
  start_thread();
}

// CPython warns of a process that forks with threads. `_core` has fork hooks of its own, but this fork has begun.
PyObject* before_fork(PyObject*, PyObject*) {
  if (watcher >= 0) Py_RETURN_NONE;
  if (late_start.state == StartState::kWaiting) {
    if (auto start = core_function<StartBeforeFork>(kStartBeforeFork)) start();
    late_start.state = StartState::kStarted;  // also where the core could not be loaded
  }
  wake(signal);
  thread.join();
  Py_RETURN_NONE;
}

// After this nobody of us touches Python. The thread ends with the process.
void at_exit(void*) {
  late_start.state = StartState::kCancelled;
  if (thread.runs()) wait_while(asking);
}

PyMethodDef kBefore = {"whipsnake_before_fork", before_fork, METH_NOARGS, nullptr};

bool register_fork_hook() {
  PyObject* posix = PyImport_AddModule("posix");  // borrowed; there since the interpreter began
  PyObject* hook = posix == nullptr ? nullptr : PyObject_GetAttrString(posix, "register_at_fork");
  PyObject* before = PyCFunction_New(&kBefore, nullptr);
  PyObject* arguments = PyTuple_New(0);
  PyObject* keywords = Py_BuildValue("{s:O}", "before", before);
  PyObject* done = hook != nullptr && keywords != nullptr ? PyObject_Call(hook, arguments, keywords) : nullptr;
  for (PyObject* object : {hook, before, arguments, keywords}) Py_XDECREF(object);
  Py_XDECREF(done);
  return done != nullptr;
}

// So that `_core` knows, by whatever way it comes into the process.
bool announce() {
  PyObject* capsule = PyCapsule_New(&late_start, kLateStartKey, nullptr);
  PyObject* dict = PyInterpreterState_GetDict(PyInterpreterState_Main());
  const bool done = capsule != nullptr && dict != nullptr && PyDict_SetItemString(dict, kLateStartKey, capsule) == 0;
  Py_XDECREF(capsule);
  return done;
}

// The core stands beside us, and is named alike. Null if that is not so; never freed.
char* find_core() {
  constexpr char kOurs[] = "/_late.";
  Dl_info info{};
  if (dladdr(&late_start, &info) == 0 || *info.dli_fname != '/') return nullptr;
  const char* name = std::strrchr(info.dli_fname, '/');
  if (!starts_with(name, kOurs)) return nullptr;
  const auto folder = static_cast<int>(name - info.dli_fname);
  char* path = nullptr;
  return asprintf(&path, "%.*s/_core.%s", folder, info.dli_fname, name + sizeof kOurs - 1) < 0 ? nullptr : path;
}

bool begin() {
  core_path = find_core();
  if (core_path == nullptr || access(core_path, R_OK) != 0 || !register_fork_hook() ||
      PyUnstable_AtExit(PyInterpreterState_Main(), at_exit, nullptr) != 0 || !announce())
    return false;
  watch_code();
  return true;
}

// Raises RuntimeError when the package has to decide, at once.
PyObject* start(PyObject*, PyObject*) {
  static bool started = false;
  // In a virtual environment `site` reads each .pth file twice; sub-interpreters read them, too.
  if (started || PyInterpreterState_Get() != PyInterpreterState_Main()) Py_RETURN_NONE;
  started = only_baseline_is_asked_for() && !is_command() && begin();
  if (started) Py_RETURN_NONE;
  late_start.state = StartState::kStarted;  // by the package, if at all
  PyErr_SetString(PyExc_RuntimeError, "not to be started this way");
  return nullptr;
}

PyMethodDef methods[] = {
    {"start", start, METH_NOARGS, "start() -> None"},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef_Slot slots[] = {
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "whipsnake._late",
    "Starts Whipsnake a little later.",
    0,
    methods,
    slots,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace

}  // namespace whipsnake

PyMODINIT_FUNC PyInit__late() { return PyModuleDef_Init(&whipsnake::definition); }
