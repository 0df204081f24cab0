// SPDX-License-Identifier: MIT
#include "lab/view/ladder.hpp"

#include "core/display.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/box.hpp"

#include <langinfo.h>

#include <algorithm>
#include <array>

namespace aperto::lab {

namespace {

constexpr std::size_t left_columns = 10;
constexpr std::size_t right_columns = 9;
constexpr std::size_t number_columns = 5;
constexpr std::size_t words_columns = 44;
constexpr std::size_t arrow_columns_max = 62;
constexpr std::size_t arrow_columns_min = 24;

std::string times(std::size_t count, const char* glyph) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        out += glyph;
    }
    return out;
}

std::string padded(const std::string& text, std::size_t columns) {
    const auto have = display_width(text);
    return have >= columns ? text : text + std::string(columns - have, ' ');
}

}  // namespace

std::string to_ascii(std::string_view text) {
    struct pair {
        std::string_view from;
        std::string_view to;
    };
    constexpr std::array<pair, 31> known{
        {{"–", "-"},  {"·", "|"},  {"…", "..."}, {"✗", "X"}, {"×", "x"}, {"µ", "u"}, {"✓", "ok"}, {"→", "->"},
         {"←", "<-"}, {"≤", "<="}, {"±", "+-"},  {"º", "o"}, {"│", "|"}, {"á", "a"}, {"à", "a"},  {"â", "a"},
         {"ã", "a"},  {"ç", "c"},  {"é", "e"},   {"ê", "e"}, {"í", "i"}, {"ó", "o"}, {"ô", "o"},  {"õ", "o"},
         {"ú", "u"},  {"Á", "A"},  {"Ã", "A"},   {"Ç", "C"}, {"É", "E"}, {"Í", "I"}, {"Ó", "O"}}};
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        if (static_cast<unsigned char>(text[at]) < 0x80U) {
            out += text[at++];
            continue;
        }
        const auto found = std::find_if(known.begin(), known.end(), [&](const pair& one) {
            return text.substr(at).starts_with(one.from);
        });
        out += found == known.end() ? std::string_view("?") : found->to;
        ++at;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U) {
            ++at;
        }
    }
    return out;
}

std::string ladder_style::fitted(const std::string& text, std::size_t indent) const {
    return wrap(ascii ? to_ascii(text) : text, wraps ? columns : 0, indent);
}

std::string ladder_style::squeezed(const std::string& line) const {
    if (!wraps || display_width(line) <= columns) {
        return line;
    }
    std::string out;
    std::size_t spaces = 0;
    for (const char one : line) {
        spaces = one == ' ' ? spaces + 1 : 0;
        if (spaces <= 2) {
            out += one;
        }
    }
    return out;
}

ladder_style style_for(std::FILE* file) {
    ladder_style out;
    const int number = ::fileno(file);
    const auto known = asked_columns() != 0 ? asked_columns() : terminal_columns(number);
    out.wraps = known != 0;
    out.columns = std::clamp<std::size_t>(known != 0 ? known : out.columns, 50, 240);
    out.colour = takes_colour(number);
    out.ascii = std::string_view(::nl_langinfo(CODESET)) != "UTF-8";
    return out;
}

std::string arrow_label(const event& one, std::size_t room) {
    const auto& seen = one.seen;
    if (!seen.is_tcp) {
        return seen.protocol == 1 || seen.protocol == 58 ? sentence("ICMP {} B", seen.length)
                                                         : sentence(_("other, {} B"), seen.length);
    }
    std::string label;
    if (seen.payload > 0) {
        const auto last = one.end_sequence - (seen.has(tcp_flag::fin) ? 1U : 0U);
        label = fmt::format("{}–{}", number_text(one.sequence), number_text(last - 1));
        auto flags = flags_text(seen.flags & static_cast<std::uint16_t>(~tcp_flag::ack));
        label += flags == "-" ? "" : " " + flags;
    } else if (seen.flags == tcp_flag::ack) {
        label = "ACK " + number_text(one.acknowledgement);
    } else {
        const auto hidden = seen.has(tcp_flag::syn) ? 0U : unsigned{tcp_flag::ack};
        label = flags_text(static_cast<std::uint16_t>(seen.flags & ~hidden));
        label += " " + number_text(one.sequence);
    }
    const auto try_add = [&](const std::string& more) {
        if (display_width(label) + display_width(more) <= room) {
            label += more;
        }
    };
    if (seen.payload > 0) {
        try_add(fmt::format(" ({} B)", number_text(seen.payload)));
    }
    if (seen.has(tcp_flag::ack) && (seen.payload > 0 || seen.flags != tcp_flag::ack)) {
        try_add(" ack " + number_text(one.acknowledgement));
    }
    if (!seen.has(tcp_flag::rst)) {
        try_add(" win " + number_text(one.window));
    }
    return label;
}

bool ladder::words_below() const {
    return style_.columns < left_columns + right_columns + number_columns + words_columns + 40;
}

std::size_t ladder::arrow_width() const {
    const auto taken = left_columns + right_columns + number_columns + (words_below() ? 0 : words_columns);
    const auto left = style_.columns > taken ? style_.columns - taken : 0;
    return std::clamp(left, arrow_columns_min, arrow_columns_max);
}

