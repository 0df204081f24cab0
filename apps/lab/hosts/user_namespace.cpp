// SPDX-License-Identifier: MIT
#include "lab/hosts/user_namespace.hpp"

#include "lab/hosts/host_message.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace aperto::lab {

namespace {

constexpr char users_mapped = 1;
constexpr char groups_mapped = 2;

bool write_at_once(const std::string& path, const std::string& text) {
    const descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void write_checked(const char* path, const std::string& text, const char* tried) {
    checked(write_at_once(path, text) ? 0 : -1, tried);
}

/// Every id that this namespace has, as itself.
std::string all_as_themselves(const std::string& map) {
    std::ifstream file("/proc/self/" + map);
    std::string out;
    for (std::uint64_t first = 0, outside = 0, count = 0; file >> first >> outside >> count;) {
        out += fmt::format("{0} {0} {1}\n", first, count);
    }
    return out;
}

}  // namespace

void enter_user_namespace(int outside) {
    const auto user = ::geteuid();
    const auto group = ::getegid();
    checked(::unshare(CLONE_NEWUSER | CLONE_NEWPID), "make a user namespace");
    char mapped = 0;
    (void)!::send(outside, &mapped, sizeof mapped, MSG_NOSIGNAL);
    (void)!::recv(outside, &mapped, sizeof mapped, 0);
    if ((mapped & users_mapped) == 0) {
        write_checked("/proc/self/uid_map", fmt::format("{0} {0} 1", user),
                      "map the user into the namespace");
    }
    if ((mapped & groups_mapped) == 0) {
        write_checked("/proc/self/setgroups", "deny", "give up setgroups");
        write_checked("/proc/self/gid_map", fmt::format("{0} {0} 1", group),
                      "map the group into the namespace");
    }
}

void map_all_ids(pid_t child, int inside) {
    char mapped = 0;
    if (::recv(inside, &mapped, sizeof mapped, 0) != sizeof mapped) {
        return;  // it has no namespace, and tells why over its control
    }
    const auto map = [child](const std::string& name) {
        return write_at_once(fmt::format("/proc/{}/{}", child, name), all_as_themselves(name));
    };
    mapped = static_cast<char>((map("uid_map") ? users_mapped : 0) | (map("gid_map") ? groups_mapped : 0));
    (void)!::send(inside, &mapped, sizeof mapped, MSG_NOSIGNAL);
}

}  // namespace aperto::lab
