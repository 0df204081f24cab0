// SPDX-License-Identifier: MIT
#include "cli/admin/message_times.hpp"

#include "cli/serve/report.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <vector>

namespace aperto::cli {

namespace {

using json = nlohmann::ordered_json;

double microseconds(duration time) { return std::chrono::duration<double, std::micro>(time).count(); }
double seconds(auto time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

std::string message_json(const message_record& of) {
    json parts = json::object();
    for (std::size_t i = 0; i < message_part_count; ++i)
        parts[std::string(to_string(static_cast<message_part>(i)))] = microseconds(of.parts[i]);
    json all{{"connection", of.connection},
             {"message", of.message},
             {"worker", of.worker},
             {"peer", name_of(of.remote)},
             {"arrived", seconds(of.arrived.time_since_epoch())},
             {"offset", of.offset},
             {"bytes_in", of.bytes_in},
             {"bytes_out", of.bytes_out},
             {"answered", of.answered},
             {"acknowledged", of.acknowledged},
             {"total_us", microseconds(of.total())},
             {"blame", to_string(of.blame())},
             {"parts_us", std::move(parts)},
             {"acknowledgement_delay_us", microseconds(of.acknowledgement_delay)}};
    if (of.bytes_retransmitted) all["bytes_retrans"] = *of.bytes_retransmitted;
    if (of.congestion_window) all["snd_cwnd"] = *of.congestion_window;
    if (of.rtt) all["rtt_us"] = microseconds(*of.rtt);
    if (of.rtt_min) all["min_rtt_us"] = microseconds(*of.rtt_min);
    return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

void message_times::add(const message_record& one) {
    const double when = seconds(one.arrived.time_since_epoch());
    const std::scoped_lock here(mutex_);
    ++count_;
    if (kept_.size() == kept_max) kept_.pop_front();
    kept_.push_back(one);
    for (std::size_t i = 0; i < message_part_count; ++i) {
        if (one.parts[i] <= duration{}) continue;
        const double took = seconds(one.parts[i]);
        parts_[i].times.add(took);
        parts_[i].latest[bucket_counts::bucket_of(took)] = {one.connection, one.message, took, when};
    }
}

message_times::exemplars message_times::latest_of(message_part which) const {
    const std::scoped_lock here(mutex_);
    return at(which).latest;
}

std::string message_times::json() const {
    std::vector<message_record> kept;
    std::uint64_t count = 0;
    {
        const std::scoped_lock here(mutex_);
        kept.assign(kept_.begin(), kept_.end());
        count = count_;
    }
    std::string text = "{\"messages\": [";
    for (const message_record& each : kept) {
        text += &each == kept.data() ? "\n" : ",\n";
        text += message_json(each);
    }
    return text + "\n],\n\"timed\": " + std::to_string(count) + "}\n";
}

}  // namespace aperto::cli