std::string ladder::paint(const event& one, const std::string& text) const {
    if (!style_.colour) {
        return text;
    }
    const char* colour = "";
    if (one.end == fate::lost || one.is(mark::bad_checksum)) {
        colour = "\033[31m";
    } else if (one.is(mark::retransmission)) {
        colour = "\033[33m";
    } else if (one.is(mark::zero_window | mark::probe | mark::window_update)) {
        colour = "\033[35m";
    } else if (one.is(mark::duplicate_ack | mark::sack | mark::dsack | mark::out_of_order |
                      mark::overtaken)) {
        colour = "\033[36m";
    } else if (one.seen.flags & (tcp_flag::syn | tcp_flag::fin | tcp_flag::rst)) {
        colour = "\033[32m";
    } else if (one.seen.payload == 0) {
        colour = "\033[2m";
    }
    return *colour == '\0' ? text : colour + text + "\033[0m";
}

/// Rightwards: |-- label ------->|   lost: |-- label --- X lost: why      leftwards the mirror image.
std::string ladder::arrow(const event& one, const std::string& label, const std::string& loss) const {
    const auto width = arrow_width();
    const char* line = glyph("─", "-");
    const bool right = one.from == side::client;
    const auto fill = [&](std::size_t used) { return times(width > used ? width - used : 1, line); };
    const auto name = display_width(label);
    if (one.end == fate::lost) {
        const auto why = display_width(loss);
        const auto used = name + why + 11;
        const auto stroke = times(width > used + 3 ? (width - used) / 2 + 1 : 2, line);
        const auto cross = glyph("✗", "X");
        const auto text =
            right ? fmt::format("{}{}{} {} {} {} {}", glyph("├", "|"), line, line, label, stroke, cross, loss)
                  : fmt::format("{} {} {} {} {}{}", loss, cross, stroke, label, line, glyph("┤", "|"));
        const auto have = display_width(text);
        return right || have >= width ? padded(text, width) : std::string(width - have, ' ') + text;
    }
    const auto rest = fill(name + 7);
    return right ? fmt::format("{}{}{} {} {}{}{}", glyph("├", "|"), line, line, label, rest, glyph("▶", ">"),
                               glyph("┤", "|"))
                 : fmt::format("{}{}{} {} {}{}{}", glyph("├", "|"), glyph("◀", "<"), rest, label, line, line,
                               glyph("┤", "|"));
}

std::string ladder::heading() const {
    const auto client = fmt::format("{} {}", _("client"), host_address(false, style_.v6).text());
    const auto server = fmt::format("{} {}", _("server"), host_address(true, style_.v6).text());
    const auto width = left_columns + arrow_width();
    const auto room =
        width > display_width(server) ? width - display_width(server) : display_width(client) + 1;
    return padded(client, room) + server + "\n";
}

std::string ladder::rung(const event& one) {
    const auto width = arrow_width();
    const auto loss = narrator_.loss(one);
    const auto flow = one.flow > 1 ? fmt::format("[{}] ", one.flow) : std::string();
    // A loss whose name leaves the arrow no room, for its strokes and for what a label never leaves out, is told among the words.
    constexpr std::size_t label_columns_min = 20;
    constexpr std::size_t stroke_columns = 10;
    const auto least = display_width(flow) + display_width(arrow_label(one, 0)) + stroke_columns;
    const bool on_arrow = !words_below() && display_width(loss) + std::max(label_columns_min, least) <= width;
    const auto shown_loss = on_arrow ? loss : std::string();
    const auto room =
        width - 8 - display_width(flow) -
        (one.end == fate::lost ? std::min<std::size_t>(display_width(shown_loss) + 4, width - 20) : 0);
    const auto label = flow + arrow_label(one, room);
    auto words = narrator_.about(one);
    if (!on_arrow && !loss.empty()) {
        words = loss + (words.empty() ? "" : " · ") + words;
    }
    const auto at_client = one.from == side::client ? milliseconds_text(one.sent, 2)
                           : one.end == fate::lost  ? ""
                                                    : milliseconds_text(one.arrived, 2);
    const auto at_server = one.from == side::server ? milliseconds_text(one.sent, 2)
                           : one.end == fate::lost  ? ""
                                                    : milliseconds_text(one.arrived, 2);
    auto line = fmt::format("{:>{}}", at_client, left_columns - 1) + " ";
    if (!unit_shown_ && !at_client.empty()) {
        unit_shown_ = true;
        line = padded(fmt::format("{:>{}}ms", at_client, left_columns - 3), left_columns);
    }
    line += arrow(one, label, shown_loss);
    line = padded(line, left_columns + width) +
           fmt::format("{:>{}}{:>{}}", at_server, right_columns, one.number, number_columns);
    auto out = paint(one, style_.ascii ? to_ascii(line) : line);
    if (!words.empty()) {
        const auto indent =
            words_below() ? left_columns + 2 : left_columns + width + right_columns + number_columns + 2;
        const auto space = style_.columns > indent + 20 ? style_.columns - indent : 20;
        const auto text = wrap(style_.ascii ? to_ascii(words) : words, indent + space, indent, indent);
        out += words_below() ? "\n" + std::string(indent, ' ') : std::string("  ");
        out += paint(one, text);
    }
    return out + "\n";
}

std::string ladder::gap(std::uint64_t count) const {
    const auto text = counted("… {} packet like these …", "… {} packets like these …", count);
    return std::string(left_columns + 2, ' ') + text + "\n";
}

}  // namespace aperto::lab
