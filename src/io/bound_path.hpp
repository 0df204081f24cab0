// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"

#include <sys/types.h>

#include <string>

namespace aperto::io {

/// The name that binding a Unix socket has made in the file system. It goes with this object, unless somebody
/// else has put something in its place.
class bound_path {
public:
    /// Of no socket, or one without such a name.
    bound_path() noexcept = default;
    /// Just after `where` was bound. Throws std::bad_alloc.
    explicit bound_path(const endpoint& where);
    bound_path(bound_path&& other) noexcept;
    bound_path& operator=(bound_path&& other) noexcept;
    ~bound_path() { remove(); }

    void remove() noexcept;

    /// Takes away what a process that ended without closing has left at `where`: a Unix socket that nobody
    /// listens on. Anything else stays.
    static void remove_left_over(const endpoint& where) noexcept;

private:
    std::string path_;
    dev_t device_ = 0;
    ino_t file_ = 0;
};

}  // namespace aperto::io
