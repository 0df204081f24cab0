// SPDX-License-Identifier: MIT
#include "load/usage.hpp"

#include "aperto/error.hpp"

#include <cstdio>
#include <fstream>
#include <string>

namespace aperto::load {
namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;

std::int64_t to_ns(const timespec& time) noexcept { return time.tv_sec * ns_per_s + time.tv_nsec; }

// "VmRSS:      5120 kB"
std::uint64_t bytes_of(const std::string& line) {
    return std::stoull(line.substr(line.find(':') + 1)) * 1024;
}

}  // namespace

own_usage own_usage::read() noexcept {
    own_usage result;
    timespec cpu{};
    if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0) result.cpu_ns = to_ns(cpu);
    if (std::FILE* file = std::fopen("/proc/thread-self/schedstat", "re")) {
        unsigned long long ran = 0;
        unsigned long long waited = 0;
        if (std::fscanf(file, "%llu %llu", &ran, &waited) == 2)
            result.waited_ns = static_cast<std::int64_t>(waited);
        std::fclose(file);
    }
    return result;
}

process_usage::process_usage(int pid) : pid_(pid) {
    const int code = ::clock_getcpuclockid(pid, &clock_);
    if (code != 0) throw error::from_result(-code, "watch process", std::to_string(pid));
}

std::int64_t process_usage::cpu_ns() const noexcept {
    timespec cpu{};
    return ::clock_gettime(clock_, &cpu) == 0 ? to_ns(cpu) : -1;
}

std::optional<process_usage::memory> process_usage::read_memory() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    memory result;
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) result.resident = bytes_of(line);
        if (line.starts_with("VmHWM:")) result.resident_most = bytes_of(line);
    }
    if (result.resident == 0) return std::nullopt;
    return result;
}

}  // namespace aperto::load
