# SPDX-License-Identifier: MIT
# The packages the library and the program stand on. Each is named again, with its Debian package, in
# tools/packages.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing>=2.3)
# Asked once, when the library is built, for its table of upper case; and by tests.
pkg_check_modules(icu REQUIRED IMPORTED_TARGET icu-uc)
find_package(fmt REQUIRED)
# The library aperto::tls alone.
find_package(OpenSSL 3.0 REQUIRED)

# The target aperto::journal alone.
find_package(SQLite3 REQUIRED)

# The program alone.
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
find_package(nlohmann_json REQUIRED)

# The admin endpoint and aperto-web: llhttp, which Debian has as C sources.
find_path(LLHTTP_SOURCES api.c PATHS /usr/share/llhttp NO_DEFAULT_PATH REQUIRED)
find_path(LLHTTP_INCLUDES llhttp/llhttp.h PATHS /usr/share/include REQUIRED)
add_library(llhttp STATIC EXCLUDE_FROM_ALL
    "${LLHTTP_SOURCES}/api.c" "${LLHTTP_SOURCES}/http.c" "${LLHTTP_SOURCES}/llhttp.c")
target_include_directories(llhttp SYSTEM PUBLIC "${LLHTTP_INCLUDES}" "${LLHTTP_INCLUDES}/llhttp")

# The lab alone. D3, which Debian has as a minimised file for each module; aperto_embed puts what the page needs into it, each
# behind those that it stands on.
set(D3_FILES "")
foreach(module IN ITEMS color dispatch ease interpolate selection timer drag transition brush zoom)
    find_file(D3_${module} d3-${module}.min.js PATHS /usr/share/nodejs/d3-${module}/dist NO_DEFAULT_PATH REQUIRED)
    mark_as_advanced(D3_${module})
    list(APPEND D3_FILES "${D3_${module}}")
endforeach()
find_package(tomlplusplus REQUIRED)
