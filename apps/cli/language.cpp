// SPDX-License-Identifier: MIT
#include "cli/language.hpp"

#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <algorithm>

namespace aperto::cli {

std::optional<failure> choose_language(std::vector<std::string>& arguments) {
    const std::string option = "--lang";
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    const auto found = std::find_if(arguments.begin(), end, [&option](const std::string& word) {
        return word == option || word.starts_with(option + "=");
    });
    if (found == end) {
        i18n::init();
        return {};
    }
    std::string language;
    if (*found == option) {
        if (found + 1 == end) {
            i18n::init();
            return failure{exit_usage, _("--lang needs a value: a language, like pt_BR"),
                           _("See  aperto --help")};
        }
        language = *(found + 1);
        arguments.erase(found, found + 2);
    } else {
        language = found->substr(option.size() + 1);
        arguments.erase(found);
    }
    if (!i18n::init(language))
        return failure{exit_usage, sentence(_("no translation for the language \"{}\""), log_safe(language)),
                       _("There are: en, pt_BR")};
    return {};
}

}  // namespace aperto::cli
