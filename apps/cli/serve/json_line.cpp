// SPDX-License-Identifier: MIT
#include "cli/serve/log.hpp"
#include "core/log_safe.hpp"
#include "core/utf8.hpp"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <iterator>

namespace aperto::cli {

namespace {

void append_utf16_escape(std::string& out, char32_t code_point) {
    if (code_point < 0x10000) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(code_point));
        return;
    }
    const char32_t above = code_point - 0x10000;
    fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}",
                   static_cast<unsigned>(0xD800 + (above >> 10)),
                   static_cast<unsigned>(0xDC00 + (above & 0x3FF)));
}

void append_ascii(std::string& out, char c) {
    switch (c) {
    case '"':
        out += "\\\"";
        return;
    case '\\':
        out += "\\\\";
        return;
    case '\n':
        out += "\\n";
        return;
    case '\r':
        out += "\\r";
        return;
    case '\t':
        out += "\\t";
        return;
    default:
        if (c < 0x20 || c == 0x7F)
            append_utf16_escape(out, static_cast<char32_t>(c));
        else
            out += c;
    }
}

void append_string(std::string& out, std::string_view text) {
    out += '"';
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        const utf8::step step = utf8::decode(at, end);
        const std::string_view bytes(at, step.size);
        at += step.size;
        if (step.kind != utf8::kind::character)
            out += "\\ufffd";
        else if (step.size == 1)
            append_ascii(out, bytes.front());
        else if (log_safe(bytes) == bytes)
            out += bytes;
        else
            append_utf16_escape(out, step.code_point);
    }
    out += '"';
}

/// RFC 3339, UTC, milliseconds.
void append_time(std::string& out) {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
    const auto seconds = static_cast<std::time_t>(ms / 1000);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    fmt::format_to(std::back_inserter(out), "\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\"",
                   utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                   ms % 1000);
}

}  // namespace

json_line::json_line(std::string_view event) {
    text_.reserve(256);
    text_ += "{\"event\":";
    append_string(text_, event);
    begin_member("time");
    append_time(text_);
}

json_line& json_line::add(std::string_view key, std::string_view text) {
    begin_member(key);
    append_string(text_, text);
    return *this;
}

json_line& json_line::add(std::string_view key, const std::vector<std::string_view>& texts) {
    begin_member(key);
    text_ += '[';
    for (const std::string_view each : texts) {
        if (text_.back() != '[') text_ += ',';
        append_string(text_, each);
    }
    text_ += ']';
    return *this;
}

json_line& json_line::add(std::string_view key, double number) {
    return add_raw(key, fmt::format("{:.3f}", number));
}

json_line& json_line::add_cut(std::string_view key, std::string_view text, std::size_t size_max) {
    if (text.size() <= size_max) return add(key, text);
    return add(key, text.substr(0, utf8::complete_prefix(text.substr(0, size_max))));
}

json_line& json_line::add_members(std::string_view object) {
    text_ += ',';
    text_ += object.substr(1, object.size() - 2);
    return *this;
}

const std::string& json_line::finish() {
    text_ += "}\n";
    return text_;
}

json_line& json_line::add_raw(std::string_view key, std::string_view value) {
    begin_member(key);
    text_ += value;
    return *this;
}

void json_line::begin_member(std::string_view key) {
    text_ += ",\"";
    text_ += key;
    text_ += "\":";
}

}  // namespace aperto::cli
