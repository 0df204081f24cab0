# SPDX-License-Identifier: MIT
# One GoogleTest program a room, one ctest entry a test; one ctest entry a Python file. Each entry carries its
# folder's name as a label, and `threads` where the code under test runs threads.

find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(rooms_with_threads io net client server tls journal lab)
# Replaces operator new, so it is a program of its own.
set(room_memory_uses ${rooms_of_library} tls)
# The services of examples/, in the simulation.
set(room_examples_uses ${rooms_of_library})
# What is simulated in the tests of the simulation.
set(room_sim_tests_use text net client server)
# The second opinion on capitals.
set(room_text_tests_link PkgConfig::icu)
# The suite of the seam, which the simulated loop passes as well.
set(room_io_tests_use sim)
# The suite of streams runs on TLS too.
set(room_net_tests_use tls)
set(room_tls_tests_use io text net client server sim)
# What asks the server that records.
set(room_journal_tests_use client)
# A server on the loop of a program that is a client too; and in simulated time.
set(room_server_tests_use client sim)
# What the program does once a day, in virtual time.
set(room_cli_tests_use sim)
# Hosts that are silent, in virtual time.
set(room_client_tests_use sim)
# These build programs of their own, which know nothing of this build's sanitizers.
set(folders_without_sanitizers install docs)
# The virtual Linux has not the address space that a sanitizer keeps its shadow in.
list(APPEND folders_without_sanitizers virtual)
# Planted bugs are found without a sanitizer, in a tenth of the time.
list(APPEND folders_without_sanitizers sim)
# These hold memory, time and processor to bounds, which are not those of a program under a sanitizer.
list(APPEND folders_without_sanitizers hostile deploy remote)
# And these also those of a machine that has nothing else to do.
set(python_tests_alone "deploy/rolling_test")
# In a room's folder, and programs of their own.
set(programs_of_tests "acknowledge_first")
# A leak is not looked for in a process that is traced, nor in one that is killed; the room's own tests run under them.
list(APPEND folders_without_sanitizers journal mail)
set(test_timeout_seconds 60)
set(python_test_timeout_seconds 300)

add_custom_target(tests)
add_custom_target(tests_with_threads)

