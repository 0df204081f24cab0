// SPDX-License-Identifier: MIT
#include "cli/lab/play_state.hpp"

#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/lesson.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/wire/link.hpp"

#include <nlohmann/json.hpp>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>

namespace aperto::cli {

namespace {

using json = nlohmann::json;
constexpr std::array<std::string_view, 5> fault_names{"drop", "hold", "corrupt", "duplicate", "mark"};
constexpr std::size_t faults_max = 1000;

bool is_link_key(std::string_view key) {
    const auto& all = lab::link_options();
    return std::any_of(all.begin(), all.end(), [key](const auto& one) { return one.key == key; });
}

bool is_fault(std::string_view name) {
    return std::find(fault_names.begin(), fault_names.end(), name) != fault_names.end();
}

toml::table& table_in(toml::table& of, std::string_view key) {
    if (of[key].as_table() == nullptr) {
        of.insert_or_assign(key, toml::table{});
    }
    return *of[key].as_table();
}

toml::array& array_in(toml::table& of, std::string_view key) {
    if (of[key].as_array() == nullptr) {
        of.insert_or_assign(key, toml::array{});
    }
    return *of[key].as_array();
}

std::string text_of(const toml::table& table) {
    std::ostringstream out;
    out << toml::toml_formatter{table} << "\n";
    return out.str();
}

std::string plain_text(const toml::node_view<const toml::node>& value) {
    std::ostringstream out;
    if (const auto text = value.value<std::string>(); text && value.is_string()) {
        out << *text;
    } else if (value.is_value()) {
        value.visit([&out](const auto& one) {
            if constexpr (toml::is_value<decltype(one)>) {
                out << one;
            }
        });
    }
    return out.str();
}

void add_fault(toml::table& to, std::string_view what, const std::string& packet, const std::string& time) {
    toml::table fault;
    fault.insert_or_assign(what, packet);
    if (!time.empty()) {
        fault.insert_or_assign("for", time);
    }
    array_in(to, "fault").push_back(std::move(fault));
}

/// "client:5%@1s..3s" as the scenario's tables have it.
void add_link(toml::table& to, const std::string& key, std::string text) {
    std::string from;
    for (const std::string side : {"client", "server"}) {
        if (text.starts_with(side + ":")) {
            from = side;
            text.erase(0, side.size() + 1);
        }
    }
    auto& link = table_in(to, "link");
    const auto when = text.find('@');
    if (when == std::string::npos) {
        (from.empty() ? link : table_in(link, from)).insert_or_assign(key, text);
        return;
    }
    toml::table change;
    const auto dots = text.find("..", when);
    change.insert_or_assign("at", text.substr(when + 1, dots - when - 1));
    if (dots != std::string::npos && dots + 2 < text.size()) {
        change.insert_or_assign("until", text.substr(dots + 2));
    }
    if (!from.empty()) {
        change.insert_or_assign("from", from);
    }
    change.insert_or_assign(key, text.substr(0, when));
    array_in(link, "change").push_back(std::move(change));
}

/// The typed options one by one, into the scenario.
class word_reader {
public:
    explicit word_reader(const std::vector<std::string>& words) : words_(words) {}

    toml::table read() {
        while (at_ < words_.size()) {
            take(words_[at_++]);
        }
        return std::move(out_);
    }

private:
    std::string next() { return inline_ ? *std::exchange(inline_, std::nullopt) : words_.at(at_++); }

    void take(const std::string& word) {
        const auto equals = word.find('=');
        const auto name = word.substr(0, equals);
        inline_.reset();
        if (equals != std::string::npos) {
            inline_ = word.substr(equals + 1);
        }
        auto key = name.substr(std::min<std::size_t>(2, name.size()));
        std::replace(key.begin(), key.end(), '-', '_');
        if (name == "--open" || name == "--no-colour" || name == "--no-color" || name == "--ascii") {
            return;
        }
        if (name == "--virtual" || name == "--ipv6" || name == "--ask-kernel") {
            out_.insert_or_assign(key, true);
        } else if (name == "--seed" || name == "--timeout" || name == "--server" || name == "--client" ||
                   name == "--ready" || name == "--samples") {
            out_.insert_or_assign(key, next());
        } else if (name == "--host-mtu" || name == "--rto-min") {
            table_in(out_, "hosts").insert_or_assign(name == "--rto-min" ? "rto_min" : "mtu", next());
        } else if (name == "--setting") {
            const auto setting = next();
            const auto to = setting.find('=');
            table_in(table_in(out_, "hosts"), "settings")
                .insert_or_assign(setting.substr(0, to), setting.substr(to + 1));
        } else {
            take_wire(name, key);
        }
    }

    void take_wire(const std::string& name, const std::string& key) {
        const bool either = key == "duplicate" || key == "corrupt";
        if (!is_fault(key) && !is_link_key(key)) {
            throw lab::bad_input(sentence(_("{} does not go with --open"), name));
        }
        const auto text = next();
        const auto share = text.starts_with("client:") || text.starts_with("server:") ? text.substr(7) : text;
        const bool is_share =
            !share.empty() && (share[0] == '.' || std::isdigit(static_cast<unsigned char>(share[0])) != 0);
        if (is_fault(key) && !(either && is_share)) {
            add_fault(out_, key, text, key == "hold" ? next() : std::string());
        } else {
            add_link(out_, key, text);
        }
    }

