// SPDX-License-Identifier: MIT
#include "cli/journal/journal.hpp"
#include "cli/options/quantity.hpp"
#include "core/log_safe.hpp"
#include "core/utf8.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ctime>

namespace aperto::cli {

namespace {

/// Of a message or a reply, in a row.
constexpr std::size_t shown_max = 60;

std::int64_t microseconds(const journal_entry& entry) {
    return std::chrono::floor<std::chrono::microseconds>(entry.time.time_since_epoch()).count();
}

void add_bytes(nlohmann::ordered_json& to, const std::string& name, const std::string& bytes) {
    if (utf8::is_valid(bytes))
        to[name] = bytes;
    else
        to[name + "_base64"] = base64(bytes);
}

}  // namespace

std::string base64(std::string_view bytes) {
    static constexpr std::string_view letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    constexpr unsigned last_letter = 63;
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        unsigned group = 0;
        for (std::size_t j = 0; j < 3; ++j)
            group = group << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        for (std::size_t j = 0; j < 4; ++j)
            out += j <= count ? letters[group >> (18 - 6 * j) & last_letter] : '=';
    }
    return out;
}

std::string entry_text(const journal_entry& entry) {
    const std::int64_t us = microseconds(entry);
    const auto seconds = static_cast<std::time_t>(us / 1'000'000);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    std::string text =
        fmt::format("{:>8}  {:%Y-%m-%d %H:%M:%S}.{:03}  {:<22}  {}", entry.sequence, local, us / 1000 % 1000,
                    log_safe(entry.peer), log_safe(entry.message, shown_max));
    if (entry.reply) text += "  →  " + log_safe(*entry.reply, shown_max);
    return text;
}

std::string entry_json(const journal_entry& entry) {
    const std::int64_t us = microseconds(entry);
    nlohmann::ordered_json object;
    object["sequence"] = entry.sequence;
    object["time"] = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                                 fmt::gmtime(static_cast<std::time_t>(us / 1'000'000)), us % 1'000'000);
    object["peer"] = entry.peer;
    add_bytes(object, "message", entry.message);
    if (entry.reply) add_bytes(object, "reply", *entry.reply);
    return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace aperto::cli
