// SPDX-License-Identifier: MIT
#include "cli/watch/admin_json.hpp"

#include "core/log_safe.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace aperto::cli {

namespace {

/// Goes over JSON text from value to value.
class json_walk {
public:
    explicit json_walk(std::string_view text) : text_(text) {}

    bool take(char sign) {
        skip_blanks();
        if (at_ == text_.size() || text_[at_] != sign) return false;
        ++at_;
        return true;
    }
    /// The text of the value that begins here; empty: there is none, or it is not whole.
    std::string_view value() {
        skip_blanks();
        const std::size_t begin = at_;
        if (at_ == text_.size()) return {};
        const char first = text_[at_];
        const bool whole = first == '"'                   ? skip_string()
                           : first == '{' || first == '[' ? skip_nested()
                                                          : skip_plain();
        return whole ? text_.substr(begin, at_ - begin) : std::string_view();
    }

private:
    void skip_blanks() {
        while (at_ < text_.size() &&
               (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
            ++at_;
    }
    bool skip_string() {
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\\')
                ++at_;
            else if (text_[at_] == '"')
                return ++at_, true;
        }
        at_ = text_.size();
        return false;
    }
    bool skip_nested() {
        std::size_t depth = 0;
        while (at_ < text_.size()) {
            const char each = text_[at_];
            if (each == '"') {
                if (!skip_string()) return false;
                continue;
            }
            ++at_;
            if (each == '{' || each == '[') ++depth;
            if ((each == '}' || each == ']') && --depth == 0) return true;
        }
        return false;
    }
    bool skip_plain() {
        const std::size_t end = std::min(text_.find_first_of(",]} \n\r\t", at_), text_.size());
        const bool is_there = end > at_;
        at_ = end;
        return is_there;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

using sample = connection_sample;

std::optional<std::uint64_t> number_of(std::string_view value) {
    std::uint64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [rest, failed] = std::from_chars(value.data(), end, number);
    return failed == std::errc{} && rest == end ? std::optional(number) : std::nullopt;
}

template <class Time>
void take_time(std::optional<Time>& to, std::string_view value) {
    const auto number = number_of(value);
    if (number && *number <= std::uint64_t{std::numeric_limits<std::int64_t>::max()})
        to = Time(static_cast<std::int64_t>(*number));
}

struct field {
    std::string_view name;
    void (*take)(sample& to, std::string_view value);
};

constexpr std::array connection_fields{
    field{"connection", [](sample& to, std::string_view value) { to.key = number_of(value).value_or(0); }},
    field{"peer", [](sample& to, std::string_view value) { to.peer = shown_string(value); }},
    field{"local",
          [](sample& to, std::string_view value) {
              try {
                  if (value.size() > 2) to.local = endpoint::parse(value.substr(1, value.size() - 2));
              } catch (const std::exception&) {
                  to.local = {};  // not one of ours: it is left out
              }
          }},
    field{"state", [](sample& to, std::string_view value) { to.state = shown_string(value); }},
    field{"age_ms", [](sample& to, std::string_view value) { take_time(to.age, value); }},
    field{"without_progress_ms", [](sample& to, std::string_view value) { take_time(to.idle, value); }},
    field{"bytes_in", [](sample& to, std::string_view value) { to.bytes_in = number_of(value); }},
    field{"bytes_out", [](sample& to, std::string_view value) { to.bytes_out = number_of(value); }},
    field{"messages", [](sample& to, std::string_view value) { to.messages = number_of(value); }},
};

constexpr std::array tcp_fields{
    field{"snd_mss", [](sample& to, std::string_view value) { to.segment_size = number_of(value); }},
    field{"snd_wnd", [](sample& to, std::string_view value) { to.send_window = number_of(value); }},
    field{"ca_name", [](sample& to, std::string_view value) { to.congestion_control = shown_string(value); }},
    field{"snd_cwnd", [](sample& to, std::string_view value) { to.congestion_window = number_of(value); }},
    field{"snd_ssthresh",
          [](sample& to, std::string_view value) { to.slow_start_threshold = number_of(value); }},
    field{"rtt_us", [](sample& to, std::string_view value) { take_time(to.rtt, value); }},
    field{"min_rtt_us", [](sample& to, std::string_view value) { take_time(to.rtt_min, value); }},
    field{"rto_us", [](sample& to, std::string_view value) { take_time(to.rto, value); }},
    field{"bytes_sent", [](sample& to, std::string_view value) { to.bytes_sent = number_of(value); }},
    field{"bytes_acked", [](sample& to, std::string_view value) { to.bytes_out = number_of(value); }},
    field{"bytes_received", [](sample& to, std::string_view value) { to.bytes_in = number_of(value); }},
    field{"bytes_retrans", [](sample& to, std::string_view value) { to.bytes_resent = number_of(value); }},
    field{"notsent_bytes", [](sample& to, std::string_view value) { to.not_sent = number_of(value); }},
    field{"total_retrans", [](sample& to, std::string_view value) { to.segments_resent = number_of(value); }},
    field{"unacked",
          [](sample& to, std::string_view value) { to.in_flight = number_of(value); }},  // segments, for now
    field{"delivery_rate", [](sample& to, std::string_view value) { to.delivery_rate = number_of(value); }},
    field{"busy_time_us", [](sample& to, std::string_view value) { take_time(to.busy, value); }},
    field{"rwnd_limited_us", [](sample& to, std::string_view value) { take_time(to.window_full, value); }},
    field{"sndbuf_limited_us", [](sample& to, std::string_view value) { take_time(to.buffer_full, value); }},
};

/// Members come in the order of the table, so that the next one is mostly the one that is looked for.
template <std::size_t Size>
class fields_reader {
public:
    fields_reader(const std::array<field, Size>& fields, sample& to) : fields_(fields), to_(to) {}
    void take(std::string_view name, std::string_view value) {
        for (std::size_t i = 0; i < Size; ++i) {
            const std::size_t which = (next_ + i) % Size;
            if (fields_[which].name != name) continue;
            fields_[which].take(to_, value);
            next_ = which + 1;
            return;
        }
    }

private:
    const std::array<field, Size>& fields_;
    sample& to_;
    std::size_t next_ = 0;
};

bool read_connection(std::string_view value, sample& to) {
    fields_reader own(connection_fields, to);
    fields_reader kernels(tcp_fields, to);
    const bool whole = for_each_member(value, [&](std::string_view name, std::string_view text) {
        if (name != "tcp") return own.take(name, text), true;
        return for_each_member(text, [&](std::string_view inner, std::string_view figure) {
            kernels.take(inner, figure);
            return true;
        });
    });
    // The kernel counts segments that are on their way; in bytes, they are what was sent and is neither
    // acknowledged nor sent for a second time.
    if (to.in_flight && *to.in_flight != 0) {
        const std::uint64_t settled = to.bytes_out.value_or(0) + to.bytes_resent.value_or(0);
        to.in_flight = to.bytes_sent && *to.bytes_sent >= settled ? std::optional(*to.bytes_sent - settled)
                                                                  : std::nullopt;
    }
    return whole && to.key != 0;
}

/// The value of the line "name value" or "name{…} value" of the text of metrics.
std::optional<double> metric(std::string_view line) {
    const std::size_t blank = line.rfind(' ');
    if (blank == std::string_view::npos) return {};
    double value = 0;
    const auto [rest, failed] = std::from_chars(line.data() + blank + 1, line.data() + line.size(), value);
    return failed == std::errc{} ? std::optional(value) : std::nullopt;
}

/// What stands between the quotes after `label`.
std::string_view label_of(std::string_view line, std::string_view label) {
    const std::size_t found = line.find(label);
    if (found == std::string_view::npos) return {};
    const std::string_view rest = line.substr(found + label.size());
    return rest.substr(0, std::min(rest.find('"'), rest.size()));
}

}  // namespace

bool for_each_member(std::string_view text,
                     const std::function<bool(std::string_view, std::string_view)>& take) {
    json_walk walk(text);
    if (!walk.take('{')) return false;
    if (walk.take('}')) return true;
    for (;;) {
        const std::string_view name = walk.value();
        if (name.size() < 2 || name.front() != '"' || !walk.take(':')) return false;
        const std::string_view value = walk.value();
        if (value.empty() || !take(name.substr(1, name.size() - 2), value)) return false;
        if (walk.take('}')) return true;
        if (!walk.take(',')) return false;
    }
}

bool for_each_element(std::string_view text, const std::function<bool(std::string_view)>& take) {
    json_walk walk(text);
    if (!walk.take('[')) return false;
    if (walk.take(']')) return true;
    for (;;) {
        const std::string_view value = walk.value();
        if (value.empty() || !take(value)) return false;
        if (walk.take(']')) return true;
        if (!walk.take(',')) return false;
    }
}

std::string shown_string(std::string_view value) {
    if (value.size() < 2 || value.front() != '"') return {};
    const std::string_view inner = value.substr(1, value.size() - 2);
    if (inner.find('\\') == std::string_view::npos) return log_safe(inner);
    const auto read = nlohmann::json::parse(value, nullptr, false);
    return read.is_string() ? log_safe(read.get<std::string>()) : std::string();
}

std::optional<std::vector<connection_sample>> read_connections(std::string_view answer,
                                                               std::size_t& passed_over) {
    std::vector<connection_sample> all;
    bool there = false;
    passed_over = 0;
    const bool whole = for_each_member(answer, [&](std::string_view name, std::string_view value) {
        if (name == "workers_passed_over")
            return for_each_element(value, [&](auto) { return ++passed_over, true; });
        if (name != "connections") return true;
        there = true;
        return for_each_element(
            value, [&](std::string_view each) { return read_connection(each, all.emplace_back()); });
    });
    if (!whole || !there) return {};
    return all;
}

server_figures read_metrics(std::string_view answer) {
    server_figures told;
    while (!answer.empty()) {
        const std::size_t end = std::min(answer.find('\n'), answer.size());
        const std::string_view line = answer.substr(0, end);
        answer.remove_prefix(std::min(end + 1, answer.size()));
        if (line.starts_with("aperto_build_info{")) told.version = log_safe(label_of(line, "version=\""));
        if (line.starts_with("aperto_messages_total ")) told.messages = metric(line);
        if (!line.starts_with("aperto_message_latency_seconds_bucket{")) continue;
        const std::string_view bound = label_of(line, "le=\"");
        double upper = std::numeric_limits<double>::infinity();
        std::from_chars(bound.data(), bound.data() + bound.size(), upper);
        if (const auto count = metric(line)) told.answers.emplace_back(upper, *count);
    }
    return told;
}

std::vector<message_sample> read_messages(std::string_view answer, std::uint64_t connection) {
    std::vector<message_sample> all;
    const auto real = [](std::string_view value) {
        double number = 0;
        std::from_chars(value.data(), value.data() + value.size(), number);
        return number;
    };
    const auto take = [&](std::string_view text) {
        message_sample one;
        const bool whole = for_each_member(text, [&](std::string_view name, std::string_view value) {
            if (name == "connection") one.connection = number_of(value).value_or(0);
            if (name == "message") one.message = number_of(value).value_or(0);
            if (name == "total_us") one.total_us = real(value);
            if (name == "blame") one.blame = shown_string(value);
            if (name != "parts_us") return true;
            return for_each_member(value, [&](std::string_view part, std::string_view us) {
                one.parts_us.emplace_back(log_safe(part), real(us));
                return true;
            });
        });
        if (whole && one.connection == connection) all.push_back(std::move(one));
        return whole;
    };
    for_each_member(answer, [&](std::string_view name, std::string_view value) {
        return name != "messages" || for_each_element(value, take);
    });
    return all;
}

}  // namespace aperto::cli
