#include "jit/observe/disassembly.h"

#include <cstring>
#include <map>
#include <string>

#include "jit/observe/sites.h"
#include "jit/runtime/caches.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/code_record.h"
#include "jit/runtime/dict_lookup.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/generators.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/shared_code.h"
#include "jit/runtime/site.h"

namespace whipsnake::observe {

namespace {

using Symbols = std::map<uintptr_t, std::string>;

struct Named {
  const void* address;
  const char* name;
};

// What templates refer to through the near table. A function that is missing here keeps its bare address; a test
// checks that the opcode helpers are complete.
#define NAMED(function) {reinterpret_cast<const void*>(&function), #function}
// clang-format off
const Named kNamed[] = {
    NAMED(op_unary_negative), NAMED(op_unary_invert), NAMED(op_unary_not), NAMED(op_to_bool), NAMED(op_binary_op),
    NAMED(op_binary_op_to_local), NAMED(op_compare_op), NAMED(op_contains_op), NAMED(op_is_op),
    NAMED(op_binary_subscr), NAMED(op_store_subscr), NAMED(op_delete_subscr), NAMED(op_binary_slice),
    NAMED(op_store_slice), NAMED(op_build_slice), NAMED(op_subscr_built_slice), NAMED(op_delete_built_slice), NAMED(op_build_tuple), NAMED(op_build_list), NAMED(op_build_set),
    NAMED(op_build_map), NAMED(op_build_const_key_map), NAMED(op_build_string), NAMED(op_list_append),
    NAMED(op_list_extend), NAMED(op_set_add), NAMED(op_set_update), NAMED(op_map_add), NAMED(op_dict_update),
    NAMED(op_dict_merge), NAMED(op_unpack_sequence), NAMED(op_unpack_ex), NAMED(op_load_name), NAMED(op_store_name),
    NAMED(op_delete_name), NAMED(op_load_global), NAMED(op_store_global), NAMED(op_delete_global),
    NAMED(op_load_from_dict_or_globals), NAMED(op_load_locals), NAMED(op_load_build_class),
    NAMED(op_load_assertion_error), NAMED(op_setup_annotations), NAMED(op_load_fast_check), NAMED(op_delete_fast),
    NAMED(op_load_deref), NAMED(op_load_from_dict_or_deref), NAMED(op_store_deref), NAMED(op_delete_deref),
    NAMED(op_make_cell), NAMED(op_copy_free_vars), NAMED(op_load_attr), NAMED(op_load_attr_method),
    NAMED(op_store_attr), NAMED(op_delete_attr), NAMED(op_load_super_attr), NAMED(op_import_name),
    NAMED(op_import_from), NAMED(op_get_iter), NAMED(op_get_yield_from_iter), NAMED(op_get_len),
    NAMED(op_get_aiter), NAMED(op_get_anext), NAMED(op_get_awaitable), NAMED(op_match_class),
    NAMED(op_match_keys), NAMED(op_match_mapping), NAMED(op_match_sequence), NAMED(op_before_with),
    NAMED(op_before_async_with), NAMED(op_with_except_start), NAMED(op_push_exc_info), NAMED(op_pop_except),
    NAMED(op_check_exc_match), NAMED(op_check_eg_match), NAMED(op_raise_varargs), NAMED(op_convert_value),
    NAMED(op_format_simple), NAMED(op_format_with_spec), NAMED(op_make_function), NAMED(op_set_function_attribute),
    NAMED(op_call_intrinsic_1), NAMED(op_call_intrinsic_2), NAMED(op_call), NAMED(op_call_kw),
    NAMED(op_call_function_ex), NAMED(op_call_native), NAMED(op_call_len),
    NAMED(op_call_isinstance), NAMED(known_isinstance), NAMED(known_item), NAMED(op_call_type), NAMED(op_call_str), NAMED(op_call_list_append),
    NAMED(op_begin_class), NAMED(op_init_failed), NAMED(op_load_global_cached), NAMED(op_load_attr_cached), NAMED(op_load_field_cached), NAMED(op_load_method_cached),
    NAMED(op_store_attr_cached), NAMED(op_for_iter_next), NAMED(op_send),
    NAMED(enter_compiled), NAMED(finish_frame), NAMED(finish_with_error),
    NAMED(yield_value), NAMED(return_generator), NAMED(dealloc), NAMED(int_from_signed), NAMED(float_from_double),

    NAMED(PyLong_Type), NAMED(PyFloat_Type), NAMED(PyUnicode_Type), NAMED(PyBool_Type), NAMED(PyList_Type),
    NAMED(PyTuple_Type), NAMED(PyDict_Type), NAMED(PyFunction_Type), NAMED(PyMethod_Type), NAMED(PyGen_Type),
    NAMED(PyListIter_Type), NAMED(PyTupleIter_Type), NAMED(PyRangeIter_Type),
};
// clang-format on
#undef NAMED

std::map<const void*, const char*> known_addresses() {
  std::map<const void*, const char*> known;
  for (const Named& row : kNamed) known.emplace(row.address, row.name);
  for (const auto& [oparg, name] : {std::pair(NB_ADD, "int_add"),
                                    {NB_SUBTRACT, "int_subtract"},
                                    {NB_MULTIPLY, "int_multiply"},
                                    {NB_FLOOR_DIVIDE, "int_floor_divide"},
                                    {NB_REMAINDER, "int_remainder"},
                                    {NB_LSHIFT, "int_shift_left"},
                                    {NB_RSHIFT, "int_shift_right"},
                                    {NB_AND, "int_and"},
                                    {NB_OR, "int_or"},
                                    {NB_XOR, "int_xor"}})
    known.emplace(address_of(int_function(oparg)), name);
  known.emplace(Py_None, "None");
  known.emplace(Py_True, "True");
  known.emplace(Py_False, "False");
  for (const SharedCode& piece : all_shared_code()) known.emplace(piece.code, piece.name.c_str());
  return known;
}

const char* name_of(const std::map<const void*, const char*>& known, const void* address) {
  const auto found = known.find(address);
  return found != known.end() ? found->second : nullptr;
}

void add(Symbols& symbols, const void* address, std::string name) {
  symbols.emplace(reinterpret_cast<uintptr_t>(address), std::move(name));
}

// The table's cells hold addresses, so each word of it that is a known one gets that one's name.
void add_near_table(Symbols& symbols, const std::map<const void*, const char*>& known) {
  if (near_table == nullptr) return;
  add(symbols, &near_table->ok_breaker, "ok_breaker");
  const auto* begin = reinterpret_cast<const char*>(near_table);
  for (size_t at = 0; at + sizeof(void*) <= sizeof(NearTable); at += sizeof(void*)) {
    const void* held = nullptr;
    std::memcpy(&held, begin + at, sizeof held);
    if (const char* name = name_of(known, held)) add(symbols, begin + at, name);
  }
}

void add_sites(Symbols& symbols, const std::map<const void*, const char*>& known, const CodeResources& resources) {
  resources.visit_sites([&](const Site& site) {
    std::string text = kind_name(site.kind);
    if (site.kind == SiteKind::kSlow) {
      const char* helper = name_of(known, reinterpret_cast<const void*>(site.helper));
      text += std::string("(") + (helper != nullptr ? helper : "?") + ")";
    } else if (site.kind == SiteKind::kDeopt || site.kind == SiteKind::kLeave) {
      text += std::string("(") + name(site.reason) + ")";
    }
    add(symbols, &site, text + "@" + std::to_string(site.instruction));
  });
}

void add_objects(Symbols& symbols, const CompiledCode& compiled, PyCodeObject* code) {
  add(symbols, code, "code");
  add(symbols, compiled.globals, "globals");
  add(symbols, compiled.builtins, "builtins");
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_consts); ++i)
    add(symbols, PyTuple_GET_ITEM(code->co_consts, i), "const[" + std::to_string(i) + "]");
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_names); ++i)
    add(symbols, PyTuple_GET_ITEM(code->co_names, i), "name[" + std::to_string(i) + "]");
  for (int i = 0; i < port::instruction_count(code); ++i)
    add(symbols, port::instructions(code) + i, "@" + std::to_string(i));
}

