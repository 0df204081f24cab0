// SPDX-License-Identifier: MIT
#include "io/bound_path.hpp"

#include "core/descriptor.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace aperto::io {
namespace {

/// Null where `address` has no name in the file system.
const char* path_of(const endpoint& where, sockaddr_storage& address) noexcept {
    if (where.family() != AF_UNIX) return nullptr;
    where.to_sockaddr(address);
    const char* const path = reinterpret_cast<const sockaddr_un&>(address).sun_path;
    return *path != '\0' ? path : nullptr;
}

}  // namespace

bound_path::bound_path(const endpoint& where) {
    sockaddr_storage address{};
    struct stat about{};
    const char* const path = path_of(where, address);
    if (!path || ::lstat(path, &about) < 0) return;
    path_ = path;
    device_ = about.st_dev;
    file_ = about.st_ino;
}

bound_path::bound_path(bound_path&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), file_(other.file_) {}

bound_path& bound_path::operator=(bound_path&& other) noexcept {
    if (this == &other) return *this;
    remove();
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    file_ = other.file_;
    return *this;
}

void bound_path::remove() noexcept {
    struct stat about{};
    if (path_.empty()) return;
    if (::lstat(path_.c_str(), &about) == 0 && about.st_dev == device_ && about.st_ino == file_)
        ::unlink(path_.c_str());
    path_.clear();
}

void bound_path::remove_left_over(const endpoint& where) noexcept {
    sockaddr_storage address{};
    struct stat about{};
    const char* const path = path_of(where, address);
    if (!path || ::lstat(path, &about) < 0 || !S_ISSOCK(about.st_mode)) return;
    const descriptor asking(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_storage to{};
    const socklen_t length = where.to_sockaddr(to);
    if (!asking) return;
    if (::connect(asking.get(), reinterpret_cast<const sockaddr*>(&to), length) < 0 && errno == ECONNREFUSED)
        ::unlink(path);
}

}  // namespace aperto::io
