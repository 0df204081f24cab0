// SPDX-License-Identifier: MIT
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/expectation.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace aperto::lab {

namespace {

using subject = expectation::subject;

struct split_sentence {
    std::string_view left;
    std::string op;
    std::string_view right;
    std::size_t right_place = 0;
};

split_sentence split_at_operator(std::string_view text) {
    constexpr std::array<std::string_view, 8> operators{"<=", ">=", "!=", "==", "=", "<", ">", " takes "};
    std::size_t best = std::string_view::npos;
    std::string_view found;
    for (const auto op : operators) {
        const auto at = text.find(op);
        if (at < best) {
            best = at;
            found = op;
        }
    }
    if (best == std::string_view::npos) {
        throw bad_input(_("an expectation compares: write = 1, >= 2, takes 1s ± 20%, or one of: payload "
                          "intact, client exits 0"),
                        text.size());
    }
    const auto op = found == " takes " || found == "==" ? std::string("=") : std::string(found);
    return {trimmed(text.substr(0, best)), op, text.substr(best + found.size()), best + found.size()};
}

double read_value(const expectation& one, std::string_view text) {
    if (measures_time(one)) {
        return static_cast<double>(parse_duration(text).count());
    }
    if (one.what == subject::goodput) {
        return static_cast<double>(parse_rate(text));
    }
    const bool sized =
        one.what == subject::bytes || one.what == subject::largest || one.what == subject::smallest;
    return static_cast<double>(sized ? parse_size(text) : parse_count(text, 0, 1'000'000'000'000'000));
}

void read_right(expectation& out, const split_sentence& parts) {
    auto text = parts.right;
    auto mark = text.find("±");
    std::size_t mark_size = std::string_view("±").size();
    if (mark == std::string_view::npos) {
        mark = text.find("+-");
        mark_size = 2;
    }
    try {
        if (out.what == subject::computed && trimmed(text.substr(0, mark)) == "kernel") {
            out.against_kernel = true;
            out.tolerance =
                mark == std::string_view::npos ? 0 : parse_fraction(text.substr(mark + mark_size));
            return;
        }
        out.value = read_value(out, text.substr(0, mark));
        if (mark == std::string_view::npos) {
            return;
        }
        const auto spread = trimmed(text.substr(mark + mark_size));
        out.tolerance = spread.ends_with('%') ? out.value * parse_fraction(spread) : read_value(out, spread);
    } catch (const bad_input& wrong) {
        throw bad_input(wrong.what(), parts.right_place);
    }
    if (out.op != "=") {
        throw bad_input(_("± goes with = or takes only"), parts.right_place);
    }
}

std::vector<std::string> words_of(std::string_view text) {
    std::istringstream from{std::string(text)};
    std::vector<std::string> out;
    for (std::string word; from >> word;) {
        out.push_back(word);
    }
    return out;
}

selector selector_at(std::string_view whole, std::string_view part) {
    try {
        return parse_selector(part);
    } catch (const bad_input& wrong) {
        throw bad_input(wrong.what(), wrong.place() + static_cast<std::size_t>(part.data() - whole.data()));
    }
}

/// "client rtt median", "server reported reads", …: a side and what of it. False when it is no such thing.
bool read_side_figure(const std::vector<std::string>& words, expectation& out) {
    if (words.size() < 2 || (words[0] != "client" && words[0] != "server")) {
        return false;
    }
    out.host = words[0] == "client" ? side::client : side::server;
    const auto third = words.size() == 3 ? words[2] : std::string();
    if (words.size() == 2 && words[1] == "bytes") {
        out.what = subject::bytes;
    } else if (words.size() == 2 && words[1] == "mss") {
        out.what = subject::mss;
    } else if (words[1] == "rtt" &&
               (third == "min" || third == "median" || third == "p99" || third == "last")) {
        out.what = subject::rtt;
    } else if (words[1] == "computed" && (third == "rto" || third == "srtt")) {
        out.what = subject::computed;
    } else if (words[1] == "kernel" && (third == "rto" || third == "srtt")) {
        out.what = subject::kernel_timer;
    } else if (words[1] == "kernel" && !third.empty()) {
        out.what = subject::kernel_counter;
    } else if ((words[1] == "cwnd" || words[1] == "ssthresh") &&
               (third == "first" || third == "last" || third == "min" || third == "max")) {
        out.what = words[1] == "cwnd" ? subject::cwnd : subject::ssthresh;
    } else if (words[1] == "reported" && !third.empty()) {
        out.what = subject::reported;
    } else {
        return false;
    }
    out.word = third;
    return true;
}

bool read_figure(std::string_view left, expectation& out) {
    const auto words = words_of(left);
    const auto is = [&](std::initializer_list<const char*> wanted) {
        return std::equal(words.begin(), words.end(), wanted.begin(), wanted.end());
    };
    if (is({"handshake"})) {
        out.what = subject::handshake;
    } else if (is({"zero-window", "episodes"})) {
        out.what = subject::episodes;
    } else if (is({"time", "in", "zero", "window"})) {
        out.what = subject::zero_time;
    } else if (is({"connections"})) {
        out.what = subject::connections;
    } else if (words.size() == 3 && (words[0] == "largest" || words[0] == "smallest") &&
               words[2] == "segment" && (words[1] == "client" || words[1] == "server")) {
        out.what = words[0] == "largest" ? subject::largest : subject::smallest;
        out.host = words[1] == "client" ? side::client : side::server;
    } else if (is({"goodput", "from", "client"}) || is({"goodput", "from", "server"})) {
        out.what = subject::goodput;
        out.host = words[2] == "client" ? side::client : side::server;
    } else {
        return read_side_figure(words, out);
    }
    return true;
}

void read_left(std::string_view whole, std::string_view left, expectation& out) {
    if (left.starts_with("from ")) {
        const auto to = left.find(" to ");
        if (to == std::string_view::npos) {
            throw bad_input(_("write: from SELECTOR to SELECTOR takes TIME"), left.size());
        }
        out.what = subject::gap;
        out.first = selector_at(whole, left.substr(5, to - 5));
        out.second = selector_at(whole, left.substr(to + 4));
    } else if (!read_figure(left, out)) {
        out.what = subject::count;
        out.first = selector_at(whole, left);
    }
}

/// The sentences without a comparison.
bool read_plain(std::string_view text, expectation& out) {
    const auto words = words_of(text);
    if (words.size() == 2 && words[0] == "payload" && words[1] == "intact") {
        out.what = subject::intact;
        return true;
    }
    if (words.size() < 3 || (words[0] != "client" && words[0] != "server")) {
        return false;
    }
    out.host = words[0] == "client" ? side::client : side::server;
    if (words.size() == 3 && words[1] == "exits") {
        out.what = subject::exits;
        out.value = static_cast<double>(parse_count(words[2], 0, 255));
        return true;
    }
    const auto open = text.find('"');
    const auto close = text.rfind('"');
    if (words[1] == "prints" && open != std::string_view::npos && close > open + 1) {
        out.what = subject::prints;
        out.word = std::string(text.substr(open + 1, close - open - 1));
        return true;
    }
    return false;
}

}  // namespace

bool measures_time(const expectation& one) {
    return one.what == subject::gap || one.what == subject::handshake || one.what == subject::zero_time ||
           one.what == subject::rtt || one.what == subject::computed || one.what == subject::kernel_timer;
}

expectation parse_expectation(std::string_view text) {
    expectation out;
    out.text = std::string(trimmed(text));
    text = out.text;
    if (read_plain(text, out)) {
        return out;
    }
    const auto parts = split_at_operator(text);
    out.op = parts.op;
    read_left(text, parts.left, out);
    read_right(out, parts);
    return out;
}

}  // namespace aperto::lab
