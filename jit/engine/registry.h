// Engines by name: those built in, and those that other packages bring through the public interface.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "jit/asm/code_heap.h"
#include "jit/engine/public/engine.h"
#include "jit/runtime/code_record.h"

namespace whipsnake {

struct NativeRequest {
  CodeRecord* record;  // null when only measuring
  PyCodeObject* code;
  PyObject* globals;
  PyObject* builtins;
  CodeHeap* heap;
};

// An engine as the framework sees it: it makes machine code by the conventions of CompiledCode. Engines behind the
// public interface are wrapped into one.
class NativeEngine {
 public:
  virtual ~NativeEngine() = default;
  virtual const char* name() const = 0;
  // Null with the reason in *reason. Never raises, runs no Python code, leaves a pending exception alone.
  virtual std::unique_ptr<CompiledCode> compile(const NativeRequest& request, std::string* reason) = 0;
};

namespace registry {

// Null when there is none of that name. Engines stay for the life of the process.
NativeEngine* find(const std::string& name);
std::vector<std::string> names();
// Takes an engine from outside; it must outlive the process. Empty string, or why it is refused.
std::string add(api::Engine* engine);

}  // namespace registry

std::unique_ptr<NativeEngine> make_baseline_engine();
std::unique_ptr<NativeEngine> make_external_engine(api::Engine* engine);

}  // namespace whipsnake
