// SPDX-License-Identifier: MIT
#include "cli/serve/service_manager.hpp"

#include "aperto/descriptor.hpp"
#include "cli/options/quantity.hpp"
#include "core/option_ranges.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <optional>

namespace aperto::cli {

namespace {

constexpr int first_handed_over = 3;  // SD_LISTEN_FDS_START
constexpr std::uint64_t sockets_most = 1024;

/// A variable's value, which no child of this process shall find.
std::string take_variable(const char* name) {
    const char* const value = std::getenv(name);
    std::string text = value ? value : "";
    ::unsetenv(name);
    return text;
}

std::uint64_t take_number(const char* name) {
    return parse_number(take_variable(name), 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
}

bool is_for_this_process(std::uint64_t process) { return process == static_cast<std::uint64_t>(::getpid()); }

/// "a:b" in parts.
std::vector<std::string> parts_of(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
        const std::size_t end = std::min(text.find(':', begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

/// The manager's socket, connected now: a confined server opens none. None where nobody is there.
descriptor connect_to(const std::string& manager) {
    const std::optional<endpoint> where = endpoint::unix_socket(manager);
    if (!where) return {};
    sockaddr_storage address{};
    const socklen_t size = where->to_sockaddr(address);
    descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
    return socket;
}

/// As often as this in the time after which the manager takes the process for dead.
constexpr int tells_in_time = 2;

}  // namespace

/// Which workers have turned since the manager was told last.
struct service_manager::watch {
    /// True for the last of all that there are.
    bool note(unsigned index) noexcept {
        if (index >= turned.size()) return false;
        for (unsigned seen = workers; seen <= index && !workers.compare_exchange_weak(seen, index + 1);) {
        }
        turned[index] = true;
        for (unsigned each = 0; each < workers; ++each)
            if (!turned[each] && !left[each]) return false;
        for (unsigned each = 0; each < workers; ++each)
            turned[each] = false;
        return true;
    }
    /// It has ended in order, and is not waited for.
    void leave(unsigned index) noexcept {
        if (index < left.size()) left[index] = true;
    }
    std::array<std::atomic<bool>, ranges::workers_most> turned{};
    std::array<std::atomic<bool>, ranges::workers_most> left{};
    std::atomic<unsigned> workers = 0;
};

service_manager::service_manager() {
    const bool listens = is_for_this_process(take_number("LISTEN_PID"));
    const std::uint64_t count = std::min(take_number("LISTEN_FDS"), sockets_most);
    const std::vector<std::string> names = parts_of(take_variable("LISTEN_FDNAMES"));
    for (std::uint64_t i = 0; listens && i < count; ++i) {
        const int socket = first_handed_over + static_cast<int>(i);
        ::fcntl(socket, F_SETFD, FD_CLOEXEC);
        sockets_.push_back(socket);
        names_.push_back(i < names.size() ? names[i] : "unknown");
    }
    notify_ = connect_to(take_variable("NOTIFY_SOCKET"));
    const std::string process = take_variable("WATCHDOG_PID");
    const std::uint64_t us = take_number("WATCHDOG_USEC");
    const auto number = parse_number(process, 0, std::numeric_limits<std::int64_t>::max());
    if (process.empty() || (number && is_for_this_process(*number)))
        watchdog_ = std::chrono::microseconds(static_cast<std::int64_t>(us));
}

service_manager::~service_manager() = default;

std::vector<int> service_manager::listening(const std::vector<std::string>& asked_for) const {
    if (asked_for.empty()) return sockets_;
    std::vector<int> found;
    for (const std::string& each : asked_for) {
        if (const auto number = parse_number(each, 0, std::numeric_limits<int>::max())) {
            found.push_back(static_cast<int>(*number));
            continue;
        }
        const std::size_t before = found.size();
        for (std::size_t i = 0; i < sockets_.size(); ++i)
            if (names_[i] == each) found.push_back(sockets_[i]);
        if (found.size() == before)
            throw error(std::make_error_code(std::errc::bad_file_descriptor), "listen on the socket named",
                        each);
    }
    return found;
}

bool service_manager::keeps_log(int descriptor) {
    const char* const named = std::getenv("JOURNAL_STREAM");
    struct stat about{};
    if (!named || ::fstat(descriptor, &about) != 0) return false;
    return std::to_string(about.st_dev) + ":" + std::to_string(about.st_ino) == named;
}

void service_manager::tell(std::string_view state) const noexcept {
    if (notify_) ::send(notify_.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void service_manager::tell_reloading() const noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    std::array<char, 64> text{};
    const int size = std::snprintf(text.data(), text.size(), "RELOADING=1\nMONOTONIC_USEC=%lld",
                                   static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
    tell({text.data(), static_cast<std::size_t>(size)});
}

std::function<task<>(background&)> service_manager::watchdog() {
    if (watchdog_ <= duration{} || !notify_) return {};
    watch_ = std::make_unique<watch>();
    return [this](background& here) { return keep_telling(here); };
}

/// The drain too may take as long as it may: it is bounded by itself.
task<> service_manager::keep_telling(background& here) {
    const duration pause = watchdog_ / (2 * tells_in_time);
    for (bool drained = false; !drained;) {
        if (watch_->note(here.index())) tell("WATCHDOG=1");
        if (!here.is_stopping()) {
            event::waiter stopping = here.stopping(pause);
            co_await stopping;
        } else {
            event::waiter end = here.drained(pause);
            drained = co_await end;
        }
    }
    watch_->leave(here.index());
}

}  // namespace aperto::cli
