// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace aperto::load {

/// How messages are told apart on the wire; the same three that the server offers.
enum class framing : std::uint8_t {
    stream,  ///< the bytes alone
    line,    ///< a line feed after each
    length,  ///< a 32-bit big-endian length before each
};

/// What has to come back.
enum class expectation : std::uint8_t {
    upper,  ///< the same in capitals, every byte compared
    echo,   ///< the same, every byte compared
    none,   ///< an answer, not compared: a line, a length-framed message or, with framing stream, whatever
            ///< arrives
    text,   ///< `reply_text`, every byte compared
    bytes,  ///< `reply_bytes` bytes, not compared
};

/// What the numbers of a plan may be.
namespace ranges {
inline constexpr std::size_t connections_most = 1'000'000;
inline constexpr std::size_t pipeline_most = 65'536;
/// Connections times requests in flight on each: every one has a time stamp of 16 bytes.
inline constexpr std::size_t in_flight_most = 16'777'216;
inline constexpr double rate_least = 0.001;  ///< one in a quarter of an hour
inline constexpr double rate_most = 10'000'000;
inline constexpr std::uint64_t requests_most = 1'000'000'000'000;
inline constexpr std::size_t size_most = std::size_t{1} << 40;
/// With a framing, and of texts that are given: a tape of such messages is kept in memory four times.
inline constexpr std::size_t framed_size_most = std::size_t{64} * 1024 * 1024;
inline constexpr std::chrono::nanoseconds duration_least = std::chrono::milliseconds(1);
inline constexpr std::chrono::nanoseconds time_most = std::chrono::hours(1000);
inline constexpr int pid_most = 4'194'304;  ///< PID_MAX_LIMIT of Linux (proc(5), pid_max)
}  // namespace ranges

/// What a run of the load generator does.
struct plan {
    std::string host = "127.0.0.1";
    std::uint16_t port = 9999;

    /// Connections that ask, 1 or more; with `per_message_connection`, how many are in progress at once.
    std::size_t connections = 64;
    /// Connections that are opened before and say nothing.
    std::size_t idle_connections = 0;
    /// Requests a second over all connections (open loop: sent when their time has come, whatever the server
    /// does). 0: as fast as replies come (closed loop).
    double rate = 0;
    /// What each request is, to the byte, framing and all; empty: letters of our own, all different.
    std::string request_text;
    /// Bytes of payload in a message of our own, 1 or more; framing comes on top.
    std::size_t size = 64;
    /// Requests in flight on a connection, 1 or more.
    std::size_t pipeline = 1;
    load::framing framing = framing::stream;
    /// A connection for each message: connect, send, receive, close.
    bool per_message_connection = false;
    /// With `per_message_connection`: each ends with a reset (RST) in place of the orderly end.
    bool reset = false;
    expectation expect = expectation::upper;
    std::string reply_text;       ///< with `expectation::text`
    std::size_t reply_bytes = 0;  ///< with `expectation::bytes`

    /// The measured window. 0: until `requests` are answered.
    std::chrono::nanoseconds duration = std::chrono::seconds(10);
    /// Load before the measurement begins, not counted.
    std::chrono::nanoseconds warm_up = std::chrono::milliseconds(500);
    /// How long to wait for a connection, for a source port to be free and, at the end, for requests that are
    /// due and replies still to come; without a duration, how long the server may be silent.
    std::chrono::nanoseconds patience = std::chrono::seconds(5);
    /// Ends after so many requests, before `duration`; 0: no such end.
    std::uint64_t requests = 0;
    /// The process whose CPU and memory are counted too: the server, when it runs on this machine. 0: none.
    int server_pid = 0;
};

/// Throws `error` where a number is out of its range (`errc::malformed`, as `refuse_option` does) or where
/// two values do not go together (std::errc::invalid_argument): `advice()` says why.
void check(const plan& what);

}  // namespace aperto::load
