// SPDX-License-Identifier: MIT
#include "aperto/tcp_facts.hpp"

#include "aperto/error.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>

namespace aperto {
namespace {

using kernel_info = ::tcp_info;

/// tcpi_rcv_wnd follows tcpi_snd_wnd from Linux 6.2 on; the header of an older system does not name it.
constexpr std::size_t receive_window_at = offsetof(kernel_info, tcpi_snd_wnd) + sizeof(std::uint32_t);
static_assert(receive_window_at == 232, "struct tcp_info only grows at its end");

/// `struct tcp_info` as this kernel fills it: longer or shorter than the one this file was compiled with.
class kernel_facts {
public:
    explicit kernel_facts(int descriptor) {
        socklen_t length = sizeof raw_;
        const bool told = getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, raw_.data(), &length) == 0;
        if (!told && errno == EOPNOTSUPP)
            length = 0;  // a Unix socket, of which there is nothing to know
        else if (!told)
            throw error::from_result(-errno, "ask the kernel about a connection");
        length_ = length;
        std::memcpy(&known_, raw_.data(), sizeof known_);
    }

    const kernel_info& known() const noexcept { return known_; }

    /// A field, where this kernel knows it.
    template <class T>
    std::optional<T> get(T kernel_info::* field) const noexcept {
        const auto at =
            reinterpret_cast<const char*>(&(known_.*field)) - reinterpret_cast<const char*>(&known_);
        return has(static_cast<std::size_t>(at), sizeof(T)) ? std::optional<T>(known_.*field) : std::nullopt;
    }
    /// A field in which the kernel writes `none` for "not known", "not yet" or "no limit".
    template <class T>
    std::optional<T> get(T kernel_info::* field, T none) const noexcept {
        std::optional<T> value = get(field);
        if (value == none) value.reset();
        return value;
    }
    template <class T>
    std::optional<tcp_facts::microseconds> time(T kernel_info::* field,
                                                std::optional<T> none = {}) const noexcept {
        const std::optional<T> value = none ? get(field, *none) : get(field);
        if (!value) return std::nullopt;
        return tcp_facts::microseconds(*value);
    }
    std::optional<std::uint32_t> at_offset(std::size_t offset) const noexcept {
        if (!has(offset, sizeof(std::uint32_t))) return std::nullopt;
        std::uint32_t value = 0;
        std::memcpy(&value, raw_.data() + offset, sizeof value);
        return value;
    }

private:
    bool has(std::size_t at, std::size_t size) const noexcept { return at + size <= length_; }

    std::array<char, 512> raw_{};
    std::size_t length_ = 0;
    kernel_info known_{};
};
static_assert(sizeof(kernel_info) <= 512);

std::string state_name(std::uint8_t state) {
    // include/net/tcp_states.h; the header a program sees names only the first eleven.
    constexpr std::array<const char*, 13> names{
        "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",   "TIME_WAIT",
        "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV"};
    return state > 0 && state < names.size() ? names[state] : "state " + std::to_string(state);
}

std::string congestion_control_of(int descriptor) {
    constexpr std::size_t name_max = 16;  // TCP_CA_NAME_MAX
    std::array<char, name_max> name{};
    socklen_t length = name.size();
    if (getsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) < 0) return {};
    return std::string(name.data(), strnlen(name.data(), length));
}

/// The MSS that our SYN announced. Once timestamps are agreed on, the kernel takes what they cost each later
/// segment off `tcpi_advmss`; the option that stood on the wire had it still.
std::optional<std::uint32_t> announced_mss(const kernel_facts& kernel, bool timestamps) {
    constexpr std::uint32_t timestamps_size = 12;
    const auto mss = kernel.get(&kernel_info::tcpi_advmss);
    return mss && timestamps ? std::optional(*mss + timestamps_size) : mss;
}

