// SPDX-License-Identifier: MIT
#include "io/socket_times.hpp"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>  // NOLINT(modernize-deprecated-headers): clock_gettime

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace aperto::io {
namespace {

// Of Linux 6.2, which this system's header may not know.
constexpr unsigned keys_from_what_was_written = 1U << 16;  // SOF_TIMESTAMPING_OPT_ID_TCP

// What is told, and how: it stays while anything is wanted, for what has been asked for of earlier sends.
constexpr unsigned reporting = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
                               SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY |
                               SOF_TIMESTAMPING_OPT_STATS;
constexpr unsigned of_each_send =
    SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK;

int ask(int socket, unsigned flags) noexcept {
    return ::setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) < 0 ? -errno : 0;
}

constexpr std::int64_t per_second = 1'000'000'000;
template <class Time>
stamp stamp_of(const Time& time) noexcept {
    return std::int64_t{time.tv_sec} * per_second + time.tv_nsec;
}

template <class T>
T read_as(const void* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

bool is_of(const cmsghdr& note, int level, int type, std::size_t size) noexcept {
    return note.cmsg_level == level && note.cmsg_type == type && note.cmsg_len >= CMSG_LEN(size);
}

stamp stamp_in(const cmsghdr& note) noexcept {
    return stamp_of(read_as<scm_timestamping>(CMSG_DATA(&note)).ts[0]);
}

/// recvmsg(2) with what the kernel tells beside the bytes.
struct told_message {
    msghdr head{};
    iovec part{};
    alignas(cmsghdr) std::array<char, 1024> notes;

    ssize_t receive(int socket, char* into, std::size_t size, int flags) noexcept {
        part = {into, size};
        head.msg_iov = &part;
        head.msg_iovlen = 1;
        head.msg_control = notes.data();
        head.msg_controllen = notes.size();
        const ssize_t count = ::recvmsg(socket, &head, flags | MSG_DONTWAIT);
        return count < 0 ? -errno : count;
    }
    template <class Visit>
    void for_each(Visit&& visit) noexcept {
        for (cmsghdr* each = CMSG_FIRSTHDR(&head); each; each = CMSG_NXTHDR(&head, each))
            visit(*each);
    }
    stamp when() noexcept {
        stamp found = 0;
        for_each([&](const cmsghdr& each) {
            if (is_of(each, SOL_SOCKET, SCM_TIMESTAMPING, sizeof(scm_timestamping))) found = stamp_in(each);
        });
        return found;
    }
};

void read_attribute(int type, const char* value, std::size_t size, send_counts& to) noexcept {
    const std::uint64_t number = size >= sizeof(std::uint64_t)   ? read_as<std::uint64_t>(value)
                                 : size >= sizeof(std::uint32_t) ? read_as<std::uint32_t>(value)
                                                                 : 0;
    const auto small = static_cast<std::uint32_t>(number);
    switch (type) {
    case TCP_NLA_BUSY:
        to.busy = number;
        break;
    case TCP_NLA_RWND_LIMITED:
        to.window_limited = number;
        break;
    case TCP_NLA_SNDBUF_LIMITED:
        to.buffer_limited = number;
        break;
    case TCP_NLA_BYTES_RETRANS:
        to.bytes_retransmitted = number;
        break;
    case TCP_NLA_TOTAL_RETRANS:
        to.retransmissions = small;
        break;
    case TCP_NLA_REORD_SEEN:
        to.reorder_seen = small;
        break;
    case TCP_NLA_SND_CWND:
        to.congestion_window = small;
        break;
    case TCP_NLA_SRTT:
        to.rtt = small >> 3;  // as the kernel keeps it
        break;
    case TCP_NLA_MIN_RTT:
        to.rtt_min = small;
        break;
    default:
        break;
    }
}

/// Netlink's attributes: length, type, value, each aligned to 4 bytes (linux/netlink.h).
send_counts counts_in(const cmsghdr& note) noexcept {
    send_counts counts;
    const auto* at = reinterpret_cast<const char*>(CMSG_DATA(&note));
    std::size_t left = note.cmsg_len - CMSG_LEN(0);
    while (left >= sizeof(nlattr)) {
        const auto head = read_as<nlattr>(at);
        if (head.nla_len < sizeof head || head.nla_len > left) break;
        read_attribute(head.nla_type, at + sizeof head, head.nla_len - sizeof head, counts);
        const std::size_t step = std::min<std::size_t>(left, NLA_ALIGN(head.nla_len));
        at += step;
        left -= step;
    }
    return counts;
}

send_report::kind kind_of(std::uint32_t info) noexcept {
    switch (info) {
    case SCM_TSTAMP_SCHED:
        return send_report::kind::queued;
    case SCM_TSTAMP_SND:
        return send_report::kind::left;
    case SCM_TSTAMP_ACK:
        return send_report::kind::acknowledged;
    default:
        return send_report::kind::other;
    }
}

}  // namespace

stamp read_stamp_clock() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return stamp_of(now);
}

