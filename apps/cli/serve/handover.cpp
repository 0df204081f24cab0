// SPDX-License-Identifier: MIT
#include "cli/serve/handover.hpp"

#include "aperto/endpoint.hpp"
#include "aperto/error.hpp"
#include "core/i18n.hpp"
#include "core/signals_blocked.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <utility>

namespace aperto::cli {
namespace {

constexpr std::string_view take_word = "take 1";
constexpr std::string_view end_word = "end ";
constexpr std::string_view watchdog_word = "watchdog ";
/// How long the one that starts may take to open what it needs: it may wait for a disk, or for a resolver.
constexpr duration start_patience = std::chrono::seconds(60);

endpoint endpoint_of(const std::string& path) {
    const auto where = endpoint::unix_socket(path);
    if (!where) throw error(std::make_error_code(std::errc::invalid_argument), "hand over at", path);
    return *where;
}

descriptor make_socket() {
    descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) throw error::from_result(-errno, "make a socket");
    return socket;
}

/// The mode that the name gets is the socket's own when it is bound, which nobody sees before (unix(7)).
descriptor listen_at(const std::string& path) {
    constexpr int waiting_most = 8;
    const endpoint where = endpoint_of(path);
    descriptor socket = make_socket();
    const io::folder_lock alone(where);
    io::bound_path::remove_left_over(where);
    sockaddr_storage address{};
    const socklen_t size = where.to_sockaddr(address);
    if (::fchmod(socket.get(), S_IRUSR | S_IWUSR) < 0 ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) < 0 ||
        ::listen(socket.get(), waiting_most) < 0)
        throw error::from_result(-errno, "listen on", path);
    return socket;
}

[[noreturn]] void refuse(const char* why) {
    throw error(errc::refused_by_policy, "take the sockets over", {}, why);
}

/// The number behind the word; 0 where there is none.
template <class Number>
Number number_behind(std::string_view word, std::string_view text) noexcept {
    Number number = 0;
    std::from_chars(text.data() + word.size(), text.data() + text.size(), number);
    return number;
}

}  // namespace

std::vector<int> numbers_of(const std::vector<descriptor>& sockets) {
    std::vector<int> numbers;
    for (const descriptor& each : sockets)
        numbers.push_back(each.get());
    return numbers;
}

// ---- the one that starts

std::unique_ptr<predecessor> predecessor::ask(const std::string& path) {
    const endpoint where = endpoint_of(path);
    descriptor socket = make_socket();
    sockaddr_storage address{};
    const socklen_t size = where.to_sockaddr(address);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) < 0) {
        if (errno == ENOENT) return nullptr;
        struct stat about{};
        const bool left_over =
            errno == ECONNREFUSED && ::lstat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode);
        if (left_over) return nullptr;
        throw error::from_result(-errno, "connect to", path);
    }
    std::unique_ptr<predecessor> found(new predecessor(handover_channel(std::move(socket))));
    found->take_sockets();
    return found;
}

void predecessor::take_sockets() {
    if (!channel_.is_ours()) refuse(N_("The server there is another user's."));
    if (!channel_.send(take_word)) return;
    while (auto packet = channel_.receive(handover_patience)) {
        if (packet->word == "door")
            sockets_.door = std::move(packet->socket);
        else if (packet->word == "service")
            sockets_.service.push_back(std::move(packet->socket));
        else if (packet->word == "admin")
            sockets_.admin.push_back(std::move(packet->socket));
        else if (packet->word == "no")
            refuse(N_("The server that runs hands nothing over now; it goes on as it was told."));
        else if (packet->word.starts_with(watchdog_word))
            sockets_.watchdog =
                std::chrono::microseconds(number_behind<std::int64_t>(watchdog_word, packet->word));
        else if (packet->word.starts_with(end_word)) {
            process_ = number_behind<pid_t>(end_word, packet->word);
            return;
        }
    }
}

