// SPDX-License-Identifier: MIT
#include "lab/scenario.hpp"

#include "lab/bad_input.hpp"
#include "lab/quantity.hpp"
#include "lab/sentence.hpp"

// The parser is compiled here, whatever the packager chose, and without its assertions: one of them
// (toml++ 3.3, parse_key) is on what a file says, so that "[!]" would end the program, or be undefined in a
// library built without them. The check that follows it gives the proper error.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace aperto::lab {

namespace {

/// Reads one table key by key, so that a key nobody asked for is found.
class reader {
public:
    reader(const std::string& path, scenario& out) : path_(path), out_(out) {}

    void read(const toml::table& root) {
        for (const auto& [key, value] : root) {
            read_top(key.str(), value, key.source());
        }
        out_.plan.wire.tail_probes = allows_tail_probes(out_.plan.client.settings);
    }

private:
    [[noreturn]] void refuse(const toml::source_region& place, const std::string& why) const {
        throw bad_input(fmt::format("{}:{}:{}: {}", path_, place.begin.line, place.begin.column, why));
    }

    [[noreturn]] void refuse_key(std::string_view key, const toml::source_region& place,
                                 const std::vector<std::string>& known) const {
        const auto near = nearest_word(key, known);
        refuse(place, near.empty() ? sentence(_("there is no key '{}' here"), std::string(key))
                                   : sentence(_("there is no key '{}' here; did you mean '{}'?"),
                                              std::string(key), near));
    }

    /// Runs `read` and puts the value's place before what it complains about.
    template <class action>
    void at(const toml::node& value, action read) const {
        try {
            read();
        } catch (const bad_input& wrong) {
            refuse(value.source(), wrong.what());
        }
    }

    /// A scalar as text: 5, 0.05, true and "5%" are all read by the same rules.
    std::string text_of(const toml::node& value) const {
        if (const auto* text = value.as_string()) {
            return text->get();
        }
        if (const auto* number = value.as_integer()) {
            return std::to_string(number->get());
        }
        if (const auto* number = value.as_floating_point()) {
            return fmt::format("{}", number->get());
        }
        if (const auto* truth = value.as_boolean()) {
            return truth->get() ? "true" : "false";
        }
        if (const auto* list = value.as_array()) {
            std::string out;
            for (const auto& one : *list) {
                out += (out.empty() ? "" : ",") + text_of(one);
            }
            return out;
        }
        refuse(value.source(), _("a text or a number belongs here"));
    }

    const toml::table& table_of(const toml::node& value) const {
        if (const auto* table = value.as_table()) {
            return *table;
        }
        refuse(value.source(), _("a table belongs here"));
    }

    const toml::array& array_of(const toml::node& value) const {
        if (const auto* array = value.as_array()) {
            return *array;
        }
        refuse(value.source(), _("a list belongs here"));
    }

    void read_top(std::string_view key, const toml::node& value, const toml::source_region& place) {
        auto& plan = out_.plan;
        if (key == "seed") {
            at(value, [&] {
                plan.wire.seed = parse_count(text_of(value), 0, std::numeric_limits<std::int64_t>::max());
            });
        } else if (key == "timeout") {
            at(value, [&] { plan.timeout = parse_duration(text_of(value)); });
        } else if (key == "server") {
            out_.server_command = text_of(value);
        } else if (key == "client") {
            out_.client_command = text_of(value);
        } else if (key == "ipv6") {
            at(value, [&] { plan.client.v6 = plan.server.v6 = parse_switch(text_of(value)); });
        } else if (key == "ask_kernel") {
            at(value, [&] { plan.ask_kernel = parse_switch(text_of(value)); });
        } else if (key == "link") {
            read_link(table_of(value));
        } else if (key == "hosts") {
            read_hosts(table_of(value), {side::client, side::server}, true);
        } else if (key == "fault") {
            for (const auto& one : array_of(value)) {
                read_fault(table_of(one));
            }
        } else if (key == "expect") {
            for (const auto& one : array_of(value)) {
                at(one, [&] { read_expectation(text_of(one)); });
            }
        } else {
            refuse_key(key, place,
                       {"seed", "timeout", "server", "client", "ipv6", "ask_kernel", "link", "hosts", "fault",
                        "expect"});
        }
    }

    void read_expectation(const std::string& text) {
        try {
            out_.expected.push_back(parse_expectation(text));
        } catch (const bad_input& wrong) {
            throw bad_input(
                sentence(_("in \"{}\", at character {}: {}"), text, wrong.place() + 1, wrong.what()));
        }
    }

    void read_link(const toml::table& link) {
        for (const auto& [key, value] : link) {
            if (key == "client" || key == "server") {
                const auto from = key == "client" ? side::client : side::server;
                for (const auto& [name, each] : table_of(value)) {
                    set_base({from}, name.str(), each, name.source());
                }
            } else if (key == "change") {
                for (const auto& one : array_of(value)) {
                    read_change(table_of(one));
                }
            } else {
                set_base({side::client, side::server}, key.str(), value, key.source());
            }
        }
    }

    std::function<void(link_settings&)> setter(std::string_view key, const toml::node& value,
                                               const toml::source_region& place) const {
        std::vector<std::string> known{"client", "server", "change", "at", "until", "from"};
        bool is_known = false;
        for (const auto& option : link_options()) {
            known.emplace_back(option.key);
            is_known = is_known || option.key == key;
        }
        if (!is_known) {
            refuse_key(key, place, known);
        }
        std::function<void(link_settings&)> out;
        at(value, [&] { out = link_setter(key, text_of(value)); });
        return out;
    }

