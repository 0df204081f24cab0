// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <system_error>

namespace aperto::lab {

/// What a system call returned, unless it is -1; then throws std::system_error that begins with `what`.
inline int checked(int result, const char* what) {
    if (result == -1) {
        throw std::system_error(errno, std::system_category(), what);
    }
    return result;
}

}  // namespace aperto::lab
