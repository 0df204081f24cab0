// SPDX-License-Identifier: MIT
#include "server/memory_allowed.hpp"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <string>

namespace aperto {
namespace {

/// Of which nothing is known, little is assumed.
constexpr std::size_t memory_unknown = std::size_t{1} << 30;

std::size_t memory_of_machine() noexcept {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page_size = ::sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page_size <= 0) return memory_unknown;
    return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page_size);
}

/// The limit of this process's control group, version 2, and of those above it: the least of them.
std::size_t memory_of_group(std::size_t most) {
    std::ifstream membership("/proc/self/cgroup");
    std::string line;
    while (std::getline(membership, line)) {
        if (!line.starts_with("0::/")) continue;
        std::string group = line.substr(3);
        for (;;) {
            std::ifstream file("/sys/fs/cgroup" + group + "/memory.max");
            std::size_t limit = 0;
            if (file >> limit) most = std::min(most, limit);
            if (group.empty() || group == "/") return most;
            group.resize(group.rfind('/'));
        }
    }
    return most;
}

}  // namespace

std::size_t memory_allowed() noexcept {
    const std::size_t machine = memory_of_machine();
    try {
        return memory_of_group(machine);
    } catch (const std::exception&) {
        return machine;
    }
}

}  // namespace aperto
