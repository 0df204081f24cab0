// SPDX-License-Identifier: MIT
#include "lab/analysis/selector.hpp"

#include "core/i18n.hpp"
#include "lab/analysis/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace aperto::lab {

namespace {

bool repeats(const selector& wanted, const event& one) {
    if (!one.is(mark::retransmission)) {
        return false;
    }
    if (wanted.times && !wanted.times->holds(one.resent_times)) {
        return false;
    }
    if (wanted.cause && *wanted.cause != one.resent_by) {
        return false;
    }
    if (!wanted.numbers) {
        return true;
    }
    // SYN and FIN are sent anew once a connection: their one original is number 1.
    const bool control = wanted.what == kind::syn || wanted.what == kind::syn_ack || wanted.what == kind::fin;
    if (control) {
        return wanted.numbers->holds(1);
    }
    return one.resent_first != 0 && wanted.numbers->first <= one.resent_last &&
           one.resent_first <= wanted.numbers->last;
}

bool kind_fits(const selector& wanted, const event& one) {
    if (!one.is_kind(wanted.what)) {
        return false;
    }
    if (wanted.retransmission) {
        return repeats(wanted, one);
    }
    return !wanted.numbers || wanted.numbers->holds(one.ordinal[static_cast<std::size_t>(wanted.what)]);
}

}  // namespace

bool selector::matches(const event& one) const noexcept {
    if (from && *from != one.from) {
        return false;
    }
    if (flow && *flow != one.flow) {
        return false;
    }
    if (one.struck(fault::copy) && (faults & fault::copy) == 0 && end != fate::delivered) {
        return false;  // no host sent it, so it is not what the words name
    }
    if ((one.marks & marks) != marks || (one.faults & faults) != faults || (end && *end != one.end)) {
        return false;
    }
    if (bytes) {
        const auto first = one.end_sequence - one.seen.payload;
        return one.seen.payload > 0 && first <= bytes->last && bytes->first < one.end_sequence;
    }
    return kind_fits(*this, one);
}

namespace {

struct kind_word {
    std::string_view text;
    kind what;
};

constexpr std::array<kind_word, 22> kinds{{{"packet", kind::packet},
                                           {"syn", kind::syn},
                                           {"syn-ack", kind::syn_ack},
                                           {"syn/ack", kind::syn_ack},
                                           {"ack", kind::ack},
                                           {"data", kind::data},
                                           {"segment", kind::data},
                                           {"fin", kind::fin},
                                           {"rst", kind::rst},
                                           {"reset", kind::rst},
                                           {"zero-window", kind::zero_window},
                                           {"window-update", kind::window_update},
                                           {"probe", kind::probe},
                                           {"zero-window-probe", kind::probe},
                                           {"keepalive", kind::keepalive},
                                           {"duplicate-ack", kind::duplicate_ack},
                                           {"dup-ack", kind::duplicate_ack},
                                           {"sack", kind::sack},
                                           {"d-sack", kind::dsack},
                                           {"dsack", kind::dsack},
                                           {"icmp", kind::icmp},
                                           {"other", kind::other}}};

/// The words of a selector with the place each begins at.
class selector_reader {
public:
    explicit selector_reader(std::string_view text) : text_(text) { next(); }

    bool at_end() const noexcept { return word_.empty(); }
    std::string_view word() const noexcept { return word_; }
    std::size_t place() const noexcept { return place_; }

    void next() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) {
            ++at_;
        }
        place_ = at_;
        while (at_ < text_.size() && text_[at_] != ' ' && text_[at_] != '\t' &&
               (text_[at_] != '#' || at_ == place_)) {
            ++at_;
        }
        word_ = text_.substr(place_, at_ - place_);
    }

    bool take(std::string_view word) {
        if (word_ != word) {
            return false;
        }
        next();
        return true;
    }

    [[noreturn]] void refuse(const std::string& why) const { throw bad_input(why, place_); }

private:
    std::string_view text_;
    std::string_view word_;
    std::size_t at_ = 0;
    std::size_t place_ = 0;
};

std::uint64_t read_number(const selector_reader& from, std::string_view digits) {
    std::uint64_t value = 0;
    const auto [stopped, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || failed != std::errc{} || stopped != digits.data() + digits.size()) {
        from.refuse(fmt::format(fmt::runtime(_("'{}' is not a number; write 3, 3..7 or 3+")),
                                std::string(from.word())));
    }
    return value;
}

/// "3", "3..7" or "3+".
number_range read_range(const selector_reader& from, std::string_view text) {
    number_range range;
    const auto dots = text.find("..");
    if (dots != std::string_view::npos) {
        range.first = read_number(from, text.substr(0, dots));
        range.last = read_number(from, text.substr(dots + 2));
    } else if (text.ends_with('+')) {
        range.first = read_number(from, text.substr(0, text.size() - 1));
    } else {
        range.first = range.last = read_number(from, text);
    }
    if (range.first == 0 || range.last < range.first) {
        from.refuse(
            fmt::format(fmt::runtime(_("'{}' names nothing: packets and bytes are counted from 1, upwards")),
                        std::string(text)));
    }
    return range;
}

std::optional<number_range> read_hash(selector_reader& from) {
    if (!from.word().starts_with('#')) {
        return std::nullopt;
    }
    const auto range = read_range(from, from.word().substr(1));
    from.next();
    return range;
}

