// SPDX-License-Identifier: MIT
#include "cli/watch/sock_diag.hpp"

#include "aperto/error.hpp"
#include "cli/failure.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <limits>

namespace aperto::cli {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// include/net/tcp_states.h
constexpr std::uint32_t time_wait = 6;
constexpr std::uint32_t closed = 7;
constexpr std::uint32_t listening = 10;
constexpr std::uint32_t states_wanted = 0xFFFU & ~(1U << time_wait) & ~(1U << closed) & ~(1U << listening);

const char* state_name(std::uint8_t state) {
    constexpr std::array names{"",          "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
                               "TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING"};
    return state < names.size() ? names[state] : "";
}

/// A program for the kernel (linux/inet_diag.h): the local port is at least `port` and at most `port`.
struct port_filter {
    explicit port_filter(std::uint16_t port) {
        // On a mismatch a condition jumps past the end by four, which refuses; "no" counts from the condition itself.
        constexpr unsigned condition = 2 * sizeof(inet_diag_bc_op);
        steps[0] = {INET_DIAG_BC_S_GE, condition, 2 * condition + 4};
        steps[1] = {INET_DIAG_BC_NOP, sizeof(inet_diag_bc_op), port};
        steps[2] = {INET_DIAG_BC_S_LE, condition, condition + 4};
        steps[3] = {INET_DIAG_BC_NOP, sizeof(inet_diag_bc_op), port};
    }
    std::array<inet_diag_bc_op, 4> steps{};
};

struct dump_request {
    nlmsghdr header{};
    inet_diag_req_v2 what{};
    rtattr attribute{};
    std::array<inet_diag_bc_op, 4> filter{};
};
static_assert(offsetof(dump_request, filter) == offsetof(dump_request, attribute) + RTA_LENGTH(0));

dump_request make_request(unsigned char family, std::optional<std::uint16_t> port) {
    dump_request request;
    request.header.nlmsg_len = port ? sizeof request : offsetof(dump_request, attribute);
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.what.sdiag_family = family;
    request.what.sdiag_protocol = IPPROTO_TCP;
    request.what.idiag_ext = (1U << (INET_DIAG_INFO - 1)) | (1U << (INET_DIAG_CONG - 1));
    request.what.idiag_states = states_wanted;
    if (!port) return request;
    request.attribute = {RTA_LENGTH(sizeof request.filter), INET_DIAG_REQ_BYTECODE};
    request.filter = port_filter(*port).steps;
    return request;
}

endpoint endpoint_of(std::uint8_t family, const __be32 (&address)[4], __be16 port) {
    sockaddr_storage raw{};
    if (family == AF_INET) {
        sockaddr_in four{};
        four.sin_family = AF_INET;
        four.sin_port = port;
        std::memcpy(&four.sin_addr, &address, sizeof four.sin_addr);
        std::memcpy(&raw, &four, sizeof four);
    } else {
        sockaddr_in6 six{};
        six.sin6_family = AF_INET6;
        six.sin6_port = port;
        std::memcpy(&six.sin6_addr, &address, sizeof six.sin6_addr);
        std::memcpy(&raw, &six, sizeof six);
    }
    return endpoint::from_sockaddr(raw);
}

using raw_info = ::tcp_info;

/// `struct tcp_info` as the kernel gave it: only what is within `size` is known.
class kernel_info {
public:
    kernel_info(const void* from, std::size_t size) : size_(std::min(size, sizeof info_)) {
        std::memcpy(&info_, from, size_);
    }
    template <class T>
    std::optional<std::uint64_t> get(T raw_info::* field) const noexcept {
        const auto at =
            reinterpret_cast<const char*>(&(info_.*field)) - reinterpret_cast<const char*>(&info_);
        if (static_cast<std::size_t>(at) + sizeof(T) > size_) return {};
        return static_cast<std::uint64_t>(info_.*field);
    }
    template <class T>
    std::optional<microseconds> time(T raw_info::* field, std::uint64_t unknown) const noexcept {
        const auto value = get(field);
        if (!value || *value == unknown) return {};
        return microseconds(*value);
    }
    const raw_info& raw() const noexcept { return info_; }

private:
    std::size_t size_;
    raw_info info_{};
};

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t no_round_trip = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t endless_threshold = 0x7FFF'FFFF;  // TCP_INFINITE_SSTHRESH

void take_info(const kernel_info& from, connection_sample& to) {
    using info = raw_info;
    to.rtt = from.time(&info::tcpi_rtt, 0);
    to.rtt_min = from.time(&info::tcpi_min_rtt, no_round_trip);
    to.rto = from.time(&info::tcpi_rto, 0);
    to.congestion_window = from.get(&info::tcpi_snd_cwnd);
    to.slow_start_threshold = from.get(&info::tcpi_snd_ssthresh);
    if (to.slow_start_threshold == endless_threshold) to.slow_start_threshold.reset();
    to.segment_size = from.get(&info::tcpi_snd_mss);
    to.not_sent = from.get(&info::tcpi_notsent_bytes);
    to.send_window = from.get(&info::tcpi_snd_wnd);
    to.bytes_in = from.get(&info::tcpi_bytes_received);
    to.bytes_out = from.get(&info::tcpi_bytes_acked);
    to.bytes_sent = from.get(&info::tcpi_bytes_sent);
    to.bytes_resent = from.get(&info::tcpi_bytes_retrans);
    to.segments_resent = from.get(&info::tcpi_total_retrans);
    to.delivery_rate = from.get(&info::tcpi_delivery_rate);
    to.busy = from.time(&info::tcpi_busy_time, never);
    to.window_full = from.time(&info::tcpi_rwnd_limited, never);
    to.buffer_full = from.time(&info::tcpi_sndbuf_limited, never);
    if (to.delivery_rate.value_or(0) != 0)
        to.application_limited = from.raw().tcpi_delivery_rate_app_limited != 0;
    const auto sent = from.get(&info::tcpi_last_data_sent);
    const auto received = from.get(&info::tcpi_last_data_recv);
    if (sent && received) to.idle = milliseconds(std::min(*sent, *received));
}

}  // namespace

