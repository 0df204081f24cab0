# SPDX-License-Identifier: MIT
# Files that a program carries inside it, such as the parts of a web page.
#
#     aperto_embed(<target> <namespace>::<name> <file>...)
#
# makes `extern const std::string_view <name>;` of <namespace>, which is the files one after another, as they are (UTF-8
# text), and compiles it into <target>. Who uses it declares it; a name that was not embedded is an error of the linker.
# Paths are those of the folder that calls. A file that changes is embedded again.

if(CMAKE_SCRIPT_MODE_FILE)  # while it is built: -DNAME= -DOUTPUT= -DFILES=a|b
    string(REPLACE "|" ";" files "${FILES}")
    string(REGEX MATCH "^(.*)::([^:]+)$" whole "${NAME}")
    set(space "${CMAKE_MATCH_1}")
    set(name "${CMAKE_MATCH_2}")
    set(text "// SPDX-License-Identifier: MIT\n// Written by cmake/aperto_embed.cmake.\n#include <string_view>\n\n")
    string(APPEND text "// GCC and Clang take longer literals than C++ asks of every compiler.\n#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\n")
    string(APPEND text "namespace ${space} {\n\nextern const std::string_view ${name};\n")
    string(APPEND text "static constexpr char ${name}_text[] =")
    foreach(file IN LISTS files)
        file(READ "${file}" content)
        if(content MATCHES "\\)aperto_embedded\"")
            message(FATAL_ERROR "${file} has the sign that ends an embedded file")
        endif()
        string(APPEND text "\n    R\"aperto_embedded(${content})aperto_embedded\"")
    endforeach()
    file(WRITE "${OUTPUT}" "${text};\nconstinit const std::string_view ${name}{${name}_text, sizeof ${name}_text - 1};\n\n}  // namespace ${space}\n")
    return()
endif()

set(aperto_embed_script "${CMAKE_CURRENT_LIST_FILE}")

function(aperto_embed target name)
    set(files "")
    foreach(file IN LISTS ARGN)
        cmake_path(ABSOLUTE_PATH file NORMALIZE)
        list(APPEND files "${file}")
    endforeach()
    string(REPLACE ";" "|" joined "${files}")
    string(REPLACE "::" "_" stem "${name}")
    set(output "${PROJECT_BINARY_DIR}/generated/${stem}.cpp")
    add_custom_command(
        OUTPUT "${output}"
        COMMAND ${CMAKE_COMMAND} "-DNAME=${name}" "-DOUTPUT=${output}" "-DFILES=${joined}" -P "${aperto_embed_script}"
        DEPENDS ${files} "${aperto_embed_script}"
        COMMENT "Embedding ${name}"
        VERBATIM)
    target_sources(${target} PRIVATE "${output}")
endfunction()