predecessor::~predecessor() {
    if (is_told_) return;
    try {
        static_cast<void>(channel_.send("failed"));
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
        // It sees that this process is gone.
    }
}

void predecessor::ready() {
    if (channel_.send("ready")) {
        const auto answer = channel_.receive(handover_patience);
        if (answer && answer->word != "yours")
            refuse(N_("The server that runs hands nothing over now; it goes on as it was told."));
    }
    is_told_ = true;
}

void predecessor::serving() const noexcept {
    try {
        static_cast<void>(channel_.send("serving"));
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
        // It does not take it: then it goes on beside this one, and leaves once this one is gone.
    }
}

// ---- the one that runs

handover_door::handover_door(const std::string& path, descriptor inherited)
    : listening_(std::move(inherited)), over_(::eventfd(0, EFD_CLOEXEC)), keeps_name_(!listening_) {
    if (!over_) throw error::from_result(-errno, "hand over at", path);
    if (!listening_) listening_ = listen_at(path);
    name_ = io::bound_path(endpoint_of(path));
}

handover_door::~handover_door() {
    close();
    if (!keeps_name_) name_.leave();
}

void handover_door::open(callbacks to) {
    to_ = std::move(to);
    keeps_name_ = true;
    const signals_blocked quiet;
    thread_ = std::thread([this] { run(); });
}

void handover_door::close() noexcept {
    ::eventfd_write(over_.get(), 1);
    const std::lock_guard alone(joining_);
    if (thread_.joinable()) thread_.join();
}

void handover_door::run() noexcept {
    for (;;) {
        std::array<pollfd, 2> waits{{{listening_.get(), POLLIN, 0}, {over_.get(), POLLIN, 0}}};
        if (::poll(waits.data(), waits.size(), -1) < 0) continue;
        if (waits[1].revents != 0) return;
        descriptor client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!client) {
            // Another one has it, or there is no descriptor for it: not at once again.
            if (errno != EAGAIN) ::poll(&waits[1], 1, 100);
            continue;
        }
        const handover_channel channel(std::move(client), over_.get());
        const pid_t process = channel.process();
        outcome end = outcome::not_followed;
        try {
            end = hand_over(channel);
            if (end == outcome::not_followed) static_cast<void>(channel.send("no"));
        } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
            // Without descriptors or memory, or it did not answer in time.
            try {
                static_cast<void>(channel.send("no"));
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
            }
        }
        if (end == outcome::not_followed) {
            to_.not_followed(process);
            continue;
        }
        keeps_name_ = false;
        to_.followed(process);
        return;
    }
}

handover_door::outcome handover_door::hand_over(const handover_channel& to) const {
    if (!to.is_ours()) return outcome::not_followed;
    const auto asked = to.receive(handover_patience);
    if (!asked || asked->word != take_word || !send_sockets(to)) return outcome::not_followed;
    const auto started = to.receive(start_patience);
    if (!started || started->word != "ready" || !to.send("yours")) return outcome::not_followed;
    // It answers at once, or dies; one that is stopped meanwhile leaves this one serving.
    const auto serves = to.receive(forever);
    return (serves && serves->word == "serving") || to.is_over() ? outcome::followed : outcome::not_followed;
}

bool handover_door::send_sockets(const handover_channel& to) const {
    const handed_over all = to_.sockets();
    if (!to.send("door", listening_.get())) return false;
    for (const descriptor& each : all.service)
        if (!to.send("service", each.get())) return false;
    for (const descriptor& each : all.admin)
        if (!to.send("admin", each.get())) return false;
    const auto watchdog_us = std::chrono::duration_cast<std::chrono::microseconds>(all.watchdog).count();
    if (watchdog_us > 0 && !to.send(std::string(watchdog_word) + std::to_string(watchdog_us))) return false;
    return to.send(std::string(end_word) + std::to_string(::getpid()));
}

}  // namespace aperto::cli
