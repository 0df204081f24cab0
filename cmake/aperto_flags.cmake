# SPDX-License-Identifier: MIT
# How every file of the project is compiled. `aperto_flags` is linked privately by each of our targets, so
# nothing here reaches a program that uses the installed library.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# -O2 rather than -O3, and assertions stay on: a bug of ours stops the program with its place instead of
# answering a peer with a broken state. -g1 gives backtraces with line numbers and little else.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

find_program(ccache ccache)
mark_as_advanced(ccache)
if(ccache AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${ccache}")
endif()

add_library(aperto_flags INTERFACE)
target_compile_options(aperto_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
    -Wnon-virtual-dtor -Woverloaded-virtual)
if(APERTO_WERROR)
    target_compile_options(aperto_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Position-independent code may still inline our own public functions, as Clang does by default.
    target_compile_options(aperto_flags INTERFACE -fno-semantic-interposition)
endif()

# Of what is shipped: assertions name their file as it is called in the project, so that no build tells where its folder was,
# and the same source makes the same program in any of them. A compiler cache may hand the compiler names as seen from the build
# folder (CCACHE_BASEDIR): the way up is taken off too, and off what is generated there the build folder. The last that fits holds.
file(RELATIVE_PATH up "${PROJECT_BINARY_DIR}" "${PROJECT_SOURCE_DIR}")
add_library(aperto_anywhere INTERFACE)
target_compile_options(aperto_anywhere INTERFACE "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=" "-ffile-prefix-map=${up}="
    "-ffile-prefix-map=${PROJECT_BINARY_DIR}/=")
# A compiler cache counts no map among what an object depends on, and a definition only where the source uses it (ccache(1)); any
# other option it does. This one changes nothing: it keeps objects apart that were kept before the second map was there.
target_compile_options(aperto_anywhere INTERFACE -fno-record-gcc-switches)

if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR APERTO_SANITIZE)
    target_compile_definitions(aperto_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(APERTO_FUZZ)
    target_compile_options(aperto_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(APERTO_SANITIZE)
    # -O1 because GCC and Clang turn a coroutine's symmetric transfer into a jump only when they optimise.
    set(sanitizer_flags -fsanitize=${APERTO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_compile_options(aperto_flags INTERFACE ${sanitizer_flags} -O1 -g1)
    target_link_options(aperto_flags INTERFACE ${sanitizer_flags})
endif()
