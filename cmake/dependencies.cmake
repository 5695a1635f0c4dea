# Third-party code: taken from the system when it is there, else fetched at a pinned version.
#   whipsnake_xbyak   x86-64 assembler (header-only)
#   whipsnake_vixl    AArch64 assembler, disassembler and simulator
#   GTest::gtest      for the C++ tests
include(FetchContent)

function(whipsnake_require_xbyak)
  if(TARGET whipsnake_xbyak)
    return()
  endif()
  add_library(whipsnake_xbyak INTERFACE)
  find_path(WHIPSNAKE_XBYAK_INCLUDE xbyak/xbyak.h)
  if(WHIPSNAKE_XBYAK_INCLUDE)
    target_include_directories(whipsnake_xbyak SYSTEM INTERFACE "${WHIPSNAKE_XBYAK_INCLUDE}")
    return()
  endif()
  message(STATUS "whipsnake: no system xbyak/xbyak.h, fetching Xbyak 6.68")
  # Only the headers are wanted: SOURCE_SUBDIR names a folder without a CMakeLists.txt.
  FetchContent_Declare(xbyak GIT_REPOSITORY https://github.com/herumi/xbyak.git GIT_TAG v6.68
                       GIT_SHALLOW ON SOURCE_SUBDIR xbyak)
  FetchContent_MakeAvailable(xbyak)
  target_include_directories(whipsnake_xbyak SYSTEM INTERFACE "${xbyak_SOURCE_DIR}")
endfunction()

function(whipsnake_require_vixl)
  if(TARGET whipsnake_vixl)
    return()
  endif()
  # The macros must be those the library was compiled with: they change its classes.
  set(defines VIXL_INCLUDE_TARGET_A64 VIXL_INCLUDE_SIMULATOR_AARCH64 VIXL_CODE_BUFFER_MMAP)

  find_path(WHIPSNAKE_VIXL_INCLUDE vixl/aarch64/macro-assembler-aarch64.h)
  find_library(WHIPSNAKE_VIXL_LIBRARY vixl)
  if(WHIPSNAKE_VIXL_INCLUDE AND WHIPSNAKE_VIXL_LIBRARY)
    add_library(whipsnake_vixl INTERFACE)
    target_link_libraries(whipsnake_vixl INTERFACE "${WHIPSNAKE_VIXL_LIBRARY}")
    target_include_directories(whipsnake_vixl SYSTEM INTERFACE
      "${WHIPSNAKE_VIXL_INCLUDE}" "${WHIPSNAKE_VIXL_INCLUDE}/vixl")
    # Debian's build also holds the 32-bit targets; pkg-config says the same.
    target_compile_definitions(whipsnake_vixl INTERFACE
      ${defines} VIXL_INCLUDE_TARGET_A32 VIXL_INCLUDE_TARGET_T32)
    # The library keeps its inline functions to itself. Headers reach them through the virtual table,
    # unless GCC sees the object's type and calls one by name, which then does not link.
    target_compile_options(whipsnake_vixl INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fno-devirtualize>)
    return()
  endif()

  message(STATUS "whipsnake: no system VIXL, fetching VIXL 5.1.0")
  # Upstream has no CMake build: SOURCE_SUBDIR names a folder without a CMakeLists.txt.
  FetchContent_Declare(vixl GIT_REPOSITORY https://github.com/Linaro/vixl.git GIT_TAG 5.1.0
                       GIT_SHALLOW ON SOURCE_SUBDIR src)
  FetchContent_MakeAvailable(vixl)
  file(GLOB sources "${vixl_SOURCE_DIR}/src/*.cc" "${vixl_SOURCE_DIR}/src/aarch64/*.cc")
  add_library(whipsnake_vixl STATIC ${sources})
  # Includes are spelled as with an installed VIXL: "vixl/aarch64/...".
  set(include_dir "${PROJECT_BINARY_DIR}/vixl_include")
  file(MAKE_DIRECTORY "${include_dir}")
  file(CREATE_LINK "${vixl_SOURCE_DIR}/src" "${include_dir}/vixl" SYMBOLIC)
  target_include_directories(whipsnake_vixl SYSTEM PUBLIC "${include_dir}" "${include_dir}/vixl")
  target_compile_definitions(whipsnake_vixl PUBLIC ${defines})
endfunction()

function(whipsnake_require_gtest)
  find_package(GTest QUIET)
  if(NOT GTest_FOUND)
    message(STATUS "whipsnake: no system GoogleTest, fetching GoogleTest 1.14.0")
    set(INSTALL_GTEST OFF CACHE BOOL "" FORCE)
    set(BUILD_GMOCK OFF CACHE BOOL "" FORCE)
    FetchContent_Declare(googletest GIT_REPOSITORY https://github.com/google/googletest.git
                         GIT_TAG v1.14.0 GIT_SHALLOW ON)
    FetchContent_MakeAvailable(googletest)
  endif()
endfunction()
