#include "jit/observe/perf_map.h"

#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <string>

#include "jit/engine/framework.h"
#include "jit/runtime/shared_code.h"

namespace whipsnake::observe {

namespace {

std::FILE* file = nullptr;
pid_t owner = 0;

bool open_for_this_process() {
  if (file != nullptr && owner == getpid()) return true;
  owner = getpid();
  file = std::fopen(("/tmp/perf-" + std::to_string(owner) + ".map").c_str(), "a");
  return file != nullptr;
}

// Name and file with nothing that would break a line.
std::string printable(PyObject* text) {
  const char* utf8 = PyUnicode_AsUTF8(text);
  PyErr_Clear();
  std::string result = utf8 != nullptr ? utf8 : "?";
  for (char& c : result)
    if (c == '\n' || c == '\r') c = ' ';
  return result;
}

void write_entry(const CodeRecord& record, const CompiledCode& compiled) {
  if (!open_for_this_process()) return;
  std::fprintf(file, "%" PRIxPTR " %zx whipsnake:%s:%s:%s\n", reinterpret_cast<uintptr_t>(compiled.code), compiled.size,
               compiled.engine, printable(record.code->co_qualname).c_str(),
               printable(record.code->co_filename).c_str());
  std::fflush(file);
}

void write_shared(const SharedCode& piece) {
  if (!open_for_this_process()) return;
  std::fprintf(file, "%" PRIxPTR " %zx whipsnake:%s\n", reinterpret_cast<uintptr_t>(piece.code), piece.size,
               piece.name.c_str());
  std::fflush(file);
}

}  // namespace

void start_perf_map() {
  framework::on_compile = write_entry;
  on_shared_code = write_shared;
  for (const SharedCode& piece : all_shared_code()) write_shared(piece);
}

void stop_perf_map() {
  framework::on_compile = nullptr;
  on_shared_code = nullptr;
  if (file != nullptr) std::fclose(file);
  file = nullptr;
}

}  // namespace whipsnake::observe
