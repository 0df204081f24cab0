// SPDX-License-Identifier: MIT
// --listen and what a Unix socket's file is like.
#include "cli/options/describe_listen.hpp"

#include "aperto/error.hpp"
#include "core/log_safe.hpp"
#include "core/option_ranges.hpp"
#include "core/sentence.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

namespace aperto::cli {
namespace {

/// What may follow an address. Each is the option of that name, with its check and its words, for one place alone.
class place_keys {
public:
    explicit place_keys(listen_place& of) : of_(of) {
        add(duration_option("--idle-timeout", {}, time_), [this] { of_.idle_timeout = time_; });
        add(duration_option("--message-deadline", {}, time_), [this] { of_.message_deadline = time_; });
        add(duration_option("--write-deadline", {}, time_), [this] { of_.write_deadline = time_; });
        add(duration_option("--handshake-deadline", {}, time_), [this] { of_.handshake_deadline = time_; });
        add(size_option("--max-message", {}, size_, ranges::max_message_least),
            [this] { of_.max_message = size_; });
        add(number_option("--max-connections", {}, {}, 1, ranges::connections_most,
                          [this](std::uint64_t number) { of_.max_connections = number; }));
        add(ranges_option("--proxy-from", {}, {}, ranges_), [this] { of_.proxy_from = ranges_; });
        add({.name = "--tls", .value = "on|off", .set = [this](const std::string& text) {
                 if (text == "off") of_.transport = nullptr;
                 wants_tls_ = text == "on";
             }});
    }
    place_keys(const place_keys&) = delete;
    place_keys& operator=(const place_keys&) = delete;

    bool knows(std::string_view key) const { return find(key) != nullptr; }
    /// TLS was said to be on, which is for nothing where the server has none.
    bool wants_tls() const noexcept { return wants_tls_; }
    /// Throws `usage_error`.
    void set(const std::string& key, const std::string& value) {
        const known& one = *find(key);
        check_choice(one.option, value);
        if (one.option.set) one.option.set(value);
        if (one.keep) one.keep();
    }

private:
    struct known {
        option_description option;
        std::function<void()> keep;
    };
    void add(option_description option, std::function<void()> keep = {}) {
        all_.push_back({std::move(option), std::move(keep)});
    }
    const known* find(std::string_view key) const {
        const auto found = std::find_if(all_.begin(), all_.end(), [key](const known& each) {
            return std::string_view(each.option.name).substr(2) == key;
        });
        return found == all_.end() ? nullptr : &*found;
    }

    listen_place& of_;
    duration time_{};
    std::size_t size_ = 0;
    bool wants_tls_ = false;
    std::vector<cidr> ranges_;
    std::vector<known> all_;
};

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
    throw usage_error(
        sentence(_("--listen takes an address like 192.0.2.7:9998, [::1]:9999 or unix:/run/chat.sock, and "
                   "behind a comma what is different there, like idle-timeout=1h; not \"{}\". {}"),
                 log_safe(text), why));
}

/// "KEY=VALUE" from its comma on; none where it is no key: the path of a Unix socket may have a comma in it.
std::optional<std::pair<std::string, std::string>> split_setting(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) return std::nullopt;
    return std::pair(text.substr(1, equals - 1), text.substr(equals + 1));
}

listen_place parse_listen_place(const std::string& text, std::string& given_for_tls) {
    listen_place place;
    place_keys keys(place);
    std::string rest = text;
    for (std::size_t comma = rest.rfind(','); comma != std::string::npos; comma = rest.rfind(',')) {
        const auto setting = split_setting(rest.substr(comma));
        const bool is_path = rest.starts_with("unix:");
        if (setting && keys.knows(setting->first))
            keys.set(setting->first, setting->second);
        else if (is_path)
            break;
        else
            refuse(text, sentence(_("There is no {} for one address."), log_safe(rest.substr(comma + 1))));
        rest.resize(comma);
    }
    try {
        static_cast<void>(host_port::parse(rest, 1));
    } catch (const error& wrong) {
        refuse(text, _(wrong.advice().c_str()));
    }
    place.where = rest;
    if (keys.wants_tls()) given_for_tls = "--listen " + log_safe(text);
    return place;
}

std::uint32_t parse_mode(const std::string& text) {
    std::uint32_t mode = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    const bool is_whole = wrong == std::errc() && end == text.data() + text.size();
    if (!is_whole || mode < 0600 || mode > 0777)
        throw usage_error(
            sentence(_("--socket-mode takes a mode from 600 to 777, not \"{}\""), log_safe(text)));
    return mode;
}

}  // namespace

option_description listen_option(aperto::options& options, std::string& given_for_tls) {
    return {.name = "--listen",
            .value = "ADDRESS",
            .help = _("listen there too, HOST:PORT or unix:PATH; may be given several times. What is "
                      "different there follows behind commas, as idle-timeout=1h"),
            .several = true,
            .set = [&options, &given_for_tls](const std::string& text) {
                options.also_listen.push_back(parse_listen_place(text, given_for_tls));
            }};
}

void add_unix_file(std::vector<option_description>& to, listen_options& socket) {
    to.push_back({.name = "--socket-mode",
                  .value = "MODE",
                  .help = _("who may connect to a Unix socket: its file's mode, like 660"),
                  .fallback = _("by umask"),
                  .set = [&socket](const std::string& text) { socket.unix_mode = parse_mode(text); }});
    to.push_back(
        text_option("--socket-group", "NAME", _("the group of a Unix socket's file"), "", socket.unix_group));
}

}  // namespace aperto::cli
