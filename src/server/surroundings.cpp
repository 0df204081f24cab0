// SPDX-License-Identifier: MIT
#include "server/surroundings.hpp"

#include "server/control_group.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <random>

namespace aperto {
namespace {

/// Descriptors that a server needs besides its connections: listeners, the engine's, logs, what the program
/// opens.
constexpr std::size_t descriptors_reserved = 64;
/// Of which nothing is known, little is assumed.
constexpr std::size_t memory_unknown = std::size_t{1} << 30;
/// What a simulated host has: as many sockets as `sim::host_options` gives it by default.
constexpr std::size_t connections_simulated = 100'000;
constexpr std::size_t memory_simulated = std::size_t{1} << 30;

std::size_t connections_by_descriptors() noexcept {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) return 1'000'000;
    const auto descriptors = static_cast<std::size_t>(limit.rlim_cur);
    return std::max(descriptors / 2, descriptors - std::min(descriptors, descriptors_reserved));
}

unsigned cores_of_affinity() noexcept {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) return 1;
    return std::max(1U, static_cast<unsigned>(CPU_COUNT(&allowed)));
}

std::size_t memory_of_machine() noexcept {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page_size = ::sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page_size <= 0) return memory_unknown;
    return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page_size);
}

}  // namespace

surroundings surroundings::of_machine() {
    std::random_device source;
    const std::uint64_t high = source();
    return {.connections = connections_by_descriptors(),
            .memory = memory_allowed(),
            .seed = (high << 32) | source()};
}

surroundings surroundings::of(loop& on) {
    if (on.which() != engine::simulated) return of_machine();
    return {.connections = connections_simulated, .memory = memory_simulated, .seed = on.random()};
}

unsigned cores_allowed(const std::string& root) noexcept {
    const unsigned cores = cores_of_affinity();
    try {
        return std::min(cores, control_group::cpu_limit(root).value_or(cores));
    } catch (const std::exception&) {
        return cores;
    }
}

std::size_t memory_allowed(const std::string& root) noexcept {
    const std::size_t machine = memory_of_machine();
    try {
        return std::min(machine, control_group::memory_limit(root).value_or(machine));
    } catch (const std::exception&) {
        return machine;
    }
}

}  // namespace aperto
