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

#include "jit/runtime/op_helper.h"

namespace whipsnake {

// ---- arithmetic.cpp
PyObject* op_unary_negative(PyThreadState* ts, PyObject** top, intptr_t arg);  // value -> result [-]
PyObject* op_unary_invert(PyThreadState* ts, PyObject** top, intptr_t arg);    // value -> result [-]
PyObject* op_unary_not(PyThreadState* ts, PyObject** top, intptr_t arg);       // bool -> bool [-]; neither runs nor raises
PyObject* op_to_bool(PyThreadState* ts, PyObject** top, intptr_t arg);         // value -> bool [-]
PyObject* op_binary_op(PyThreadState* ts, PyObject** top, intptr_t arg);       // left, right -> result [oparg]

// ---- compare.cpp
PyObject* op_compare_op(PyThreadState* ts, PyObject** top, intptr_t arg);      // left, right -> result [oparg]; 16: -> bool
PyObject* op_contains_op(PyThreadState* ts, PyObject** top, intptr_t arg);     // left, container -> bool [oparg: 1 = not in]
PyObject* op_is_op(PyThreadState* ts, PyObject** top, intptr_t arg);           // left, right -> bool [oparg: 1 = is not]

// ---- subscript.cpp
PyObject* op_binary_subscr(PyThreadState* ts, PyObject** top, intptr_t arg);   // container, key -> item [-]
PyObject* op_store_subscr(PyThreadState* ts, PyObject** top, intptr_t arg);    // value, container, key -> [-]
PyObject* op_delete_subscr(PyThreadState* ts, PyObject** top, intptr_t arg);   // container, key -> [-]
PyObject* op_binary_slice(PyThreadState* ts, PyObject** top, intptr_t arg);    // container, start, stop -> result [-]
PyObject* op_store_slice(PyThreadState* ts, PyObject** top, intptr_t arg);     // value, container, start, stop -> [-]
PyObject* op_build_slice(PyThreadState* ts, PyObject** top, intptr_t arg);     // start, stop, (step) -> slice [oparg: 2 or 3]

// ---- build.cpp. For list_append to map_add the collection that stays is below oparg - 1 more values.
PyObject* op_build_tuple(PyThreadState* ts, PyObject** top, intptr_t arg);     // values... -> tuple [oparg]
PyObject* op_build_list(PyThreadState* ts, PyObject** top, intptr_t arg);      // values... -> list [oparg]
PyObject* op_build_set(PyThreadState* ts, PyObject** top, intptr_t arg);       // values... -> set [oparg]
PyObject* op_build_map(PyThreadState* ts, PyObject** top, intptr_t arg);       // key, value, ... -> dict [oparg: pairs]
PyObject* op_build_const_key_map(PyThreadState* ts, PyObject** top, intptr_t arg);  // values..., keys -> dict [oparg]
PyObject* op_build_string(PyThreadState* ts, PyObject** top, intptr_t arg);    // pieces... -> str [oparg]
PyObject* op_list_append(PyThreadState* ts, PyObject** top, intptr_t arg);     // list stays, value -> [oparg]
PyObject* op_list_extend(PyThreadState* ts, PyObject** top, intptr_t arg);     // list stays, iterable -> [oparg]
PyObject* op_set_add(PyThreadState* ts, PyObject** top, intptr_t arg);         // set stays, value -> [oparg]
PyObject* op_set_update(PyThreadState* ts, PyObject** top, intptr_t arg);      // set stays, iterable -> [oparg]
PyObject* op_map_add(PyThreadState* ts, PyObject** top, intptr_t arg);         // dict stays, key, value -> [oparg]
PyObject* op_dict_update(PyThreadState* ts, PyObject** top, intptr_t arg);     // dict stays, update -> [oparg]
PyObject* op_dict_merge(PyThreadState* ts, PyObject** top, intptr_t arg);      // callable.., dict stay, update -> [oparg]

// ---- unpack.cpp. Results are several: top[-1] and up; the first item is stored highest.
PyObject* op_unpack_sequence(PyThreadState* ts, PyObject** top, intptr_t arg);  // iterable -> items... [oparg]
PyObject* op_unpack_ex(PyThreadState* ts, PyObject** top, intptr_t arg);        // iterable -> after..., list, before... [oparg]

// ---- variables.cpp
PyObject* op_load_name(PyThreadState* ts, PyObject** top, intptr_t arg);       // -> value [name]
PyObject* op_store_name(PyThreadState* ts, PyObject** top, intptr_t arg);      // value -> [name]
PyObject* op_delete_name(PyThreadState* ts, PyObject** top, intptr_t arg);     // -> [name]
PyObject* op_load_global(PyThreadState* ts, PyObject** top, intptr_t arg);     // -> value [name]; the NULL of oparg & 1 is the caller's
PyObject* op_store_global(PyThreadState* ts, PyObject** top, intptr_t arg);    // value -> [name]
PyObject* op_delete_global(PyThreadState* ts, PyObject** top, intptr_t arg);   // -> [name]
PyObject* op_load_from_dict_or_globals(PyThreadState* ts, PyObject** top, intptr_t arg);  // namespace -> value [name]
PyObject* op_load_locals(PyThreadState* ts, PyObject** top, intptr_t arg);     // -> namespace [-]; does not run Python code
PyObject* op_load_build_class(PyThreadState* ts, PyObject** top, intptr_t arg);    // -> builtins.__build_class__ [-]
PyObject* op_load_assertion_error(PyThreadState* ts, PyObject** top, intptr_t arg);  // -> AssertionError [-]; cannot fail
PyObject* op_setup_annotations(PyThreadState* ts, PyObject** top, intptr_t arg);   // -> [-]

// Local variables and cells of the running frame.
PyObject* op_load_fast_check(PyThreadState* ts, PyObject** top, intptr_t arg);  // -> value [slot]; UnboundLocalError
PyObject* op_delete_fast(PyThreadState* ts, PyObject** top, intptr_t arg);     // -> [slot]; UnboundLocalError
PyObject* op_load_deref(PyThreadState* ts, PyObject** top, intptr_t arg);      // -> value [slot]; NameError
PyObject* op_load_from_dict_or_deref(PyThreadState* ts, PyObject** top, intptr_t arg);  // namespace -> value [slot]
PyObject* op_store_deref(PyThreadState* ts, PyObject** top, intptr_t arg);     // value -> [slot]
PyObject* op_delete_deref(PyThreadState* ts, PyObject** top, intptr_t arg);    // -> [slot]; NameError
PyObject* op_make_cell(PyThreadState* ts, PyObject** top, intptr_t arg);       // -> [slot]: the slot's value goes into a new cell
PyObject* op_copy_free_vars(PyThreadState* ts, PyObject** top, intptr_t arg);  // -> [oparg]; neither runs nor raises

// ---- attributes.cpp
PyObject* op_load_attr(PyThreadState* ts, PyObject** top, intptr_t arg);       // owner -> attribute [name]
// owner -> callable, self_or_null [name]: two results at top[-1] and top[0]; the second is null when the callable is
// not an unbound method of owner.
PyObject* op_load_attr_method(PyThreadState* ts, PyObject** top, intptr_t arg);
PyObject* op_store_attr(PyThreadState* ts, PyObject** top, intptr_t arg);      // value, owner -> [name]
PyObject* op_delete_attr(PyThreadState* ts, PyObject** top, intptr_t arg);     // owner -> [name]
// super, class, self -> attribute [oparg]; with oparg & 1 -> attribute, self_or_null: two results at top[-3], top[-2].
PyObject* op_load_super_attr(PyThreadState* ts, PyObject** top, intptr_t arg);

// ---- imports.cpp
PyObject* op_import_name(PyThreadState* ts, PyObject** top, intptr_t arg);     // level, fromlist -> module [name]
PyObject* op_import_from(PyThreadState* ts, PyObject** top, intptr_t arg);     // module stays -> attribute [name]

// ---- iteration.cpp
PyObject* op_get_iter(PyThreadState* ts, PyObject** top, intptr_t arg);        // iterable -> iterator [-]
PyObject* op_get_yield_from_iter(PyThreadState* ts, PyObject** top, intptr_t arg);  // iterable -> iterator [-]
PyObject* op_get_len(PyThreadState* ts, PyObject** top, intptr_t arg);         // value stays -> length [-]
// iterator stays -> next item [-]. Exhausted: null and no exception is set (a StopIteration was cleared); the iterator
// stays then too. The caller tells the two apart by ts->current_exception.
PyObject* op_for_iter(PyThreadState* ts, PyObject** top, intptr_t arg);
PyObject* op_get_aiter(PyThreadState* ts, PyObject** top, intptr_t arg);       // value -> async iterator [-]
PyObject* op_get_anext(PyThreadState* ts, PyObject** top, intptr_t arg);       // async iterator stays -> awaitable [-]
PyObject* op_get_awaitable(PyThreadState* ts, PyObject** top, intptr_t arg);   // value -> iterator [oparg: 1 __aenter__, 2 __aexit__]
PyObject* op_end_send(PyThreadState* ts, PyObject** top, intptr_t arg);        // receiver, value -> value [-]

// ---- match.cpp
PyObject* op_match_class(PyThreadState* ts, PyObject** top, intptr_t arg);     // subject, type, names -> tuple or None [oparg]
PyObject* op_match_keys(PyThreadState* ts, PyObject** top, intptr_t arg);      // subject, keys stay -> tuple or None [-]
PyObject* op_match_mapping(PyThreadState* ts, PyObject** top, intptr_t arg);   // subject stays -> bool [-]; neither runs nor raises
PyObject* op_match_sequence(PyThreadState* ts, PyObject** top, intptr_t arg);  // subject stays -> bool [-]; neither runs nor raises

// ---- with.cpp
PyObject* op_before_with(PyThreadState* ts, PyObject** top, intptr_t arg);     // manager -> exit, entered: at top[-1], top[0] [-]
PyObject* op_before_async_with(PyThreadState* ts, PyObject** top, intptr_t arg);  // the same with __aenter__, __aexit__ [-]
PyObject* op_with_except_start(PyThreadState* ts, PyObject** top, intptr_t arg);  // exit, lasti, previous, exception stay -> result [-]

// ---- exceptions.cpp
PyObject* op_push_exc_info(PyThreadState* ts, PyObject** top, intptr_t arg);   // exception -> previous, exception: at top[-1], top[0] [-]; neither runs nor raises
PyObject* op_pop_except(PyThreadState* ts, PyObject** top, intptr_t arg);      // previous -> [-]
PyObject* op_check_exc_match(PyThreadState* ts, PyObject** top, intptr_t arg);  // exception stays, type -> bool [-]
PyObject* op_check_eg_match(PyThreadState* ts, PyObject** top, intptr_t arg);  // exception, type -> rest, match: at top[-2], top[-1] [-]
// (exception, (cause)) -> always null, exception set [oparg: 0, 1 or 2]. For oparg 0 use op_raise: this cannot tell
// whether the frame gets a traceback entry.
PyObject* op_raise_varargs(PyThreadState* ts, PyObject** top, intptr_t arg);
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
PyObject* op_convert_value(PyThreadState* ts, PyObject** top, intptr_t arg);   // value -> str [oparg: 1 str, 2 repr, 3 ascii]
PyObject* op_format_simple(PyThreadState* ts, PyObject** top, intptr_t arg);   // value -> str [-]
PyObject* op_format_with_spec(PyThreadState* ts, PyObject** top, intptr_t arg);  // value, spec -> str [-]

// ---- functions.cpp
PyObject* op_make_function(PyThreadState* ts, PyObject** top, intptr_t arg);   // code -> function [-]
// attribute, function -> function [oparg: MAKE_FUNCTION_*]; neither runs nor raises.
PyObject* op_set_function_attribute(PyThreadState* ts, PyObject** top, intptr_t arg);
PyObject* op_call_intrinsic_1(PyThreadState* ts, PyObject** top, intptr_t arg);  // value -> result [oparg]
PyObject* op_call_intrinsic_2(PyThreadState* ts, PyObject** top, intptr_t arg);  // value2, value1 -> result [oparg]

}  // namespace whipsnake
