# quern_add_fuzzer(name SOURCES file... [LIBS target...] [CORPUS folder])
#
# A libFuzzer program (the source defines LLVMFuzzerTestOneInput). Exists only in the `fuzz` preset;
# `./dev fuzz` runs every one of them for a while, starting from the inputs in its CORPUS folder.
function(quern_add_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;LIBS")
  quern_check_arguments(${name} "${arg_UNPARSED_ARGUMENTS}")
  if(NOT "fuzzer" IN_LIST QUERN_SANITIZE)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} quern_warnings)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
  add_dependencies(quern_fuzzers ${name})
  # `./dev fuzz` looks for the seeds beside the program.
  if(arg_CORPUS)
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS}
         ${PROJECT_BINARY_DIR}/fuzzers/${name}.seeds SYMBOLIC)
  endif()
endfunction()

add_custom_target(quern_fuzzers)
