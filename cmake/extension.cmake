# The extension modules whipsnake._core and whipsnake._late, and what else the wheel gets besides the Python package.

whipsnake_sources(module_sources module stub late)
if(WHIPSNAKE_JIT_ENABLED AND NOT module_sources)
  message(STATUS "whipsnake: jit/module has no sources, building the inert extension")
  set(WHIPSNAKE_OFF_REASON "its sources have no jit/module")
endif()
if(NOT WHIPSNAKE_OFF_REASON)
  Python_add_library(_core MODULE WITH_SOABI)
  set_target_properties(_core PROPERTIES LINKER_LANGUAGE CXX)
  whipsnake_link_layers(_core module)
else()
  whipsnake_sources(stub_sources module/stub)
  Python_add_library(_core MODULE WITH_SOABI ${stub_sources})
  target_compile_definitions(_core PRIVATE
    WHIPSNAKE_OFF_REASON="this build of Whipsnake has no machine-code generation \(${WHIPSNAKE_OFF_REASON}\)")
endif()
target_link_libraries(_core PRIVATE whipsnake_options)
# The C++ library is linked in: finding and binding the shared one takes longer than all the rest of our import.
# The unwinder stays shared, so that an exception of another engine's passes through. Sanitizers intercept the shared
# library.
if(NOT WHIPSNAKE_SANITIZE)
  target_link_options(_core PRIVATE -static-libstdc++)
endif()
target_link_options(_core PRIVATE -Wl,--exclude-libs,ALL -Wl,--gc-sections)
set_target_properties(_core PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")

# What autoload loads first: small, without the C++ library, in few segments and (hence no RELRO) few pages. A build
# without machine code has none.
# (A guard for a static variable would bring the library's unwinder and demangler with it.)
if(NOT WHIPSNAKE_OFF_REASON)
  whipsnake_sources(late_sources module/late)
  whipsnake_sources(support_sources support)
  Python_add_library(_late MODULE WITH_SOABI ${late_sources} ${support_sources})
  target_include_directories(_late SYSTEM PRIVATE "${Python_INCLUDE_DIRS}/internal" "${Python_INCLUDE_DIRS}/internal/mimalloc")
  target_link_libraries(_late PRIVATE whipsnake_options)
  target_compile_options(_late PRIVATE -fno-exceptions -fno-rtti -fno-threadsafe-statics)
  target_link_options(_late PRIVATE -static-libstdc++ -static-libgcc -Wl,--as-needed -Wl,--exclude-libs,ALL
    -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-z,norelro)
  set_target_properties(_late PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  install(TARGETS _late DESTINATION whipsnake COMPONENT whipsnake)
  add_dependencies(_core _late)
endif()

include(CMakePackageConfigHelpers)
configure_file(cmake/whipsnakeConfig.cmake.in "${PROJECT_BINARY_DIR}/whipsnakeConfig.cmake" @ONLY)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/whipsnakeConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)

# Destinations are relative to site-packages.
file(GLOB public_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/jit/engine/public/*.h")
install(TARGETS _core DESTINATION whipsnake COMPONENT whipsnake)
install(FILES ${public_headers} DESTINATION whipsnake/include/whipsnake COMPONENT whipsnake)
install(FILES "${PROJECT_BINARY_DIR}/whipsnakeConfig.cmake"
              "${PROJECT_BINARY_DIR}/whipsnakeConfigVersion.cmake"
        DESTINATION whipsnake/cmake COMPONENT whipsnake)
