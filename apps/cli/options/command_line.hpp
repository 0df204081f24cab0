// SPDX-License-Identifier: MIT
#pragma once

#include "cli/bench/bench.hpp"
#include "cli/cert.hpp"
#include "cli/journal/journal.hpp"
#include "cli/lab/extcap.hpp"
#include "cli/lab/lab.hpp"
#include "cli/options/description.hpp"
#include "cli/send/send.hpp"
#include "cli/serve/serve.hpp"
#include "cli/watch/watch.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// What the arguments ask for.
struct invocation {
    enum class verb { print, serve, send, demo, bench, cert, journal, lab, watch, extcap };
    verb what = verb::print;
    std::string text;  ///< `print`: help, the version, a completion
    serve_request serve;
    send_request send;
    bench_request bench;
    journal_request journal;
    lab_request lab;
    extcap_request extcap;
    cert_request cert;
    watch_request watch;
};

/// Reads the arguments, the program's name left out. Throws `usage_error`.
invocation parse_command_line(const std::vector<std::string>& arguments);
/// The same into `asked`, which has what was understood also where this throws.
void parse_command_line(const std::vector<std::string>& arguments, invocation& asked);

/// The commands of the program, in the order in which the help lists them. What they are told goes into
/// `asked`, which must outlive the descriptions.
std::vector<command_description> describe_commands(invocation& asked);

command_description describe_serve(serve_request& request);
command_description describe_send(send_request& request);
command_description describe_bench(bench_request& request);
command_description describe_cert(cert_request& request);
/// The options of TLS.
void add_tls_options(std::vector<option_description>& to, tls_of_server& wanted);
void add_tls_options(std::vector<option_description>& to, tls_of_client& wanted);
/// What they say together; `given`: one that was. Throws `usage_error`.
void complete_tls(bool on, const std::string& given);
void complete_tls(const tls_of_client& wanted);
command_description describe_journal(journal_request& request);
command_description describe_watch(watch_request& request);
command_description describe_lab(lab_request& request);
command_description describe_extcap(extcap_request& request);
/// What the options of a run say together. Throws `usage_error`.
void complete_run(lab_request& request);

/// What the arguments of a command were.
struct parsed {
    const command_description* command = nullptr;  ///< that one, or the one of its own that was named
    std::string name;                              ///< "serve", "lab run"
    bool help = false;                             ///< `--help` was among them, which ended the reading
};
/// Hands the arguments of one command to its description's functions. Throws the first mistake as
/// `usage_error`; everything that is right has been handed over nevertheless.
parsed parse_arguments(const command_description& command, const std::vector<std::string>& arguments);

/// Something wrong in a configuration file.
struct config_problem {
    unsigned line = 0;  ///< from 1
    unsigned column = 0;
    std::string what;  ///< translated
};

/// Gives a command what a TOML file (toml.io, 1.0) sets: keys are the names of its options without the
/// dashes, values are what the option takes, as text, number, true for a flag, or a list of those for an
/// option that may be given several times.
///
///     port = 7000
///     service = "echo"              # what the command line gives as its argument
///     idle-timeout = "2m"
///     deny = ["203.0.113.0/24", "2001:db8:bad::/48"]
///
/// Everything that is wrong in `text` is in the result, in the order of the file; what is right has been set
/// nevertheless. `not_in_a_file`: options that make no sense in a file.
std::vector<config_problem> apply_config(const command_description& command, std::string_view text,
                                         const std::vector<std::string>& not_in_a_file);

/// The file's contents, at most 4 MiB. Throws `usage_error` where it cannot be read, and where there is more.
std::string read_config(const std::string& path);

/// "aperto.toml:3:1: there is no option …", a line for each.
std::string config_report(const std::string& path, const std::vector<config_problem>& problems);

}  // namespace aperto::cli
