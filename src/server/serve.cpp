// SPDX-License-Identifier: MIT
#include "aperto/server.hpp"
#include "core/i18n.hpp"
#include "core/signal_watch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

namespace aperto {

namespace {

/// A person who starts a server sees that it runs, and how it ends. A program's standard error is its own,
/// and so are the words of who takes the events.
void tell_person(const server& serving, const options& chosen) {
    if (chosen.events || ::isatty(STDERR_FILENO) != 1) return;
    for (const endpoint& where : serving.endpoints()) {
        const std::string port = std::to_string(where.port());
        const std::string address = where.address();
        const std::string place = where.family() == AF_UNIX ? where.to_string()
                                  : where.is_any()
                                      ? fmt::vformat(_("every address, port {}"), fmt::make_format_args(port))
                                      : fmt::vformat(_("{}, port {}"), fmt::make_format_args(address, port));
        const std::string line =
            fmt::vformat(_("listening on {}; Ctrl-C ends"), fmt::make_format_args(place));
        std::fprintf(stderr, "%s\n", line.c_str());
    }
}

}  // namespace

int serve(const options& options, handler what) {
    constexpr int failed = 1;
    constexpr int could_not_start = 5;
    bool started = false;
    try {
        // Taken before the first client can come, and given back when all is over.
        std::optional<signal_set> signals;
        if (options.handle_signals) signals.emplace(signal_set::wanted{.ending = {SIGINT, SIGTERM}});
        server serving(options, std::move(what));
        serving.start();
        started = true;
        tell_person(serving, options);
        std::optional<signal_watch> watch;
        if (signals) watch.emplace(*signals, [&serving](int) { serving.stop(); });
        serving.wait();
        return 0;
    } catch (const error& failure) {
        std::fprintf(stderr, "error: %s\n", failure.what());
        if (!failure.advice().empty()) std::fprintf(stderr, "       %s\n", failure.advice().c_str());
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "error: %s\n", failure.what());
    }
    return started ? failed : could_not_start;
}

int serve(std::uint16_t port, handler what) { return serve(options{.port = port}, std::move(what)); }

}  // namespace aperto
