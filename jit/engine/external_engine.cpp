// Engines behind the public interface. What they return are C functions; a short stub, entered like all compiled code,
// leaves for call_external(), which calls the function on the running frame.
#include <algorithm>
#include <exception>

#include "jit/asm/masm.h"
#include "jit/cpython/decode.h"
#include "jit/engine/registry.h"
#include "jit/runtime/context.h"
#include "jit/runtime/exits.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/invariants.h"
#include "jit/runtime/records.h"

namespace whipsnake {

namespace {

// --- what machine code calls at run time

PyObject* runtime_finish_frame(PyThreadState* ts, Frame* frame, PyObject* result) {
  ThreadContext& context = thread_context();
  if (result == nullptr) {
    Site site;
    site.kind = SiteKind::kError;
    site.instruction = static_cast<uint32_t>(port::instruction_index(frame));
    exit_dispatch(ts, frame, &site, &context);
    return context.exit_result;
  }
  return finish_frame(ts, frame, result, &context);
}

// As for compiled frames of our own (exits.cpp): a frame entered in mid-loop goes back to the interpreter that runs it.
PyObject* runtime_interpret(PyThreadState* ts, Frame* frame, int instruction, int depth) {
  ++counters.deopts;
  if (CodeRecord* record = find_record(port::code_of(frame))) count_exits(record, 1);
  ++exit_counts[static_cast<int>(ExitReason::kGuard)];
  put_in_place(frame, instruction, depth);
  return frame == thread_context().osr_frame ? nullptr : interpret_rest(ts, frame);
}

PyObject* runtime_get_local(Frame* frame, int index) { return frame->localsplus[index]; }

void runtime_set_local(Frame* frame, int index, PyObject* value) {
  PyObject* old = frame->localsplus[index];
  frame->localsplus[index] = value;
  Py_XDECREF(old);
}

void runtime_set_stack(Frame* frame, int slot, PyObject* value) { port::stack_base(frame)[slot] = value; }

void runtime_set_instruction(Frame* frame, int instruction) { port::set_instruction(frame, instruction); }

int runtime_poll(PyThreadState* ts, Frame* frame) {
  if (breaker_quiet(ts)) return 0;
  switch (breaker_slow(ts, frame, true)) {
    case BreakerAction::kGoOn: return 0;
    case BreakerAction::kLeave: return 1;
    case BreakerAction::kError: return -1;
  }
  Py_UNREACHABLE();
}

constexpr api::RuntimeFunctions kRuntime = {
    runtime_finish_frame, runtime_interpret,       runtime_get_local, runtime_set_local,
    runtime_set_stack,    runtime_set_instruction, runtime_poll,
};

// --- while compiling

class Resources final : public CodeResources {
 public:
  explicit Resources(CodeHeap* heap) : heap_(heap) {}
  Resources(const Resources&) = delete;
  Resources& operator=(const Resources&) = delete;

  ~Resources() override {
    engine_resources.reset();
    for (const auto& [data, bytes] : data_) {
      forget_cells(data, static_cast<char*>(data) + bytes);
      heap_->release_data(data);
    }
    if (body != nullptr) heap_->release(body);
  }

  // For a thread that ends without the GIL: what was allocated stays. [thread-end]
  void abandon() { data_.clear(); }

  void* allocate(size_t bytes) {
    void* data = heap_->allocate_data(bytes);
    if (data != nullptr) data_.emplace_back(data, bytes);
    return data;
  }

  std::unique_ptr<api::EngineResources> engine_resources;
  const uint8_t* body = nullptr;  // the engine's code

 private:
  CodeHeap* heap_;
  std::vector<std::pair<void*, size_t>> data_;
};

class HostForOne final : public api::Host {
 public:
  HostForOne(const NativeRequest& request, Resources& resources) : request_(request), resources_(resources) {}

  const api::RuntimeFunctions& runtime() const override { return kRuntime; }
  void* allocate_data(size_t bytes) override { return resources_.allocate(bytes); }
  void abandon() { resources_.abandon(); }

