// SPDX-License-Identifier: MIT
#include "cli/commands.hpp"
#include "cli/failure.hpp"
#include "cli/report.hpp"
#include "cli/signals.hpp"

#include <unistd.h>

namespace aperto::cli {

int run_serve(const serve_request& request) {
    const signal_block signals;
    const auto told =
        report::create({.format = request.log, .messages = request.messages, .descriptor = STDOUT_FILENO});
    aperto::options options = request.options;
    options.events = told.get();
    server serving(options, make_service(request.what, *told));
    try {
        serving.start();
    } catch (const error& cause) {
        told->close();
        return tell(explain_listen(cause, options.host, options.port));
    }
    told->started(serving);
    const signal_watch watch(signals, [&serving] { serving.stop(); });
    serving.wait();
    told->stopped();
    told->close();
    return exit_done;
}

}  // namespace aperto::cli
