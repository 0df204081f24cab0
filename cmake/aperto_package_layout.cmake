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
endforeach()
