# MPI, when it is there: sets CROSSOVER_HAVE_MPI and says in one line which.
set(CROSSOVER_HAVE_MPI OFF)
if(NOT CROSSOVER_MPI MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "CROSSOVER_MPI is ${CROSSOVER_MPI}; it may be AUTO, ON or OFF")
endif()
if(CROSSOVER_MPI STREQUAL "OFF")
  message(STATUS "MPI: not built (CROSSOVER_MPI is OFF)")
  return()
endif()

if(CROSSOVER_SANITIZE MATCHES thread)
  # It sees one process at a time, and nothing of a library that is not instrumented.
  message(STATUS "MPI: not built, ThreadSanitizer has nothing to see in it")
  return()
endif()

set(MPI_CXX_SKIP_MPICXX ON)  # the C interface is meant: the other was taken out of the standard
find_package(MPI 3.0 QUIET COMPONENTS CXX)
if(NOT MPI_CXX_FOUND)
  if(CROSSOVER_MPI STREQUAL "ON")
    message(FATAL_ERROR "CROSSOVER_MPI is ON, but there is no MPI 3.0 or newer: install one "
                        "(Debian: libopenmpi-dev openmpi-bin), or give "
                        "-DMPI_CXX_COMPILER=<path to mpicxx>")
  endif()
  message(STATUS "MPI: not built, there is none (Debian: libopenmpi-dev openmpi-bin)")
  return()
endif()
set(CROSSOVER_HAVE_MPI ON)
message(STATUS "MPI: ${MPI_CXX_VERSION}, ${MPI_CXX_COMPILER}")
