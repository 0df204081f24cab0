// SPDX-License-Identifier: MIT
#include "cli/options/quantity.hpp"
#include "cli/terminal_text.hpp"
#include "cli/watch/views.hpp"
#include "core/display.hpp"
#include "core/sentence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace aperto::cli {

namespace {

constexpr std::array eighths{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::size_t label_width = 16;

/// "name figure" parts, as many to a row as fit.
class figures {
public:
    explicit figures(std::size_t wide) : wide_(wide) {}
    void add(const char* name, const std::string& figure) {
        if (figure.empty()) return;
        const std::string part = std::string(name) + " " + figure;
        if (rows_.empty() || display_width(rows_.back()) + display_width(part) + 3 > wide_)
            rows_.push_back(part);
        else
            rows_.back() += " · " + part;
    }
    template <class Value, class Write>
    void add(const char* name, const std::optional<Value>& value, Write write) {
        if (value) add(name, write(*value));
    }
    std::vector<std::string> rows() && { return std::move(rows_); }

private:
    std::size_t wide_;
    std::vector<std::string> rows_;
};

std::vector<std::string> figure_rows(const watched_connection& of, std::size_t wide) {
    const connection_sample& now = of.now;
    const auto count = [](std::uint64_t number) { return number_text(number); };
    figures told(wide);
    told.add(_("state"), now.state);
    told.add(_("since"), now.age, short_time);
    told.add(_("idle"), now.idle, short_time);
    told.add(_("rtt"), now.rtt, short_time);
    told.add(_("least rtt"), now.rtt_min, short_time);
    told.add(_("rto"), now.rto, short_time);
    told.add(_("congestion control"), now.congestion_control);
    told.add(_("cwnd"), now.congestion_window, count);
    told.add(_("ssthresh"), now.slow_start_threshold, count);
    told.add(_("segments of"), now.segment_size, size_text);
    told.add(_("in flight"), now.in_flight, size_text);
    told.add(_("not sent yet"), now.not_sent, size_text);
    told.add(_("unread"), now.unread, size_text);
    told.add(_("its window"), now.send_window, size_text);
    told.add(_("in"), now.bytes_in, size_text);
    told.add(_("out"), now.bytes_out, size_text);
    told.add(_("sent again"), now.bytes_resent, size_text);
    told.add(_("segments sent again"), now.segments_resent, count);
    told.add(_("messages"), now.messages, count);
    return std::move(told).rows();
}

void add_bar(std::vector<std::string>& to, const char* name, const char* colour, double share,
             std::size_t wide, const paint& look) {
    const std::string figure = fitted(decimal_text(share * 100, 0) + " %", 6, true);
    const std::size_t name_width = 24;
    const std::size_t bar = wide > name_width + 8 ? std::min<std::size_t>(wide - name_width - 8, 60) : 1;
    to.push_back(fitted(name, name_width) + figure + " " + look.put(colour, block_bar(share, bar)));
}

std::vector<std::string> blame_rows(const watched_connection& of, std::size_t wide, const paint& look) {
    const blame whose = of.whose();
    if (whose.whose == culprit::unknown) return {};
    std::vector<std::string> rows{look.bold(one_row(
        sentence(_("Whose fault, in the last {}: {}"),
                 short_time(std::chrono::milliseconds(of.past.last_minute().span_ms)), of.blame_text()),
        wide))};
    add_bar(rows, _("network"), "33", whose.network, wide, look);
    add_bar(rows, _("client's window"), "35", whose.client_window, wide, look);
    add_bar(rows, _("send buffer"), "31", whose.send_buffer, wide, look);
    if (of.now.unread) add_bar(rows, _("not read here"), "31", whose.reader, wide, look);
    return rows;
}

template <class Value>
std::vector<double> values_of(const history& past, Value value) {
    std::vector<double> values;
    for (std::size_t i = 0; i < past.size(); ++i)
        values.push_back(value(past[i]));
    return values;
}

double rate_of(std::uint32_t bytes, std::uint32_t span_ms) {
    return static_cast<double>(bytes) * 1000 / std::max<std::uint32_t>(span_ms, 1);
}

struct graphed {
    const char* name;
    std::vector<double> values;
    std::string (*text)(double);
};

std::string time_label(double us) {
    return short_time(std::chrono::microseconds(static_cast<std::int64_t>(us)));
}
std::string count_label(double count) { return number_text(static_cast<std::uint64_t>(count)); }
std::string rate_label(double bytes) { return short_size(static_cast<std::uint64_t>(bytes)) + "/s"; }

std::vector<graphed> graphs_of(const history& past) {
    std::vector<graphed> all;
    all.push_back({_("rtt"),
                   values_of(past, [](const moment& each) { return each.rtt_us ? each.rtt_us : -1.0; }),
                   time_label});
    all.push_back(
        {_("cwnd"),
         values_of(past,
                   [](const moment& each) { return each.congestion_window ? each.congestion_window : -1.0; }),
         count_label});
    all.push_back({_("out"),
                   values_of(past, [](const moment& each) { return rate_of(each.bytes_out, each.span_ms); }),
                   rate_label});
    all.push_back({_("in"),
                   values_of(past, [](const moment& each) { return rate_of(each.bytes_in, each.span_ms); }),
                   rate_label});
    std::erase_if(all, [](const graphed& each) {
        return std::none_of(each.values.begin(), each.values.end(), [](double value) { return value > 0; });
    });
    return all;
}

void add_graphs(std::vector<std::string>& to, const history& past, std::size_t wide, std::size_t high) {
    std::vector<graphed> all = graphs_of(past);
    constexpr std::size_t least_rows = 2;
    if (all.size() * least_rows > high) all.resize(high / least_rows);
    if (all.empty() || wide < label_width + 2) return;
    const std::size_t each_high = std::min<std::size_t>(high / all.size(), 8);
    for (const graphed& each : all) {
        const double most = *std::max_element(each.values.begin(), each.values.end());
        const auto rows = block_graph(each.values, wide - label_width - 1, each_high, most);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            std::string label;
            if (i == 0) label = std::string(each.name) + " " + each.text(most);
            if (i + 1 == rows.size()) label = "0";
            to.push_back(fitted(label, label_width - 1, true) + " │" + rows[i]);
        }
    }
}

/// One message: as wide as each part's share, by the first letter of its name.
std::string message_row(const message_sample& of, std::size_t wide, const paint& look) {
    constexpr std::size_t bar_width = 30;
    std::string bar;
    std::string words;
    double sum = 0;
    for (const auto& [name, us] : of.parts_us)
        sum += us;
    for (const auto& [name, us] : of.parts_us) {
        if (us <= 0 || name.empty() || sum <= 0) continue;
        bar.append(static_cast<std::size_t>(std::lround(us / sum * bar_width)), name.front());
        words += (words.empty() ? "" : " · ") + name + " " + time_label(us);
    }
    bar.resize(std::min(bar.size(), bar_width));
    const std::string text =
        fmt::format("{} {} {} {}", fitted("#" + number_text(of.message), 8),
                    fitted(time_label(of.total_us), 7, true), fitted(bar, bar_width), words);
    return look.dim(one_row(text, wide));
}

}  // namespace