socket_source::socket_source(const socket_choice& which)
    : which_(which),
      netlink_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)),
      buffer_(1U << 18U) {
    if (!netlink_) throw error::from_result(-errno, "ask the kernel for its sockets");
    // A kernel that does not answer must not hold up the screen.
    const timeval limit{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(netlink_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

std::string socket_source::name() const {
    if (which_.process)
        return sentence(_("process {} ({})"), *which_.process, name_of_process(*which_.process));
    if (which_.port && which_.address) return which_.address->to_string();
    if (which_.port) return sentence(_("port {}"), *which_.port);
    return _("this machine");
}

void socket_source::begin() {
    found_ = {};
    if (which_.process) {
        auto inodes = sockets_of_process(*which_.process);
        if (!inodes) {
            found_.trouble = errno == ENOENT ? std::string(_("the process has ended"))
                                             : sentence(_("its sockets are hidden from you: {}"),
                                                        system_reason({errno, std::system_category()}));
            found_.failed = true;
            return;
        }
        inodes_ = std::move(*inodes);
    }
    dump(AF_INET);
    dump(AF_INET6);
}

void socket_source::dump(unsigned char family) {
    const dump_request request = make_request(family, which_.port);
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    const auto sent = ::sendto(netlink_.get(), &request, request.header.nlmsg_len, 0,
                               reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    if (sent < 0) {
        found_.failed = true;
        found_.trouble = system_reason({errno, std::system_category()});
        return;
    }
    read_reply();
}

void socket_source::read_reply() {
    for (;;) {
        const ssize_t got = ::recv(netlink_.get(), buffer_.data(), buffer_.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            found_.failed = true;
            found_.trouble = system_reason({got < 0 ? errno : EPIPE, std::system_category()});
            return;
        }
        auto left = static_cast<std::size_t>(got);
        const char* at = buffer_.data();
        while (left >= sizeof(nlmsghdr)) {
            nlmsghdr header;
            std::memcpy(&header, at, sizeof header);
            if (header.nlmsg_len < sizeof header || header.nlmsg_len > left) break;
            if (!take_message(at)) return;
            const std::size_t step = std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), left);
            at += step;
            left -= step;
        }
    }
}

bool socket_source::take_message(const void* header) {
    const auto* const message = static_cast<const nlmsghdr*>(header);
    const void* const content = static_cast<const char*>(header) + NLMSG_HDRLEN;
    if (message->nlmsg_type == NLMSG_DONE) return false;
    if (message->nlmsg_type == NLMSG_ERROR) {
        nlmsgerr told{};
        if (message->nlmsg_len >= NLMSG_LENGTH(sizeof told)) std::memcpy(&told, content, sizeof told);
        // No such family in this kernel: then there is none of its sockets either.
        if (told.error == -ENOENT) return false;
        found_.failed = true;
        found_.trouble = system_reason({-told.error, std::system_category()});
        return false;
    }
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return true;
    const auto* const socket = static_cast<const inet_diag_msg*>(content);
    if (which_.process && !std::binary_search(inodes_.begin(), inodes_.end(), socket->idiag_inode))
        return true;
    // A connection that the handshake is not over of has no socket of its own yet.
    if (socket->idiag_inode == 0 && which_.process) return true;
    const endpoint local = endpoint_of(socket->idiag_family, socket->id.idiag_src, socket->id.idiag_sport);
    if (which_.address && which_.address->bytes() != local.bytes()) return true;
    connection_sample& sample = found_.connections.emplace_back();
    sample.local = local;
    sample.remote = endpoint_of(socket->idiag_family, socket->id.idiag_dst, socket->id.idiag_dport);
    sample.key = std::uint64_t{socket->id.idiag_cookie[1]} << 32U | socket->id.idiag_cookie[0];
    sample.state = state_name(socket->idiag_state);
    sample.unread = socket->idiag_rqueue;
    auto left = message->nlmsg_len - NLMSG_LENGTH(sizeof *socket);
    for (const auto* each = reinterpret_cast<const rtattr*>(socket + 1); RTA_OK(each, left);
         each = RTA_NEXT(each, left)) {
        if (each->rta_type == INET_DIAG_INFO) take_info({RTA_DATA(each), RTA_PAYLOAD(each)}, sample);
        if (each->rta_type == INET_DIAG_CONG) {
            const auto* const text = static_cast<const char*>(RTA_DATA(each));
            sample.congestion_control.assign(text, ::strnlen(text, RTA_PAYLOAD(each)));
        }
    }
    if (sample.not_sent)
        sample.in_flight =
            socket->idiag_wqueue - std::min<std::uint64_t>(*sample.not_sent, socket->idiag_wqueue);
    return true;
}

std::optional<std::vector<std::uint64_t>> sockets_of_process(int process) {
    const std::string folder = "/proc/" + std::to_string(process) + "/fd";
    DIR* const opened = ::opendir(folder.c_str());
    if (!opened) return {};
    std::vector<std::uint64_t> inodes;
    constexpr std::string_view sign = "socket:[";
    while (const dirent* const each = ::readdir(opened)) {
        std::array<char, 64> target;
        const ssize_t size = ::readlinkat(::dirfd(opened), each->d_name, target.data(), target.size());
        const std::string_view text(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
        if (!text.starts_with(sign)) continue;
        std::uint64_t inode = 0;
        std::from_chars(text.data() + sign.size(), text.data() + text.size(), inode);
        inodes.push_back(inode);
    }
    ::closedir(opened);
    std::sort(inodes.begin(), inodes.end());
    return inodes;
}

std::string name_of_process(int process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/comm");
    std::string name;
    std::getline(file, name);
    return log_safe(name);
}

}  // namespace aperto::cli
