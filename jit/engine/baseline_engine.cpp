#include "jit/baseline/compile.h"
#include "jit/engine/policy.h"
#include "jit/engine/registry.h"
#include "jit/opcodes/table.h"

namespace whipsnake {

namespace {

class BaselineEngine final : public NativeEngine {
 public:
  const char* name() const override { return "baseline"; }

  std::unique_ptr<CompiledCode> compile(const NativeRequest& request, std::string* reason) override {
    baseline::CompileOptions options;
    options.record = request.record;
    options.leave_out_cold = request.record != nullptr && policy::knows_cold_code(*request.record);
    auto compiled = baseline::compile(request.code, request.globals, request.builtins, *request.heap,
                                      opcodes::templates(), options, reason);
    if (compiled) compiled->engine = name();
    return compiled;
  }
};

}  // namespace

std::unique_ptr<NativeEngine> make_baseline_engine() { return std::make_unique<BaselineEngine>(); }

}  // namespace whipsnake
