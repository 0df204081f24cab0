// SPDX-License-Identifier: MIT
#include "lab/hosts/box.hpp"

#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <sstream>

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

/// Makes a user namespace for the calling process, in which everybody is who they were outside: a program
/// that refuses to run as root does not meet root. Whoever may map every user and group (root) has them all,
/// so that a server may change its user; anybody else has their own user and group alone.
///
/// The maps of all can be written only from outside (user_namespaces(7)), by `map_all_ids` in the process
/// that holds the other end of `outside`, a pair of sockets. Throws std::system_error.
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

/// The part of the process outside: waits until `child` has its namespace, and maps what it may.
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

/// States as /proc/net/tcp and udp write them (include/net/tcp_states.h).
constexpr const char* tcp_time_wait = "06";
constexpr const char* udp_unconnected = "07";
constexpr const char* tcp_listens = "0A";

std::pair<descriptor, descriptor> pair_of_sockets() {
    std::array<int, 2> ends{};
    checked(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "make a pair of sockets");
    return {descriptor(ends[0]), descriptor(ends[1])};
}

/// Of an address as /proc/net/tcp and tcp6 write it: four bytes a word, each word in the machine's own order.
bool is_loopback(std::string_view address) {
    constexpr std::string_view mapped = "0000000000000000FFFF0000";
    const bool v4 = address.size() == 8 || address.starts_with(mapped);
    return v4 ? address.ends_with("7F") : address == "00000000000000000000000001000000";
}

pid_t fork_checked() { return checked(::fork(), "start a process"); }

struct host_ends {
    int client;
    int server;
};

/// The first process of the PID namespace: it reaps what is left to it, and ends, and with it all that is in
/// the namespace, when both hosts have.
[[noreturn]] void live_as_init(const host_plan& client, const host_plan& server, const host_ends& ends) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NAME, "lab-init");
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGTERM, SIG_IGN);
    std::array<pid_t, 2> hosts{};
    for (const auto which : {side::client, side::server}) {
        hosts[index(which)] = ::fork();
        if (hosts[index(which)] == 0) {
            const bool is_client = which == side::client;
            ::close(is_client ? ends.server : ends.client);
            live_as_host(which, is_client ? client : server, is_client ? ends.client : ends.server);
        }
    }
    ::close(ends.client);
    ::close(ends.server);
    for (int left = 2; left > 0;) {
        const auto ended = ::waitpid(-1, nullptr, 0);
        left -= ended == hosts[0] || ended == hosts[1] || (ended < 0 && errno != EINTR) ? 1 : 0;
    }
    ::_exit(0);
}

/// Between the lab and the PID namespace stands one process, since a process cannot enter one itself.
[[noreturn]] void live_as_supervisor(const host_plan& client, const host_plan& server, const host_ends& ends,
                                     pid_t parent, int outside) {
    try {
        enter_user_namespace(outside);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // after the change of credentials, which clears it
        ::prctl(PR_SET_NAME, "lab-box");
        if (::getppid() != parent) {
            ::_exit(0);
        }
        std::signal(SIGINT, SIG_IGN);
        std::signal(SIGTERM, SIG_IGN);
        const pid_t init = fork_checked();
        if (init == 0) {
            live_as_init(client, server, ends);
        }
        ::close(ends.client);
        ::close(ends.server);
        ::waitpid(init, nullptr, 0);
    } catch (const std::system_error& failed) {
        std::string tried = failed.what();
        tried.resize(tried.rfind(": "));
        send_message(ends.client, 'E', failed.code().value(), tried);
        send_message(ends.server, 'E', failed.code().value(), tried);
    }
    ::_exit(0);
}

}  // namespace

box::box(const host_plan& client, const host_plan& server) {
    auto [client_control, client_end] = pair_of_sockets();
    auto [server_control, server_end] = pair_of_sockets();
    auto [inside, outside] = pair_of_sockets();
    controls_[0] = std::move(client_control);
    controls_[1] = std::move(server_control);
    const auto self = ::getpid();
    supervisor_ = fork_checked();
    if (supervisor_ == 0) {
        controls_[0].close();
        controls_[1].close();
        inside.close();
        live_as_supervisor(client, server, {client_end.get(), server_end.get()}, self, outside.get());
    }
    client_end.close();
    server_end.close();
    outside.close();
    try {
        map_all_ids(supervisor_, inside.get());
        wait_until_ready(side::client);
        wait_until_ready(side::server);
    } catch (...) {
        ::kill(supervisor_, SIGKILL);
        ::waitpid(supervisor_, nullptr, 0);
        throw;
    }
}

box::~box() {
    controls_[0].close();
    controls_[1].close();
    // The hosts end at the end of their controls, then the first process of their namespace, then the
    // supervisor, which has reaped it.
    ::waitpid(supervisor_, nullptr, 0);
}