# aperto_room_tests(<room>): tests/<room>/*.cpp becomes test_<room>. A folder without sources makes no target.
function(aperto_room_tests room)
    file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${room}/*.cpp")
    list(FILTER sources EXCLUDE REGEX "/(${programs_of_tests})\\.cpp$")
    if(NOT sources)
        return()
    endif()
    add_executable(test_${room} ${sources} "${PROJECT_SOURCE_DIR}/tests/support/main.cpp")
    add_dependencies(tests test_${room})
    add_dependencies(test_${room} catalogues)  # some hold what is said in another language too
    target_include_directories(test_${room} PRIVATE "${PROJECT_SOURCE_DIR}/tests" "${PROJECT_SOURCE_DIR}/src"
        "${PROJECT_SOURCE_DIR}/apps" "${PROJECT_SOURCE_DIR}/include")
    aperto_link_rooms(test_${room} ${room_${room}_uses} ${room} ${room_${room}_tests_use})
    target_link_libraries(test_${room} PRIVATE GTest::gtest GTest::gmock ${room_${room}_tests_link})
    # In the folder where it was compiled: __FILE__, by which tests find their data, may be relative to it (ccache).
    gtest_discover_tests(test_${room}
        TEST_PREFIX "${room}/"
        WORKING_DIRECTORY "${CMAKE_BINARY_DIR}"
        NO_PRETTY_VALUES
        DISCOVERY_MODE PRE_TEST
        DISCOVERY_TIMEOUT 60
        PROPERTIES TIMEOUT ${test_timeout_seconds})
    set(labels ${room})
    if(room IN_LIST rooms_with_threads)
        list(APPEND labels threads)
        add_dependencies(tests_with_threads test_${room})
    endif()
    # gtest_discover_tests cannot pass on a property that is a list, so ctest sets it when the tests are known.
    set(script "${CMAKE_CURRENT_BINARY_DIR}/labels_${room}.cmake")
    file(WRITE "${script}"
        "foreach(test IN LISTS test_${room}_TESTS)\n"
        "    set_tests_properties(\"\${test}\" PROPERTIES LABELS [==[${labels}]==])\n"
        "endforeach()\n")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${script}")
endfunction()

# aperto_attacker(): the programs by which the hostile tests attack, <build>/tests/attacker, and a service that does
# much in a turn, <build>/tests/fan_out.
function(aperto_attacker)
    if(NOT APERTO_SANITIZE)
        add_executable(attacker "${PROJECT_SOURCE_DIR}/tests/hostile/attacker.cpp")
        target_link_libraries(attacker PRIVATE aperto_flags)
        add_dependencies(tests attacker)
        add_executable(fan_out "${PROJECT_SOURCE_DIR}/tests/hostile/fan_out.cpp")
        target_link_libraries(fan_out PRIVATE aperto aperto_flags)
        add_dependencies(tests fan_out)
    endif()
endfunction()

# aperto_acknowledge_first(): the servers that the tests of the journal and of the mail must catch, <build>/tests/acknowledge_first
# and <build>/tests/mail_acknowledge_first.
function(aperto_acknowledge_first)
    add_executable(acknowledge_first "${PROJECT_SOURCE_DIR}/tests/journal/acknowledge_first.cpp")
    target_link_libraries(acknowledge_first PRIVATE aperto_journal aperto_flags)
    add_executable(mail_acknowledge_first "${PROJECT_SOURCE_DIR}/tests/mail/acknowledge_first.cpp")
    target_include_directories(mail_acknowledge_first PRIVATE "${PROJECT_SOURCE_DIR}/examples")
    target_link_libraries(mail_acknowledge_first PRIVATE aperto aperto_flags)
    add_dependencies(tests acknowledge_first mail_acknowledge_first)
endfunction()

# aperto_python_tests(): tests/<folder>/*_test.py, each run by unittest with what it needs in its environment.
function(aperto_python_tests)
    file(GLOB files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/*/*_test.py")
    foreach(file IN LISTS files)
        cmake_path(GET file STEM stem)
        cmake_path(GET file PARENT_PATH folder)
        cmake_path(GET folder FILENAME folder_name)
        if(APERTO_SANITIZE AND folder_name IN_LIST folders_without_sanitizers)
            continue()
        endif()
        set(test "${folder_name}/${stem}")
        set(alone OFF)
        if(test IN_LIST python_tests_alone)
            set(alone ON)
        endif()
        add_test(NAME ${test} COMMAND Python3::Interpreter -B -m unittest -v "${stem}" WORKING_DIRECTORY "${folder}")
        set_tests_properties(${test} PROPERTIES
            LABELS ${folder_name}
            RUN_SERIAL "${alone}"
            TIMEOUT ${python_test_timeout_seconds}
            SKIP_REGULAR_EXPRESSION "NOT RUN HERE: "
            ENVIRONMENT "APERTO_BIN=${PROJECT_BINARY_DIR}/aperto;APERTO_BUILD_DIR=${PROJECT_BINARY_DIR};APERTO_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
    endforeach()
endfunction()

# aperto_examples(): each examples/<name>.cpp is a program as a user would write it: the library, and what it names.
function(aperto_examples)
    file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.cpp")
    pkg_check_modules(libuv IMPORTED_TARGET libuv)
    set(example_foreign_loop_links PkgConfig::libuv)
    set(example_tls_file_links aperto_tls)
    if(NOT libuv_FOUND)
        list(FILTER sources EXCLUDE REGEX "/foreign_loop\\.cpp$")
    endif()
    foreach(source IN LISTS sources)
        cmake_path(GET source STEM name)
        add_executable(example_${name} ${source})
        set_target_properties(example_${name} PROPERTIES
            OUTPUT_NAME ${name}
            RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/examples")
        target_link_libraries(example_${name} PRIVATE ${example_${name}_links} aperto aperto_flags)
    endforeach()
endfunction()
