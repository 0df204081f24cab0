// SPDX-License-Identifier: MIT
#include "cli/options/description.hpp"

#include "cli/options/quantity.hpp"
#include "core/log_safe.hpp"
#include "core/option_ranges.hpp"
#include "core/option_text.hpp"
#include "core/sentence.hpp"
#include "io/host_text.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace aperto::cli {

namespace {

/// A time, however `take` reads it.
option_description time_option(std::string name, std::string help, std::string fallback,
                               std::function<void(const std::string&)> take) {
    return {.name = std::move(name),
            .value = "TIME",
            .help = std::move(help),
            .fallback = std::move(fallback),
            .set = std::move(take)};
}

}  // namespace

option_description flag_option(std::string name, std::string help, bool& target) {
    return {.name = std::move(name), .help = std::move(help), .set = [&target](const std::string&) {
                target = true;
            }};
}

option_description text_option(std::string name, std::string value, std::string help, std::string fallback,
                               std::string& target) {
    auto take = [name, &target](const std::string& text) {
        if (text.find('\0') != std::string::npos) throw usage_error(takes_no_nul(name, text));
        target = text;
    };
    return {.name = std::move(name),
            .value = std::move(value),
            .help = std::move(help),
            .fallback = std::move(fallback),
            .set = std::move(take)};
}

option_description number_option(std::string name, std::string help, std::string fallback,
                                 std::uint64_t least, std::uint64_t most,
                                 std::function<void(std::uint64_t)> set) {
    auto take = [name, least, most, set = std::move(set)](const std::string& text) {
        const auto number = parse_number(text, least, most);
        if (!number) throw usage_error(takes_number(name, least, most, text));
        set(*number);
    };
    return {.name = std::move(name),
            .value = "N",
            .help = std::move(help),
            .fallback = std::move(fallback),
            .set = std::move(take)};
}

option_description port_option(std::string help, std::uint16_t& target, std::uint16_t least) {
    auto option = number_option(
        "--port", std::move(help), std::to_string(target), least, std::numeric_limits<std::uint16_t>::max(),
        [&target](std::uint64_t number) { target = static_cast<std::uint16_t>(number); });
    option.value = "PORT";
    option.letter = "-p";
    return option;
}

void split_host_and_port(std::string& host, std::uint16_t& port) {
    const std::string given = host;
    try {
        const host_port where = host_port::parse(given, port);
        host = where.host;
        port = where.port;
    } catch (const error&) {
        throw usage_error(sentence(
            _("--host takes a name, an address, name:port or [address]:port, not \"{}\""), log_safe(given)));
    }
    if (port == 0 && !io::names_unix_socket(host))
        throw usage_error(takes_number("--port", 1, std::numeric_limits<std::uint16_t>::max(), "0"));
}

void split_hosts(std::string& host, std::uint16_t& port, std::vector<host_port>& others) {
    std::string rest;
    // The path of a Unix socket may have a comma in it.
    if (!io::names_unix_socket(host)) {
        const std::size_t comma = std::min(host.find(','), host.size());
        if (comma < host.size()) rest = host.substr(comma);
        host.resize(comma);
    }
    const std::uint16_t of_all = port;
    split_host_and_port(host, port);
    while (!rest.empty()) {
        const std::size_t comma = std::min(rest.find(',', 1), rest.size());
        host_port next(rest.substr(1, comma - 1), of_all);
        split_host_and_port(next.host, next.port);
        others.push_back(std::move(next));
        rest.erase(0, comma);
    }
}

option_description framing_option(std::string help, framing& target) {
    return {
        .name = "--framing",
        .value = "stream|line|length|raw",
        .help = std::move(help),
        .fallback = std::string(to_string(target)),
        .set = [&target](const std::string& text) { target = framing_from_string(text).value_or(target); }};
}

option_description engine_option(engine& target) {
    return {
        .name = "--engine",
        .value = "auto|uring|epoll",
        .help = _("how to talk to the kernel: io_uring where it is allowed, or epoll"),
        .fallback = "auto",
        .set = [&target](const std::string& text) {
            target = text == "uring" ? engine::uring : text == "epoll" ? engine::epoll : engine::automatic;
        }};
}

