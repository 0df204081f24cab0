// SPDX-License-Identifier: MIT
#include "cli/watch/views.hpp"

#include <nlohmann/json.hpp>

#include <chrono>

namespace aperto::cli {

namespace {

using json = nlohmann::ordered_json;

template <class Value>
void add(json& to, const char* name, const std::optional<Value>& value) {
    if (value) to[name] = *value;
}
template <class Rep, class Period>
void add(json& to, const char* name, const std::optional<std::chrono::duration<Rep, Period>>& value) {
    if (value) to[name] = value->count();
}
void add(json& to, const char* name, const std::string& text) {
    if (!text.empty()) to[name] = text;
}

json blame_json(const watched_connection& of) {
    const blame whose = of.whose();
    const history::sums& within = of.past.last_minute();
    return {{"whose", to_string(whose.whose)},
            {"share", whose.share},
            {"within_ms", within.span_ms},
            {"network", whose.network},
            {"client_window", whose.client_window},
            {"send_buffer", whose.send_buffer},
            {"reader", whose.reader},
            {"bytes_sent", within.bytes_sent},
            {"bytes_retrans", within.bytes_resent}};
}

json connection(const watched_connection& of) {
    const connection_sample& now = of.now;
    json all{{"key", now.key}, {"peer", of.peer}};
    add(all, "local", of.local);
    add(all, "state", now.state);
    add(all, "age_ms", now.age);
    add(all, "idle_ms", now.idle);
    add(all, "rtt_us", now.rtt);
    add(all, "min_rtt_us", now.rtt_min);
    add(all, "rto_us", now.rto);
    add(all, "snd_cwnd", now.congestion_window);
    add(all, "snd_ssthresh", now.slow_start_threshold);
    add(all, "snd_mss", now.segment_size);
    add(all, "in_flight_bytes", now.in_flight);
    add(all, "notsent_bytes", now.not_sent);
    add(all, "unread_bytes", now.unread);
    add(all, "snd_wnd", now.send_window);
    add(all, "bytes_received", now.bytes_in);
    add(all, "bytes_acked", now.bytes_out);
    add(all, "bytes_sent", now.bytes_sent);
    add(all, "bytes_retrans", now.bytes_resent);
    add(all, "total_retrans", now.segments_resent);
    add(all, "delivery_rate", now.delivery_rate);
    add(all, "app_limited", now.application_limited);
    add(all, "messages", now.messages);
    add(all, "busy_time_us", now.busy);
    add(all, "rwnd_limited_us", now.window_full);
    add(all, "sndbuf_limited_us", now.buffer_full);
    add(all, "ca_name", now.congestion_control);
    add(all, "in_bytes_s", of.rate_in());
    add(all, "out_bytes_s", of.rate_out());
    if (of.whose().whose != culprit::unknown) all["blame"] = blame_json(of);
    return all;
}

}  // namespace

std::string watch_json(const watched_connections& from, const std::vector<std::uint64_t>& keys,
                       const std::string& name, const std::string& kind) {
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    json all{{"time", now.count()}, {"target", name}, {"source", kind}, {"count", from.all().size()}};
    if (!from.latest().trouble.empty()) all["trouble"] = from.latest().trouble;
    if (from.latest().server) add(all, "version", from.latest().server->version);
    add(all, "messages_s", from.messages_a_second());
    all["connections"] = json::array();
    if (!from.latest().failed)
        for (const std::uint64_t key : keys)
            if (const auto* const row = from.find(key)) all["connections"].push_back(connection(*row));
    return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace aperto::cli
