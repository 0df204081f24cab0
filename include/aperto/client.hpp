// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/stream.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto {

/// How hosts are tried again where none of them answers.
struct retry_options {
    /// How often each host is tried in all, 1 or more.
    unsigned rounds = 3;
    /// Before each round but the first: a time drawn evenly from nothing to this, which doubles from round to round
    /// up to `pause_most`. Clients of a server that was away do not all come back at one moment.
    duration pause = std::chrono::milliseconds(100);
    duration pause_most = std::chrono::seconds(5);  ///< no pause is longer
};

/// How a client connects, and how long it waits.
struct client_options {
    /// In all: the name, every address tried, the handshake.
    duration connect_timeout = std::chrono::seconds(5);
    /// RFC 8305, 5: the next address is tried when the one before has not answered for so long.
    duration attempt_delay = std::chrono::milliseconds(250);
    /// RFC 8305, 3: where a name has no answer for so long, its IPv6 and IPv4 addresses are asked for apart; IPv4 waits
    /// so long again for IPv6.
    duration resolution_delay = std::chrono::milliseconds(50);
    /// `ask` only: how long the whole exchange may take after the connection is there.
    duration reply_deadline = std::chrono::seconds(30);
    /// `ask` with framing stream or raw: a reply is whole when the peer ends the stream; one that keeps it
    /// open says in no way that its reply is whole, which is then taken for so once it has been quiet for
    /// this long. None: as long as a segment lost three times in a row takes to come, by the measured round
    /// trip, a second at least. `forever`: only the end of the stream ends a reply.
    std::optional<duration> quiet{};
    retry_options retry{};  ///< of several hosts alone
    /// `async_ask` of several hosts: a question whose connection broke before its answer was whole is asked again, of
    /// the next host, for as many times as there are rounds. A server may then have it more than once ("at least
    /// once"); without this it is sent once at the most.
    bool ask_again = false;
    aperto::engine engine = engine::automatic;  ///< for the blocking `ask` alone
    /// Of the connection it makes.
    connect_options socket{};
    /// How it is read and written; what is framed is framed as this says.
    stream_options stream{};
};

/// A connection to `where` ("sala-3:9999", "[::1]:9999"): resolves, tries the addresses as RFC 8305 (Happy
/// Eyeballs) says, gives the first that answers. Runs on the current loop. Throws `error` with what was tried
/// and with whom.
task<stream> connect(std::string_view where, client_options options = {});
/// The same for a host and a port that are known apart.
task<stream> connect(host_port where, client_options options = {});

/// A connection to whichever of `hosts` answers, which are tried in their order, a round of all after the other, within
/// `connect_timeout` in all: each has what is left of it, divided by the hosts that are left in its round. Whatever keeps
/// a host from being connected to, its name or its certificate too, makes the next one be tried. A name like
/// "_capitals._tcp.example" stands for the hosts of that service (`resolve_service`; its port is that of each host), here and
/// wherever a host is named. Throws `error` with what became of each in the last round; `errc::misuse` for no host.
task<stream> connect(std::vector<host_port> hosts, client_options options = {});

/// Connects, sends `message`, half-closes (framing stream or raw), gives the reply, closes. Blocks; needs no
/// loop; not to be called on a thread that runs one. Throws `error`; `errc::cut_short` where the reply broke
/// off, or, with framing, where none came or its line lacks its end.
std::string ask(std::string_view where, std::string_view message, client_options options = {});
/// The same for coroutines; any number at once.
task<std::string> async_ask(std::string_view where, std::string_view message, client_options options = {});
/// The same for a host and a port that are known apart. Keeps the message.
task<std::string> async_ask(host_port where, std::string message, client_options options = {});
/// The same of whichever of `hosts` answers (`client_options::ask_again`).
task<std::string> async_ask(std::vector<host_port> hosts, std::string message, client_options options = {});

}  // namespace aperto
