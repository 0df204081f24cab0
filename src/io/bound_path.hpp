// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "aperto/endpoint.hpp"

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
    bound_path(bound_path&& other) noexcept = default;
    bound_path& operator=(bound_path&& other) noexcept;
    ~bound_path() { remove(); }

    void remove() noexcept;
    /// It is somebody else's from now on, and stays.
    void leave() noexcept {
        file_.close();
        path_.clear();
    }

    /// Takes away what a process that ended without closing has left at `where`: a Unix socket that nobody
    /// listens on. Anything else stays.
    static void remove_left_over(const endpoint& where) noexcept;

private:
    std::string path_;
    descriptor file_;  ///< of what was made; while it is open nothing else has the same number
};

/// Keeps others that bind Unix sockets in the same folder out, for as long as it lives: between the look whether
/// somebody listens on a name and the moment that one does. Where it cannot be had within a moment it is done
/// without, lest who locks folders keep servers from starting.
class folder_lock {
public:
    explicit folder_lock(const endpoint& where) noexcept;

private:
    descriptor folder_;
};

}  // namespace aperto::io
