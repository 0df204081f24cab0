# SPDX-License-Identifier: MIT
# A room is a folder of src/ (the library) or apps/ (the program and the lab) compiled once into an object library `room_<name>`. The library, the program and
# the tests of one room are then put together from rooms, so a test of `net` never waits for `cli`.
# Each list names the rooms a room may include: arrows point down only.

set(rooms_of_library core io sim text net client server)
# Beside the library, each a target of its own: who does not link it needs not what it stands on.
set(rooms_beside_library tls journal)

set(room_core_uses "")
set(room_io_uses core)
set(room_sim_uses core io)
set(room_text_uses core)
set(room_net_uses core io text)
set(room_client_uses core io text net)
set(room_server_uses core io text net)
set(room_tls_uses core)
set(room_journal_uses core io text net server)
set(room_lab_uses core)
set(room_load_uses core)
set(room_cli_uses core io text net client server tls journal lab load)

set(room_core_links fmt::fmt Threads::Threads)
set(room_io_links PkgConfig::liburing)
set(room_sim_links PkgConfig::liburing)
set(room_text_links "")
set(room_net_links "")
set(room_client_links "")
set(room_server_links "")
set(room_tls_links OpenSSL::SSL fmt::fmt)
set(room_journal_links SQLite::SQLite3)
set(room_load_links PkgConfig::liburing)
set(room_lab_links tomlplusplus::tomlplusplus nlohmann_json::nlohmann_json)
set(room_cli_links llhttp tomlplusplus::tomlplusplus nlohmann_json::nlohmann_json PkgConfig::seccomp)

# aperto_room(<name> <folder>): compiles <folder>/<name>/**.cpp, all but a main.cpp. A room without sources makes no target.
function(aperto_room name folder)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/${name}/*.cpp")
    list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
    if(NOT sources)
        return()
    endif()
    add_library(room_${name} OBJECT ${sources})
    target_include_directories(room_${name} PUBLIC "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src"
        "${PROJECT_SOURCE_DIR}/apps")
    target_link_libraries(room_${name} PRIVATE aperto_flags aperto_anywhere)
    foreach(room IN LISTS room_${name}_uses ITEMS ${name})
        target_link_libraries(room_${name} PUBLIC ${room_${room}_links})
    endforeach()
endfunction()

# aperto_link_rooms(<target> <room>...): puts the rooms' objects, and what they need, into a program.
function(aperto_link_rooms target)
    foreach(room IN LISTS ARGN)
        if(TARGET room_${room})
            target_link_libraries(${target} PRIVATE room_${room})
        endif()
    endforeach()
    target_link_libraries(${target} PRIVATE aperto_flags)
endfunction()
