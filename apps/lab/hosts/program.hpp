// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "lab/analysis/event.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// A program of the run as it was asked for, and as it is started.
struct program {
    std::string text;                    ///< as written
    std::vector<std::string> arguments;  ///< as for execvp(3)
    bool ends_by_itself = false;         ///< known to end with its connection
};

/// Reads a command. Words and quotes are split as a shell does; what needs a shell (pipes, variables,
/// patterns, redirection) is given to /bin/sh. `peer …` and `aperto …` are this program itself. Empty: the
/// lesson's own server or client. Throws `bad_input` when there is no such program.
program read_program(side which, const std::string& command);

/// The file that a command's name stands for: itself where it has a slash, else the first in PATH. Empty: none that can
/// be run.
std::string path_of_program(const std::string& name);

/// By what the lab knows that the server can be called:
///
///     tcp, tcp:80      it listens on a TCP port; on that one
///     udp, udp:53      it has bound a UDP port; that one
///     line:TEXT        it has printed a line with TEXT in it
///     2s               so much time has passed since it was started
struct readiness {
    enum class sign : std::uint8_t { tcp, udp, line, delay };
    sign what = sign::tcp;
    std::uint16_t port = 0;  ///< 0: any
    std::string line;
    duration delay{};
};

/// Throws `bad_input`.
readiness parse_readiness(std::string_view text);

/// What is being waited for, for a person who waits too.
std::string waiting_text(const readiness& wanted);

/// A pipe that a program writes its output to, read line by line.
class program_output {
public:
    program_output();

    int read_end() const { return read_end_.get(); }
    int write_end() const { return write_end_.get(); }
    void close_write_end() { write_end_.close(); }

    using line_taker = std::function<void(const std::string&)>;
    /// Takes what is there without waiting, but so much at most: a program that never stops printing leaves
    /// time for everything else. False when there was nothing.
    bool read(const line_taker& take);
    /// Hands over a last line that had no end.
    void finish(const line_taker& take);

private:
    descriptor read_end_;
    descriptor write_end_;
    std::string rest_;
};

/// `aperto lab peer serve|call …`: a small TCP program whose every read and write can be told, for lessons in
/// which the programs' own pace is the subject: a slow reader, many small writes, a long stream. Blocking,
/// one connection. At its end it prints what it did: `writes=3 reads=1 sent=30 received=30 digest_sent=…
/// digest_received=…`. Returns the exit code: 0, 1 when the connection failed, 2 for bad arguments.
int run_peer(const std::vector<std::string>& arguments);

}  // namespace aperto::lab
