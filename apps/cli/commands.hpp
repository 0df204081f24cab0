// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client.hpp"
#include "aperto/server.hpp"
#include "cli/serve/report.hpp"
#include "cli/serve/services.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The commands of the program, each in a file of its name, and what the command line tells them.
namespace aperto::cli {

struct serve_request {
    service what = service::upper;
    /// None: what suits the service. Capitals are for text, the others for any bytes.
    std::optional<aperto::framing> framing;
    aperto::options options;
    message_detail messages = message_detail::automatic;
    log_format log = log_format::text;
    std::string config;  ///< the file it was set from; empty: none
    std::string check;   ///< a file to be checked, in place of serving; empty: none
};
int run_serve(const serve_request& request);

struct send_request {
    std::vector<std::string> words;  ///< TEXT; none: standard input
    std::string host = "localhost";
    std::uint16_t port = 9999;
    aperto::framing framing = framing::stream;
    aperto::engine engine = engine::automatic;
    duration timeout = std::chrono::seconds(5);  ///< for the connection, then for each 1 KiB of the reply
    /// So quiet a reply without framing is whole, where the server keeps the connection; none: as measured.
    std::optional<duration> quiet_time;
    unsigned retries = 0;
    bool facts = false;
};
int run_send(const send_request& request);

/// The first minute: a server, a client that talks to it, and what the two of them saw.
int run_demo();

}  // namespace aperto::cli
