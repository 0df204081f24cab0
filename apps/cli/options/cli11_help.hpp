// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace aperto::cli {

/// The help of a command that CLI11 reads, laid out as that of the others: every word of it in the reader's
/// language, no line wider than the terminal.
class help_layout : public CLI::Formatter {
public:
    std::string make_help(const CLI::App* command, std::string name, CLI::AppFormatMode mode) const override;
};

/// What is wrong with the arguments, in the reader's language.
std::string usage_text(const CLI::ParseError& wrong);

}  // namespace aperto::cli
