# -DQUERN_MUTANTS=ON: storage/ and server/ are compiled from copies into which the bugs of
# tests/mutants/mutants.toml are planted. One build has them all; QUERN_MUTANT in a program's
# environment turns one on. The sources themselves know nothing of it.
#
# Sets quern_production: the folder that has storage/ and server/.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
set(quern_production ${PROJECT_BINARY_DIR}/planted)
execute_process(
  COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/mutants/plant.py
          ${PROJECT_SOURCE_DIR} ${quern_production} storage server
  COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE planted_from CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/storage/* ${PROJECT_SOURCE_DIR}/server/* ${PROJECT_SOURCE_DIR}/tests/mutants/*)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${planted_from})
