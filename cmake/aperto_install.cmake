# SPDX-License-Identifier: MIT
# `cmake --install`: the headers, the library, the program, its catalogues, and what find_package(aperto) and
# pkg-config need to find them.
include(CMakePackageConfigHelpers)

set(aperto_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/aperto")

install(DIRECTORY include/aperto DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
    FILES_MATCHING PATTERN "*.hpp")
install(TARGETS aperto EXPORT aperto-targets COMPONENT development)
install(EXPORT aperto-targets NAMESPACE aperto:: DESTINATION "${aperto_package_dir}" COMPONENT development)

# Components: find_package(aperto COMPONENTS journal). Each is found with what it stands on only where it is asked for.
foreach(room IN LISTS rooms_beside_library)
    install(TARGETS aperto_${room} EXPORT aperto-${room}-targets COMPONENT development)
    install(EXPORT aperto-${room}-targets NAMESPACE aperto:: DESTINATION "${aperto_package_dir}" COMPONENT development)
endforeach()

configure_package_config_file(cmake/aperto-config.cmake.in aperto-config.cmake
    INSTALL_DESTINATION "${aperto_package_dir}"
    NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(aperto-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/aperto-config.cmake"
    "${PROJECT_BINARY_DIR}/aperto-config-version.cmake"
    DESTINATION "${aperto_package_dir}" COMPONENT development)

# Who links the static library also links what it stands on; the shared one has done so itself.
if(BUILD_SHARED_LIBS)
    set(pc_requires "Requires.private")
    set(pc_journal_requires "aperto\nRequires.private: sqlite3")
else()
    set(pc_requires "Requires")
    set(pc_journal_requires "aperto sqlite3")
endif()
file(RELATIVE_PATH pc_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
configure_file(cmake/aperto.pc.in aperto.pc @ONLY)
foreach(room IN LISTS rooms_beside_library)
    configure_file(cmake/aperto-${room}.pc.in aperto-${room}.pc @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/aperto-${room}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
endforeach()
install(FILES "${PROJECT_BINARY_DIR}/aperto.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)

if(TARGET aperto_program)
    install(TARGETS aperto_program COMPONENT program)
    set(pages "${PROJECT_BINARY_DIR}/share/pages")
    install(FILES "${pages}/man" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" RENAME aperto.1 COMPONENT program)
    install(FILES "${pages}/bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME aperto COMPONENT program)
    install(FILES "${pages}/zsh" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" RENAME _aperto COMPONENT program)
    install(FILES "${pages}/fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" RENAME aperto.fish COMPONENT program)
endif()
install(DIRECTORY "${PROJECT_BINARY_DIR}/share/locale/" DESTINATION "${CMAKE_INSTALL_LOCALEDIR}" COMPONENT program)
install(DIRECTORY labs/ DESTINATION "${CMAKE_INSTALL_DATADIR}/aperto/labs" COMPONENT program)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