  PyObject** watch_global(PyObject* name) override {
    auto* cell = static_cast<PyObject**>(resources_.allocate(sizeof(PyObject*)));
    return cell != nullptr && assume_global(request_.globals, request_.builtins, name, cell) ? cell : nullptr;
  }

  const uint32_t* watch_type(PyTypeObject* type) override {
    auto* cell = static_cast<uint32_t*>(resources_.allocate(sizeof(uint32_t)));
    return cell != nullptr && assume_type(type, cell) ? cell : nullptr;
  }

 private:
  const NativeRequest& request_;
  Resources& resources_;
};

class InterpreterProfile final : public api::Profile {
 public:
  explicit InterpreterProfile(const std::vector<Instruction>& instructions) : instructions_(instructions) {}
  api::Observation at(int32_t instruction) const override;

 private:
  const std::vector<Instruction>& instructions_;
};

api::Observation InterpreterProfile::at(int32_t index) const {
  api::Observation seen;
  for (const Instruction& instruction : instructions_) {
    if (static_cast<int32_t>(instruction.start) != index) continue;
    if (instruction.specialized == instruction.opcode) return seen;
    const port::CachedVersions versions = port::cached_versions(instruction.specialized, instruction.cache);
    seen.specialized = instruction.specialized;
    seen.type_version = versions.type;
    seen.keys_version = versions.keys;
    seen.function_version = versions.function;
    return seen;
  }
  return seen;
}

struct Call {
  api::EntryFunction function;
  void* data;
};

// The function finishes the frame, and with it, perhaps, its own code object; its code must last until it returns.
PyObject* call_external(PyThreadState* ts, Frame* frame, const Call* call) {
  PyObject* code = Py_NewRef(frame->f_executable);
  PyObject* result = call->function(ts, frame, call->data);
  Py_DECREF(code);
  return result;
}

void emit_stub(Masm& masm, const Call* call) {
  masm.mov(Reg::kArg0, Reg::kThread);
  masm.mov(Reg::kArg1, Reg::kFrame);
  masm.mov_ptr(Reg::kArg2, call);
  masm.mov_ptr(Reg::kT0, reinterpret_cast<const void*>(&call_external));
  masm.leave_thunk();
  masm.jump_reg(Reg::kT0);
}

class ExternalEngine final : public NativeEngine {
 public:
  explicit ExternalEngine(api::Engine* engine) : engine_(engine), name_(engine->name()) {}
  const char* name() const override { return name_.c_str(); }
  std::unique_ptr<CompiledCode> compile(const NativeRequest& request, std::string* reason) override;

 private:
  api::CompileResult ask(const NativeRequest& request, HostForOne& host, std::string* reason);

