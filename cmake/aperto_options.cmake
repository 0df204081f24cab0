# SPDX-License-Identifier: MIT
# What a builder may choose. A default of AUTO-found packages keeps `./run` free of what only tests need.

option(BUILD_SHARED_LIBS "Build libaperto as a shared library" OFF)
option(APERTO_WERROR "Treat compiler warnings as errors" OFF)

find_package(GTest QUIET)
set(tests_default OFF)
if(PROJECT_IS_TOP_LEVEL AND GTest_FOUND)
    set(tests_default ON)
endif()
option(APERTO_TESTS "Build the tests (needs GoogleTest)" ${tests_default})

find_package(benchmark QUIET)
set(benchmarks_default OFF)
if(PROJECT_IS_TOP_LEVEL AND benchmark_FOUND)
    set(benchmarks_default ON)
endif()
option(APERTO_BENCHMARKS "Offer the target `benchmarks` (needs Google Benchmark)" ${benchmarks_default})

option(APERTO_FUZZ "Offer the target `fuzzers` (needs Clang)" OFF)

set(APERTO_SANITIZE "" CACHE STRING "Sanitizers to compile in: address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
