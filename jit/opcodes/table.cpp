#include "jit/opcodes/table.h"

#include "jit/cpython/opcodes.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/ops/ops.h"

namespace whipsnake::opcodes {

namespace {

void unpack_ex(Emitter& e, const Instruction& i) {
  e.operation_storing(&op_unpack_ex, 1, (i.oparg & 0xff) + 1 + (i.oparg >> 8), i.oparg);
}

struct Row {
  uint8_t opcode;
  baseline::Template emit;
  const char* reason;  // where emit is null
};

constexpr Row kRows[] = {
    // variables
    {NOP, nop, nullptr},
    {LOAD_CONST, load_const, nullptr},
    {LOAD_FAST, load_fast, nullptr},
    {LOAD_FAST_CHECK, load_fast_check, nullptr},
    {LOAD_FAST_AND_CLEAR, load_fast_and_clear, nullptr},
    {LOAD_FAST_LOAD_FAST, load_fast_load_fast, nullptr},
    {STORE_FAST, store_fast, nullptr},
    {STORE_FAST_LOAD_FAST, store_fast_load_fast, nullptr},
    {STORE_FAST_STORE_FAST, store_fast_store_fast, nullptr},
    {DELETE_FAST, delete_fast, nullptr},
    {MAKE_CELL, make_cell, nullptr},
    {COPY_FREE_VARS, copy_free_vars, nullptr},
    {LOAD_DEREF, load_deref, nullptr},
    {STORE_DEREF, store_deref, nullptr},
    {DELETE_DEREF, with_oparg<op_delete_deref, 0, 0>, nullptr},
    {LOAD_FROM_DICT_OR_DEREF, with_oparg<op_load_from_dict_or_deref, 1, 1>, nullptr},
    {LOAD_GLOBAL, load_global, nullptr},
    {STORE_GLOBAL, with_name<op_store_global, 1, 0>, nullptr},
    {DELETE_GLOBAL, with_name<op_delete_global, 0, 0>, nullptr},
    {LOAD_NAME, with_name<op_load_name, 0, 1>, nullptr},
    {STORE_NAME, with_name<op_store_name, 1, 0>, nullptr},
    {DELETE_NAME, with_name<op_delete_name, 0, 0>, nullptr},
    {LOAD_LOCALS, with_oparg<op_load_locals, 0, 1>, nullptr},
    {LOAD_FROM_DICT_OR_GLOBALS, with_name<op_load_from_dict_or_globals, 1, 1>, nullptr},
    {LOAD_BUILD_CLASS, with_oparg<op_load_build_class, 0, 1>, nullptr},
    {LOAD_ASSERTION_ERROR, with_oparg<op_load_assertion_error, 0, 1>, nullptr},
    {SETUP_ANNOTATIONS, with_oparg<op_setup_annotations, 0, 0>, nullptr},
    // the value stack
    {POP_TOP, pop_top, nullptr},
    {END_FOR, pop_top, nullptr},
    {PUSH_NULL, push_null, nullptr},
    {COPY, copy, nullptr},
    {SWAP, swap, nullptr},
    {END_SEND, end_send, nullptr},
    // control
    {RESUME, resume, nullptr},
    {JUMP_FORWARD, jump_forward, nullptr},
    {JUMP_BACKWARD, jump_backward, nullptr},
    {JUMP_BACKWARD_NO_INTERRUPT, jump_backward_no_interrupt, nullptr},
    {POP_JUMP_IF_TRUE, pop_jump_if_true, nullptr},
    {POP_JUMP_IF_FALSE, pop_jump_if_false, nullptr},
    {POP_JUMP_IF_NONE, pop_jump_if_none, nullptr},
    {POP_JUMP_IF_NOT_NONE, pop_jump_if_not_none, nullptr},
    {RETURN_VALUE, return_value, nullptr},
    {RETURN_CONST, return_const, nullptr},
    // iteration and generators
    {GET_ITER, with_oparg<op_get_iter, 1, 1>, nullptr},
    {FOR_ITER, for_iter, nullptr},
    {GET_YIELD_FROM_ITER, with_oparg<op_get_yield_from_iter, 1, 1>, nullptr},
    {SEND, send, nullptr},
    {YIELD_VALUE, yield_value, nullptr},
    {RETURN_GENERATOR, return_generator, nullptr},
    {GET_AITER, with_oparg<op_get_aiter, 1, 1>, nullptr},
    {GET_ANEXT, with_view<op_get_anext, 0, 1, 1>, nullptr},
    {GET_AWAITABLE, with_oparg<op_get_awaitable, 1, 1>, nullptr},
    {GET_LEN, with_view<op_get_len, 0, 1, 1>, nullptr},
    // exceptions and with
    {PUSH_EXC_INFO, with_oparg<op_push_exc_info, 1, 2>, nullptr},
    {POP_EXCEPT, with_oparg<op_pop_except, 1, 0>, nullptr},
    {CHECK_EXC_MATCH, with_view<op_check_exc_match, 1, 1, 2>, nullptr},
    {CHECK_EG_MATCH, with_oparg<op_check_eg_match, 2, 2>, nullptr},
    {RAISE_VARARGS, raise_varargs, nullptr},
    {RERAISE, reraise, nullptr},
    {END_ASYNC_FOR, end_async_for, nullptr},
    {CLEANUP_THROW, cleanup_throw, nullptr},
    {BEFORE_WITH, with_oparg<op_before_with, 1, 2>, nullptr},
    {BEFORE_ASYNC_WITH, with_oparg<op_before_async_with, 1, 2>, nullptr},
    {WITH_EXCEPT_START, with_view<op_with_except_start, 0, 1, 4>, nullptr},
    // arithmetic and logic
    {UNARY_NEGATIVE, unary_negative, nullptr},
    {UNARY_INVERT, unary_invert, nullptr},
    {UNARY_NOT, unary_not, nullptr},
    {TO_BOOL, to_bool, nullptr},
    {BINARY_OP, binary_op, nullptr},
    {COMPARE_OP, compare_op, nullptr},
    {IS_OP, is_op, nullptr},
    {CONTAINS_OP, contains_op, nullptr},
    // containers
    {BINARY_SUBSCR, binary_subscr, nullptr},
    {STORE_SUBSCR, store_subscr, nullptr},
    {DELETE_SUBSCR, with_oparg<op_delete_subscr, 2, 0>, nullptr},
    {BINARY_SLICE, with_oparg<op_binary_slice, 3, 1>, nullptr},
    {STORE_SLICE, with_oparg<op_store_slice, 4, 0>, nullptr},
    {BUILD_SLICE, build_slice, nullptr},
    {BUILD_TUPLE, with_operands<op_build_tuple, 1, 0>, nullptr},
    {BUILD_LIST, with_operands<op_build_list, 1, 0>, nullptr},
    {BUILD_SET, with_operands<op_build_set, 1, 0>, nullptr},
    {BUILD_MAP, with_operands<op_build_map, 2, 0>, nullptr},
    {BUILD_CONST_KEY_MAP, with_operands<op_build_const_key_map, 1, 1>, nullptr},
    {BUILD_STRING, with_operands<op_build_string, 1, 0>, nullptr},
    {LIST_APPEND, list_append, nullptr},
    {LIST_EXTEND, with_view<op_list_extend, 1, 0, 1, 1>, nullptr},
    {SET_ADD, with_view<op_set_add, 1, 0, 1, 1>, nullptr},
    {SET_UPDATE, with_view<op_set_update, 1, 0, 1, 1>, nullptr},
    {MAP_ADD, with_view<op_map_add, 2, 0, 2, 1>, nullptr},
    {DICT_UPDATE, with_view<op_dict_update, 1, 0, 1, 1>, nullptr},
    {DICT_MERGE, with_view<op_dict_merge, 1, 0, 4, 1>, nullptr},
    {UNPACK_SEQUENCE, unpack_sequence, nullptr},
    {UNPACK_EX, unpack_ex, nullptr},
    // attributes and imports
    {LOAD_ATTR, load_attr, nullptr},
    {STORE_ATTR, store_attr, nullptr},
    {DELETE_ATTR, with_name<op_delete_attr, 1, 0>, nullptr},
    {LOAD_SUPER_ATTR, load_super_attr, nullptr},
    {IMPORT_NAME, with_name<op_import_name, 2, 1>, nullptr},
    {IMPORT_FROM,
     [](Emitter& e, const Instruction& i) {
       e.flush_top(1);
       with_name<op_import_from, 0, 1>(e, i);
     },
     nullptr},
    // calls and functions
    {CALL, call, nullptr},
    {CALL_KW, call_kw, nullptr},
    {CALL_FUNCTION_EX, call_function_ex, nullptr},
    {CALL_INTRINSIC_1, with_oparg<op_call_intrinsic_1, 1, 1>, nullptr},
    {CALL_INTRINSIC_2, with_oparg<op_call_intrinsic_2, 2, 1>, nullptr},
    {MAKE_FUNCTION, with_oparg<op_make_function, 1, 1>, nullptr},
    {SET_FUNCTION_ATTRIBUTE, with_oparg<op_set_function_attribute, 2, 1>, nullptr},
    // formatting
    {CONVERT_VALUE, with_oparg<op_convert_value, 1, 1>, nullptr},
    {FORMAT_SIMPLE, with_oparg<op_format_simple, 1, 1>, nullptr},
    {FORMAT_WITH_SPEC, with_oparg<op_format_with_spec, 2, 1>, nullptr},
    // matching
    {MATCH_CLASS, with_oparg<op_match_class, 3, 1>, nullptr},
    {MATCH_KEYS, with_view<op_match_keys, 0, 1, 2>, nullptr},
    {MATCH_MAPPING, with_view<op_match_mapping, 0, 1, 1>, nullptr},
    {MATCH_SEQUENCE, with_view<op_match_sequence, 0, 1, 1>, nullptr},
    // declined
    {CACHE, nullptr, "never executed: inline cache space"},
    {RESERVED, nullptr, "never executed: not an instruction of this version"},
    {EXTENDED_ARG, nullptr, "never executed by itself: part of the instruction behind it"},
    {EXIT_INIT_CHECK, nullptr, "only in the interpreter's own shim around __init__"},
    {INTERPRETER_EXIT, nullptr, "only in the interpreter's own entry frames"},
    {ENTER_EXECUTOR, nullptr, "only where CPython's own JIT is switched on"},
};

// The interpreter puts these in the place of others; code is compiled from what they stand for.
constexpr bool is_instrumented(uint8_t opcode) {
  return std::string_view(opcode_name(opcode)).starts_with("INSTRUMENTED_");
}

constexpr int rows_for(uint8_t opcode) {
  int count = 0;
  for (const Row& row : kRows) count += row.opcode == opcode ? 1 : 0;
  return count;
}

constexpr bool every_opcode_has_one_row() {
  for (int number = 0; number < 256; ++number) {
    const auto opcode = static_cast<uint8_t>(number);
    if (is_base_opcode(opcode) && !is_instrumented(opcode) && rows_for(opcode) != 1) return false;
  }
  return true;
}
static_assert(every_opcode_has_one_row(), "an opcode of this CPython has no row above, or two");

struct FamilyRow {
  uint8_t opcode;
  stress::Family family;
};

// Those whose template has a fast path that can be left out.
constexpr FamilyRow kFamilies[] = {
    {LOAD_ATTR, stress::Family::kAttributes},
    {STORE_ATTR, stress::Family::kAttributes},
    {CALL, stress::Family::kCalls},
    {BINARY_SUBSCR, stress::Family::kContainers},
    {STORE_SUBSCR, stress::Family::kContainers},
    {UNPACK_SEQUENCE, stress::Family::kContainers},
    {LOAD_GLOBAL, stress::Family::kGlobals},
    {LOAD_DEREF, stress::Family::kGlobals},
    {FOR_ITER, stress::Family::kIteration},
    {SEND, stress::Family::kIteration},
    {BINARY_OP, stress::Family::kNumbers},
    {COMPARE_OP, stress::Family::kNumbers},
    {TO_BOOL, stress::Family::kTruth},
};

baseline::TemplateTable make_templates() {
  baseline::TemplateTable table;
  for (const Row& row : kRows) {
    table.templates[row.opcode] = row.emit;
    table.reasons[row.opcode] = row.reason;
  }
  for (const FamilyRow& row : kFamilies) table.families[row.opcode] = row.family;
  return table;
}

}  // namespace

const baseline::TemplateTable& templates() {
  static const baseline::TemplateTable table = make_templates();
  return table;
}

std::vector<Coverage> coverage() {
  std::vector<Coverage> result;
  for (const OpcodeInfo& info : kOpcodes) {
    if (info.name == nullptr) continue;
    const bool base = info.base == info.number;
    const bool instrumented = is_instrumented(info.number);
    const char* reason = templates().reasons[info.base];
    if (instrumented) reason = "a tool is listening: the interpreter runs this code";
    result.push_back({info.name, info.number, !instrumented && templates().templates[info.base] != nullptr,
                      reason == nullptr ? "" : reason, base ? nullptr : kOpcodes[info.base].name, info.caches});
  }
  return result;
}

}  // namespace whipsnake::opcodes
