// SPDX-License-Identifier: MIT
#pragma once

#include "cli/watch/sample.hpp"

#include <memory>
#include <stdexcept>
#include <string>

namespace aperto::cli {

/// Nothing can be watched there; `what()` says why, translated.
class watch_trouble : public std::runtime_error {
public:
    explicit watch_trouble(const std::string& what) : std::runtime_error(what) {}
};

/// What a target on the command line names. Throws `usage_error`.
void check_watch_target(const std::string& target);
/// Where its connections are told of: a server's --admin where one answers, else this machine's sockets. Throws
/// `error` and `watch_trouble`.
std::unique_ptr<connection_source> open_source(const std::string& target);

}  // namespace aperto::cli
