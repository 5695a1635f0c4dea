# How every C++ file of the project is compiled. Targets opt in through `whipsnake_options`, so that
# third-party sources keep their own flags.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# -g1 keeps what backtraces and profilers need at a fraction of the link time and disk space of -g.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(WHIPSNAKE_CCACHE ccache)
if(WHIPSNAKE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${WHIPSNAKE_CCACHE}")
endif()

add_library(whipsnake_options INTERFACE)
# -fno-plt: calls of libpython's functions go through the address that the loader has bound, not through a stub that jumps
# there. In large programs processors run out of memory for jumps, and of instruction cache (ARCHITECTURE.md, "What large
# programs pay").
target_compile_options(whipsnake_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow
  -fno-strict-aliasing -fno-plt
  $<$<BOOL:${WHIPSNAKE_WERROR}>:-Werror>)
target_include_directories(whipsnake_options INTERFACE "${PROJECT_SOURCE_DIR}")

if(WHIPSNAKE_SELF_CHECKS)
  target_compile_definitions(whipsnake_options INTERFACE WHIPSNAKE_SELF_CHECKS)
endif()

# Assertions stay in, and some optimisation, since the Python tests run under sanitizers as well. Among the instructions of
# sanitizers GCC takes variables for uninitialized that are not (GCC manual, -Wmaybe-uninitialized and -fsanitize).
if(WHIPSNAKE_SANITIZE)
  list(JOIN WHIPSNAKE_SANITIZE "," sanitizers)
  target_compile_options(whipsnake_options INTERFACE
    -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1 -UNDEBUG
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(whipsnake_options INTERFACE -fsanitize=${sanitizers})
  if("fuzzer-no-link" IN_LIST WHIPSNAKE_SANITIZE)
    target_compile_definitions(whipsnake_options INTERFACE _GLIBCXX_ASSERTIONS)
  endif()
endif()
