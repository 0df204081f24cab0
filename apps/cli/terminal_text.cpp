// SPDX-License-Identifier: MIT
#include "cli/terminal_text.hpp"

#include "cli/options/quantity.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "core/utf8.hpp"

#include <initializer_list>
#include <limits>
#include <string_view>
#include <utility>

namespace aperto::cli {

std::string one_row(std::string_view bytes, std::size_t columns) {
    std::string row;
    std::size_t used = 0;
    std::size_t kept = 0;  // bytes of the row that leave a column for the "…"
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end) {
        const utf8::step step = utf8::decode(at, end);
        const std::size_t before = row.size();
        log_safe({at, step.size}, row);
        used += display_width(std::string_view(row).substr(before));
        if (used > columns) return row.substr(0, kept) + "…";
        if (used < columns) kept = row.size();
        at += step.size;
    }
    return row;
}

void terminal_filter::feed(std::string_view piece, std::string& out) {
    held_ += piece;
    std::size_t whole = utf8::complete_prefix(held_);
    if (whole != 0 && whole == held_.size() && held_.back() == '\r') --whole;
    std::string_view rest = std::string_view(held_).substr(0, whole);
    if (rest.empty()) return;
    // log_safe doubles a backslash, so that a log can be read back; here nobody reads back.
    constexpr std::string_view passed = "\n\t\\";
    while (!rest.empty()) {
        const std::size_t plain = std::min(rest.find_first_of(passed), rest.size());
        std::string_view text = rest.substr(0, plain);
        const bool crlf = plain < rest.size() && rest[plain] == '\n' && text.ends_with('\r');
        if (crlf) text.remove_suffix(1);
        log_safe(text, out, std::numeric_limits<std::size_t>::max());
        if (plain < rest.size()) out += rest[plain];
        rest.remove_prefix(std::min(plain + 1, rest.size()));
    }
    within_line_ = out.back() != '\n';
    held_.erase(0, whole);
}

void terminal_filter::finish(std::string& out) {
    log_safe(std::exchange(held_, {}), out, std::numeric_limits<std::size_t>::max());
    if (std::exchange(within_line_, false) || (!out.empty() && out.back() != '\n')) out += '\n';
}

namespace {

using std::string;

/// The parts that are there, with ` · ` or another separator between them.
string join(std::initializer_list<string> parts, std::string_view separator = " · ") {
    string all;
    for (const string& part : parts) {
        if (part.empty()) continue;
        if (!all.empty()) all += separator;
        all += part;
    }
    return all;
}

template <class Number>
string size_phrase(const char* translated, const std::optional<Number>& bytes) {
    return bytes ? sentence(translated, size_text(*bytes)) : string();
}

string time_phrase(const char* translated, const std::optional<std::chrono::microseconds>& time) {
    return time ? sentence(translated, duration_text(*time)) : string();
}

template <class Number>
string mss_phrase(const std::optional<Number>& bytes) {
    return size_phrase(_("MSS {}"), bytes);
}
template <class Number>
string window_phrase(const std::optional<Number>& bytes) {
    return size_phrase(_("window {}"), bytes);
}
string round_trip_phrase(const tcp_facts& facts) { return time_phrase(_("round trip {}"), facts.rtt); }

string scale_phrase(const std::optional<std::uint8_t>& bits) {
    return bits ? sentence(_("the server's windows count in units of {} B"),
                           grouped(std::uint64_t{1} << *bits))
                : string();
}

/// "SYN      →  …"
string packet_line(std::string_view packet, const string& what) {
    return fmt::format("{:<7}  {}", packet, what);
}

/// What the side that sends with `facts` puts into a segment.
string segments_phrase(const tcp_facts& facts) {
    return size_phrase(_("segments of up to {}"), facts.send_mss);
}

/// The kernel tells the window it has advertised last, which here is the one of this ACK.
string connected_line(const tcp_facts& client) {
    return packet_line("ACK", "→  " + join({_("connected"), window_phrase(client.receive_window),
                                            round_trip_phrase(client)}));
}

/// What else is in force, each by its name.
string extras_line(const tcp_facts& client) {
    const string named = join({client.sack ? "SACK" : "", client.timestamps ? _("timestamps") : "",
                               client.ecn ? "ECN" : "", scale_phrase(client.send_window_scale)});
    // translators: stands before a list of TCP extensions that both sides use; at most 7 letters
    return named.empty() ? string() : packet_line(_("agreed"), "   " + named);
}

/// What every later segment is held to.
string later_line(const tcp_facts& client) {
    const string named =
        join({segments_phrase(client),
              time_phrase(_("what is not acknowledged within {} is sent again (RTO)"), client.rto)});
    // translators: stands before what holds after the handshake; at most 7 letters
    return named.empty() ? string() : packet_line(_("then"), "→  " + named);
}

std::vector<string> lines_of(const tcp_facts& client, const string& asked, const string& answered) {
    std::vector<string> found;
    if (!asked.empty()) found.push_back(packet_line("SYN", "→  " + asked));
    if (!answered.empty()) found.push_back(packet_line("SYN/ACK", "←  " + answered));
    for (const string& line : {connected_line(client), extras_line(client), later_line(client)})
        if (!line.empty()) found.push_back(line);
    return found;
}

}  // namespace

string handshake_summary(const tcp_facts& server) {
    if (const auto& who = server.process)
        return sentence(_("process {} of user {}"), std::to_string(who->process), std::to_string(who->user));
    const bool saved = server.client_syn.has_value();
    return join(
        {saved ? mss_phrase(server.client_syn->mss) : segments_phrase(server),
         saved ? window_phrase(std::optional(server.client_syn->window)) : window_phrase(server.send_window),
         round_trip_phrase(server)});
}

std::vector<string> handshake_lines(const tcp_facts& client) {
    // The window of the own SYN and the MSS of the server's SYN/ACK, the kernel does not tell.
    return lines_of(client, mss_phrase(client.advertised_mss), window_phrase(client.send_window));
}

std::vector<string> handshake_lines(const tcp_facts& client, const tcp_facts& server) {
    if (!server.client_syn) return handshake_lines(client);
    const syn_facts& syn = *server.client_syn;
    const string asked = join({mss_phrase(syn.mss), window_phrase(std::optional(syn.window))}, ", ");
    const string answered =
        join({mss_phrase(server.advertised_mss), window_phrase(client.send_window)}, ", ");
    return lines_of(client, asked, answered);
}

string retransmissions_text(const tcp_facts& facts) {
    if (!facts.retransmissions) return {};
    if (*facts.retransmissions == 0) return _("nothing sent twice");
    return counted("{} segment sent again", "{} segments sent again", *facts.retransmissions);
}

string conversation_summary(const tcp_facts& facts) {
    const string variance =
        facts.rtt_variance ? sentence(_("give or take {}"), duration_text(*facts.rtt_variance)) : string();
    const string segments = facts.segments_out && facts.segments_in
                                ? counted("{} segment out, {} in", "{} segments out, {} in",
                                          *facts.segments_out, grouped(*facts.segments_in))
                                : string();
    return join({join({round_trip_phrase(facts), variance}, ", "), segments, retransmissions_text(facts)});
}

}  // namespace aperto::cli