PyObject* make_dict(const Symbols& symbols) {
  PyObject* dict = PyDict_New();
  for (const auto& [address, text] : symbols) {
    PyObject* key = dict != nullptr ? PyLong_FromUnsignedLongLong(address) : nullptr;
    PyObject* value = key != nullptr ? PyUnicode_FromString(text.c_str()) : nullptr;
    if (value == nullptr || PyDict_SetItem(dict, key, value) < 0) Py_CLEAR(dict);
    Py_XDECREF(key);
    Py_XDECREF(value);
  }
  return dict;
}

PyObject* make_entries(const CompiledCode& compiled) {
  PyObject* list = PyList_New(0);
  for (const auto& [instruction, offset] : compiled.entries) {
    PyObject* item = list != nullptr ? Py_BuildValue("(II)", instruction, offset) : nullptr;
    if (item == nullptr || PyList_Append(list, item) < 0) Py_CLEAR(list);
    Py_XDECREF(item);
  }
  return list;
}

}  // namespace

PyObject* machine_code(PyFunctionObject* func) {
  const CompiledCode* compiled = callable_code(func);
  // What engines from outside made is not in one piece.
  if (compiled == nullptr || std::strcmp(compiled->engine, "baseline") != 0) Py_RETURN_NONE;
  const std::map<const void*, const char*> known = known_addresses();
  Symbols symbols;
  for (const auto& [address, text] : known)
    if (address != nullptr) add(symbols, address, text);
  add_near_table(symbols, known);
  if (compiled->resources) add_sites(symbols, known, *compiled->resources);
  add_objects(symbols, *compiled, reinterpret_cast<PyCodeObject*>(func->func_code));
  return Py_BuildValue("{s:y#,s:K,s:N,s:N}", "code", reinterpret_cast<const char*>(compiled->code),
                       static_cast<Py_ssize_t>(compiled->size), "address",
                       static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(compiled->code)), "entries",
                       make_entries(*compiled), "symbols", make_dict(symbols));
}

}  // namespace whipsnake::observe
