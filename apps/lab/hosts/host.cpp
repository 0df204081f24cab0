// SPDX-License-Identifier: MIT
#include "lab/hosts/host.hpp"

#include "core/passed_descriptors.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

namespace aperto::lab {

namespace {

constexpr const char* interface_name = "wire";

void enter_namespaces(bool v6) {
    checked(::unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS), "make a network namespace");
    checked(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
    put_private_files(v6);
}

/// A /proc of this PID namespace, for programs that look themselves up. Containers forbid it; then the old
/// stays.
void mount_own_proc() { (void)::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr); }

descriptor open_tun() {
    descriptor tun(checked(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "open /dev/net/tun"));
    ifreq wanted{};
    std::strncpy(wanted.ifr_name, interface_name, IFNAMSIZ - 1);
    wanted.ifr_flags = IFF_TUN | IFF_NO_PI;
    checked(::ioctl(tun.get(), TUNSETIFF, &wanted), "make a TUN device");
    return tun;
}

bool set(const std::string& name, const std::string& value) {
    const descriptor file(::open(("/proc/sys/net/" + name).c_str(), O_WRONLY | O_CLOEXEC));
    return file && ::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

/// A setting that the user asked for, which is insisted on.
class refused_setting : public std::system_error {
public:
    using std::system_error::system_error;
};

/// Returns the names the kernel did not take, one a line.
std::string apply_settings(const host_plan& plan) {
    std::string refused;
    // ping(8) without privilege; the groups are those this user namespace has.
    const auto group = std::to_string(::getegid());
    set("ipv4/ping_group_range", group + " " + group);
    // Nothing but what programs send crosses the wire: no router solicitations, no multicast reports.
    set(std::string("ipv6/conf/") + interface_name + "/addr_gen_mode", "1");
    for (const auto& one : plan.settings) {
        if (set(one.name, one.value)) {
            continue;
        }
        if (one.from_user) {
            throw refused_setting(errno, std::system_category(), one.name + " = " + one.value);
        }
        refused += one.name + "\n";
    }
    return refused;
}

void set_up_network(side which, const host_plan& plan) {
    const bool server = which == side::server;
    const auto local = host_address(server, plan.v6);
    const auto peer = host_address(!server, plan.v6);
    rtnetlink net;
    net.bring_up(::if_nametoindex("lo"), 0, 0);
    const auto wire = ::if_nametoindex(interface_name);
    net.bring_up(wire, plan.mtu, plan.queue_packets);
    net.set_plain_queue(wire, plan.queue_packets);
    net.add_address(wire, local, peer);
    const auto rto_min = std::chrono::duration_cast<std::chrono::milliseconds>(plan.rto_min);
    net.set_route(wire, local, peer, static_cast<std::uint32_t>(rto_min.count()));
}

int open_proc(const char* name) { return ::open(name, O_RDONLY | O_CLOEXEC); }

void announce(int control, const descriptor& tun, const std::string& refused) {
    std::array<int, static_cast<std::size_t>(host_descriptor::count_)> all{};
    all[0] = tun.get();
    all[1] = checked(open_proc("/proc/thread-self/net/dev"), "open the device counters");
    all[2] = checked(open_proc("/proc/thread-self/net/snmp"), "open the TCP counters");
    all[3] = checked(open_proc("/proc/thread-self/net/netstat"), "open the TCP counters");
    all[4] = checked(open_proc("/proc/thread-self/net/tcp"), "open the list of sockets");
    all[6] = checked(open_proc("/proc/thread-self/net/udp"), "open the list of sockets");
    const auto or_else = [](int wanted, int other) { return wanted >= 0 ? wanted : ::dup(other); };
    all[5] = or_else(open_proc("/proc/thread-self/net/tcp6"), all[4]);  // a kernel without IPv6 has none
    all[7] = or_else(open_proc("/proc/thread-self/net/udp6"), all[6]);
    all[8] = checked(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), "ask about sockets");
    send_message(control, 'R', 0, refused, all);
    for (std::size_t i = 1; i < all.size(); ++i) {
        ::close(all[i]);
    }
}

void set_up(side which, const host_plan& plan, int control) {
    enter_namespaces(plan.v6);
    {
        auto tun = open_tun();
        const auto refused = apply_settings(plan);
        set_up_network(which, plan);
        announce(control, tun, refused);
    }
    mount_own_proc();
}

}  // namespace

void live_as_host(side which, const host_plan& plan, int control) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGQUIT, SIG_IGN);
    std::signal(SIGTERM, SIG_IGN);
    ::prctl(PR_SET_NAME, which == side::client ? "lab-client" : "lab-server");
    try {
        set_up(which, plan, control);
    } catch (const std::system_error& failed) {
        const std::string tried = failed.what();
        const char kind = dynamic_cast<const refused_setting*>(&failed) != nullptr ? 'U' : 'E';
        send_message(control, kind, failed.code().value(), tried.substr(0, tried.rfind(": ")));
        ::_exit(1);
    }
    serve_programs(which, control);
}

namespace {

constexpr std::size_t text_max = 60'000;
constexpr std::size_t descriptors_max = 16;

struct header {
    char type;
    int code;
};

}  // namespace

bool send_message(int socket, char type, int code, std::string_view text, std::span<const int> descriptors) {
    header head{type, code};
    text = text.substr(0, text_max);
    std::array<iovec, 2> parts{{{&head, sizeof head}, {const_cast<char*>(text.data()), text.size()}}};
    passed_descriptors<descriptors_max> passed;
    msghdr out{};
    out.msg_iov = parts.data();
    out.msg_iovlen = parts.size();
    if (!descriptors.empty() && descriptors.size() <= descriptors_max) {
        passed.send_with(out, descriptors);
    }
    return ::sendmsg(socket, &out, MSG_NOSIGNAL) > 0;
}

bool receive_message(int socket, message& out) {
    header head{};
    std::string text(text_max, '\0');
    std::array<iovec, 2> parts{{{&head, sizeof head}, {text.data(), text.size()}}};
    passed_descriptors<descriptors_max> passed;
    msghdr in{};
    in.msg_iov = parts.data();
    in.msg_iovlen = parts.size();
    passed.receive_with(in);
    const auto size = ::recvmsg(socket, &in, MSG_CMSG_CLOEXEC);
    if (size < static_cast<ssize_t>(sizeof head)) {
        return false;
    }
    out.descriptors.clear();
    passed_descriptors<descriptors_max>::take(in, [&](int number) { out.descriptors.emplace_back(number); });
    text.resize(static_cast<std::size_t>(size) - sizeof head);
    out.type = head.type;
    out.code = head.code;
    out.text = std::move(text);
    return true;
}

std::string read_all_at_start(int file) {
    std::string out;
    std::array<char, 16'384> part{};
    ssize_t size = 0;
    while ((size = ::pread(file, part.data(), part.size(), static_cast<off_t>(out.size()))) > 0) {
        out.append(part.data(), static_cast<std::size_t>(size));
    }
    return out;
}

}  // namespace aperto::lab
