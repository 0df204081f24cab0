// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace aperto {

/// Sentences for people, in the reader's language: glibc's gettext with the domain `aperto`.
/// The English text is the key; a sentence without a translation comes out in English.
namespace i18n {

/// Chooses the language. Call it once, from `main`, before any other thread starts: it sets the process's
/// LC_CTYPE and LC_MESSAGES and may set the environment variable LANGUAGE (setlocale(3), setenv(3)). Numbers
/// keep the C locale.
///
/// `language` is what the user asked for (`pt_BR`, `pt-BR`, `pt`, `en`). When it is empty, LANGUAGE, LC_ALL,
/// LC_MESSAGES and LANG decide, in the order of gettext(3). The locale need not be installed on the machine.
///
/// Returns false when a language was asked for and there is no catalogue for it: sentences stay in English.
bool init(std::string_view language = {});

}  // namespace i18n

/// The sentence `english` in the reader's language. The result lives as long as the program. Any thread.
[[gnu::format_arg(1)]] const char* _(const char* english);

/// `one` or `many`, whichever suits `count`, in the reader's language. Any thread.
[[gnu::format_arg(1), gnu::format_arg(2)]] const char* plural(const char* one, const char* many,
                                                              unsigned long count);

/// Marks a sentence of a table for translation where it stands; `_()` translates it where it is printed.
constexpr const char* N_(const char* english) { return english; }

}  // namespace aperto
