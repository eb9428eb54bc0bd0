# Third-party libraries, all from the distribution (packages.txt). Imported targets are SYSTEM: our
# warnings stop at their headers.

# What the SDK needs.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS headers)
find_package(simdjson REQUIRED CONFIG)
if(NOT QUERN_SERVER)
  return()
endif()

find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)  # the examples, not the server
find_package(Protobuf REQUIRED)
find_package(fmt REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(tomlplusplus REQUIRED CONFIG)
find_package(prometheus-cpp REQUIRED CONFIG)
if(QUERN_TESTS)
  find_package(doctest REQUIRED CONFIG)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()

# `quern_rocksdb` is the packaged shared library, or a static release build of the same version once
# one is installed under build/deps/rocksdb: without the package's assertions it is twice as fast.
set(QUERN_ROCKSDB_ROOT ${PROJECT_SOURCE_DIR}/build/deps/rocksdb CACHE PATH
    "Where a static release build of RocksDB is installed, if there is one")
add_library(quern_rocksdb INTERFACE)
if(EXISTS ${QUERN_ROCKSDB_ROOT}/lib/librocksdb.a)
  find_package(RocksDB 7.8 REQUIRED CONFIG PATHS ${QUERN_ROCKSDB_ROOT} NO_DEFAULT_PATH)
  target_link_libraries(quern_rocksdb INTERFACE RocksDB::rocksdb)
  set(QUERN_ROCKSDB_BUILD "release")
else()
  # The shared target: the package's static one would bring its compression libraries and gflags
  # along, and nothing in return.
  find_package(RocksDB 7.8 REQUIRED CONFIG)
  target_link_libraries(quern_rocksdb INTERFACE RocksDB::rocksdb-shared)
  set(QUERN_ROCKSDB_BUILD "packaged")
endif()
message(STATUS "RocksDB ${RocksDB_VERSION}, ${QUERN_ROCKSDB_BUILD}")
