// The baseline engine's compiler: one forward walk over the bytecode, a template per opcode.
#pragma once

#include <memory>
#include <string>

#include "jit/asm/code_heap.h"
#include "jit/cpython/decode.h"
#include "jit/runtime/code_record.h"
#include "jit/runtime/stress.h"

namespace whipsnake::baseline {

class Emitter;

// Emits one instruction. Templates live in jit/opcodes/, one family per file; the walk knows them by table only.
using Template = void (*)(Emitter&, const Instruction&);

struct TemplateTable {
  Template templates[256] = {};   // null: the code object is declined
  const char* reasons[256] = {};  // why, where null
  stress::Family families[256] = {};
};

struct CompileOptions {
  CodeRecord* record = nullptr;  // counts exits; may be null
  bool leave_out_cold = false;   // no machine code for what the interpreter, which has run the code for a while, never
                                 // came to and record->warm does not name: it goes on in the interpreter
};

// Machine code for `code` run with these globals and builtins (exact dicts), or null with the reason in *reason.
// Never raises and never runs Python code. With the GIL held.
std::unique_ptr<CompiledCode> compile(PyCodeObject* code, PyObject* globals, PyObject* builtins, CodeHeap& heap,
                                      const TemplateTable& table, const CompileOptions& options, std::string* reason);

// Frees buffers kept between compilations.
void release_buffers();

}  // namespace whipsnake::baseline
