# The workloads on arrays, in the order of the documentation. A new one is a file
# common/workloads/NAME.hpp with a type that has the file's name in PascalCase, and its NAME here.
if(NOT DEFINED CROSSOVER_WORKLOADS)
  set(CROSSOVER_WORKLOADS double reduce copy triad dot fma)
endif()

# Workloads from outside the checkout: whole paths of files like those (scripts/run --with).
set(CROSSOVER_WITH "" CACHE STRING "Files of further workloads on arrays, separated by ;")

# type_name(FILE RESULT): the type that the file defines: my-axpy.hpp has MyAxpy.
function(crossover_type_name file result)
  cmake_path(GET file STEM words)
  string(REGEX REPLACE "[-_]" ";" words "${words}")
  set(name "")
  foreach(word IN LISTS words)
    string(SUBSTRING "${word}" 0 1 first)
    string(SUBSTRING "${word}" 1 -1 rest)
    string(TOUPPER "${first}" first)
    string(APPEND name "${first}${rest}")
  endforeach()
  set(${result} "${name}" PARENT_SCOPE)
endfunction()

set(includes "")
set(types "")
foreach(name IN LISTS CROSSOVER_WORKLOADS)
  crossover_type_name(${name}.hpp type)
  string(APPEND includes "#include \"common/workloads/${name}.hpp\"\n")
  list(APPEND types "arrays::${type}")
endforeach()
foreach(file IN LISTS CROSSOVER_WITH)
  crossover_type_name("${file}" type)
  string(APPEND includes "#include \"${file}\"\n")
  list(APPEND types "::${type}")
endforeach()
list(JOIN types ", " types)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/crossover_workloads.hpp
  CONTENT "#pragma once\n\n${includes}
namespace crossover {
using ArrayWorkloads = TypeList<${types}>;
}\n" @ONLY)
