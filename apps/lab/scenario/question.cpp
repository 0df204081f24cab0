// SPDX-License-Identifier: MIT
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/lesson.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace aperto::lab {

namespace {

using form = question::form;

constexpr std::array<std::string_view, 5> topic_names{"", "establishment", "flow", "sequence", "errors"};

/// "1,460", "1.460" and "1 460 bytes" are the same number, whatever the language, and so are "12.5" and "12,5": what three
/// digits follow parts thousands. A word behind it does not count, a single letter might be a unit of another size.
std::optional<std::string> read_number(std::string_view text) {
    const auto end = text.find_first_not_of("0123456789., ");
    const auto word = end == std::string_view::npos ? std::string_view{} : text.substr(end);
    const auto is_letter = [](char one) { return (one | 0x20) >= 'a' && (one | 0x20) <= 'z'; };
    if (!std::all_of(word.begin(), word.end(), is_letter) || (word.size() == 1 && (word[0] | 0x20) != 'b')) {
        return std::nullopt;
    }
    std::string digits;
    const auto number = trimmed(text.substr(0, end));
    for (std::size_t at = 0; at < number.size(); ++at) {
        if (number[at] >= '0' && number[at] <= '9') {
            digits += number[at];
            continue;
        }
        const auto next = number.find_first_of("., ", at + 1);
        const auto behind = (next == std::string_view::npos ? number.size() : next) - at - 1;
        const bool few = !digits.empty() && digits != "0" && number.find_first_of("., ") <= 3;
        if (behind != 3 || !few) {
            if (number[at] == ' ' || next != std::string_view::npos || behind == 0 || digits.empty()) {
                return std::nullopt;
            }
            digits += '.';
        }
    }
    constexpr std::size_t digits_max = 15;
    return digits.empty() || digits.size() > digits_max ? std::nullopt : std::optional(digits);
}

/// In Portuguese "1,5 s".
std::optional<duration> read_time(std::string_view text) {
    std::string plain(text);
    std::replace(plain.begin(), plain.end(), ',', '.');
    try {
        return parse_duration(plain);
    } catch (const bad_input&) {
        return std::nullopt;
    }
}

std::string letter_of(std::size_t choice) { return {static_cast<char>('a' + choice)}; }

}  // namespace

std::string topic_text(topic one) {
    switch (one) {
    case topic::establishment:
        return _("connection establishment");
    case topic::flow_control:
        return _("flow control");
    case topic::sequence_control:
        return _("sequence control");
    case topic::error_control:
        return _("error control with retransmission");
    case topic::none:
        break;
    }
    return {};
}

topic parse_topic(std::string_view name) {
    const auto* const at = std::find(topic_names.begin() + 1, topic_names.end(), name);
    if (at == topic_names.end()) {
        throw bad_input(_("a topic is one of: establishment, flow, sequence, errors"));
    }
    return static_cast<topic>(at - topic_names.begin());
}

expectation parse_figure(const std::string& text) {
    try {
        return parse_expectation(text + " >= 0");
    } catch (const bad_input&) {
        return parse_expectation(text + " >= 0s");  // a time has a unit, whatever it is
    }
}

bool question::asks_for_time() const {
    return what == form::value && !facts.empty() && measures_time(facts.front());
}

examiner::examiner(question asked) : asked_(std::move(asked)) {
    for (const auto& one : asked_.facts) {
        judges_.emplace_back(one);
    }
}

void examiner::see(const event& one) {
    for (auto& each : judges_) {
        each.see(one);
    }
}

void examiner::hear(side from, const std::string& line) {
    for (auto& each : judges_) {
        each.hear(from, line);
    }
}

fact examiner::decide(const run_report& report) const {
    fact out;
    for (std::size_t i = 0; i < judges_.size(); ++i) {
        const auto seen = judges_[i].decide(report);
        if (asked_.what == form::choice && !seen.holds) {
            continue;
        }
        out.evidence = seen.evidence;
        out.packets = seen.packets;
        if (asked_.what == form::choice) {
            out.known = true;
            out.right = letter_of(i);
        } else if (asked_.what == form::packet) {
            out.known = !seen.packets.empty();
            out.value = out.known ? static_cast<double>(seen.packets.front()) : 0;
            out.right = out.known ? number_text(seen.packets.front()) : std::string();
        } else {
            out.known = seen.measured.has_value();
            out.value = seen.measured.value_or(0);
            const auto whole = std::llround(out.value);
            out.right = !out.known               ? std::string()
                        : asked_.asks_for_time() ? duration_text(duration(whole))
                                                 : number_text(static_cast<std::uint64_t>(whole));
        }
        break;
    }
    return out;
}

std::optional<std::string> read_answer(const question& asked, std::string_view text) {
    text = trimmed(text);
    if (asked.what == form::choice) {
        const auto letter = static_cast<char>(text.empty() ? 0 : text.front() | 0x20);
        const bool alone = text.size() == 1 || (text.size() == 2 && text[1] == ')');
        const auto last = static_cast<char>('a' + asked.facts.size() - 1);
        return alone && letter >= 'a' && letter <= last ? std::optional(std::string(1, letter))
                                                        : std::nullopt;
    }
    if (asked.asks_for_time()) {
        const auto time = read_time(text);
        return time ? std::optional(fmt::format("{}ns", time->count())) : std::nullopt;
    }
    auto number = read_number(text.starts_with('#') ? text.substr(1) : text);
    const bool half_a_packet = asked.what == form::packet && number && number->find('.') != std::string::npos;
    return half_a_packet ? std::nullopt : number;
}

std::string answer_hint(const question& asked) {
    if (asked.what == form::choice) {
        return sentence(_("one of the letters a to {}"), letter_of(asked.facts.size() - 1));
    }
    if (asked.what == form::packet) {
        return _("a packet's number, such as 14");
    }
    return asked.asks_for_time() ? _("a time with its unit, such as 20 ms or 1.5 s") : _("a number");
}

bool is_right(const question& asked, const fact& seen, const std::string& answer) {
    if (!seen.known || answer.empty()) {
        return false;
    }
    if (asked.what == form::choice) {
        return answer == seen.right;
    }
    double given = 0;
    try {
        given =
            asked.asks_for_time() ? static_cast<double>(parse_duration(answer).count()) : std::stod(answer);
    } catch (const std::exception&) {
        return false;
    }
    return std::abs(given - seen.value) <= asked.within * seen.value;
}

}  // namespace aperto::lab
