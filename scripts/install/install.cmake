# What `cmake --install` and CPack put where: the program, the readers as crossover-NAME, and what they
# need under share/crossover, in the layout of a checkout. The two scripts beside this know these folders.
set(CROSSOVER_LEVELS "" CACHE STRING
  "Programs named crossover-LEVEL for levels of x86-64, to install in the place of this build's (scripts/package)")
if(CROSSOVER_LEVELS)
  install(PROGRAMS ${CROSSOVER_LEVELS} DESTINATION libexec/crossover)
  install(PROGRAMS scripts/install/levels DESTINATION bin RENAME crossover)
else()
  install(TARGETS crossover DESTINATION bin)
endif()

foreach(reader report compare fleet export)
  install(PROGRAMS scripts/install/reader DESTINATION bin RENAME crossover-${reader})
  install(PROGRAMS scripts/${reader} DESTINATION share/crossover/scripts)
endforeach()
install(FILES scripts/setup.sh scripts/packages.sh scripts/requirements.txt
  DESTINATION share/crossover/scripts)
install(DIRECTORY scripts/analysis DESTINATION share/crossover/scripts FILES_MATCHING
  PATTERN *.py PATTERN *.js PATTERN *.css PATTERN *.json
  # The tests, and what they are made of.
  PATTERN *_test.py EXCLUDE PATTERN conftest.py EXCLUDE PATTERN fuzz.py EXCLUDE PATTERN damage.py EXCLUDE
  PATTERN browsing.py EXCLUDE PATTERN simulation.py EXCLUDE
  PATTERN planted EXCLUDE PATTERN sentences EXCLUDE PATTERN real EXCLUDE PATTERN __pycache__ EXCLUDE)
install(DIRECTORY results/reference DESTINATION share/crossover/results)
install(FILES LICENSE DESTINATION share/doc/crossover RENAME copyright)
install(FILES README.md CHANGELOG.md DESTINATION share/doc/crossover)
install(DIRECTORY docs DESTINATION share/doc/crossover)

set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_VENDOR crossover)
set(CPACK_PACKAGE_CONTACT "the crossover project")
set(CPACK_PACKAGE_FILE_NAME crossover-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_NAME crossover-benchmark)  # there is another crossover
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "python3 (>= 3.11), python3-venv")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Measures the same operations serially, on threads, OpenMP, the
parallel STL, processes and CUDA; crossover-report makes a page of a run.")
include(CPack)
