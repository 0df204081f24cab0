// SPDX-License-Identifier: MIT
// What happened, as text: a line an event, and the last events as a ladder.
#include "sim/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace aperto::sim {
namespace {

constexpr std::array<std::string_view, 24> names{
    "SYN",     "SYN/ACK", "ACK",    "data",      "FIN",     "RST",       "listen", "accept",
    "connect", "receive", "send",   "shut down", "close",   "resolve",   "cancel", "lost",
    "refused", "cut off", "joined", "died",      "crashed", "timed out", "note",   "?"};

bool between_hosts(const event& of) noexcept {
    return of.is_packet() || of.what == happening::lost || of.what == happening::refused;
}

/// "data 0-14", "receive 14 B at 0", "connect: ECONNREFUSED".
std::string text_of(const event& of, const network& net) {
    if (of.what == happening::note) return net.note_text(of);
    std::string text(to_string(of.what));
    if (of.what == happening::listen) return text + fmt::format(" on port {}", of.size);
    if (of.what == happening::data) return text + fmt::format(" {}-{}", of.offset, of.offset + of.size);
    if (of.what == happening::lost && of.size > 0)
        return text + fmt::format(" {}-{}", of.offset, of.offset + of.size);
    if (of.what == happening::close && of.result < 0) return text + " with a reset";
    if (of.result < 0) return text + fmt::format(": {}", strerrorname_np(-of.result));
    if (of.what == happening::receive || of.what == happening::send)
        text += of.size > 0 ? fmt::format(" {} B at {}", of.size, of.offset)
                            : std::string(" the end of the stream");
    return text;
}

std::string time_of(const event& of) {
    return fmt::format("{:>12.3f} ms", static_cast<double>(of.at.count()) / 1e6);
}

std::string connection_of(const event& of) {
    return of.connection > 0 ? fmt::format(" #{}", of.connection) : "";
}

// ---- the ladder

constexpr std::size_t column = 30;

/// One line, built column by column; every character that is not ASCII here is one column wide.
class rung {
public:
    explicit rung(std::size_t hosts) : cells_(column * std::max<std::size_t>(hosts, 1) + 1, " ") {
        for (std::size_t i = 0; i < hosts; ++i)
            cells_[i * column] = "│";
    }
    void put(std::size_t at, std::string_view ascii) {
        for (const char each : ascii) {
            if (at >= cells_.size()) cells_.emplace_back(" ");
            cells_[at++] = std::string(1, each);
        }
    }
    void arrow(std::size_t from, std::size_t to, std::string_view label, bool arrives) {
        const std::size_t left = std::min(from, to) * column;
        const std::size_t right = std::max(from, to) * column;
        for (std::size_t at = left + 1; at < right; ++at)
            cells_[at] = "─";
        const std::size_t middle = (left + right) / 2;
        put(middle - std::min(middle - left - 1, label.size() / 2), label);
        if (!arrives)
            cells_[to > from ? right - 3 : left + 3] = "✗";
        else if (to > from)
            cells_[right - 1] = "▶";
        else
            cells_[left + 1] = "◀";
    }
    std::string text() const {
        std::string all;
        for (const std::string& each : cells_)
            all += each;
        while (all.ends_with(' '))
            all.pop_back();
        return all;
    }

private:
    std::vector<std::string> cells_;
};

std::string rung_of(const event& of, const network& net) {
    rung line(net.hosts());
    std::string label = text_of(of, net) + connection_of(of);
    if (between_hosts(of) && of.host != of.peer) {
        line.arrow(of.host, of.peer, " " + label.substr(0, column - 8) + " ", of.what != happening::lost);
    } else if (of.what == happening::note) {
        return "  " + label;
    } else {
        line.put(of.host * column + 2, label);
    }
    return line.text();
}

}  // namespace

std::string_view to_string(happening what) noexcept {
    return names[std::min<std::size_t>(static_cast<std::size_t>(what), names.size() - 1)];
}

std::string world::log() const {
    std::string all;
    for (const event& each : net_->events()) {
        const std::string& from = net_->hosts() > each.host ? net_->at(each.host).name : "";
        std::string who = from;
        if (between_hosts(each) || each.what == happening::cut_off || each.what == happening::joined)
            who += " -> " + net_->at(each.peer).name;
        if (each.what == happening::note) who = "test";
        all += fmt::format("{}  {}: {}{}\n", time_of(each), who, text_of(each, *net_), connection_of(each));
    }
    return all;
}

std::string world::ladder(std::size_t last) const {
    const std::vector<event>& all = net_->events();
    std::string text = std::string(17, ' ');
    for (std::size_t i = 0; i < net_->hosts(); ++i)
        text += fmt::format("{:<{}}", net_->at(static_cast<std::uint16_t>(i)).name, column);
    while (text.ends_with(' '))
        text.pop_back();
    text += '\n';
    if (all.size() > last) text += fmt::format("{:>15}  {} events before\n", "…", all.size() - last);
    for (std::size_t i = all.size() - std::min(last, all.size()); i < all.size(); ++i)
        text += time_of(all[i]) + "  " + rung_of(all[i], *net_) + "\n";
    return text;
}

}  // namespace aperto::sim
