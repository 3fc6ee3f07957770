# The libraries the project stands on: the system's where it has one that is new enough, else a
# download pinned by its SHA-256, built inside the build folder without the project's own flags.
#
# One version each, at once the oldest accepted from the system and the one downloaded: Debian 12's,
# which is what the project is tested with. CMAKE_DISABLE_FIND_PACKAGE_<name>=ON forces a download.

set(CROSSOVER_DOWNLOADS "" CACHE PATH
    "Folder with the libraries' archives, for a machine without network")

include(FetchContent)
include(ExternalProject)
# The pinned releases declare compatibility with CMake versions that CMake 4 no longer imitates.
set(CMAKE_POLICY_VERSION_MINIMUM 3.5)

# Sets `out` to where an archive comes from: the folder CROSSOVER_DOWNLOADS if given, else its
# project's own site.
function(crossover_archive out url)
  if(CROSSOVER_DOWNLOADS)
    cmake_path(GET url FILENAME file)
    set(${out} ${CROSSOVER_DOWNLOADS}/${file} PARENT_SCOPE)
  else()
    set(${out} ${url} PARENT_SCOPE)
  endif()
endfunction()

# crossover_dependency(NAME VERSION TARGETS... URL URL SHA256 HASH [OPTIONS NAME=VALUE...])
# Makes TARGETS available: from the package NAME of at least VERSION, else from the archive at URL,
# configured with OPTIONS. Everything stays in this function's scope, so that one library's options
# cannot reach another's.
function(crossover_dependency name version)
  cmake_parse_arguments(ARG "" "URL;SHA256" "TARGETS;OPTIONS" ${ARGN})
  find_package(${name} ${version} CONFIG QUIET)
  if(${name}_FOUND)
    foreach(target IN LISTS ARG_TARGETS)
      if(NOT TARGET ${target})
        message(FATAL_ERROR "The system's ${name} (${${name}_DIR}) lacks ${target}: install its "
                            "development package whole, or pass "
                            "-DCMAKE_DISABLE_FIND_PACKAGE_${name}=ON to download it")
      endif()
    endforeach()
    message(STATUS "${name}: ${${name}_VERSION}, from the system")
    set(${name}_VERSION ${${name}_VERSION} PARENT_SCOPE)  # for the run's record
    return()
  endif()

  set(why "")
  if(${name}_CONSIDERED_VERSIONS)
    list(REMOVE_DUPLICATES ${name}_CONSIDERED_VERSIONS)
    list(JOIN ${name}_CONSIDERED_VERSIONS ", " versions)
    set(why " (the system's ${versions} does not fit)")
  endif()
  message(STATUS "${name}: ${version}, downloaded${why}")
  set(${name}_VERSION ${version} PARENT_SCOPE)
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # option() respects the variables set here
  foreach(option IN LISTS ARG_OPTIONS)
    string(REGEX MATCH "^([^=]+)=(.*)$" option "${option}")
    set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
  endforeach()
  crossover_archive(archive ${ARG_URL})
  FetchContent_Declare(${name} URL ${archive} URL_HASH SHA256=${ARG_SHA256}
                       DOWNLOAD_EXTRACT_TIMESTAMP ON)
  FetchContent_MakeAvailable(${name})
  foreach(target IN LISTS ARG_TARGETS)
    get_target_property(real ${target} ALIASED_TARGET)
    if(NOT real)
      set(real ${target})
    endif()
    # As FetchContent_Declare(SYSTEM) would, which CMake 3.25.1 passes on as part of the hash.
    set_target_properties(${real} PROPERTIES SYSTEM ON)
    get_target_property(type ${real} TYPE)
    if(NOT type STREQUAL INTERFACE_LIBRARY)
      # Newer compilers warn about older releases, some of which ask for -Werror.
      target_compile_options(${real} PRIVATE -w)
    endif()
  endforeach()
endfunction()

