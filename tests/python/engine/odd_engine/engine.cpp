// An engine for tests: what it does with a function depends on the function's name.
#include <opcode.h>
#include <pthread.h>
#include <whipsnake/engine.h>

#include <stdexcept>

namespace {

using namespace whipsnake::api;

const RuntimeFunctions* runtime = nullptr;
long calls = 0;
long alive = 0;

struct Data final : EngineResources {
  Data() { ++alive; }
  ~Data() override { --alive; }
  PyObject** global = nullptr;
  const uint32_t* type = nullptr;
  int instruction = 0;
};

PyObject* deopt(PyThreadState* ts, _PyInterpreterFrame* frame, void*) {
  ++calls;
  return runtime->interpret(ts, frame, 0, 0);
}

PyObject* raise(PyThreadState* ts, _PyInterpreterFrame* frame, void* data) {
  ++calls;
  runtime->set_instruction(frame, static_cast<Data*>(data)->instruction);
  PyErr_SetString(PyExc_KeyError, "odd");
  return runtime->finish_frame(ts, frame, nullptr);
}

PyObject* global(PyThreadState* ts, _PyInterpreterFrame* frame, void* data) {
  PyObject* value = *static_cast<Data*>(data)->global;
  if (value == nullptr) return runtime->interpret(ts, frame, 0, 0);
  ++calls;
  return runtime->finish_frame(ts, frame, Py_NewRef(value));
}

PyObject* type(PyThreadState* ts, _PyInterpreterFrame* frame, void* data) {
  return runtime->finish_frame(ts, frame, PyBool_FromLong(*static_cast<Data*>(data)->type != 0));
}

// return first + second, left to the interpreter in the middle, with the operands on its stack.
PyObject* halfway(PyThreadState* ts, _PyInterpreterFrame* frame, void* data) {
  ++calls;
  runtime->set_stack(frame, 0, Py_NewRef(runtime->get_local(frame, 0)));
  runtime->set_stack(frame, 1, Py_NewRef(runtime->get_local(frame, 1)));
  runtime->set_local(frame, 0, PyUnicode_FromString("replaced"));
  return runtime->interpret(ts, frame, static_cast<Data*>(data)->instruction, 2);
}

// Calls its only argument, over and over, until it returns false.
PyObject* calls_back(PyThreadState* ts, _PyInterpreterFrame* frame, void* data) {
  for (;;) {
    runtime->set_instruction(frame, static_cast<Data*>(data)->instruction);
    PyObject* result = PyObject_CallNoArgs(runtime->get_local(frame, 0));
    if (result == nullptr) return runtime->finish_frame(ts, frame, nullptr);
    const int more = PyObject_IsTrue(result);
    Py_DECREF(result);
    ++calls;
    const int status = runtime->poll(ts, frame);
    if (status < 0) return runtime->finish_frame(ts, frame, nullptr);
    if (status > 0) return runtime->interpret(ts, frame, 0, 0);
    if (more == 0) return runtime->finish_frame(ts, frame, Py_NewRef(Py_None));
  }
}

int find(const CompileRequest& request, int opcode) {
  for (const Instruction& i : request.instructions)
    if (i.opcode == opcode) return i.index;
  return -1;
}

std::string facts(const CompileRequest& r) {
  std::string text = std::string(r.name) + " args=" + std::to_string(r.argument_count) +
                     " posonly=" + std::to_string(r.positional_only_count) +
                     " kwonly=" + std::to_string(r.keyword_only_count) + " locals=" + std::to_string(r.local_count) +
                     " handlers=" + std::to_string(r.exception_ranges.size()) + " entries=";
  for (const int entry : r.entries) text += std::to_string(entry) + ",";
  bool seen = false;
  int previous = 0;
  for (const Instruction& i : r.instructions) {
    if (i.index != previous) text += " gap";
    previous = i.end;
    if (i.opcode == BINARY_OP && r.profile->at(i.index).specialized == BINARY_OP_ADD_INT) seen = true;
    if (i.opcode == FOR_ITER && i.target <= i.end) text += " jump?";
    if (i.opcode == JUMP_BACKWARD && i.target >= i.index) text += " jump?";
  }
  return text + (seen ? " add_int" : "");
}

class OddEngine final : public Engine {
 public:
  OddEngine(const char* engine_name, uint32_t version) : name_(engine_name), version_(version) {}
  const char* name() const override { return name_; }
  uint32_t api_version() const override { return version_; }

  CompileResult compile(const CompileRequest& request, Host& host) override {
    runtime = &host.runtime();
    const std::string what = request.name;
    CompileResult result;
    if (what == "throws") throw std::runtime_error("boom");
    if (what == "throws_int") throw 5;
    if (what == "ends_thread") {  // as CPython ends a thread that wants the GIL while the interpreter shuts down
      host.allocate_data(1000);
      PyEval_SaveThread();
      pthread_exit(nullptr);
    }
    if (what == "empty") return result;
    if (what == "wild" || what == "late") {
      result.code = {0xc3};
      result.entries = {{what == "late" ? 3 : 0, what == "late" ? 0 : 100}};
      return result;
    }
    auto data = std::make_unique<Data>();
    if (what == "deopt") result.function = deopt;
    if (what == "raises") {
      result.function = raise;
      data->instruction = find(request, RETURN_CONST);
    }
    if (what == "halfway") {
      result.function = halfway;
      data->instruction = find(request, BINARY_OP);
    }
    if (what == "calls_back") {
      result.function = calls_back;
      data->instruction = find(request, CALL);
    }
    if (what == "global_value") {
      result.function = global;
      data->global = host.watch_global(PyTuple_GET_ITEM(request.names, 0));
      if (data->global == nullptr) return CompileResult::decline("not watched");
    }
    if (what == "type_holds") {
      result.function = type;
      PyObject* watched = PyDict_GetItemString(request.globals, "Watched");
      data->type = host.watch_type(reinterpret_cast<PyTypeObject*>(watched));
      if (data->type == nullptr || host.allocate_data(1000) == nullptr) return CompileResult::decline("not watched");
    }
    if (result.function == nullptr) return CompileResult::decline(facts(request));
    result.engine_data = data.get();
    result.resources = std::move(data);
    return result;
  }

 private:
  const char* name_;
  uint32_t version_;
};

PyObject* make(PyObject*, PyObject* args) {
  const char* name = nullptr;
  unsigned int version = 0;
  const char* capsule = nullptr;
  if (!PyArg_ParseTuple(args, "sIs", &name, &version, &capsule)) return nullptr;
  // Leaked, like all engines; the name with it.
  Engine* engine = new OddEngine((new std::string(name))->c_str(), version);
  return PyCapsule_New(engine, (new std::string(capsule))->c_str(), nullptr);
}

PyObject* counts(PyObject*, PyObject*) { return Py_BuildValue("ll", calls, alive); }

PyObject* engine_capsule(PyObject*, PyObject*) {
  return PyCapsule_New(static_cast<Engine*>(new OddEngine("odd", kEngineApiVersion)), kEngineCapsule, nullptr);
}

PyMethodDef methods[] = {
    {"make", make, METH_VARARGS, nullptr},
    {"counts", counts, METH_NOARGS, nullptr},
    {"engine_capsule", engine_capsule, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "odd_engine", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_odd_engine() { return PyModuleDef_Init(&definition); }
