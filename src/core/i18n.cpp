// SPDX-License-Identifier: MIT
#include "core/i18n.hpp"

#include "core/environment.hpp"

#include <libintl.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace aperto {

namespace {

namespace fs = std::filesystem;

constexpr const char* domain = "aperto";

bool has_catalogue(const fs::path& locales, const std::string& language) {
    std::error_code ignored;
    return fs::exists(locales / language / "LC_MESSAGES" / (std::string(domain) + ".mo"), ignored);
}

/// The folder of catalogues: beside the program in a build tree, one up in an installed one.
fs::path locale_folder() {
    std::error_code failed;
    const auto program = fs::read_symlink("/proc/self/exe", failed);
    if (failed) {
        return {};
    }
    const auto folder = program.parent_path();
    for (const auto& candidate : {folder / "share/locale", folder.parent_path() / "share/locale"}) {
        if (fs::is_directory(candidate, failed)) {
            return candidate;
        }
    }
    return {};
}

/// `pt-BR.UTF-8@euro` as gettext spells it: `pt_BR`.
std::string normalised(std::string_view language) {
    std::string name(language.substr(0, language.find_first_of(".@")));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

/// The catalogue that serves `language` best: its own, its base language's, or a sister's (`pt_PT` reads
/// `pt_BR` rather than English). Empty when there is none.
std::string best_catalogue(const fs::path& locales, const std::string& language) {
    auto base = language.substr(0, language.find('_'));
    if (has_catalogue(locales, language)) {
        return language;
    }
    if (has_catalogue(locales, base)) {
        return base;
    }
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(locales, failed)) {
        const auto name = entry.path().filename().string();
        if (name.starts_with(base + "_") && has_catalogue(locales, name)) {
            return name;
        }
    }
    return {};
}

/// The locale a person set, as setlocale(3) would look for it.
std::string wanted_locale() {
    for (const char* variable : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
        if (auto value = environment(variable); !value.empty()) {
            return value;
        }
    }
    return {};
}

/// Characters are UTF-8, unless the environment names an installed locale that says otherwise.
void choose_characters() {
    const char* characters = std::setlocale(LC_CTYPE, "");
    if (characters == nullptr || (environment("LC_ALL").empty() && std::string_view(characters) == "C")) {
        std::setlocale(LC_CTYPE, "C.UTF-8");
    }
}

/// gettext ignores LANGUAGE in the C locale, and a locale that is not installed is the C locale. C.UTF-8 is
/// always there and is not "C", so with it LANGUAGE alone decides.
void speak(const std::string& languages) {
    std::setlocale(LC_MESSAGES, "C.UTF-8");
    ::setenv("LANGUAGE", languages.c_str(), 1);
}

}  // namespace

bool i18n::init(std::string_view language) {
    choose_characters();
    const auto locales = locale_folder();
    ::bindtextdomain(domain, locales.c_str());
    ::bind_textdomain_codeset(domain, "UTF-8");

    if (!language.empty()) {
        const auto asked = normalised(language);
        const auto found = best_catalogue(locales, asked);
        speak(found.empty() ? "en" : found);
        return !found.empty() || asked == "en" || asked.starts_with("en_") || asked == "C";
    }
    if (std::setlocale(LC_MESSAGES, "") == nullptr) {
        const auto preferred = environment("LANGUAGE");
        speak(preferred.empty() ? best_catalogue(locales, normalised(wanted_locale())) : preferred);
    }
    return true;
}

const char* _(const char* english) { return ::dgettext(domain, english); }

const char* plural(const char* one, const char* many, unsigned long count) {
    return ::dngettext(domain, one, many, count);
}

}  // namespace aperto