# hwloc builds with autotools and has no CMake package.
function(crossover_hwloc version)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND AND NOT CMAKE_DISABLE_FIND_PACKAGE_hwloc)
    pkg_check_modules(hwloc QUIET IMPORTED_TARGET GLOBAL hwloc>=${version})
    if(hwloc_FOUND)
      add_library(crossover::hwloc ALIAS PkgConfig::hwloc)
      message(STATUS "hwloc: ${hwloc_VERSION}, from the system")
      return()
    endif()
  endif()

  find_program(CROSSOVER_MAKE NAMES gmake make)
  if(NOT CROSSOVER_MAKE)
    message(FATAL_ERROR "hwloc ${version} or newer is not installed, and building it needs make: "
                        "install libhwloc-dev (and pkg-config), or make")
  endif()
  if(CMAKE_BINARY_DIR MATCHES "[ \t]")
    message(FATAL_ERROR "hwloc ${version} or newer is not installed, and its configure script "
                        "refuses paths with spaces (${CMAKE_BINARY_DIR}): install libhwloc-dev and "
                        "pkg-config, or build elsewhere")
  endif()
  message(STATUS "hwloc: ${version}, downloaded")
  crossover_archive(
    archive https://download.open-mpi.org/release/hwloc/v2.9/hwloc-${version}.tar.bz2)
  set(prefix ${CMAKE_BINARY_DIR}/_deps/hwloc)
  # Only processors, caches and memory are asked for: no I/O devices, no GPUs, no XML library.
  ExternalProject_Add(hwloc_download
    PREFIX ${prefix}
    URL ${archive}
    URL_HASH SHA256=2070e963596a2421b9af8eca43bdec113ee1107aaf7ccb475d4d3767a8856887
    DOWNLOAD_EXTRACT_TIMESTAMP ON
    CONFIGURE_COMMAND <SOURCE_DIR>/configure --prefix=${prefix} --libdir=${prefix}/lib --quiet
                      --disable-shared --enable-static --with-pic --disable-io --disable-libxml2
                      --disable-cairo --disable-doxygen "CFLAGS=-O2 -w"
    BUILD_COMMAND ${CROSSOVER_MAKE}
    INSTALL_COMMAND ${CROSSOVER_MAKE} install
    BUILD_BYPRODUCTS ${prefix}/lib/libhwloc.a
    LOG_CONFIGURE ON LOG_BUILD ON LOG_INSTALL ON LOG_OUTPUT_ON_FAILURE ON)
  file(MAKE_DIRECTORY ${prefix}/include)
  add_library(crossover::hwloc STATIC IMPORTED GLOBAL)
  set_target_properties(crossover::hwloc PROPERTIES
    IMPORTED_LOCATION ${prefix}/lib/libhwloc.a
    INTERFACE_INCLUDE_DIRECTORIES ${prefix}/include)
  add_dependencies(crossover::hwloc hwloc_download)
endfunction()

# Debian's RE2 has no CMake package, and tells pkg-config no version.
function(crossover_re2)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND AND NOT CMAKE_DISABLE_FIND_PACKAGE_re2)
    pkg_check_modules(re2 QUIET IMPORTED_TARGET GLOBAL re2)
    if(re2_FOUND)
      add_library(re2::re2 ALIAS PkgConfig::re2)
      message(STATUS "re2: from the system")
      return()
    endif()
  endif()
  # The last ones that do without Abseil are of 2023.
  crossover_dependency(re2 2022.06.01 TARGETS re2::re2
    URL https://github.com/google/re2/archive/refs/tags/2022-06-01.tar.gz
    SHA256 f89c61410a072e5cbcf8c27e3a778da7d6fd2f2b5b1445cd4f4508bee946ab0f
    OPTIONS RE2_BUILD_TESTING=OFF BUILD_SHARED_LIBS=OFF)
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(OpenMP QUIET COMPONENTS CXX)
if(NOT OpenMP_CXX_FOUND)
  message(FATAL_ERROR "${CMAKE_CXX_COMPILER} has no OpenMP: g++ brings it, clang needs the package "
                      "libomp-dev (of clang's own major version)")
endif()

crossover_dependency(TBB 2021.8.0 TARGETS TBB::tbb
  URL https://github.com/oneapi-src/oneTBB/archive/refs/tags/v2021.8.0.tar.gz
  SHA256 eee380323bb7ce864355ed9431f85c43955faaae9e9bce35c62b372d7ffd9f8b
  # oneTBB supports shared libraries alone: two copies of its scheduler would compete.
  OPTIONS TBB_TEST=OFF TBB_STRICT=OFF TBB_INSTALL=OFF TBBMALLOC_BUILD=OFF BUILD_SHARED_LIBS=ON)
crossover_dependency(benchmark 1.7.1 TARGETS benchmark::benchmark
  URL https://github.com/google/benchmark/archive/refs/tags/v1.7.1.tar.gz
  SHA256 6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7
  OPTIONS BENCHMARK_ENABLE_TESTING=OFF BENCHMARK_ENABLE_WERROR=OFF BENCHMARK_ENABLE_INSTALL=OFF
          BENCHMARK_INSTALL_DOCS=OFF BUILD_SHARED_LIBS=OFF)
crossover_dependency(CLI11 2.1.2 TARGETS CLI11::CLI11
  URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.1.2.tar.gz
  SHA256 26291377e892ba0e5b4972cdfd4a2ab3bf53af8dac1f4ea8fe0d1376b625c8cb
  OPTIONS CLI11_BUILD_TESTS=OFF CLI11_BUILD_EXAMPLES=OFF CLI11_BUILD_DOCS=OFF CLI11_INSTALL=OFF)
crossover_dependency(nlohmann_json 3.11.2 TARGETS nlohmann_json::nlohmann_json
  URL https://github.com/nlohmann/json/archive/refs/tags/v3.11.2.tar.gz
  SHA256 d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273
  OPTIONS JSON_BuildTests=OFF JSON_Install=OFF)
crossover_dependency(fmt 9.1.0 TARGETS fmt::fmt
  URL https://github.com/fmtlib/fmt/archive/refs/tags/9.1.0.tar.gz
  SHA256 5dea48d1fcddc3ec571ce2058e13910a0d4a6bab4cc09a809d8b1dd1c88ae6f2
  OPTIONS FMT_INSTALL=OFF FMT_DOC=OFF FMT_TEST=OFF BUILD_SHARED_LIBS=OFF)
if(CROSSOVER_TESTS)
  crossover_dependency(GTest 1.12.1 TARGETS GTest::gtest GTest::gtest_main GTest::gmock
    URL https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz
    SHA256 81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2
    OPTIONS INSTALL_GTEST=OFF BUILD_SHARED_LIBS=OFF)
endif()
crossover_hwloc(2.9.0)
crossover_re2()
