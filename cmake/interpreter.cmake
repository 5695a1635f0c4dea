# The interpreter this build is for, and whether machine code can be generated for it.
#   WHIPSNAKE_JIT_ENABLED   whether the real extension is built, or the inert one
#   WHIPSNAKE_OFF_REASON    why not, as users read it
#   whipsnake_python        C API headers and generated sources
#   whipsnake_python_embed  the same, and the interpreter as a library (only if there is one)

find_package(Python REQUIRED COMPONENTS Interpreter Development.Module
             OPTIONAL_COMPONENTS Development.Embed)

execute_process(
  COMMAND "${Python_EXECUTABLE}" -c "import sysconfig, sys
v = sysconfig.get_config_var
print(int(bool(v('Py_GIL_DISABLED'))))
print(sys.base_prefix)
print(v('LIBS') or '', v('SYSLIBS') or '', v('LINKFORSHARED') or '')"
  OUTPUT_VARIABLE facts OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" facts "${facts}")
list(POP_FRONT facts WHIPSNAKE_PYTHON_FREE_THREADED WHIPSNAKE_PYTHON_HOME)

# What machine code can be generated for. A port adds its version, a back end its processor.
set(WHIPSNAKE_JIT_PYTHONS 3.13)
set(WHIPSNAKE_JIT_MACHINES Linux-x86_64)

set(machine "${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}")
set(python_name "${Python_INTERPRETER_ID} ${Python_VERSION}")
if(Python_INTERPRETER_ID STREQUAL "Python")
  set(python_name "CPython ${Python_VERSION}")
endif()
set(WHIPSNAKE_OFF_REASON "")
set(needs "machine code needs CPython ${WHIPSNAKE_JIT_PYTHONS} with the GIL")
if(NOT WHIPSNAKE_JIT)
  set(WHIPSNAKE_OFF_REASON "WHIPSNAKE_JIT=OFF")
elseif(NOT "${Python_VERSION_MAJOR}.${Python_VERSION_MINOR}" IN_LIST WHIPSNAKE_JIT_PYTHONS
       OR NOT python_name MATCHES "^CPython")
  set(WHIPSNAKE_OFF_REASON "built for ${python_name}, ${needs}")
elseif(WHIPSNAKE_PYTHON_FREE_THREADED)
  set(WHIPSNAKE_OFF_REASON "built for free-threaded ${python_name}, ${needs}")
elseif(NOT machine IN_LIST WHIPSNAKE_JIT_MACHINES)
  set(WHIPSNAKE_OFF_REASON "built for ${machine}, machine code needs ${WHIPSNAKE_JIT_MACHINES}")
endif()

set(WHIPSNAKE_JIT_ENABLED ON)
if(WHIPSNAKE_OFF_REASON)
  set(WHIPSNAKE_JIT_ENABLED OFF)
  message(STATUS "whipsnake: building without machine-code generation (${WHIPSNAKE_OFF_REASON})")
else()
  message(STATUS "whipsnake: building the JIT for ${python_name} on ${machine}")
endif()

add_library(whipsnake_python INTERFACE)
target_link_libraries(whipsnake_python INTERFACE Python::Module)
target_include_directories(whipsnake_python INTERFACE "${PROJECT_BINARY_DIR}/generated")

if(TARGET Python::Python)
  add_library(whipsnake_python_embed INTERFACE)
  target_link_libraries(whipsnake_python_embed INTERFACE Python::Python whipsnake_python)
  if(Python_LIBRARIES MATCHES "\\.a$")
    # A static libpython names the libraries it needs only in sysconfig.
    separate_arguments(static_flags UNIX_COMMAND "${facts}")
    target_link_libraries(whipsnake_python_embed INTERFACE ${static_flags})
  endif()
endif()

# From the interpreter itself, as C++ include files: its opcode table, and code that is run at every start.
set(opcode_tool "${PROJECT_SOURCE_DIR}/tools/generate_opcodes.py")
set(embed_tool "${PROJECT_SOURCE_DIR}/tools/embed_code.py")
if(WHIPSNAKE_JIT_ENABLED AND EXISTS "${opcode_tool}")
  set(generated "${PROJECT_BINARY_DIR}/generated/jit/cpython")
  set(layout_sample "${PROJECT_SOURCE_DIR}/jit/cpython/v313/layout_sample.py")
  file(MAKE_DIRECTORY "${generated}")
  add_custom_command(
    OUTPUT "${generated}/opcode_table.inc"
    COMMAND "${Python_EXECUTABLE}" "${opcode_tool}" --out "${generated}/opcode_table.inc"
    DEPENDS "${opcode_tool}"
    COMMENT "Generating the opcode table of ${python_name}"
    VERBATIM)
  add_custom_command(
    OUTPUT "${generated}/layout_sample.inc"
    COMMAND "${Python_EXECUTABLE}" "${embed_tool}" "${layout_sample}" --out "${generated}/layout_sample.inc"
    DEPENDS "${embed_tool}" "${layout_sample}"
    COMMENT "Compiling layout_sample.py"
    VERBATIM)
  add_custom_target(whipsnake_generated DEPENDS "${generated}/opcode_table.inc" "${generated}/layout_sample.inc")
endif()