void box::wait_until_ready(side host) {
    message what;
    do {
        if (!receive_message(control_of(host), what) && errno != EINTR) {
            throw cannot_here("a host process ended at once", "aperto lab doctor");
        }
    } while (what.type == 0);
    if (what.type == 'U') {
        throw bad_input(sentence(_("this kernel does not take the setting {}: {}"), what.text,
                                 std::generic_category().message(what.code)));
    }
    if (what.type == 'E') {
        throw cannot_here(
            fmt::format("could not {}: {}", what.text, std::generic_category().message(what.code)),
            remedy_for(what.text, what.code));
    }
    descriptors_[index(host)] = std::move(what.descriptors);
    if (host == side::server) {
        std::istringstream lines(what.text);
        for (std::string line; std::getline(lines, line);) {
            missing_.push_back(line);
        }
    }
}

int box::descriptor_of(side host, host_descriptor which) const {
    return descriptors_[index(host)].at(static_cast<std::size_t>(which)).get();
}

void box::start(side host, const std::vector<std::string>& arguments, const std::array<int, 3>& stdio) const {
    std::string text;
    for (const auto& one : arguments) {
        text += one;
        text += '\0';
    }
    send_message(control_of(host), 'P', 0, text, stdio);
}

void box::signal(side host, int number) const { send_message(control_of(host), 'K', number, {}); }

/// The host's sockets as proc_net_tcp tells them; those of UDP look the same (proc(5)).
std::vector<box::socket_line> box::sockets(side host, host_descriptor v4, host_descriptor v6) const {
    std::vector<socket_line> out;
    for (const auto which : {v4, v6}) {
        std::istringstream lines(read_all_at_start(descriptor_of(host, which)));
        std::string line;
        std::getline(lines, line);
        while (std::getline(lines, line)) {
            std::istringstream words(line);
            std::string slot;
            std::string local;
            std::string remote;
            socket_line one{};
            words >> slot >> local >> remote >> one.state;
            const auto colon = std::min(local.find(':'), local.size());
            one.address = local.substr(0, colon);
            const auto port = local.substr(std::min(colon + 1, local.size()));
            (void)std::from_chars(port.data(), port.data() + port.size(), one.port, 16);
            out.push_back(one);
        }
    }
    return out;
}

std::vector<std::uint16_t> box::listening_ports(side host) const {
    std::vector<std::uint16_t> out;
    for (const auto& one : sockets(host, host_descriptor::sockets_v4, host_descriptor::sockets_v6)) {
        if (one.state == tcp_listens) {
            out.push_back(one.port);
        }
    }
    return out;
}

bool box::listens_to_itself(side host) const {
    bool listens = false;
    for (const auto& one : sockets(host, host_descriptor::sockets_v4, host_descriptor::sockets_v6)) {
        if (one.state == tcp_listens && !is_loopback(one.address)) {
            return false;
        }
        listens = listens || one.state == tcp_listens;
    }
    return listens;
}

std::vector<std::uint16_t> box::udp_ports(side host) const {
    std::vector<std::uint16_t> out;
    for (const auto& one : sockets(host, host_descriptor::udp_v4, host_descriptor::udp_v6)) {
        if (one.state == udp_unconnected) {
            out.push_back(one.port);
        }
    }
    return out;
}

std::size_t box::open_sockets(side host) const {
    const auto all = sockets(host, host_descriptor::sockets_v4, host_descriptor::sockets_v6);
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& one) {
        return one.state != tcp_listens && one.state != tcp_time_wait;
    }));
}

std::uint64_t box::dropped_at_tun(side host) const {
    std::istringstream lines(read_all_at_start(descriptor_of(host, host_descriptor::device_counters)));
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find("wire:");
        if (colon == std::string::npos) {
            continue;
        }
        // proc_net(5): eight columns of what was received, then of what was sent: bytes, packets, errors,
        // drops
        std::istringstream words(line.substr(colon + 5));
        std::uint64_t value = 0;
        for (int column = 0; column <= 11 && words >> value; ++column) {
        }
        return value;
    }
    return 0;
}

std::map<std::string, std::uint64_t> box::counters(side host) const {
    std::map<std::string, std::uint64_t> out;
    for (const auto which : {host_descriptor::snmp, host_descriptor::netstat}) {
        std::istringstream lines(read_all_at_start(descriptor_of(host, which)));
        // Lines come in pairs: names, then values in the same order.
        for (std::string names, values; std::getline(lines, names) && std::getline(lines, values);) {
            std::istringstream name_words(names);
            std::istringstream value_words(values);
            for (std::string key, value; name_words >> key && value_words >> value;) {
                if (key.ends_with(':')) {
                    continue;
                }
                const auto number = std::strtoull(value.c_str(), nullptr, 10);
                if (names.starts_with("Tcp:")) {
                    out[key] = number;
                } else {
                    out.emplace(key, number);
                }
            }
        }
    }
    return out;
}

}  // namespace aperto::lab
