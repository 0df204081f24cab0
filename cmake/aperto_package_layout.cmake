# SPDX-License-Identifier: MIT
# Run by CPack on each package's files before they are packed: what Debian has elsewhere than `cmake --install` puts it.
file(GLOB pages "${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/man1/*.1")
foreach(page IN LISTS pages)
    execute_process(COMMAND gzip -9n "${page}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(GLOB completions "${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/zsh/site-functions")
foreach(folder IN LISTS completions)
    cmake_path(GET folder PARENT_PATH zsh)
    file(RENAME "${folder}" "${zsh}/vendor-completions")
endforeach()
# The service, which nothing starts by itself: `systemctl enable --now aperto`. Not among what `cmake --install` installs, which
# has no business in /etc.
file(GLOB programs "${CPACK_TEMPORARY_DIRECTORY}/program")
foreach(program IN LISTS programs)
    file(COPY "${CPACK_APERTO_DEPLOY}/systemd/aperto.service" DESTINATION "${program}/lib/systemd/system")
    file(COPY "${CPACK_APERTO_DEPLOY}/aperto.toml" DESTINATION "${program}/etc/aperto")
    # What is packed stands on what is installed here: SPDX 2.3.
    file(MAKE_DIRECTORY "${program}/usr/share/doc/aperto")
    execute_process(COMMAND "${CPACK_APERTO_SBOM}" "${program}/usr/bin/aperto" "${CPACK_PACKAGE_VERSION}"
        OUTPUT_FILE "${program}/usr/share/doc/aperto/aperto.spdx.json" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
# Its day is that of SOURCE_DATE_EPOCH where that is set, so that the same source makes the same package; whenever it was configured.
string(TIMESTAMP changed "%a, %d %b %Y %H:%M:%S +0000" UTC)
set(changelog "${CPACK_TEMPORARY_DIRECTORY}/changelog")
file(WRITE "${changelog}"
"aperto (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  ${changed}
")
execute_process(COMMAND gzip -9nf "${changelog}" COMMAND_ERROR_IS_FATAL ANY)
foreach(part IN ITEMS "program aperto" "development libaperto-dev")
    separate_arguments(part)
    list(GET part 0 component)
    list(GET part 1 package)
    if(EXISTS "${CPACK_TEMPORARY_DIRECTORY}/${component}")
        file(COPY "${CPACK_APERTO_DEBIAN}/copyright" "${changelog}.gz"
            DESTINATION "${CPACK_TEMPORARY_DIRECTORY}/${component}/usr/share/doc/${package}")
    endif()
endforeach()
file(REMOVE "${changelog}.gz")
if(EXISTS "${CPACK_TEMPORARY_DIRECTORY}/development")
    file(COPY "${CPACK_APERTO_DEBIAN}/libaperto-dev" DESTINATION "${CPACK_TEMPORARY_DIRECTORY}/development/usr/share/lintian/overrides")
endif()
