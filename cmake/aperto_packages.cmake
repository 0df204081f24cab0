# SPDX-License-Identifier: MIT
# Debian packages of what `cmake --install` installs, by CPack: `tools/make-packages`. Two: aperto, the programs with the lab;
# libaperto-dev, the library for who builds on it.
include(aperto_version)
aperto_version(package_version "${PROJECT_SOURCE_DIR}")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME aperto)
set(CPACK_PACKAGE_VERSION "${package_version}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "TCP server, client, load generator and laboratory")
set(CPACK_PACKAGE_VENDOR "the aperto authors")
set(CPACK_PACKAGE_CONTACT "the aperto authors <maintainers@aperto.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# What is installed is what was built before.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME aperto)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
    "aperto serves and asks over TCP, with limits and deadlines on by default, on
io_uring or epoll; loads a server and compares every byte of its replies; and
runs two programs on a network of its own, rootless, to show each segment and
why any was sent again.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libaperto-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "liburing-dev (>= 2.3), libfmt-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "Streams with deadlines, servers with limits, and coroutines that can be
cancelled, on io_uring, epoll or a simulated network whose every failure is
replayed by a seed. This package has the headers and the static libraries.")

set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/aperto_package_layout.cmake")

set(CPACK_APERTO_SBOM "${PROJECT_SOURCE_DIR}/tools/make-sbom")
set(CPACK_APERTO_DEPLOY "${PROJECT_SOURCE_DIR}/deploy")
set(CPACK_APERTO_DEBIAN "${PROJECT_BINARY_DIR}/debian")
file(WRITE "${PROJECT_BINARY_DIR}/debian/conffiles" "/etc/aperto/aperto.toml\n")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_CONTROL_EXTRA "${PROJECT_BINARY_DIR}/debian/conffiles")

# Debian's own pages beside them: copyright, and (where they are packed) a changelog of its format.
set(debian "${PROJECT_BINARY_DIR}/debian")
file(READ LICENSE licence)
string(REGEX REPLACE "^[^\n]*\n\n(Copyright[^\n]*)\n\n" "" terms "${licence}")
string(REGEX REPLACE "\n\n" "\n.\n" terms "${terms}")
string(REGEX REPLACE "\n([^\n])" "\n \\1" terms "${terms}")
file(WRITE "${debian}/copyright"
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: aperto

Files: *
Copyright: 2026 the aperto authors
License: Expat
 ${terms}")
# Its files find each other by where they lie, one folder deeper in Debian's tree of many architectures.
file(WRITE "${debian}/libaperto-dev" "libaperto-dev: pkg-config-unavailable-for-cross-compilation\n")

include(CPack)
