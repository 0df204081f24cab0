// SPDX-License-Identifier: MIT
#include "cli/admin/connection_json.hpp"

#include "cli/serve/report.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string_view>

namespace aperto::cli {

namespace {

using json = nlohmann::ordered_json;

template <class Value>
void add(json& to, const char* name, const std::optional<Value>& value) {
    if (value) to[name] = *value;
}

void add(json& to, const char* name, const std::optional<std::chrono::microseconds>& value) {
    if (value) to[name] = value->count();
}

/// Of the time in which there was something to send, the largest part: tcpi_busy_time holds the other two.
std::optional<std::string_view> limited_by(const tcp_facts& facts) {
    using std::chrono::microseconds;
    const microseconds busy = facts.busy_time.value_or(microseconds(0));
    if (busy == microseconds(0)) return {};
    const microseconds window = facts.limited_by_receive_window.value_or(microseconds(0));
    const microseconds buffer = facts.limited_by_send_buffer.value_or(microseconds(0));
    const microseconds network = busy - window - buffer;
    if (window >= buffer && window >= network) return "receive_window";
    return buffer >= network ? "send_buffer" : "network";
}

json tcp_json(const tcp_facts& facts) {
    json all;
    all["state"] = facts.state;
    add(all, "snd_mss", facts.send_mss);
    add(all, "rcv_mss", facts.receive_mss);
    add(all, "pmtu", facts.path_mtu);
    add(all, "snd_wnd", facts.send_window);
    add(all, "rcv_wnd", facts.receive_window);
    add(all, "rcv_space", facts.receive_space);
    all["ca_name"] = facts.congestion_control;
    add(all, "snd_cwnd", facts.congestion_window);
    add(all, "snd_ssthresh", facts.slow_start_threshold);
    add(all, "rtt_us", facts.rtt);
    add(all, "rttvar_us", facts.rtt_variance);
    add(all, "min_rtt_us", facts.rtt_min);
    add(all, "rto_us", facts.rto);
    add(all, "bytes_sent", facts.bytes_sent);
    add(all, "bytes_acked", facts.bytes_acknowledged);
    add(all, "bytes_received", facts.bytes_received);
    add(all, "bytes_retrans", facts.bytes_retransmitted);
    add(all, "notsent_bytes", facts.bytes_not_sent);
    add(all, "segs_out", facts.segments_out);
    add(all, "segs_in", facts.segments_in);
    add(all, "total_retrans", facts.retransmissions);
    add(all, "lost", facts.lost);
    add(all, "unacked", facts.unacknowledged);
    add(all, "delivery_rate", facts.delivery_rate);
    add(all, "busy_time_us", facts.busy_time);
    add(all, "rwnd_limited_us", facts.limited_by_receive_window);
    add(all, "sndbuf_limited_us", facts.limited_by_send_buffer);
    add(all, "limited_by", limited_by(facts));
    return all;
}

json tls_json(const transport_facts& facts) {
    json all{{"protocol", facts.protocol}, {"cipher", facts.cipher}, {"resumed", facts.resumed}};
    if (!facts.alpn.empty()) all["alpn"] = facts.alpn;
    if (!facts.server_name.empty()) all["server_name"] = facts.server_name;
    if (!facts.peer_subject.empty()) all["certificate"] = facts.peer_subject;
    return all;
}

std::int64_t milliseconds(duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

std::string connection_json(const open_connection& of) {
    json all{{"connection", of.id},
             {"worker", of.worker},
             {"peer", name_of(of.remote)},
             {"local", name_of(of.local)},
             {"state", to_string(of.state)},
             {"age_ms", milliseconds(of.age)},
             {"without_progress_ms", milliseconds(of.without_progress)},
             {"bytes_in", of.bytes_received},
             {"bytes_out", of.bytes_sent},
             {"messages", of.messages},
             {"memory", of.memory}};
    if (of.transport) all["tls"] = tls_json(*of.transport);
    if (of.facts) all["tcp"] = tcp_json(*of.facts);
    return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string look_json(const connections_mark& over) {
    json passed_over = json::array();
    for (const connections_mark::place& each : over.workers)
        if (each.passed_over) passed_over.push_back(each.worker);
    return "\n],\n\"workers_passed_over\": " + passed_over.dump() + "}\n";
}

}  // namespace aperto::cli
