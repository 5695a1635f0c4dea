// 3.13 Python/bytecodes.c: inputs and outputs of each opcode. The one table of them.
#include "jit/cpython/decode.h"

namespace whipsnake {

StackUse stack_use(uint8_t opcode, int32_t oparg, bool jump) {
  switch (opcode) {
    case NOP:
    case RESUME:
    case SETUP_ANNOTATIONS:
    case COPY_FREE_VARS:
    case MAKE_CELL:
    case DELETE_DEREF:
    case DELETE_FAST:
    case DELETE_GLOBAL:
    case DELETE_NAME:
    case JUMP_BACKWARD:
    case JUMP_BACKWARD_NO_INTERRUPT:
    case JUMP_FORWARD:
    case RETURN_CONST: return {0, 0};

    case LOAD_ASSERTION_ERROR:
    case LOAD_BUILD_CLASS:
    case LOAD_CONST:
    case LOAD_DEREF:
    case LOAD_FAST:
    case LOAD_FAST_AND_CLEAR:
    case LOAD_FAST_CHECK:
    case LOAD_LOCALS:
    case LOAD_NAME:
    case PUSH_NULL: return {0, 1};
    case LOAD_FAST_LOAD_FAST: return {0, 2};
    case LOAD_GLOBAL: return {0, 1 + (oparg & 1)};
    // The generator itself goes to the caller; what is pushed here is the value of the first send(), always None.
    case RETURN_GENERATOR: return {0, 1};

    case END_FOR:
    case EXIT_INIT_CHECK:
    case POP_EXCEPT:
    case POP_JUMP_IF_FALSE:
    case POP_JUMP_IF_NONE:
    case POP_JUMP_IF_NOT_NONE:
    case POP_JUMP_IF_TRUE:
    case POP_TOP:
    case RETURN_VALUE:
    case STORE_DEREF:
    case STORE_FAST:
    case STORE_GLOBAL:
    case STORE_NAME:
    case DELETE_ATTR: return {1, 0};
    case DELETE_SUBSCR:
    case END_ASYNC_FOR:
    case STORE_ATTR:
    case STORE_FAST_STORE_FAST: return {2, 0};
    case STORE_SUBSCR: return {3, 0};
    case STORE_SLICE: return {4, 0};

    case CALL_INTRINSIC_1:
    case CONVERT_VALUE:
    case FORMAT_SIMPLE:
    case GET_AITER:
    case GET_AWAITABLE:
    case GET_ITER:
    case GET_YIELD_FROM_ITER:
    case LOAD_FROM_DICT_OR_DEREF:
    case LOAD_FROM_DICT_OR_GLOBALS:
    case MAKE_FUNCTION:
    case STORE_FAST_LOAD_FAST:
    case TO_BOOL:
    case UNARY_INVERT:
    case UNARY_NEGATIVE:
    case UNARY_NOT: return {1, 1};
    // Out goes the value, in comes the one sent, or None when an exception is thrown in.
    case YIELD_VALUE: return {1, 1, 1};
    case LOAD_ATTR: return {1, 1 + (oparg & 1)};
    case BEFORE_ASYNC_WITH:
    case BEFORE_WITH: return {1, 2};
    case GET_ANEXT:
    case GET_LEN:
    case IMPORT_FROM:
    case MATCH_MAPPING:
    case MATCH_SEQUENCE:
    case PUSH_EXC_INFO: return {1, 2, 1};
    case FOR_ITER: return {1, jump ? 0 : 2, 1};
    case UNPACK_SEQUENCE: return {1, oparg};
    case UNPACK_EX: return {1, 1 + (oparg & 0xff) + (oparg >> 8)};

    case BINARY_OP:
    case BINARY_SUBSCR:
    case CALL_INTRINSIC_2:
    case COMPARE_OP:
    case CONTAINS_OP:
    case END_SEND:
    case FORMAT_WITH_SPEC:
    case IMPORT_NAME:
    case IS_OP:
    case SET_FUNCTION_ATTRIBUTE: return {2, 1};
    case CHECK_EG_MATCH: return {2, 2};
    case CHECK_EXC_MATCH:
    case SEND: return {2, 2, 1};
    case MATCH_KEYS: return {2, 3, 2};
    case BINARY_SLICE:
    case MATCH_CLASS: return {3, 1};
    case CLEANUP_THROW: return {3, 2};
    case LOAD_SUPER_ATTR: return {3, 1 + (oparg & 1)};
    case WITH_EXCEPT_START: return {4, 5, 4};

    case BUILD_LIST:
    case BUILD_SET:
    case BUILD_STRING:
    case BUILD_TUPLE: return {oparg, 1};
    case BUILD_CONST_KEY_MAP: return {oparg + 1, 1};
    case BUILD_MAP: return {oparg * 2, 1};
    case BUILD_SLICE: return {oparg == 3 ? 3 : 2, 1};
    case CALL: return {oparg + 2, 1};
    case CALL_KW: return {oparg + 3, 1};
    case CALL_FUNCTION_EX: return {3 + (oparg & 1), 1};
    case RAISE_VARARGS: return {oparg, 0};
    case RERAISE: return {oparg + 1, oparg, oparg};

    // A collection stays, below oparg - 1 more values.
    case DICT_UPDATE:
    case LIST_APPEND:
    case LIST_EXTEND:
    case SET_ADD:
    case SET_UPDATE: return {oparg + 1, oparg, oparg};
    case MAP_ADD: return {oparg + 2, oparg, oparg};
    case DICT_MERGE: return {oparg + 4, oparg + 3, oparg + 3};
    case COPY: return {oparg, oparg + 1, oparg};
    case SWAP: return {oparg, oparg, oparg};

    // CACHE, RESERVED, EXTENDED_ARG (part of the instruction that follows), INTERPRETER_EXIT, ENTER_EXECUTOR,
    // specialised, instrumented and unknown ones.
    default: return {-1, -1};
  }
}

int stack_effect(uint8_t opcode, int32_t oparg, bool jump) {
  const StackUse use = stack_use(opcode, oparg, jump);
  return use.pushed - use.popped;
}

bool ends_flow(uint8_t opcode) {
  switch (opcode) {
    case JUMP_BACKWARD:
    case JUMP_BACKWARD_NO_INTERRUPT:
    case JUMP_FORWARD:
    case RAISE_VARARGS:
    case RERAISE:
    case RETURN_CONST:
    case RETURN_VALUE: return true;
    default: return false;
  }
}

}  // namespace whipsnake
