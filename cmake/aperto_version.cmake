# SPDX-License-Identifier: MIT
# aperto_version(<out> <folder>): the version of the source in a folder, as its packages have it. By the git tag where the commit has
# one, which must be that of version.hpp; past the last tag with how far past it is, "0.2.0~git5.1a2b3c4" before the 0.2.0 of
# version.hpp and "0.1.0+git5.1a2b3c4" behind it; version.hpp's alone without git or without a tag.
function(aperto_version out folder)
    file(STRINGS "${folder}/include/aperto/version.hpp" line REGEX " version = ")
    string(REGEX REPLACE ".*\"(.*)\".*" "\\1" version "${line}")
    set(${out} "${version}" PARENT_SCOPE)
    if(NOT EXISTS "${folder}/.git")
        return()
    endif()
    execute_process(COMMAND git -C "${folder}" describe --tags --long --match "v[0-9]*"
        OUTPUT_VARIABLE told ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
    if(failed OR NOT told MATCHES "^v(.*)-([0-9]+)-g([0-9a-f]+)$")
        return()
    endif()
    set(tag "${CMAKE_MATCH_1}")
    set(past "${CMAKE_MATCH_2}")
    set(commit "${CMAKE_MATCH_3}")
    if(past EQUAL 0)
        if(NOT tag STREQUAL version)
            message(FATAL_ERROR "The git tag is v${tag}, and include/aperto/version.hpp says ${version}")
        endif()
    elseif(version VERSION_GREATER tag)
        set(${out} "${version}~git${past}.${commit}" PARENT_SCOPE)
    else()
        set(${out} "${version}+git${past}.${commit}" PARENT_SCOPE)
    endif()
endfunction()
