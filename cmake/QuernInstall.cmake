# What `cmake --install` puts where: component `quern_sdk` for whoever builds against the SDK,
# component `quern_programs` for quernd and for qctl with its manual page and completions (cli/).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One archive instead of one per folder, so that users link to one thing: `quern::quern`.
add_library(quern_package STATIC
  $<TARGET_OBJECTS:quern_sdk> $<TARGET_OBJECTS:quern_protocol> $<TARGET_OBJECTS:quern_asio>)
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
