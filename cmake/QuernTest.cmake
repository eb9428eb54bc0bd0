# quern_add_test(name
#   SOURCES file...      doctest sources; main() is supplied
#   [LIBS target...]     what it links to
#   [NEEDS target...]    programs it starts; they are in the directory QUERN_BIN_DIR
#   [LABELS label...]    for ctest -L
#   [TIMEOUT seconds]    default 60; five times that under a sanitizer or when branches are counted
#   [ARGS arg...]        given to the test program
#   [PROCESSORS n]       cores it keeps busy, so that ctest runs less beside it
#   [SERIAL])            runs alone
#
# One executable is one ctest test. Two macros are defined for it, both absolute paths:
# QUERN_BIN_DIR (quernd, qctl) and QUERN_SOURCE_DIR (the tree, for test data and docs).
function(quern_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT;PROCESSORS"
                        "SOURCES;LIBS;NEEDS;LABELS;ARGS")
  quern_check_arguments(${name} "${arg_UNPARSED_ARGUMENTS}")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} quern_doctest quern_warnings)
  target_compile_definitions(${name} PRIVATE
    QUERN_BIN_DIR="${PROJECT_BINARY_DIR}/bin" QUERN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # bin/ is for programs that people run.
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  if(arg_NEEDS)
    add_dependencies(${name} ${arg_NEEDS})
  endif()
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
  quern_set_test_properties(${name} "${arg_TIMEOUT}" "${arg_LABELS}" "${arg_PROCESSORS}"
                            ${arg_SERIAL})
endfunction()

# quern_add_python_test(name SCRIPT file [ARGS arg...] [LABELS ...] [TIMEOUT ...] [PROCESSORS n]
#   [SERIAL])
#
# The script finds QUERN_BIN_DIR and QUERN_SOURCE_DIR in its environment; exit status 0 passes.
function(quern_add_python_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "SCRIPT;TIMEOUT;PROCESSORS" "ARGS;LABELS")
  quern_check_arguments(${name} "${arg_UNPARSED_ARGUMENTS}")
  add_test(NAME ${name} COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/${arg_SCRIPT}
                                ${arg_ARGS})
  quern_set_test_properties(${name} "${arg_TIMEOUT}" "${arg_LABELS}" "${arg_PROCESSORS}"
                            ${arg_SERIAL})
  set_property(TEST ${name} PROPERTY ENVIRONMENT
    QUERN_BIN_DIR=${PROJECT_BINARY_DIR}/bin QUERN_SOURCE_DIR=${PROJECT_SOURCE_DIR})
endfunction()

function(quern_check_arguments name unparsed)
  if(unparsed)
    message(FATAL_ERROR "${name}: unknown arguments: ${unparsed}")
  endif()
endfunction()

function(quern_set_test_properties name timeout labels processors serial)
  if(NOT timeout)
    set(timeout 60)
  endif()
  if(QUERN_SANITIZE OR QUERN_COVERAGE)
    math(EXPR timeout "5 * ${timeout}")
  endif()
  if(NOT processors)
    set(processors 1)
  endif()
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${timeout} LABELS "${labels}" PROCESSORS ${processors} RUN_SERIAL ${serial})
endfunction()

if(QUERN_TESTS)
  # doctest's runner and main(), compiled once instead of in every test.
  add_library(quern_doctest STATIC ${PROJECT_SOURCE_DIR}/cmake/doctest/main.cpp)
  target_link_libraries(quern_doctest PUBLIC doctest::doctest)
endif()
