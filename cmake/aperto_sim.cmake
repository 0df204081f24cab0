# SPDX-License-Identifier: MIT
# The stories of tests/sim over many seeds: `sim_seeds`, for CI and for whole nights, and `sim_canaries`, the same
# with bugs planted in copies of the sources (tests/sim/canaries/plant.py), each of which must be found.

set(sim_folder "${PROJECT_SOURCE_DIR}/tests/sim")
set(sim_stories "${sim_folder}/seeds/main.cpp" "${sim_folder}/story.cpp" "${sim_folder}/stories.cpp"
    "${sim_folder}/hard_stories.cpp" "${sim_folder}/late_cancel_story.cpp" "${sim_folder}/engine_stories.cpp")

# What a build without optimisation, or with a sanitizer, does in the time that CI has.
set(sim_seed_count 100000)
if(APERTO_SANITIZE)
    set(sim_seed_count 4000)
elseif(CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(sim_seed_count 15000)
endif()

add_executable(sim_seeds ${sim_stories})
target_include_directories(sim_seeds PRIVATE "${PROJECT_SOURCE_DIR}/tests" "${PROJECT_SOURCE_DIR}/src")
target_link_libraries(sim_seeds PRIVATE aperto aperto_flags)
add_dependencies(tests sim_seeds)
add_test(NAME sim/seeds COMMAND sim_seeds --seeds ${sim_seed_count})
set_tests_properties(sim/seeds PROPERTIES LABELS sim TIMEOUT 300 PROCESSORS 2)

execute_process(COMMAND ${Python3_EXECUTABLE} "${sim_folder}/canaries/plant.py" --files
    OUTPUT_VARIABLE sim_planted_names OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" sim_planted_names "${sim_planted_names}")
set(sim_planted "")
set(sim_originals "")
foreach(name IN LISTS sim_planted_names)
    if(NOT name MATCHES "hpp$")
        string(REPLACE "/" "_" name_of_copy "${name}")
    else()
        set(name_of_copy "${name}")
    endif()
    list(APPEND sim_planted "${CMAKE_CURRENT_BINARY_DIR}/canaries/${name_of_copy}")
    list(APPEND sim_originals "${PROJECT_SOURCE_DIR}/${name}")
endforeach()
add_custom_command(
    OUTPUT ${sim_planted}
    COMMAND ${Python3_EXECUTABLE} "${sim_folder}/canaries/plant.py" "${PROJECT_SOURCE_DIR}"
            "${CMAKE_CURRENT_BINARY_DIR}/canaries"
    DEPENDS ${sim_originals} "${sim_folder}/canaries/plant.py"
    COMMENT "Planting bugs for the simulation to find"
    VERBATIM)

# The planted copies come before the library, which then gives everything else.
add_executable(sim_canaries ${sim_stories} ${sim_planted})
target_include_directories(sim_canaries PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/canaries/src" "${PROJECT_SOURCE_DIR}/tests"
    "${PROJECT_SOURCE_DIR}/src")
target_link_libraries(sim_canaries PRIVATE aperto fmt::fmt aperto_flags)
add_dependencies(tests sim_canaries)