int stamp_socket(int socket, stamps wanted, std::uint32_t* before) noexcept {
    if (before) *before = 0;
    if (wanted == stamps::none) return ask(socket, 0);
    const unsigned flags = wanted == stamps::all ? reporting | of_each_send : reporting;
    const int result = ask(socket, flags | keys_from_what_was_written);
    if (result != -EINVAL) return result;
    // Before Linux 6.2 keys begin at what is not acknowledged yet.
    const int older = ask(socket, flags);
    int unacknowledged = 0;
    if (before && ::ioctl(socket, SIOCOUTQ, &unacknowledged) == 0)
        *before = static_cast<std::uint32_t>(unacknowledged);
    return older;
}

descriptor keep_stamping() noexcept {
    for (const int family : {AF_INET, AF_INET6}) {
        descriptor one(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (one && ask(one.get(), SOF_TIMESTAMPING_RX_SOFTWARE) == 0) return one;
    }
    return {};
}

ssize_t receive_stamped(int socket, char* into, std::size_t size, arrival& when) noexcept {
    told_message told;
    char first = 0;
    // A receive tells the time of its last packet, a look that of the first one.
    when.first = told.receive(socket, &first, sizeof first, MSG_PEEK) > 0 ? told.when() : 0;
    const ssize_t count = told.receive(socket, into, size, 0);
    when.last = count > 0 ? told.when() : 0;
    return count;
}

std::optional<send_report> take_report(int socket) noexcept {
    told_message told;
    char unused = 0;
    if (told.receive(socket, &unused, 0, MSG_ERRQUEUE) < 0) return {};
    send_report found;
    found.when = told.when();
    told.for_each([&](const cmsghdr& each) {
        if (is_of(each, SOL_IP, IP_RECVERR, sizeof(sock_extended_err)) ||
            is_of(each, SOL_IPV6, IPV6_RECVERR, sizeof(sock_extended_err))) {
            const auto what = read_as<sock_extended_err>(CMSG_DATA(&each));
            if (what.ee_origin != SO_EE_ORIGIN_TIMESTAMPING) return;
            found.what = kind_of(what.ee_info);
            found.key = what.ee_data;
        } else if (is_of(each, SOL_SOCKET, SCM_TIMESTAMPING_OPT_STATS, 0)) {
            found.counts = counts_in(each);
        }
    });
    return found;
}

std::optional<socket_counts> read_counts(int socket) noexcept {
    tcp_info info{};
    socklen_t length = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return {};
    return socket_counts{.sending = {.busy = info.tcpi_busy_time,
                                     .window_limited = info.tcpi_rwnd_limited,
                                     .buffer_limited = info.tcpi_sndbuf_limited,
                                     .bytes_retransmitted = info.tcpi_bytes_retrans,
                                     .retransmissions = info.tcpi_total_retrans,
                                     .reorder_seen = info.tcpi_reord_seen,
                                     .congestion_window = info.tcpi_snd_cwnd,
                                     .rtt = info.tcpi_rtt,
                                     .rtt_min = info.tcpi_min_rtt},
                         .unacknowledged = info.tcpi_unacked,
                         .out_of_order = info.tcpi_rcv_ooopack,
                         .last_received = info.tcpi_last_data_recv,
                         .send_mss = info.tcpi_snd_mss};
}

bool has_no_delay(int socket) noexcept {
    int on = 0;
    socklen_t size = sizeof on;
    return ::getsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0 && on != 0;
}

}  // namespace aperto::io