void read_agreement(const kernel_facts& kernel, tcp_facts& facts) {
    const kernel_info& info = kernel.known();
    facts.state = state_name(info.tcpi_state);
    facts.send_mss = kernel.get(&kernel_info::tcpi_snd_mss);
    facts.receive_mss = kernel.get(&kernel_info::tcpi_rcv_mss);
    facts.path_mtu = kernel.get(&kernel_info::tcpi_pmtu, 0U);
    if (info.tcpi_options & TCPI_OPT_WSCALE) {
        facts.send_window_scale = info.tcpi_snd_wscale;
        facts.receive_window_scale = info.tcpi_rcv_wscale;
    }
    facts.timestamps = (info.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0;
    facts.advertised_mss = announced_mss(kernel, facts.timestamps);
    facts.sack = (info.tcpi_options & TCPI_OPT_SACK) != 0;
    facts.ecn = (info.tcpi_options & TCPI_OPT_ECN) != 0;
    facts.send_window = kernel.get(&kernel_info::tcpi_snd_wnd);
    facts.receive_window = kernel.at_offset(receive_window_at);
    facts.receive_space = kernel.get(&kernel_info::tcpi_rcv_space);
}

void read_pace(const kernel_facts& kernel, tcp_facts& facts) {
    constexpr std::uint32_t endless_threshold = 0x7FFF'FFFF;  // TCP_INFINITE_SSTHRESH
    constexpr std::uint32_t no_rtt = std::numeric_limits<std::uint32_t>::max();
    constexpr auto no_rate = std::numeric_limits<__u64>::max();
    facts.congestion_window = kernel.get(&kernel_info::tcpi_snd_cwnd);
    facts.slow_start_threshold = kernel.get(&kernel_info::tcpi_snd_ssthresh, endless_threshold);
    facts.rtt = kernel.time<__u32>(&kernel_info::tcpi_rtt, 0);
    if (facts.rtt) facts.rtt_variance = kernel.time<__u32>(&kernel_info::tcpi_rttvar);
    facts.rtt_min = kernel.time<__u32>(&kernel_info::tcpi_min_rtt, no_rtt);
    facts.receive_rtt = kernel.time<__u32>(&kernel_info::tcpi_rcv_rtt, 0);
    facts.rto = kernel.time<__u32>(&kernel_info::tcpi_rto, 0);
    facts.delivery_rate = kernel.get<__u64>(&kernel_info::tcpi_delivery_rate, 0);
    facts.pacing_rate = kernel.get<__u64>(&kernel_info::tcpi_pacing_rate, no_rate);
    facts.busy_time = kernel.time<__u64>(&kernel_info::tcpi_busy_time);
    facts.limited_by_receive_window = kernel.time<__u64>(&kernel_info::tcpi_rwnd_limited);
    facts.limited_by_send_buffer = kernel.time<__u64>(&kernel_info::tcpi_sndbuf_limited);
}

void read_counts(const kernel_facts& kernel, tcp_facts& facts) {
    facts.bytes_sent = kernel.get(&kernel_info::tcpi_bytes_sent);
    facts.bytes_acknowledged = kernel.get(&kernel_info::tcpi_bytes_acked);
    facts.bytes_received = kernel.get(&kernel_info::tcpi_bytes_received);
    facts.bytes_retransmitted = kernel.get(&kernel_info::tcpi_bytes_retrans);
    facts.bytes_not_sent = kernel.get(&kernel_info::tcpi_notsent_bytes);
    facts.segments_out = kernel.get(&kernel_info::tcpi_segs_out);
    facts.segments_in = kernel.get(&kernel_info::tcpi_segs_in);
    facts.data_segments_out = kernel.get(&kernel_info::tcpi_data_segs_out);
    facts.data_segments_in = kernel.get(&kernel_info::tcpi_data_segs_in);
    facts.retransmissions = kernel.get(&kernel_info::tcpi_total_retrans);
    facts.lost = kernel.get(&kernel_info::tcpi_lost);
    facts.unacknowledged = kernel.get(&kernel_info::tcpi_unacked);
    facts.reordering = kernel.get(&kernel_info::tcpi_reordering);
    facts.reorder_seen = kernel.get(&kernel_info::tcpi_reord_seen);
    facts.dsack_duplicates = kernel.get(&kernel_info::tcpi_dsack_dups);
}

/// The kernel keeps headers of at most 60 bytes of IPv4, or IPv6 with its extensions, and 60 of TCP.
std::optional<syn_facts> read_saved_syn(int descriptor) {
    std::array<char, 1024> packet;
    socklen_t length = packet.size();
    if (getsockopt(descriptor, IPPROTO_TCP, TCP_SAVED_SYN, packet.data(), &length) < 0) return std::nullopt;
    return decode_syn(packet.data(), length);
}

std::optional<peer_process> read_peer_process(int descriptor) {
    int family = 0;
    socklen_t length = sizeof family;
    if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0 || family != AF_UNIX)
        return std::nullopt;
    ucred who{};
    length = sizeof who;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &who, &length) < 0) return std::nullopt;
    return peer_process{who.pid, who.uid, who.gid};
}

}  // namespace

tcp_facts read_tcp_facts(int descriptor) {
    tcp_facts facts;
    facts.process = read_peer_process(descriptor);
    if (facts.process) return facts;
    const kernel_facts kernel(descriptor);
    read_agreement(kernel, facts);
    read_pace(kernel, facts);
    read_counts(kernel, facts);
    facts.congestion_control = congestion_control_of(descriptor);
    facts.client_syn = read_saved_syn(descriptor);
    return facts;
}

}  // namespace aperto