    void set_base(std::initializer_list<side> directions, std::string_view key, const toml::node& value,
                  const toml::source_region& place) {
        const auto set = setter(key, value, place);
        for (const auto from : directions) {
            set(out_.plan.wire.link.base[index(from)]);
        }
    }

    void read_change(const toml::table& change) {
        link_phase phase;
        std::optional<side> from;
        for (const auto& [key, value] : change) {
            if (key == "at") {
                at(value, [&] { phase.begin = parse_duration(text_of(value)); });
            } else if (key == "until") {
                at(value, [&] { phase.end = parse_duration(text_of(value)); });
            } else if (key == "from") {
                const auto name = text_of(value);
                if (name != "client" && name != "server") {
                    refuse(value.source(), _("write client or server"));
                }
                from = name == "client" ? side::client : side::server;
            } else {
                phase.set.push_back(setter(key.str(), value, key.source()));
            }
        }
        if (phase.end <= phase.begin) {
            refuse(change.source(), _("this change ends before it begins"));
        }
        for (const auto one : {side::client, side::server}) {
            if (!from || *from == one) {
                out_.plan.wire.link.phases[index(one)].push_back(phase);
            }
        }
    }

    void read_hosts(const toml::table& hosts, const std::vector<side>& which, bool top) {
        for (const auto& [key, value] : hosts) {
            const bool named = top && (key == "client" || key == "server");
            if (named) {
                read_hosts(table_of(value), {key == "client" ? side::client : side::server}, false);
                continue;
            }
            for (const auto one : which) {
                set_host(one == side::client ? out_.plan.client : out_.plan.server, key.str(), value,
                         key.source());
            }
        }
    }

    void set_host(host_plan& host, std::string_view key, const toml::node& value,
                  const toml::source_region& place) const {
        if (key == "mtu") {
            at(value,
               [&] { host.mtu = static_cast<std::uint32_t>(parse_count(text_of(value), 68, 65'535)); });
        } else if (key == "rto_min") {
            at(value, [&] { host.rto_min = parse_duration(text_of(value)); });
        } else if (key == "settings") {
            for (const auto& [name, each] : table_of(value)) {
                at(each,
                   [&] { change_setting(host.settings, std::string(name.str()) + "=" + text_of(each)); });
            }
        } else {
            refuse_key(key, place, {"mtu", "rto_min", "settings", "client", "server"});
        }
    }

    void read_fault(const toml::table& fault) {
        std::string action;
        std::string victim;
        std::string time;
        const toml::node* where = nullptr;
        for (const auto& [key, value] : fault) {
            const auto name = key.str();
            if (name == "for") {
                time = text_of(value);
            } else if (name == "drop" || name == "hold" || name == "corrupt" || name == "duplicate" ||
                       name == "mark") {
                if (where != nullptr) {
                    refuse(key.source(), _("one fault a table"));
                }
                action = name;
                victim = text_of(value);
                where = &value;
            } else {
                refuse_key(name, key.source(), {"drop", "hold", "corrupt", "duplicate", "mark", "for"});
            }
        }
        if (where == nullptr) {
            refuse(fault.source(), _("a fault names its victim: drop = \"client data#3\""));
        }
        at(*where, [&] { out_.plan.wire.named.push_back(make_fault(action, victim, time)); });
    }

    const std::string& path_;
    scenario& out_;
};

}  // namespace

named_fault make_fault(std::string_view action, const std::string& victim, std::string_view time) {
    named_fault out;
    out.text = fmt::format("--{} {}", action, victim);
    try {
        out.victim = parse_selector(victim);
    } catch (const bad_input& wrong) {
        throw bad_input(
            sentence(_("in \"{}\", at character {}: {}"), victim, wrong.place() + 1, wrong.what()),
            wrong.place());
    }
    if (!out.victim.known_on_entry()) {
        throw bad_input(sentence(
            _("\"{}\" names what becomes of a packet; a fault must know its victim when it enters the wire"),
            victim));
    }
    if (action == "hold") {
        if (time.empty()) {
            throw bad_input(sentence(_("how long is \"{}\" to be held? write 50ms"), victim));
        }
        out.action = fault_action::hold;
        out.time = parse_duration(time);
        out.text += " " + std::string(trimmed(time));
        return out;
    }
    if (!time.empty()) {
        throw bad_input(_("only a hold has a time"));
    }
    out.action = action == "corrupt"     ? fault_action::corrupt
                 : action == "duplicate" ? fault_action::duplicate
                 : action == "mark"      ? fault_action::mark_ce
                                         : fault_action::drop;
    return out;
}

scenario parse_scenario(std::string_view text, const std::string& path) {
    scenario out;
    out.path = path;
    out.name = std::filesystem::path(path).stem().string();
    out.plan.client.settings = out.plan.server.settings = textbook_settings();
    try {
        const auto root = toml::parse(text, path);
        reader(path, out).read(root);
    } catch (const toml::parse_error& wrong) {
        throw bad_input(fmt::format("{}:{}:{}: {}", path, wrong.source().begin.line,
                                    wrong.source().begin.column, wrong.description()));
    }
    return out;
}

scenario load_scenario(const std::string& path) {
    std::ifstream file(path);
    if (!file || std::filesystem::is_directory(path)) {
        throw bad_input(sentence(_("cannot read the scenario {}"), path));
    }
    std::ostringstream text;
    text << file.rdbuf();
    auto out = parse_scenario(text.str(), path);
    out.plan.server_program = read_program(side::server, out.server_command);
    out.plan.client_program = read_program(side::client, out.client_command);
    return out;
}

}  // namespace aperto::lab
