// Every Python opcode that is not pure stack movement or control flow, as an opcode helper (jit/runtime/op_helper.h
// states the contract: operands end at `top` and are consumed, one result is returned, several are stored where the
// operands were). The origin of each is its case in CPython's Python/bytecodes.c.
//
// Per line: operands, lowest first -> results; "stays" marks operands that are left on the stack. `arg` is
//   [oparg]  the instruction's oparg
//   [name]   the name object (borrowed) that the oparg selects
//   [slot]   the index of a local, cell or free variable
//   [-]      not used
// All may run Python code and raise unless the line says otherwise. Helpers that return kDone for several results and
// helpers with one result alike notice (after_escape) that compiled code must stop because somebody started to listen.
#pragma once

#include <type_traits>

#include "jit/runtime/op_helper.h"

namespace whipsnake {

using OpFunction = PyObject*(PyThreadState* ts, PyObject** top, intptr_t arg);
static_assert(std::is_same_v<OpFunction*, OpHelper>);

// ---- arithmetic.cpp
OpFunction op_unary_negative;  // value -> result [-]
OpFunction op_unary_invert;    // value -> result [-]
OpFunction op_unary_not;       // bool -> bool [-]; neither runs nor raises
OpFunction op_to_bool;         // value -> bool [-]
OpFunction op_binary_op;       // left, right -> result [oparg]
// The same when the next instruction stores the result into a local variable [oparg | slot << 8]. A str that only the
// operand and that local refer to is then extended in place; the slot holds None afterwards (or after a MemoryError).
OpFunction op_binary_op_to_local;

// ---- compare.cpp
OpFunction op_compare_op;   // left, right -> result [oparg]; 16: -> bool
OpFunction op_contains_op;  // left, container -> bool [oparg: 1 = not in]
OpFunction op_is_op;        // left, right -> bool [oparg: 1 = is not]

// ---- subscript.cpp
OpFunction op_binary_subscr;  // container, key -> item [-]
OpFunction op_store_subscr;   // value, container, key -> [-]
OpFunction op_delete_subscr;  // container, key -> [-]
OpFunction op_binary_slice;   // container, start, stop -> result [-]
OpFunction op_store_slice;    // value, container, start, stop -> [-]
OpFunction op_build_slice;    // start, stop, (step) -> slice [oparg: 2 or 3]
// BUILD_SLICE and the instruction behind it in one; the position is that of the second.
OpFunction op_subscr_built_slice;  // container, start, stop, (step) -> result [oparg: 2 or 3]
OpFunction op_delete_built_slice;  // container, start, stop, (step) -> [oparg: 2 or 3]

// ---- build.cpp. For list_append to map_add the collection that stays is below oparg - 1 more values.
OpFunction op_build_tuple;          // values... -> tuple [oparg]
OpFunction op_build_list;           // values... -> list [oparg]
OpFunction op_build_set;            // values... -> set [oparg]
OpFunction op_build_map;            // key, value, ... -> dict [oparg: pairs]
OpFunction op_build_const_key_map;  // values..., keys -> dict [oparg]
OpFunction op_build_string;         // pieces... -> str [oparg]
OpFunction op_list_append;          // list stays, value -> [oparg]
OpFunction op_list_extend;          // list stays, iterable -> [oparg]
OpFunction op_set_add;              // set stays, value -> [oparg]
OpFunction op_set_update;           // set stays, iterable -> [oparg]
OpFunction op_map_add;              // dict stays, key, value -> [oparg]
OpFunction op_dict_update;          // dict stays, update -> [oparg]
OpFunction op_dict_merge;           // callable.., dict stay, update -> [oparg]

// ---- unpack.cpp. Results are several: top[-1] and up; the first item is stored highest.
OpFunction op_unpack_sequence;  // iterable -> items... [oparg]
OpFunction op_unpack_ex;        // iterable -> after..., list, before... [oparg]

// ---- variables.cpp
OpFunction op_load_name;                  // -> value [name]
OpFunction op_store_name;                 // value -> [name]
OpFunction op_delete_name;                // -> [name]
OpFunction op_load_global;                // -> value [name]; the NULL of oparg & 1 is the caller's
OpFunction op_store_global;               // value -> [name]
OpFunction op_delete_global;              // -> [name]
OpFunction op_load_from_dict_or_globals;  // namespace -> value [name]
OpFunction op_load_locals;                // -> namespace [-]; does not run Python code
OpFunction op_load_build_class;           // -> builtins.__build_class__ [-]
OpFunction op_load_assertion_error;       // -> AssertionError [-]; cannot fail
OpFunction op_setup_annotations;          // -> [-]

// Local variables and cells of the running frame.
OpFunction op_load_fast_check;          // -> value [slot]; UnboundLocalError
OpFunction op_delete_fast;              // -> [slot]; UnboundLocalError
OpFunction op_load_deref;               // -> value [slot]; NameError
OpFunction op_load_from_dict_or_deref;  // namespace -> value [slot]
OpFunction op_store_deref;              // value -> [slot]
OpFunction op_delete_deref;             // -> [slot]; NameError
OpFunction op_make_cell;                // -> [slot]: the slot's value goes into a new cell
OpFunction op_copy_free_vars;           // -> [oparg]; neither runs nor raises

// ---- attributes.cpp
OpFunction op_load_attr;  // owner -> attribute [name]
// owner -> callable, self_or_null [name]: two results at top[-1] and top[0]; the second is null when the callable is
// not an unbound method of owner.
OpFunction op_load_attr_method;
OpFunction op_store_attr;   // value, owner -> [name]
OpFunction op_delete_attr;  // owner -> [name]
// super, class, self -> attribute [oparg]; with oparg & 1 -> attribute, self_or_null: two results at top[-3], top[-2].
OpFunction op_load_super_attr;

// ---- imports.cpp
OpFunction op_import_name;  // level, fromlist -> module [name]
OpFunction op_import_from;  // module stays -> attribute [name]

// ---- iteration.cpp
OpFunction op_get_iter;             // iterable -> iterator [-]
OpFunction op_get_yield_from_iter;  // iterable -> iterator [-]
OpFunction op_get_len;              // value stays -> length [-]
OpFunction op_get_aiter;            // value -> async iterator [-]
OpFunction op_get_anext;            // async iterator stays -> awaitable [-]
OpFunction op_get_awaitable;        // value -> iterator [oparg: 1 __aenter__, 2 __aexit__]

// ---- match.cpp
OpFunction op_match_class;     // subject, type, names -> tuple or None [oparg]
OpFunction op_match_keys;      // subject, keys stay -> tuple or None [-]
OpFunction op_match_mapping;   // subject stays -> bool [-]; neither runs nor raises
OpFunction op_match_sequence;  // subject stays -> bool [-]; neither runs nor raises

// ---- with.cpp
OpFunction op_before_with;        // manager -> exit, entered: at top[-1], top[0] [-]
OpFunction op_before_async_with;  // the same with __aenter__, __aexit__ [-]
OpFunction op_with_except_start;  // exit, lasti, previous, exception stay -> result [-]

// ---- exceptions.cpp
OpFunction op_push_exc_info;    // exception -> previous, exception: at top[-1], top[0] [-]; neither runs nor raises
OpFunction op_pop_except;       // previous -> [-]
OpFunction op_check_exc_match;  // exception stays, type -> bool [-]
OpFunction op_check_eg_match;   // exception, type -> rest, match: at top[-2], top[-1] [-]
// (exception, (cause)) -> always null, exception set [oparg: 0, 1 or 2]. For oparg 0 use op_raise: this cannot tell
// whether the frame gets a traceback entry.
OpFunction op_raise_varargs;
// The raise statement. Steals exc and cause (null where there is none); an exception is set afterwards in every case.
// True: a bare `raise` set the handled exception again, for which the interpreter adds no traceback entry.
bool op_raise(PyThreadState* ts, PyObject* exc, PyObject* cause);
// sub-iterator, last sent value, exception -> None, value. 1: it was a StopIteration, both results are stored at
// top[-3], top[-2]. 0: the exception is set again (re-raise: no traceback entry), the operands are consumed.
int op_cleanup_throw(PyThreadState* ts, PyObject** top);
// awaitable, exception ->. 1: it was a StopAsyncIteration. 0: the exception is set again (re-raise: no traceback
// entry). Both operands are consumed.
int op_end_async_for(PyThreadState* ts, PyObject** top);

// ---- format.cpp
OpFunction op_convert_value;     // value -> str [oparg: 1 str, 2 repr, 3 ascii]
OpFunction op_format_simple;     // value -> str [-]
OpFunction op_format_with_spec;  // value, spec -> str [-]

// ---- functions.cpp
OpFunction op_make_function;  // code -> function [-]
// attribute, function -> function [oparg: MAKE_FUNCTION_*]; neither runs nor raises.
OpFunction op_set_function_attribute;
OpFunction op_call_intrinsic_1;  // value -> result [oparg]
OpFunction op_call_intrinsic_2;  // value2, value1 -> result [oparg]

}  // namespace whipsnake
