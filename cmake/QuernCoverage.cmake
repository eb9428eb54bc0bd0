# Counts which branches of storage/ and server/engine/ the tests take, for `./dev coverage`. Clang
# counts branches of the source. GCC's gcov would count those of the program, half of which are ways
# that its compiler made for exceptions. Without assertions, whose other side nobody is to take.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "QUERN_COVERAGE needs Clang: use the preset coverage")
endif()
foreach(target quern_storage quern_engine)
  target_compile_options(${target} PRIVATE -fprofile-instr-generate -fcoverage-mapping)
  target_compile_definitions(${target} PRIVATE NDEBUG)
  # Every program that links to it needs the library that writes the counts down.
  target_link_options(${target} INTERFACE -fprofile-instr-generate)
endforeach()
