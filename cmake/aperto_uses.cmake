# SPDX-License-Identifier: MIT
# The uses: each folder examples/NAME is a program aperto-NAME on the public headers alone, installed as a program, with its
# manual page examples/NAME/aperto-NAME.1, and its source as documentation.

# What each needs besides the library.
set(use_web_links llhttp aperto_tls OpenSSL::Crypto)
set(use_mail_links aperto_tls)
set(use_files_links aperto_tls OpenSSL::Crypto)
set(use_remote_links aperto_tls)

add_custom_target(uses)
set(uses "")
file(GLOB folders LIST_DIRECTORIES true CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*")
foreach(folder IN LISTS folders)
    if(NOT IS_DIRECTORY "${folder}")
        continue()
    endif()
    cmake_path(GET folder FILENAME name)
    file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cpp")
    add_executable(aperto-${name} ${sources})
    set_target_properties(aperto-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
    target_link_libraries(aperto-${name} PRIVATE ${use_${name}_links} aperto aperto_flags aperto_anywhere)
    add_dependencies(uses aperto-${name})
    list(APPEND uses ${name})
    # Its tests, tests/NAME: on the whole library, and TLS.
    set(room_${name}_uses ${rooms_of_library} tls)
    set(room_${name}_tests_link ${use_${name}_links})
    list(REMOVE_ITEM room_${name}_tests_link aperto_tls)
    if(PROJECT_IS_TOP_LEVEL)
        install(TARGETS aperto-${name} COMPONENT program)
        install(FILES "${folder}/aperto-${name}.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT program)
        install(DIRECTORY "${folder}" DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples" COMPONENT program
            PATTERN "*.1" EXCLUDE)
    endif()
endforeach()
