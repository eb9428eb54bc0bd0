# quern_add_fuzzer(name SOURCES file... [LIBS target...] SEEDS folder [MUTATIONS n])
#
# What the source's LLVMFuzzerTestOneInput promises, on any bytes. In the `fuzz` preset it is a
# libFuzzer program, which `./dev fuzz` runs for a while, starting from the inputs in SEEDS. In every
# other it is the test NAME_replay: all seeds, and for each of them some mutations (default 200), so
# that CI needs no Clang and a crash that became a seed stays found.
function(quern_add_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SEEDS;MUTATIONS" "SOURCES;LIBS")
  quern_check_arguments(${name} "${arg_UNPARSED_ARGUMENTS}")
  set(seeds ${CMAKE_CURRENT_SOURCE_DIR}/${arg_SEEDS})
  if("fuzzer" IN_LIST QUERN_SANITIZE)
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${arg_LIBS} quern_warnings)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
    add_dependencies(quern_fuzzers ${name})
    # `./dev fuzz` looks for the seeds beside the program.
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
    file(CREATE_LINK ${seeds} ${PROJECT_BINARY_DIR}/fuzzers/${name}.seeds SYMBOLIC)
    return()
  endif()
  if(NOT arg_MUTATIONS)
    set(arg_MUTATIONS 200)
  endif()
  add_executable(${name}_replay ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.cpp)
  target_link_libraries(${name}_replay PRIVATE ${arg_LIBS} quern_warnings)
  set_target_properties(${name}_replay PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name}_replay COMMAND ${name}_replay -m ${arg_MUTATIONS} ${seeds})
  quern_set_test_properties(${name}_replay "" fuzz "" FALSE)
endfunction()

add_custom_target(quern_fuzzers)
