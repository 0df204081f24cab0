// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// Builds one JSON object on one line (RFC 8259), member by member, without a document in between: a busy
/// server writes one for each message.
///
///     json_line line("accepted");
///     line.add("peer", "[::1]:51324").add("rtt_us", 38);
///     log.write(line.finish()); {"event":"accepted","time":"2026-11-22T13:45:02.123Z","peer":…,"rtt_us":38}
///
/// Text may be any bytes: what is not UTF-8 becomes U+FFFD, and what a terminal would obey or a reader cannot
/// see is written as \uXXXX, so that the line is safe to look at.
class json_line {
public:
    /// Begins with the event's name and the time now, UTC.
    explicit json_line(std::string_view event);

    json_line& add(std::string_view key, std::string_view text);
    json_line& add(std::string_view key, const char* text) { return add(key, std::string_view(text)); }
    template <std::integral Number>
    json_line& add(std::string_view key, Number number) {
        if constexpr (std::same_as<Number, bool>)
            return add_raw(key, number ? "true" : "false");
        else
            return add_raw(key, std::to_string(number));
    }
    /// Milliseconds and the like: three decimals.
    json_line& add(std::string_view key, double number);
    /// Nothing at all where there is no value.
    template <class Value>
    json_line& add(std::string_view key, const std::optional<Value>& value) {
        return value ? add(key, *value) : *this;
    }
    /// A list of texts.
    json_line& add(std::string_view key, const std::vector<std::string_view>& texts);
    /// At most `size_max` bytes of `text`, never part of a character.
    json_line& add_cut(std::string_view key, std::string_view text, std::size_t size_max);

    /// The line with its line feed. Once.
    const std::string& finish();

private:
    json_line& add_raw(std::string_view key, std::string_view value);
    void begin_member(std::string_view key);
    std::string text_;
};

}  // namespace aperto::cli