std::string block_bar(double share, std::size_t wide) {
    const auto parts =
        static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(wide) * 8));
    constexpr std::array ends{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    std::string bar;
    for (std::size_t i = 0; i < parts / 8; ++i)
        bar += "█";
    return bar + ends[parts % 8];
}

std::vector<std::string> block_graph(const std::vector<double>& values, std::size_t wide, std::size_t high,
                                     double most) {
    std::vector<std::string> rows(high);
    const std::size_t first = values.size() > wide ? values.size() - wide : 0;
    const std::size_t blanks = wide - (values.size() - first);
    for (std::size_t row = 0; row < high; ++row) {
        rows[row].assign(blanks, ' ');
        const double below = static_cast<double>(high - 1 - row) * 8;
        for (std::size_t i = first; i < values.size(); ++i) {
            const double level =
                most > 0 && values[i] > 0 ? values[i] / most * static_cast<double>(high) * 8 : 0;
            // What is there at all is seen: at least the lowest eighth.
            const double raised = level > 0 ? std::max(level, 1.0) : 0;
            rows[row] += eighths[static_cast<std::size_t>(std::clamp(raised - below + 0.5, 0.0, 8.0))];
        }
    }
    return rows;
}

std::vector<std::string> connection_rows(const watched_connection& of, const watched_connections& from,
                                         screen::extent size, const paint& look) {
    const std::string who = of.local.empty() ? of.peer : of.peer + " ↔ " + of.local;
    std::vector<std::string> rows{look.bold(one_row(who, size.columns))};
    if (!from.latest().trouble.empty())
        rows.push_back(look.put("31", one_row(from.latest().trouble, size.columns)));
    for (std::string& row : figure_rows(of, size.columns))
        rows.push_back(one_row(row, size.columns));
    for (std::string& row : blame_rows(of, size.columns, look))
        rows.push_back(std::move(row));
    const std::size_t last = size.rows - 1;
    const auto& messages = from.latest().messages;
    if (!messages.empty() && rows.size() + 2 < last) {
        rows.push_back(look.bold(
            one_row(_("The latest messages that were timed, and where their time went"), size.columns)));
        const std::size_t room = std::max<std::size_t>((last - rows.size()) / 3, 1);
        const std::size_t skipped = messages.size() > room ? messages.size() - room : 0;
        for (std::size_t i = skipped; i < messages.size(); ++i)
            rows.push_back(message_row(messages[i], size.columns, look));
    }
    if (last > rows.size()) add_graphs(rows, of.past, size.columns, last - rows.size());
    rows.resize(last);
    rows.push_back(
        look.dim(one_row(_("↑↓ the one before, the next · p pause · esc back · q quit"), size.columns)));
    return rows;
}

}  // namespace aperto::cli
