// SPDX-License-Identifier: MIT
#include "server/control_group.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string_view>
#include <vector>

namespace aperto::control_group {
namespace {

/// A line of /proc/self/cgroup: "0::/user.slice" (version 2) or "4:cpu,cpuacct:/docker/1a2b" (version 1).
struct membership {
    std::string controllers;  ///< empty: version 2
    std::string group;
};

std::vector<membership> memberships(const std::string& root) {
    std::vector<membership> all;
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first == std::string::npos ? first : first + 1);
        if (second == std::string::npos) continue;
        membership one{line.substr(first + 1, second - first - 1), line.substr(second + 1)};
        // Outside of what this process can see (cgroup_namespaces(7)): the top of that is left.
        if (one.group.find("/..") != std::string::npos) one.group.clear();
        while (!one.group.empty() && one.group.back() == '/')
            one.group.pop_back();
        all.push_back(std::move(one));
    }
    return all;
}

bool has_controller(std::string_view controllers, std::string_view name) {
    while (!controllers.empty()) {
        const std::size_t end = std::min(controllers.find(','), controllers.size());
        if (controllers.substr(0, end) == name) return true;
        controllers.remove_prefix(std::min(end + 1, controllers.size()));
    }
    return false;
}

/// The folders of a controller's groups, this process's own and those above it.
struct folders {
    std::vector<std::string> version_1;
    std::vector<std::string> version_2;
};

void add_with_those_above(std::vector<std::string>& to, const std::string& mount, std::string group) {
    for (;;) {
        to.push_back(mount + group);
        if (group.empty()) return;
        group.resize(group.rfind('/'));
    }
}

folders folders_of(const std::string& root, std::string_view controller) {
    const std::string mounts = root + "/sys/fs/cgroup";
    folders found;
    for (const membership& each : memberships(root)) {
        if (each.controllers.empty()) {
            add_with_those_above(found.version_2, mounts, each.group);
            add_with_those_above(found.version_2, mounts + "/unified", each.group);
        } else if (has_controller(each.controllers, controller)) {
            add_with_those_above(found.version_1, mounts + "/" + each.controllers, each.group);
            if (each.controllers != controller)
                add_with_those_above(found.version_1, mounts + "/" + std::string(controller), each.group);
        }
    }
    return found;
}

/// The number that a file begins with; none for "max", and where there is no such file.
template <class Number>
std::optional<Number> number_in(const std::string& path) {
    std::ifstream file(path);
    Number number{};
    if (!(file >> number)) return std::nullopt;
    return number;
}

template <class Number>
void take_less(std::optional<Number>& least, Number candidate) {
    least = least ? std::min(*least, candidate) : candidate;
}

/// Whole cores for a time of the processor in each period, both in microseconds.
unsigned cores_of(double quota, double period) {
    constexpr double most = 1e6;
    return static_cast<unsigned>(std::clamp(std::ceil(quota / period), 1.0, most));
}

}  // namespace

std::optional<std::size_t> memory_limit(const std::string& root) {
    const folders of = folders_of(root, "memory");
    std::optional<std::size_t> least;
    for (const std::string& each : of.version_2)
        if (const auto limit = number_in<std::size_t>(each + "/memory.max")) take_less(least, *limit);
    // Without a limit version 1 gives a number that no machine has, which whoever compares with the machine
    // drops.
    for (const std::string& each : of.version_1)
        if (const auto limit = number_in<std::size_t>(each + "/memory.limit_in_bytes"))
            take_less(least, *limit);
    return least;
}

std::optional<unsigned> cpu_limit(const std::string& root) {
    const folders of = folders_of(root, "cpu");
    std::optional<unsigned> least;
    for (const std::string& each : of.version_2) {
        std::ifstream file(each + "/cpu.max");  // "150000 100000", or "max 100000"
        double quota = 0;
        double period = 0;
        if (file >> quota >> period && quota > 0 && period > 0) take_less(least, cores_of(quota, period));
    }
    for (const std::string& each : of.version_1) {
        const auto quota = number_in<double>(each + "/cpu.cfs_quota_us");  // -1: none
        const auto period = number_in<double>(each + "/cpu.cfs_period_us");
        if (quota && period && *quota > 0 && *period > 0) take_less(least, cores_of(*quota, *period));
    }
    return least;
}

}  // namespace aperto::control_group