  api::Engine* engine_;
  std::string name_;
};

api::CompileResult ExternalEngine::ask(const NativeRequest& request, HostForOne& host, std::string* reason) {
  std::vector<Instruction> decoded;
  std::vector<Handler> handlers;
  if (!decode(request.code, decoded) || !decode_exception_table(request.code, handlers)) {
    *reason = "unusual bytecode";
    return {};
  }
  std::vector<api::Instruction> instructions;
  std::vector<int32_t> entries{0};
  for (const Instruction& i : decoded) {
    instructions.push_back({static_cast<int32_t>(i.start), static_cast<int32_t>(i.next), i.oparg, i.target, i.opcode,
                            i.specialized,
                            i.next > i.index + 1 ? reinterpret_cast<const uint16_t*>(i.cache) : nullptr});
    if (i.opcode == JUMP_BACKWARD) entries.push_back(i.target);
  }
  std::vector<api::ExceptionRange> ranges;
  for (const Handler& h : handlers)
    ranges.push_back(
        {static_cast<int32_t>(h.start), static_cast<int32_t>(h.end), static_cast<int32_t>(h.target), h.depth, h.lasti});
  const InterpreterProfile profile(decoded);
  PyCodeObject* code = request.code;
  const char* qualified_name = PyUnicode_AsUTF8(code->co_qualname);
  PyErr_Clear();
  api::CompileRequest question{};
  question.code = code;
  question.globals = request.globals;
  question.builtins = request.builtins;
  question.name = qualified_name != nullptr ? qualified_name : "?";
  question.flags = code->co_flags;
  question.argument_count = code->co_argcount;
  question.positional_only_count = code->co_posonlyargcount;
  question.keyword_only_count = code->co_kwonlyargcount;
  question.local_count = code->co_nlocalsplus;
  question.stack_size = code->co_stacksize;
  question.names = code->co_names;
  question.constants = code->co_consts;
  question.instructions = instructions;
  question.exception_ranges = ranges;
  question.entries = entries;
  question.profile = &profile;
  try {
    return engine_->compile(question, host);
  } catch (const std::exception& error) {
    *reason = std::string("internal error: ") + error.what();
  } catch (...) {
    // What unwinds a thread that ends is no exception; who does not pass it on ends the process.
    if (std::current_exception() == nullptr) {
      host.abandon();
      throw;
    }
    *reason = "internal error";
  }
  return {};
}

std::unique_ptr<CompiledCode> ExternalEngine::compile(const NativeRequest& request, std::string* reason) {
  CodeHeap& heap = *request.heap;
  auto resources = std::make_unique<Resources>(&heap);
  HostForOne host(request, *resources);
  api::CompileResult answer = ask(request, host, reason);
  if (!reason->empty()) return nullptr;
  resources->engine_resources = std::move(answer.resources);
  if (!answer.declined.empty()) {
    *reason = answer.declined;
    return nullptr;
  }
  auto compiled = std::make_unique<CompiledCode>();
  std::vector<std::pair<int32_t, api::EntryFunction>> targets;
  if (!answer.code.empty()) {
    resources->body = heap.install({answer.code.data(), answer.code.size(), nullptr, 0});
    if (answer.entries.empty()) answer.entries.emplace_back(0, 0);
    for (const auto& [instruction, offset] : answer.entries)
      if (resources->body != nullptr && offset < answer.code.size())
        targets.emplace_back(
            instruction, reinterpret_cast<api::EntryFunction>(reinterpret_cast<uintptr_t>(resources->body) + offset));
  } else if (answer.function != nullptr) {
    targets.emplace_back(0, answer.function);
  }
  std::sort(targets.begin(), targets.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const std::unique_ptr<Masm> masm = make_masm(kHostCpu, heap.near_range());
  auto* calls = static_cast<Call*>(resources->allocate(sizeof(Call) * (targets.size() + 1)));
  if (!masm || calls == nullptr || (!answer.code.empty() && resources->body == nullptr)) {
    *reason = "no executable memory";
    return nullptr;
  }
  if (targets.empty() || targets.front().first != 0) {
    *reason = "the engine made no code for the function's start";
    return nullptr;
  }
  for (const auto& [instruction, function] : targets) {
    *calls = {function, answer.engine_data};
    compiled->entries.emplace_back(static_cast<uint32_t>(instruction), static_cast<uint32_t>(masm->size()));
    emit_stub(*masm, calls++);
  }
  const CodeBuffer buffer = masm->finish();
  compiled->code = masm->failed() ? nullptr : heap.install(buffer);
  if (compiled->code == nullptr) {
    *reason = "no executable memory";
    return nullptr;
  }
  compiled->size = buffer.size + answer.code.size();
  compiled->globals = request.globals;
  compiled->builtins = request.builtins;
  compiled->engine = name();
  compiled->resources = std::move(resources);
  return compiled;
}

}  // namespace

std::unique_ptr<NativeEngine> make_external_engine(api::Engine* engine) {
  return std::make_unique<ExternalEngine>(engine);
}

}  // namespace whipsnake
