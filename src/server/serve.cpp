// SPDX-License-Identifier: MIT
#include "aperto/server.hpp"
#include "core/signal_watch.hpp"

#include <csignal>
#include <cstdio>
#include <optional>

namespace aperto {

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