std::optional<kind> kind_named(std::string_view word) {
    for (const auto& [text, what] : kinds) {
        if (word == text ||
            (word.size() == text.size() + 1 && word.starts_with(text) && word.back() == 's')) {
            return what;
        }
    }
    return std::nullopt;
}

bool is_retransmission(std::string_view word) {
    return word == "retransmission" || word == "retransmissions" || word == "retransmission-of" ||
           word == "retransmissions-of";
}

struct adjective {
    std::string_view text;
    std::uint32_t marks;
    std::uint32_t faults;
    std::optional<fate> end;
    std::optional<resend_cause> cause;
};

const std::array<adjective, 21>& adjectives() {
    static const std::array<adjective, 21> all{{{"lost", 0, 0, fate::lost, {}},
                                                {"delivered", 0, 0, fate::delivered, {}},
                                                {"corrupted", 0, fault::corrupted, {}, {}},
                                                {"duplicated", 0, fault::duplicated, {}, {}},
                                                {"copied", 0, fault::copy, {}, {}},
                                                {"held", 0, fault::held, {}, {}},
                                                {"reordered", 0, fault::reordered, {}, {}},
                                                {"ce-marked", mark::congestion, 0, {}, {}},
                                                {"out-of-order", mark::out_of_order, 0, {}, {}},
                                                {"late", mark::fills_gap, 0, {}, {}},
                                                {"repeated", mark::seen_before, 0, {}, {}},
                                                {"overtaken", mark::overtaken, 0, {}, {}},
                                                {"window-full", mark::window_full, 0, {}, {}},
                                                {"timeout", 0, 0, {}, resend_cause::timeout},
                                                {"after-timeout", 0, 0, {}, resend_cause::after_timeout},
                                                {"fast", 0, 0, {}, resend_cause::fast},
                                                {"too-big", 0, 0, {}, resend_cause::too_big},
                                                {"tail-probe", 0, 0, {}, resend_cause::tail_probe},
                                                {"repeated-syn", 0, 0, {}, resend_cause::repeated_syn},
                                                {"syn-data", 0, 0, {}, resend_cause::syn_data},
                                                {"closed-window", 0, 0, {}, resend_cause::closed_window}}};
    return all;
}

bool read_adjective(selector_reader& from, selector& out) {
    for (const auto& one : adjectives()) {
        if (from.word() == one.text) {
            out.marks |= one.marks;
            out.faults |= one.faults;
            out.end = one.end ? one.end : out.end;
            out.cause = one.cause ? one.cause : out.cause;
            from.next();
            return true;
        }
    }
    return false;
}

bool read_place(selector_reader& from, selector& out) {
    if (from.take("client") || from.take("client's")) {
        out.from = side::client;
        return true;
    }
    if (from.take("server") || from.take("server's")) {
        out.from = side::server;
        return true;
    }
    if (from.word() == "flow") {
        from.next();
        const auto range = read_hash(from);
        if (!range || range->first != range->last ||
            range->first > std::numeric_limits<std::uint32_t>::max()) {
            from.refuse(_("write the connection's number: flow#1"));
        }
        out.flow = static_cast<std::uint32_t>(range->first);
        return true;
    }
    return false;
}

void read_noun(selector_reader& from, selector& out) {
    if (from.take("bytes")) {
        out.bytes = read_range(from, from.word());
        from.next();
        return;
    }
    const auto what = kind_named(from.word());
    if (!what) {
        const auto why = from.at_end() ? std::string(_("a kind of packet is missing"))
                                       : fmt::format(fmt::runtime(_("'{}' is no kind of packet")),
                                                     std::string(from.word()));
        from.refuse(
            why + "; " +
            _("the kinds are: packet syn syn-ack ack data fin rst zero-window window-update probe keepalive "
              "duplicate-ack sack d-sack retransmission icmp other, or: bytes 1..100"));
    }
    out.what = *what;
    from.next();
    // "zero-window probes" as people say it
    if (out.what == kind::zero_window && kind_named(from.word()) == kind::probe) {
        out.what = kind::probe;
        from.next();
    }
    out.numbers = read_hash(from);
}

/// "retransmission-of client data#3", "retransmission#2 of …", "fast retransmissions".
void read_retransmission(selector_reader& from, selector& out) {
    const bool of_follows = from.word().ends_with("-of");
    from.next();
    out.retransmission = true;
    out.times = read_hash(from);
    if (of_follows || from.take("of")) {
        while (read_place(from, out)) {
        }
        read_noun(from, out);
    }
}

}  // namespace

selector parse_selector(std::string_view text) {
    selector_reader from(text);
    selector out;
    while (read_adjective(from, out) || read_place(from, out)) {
    }
    if (is_retransmission(from.word())) {
        read_retransmission(from, out);
    } else {
        read_noun(from, out);
    }
    if (out.cause && !out.retransmission) {
        throw bad_input(_("only a retransmission has a cause: write 'timeout retransmissions'"));
    }
    if (!from.at_end()) {
        from.refuse(fmt::format(fmt::runtime(_("'{}' is too much here")), std::string(from.word())));
    }
    out.text = std::string(text);
    return out;
}

}  // namespace aperto::lab
