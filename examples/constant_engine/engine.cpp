// An engine for Whipsnake in one file: it compiles functions that do nothing but return a constant or one of their
// arguments, and declines all others. What it shows: reading the request, emitting machine code, using the runtime
// functions, declining with a reason, and offering the engine to Whipsnake.
//
//   pip install .                      then   WHIPSNAKE=constant python program.py
#include <opcode.h>
#include <whipsnake/engine.h>

#include <cstring>
#include <memory>

namespace {

using namespace whipsnake::api;

// What a function comes down to.
struct Plan {
  int return_index = 0;          // instruction that returns
  PyObject* constant = nullptr;  // borrowed from the code object, which outlives the machine code
  int argument = -1;             // or the local variable to return
};

// False with the reason.
bool make_plan(const CompileRequest& request, Plan* plan, std::string* reason) {
  constexpr int kSuspending = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
  if ((request.flags & kSuspending) != 0 || (request.flags & CO_OPTIMIZED) == 0) {
    *reason = "not a plain function";
    return false;
  }
  // RESUME first, then what there is to do.
  const auto code = request.instructions;
  const bool simple = code.size() >= 2 && code[0].opcode == RESUME;
  if (simple && code[1].opcode == RETURN_CONST) {
    plan->return_index = code[1].index;
    plan->constant = PyTuple_GET_ITEM(request.constants, code[1].oparg);
    return true;
  }
  if (simple && code.size() >= 3 && code[1].opcode == LOAD_FAST && code[2].opcode == RETURN_VALUE) {
    plan->return_index = code[2].index;
    plan->argument = code[1].oparg;
    return true;
  }
  *reason = "does more than return a constant or an argument";
  return false;
}

const RuntimeFunctions* runtime = nullptr;

// poll() said that the function must not go on: an exception (a signal handler raised one), or somebody traces.
PyObject* leave_early(PyThreadState* ts, _PyInterpreterFrame* frame, int status) {
  return status < 0 ? runtime->finish_frame(ts, frame, nullptr) : runtime->interpret(ts, frame, 0, 0);
}

#if defined(__x86_64__)

// Machine code with the C calling convention: rdi = thread state, rsi = frame, rdx = engine_data (not used).
class Assembler {
 public:
  enum Register { rax = 0, rdx = 2, rsi = 6, rdi = 7 };

  void bytes(std::initializer_list<uint8_t> list) { code.insert(code.end(), list); }
  void load(Register to, uint64_t value) {  // mov to, imm64
    bytes({0x48, static_cast<uint8_t>(0xb8 | to)});
    const auto* first = reinterpret_cast<const uint8_t*>(&value);
    code.insert(code.end(), first, first + sizeof value);
  }
  template <typename Function>
  void call(Function* function) {
    load(rax, reinterpret_cast<uint64_t>(function));
    bytes({0xff, 0xd0});  // call rax
  }
  // The function's last act: its own frame is gone, `function` returns to its caller.
  template <typename Function>
  void leave_to(Function* function) {
    bytes({0x48, 0x89, 0xdf});              // mov rdi, rbx
    bytes({0x4c, 0x89, 0xe6});              // mov rsi, r12
    bytes({0x41, 0x5d, 0x41, 0x5c, 0x5b});  // pop r13; pop r12; pop rbx
    load(rax, reinterpret_cast<uint64_t>(function));
    bytes({0xff, 0xe0});  // jmp rax
  }

  std::vector<uint8_t> code;
};

CompileResult emit(const Plan& plan) {
  Assembler a;
  a.bytes({0x53, 0x41, 0x54, 0x41, 0x55});  // push rbx; push r12; push r13
  a.bytes({0x48, 0x89, 0xfb});              // mov rbx, rdi
  a.bytes({0x49, 0x89, 0xf4});              // mov r12, rsi
  a.call(runtime->poll);
  a.bytes({0x85, 0xc0, 0x0f, 0x85});  // test eax, eax; jnz leave
  const size_t jump = a.code.size();
  a.bytes({0, 0, 0, 0});
  a.bytes({0x4c, 0x89, 0xe7});  // mov rdi, r12
  a.load(Assembler::rsi, static_cast<uint64_t>(plan.return_index));
  a.call(runtime->set_instruction);
  if (plan.constant != nullptr) {
    a.load(Assembler::rax, reinterpret_cast<uint64_t>(plan.constant));
  } else {
    a.bytes({0x4c, 0x89, 0xe7});  // mov rdi, r12
    a.load(Assembler::rsi, static_cast<uint64_t>(plan.argument));
    a.call(runtime->get_local);
  }
  // A new reference; immortal objects keep their count (PEP 683: 32 bits, all ones).
  a.bytes({0x8b, 0x08});              // mov ecx, [rax]
  a.bytes({0xff, 0xc1, 0x74, 0x02});  // inc ecx; jz +2
  a.bytes({0x89, 0x08});              // mov [rax], ecx
  a.bytes({0x48, 0x89, 0xc2});        // mov rdx, rax
  a.leave_to(runtime->finish_frame);
  const auto distance = static_cast<int32_t>(a.code.size() - jump - 4);
  std::memcpy(&a.code[jump], &distance, sizeof distance);
  a.bytes({0x89, 0xc2});  // leave: mov edx, eax
  a.leave_to(&leave_early);

  CompileResult result;
  result.code = std::move(a.code);
  return result;
}

#else

// Elsewhere the "machine code" is a C++ function that does the same.
struct PlanResources final : EngineResources {
  Plan plan;
};

PyObject* run(PyThreadState* ts, _PyInterpreterFrame* frame, void* data) {
  const Plan& plan = *static_cast<Plan*>(data);
  if (const int status = runtime->poll(ts, frame)) return leave_early(ts, frame, status);
  runtime->set_instruction(frame, plan.return_index);
  PyObject* value = plan.constant != nullptr ? plan.constant : runtime->get_local(frame, plan.argument);
  return runtime->finish_frame(ts, frame, Py_NewRef(value));
}

CompileResult emit(const Plan& plan) {
  auto resources = std::make_unique<PlanResources>();
  resources->plan = plan;
  CompileResult result;
  result.function = run;
  result.engine_data = &resources->plan;
  result.resources = std::move(resources);
  return result;
}

#endif

class ConstantEngine final : public Engine {
 public:
  const char* name() const override { return "constant"; }

  CompileResult compile(const CompileRequest& request, Host& host) override {
    runtime = &host.runtime();
    Plan plan;
    std::string reason;
    return make_plan(request, &plan, &reason) ? emit(plan) : CompileResult::decline(reason);
  }
};

PyObject* engine_capsule(PyObject*, PyObject*) {
  static ConstantEngine engine;
  return PyCapsule_New(static_cast<Engine*>(&engine), kEngineCapsule, nullptr);
}

PyMethodDef methods[] = {
    {"engine_capsule", engine_capsule, METH_NOARGS, "The engine, for whipsnake.register_engine()."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "whipsnake_constant", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit_whipsnake_constant() { return PyModuleDef_Init(&definition); }
