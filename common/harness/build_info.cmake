# crossover_build_info(TARGET): gives TARGET the header "common/harness/build_info.hpp" and the
# definitions that build.cpp describes the build from. The commit is looked up in every build (this
# file run as a script), because commits do not reconfigure; the header is touched only when it
# changes.
if(CMAKE_SCRIPT_MODE_FILE)
  set(CROSSOVER_INFO_COMMIT unknown)
  # Only where this tree itself is a checkout: an unpacked release inside some other repository must
  # not take that one's commit. Optional locks off: a build must not get in the way of git.
  set(ENV{GIT_OPTIONAL_LOCKS} 0)
  execute_process(COMMAND git rev-parse --show-prefix WORKING_DIRECTORY ${SOURCE}
                  OUTPUT_VARIABLE prefix RESULT_VARIABLE failed ERROR_QUIET
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT failed AND prefix STREQUAL "")
    execute_process(COMMAND git describe --always --abbrev=12 --exclude=* --dirty
                    WORKING_DIRECTORY ${SOURCE}
                    OUTPUT_VARIABLE commit RESULT_VARIABLE failed ERROR_QUIET
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT failed AND NOT commit STREQUAL "")
      set(CROSSOVER_INFO_COMMIT ${commit})
    endif()
  endif()
  configure_file(${INPUT} ${OUTPUT} @ONLY)
  return()
endif()

set(CROSSOVER_BUILD_INFO_DIR ${CMAKE_CURRENT_LIST_DIR})

function(crossover_build_info target)
  set(CROSSOVER_INFO_VERSION "${PROJECT_VERSION}")
  set(CROSSOVER_INFO_COMMIT "@CROSSOVER_INFO_COMMIT@")  # for the script
  set(CROSSOVER_INFO_COMPILER "${CMAKE_CXX_COMPILER_ID}")
  set(CROSSOVER_INFO_COMPILER_VERSION "${CMAKE_CXX_COMPILER_VERSION}")
  # A package's version as find_package left it; whoever provides one differently sets it likewise.
  set(entries)
  foreach(library IN ITEMS benchmark CLI11 fmt hwloc nlohmann_json OpenMP_CXX TBB)
    if(${library}_VERSION)
      list(APPEND entries "{\"${library}\", \"${${library}_VERSION}\"},")
    endif()
  endforeach()
  list(LENGTH entries CROSSOVER_INFO_LIBRARY_COUNT)
  list(JOIN entries "\n        " CROSSOVER_INFO_LIBRARIES)

  set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
  set(header ${generated}/common/harness/build_info.hpp)
  set(staged ${CMAKE_CURRENT_BINARY_DIR}/build_info.hpp.in)
  configure_file(${CROSSOVER_BUILD_INFO_DIR}/build_info.hpp.in ${staged} @ONLY)
  add_custom_target(${target}_build_info
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${CROSSOVER_BUILD_INFO_DIR}/../.. -DINPUT=${staged}
            -DOUTPUT=${header} -P ${CROSSOVER_BUILD_INFO_DIR}/build_info.cmake
    BYPRODUCTS ${header}
    COMMENT "Looking up the commit")
  add_dependencies(${target} ${target}_build_info)
  target_include_directories(${target} PRIVATE ${generated})

  string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
  set(flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${config}}")
  if(TARGET crossover_options)
    string(APPEND flags " $<JOIN:$<TARGET_PROPERTY:crossover_options,INTERFACE_COMPILE_OPTIONS>, >")
  endif()
  set_source_files_properties(${CROSSOVER_BUILD_INFO_DIR}/build.cpp PROPERTIES
    COMPILE_DEFINITIONS "CROSSOVER_FLAGS=\"${flags}\";CROSSOVER_BUILD_TYPE=\"$<CONFIG>\"")
endfunction()
