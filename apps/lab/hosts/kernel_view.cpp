// SPDX-License-Identifier: MIT
#include "lab/hosts/kernel_view.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace aperto::lab {

namespace {

constexpr std::uint32_t state_established = 1;
constexpr std::uint32_t state_closed = 7;
constexpr std::uint32_t state_listens = 10;

bool ask(int socket, int family, std::uint32_t states) {
    struct {
        nlmsghdr head;
        inet_diag_req_v2 body;
    } request{};
    request.head.nlmsg_len = sizeof request;
    request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.sdiag_family = static_cast<std::uint8_t>(family);
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_ext = 1U << (INET_DIAG_INFO - 1);
    request.body.idiag_states = states;
    return ::send(socket, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request);
}

/// A socket of the answer to a question, with struct tcp_info where there is one.
struct answered {
    inet_diag_msg socket{};
    std::optional<tcp_info> info;
};

answered read_socket(const char* message, std::size_t size) {
    answered out;
    std::memcpy(&out.socket, message, sizeof out.socket);
    std::size_t at = NLMSG_ALIGN(sizeof out.socket);
    while (at + sizeof(rtattr) <= size) {
        rtattr attribute{};
        std::memcpy(&attribute, message + at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > size) {
            break;
        }
        if (attribute.rta_type == INET_DIAG_INFO) {
            const auto there = std::size_t{attribute.rta_len} - RTA_LENGTH(0);
            std::memcpy(&out.info.emplace(), message + at + RTA_LENGTH(0), std::min(there, sizeof(tcp_info)));
        }
        at += RTA_ALIGN(attribute.rta_len);
    }
    return out;
}

/// Hands over each socket of one answer to a dump. False: it was the last.
template <class Each>
bool read_answer(const char* answer, std::size_t size, Each each) {
    for (std::size_t at = 0; at + NLMSG_HDRLEN <= size;) {
        nlmsghdr head{};
        std::memcpy(&head, answer + at, sizeof head);
        if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR ||
            head.nlmsg_len < NLMSG_HDRLEN) {
            return false;
        }
        if (head.nlmsg_len >= NLMSG_LENGTH(sizeof(inet_diag_msg))) {
            each(read_socket(answer + at + NLMSG_HDRLEN, head.nlmsg_len - NLMSG_HDRLEN));
        }
        at += NLMSG_ALIGN(head.nlmsg_len);
    }
    return true;
}

/// A dump is answered before send(2) and each recv(2) return, so nothing is waited for.
template <class Each>
void ask_for_each(int socket, int family, std::uint32_t states, Each each) {
    if (!ask(socket, family, states)) {
        return;
    }
    std::array<char, 32'768> answer{};
    ssize_t size = 0;
    do {
        size = ::recv(socket, answer.data(), answer.size(), MSG_DONTWAIT);
    } while (size > 0 && read_answer(answer.data(), static_cast<std::size_t>(size), each));
}

kernel_connection connection_of(const answered& one) {
    kernel_connection out;
    out.local_port = ntohs(one.socket.id.idiag_sport);
    out.remote_port = ntohs(one.socket.id.idiag_dport);
    if (one.info) {
        out.srtt = std::chrono::microseconds(one.info->tcpi_rtt);
        out.rttvar = std::chrono::microseconds(one.info->tcpi_rttvar);
        out.rto = std::chrono::microseconds(one.info->tcpi_rto);
        out.congestion_window = one.info->tcpi_snd_cwnd;
        out.retransmissions = one.info->tcpi_total_retrans;
    }
    return out;
}

/// FIN-WAIT-1, FIN-WAIT-2, LAST-ACK and CLOSING.
bool has_closed(std::uint8_t state) { return state == 4 || state == 5 || state == 9 || state == 11; }

/// The kernel tells amounts rather than sequence numbers. A FIN is one, and is sent when nothing waits to be.
void read_numbers(const inet_diag_msg& socket, const tcp_info& info, socket_view& out) {
    constexpr std::uint32_t no_threshold = 0x7fffffff;
    out.has_info = true;
    out.not_sent = info.tcpi_notsent_bytes;
    const bool fin = has_closed(socket.idiag_state) && out.not_sent == 0;
    out.snd_nxt = 1 + info.tcpi_bytes_sent - info.tcpi_bytes_retrans + (fin ? 1 : 0);
    out.snd_una = out.snd_nxt - (socket.idiag_wqueue - info.tcpi_notsent_bytes);
    out.rcv_nxt = 1 + info.tcpi_bytes_received;
    out.congestion_window = info.tcpi_snd_cwnd;
    out.slow_start_threshold = info.tcpi_snd_ssthresh >= no_threshold ? 0 : info.tcpi_snd_ssthresh;
    out.in_flight = info.tcpi_unacked - info.tcpi_sacked - info.tcpi_lost + info.tcpi_retrans;
    out.srtt = std::chrono::microseconds(info.tcpi_rtt);
    out.rttvar = std::chrono::microseconds(info.tcpi_rttvar);
    out.rto = std::chrono::microseconds(info.tcpi_rto);
    out.retransmissions = info.tcpi_total_retrans;
}

socket_view view_of(const answered& one) {
    socket_view out;
    out.state = one.socket.idiag_state;
    out.local_port = ntohs(one.socket.id.idiag_sport);
    out.remote_port = ntohs(one.socket.id.idiag_dport);
    out.timer = one.socket.idiag_timer;
    out.timer_tries = one.socket.idiag_retrans;
    out.timer_left = std::chrono::milliseconds(one.socket.idiag_expires);
    if (one.info) {
        read_numbers(one.socket, *one.info, out);
    }
    return out;
}

}  // namespace

std::vector<kernel_connection> ask_kernel(int diag_socket, bool v6) {
    std::vector<kernel_connection> out;
    ask_for_each(diag_socket, v6 ? AF_INET6 : AF_INET, 1U << state_established,
                 [&out](const answered& one) { out.push_back(connection_of(one)); });
    return out;
}

std::vector<socket_view> ask_sockets(int diag_socket) {
    constexpr std::uint32_t all = ~(1U << state_listens | 1U << state_closed);
    std::vector<socket_view> out;
    for (const int family : {AF_INET, AF_INET6}) {
        ask_for_each(diag_socket, family, all, [&out](const answered& one) { out.push_back(view_of(one)); });
    }
    return out;
}

std::string_view state_name(std::uint8_t state) {
    constexpr std::array<std::string_view, 13> names{
        "",       "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2",  "TIME-WAIT",
        "CLOSED", "CLOSE-WAIT",  "LAST-ACK", "LISTEN",       "CLOSING",    "SYN-RECEIVED"};
    return state < names.size() ? names[state] : names[0];
}

}  // namespace aperto::lab
