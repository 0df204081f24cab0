// SPDX-License-Identifier: MIT
#include "io/bound_path.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>
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
    const char* const path = path_of(where, address);
    if (!path) return;
    path_ = path;
    file_ = descriptor(::open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

bound_path& bound_path::operator=(bound_path&& other) noexcept {
    if (this == &other) return *this;
    remove();
    path_ = std::exchange(other.path_, {});
    file_ = std::move(other.file_);
    return *this;
}

void bound_path::remove() noexcept {
    struct stat mine{};
    struct stat there{};
    const bool known = !path_.empty() && file_ && ::fstat(file_.get(), &mine) == 0;
    if (known && ::lstat(path_.c_str(), &there) == 0 && there.st_dev == mine.st_dev &&
        there.st_ino == mine.st_ino)
        ::unlink(path_.c_str());
    leave();
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

folder_lock::folder_lock(const endpoint& where) noexcept {
    constexpr int tries_max = 100;
    constexpr timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
    sockaddr_storage address{};
    const char* const path = path_of(where, address);
    if (!path) return;
    std::array<char, sizeof sockaddr_un::sun_path + 1> folder{};
    const std::string_view whole(path);
    const std::size_t slash = whole.rfind('/');
    if (slash == std::string_view::npos)
        folder[0] = '.';
    else
        whole.copy(folder.data(), slash + 1);
    folder_ = descriptor(::open(folder.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int tries = 0; folder_ && tries < tries_max && ::flock(folder_.get(), LOCK_EX | LOCK_NB) < 0;
         ++tries)
        ::nanosleep(&pause, nullptr);
}

}  // namespace aperto::io
