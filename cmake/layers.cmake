# The folders of jit/, lowest first: a folder includes and links only what stands before it.
# tests/python/test_layering.py reads these two lists and checks the includes against them.
set(WHIPSNAKE_LAYERS
  support asm cpython runtime baseline opcodes engine observe module)
set(WHIPSNAKE_LAYERS_WITHOUT_PYTHON
  support asm ir)

# The two CPU folders of jit/asm: the host's belongs to the layer `asm`, the other one makes a library
# of its own, so that both CPUs' sequences are tested on any host.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(WHIPSNAKE_HOST_CPU a64)
  set(WHIPSNAKE_OTHER_CPU x64)
else()
  set(WHIPSNAKE_HOST_CPU x64)
  set(WHIPSNAKE_OTHER_CPU a64)
endif()

# Gives in `out` the sources below jit/<folder>, without those in the subfolders named after it.
function(whipsnake_sources out folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/jit/${folder}/*.cpp")
  foreach(excluded IN LISTS ARGN)
    list(FILTER sources EXCLUDE REGEX "^${PROJECT_SOURCE_DIR}/jit/${folder}/${excluded}/")
  endforeach()
  set(${out} "${sources}" PARENT_SCOPE)
endfunction()

# An object library, so that no file is dropped at link time because nothing names its symbols
# (registration by static objects); an interface library while there is no source.
function(whipsnake_add_objects target)
  if(ARGN)
    add_library(${target} OBJECT ${ARGN})
    target_link_libraries(${target} PRIVATE whipsnake_options)
  else()
    add_library(${target} INTERFACE)
  endif()
endfunction()

function(whipsnake_add_cpu_requirements target scope cpu)
  if(cpu STREQUAL "x64")
    whipsnake_require_xbyak()
    target_link_libraries(${target} ${scope} whipsnake_xbyak)
  else()
    whipsnake_require_vixl()
    target_link_libraries(${target} ${scope} whipsnake_vixl)
  endif()
endfunction()

# Links `target` with the layers up to and including `layer`: their objects and what they need.
function(whipsnake_link_layers target layer)
  foreach(lower IN LISTS WHIPSNAKE_LAYERS)
    if(NOT layer IN_LIST WHIPSNAKE_LAYERS_WITHOUT_PYTHON
       OR lower IN_LIST WHIPSNAKE_LAYERS_WITHOUT_PYTHON)
      target_link_libraries(${target} PRIVATE whipsnake_${lower})
    endif()
    if(lower STREQUAL layer)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "whipsnake: jit/${layer} is not in WHIPSNAKE_LAYERS")
endfunction()

function(whipsnake_add_layer layer)
  set(target whipsnake_${layer})
  if(layer STREQUAL "asm")
    whipsnake_sources(sources asm ${WHIPSNAKE_OTHER_CPU})
  elseif(layer STREQUAL "module")
    whipsnake_sources(sources module stub late)
  else()
    whipsnake_sources(sources ${layer})
  endif()
  whipsnake_add_objects(${target} ${sources})
  set(scope PUBLIC)
  if(NOT sources)
    set(scope INTERFACE)
  endif()

  if(NOT layer IN_LIST WHIPSNAKE_LAYERS_WITHOUT_PYTHON)
    target_link_libraries(${target} ${scope} whipsnake_python)
    if(TARGET whipsnake_generated)
      add_dependencies(${target} whipsnake_generated)
    endif()
  endif()
  if(layer STREQUAL "asm")
    whipsnake_add_cpu_requirements(${target} ${scope} ${WHIPSNAKE_HOST_CPU})
  elseif(layer STREQUAL "cpython")
    # Seen by the layers below it as well, because port headers may have inline code; that nobody else
    # includes CPython's internal headers is checked by the layering test.
    target_include_directories(${target} SYSTEM ${scope}
      "${Python_INCLUDE_DIRS}/internal" "${Python_INCLUDE_DIRS}/internal/mimalloc")
  endif()

  foreach(lower IN LISTS WHIPSNAKE_LAYERS)
    if(lower STREQUAL layer)
      break()
    endif()
    if(NOT layer IN_LIST WHIPSNAKE_LAYERS_WITHOUT_PYTHON
       OR lower IN_LIST WHIPSNAKE_LAYERS_WITHOUT_PYTHON)
      target_link_libraries(${target} ${scope} whipsnake_${lower})
    endif()
  endforeach()
endfunction()

if(WHIPSNAKE_JIT_ENABLED)
  foreach(layer IN LISTS WHIPSNAKE_LAYERS)
    whipsnake_add_layer(${layer})
  endforeach()

  if(WHIPSNAKE_TESTS)
    whipsnake_sources(sources asm/${WHIPSNAKE_OTHER_CPU})
    set(other whipsnake_asm_${WHIPSNAKE_OTHER_CPU})
    whipsnake_add_objects(${other} ${sources})
    set(scope PUBLIC)
    if(NOT sources)
      set(scope INTERFACE)
    endif()
    target_link_libraries(${other} ${scope} whipsnake_support whipsnake_asm)
    whipsnake_add_cpu_requirements(${other} ${scope} ${WHIPSNAKE_OTHER_CPU})
  endif()
endif()
