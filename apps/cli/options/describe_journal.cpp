// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "cli/options/quantity.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <array>
#include <ctime>
#include <optional>

namespace aperto::cli {

namespace {

using moment = std::chrono::system_clock::time_point;

/// "2026-11-27", "2026-11-27 14:30", "2026-11-27T14:30:00Z" (UTC where there is a Z), or a time ago: "15m".
std::optional<moment> parse_moment(std::string text) {
    if (const auto ago = parse_duration(text))
        return std::chrono::system_clock::now() - std::chrono::duration_cast<moment::duration>(*ago);
    const bool utc = text.ends_with('Z');
    if (utc) text.pop_back();
    for (const char* const form :
         {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"}) {
        std::tm parts{};
        const char* const end = ::strptime(text.c_str(), form, &parts);
        if (!end || *end != '\0') continue;
        parts.tm_isdst = -1;
        return std::chrono::system_clock::from_time_t(utc ? ::timegm(&parts) : std::mktime(&parts));
    }
    return {};
}

option_description moment_option(const std::string& name, std::string help, moment& target) {
    const auto take = [name, &target](const std::string& text) {
        const auto when = parse_moment(text);
        if (!when)
            throw usage_error(sentence(_("{} takes a time like 2026-11-27, \"2026-11-27 14:30\", "
                                         "2026-11-27T14:30:00Z, or how long ago, like 15m, not \"{}\""),
                                       name, log_safe(text)));
        target = *when;
    };
    return {.name = name, .value = "WHEN", .help = std::move(help), .set = take};
}

}  // namespace

command_description describe_journal(journal_request& request) {
    command_description command{
        .name = "journal",
        .summary = _("shows and verifies what a server has recorded"),
        .arguments = "FILE…",
        .about =
            _("Shows the messages in the files that `aperto serve --journal` wrote, also while it serves."),
    };
    auto last = number_option("--last", _("only the last so many"), _("all"), 1, ranges::size_most,
                              [&request](std::uint64_t number) { request.last = number; });
    command.options = {
        ranges_option("--peer", _("only the messages of these addresses"), _("everyone's"), request.peers),
        moment_option("--since", _("only messages from this time on; a time, or how long ago"),
                      request.since),
        moment_option("--until", _("only messages before this time"), request.until),
        text_option("--contains", "TEXT", _("only messages with this text in them"), "", request.containing),
        std::move(last),
        flag_option("--json", _("one JSON object a line, with all the bytes"), request.json),
        flag_option("--verify", _("check that the files are sound and no message is missing between two"),
                    request.verify),
    };
    command.examples = {
        {"aperto journal book.db --last 10", _("the last ten messages")},
        {"aperto journal book*.db --json > book.jsonl", _("everything, with the files put aside before")},
        {"aperto journal book.db --verify", _("is it whole?")},
    };
    command.set_arguments = [&request](std::vector<std::string> words) {
        if (words.empty())
            throw usage_error(_("journal needs a file: the one given to  aperto serve --journal"));
        request.files = std::move(words);
    };
    return command;
}

}  // namespace aperto::cli