option_description duration_option(std::string name, std::string help, duration& target, bool zero_allowed) {
    auto take = [name, zero_allowed, &target](const std::string& text) {
        const auto length = parse_duration(text);
        if (!length || (*length < ranges::time_least && !(zero_allowed && *length == duration::zero())))
            throw usage_error(takes_time(name, zero_allowed, text));
        target = *length;
    };
    return time_option(std::move(name), std::move(help), duration_option_text(target), std::move(take));
}

option_description limited_duration_option(std::string name, std::string help, duration& target,
                                           duration least, duration most) {
    std::string fallback = duration_option_text(target);
    return limited_duration_option(std::move(name), std::move(help), std::move(fallback), least, most,
                                   [&target](duration length) { target = length; });
}

option_description limited_duration_option(std::string name, std::string help, std::string fallback,
                                           duration least, duration most, std::function<void(duration)> set) {
    auto take = [name, least, most, set = std::move(set)](const std::string& text) {
        const auto length = parse_duration(text);
        if (!length || *length < least || *length > most)
            throw usage_error(
                takes_time_within(name, duration_option_text(least), duration_option_text(most), text));
        set(*length);
    };
    return time_option(std::move(name), std::move(help), std::move(fallback), std::move(take));
}

option_description decimal_option(std::string name, std::string help, std::string fallback, double least,
                                  double most, double& target) {
    auto take = [name, least, most, &target](const std::string& text) {
        const auto number = parse_decimal(text, least, most);
        if (!number) throw usage_error(takes_decimal(name, least, most, text));
        target = *number;
    };
    return {.name = std::move(name),
            .value = "N",
            .help = std::move(help),
            .fallback = std::move(fallback),
            .set = std::move(take)};
}

option_description size_option(std::string name, std::string help, std::size_t& target, std::size_t least,
                               std::size_t most) {
    auto take = [name, &target, least, most](const std::string& text) {
        const auto size = parse_size(text);
        if (!size || *size < least || *size > most) throw usage_error(takes_size(name, least, most, text));
        target = *size;
    };
    return {.name = std::move(name),
            .value = "SIZE",
            .help = std::move(help),
            .fallback = size_option_text(target),
            .set = std::move(take)};
}

std::vector<std::string> value_choices(std::string_view value) {
    std::vector<std::string> choices;
    while (true) {
        const auto bar = value.find('|');
        choices.emplace_back(value.substr(0, bar));
        if (bar == std::string_view::npos) return choices;
        value.remove_prefix(bar + 1);
    }
}

void check_choice(const option_description& option, const std::string& value) {
    const auto choices = value_choices(option.value);
    if (choices.size() < 2 || std::find(choices.begin(), choices.end(), value) != choices.end()) return;
    throw usage_error(
        sentence(_("{} takes one of {}, not \"{}\""), option.name, option.value, log_safe(value)));
}

std::vector<const command_description*> listed(const std::vector<command_description>& commands) {
    std::vector<const command_description*> found;
    for (const command_description& command : commands)
        if (!command.hidden) found.push_back(&command);
    return found;
}

std::vector<const option_description*> all_options(const command_description& command) {
    std::vector<const option_description*> all;
    for (const option_description& option : command.options)
        all.push_back(&option);
    for (const command_description* own : listed(command.commands))
        for (const option_description& option : own->options)
            if (std::none_of(all.begin(), all.end(),
                             [&](const auto* one) { return one->name == option.name; }))
                all.push_back(&option);
    return all;
}

std::vector<argument_choice> all_choices(const command_description& command) {
    std::vector<argument_choice> all = command.choices;
    for (const command_description* own : listed(command.commands))
        all.push_back({own->name, own->summary});
    return all;
}

option_description ranges_option(std::string name, std::string help, std::string fallback,
                                 std::vector<cidr>& target) {
    const auto take = [name, &target](const std::string& text) {
        for (std::size_t begin = 0; begin <= text.size();) {
            const std::size_t end = std::min(text.find(',', begin), text.size());
            const std::string one = text.substr(begin, end - begin);
            try {
                target.push_back(cidr::parse(one));
            } catch (const error& wrong) {
                throw usage_error(
                    sentence(_("{} takes ranges of addresses like 192.0.2.0/24,2001:db8::/32, not "
                               "\"{}\". {}"),
                             name, log_safe(one), _(wrong.advice().c_str())));
            }
            begin = end + 1;
        }
    };
    return {.name = std::move(name),
            .value = "RANGES",
            .help = std::move(help),
            .fallback = std::move(fallback),
            .several = true,
            .set = take};
}

}  // namespace aperto::cli
