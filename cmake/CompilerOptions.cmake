# How every file is compiled. What concerns only our own code (warnings) is in `quern_warnings`, so
# that generated code can do without; everything else must be the same in all objects.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
# -O1: a debugger still makes sense of it, and tests run several times faster than at -O0.
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")
# -g1: function names and lines, enough for perf and for a backtrace from the field.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
# Frame pointers let perf walk the stack at about 1 % of speed.
add_compile_options(-fno-omit-frame-pointer)
# Relative paths in assertions and debug information: a binary names no builder's home directory,
# and ccache hits from another clone.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)

include(CheckPIESupported)
check_pie_supported()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-Wl,-z,relro,-z,now)

if(QUERN_SANITIZE)
  # `fuzzer` brings its own main() and so goes to fuzzers only (QuernFuzz.cmake); everything they
  # link to needs just its coverage counters.
  list(TRANSFORM QUERN_SANITIZE REPLACE "^fuzzer$" "fuzzer-no-link" OUTPUT_VARIABLE sanitizers)
  list(JOIN sanitizers "," sanitizers)
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${sanitizers})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # Clang before 17 emits bad code for coroutines with it ("difference across sections").
    add_compile_options(-fno-sanitize=function)
  endif()
else()
  add_compile_options($<$<CONFIG:Release>:-fstack-protector-strong>)
  add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>
                          $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
endif()

add_library(quern_warnings INTERFACE)
target_compile_options(quern_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion
  $<$<BOOL:${QUERN_WERROR}>:-Werror>
  # Designated initialisers leave fields out on purpose: each has its default.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC PR 105651: GCC 12 reports overlapping copies inside std::string's operator+ that cannot be.
  target_compile_options(quern_warnings INTERFACE -Wno-restrict)
  if(QUERN_SANITIZE)
    # The checks that sanitizers insert hide from GCC that a variable is set (-Wmaybe-uninitialized),
    # and TSan cannot see the fences inside Asio, whose other synchronisation it does see (-Wtsan).
    target_compile_options(quern_warnings INTERFACE -Wno-maybe-uninitialized -Wno-tsan)
  endif()
endif()

find_program(CCACHE ccache)
mark_as_advanced(CCACHE)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without this sloppiness every compile that uses a precompiled header misses.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${CCACHE})
endif()
