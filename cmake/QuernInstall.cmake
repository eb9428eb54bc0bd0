# What `cmake --install` puts where: component `quern_sdk` for whoever builds against the SDK,
# component `quern_programs` for quernd and for qctl with its manual page and completions (cli/).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One archive instead of one per folder, so that users link to one thing: `quern::quern`. Its one
# object shows nothing but namespace quern: our Asio and Beast would else clash with a user's own, or
# silently replace them, though compiled with other macros.
set(package_parts quern_sdk quern_protocol quern_asio)
set(package_objects)
foreach(part IN LISTS package_parts)
  # A precompiled header counts as an object, but is none.
  list(APPEND package_objects "$<FILTER:$<TARGET_OBJECTS:${part}>,EXCLUDE,cmake_pch>")
  # A unique symbol cannot be made local.
  target_compile_options(${part} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
endforeach()
set(package_object ${PROJECT_BINARY_DIR}/package/quern${CMAKE_CXX_OUTPUT_EXTENSION})
add_custom_command(
  OUTPUT ${package_object}
  COMMAND ${CMAKE_LINKER} -r --force-group-allocation -o ${package_object} ${package_objects}
  COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=_ZN5quern* --keep-global-symbol=_ZNK5quern*
          --keep-global-symbol=_ZT[VIS]N5quern* ${package_object}
  DEPENDS ${package_parts} ${package_objects}
  COMMAND_EXPAND_LISTS VERBATIM)
add_library(quern_package STATIC ${package_object})
set_target_properties(quern_package PROPERTIES
  LINKER_LANGUAGE CXX OUTPUT_NAME quern EXPORT_NAME quern
  ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
target_compile_features(quern_package INTERFACE cxx_std_20)
target_include_directories(quern_package INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(quern_package
  PRIVATE simdjson::simdjson OpenSSL::SSL OpenSSL::Crypto Threads::Threads)

install(TARGETS quern_package EXPORT quern
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT quern_sdk)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/worker_sdk/include/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT quern_sdk)
# Of the protocol's headers those that the SDK's public ones include.
foreach(header error_code queue_settings result task_state timestamp)
  install(FILES ${PROJECT_SOURCE_DIR}/protocol/include/quern/protocol/${header}.h
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/quern/protocol COMPONENT quern_sdk)
endforeach()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/quern)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/package/quern-config.cmake.in
                              ${PROJECT_BINARY_DIR}/package/quern-config.cmake
                              INSTALL_DESTINATION ${package_dir})
# Before 1.0 a new minor version may break what was.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/quern-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(EXPORT quern NAMESPACE quern:: FILE quern-targets.cmake
        DESTINATION ${package_dir} COMPONENT quern_sdk)
file(RELATIVE_PATH QUERN_INCLUDE_FROM_PC
     /${CMAKE_INSTALL_LIBDIR}/pkgconfig /${CMAKE_INSTALL_INCLUDEDIR})
configure_file(${PROJECT_SOURCE_DIR}/cmake/package/quern.pc.in
               ${PROJECT_BINARY_DIR}/package/quern.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/quern-config.cmake
              ${PROJECT_BINARY_DIR}/package/quern-config-version.cmake
        DESTINATION ${package_dir} COMPONENT quern_sdk)
install(FILES ${PROJECT_BINARY_DIR}/package/quern.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT quern_sdk)

if(QUERN_SERVER)
  install(TARGETS quernd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT quern_programs)
endif()
