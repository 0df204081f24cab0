// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "cli/options/quantity.hpp"
#include "core/log_safe.hpp"
#include "core/nearest.hpp"
#include "core/sentence.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace aperto::cli {

namespace {

constexpr std::string_view argument_key = "service";
/// A file that denies 100,000 ranges has 2 MiB; /dev/zero has no end.
constexpr std::size_t config_size_max = std::size_t{4} * 1024 * 1024;

class reader {
public:
    reader(const command_description& command, const std::vector<std::string>& not_in_a_file,
           std::vector<config_problem>& problems)
        : command_(command), problems_(problems) {
        for (const option_description& option : command.options)
            if (std::find(not_in_a_file.begin(), not_in_a_file.end(), option.name) == not_in_a_file.end())
                options_.push_back(&option);
    }

    void read(const toml::table& root) {
        for (const auto& [key, value] : root) {
            const option_description* const option = find(key.str());
            if (option)
                set(*option, value);
            else if (key.str() == argument_key && command_.set_arguments)
                try_at(value, [&] { command_.set_arguments({text_of(argument_key, value)}); });
            else
                complain(key.source(), unknown(key.str()));
        }
    }

private:
    const option_description* find(std::string_view key) const {
        const auto found = std::find_if(options_.begin(), options_.end(), [&](const option_description* one) {
            return std::string_view(one->name).substr(2) == key;
        });
        return found == options_.end() ? nullptr : *found;
    }

    std::string unknown(std::string_view key) const {
        std::vector<std::string> names;
        for (const option_description* option : options_)
            names.push_back(option->name.substr(2));
        if (command_.set_arguments) names.emplace_back(argument_key);
        std::string what = sentence(_("there is no key \"{}\""), log_safe(key));
        if (const std::string near = nearest(key, names); !near.empty())
            what += sentence(_("; did you mean {}?"), near);
        return what;
    }

    void set(const option_description& option, const toml::node& value) {
        if (option.value.empty()) {
            const auto* truth = value.as_boolean();
            if (!truth)
                complain(value.source(), sentence(_("{} is either true or false"), option.name.substr(2)));
            else if (truth->get())
                option.set({});
            return;
        }
        const std::string key = option.name.substr(2);
        const auto* list = option.several ? value.as_array() : nullptr;
        if (!list) return try_at(value, [&] { set_text(option, text_of(key, value)); });
        for (const toml::node& each : *list)
            try_at(each, [&] { set_text(option, text_of(key, each)); });
    }

    static void set_text(const option_description& option, const std::string& text) {
        check_choice(option, text);
        option.set(text);
    }

    static const char* kind_of(const toml::node& value) {
        if (value.is_array()) return _("a list");
        if (value.is_table()) return _("a table");
        if (value.is_boolean()) return _("true or false");
        return _("a date or a time of day");
    }

    static std::string text_of(std::string_view key, const toml::node& value) {
        if (const auto* text = value.as_string()) return text->get();
        if (const auto* number = value.as_integer()) return std::to_string(number->get());
        if (const auto* number = value.as_floating_point()) return fmt::format("{}", number->get());
        throw usage_error(sentence(_("{} takes one text or one number, not {}"), key, kind_of(value)));
    }

    template <class Action>
    void try_at(const toml::node& value, Action action) {
        try {
            action();
        } catch (const usage_error& wrong) {
            complain(value.source(), wrong.what());
        }
    }

    void complain(const toml::source_region& place, const std::string& what) {
        problems_.push_back({place.begin.line, place.begin.column, what});
    }

    const command_description& command_;
    std::vector<const option_description*> options_;
    std::vector<config_problem>& problems_;
};

}  // namespace

std::vector<config_problem> apply_config(const command_description& command, std::string_view text,
                                         const std::vector<std::string>& not_in_a_file) {
    std::vector<config_problem> problems;
    try {
        const toml::table root = toml::parse(text);
        reader(command, not_in_a_file, problems).read(root);
    } catch (const toml::parse_error& wrong) {
        const toml::source_position at = wrong.source().begin;
        problems.push_back(
            {at.line, at.column, sentence(_("this is not TOML: {}"), log_safe(wrong.description()))});
    }
    std::sort(problems.begin(), problems.end(), [](const config_problem& one, const config_problem& other) {
        return std::pair(one.line, one.column) < std::pair(other.line, other.column);
    });
    return problems;
}

std::string read_config(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
    std::string text;
    std::array<char, 4096> piece{};
    // One byte more than may be there is read, and no end is waited for that may never come.
    while (file && text.size() <= config_size_max) {
        const std::size_t size = std::fread(piece.data(), 1, piece.size(), file.get());
        text.append(piece.data(), size);
        if (size < piece.size()) break;
    }
    if (!file || std::ferror(file.get()) != 0)
        throw usage_error(sentence(_("could not read {}: {}"), log_safe(path), std::strerror(errno)));
    if (text.size() > config_size_max)
        throw usage_error(sentence(_("could not read {}: it is larger than {}"), log_safe(path),
                                   size_option_text(config_size_max)));
    return text;
}

std::string config_report(const std::string& path, const std::vector<config_problem>& problems) {
    std::string report;
    for (const config_problem& each : problems)
        report += fmt::format("{}:{}:{}: {}\n", log_safe(path), each.line, each.column, each.what);
    return report;
}

}  // namespace aperto::cli
