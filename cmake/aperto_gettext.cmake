# SPDX-License-Identifier: MIT
# po/<language>.po becomes <build>/share/locale/<language>/LC_MESSAGES/aperto.mo, beside the program, where
# src/core/i18n.cpp looks for it. The target `pot` brings po/ up to date with the sources.

find_program(msgfmt msgfmt REQUIRED)
mark_as_advanced(msgfmt)

set(catalogue_outputs "")
file(GLOB po_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/po/*.po")
foreach(po_file IN LISTS po_files)
    cmake_path(GET po_file STEM language)
    set(mo_dir "${PROJECT_BINARY_DIR}/share/locale/${language}/LC_MESSAGES")
    add_custom_command(
        OUTPUT "${mo_dir}/aperto.mo"
        COMMAND ${CMAKE_COMMAND} -E make_directory "${mo_dir}"
        COMMAND ${msgfmt} --check -o "${mo_dir}/aperto.mo" "${po_file}"
        DEPENDS "${po_file}"
        COMMENT "Compiling the ${language} catalogue"
        VERBATIM)
    list(APPEND catalogue_outputs "${mo_dir}/aperto.mo")
endforeach()
add_custom_target(catalogues ALL DEPENDS ${catalogue_outputs})

add_custom_target(pot
    COMMAND "${PROJECT_SOURCE_DIR}/tools/update-catalogues"
    COMMENT "Updating po/ from the sources"
    VERBATIM)