    const std::vector<std::string>& words_;
    std::size_t at_ = 0;
    std::optional<std::string> inline_;
    toml::table out_;
};

/// `aperto lab run LAB`: its file, and what was typed beside it.
play_base base_of_lab(const lab_request& request) {
    if (request.names.size() != 1) {
        throw lab::bad_input(_("--open takes one lab"));
    }
    const auto path = lab::scenario_path(request.names.front());
    const auto one = lab::load_scenario(path);
    std::ifstream file(path);
    auto table = toml::parse(std::string(std::istreambuf_iterator<char>(file), {}), path);
    for (const auto& [key, text] : request.link_changes) {
        add_link(table, key, text);
    }
    if (request.seed) {
        table.insert_or_assign("seed", static_cast<std::int64_t>(*request.seed));
    }
    if (request.in_virtual_linux) {
        table.insert_or_assign("virtual", true);
    }
    play_base out{one.name, text_of(table), one.name, {}};
    if (const auto lesson = lab::lesson_for(path)) {
        out.title = lesson->title;
        for (const char* language : {"en", "pt_BR"}) {
            out.lesson.push_back(path.substr(0, path.rfind('.')) + "." + language + ".md");
        }
    }
    return out;
}

std::string string_in(const json& of, const char* key) {
    const auto found = of.find(key);
    return found == of.end() ? std::string() : found->get<std::string>();
}

void only(const json& of, std::initializer_list<std::string_view> known) {
    for (const auto& [key, value] : of.items()) {
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            throw lab::bad_input(sentence(_("there is no key '{}' here"), key));
        }
    }
}

void set_or_erase(toml::table& to, std::string_view key, const std::string& text) {
    if (text.empty()) {
        to.erase(key);
    } else {
        to.insert_or_assign(key, text);
    }
}

void apply_link(toml::table& to, const json& link) {
    auto& table = table_in(to, "link");
    for (const auto& [key, value] : link.items()) {
        if (!is_link_key(key)) {
            throw lab::bad_input(sentence(_("there is no key '{}' here"), key));
        }
        for (const char* side : {"client", "server"}) {
            if (auto* const one = table[side].as_table()) {
                one->erase(key);
            }
        }
        set_or_erase(table, key, value.get<std::string>());
    }
}

void apply_state(toml::table& to, const json& state) {
    if (!state.is_object()) {
        throw lab::bad_input(_("this is no state of the page"));
    }
    only(state, {"name", "server", "client", "seed", "virtual", "link", "faults"});
    for (const char* key : {"server", "client"}) {
        if (state.contains(key)) {
            set_or_erase(to, key, string_in(state, key));
        }
    }
    if (const auto seed = string_in(state, "seed"); !seed.empty()) {
        to.insert_or_assign("seed", seed);
    }
    if (state.contains("virtual")) {
        to.insert_or_assign("virtual", state["virtual"].get<bool>());
    }
    if (state.contains("link")) {
        apply_link(to, state["link"]);
    }
    if (!state.contains("faults")) {
        return;
    }
    to.erase("fault");
    const auto& faults = state["faults"];
    if (!faults.is_array() || faults.size() > faults_max) {
        throw lab::bad_input(_("too many faults"));
    }
    for (const auto& one : faults) {
        only(one, {"what", "packet", "time"});
        const auto what = string_in(one, "what");
        if (!is_fault(what)) {
            throw lab::bad_input(sentence(_("there is no key '{}' here"), what));
        }
        add_fault(to, what, string_in(one, "packet"), string_in(one, "time"));
    }
}

}  // namespace

play_base play_base_of(const lab_request& request) {
    return request.what == lab_request::verb::run
               ? base_of_lab(request)
               : play_base{"lab", text_of(word_reader(request.words).read()), "lab", {}};
}

std::string play_state_json(const play_base& base) {
    const toml::table table = toml::parse(base.text);
    json out{{"name", base.name},
             {"title", base.title},
             {"seed", "1"},
             {"link", json::object()},
             {"faults", json::array()}};
    for (const char* key : {"server", "client", "seed"}) {
        if (const auto text = plain_text(table[key]); !text.empty() || !out.contains(key)) {
            out[key] = text;
        }
    }
    out["virtual"] = table["virtual"].value_or(false);
    if (const auto* const link = table["link"].as_table()) {
        for (const auto& [key, value] : *link) {
            if (is_link_key(key.str())) {
                out["link"][std::string(key.str())] = plain_text(table["link"][key.str()]);
            }
        }
    }
    if (const auto* const faults = table["fault"].as_array()) {
        for (const auto& one : *faults) {
            json fault;
            for (const auto& [key, value] : *one.as_table()) {
                const auto text = value.value<std::string>().value_or(std::string());
                if (key.str() == "for") {
                    fault["time"] = text;
                } else {
                    fault["what"] = std::string(key.str());
                    fault["packet"] = text;
                }
            }
            out["faults"].push_back(fault);
        }
    }
    return out.dump(-1, ' ', true);
}

std::string play_scenario(const play_base& base, std::string_view state) {
    auto table = toml::parse(base.text);
    try {
        apply_state(table, json::parse(state));
    } catch (const json::exception&) {
        throw lab::bad_input(_("this is no state of the page"));
    }
    auto text = text_of(table);
    const auto read = lab::parse_scenario(text, base.name + ".toml");
    lab::read_program(lab::side::server, read.server_command);
    lab::read_program(lab::side::client, read.client_command);
    return text;
}

}  // namespace aperto::cli
