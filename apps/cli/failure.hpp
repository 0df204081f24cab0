// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/error.hpp"
#include "aperto/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the program says when something does not work, and how it then ends; and who listens on a port of
/// this machine, as far as /proc tells this user (proc(5)).
namespace aperto::cli {

/// Exit codes; scripts rely on them.
enum exit_code : int {
    exit_done = 0,
    exit_failed = 1,         ///< anything that has no code of its own
    exit_usage = 2,          ///< the arguments
    exit_no_connection = 3,  ///< could not connect
    exit_cut_short = 4,      ///< connected, but no reply came, or it was cut short
    exit_no_listen = 5,      ///< could not listen
    exit_wire = 70,          ///< of a lab: the wire lost what it was not told to lose
    exit_machine = 71,       ///< of a lab: the virtual Linux did not start, or ended too early
    exit_cannot_here = 77,   ///< of a lab: this machine does not allow what it needs
    exit_time_up = 124,      ///< of a lab: it was ended by its time-out
    exit_by_signal = 128,    ///< and the signal's number, as shells count it
    exit_interrupted = 130,  ///< Ctrl-C: 128 + SIGINT
};

/// What went wrong, in a sentence, and what the reader can do about it.
struct failure {
    int code = exit_failed;
    std::string what;
    std::string advice;  ///< may have several lines; empty where nothing sure is known
};

/// "error: …" and the advice below it on standard error; gives the exit code.
int tell(const failure& told);

/// `cause`, thrown before anything was tried on the network, or by no wait of its own.
failure explain_other(const error& cause);
/// True where the kernel refused the engine that was asked for by name.
bool is_engine_refused(const error& cause);
/// `cause`, thrown by a connect to several hosts.
failure explain_connect_to_any(const error& cause);
/// `cause`, thrown by a connect to `host` and `port` that could take `limit`.
failure explain_connect(const error& cause, const std::string& host, std::uint16_t port, duration limit);
/// `cause`, thrown by reading certificates and keys.
failure explain_tls_files(const error& cause);
/// `cause` is of TLS.
bool is_of_tls(const error& cause);
/// Such a `cause`, thrown by a connect to `host` and `port`, and once connected.
failure explain_tls(const error& cause, const std::string& host, std::uint16_t port);
failure explain_broken_tls(const error& cause);
/// `cause`, thrown once connected: the conversation broke off.
failure explain_broken(const error& cause);
/// The server ended in the middle of a line, where the framing is `line`.
failure last_line_cut_short();
/// `cause`, thrown by listening on `host` (empty: every address) and `port`.
failure explain_listen(const error& cause, const std::string& host, std::uint16_t port);
/// `cause`, thrown by opening a journal.
failure explain_journal(const error& cause, const std::string& file);
/// "port 9999 is in use by python3 (process 4242)", as far as the system tells.
std::string port_in_use(std::uint16_t port);

/// The system's own words for an error number, begun in lower case, to stand after a colon.
std::string system_reason(const std::error_code& code);

struct port_owner {
    int process = 0;      ///< 0 where the process belongs to somebody else, or to another container
    std::string command;  ///< its short name, where there is a process
    std::string user;     ///< its user's name or number
};

/// Empty where nobody listens there, or /proc cannot be read.
std::optional<port_owner> find_port_owner(std::uint16_t port);

/// How long a connection that has ended still holds `port` (TIME_WAIT, RFC 9293, 3.6.1), the longest of them;
/// empty where none does.
std::optional<std::chrono::milliseconds> find_time_wait(std::uint16_t port);
/// The same in the text of /proc/net/tcp or /proc/net/tcp6.
std::optional<std::chrono::milliseconds> time_wait_in(std::string_view table, std::uint16_t port);

/// A listening socket's line in /proc/net/tcp or /proc/net/tcp6.
struct listening_socket {
    std::uint64_t inode = 0;
    std::uint32_t user = 0;
    bool operator==(const listening_socket&) const = default;
};
/// The sockets that listen on `port` in the text of such a file. Lines of another form are passed over.
std::vector<listening_socket> find_listening_sockets(std::string_view table, std::uint16_t port);

}  // namespace aperto::cli
