// SPDX-License-Identifier: MIT
// Which languages are taken for known. What is then said, tests/i18n and tests/cli look at.
#include "core/i18n.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace aperto {
namespace {

/// In a process of its own: it changes the locale.
void expect_known(std::string_view language, bool is_known) {
    EXPECT_EXIT(std::_Exit(i18n::init(language) ? 0 : 1), testing::ExitedWithCode(is_known ? 0 : 1), "")
        << language;
}

TEST(I18nDeathTest, EnglishNeedsNoCatalogueWhereverItIsSpoken) {
    for (const std::string_view english : {"en", "en_GB", "en-US.UTF-8", "C"})
        expect_known(english, true);
}

TEST(I18nDeathTest, FindsTheCataloguesOfTheBuildTree) {
    for (const std::string_view translated : {"pt_BR", "pt_BR.UTF-8", "pt"})
        expect_known(translated, true);
}

TEST(I18nDeathTest, SaysThatNobodyTranslatedIntoALanguage) {
    for (const std::string_view unknown : {"xx", "xx_YY", "english", "e"})
        expect_known(unknown, false);
}

}  // namespace
}  // namespace aperto
