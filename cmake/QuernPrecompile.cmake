# quern_precompile(target header...)
#
# Precompiles heavy third-party headers for one target: quern_precompile(quern_http
# <boost/beast.hpp>). A source still includes what it uses, so that it builds with QUERN_PCH=OFF.
function(quern_precompile target)
  if(NOT QUERN_PCH)
    return()
  endif()
  target_precompile_headers(${target} PRIVATE ${ARGN})
  # ccache cannot otherwise tell whether the precompiled header changed.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  else()
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()
