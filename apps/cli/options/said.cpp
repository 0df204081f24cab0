// SPDX-License-Identifier: MIT
#include "cli/options/said.hpp"

#include "cli/options/description.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <fmt/format.h>

#include <utility>

namespace aperto::cli {

namespace {

/// Enough of a value to know it by.
constexpr std::size_t shown_max = 64;

std::string shown(const std::string& text) {
    if (text.empty()) return _("nothing");
    const std::string safe = log_safe(text);
    return safe.size() <= shown_max ? safe : _("something long");
}

}  // namespace

void said::listen_to(command_description& command) {
    for (option_description& each : command.options) {
        if (!each.set) continue;
        const std::string name = each.name.substr(2);
        options_[name] = {.text = each.value.empty() ? "false" : each.fallback,
                          .several = each.several,
                          .renewable = each.renewable};
        const bool is_flag = each.value.empty();
        each.set = [this, name, is_flag, set = std::move(each.set)](const std::string& text) {
            set(text);
            note(name, is_flag ? "true" : text);
        };
    }
    if (!command.set_arguments) return;
    options_["service"] = {.text = command.choices.empty() ? "" : command.choices.front().value};
    command.set_arguments = [this, set = std::move(command.set_arguments)](std::vector<std::string> words) {
        if (!words.empty()) note("service", words.front());
        set(std::move(words));
    };
}

void said::note(const std::string& name, const std::string& text) {
    option& which = options_[name];
    which.text = which.several && which.given ? which.text + "," + text : text;
    which.given = true;
}

said::differences said::to(const said& later) const {
    differences all;
    for (const auto& [name, before] : options_) {
        const auto now = later.options_.find(name);
        if (now == later.options_.end() || now->second == before) continue;
        (before.renewable ? all.taken : all.left)
            .push_back(before.several
                           ? name
                           : fmt::format("{} {} → {}", name, shown(before.text), shown(now->second.text)));
    }
    return all;
}

void said::take(const said& later) {
    for (auto& [name, mine] : options_)
        if (const auto now = later.options_.find(name); mine.renewable && now != later.options_.end())
            mine = now->second;
}

}  // namespace aperto::cli
