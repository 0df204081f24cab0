// SPDX-License-Identifier: MIT
//
// serve/: what `aperto serve` does. serve has the command and what it answers; report, what it says of its
// clients, in sentences or (report_json) for programs; confinement, what it gives up before it serves;
// service_manager, what systemd hands over and is told; handover and upgrade, one process following another; survey,
// what it tells of itself when it is asked; log, how a line is made, and how lines are written without holding anybody up.
#pragma once

#include "aperto/journal.hpp"
#include "aperto/server.hpp"
#include "cli/options/said.hpp"
#include "cli/serve/confinement.hpp"
#include "cli/serve/report.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace aperto::cli {

/// What `aperto serve` can answer with.
enum class service : std::uint8_t {
    upper,    ///< the text in capitals
    echo,     ///< the same bytes
    discard,  ///< nothing (RFC 863)
};

/// The handler of a service. `told` hears of bytes that are not UTF-8, once a connection; it must outlive the
/// handler.
handler make_service(service which, report& told);

/// How it speaks TLS.
struct tls_of_server {
    bool on = false;
    std::string certificate = "cert.pem";
    std::string key = "key.pem";
    std::string client_ca;
    std::string given;  ///< one of the options that say so; empty: none was
};

struct serve_request {
    service what = service::upper;
    /// None: what suits the service. Capitals are for text, the others for any bytes.
    std::optional<aperto::framing> framing;
    aperto::options options;
    message_detail messages = message_detail::automatic;
    log_format log = log_format::text;
    log_level level = log_level::info;
    std::string log_file;  ///< empty: standard output
    tls_of_server tls;
    std::vector<std::string> inherited;  ///< sockets that listen already, by number or name
    std::string admin;                   ///< where it is watched from; empty: nowhere
    journal_options journal;             ///< without a file: none
    std::string handover;                ///< where it takes over, and hands over; empty: nowhere
    std::string user;                    ///< to become; empty: stays who it is
    confinement_mode sandbox = confinement_mode::on;
    std::string config;  ///< the file it was set from; empty: none
    std::string check;   ///< a file to be checked, in place of serving; empty: none
    said words;          ///< all that it was told
    /// Reads the arguments and the file once more. Throws `std::runtime_error` with everything that is wrong.
    std::function<serve_request()> read_again;
};
/// What serving may touch of the file system once everything is open.
confinement needed_by(const serve_request& request);
int run_serve(const serve_request& request);

/// The first minute: a server, a client that talks to it, and what the two of them saw.
int run_demo();

/// A log whose reader is gone (SIGPIPE), or whose file may not grow any more (SIGXFSZ, setrlimit(2)), ends
/// nobody: the write fails then, and the lines are counted as lost.
void ignore_signals_of_writes();

}  // namespace aperto::cli
