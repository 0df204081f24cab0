// SPDX-License-Identifier: MIT
#include "cli/options/describe_lab.hpp"

#include "cli/options/command_line.hpp"
#include "cli/options/description.hpp"
#include "cli/options/quantity.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/virtual/machine.hpp"
#include "lab/wire/link.hpp"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

namespace aperto::cli {

namespace {

using options = std::vector<option_description>;
using verb = lab_request::verb;
using namespace std::chrono_literals;

option_description several(option_description option) {
    option.several = true;
    return option;
}

void add_group(options& to, const std::string& title, options group) {
    for (option_description& option : group) {
        option.group = title;
        to.push_back(std::move(option));
    }
}

option_description detail_option(lab::ladder_detail& target) {
    return {
        .name = "--show",
        .value = "auto|brief|all|none",
        .help =
            _("packets on the terminal; auto: the first ones, then what is out of the ordinary; brief: about "
              "twenty, as in a lesson on a terminal"),
        .fallback = "auto",
        .set = [&target](const std::string& text) {
            target = text == "all"     ? lab::ladder_detail::all
                     : text == "none"  ? lab::ladder_detail::none
                     : text == "brief" ? lab::ladder_detail::brief
                                       : lab::ladder_detail::automatic;
        }};
}

option_description view_option(lab::capture_view& target) {
    return {.name = "--pcap-view",
            .value = "sent|client|server",
            .help = _("as sent (with what the wire did as comments), or as the client or server sees them"),
            .fallback = "sent",
            .set = [&target](const std::string& text) {
                target = text == "client"   ? lab::capture_view::client
                         : text == "server" ? lab::capture_view::server
                                            : lab::capture_view::sent;
            }};
}

option_description keep_option(std::vector<std::string>& target) {
    return several(lab_option("--keep", "FILE",
                              _("with --virtual: bring this file back, which the run wrote"), "",
                              [&target](const std::string& path) { target.push_back(path); }));
}

/// `seed`, `time_limit`: what holds without the options.
options run_options(lab_request& request, const std::string& seed, const std::string& time_limit) {
    option_description colours = flag_option("--no-colour", _("no colours"), request.no_colour);
    colours.also = "--no-color";
    return {
        number_option("--seed", _("number that all chance comes from"), seed, 0, seed_max,
                      [&request](std::uint64_t number) { request.seed = number; }),
        limited_duration_option("--timeout", _("end the run after this time"), time_limit, 0s, 24h,
                                [&request](duration length) { request.timeout = length; }),
        detail_option(request.show.detail),
        file_option("--json", _("write every event there, one JSON object a line; - is standard output"),
                    request.show.json_path),
        flag_option(
            "--words",
            _("in --json too, what the ladder says of each packet, and last the run as the page has it"),
            request.show.in_words),
        flag_option("--open", _("play with it on a page in the browser: change it, lose a packet, run again"),
                    request.opens_page),
        file_option("--pcap", _("write the packets there, for Wireshark"), request.show.capture_path),
        view_option(request.show.view),
        file_option("--html", _("write a page with the ladder and graphs there"), request.show.page_path),
        file_option("--decisions", _("follow the decisions saved there instead of the seed"),
                    request.replay_path),
        file_option("--save-decisions", _("save what the wire decides there"), request.save_path),
        flag_option("--virtual",
                    _("run in a Linux of its own, in virtual time: the same seed gives the same trace"),
                    request.in_virtual_linux),
        limited_duration_option("--wall-limit", _("with --virtual: end it after this time of the wall clock"),
                                duration_option_text(lab::machine_plan{}.wall_limit), 1ms, 24h,
                                [&request](duration length) { request.wall_limit = length; }),
        keep_option(request.keep),
        lab_option("--until", "WHERE",
                   _("stop there, and show each host's sockets: 'client data#3', 12 (its number), 1.5s"), "",
                   [&request](const std::string& text) { request.until = lab::parse_stop_sign(text); }),
        limited_duration_option("--samples", _("look at each host's sockets so often, for --json and --html"),
                                _("never"), 1ms, 24h,
                                [&request](duration length) { request.samples_every = length; }),
        std::move(colours),
        flag_option("--ascii", _("nothing but ASCII characters"), request.ascii),
    };
}

option_description mtu_option(std::uint32_t& target) {
    auto option =
        number_option("--host-mtu", _("the hosts' own MTU"), std::to_string(target), 68, 65'535,
                      [&target](std::uint64_t number) { target = static_cast<std::uint32_t>(number); });
    option.value = "BYTES";
    return option;
}

options host_options(lab_request& request) {
    return {
        text_option("--server", "COMMAND", _("command to run as the server"), "aperto serve",
                    request.server_command),
        text_option("--client", "COMMAND", _("command to run as the client"), "aperto send",
                    request.client_command),
        lab_option("--ready", "SIGN", _("sign of a server that can be called: tcp:80, udp:53, line:TEXT, 2s"),
                   "tcp",
                   [&request](const std::string& text) { request.plan.ready = lab::parse_readiness(text); }),
        mtu_option(request.host.mtu),
        limited_duration_option(
            "--rto-min", _("the hosts' smallest retransmission timeout"), "200ms", 1ms, 120s,
            [&request](duration length) {
                request.host.rto_min = std::chrono::duration_cast<std::chrono::milliseconds>(length);
            }),
        several(lab_option(
            "--setting", "NAME=VALUE", _("a kernel setting of both hosts: tcp_timestamps=1"), "",
            [&request](const std::string& text) { lab::change_setting(request.host.settings, text); })),
        flag_option("--ipv6", _("IPv6 between the hosts"), request.host.v6),
        flag_option("--ask-kernel", _("set the kernel's retransmission timer beside the one computed"),
                    request.plan.ask_kernel),
    };
}

option_description fault_option(const std::string& action, std::string help,
                                std::vector<lab::named_fault>& target) {
    return several(lab_option("--" + action, "PACKET", std::move(help), "",
                              [action, &target](const std::string& victim) {
                                  target.push_back(lab::make_fault(action, victim, {}));
                              }));
}

option_description hold_option(std::vector<lab::named_fault>& target) {
    const std::string name = "--hold";
    return {.name = name,
            .value = "PACKET TIME",
            .help = _("keep this packet back for a time: 'client data#3' 50ms"),
            .several = true,
            .set_two = [name, &target](const std::string& victim, const std::string& time) {
                read_as(name, [&] { target.push_back(lab::make_fault("hold", victim, time)); });
            }};
}

bool looks_like_share(const std::string& text) {
    const auto from = text.starts_with("client:") || text.starts_with("server:") ? text.substr(7) : text;
    return !from.empty() && (from[0] == '.' || (from[0] >= '0' && from[0] <= '9'));
}

/// "queue_packets" is `--queue-packets`. "1%" is a share of all packets; of what can also befall one packet
/// alone, "client data#3" is its name.
option_description link_option(const lab::link_option& known, lab::wire_plan& wire) {
    const std::string key(known.key);
    std::string name = "--" + key;
    std::replace(name.begin(), name.end(), '_', '-');
    const bool either = key == "duplicate" || key == "corrupt";
    const std::string help =
        _(known.help) + std::string(either ? _("; or a packet by name: 'client data#3'") : "");
    return several(
        lab_option(std::move(name), "VALUE", help, "", [key, either, &wire](const std::string& text) {
            if (either && !looks_like_share(text))
                wire.named.push_back(lab::make_fault(key, text, {}));
            else
                wire.link.set(key, text);
        }));
}

options link_options(lab::wire_plan& wire) {
    options all;
    for (const lab::link_option& known : lab::link_options())
        all.push_back(link_option(known, wire));
    return all;
}

/// Those of the wire that a lab's run may change: not a packet by its name.
options changed_link_options(lab_request& request) {
    options all;
    for (const lab::link_option& known : lab::link_options()) {
        const std::string key(known.key);
        std::string name = "--" + key;
        std::replace(name.begin(), name.end(), '_', '-');
        all.push_back(several(lab_option(std::move(name), "VALUE", _(known.help), _("as the lab says"),
                                         [key, &request](const std::string& text) {
                                             request.plan.wire.link.set(key,
                                                                        text);  // refuses what makes no sense
                                             request.link_changes.emplace_back(key, text);
                                         })));
    }
    return all;
}

command_description describe_run(lab_request& request) {
    command_description command{
        .name = "run",
        .summary = _("runs labs or scenario files and checks what they expect"),
        .arguments = "LAB…",
        .about = _("Runs labs, each by its name or as a file, and checks what they expect of the run.\n"
                   "In the name of a file to be written, {} stands for the lab's.")};
    options all = run_options(request, _("as the lab says"), _("as the lab says"));
    all.push_back(file_option("--junit", _("write the results there as JUnit XML"), request.junit_path));
    add_group(command.options, _("The run, and what it leaves"), std::move(all));
    add_group(
        command.options, _("The lesson"),
        {flag_option("--no-pause", _("on a terminal too: do not ask the lab's questions before the run"),
                     request.no_pause),
         lab_option("--answers", "ANSWERS", _("answers to its questions, in place of asking: 'a; 20ms; 14'"),
                    "", [&request](const std::string& text) { request.answers = text; }),
         flag_option("--checks", _("every check by itself, those that hold too"), request.all_checks)});
    add_group(command.options, _("Handing in"), hand_in_options(request));
    add_group(command.options,
              _("The wire, in place of the lab's own (client:… or server:… for one direction; …@1s..3s for a "
                "time)"),
              changed_link_options(request));
    command.chosen = [&request] { request.what = verb::run; };
    command.set_arguments = [&request](std::vector<std::string> names) {
        if (names.empty()) throw usage_error(_("name a lab or a file; the labs there are:  aperto lab list"));
        request.names = std::move(names);
    };
    return command;
}

/// "1..1000", or one seed alone.
void read_seeds(const std::string& text, sweep_plan& plan) {
    constexpr std::uint64_t seeds_max = 1'000'000;
    constexpr std::string_view dots = "..";
    const auto at = text.find(dots);
    const auto first = parse_number(text.substr(0, at), 0, seed_max);
    const auto last =
        at == std::string::npos ? first : parse_number(text.substr(at + dots.size()), 0, seed_max);
    if (!first || !last || *last < *first || *last - *first >= seeds_max)
        throw usage_error(
            sentence(_("--seeds takes the first and the last, 1..1000, at most {} of them"), seeds_max));
    plan.first = *first;
    plan.last = *last;
    plan.seeded = true;
}

options sweep_options(lab_request& request) {
    constexpr std::uint64_t jobs_max = 256;
    sweep_plan& plan = request.sweep;
    plan.jobs = std::clamp<std::uint64_t>(std::thread::hardware_concurrency(), 1, jobs_max);
    return {{.name = "--seeds",
             .value = "A..B",
             .help = _("the first and the last"),
             .set = [&plan](const std::string& text) { read_seeds(text, plan); }},
            number_option("--jobs", _("so many at a time"), _("one a processor"), 1, jobs_max,
                          [&plan](std::uint64_t number) { plan.jobs = number; }),
            flag_option("--stop-at-first", _("begin no other after one that failed"), plan.stop_at_first),
            file_option("--junit", _("write the results there as JUnit XML"), request.junit_path)};
}

command_description describe_verify(lab_request& request) {
    return {.name = "verify",
            .summary = _("runs again what wrote a report: the same, or the first event that differs"),
            .arguments = "REPORT…",
            .about = _("Runs again what wrote each of these reports, the JSON of runs with --virtual, and "
                       "tells whether it is the same, or the first event that differs."),
            .chosen = [&request] { request.what = verb::verify; },
            .set_arguments =
                [&request](std::vector<std::string> names) {
                    if (names.empty()) throw usage_error(_("name a report:  aperto lab verify REPORT"));
                    request.names = std::move(names);
                }};
}

command_description describe_sweep(lab_request& request) {
    return {.name = "sweep",
            .summary = _("runs a scenario with many seeds, in the virtual Linux"),
            .arguments = "LAB",
            .options = sweep_options(request),
            .chosen = [&request] { request.what = verb::sweep; },
            .set_arguments =
                [&request](std::vector<std::string> names) {
                    if (names.size() != 1 || !request.sweep.seeded)
                        throw usage_error(
                            _("name a scenario and its seeds:  aperto lab sweep FILE --seeds 1..1000"));
                    request.names = std::move(names);
                }};
}

command_description describe_own(std::string name, std::string summary, verb what, lab_request& request) {
    return {.name = std::move(name), .summary = std::move(summary), .chosen = [&request, what] {
                request.what = what;
            }};
}

/// The lab's own server and client, which read their arguments themselves.
command_description describe_peer(lab_request& request) {
    command_description command = describe_own("peer", "", verb::peer, request);
    command.set_arguments = [&request](std::vector<std::string> words) { request.names = std::move(words); };
    command.hidden = true;
    command.verbatim = true;
    return command;
}

}  // namespace

command_description describe_lab(lab_request& request) {
    command_description command{
        .name = "lab",
        .summary = _("a bad network on this machine: see every packet, lose any one of them"),
        .about = _("A bad network on one machine: a server and a client, real TCP at both ends, and a wire "
                   "between them that loses, delays and damages what it is told to. Needs no root.")};
    lab::wire_plan& wire = request.plan.wire;
    add_group(command.options, _("The run, and what it leaves"),
              run_options(request, std::to_string(wire.seed), duration_option_text(request.plan.timeout)));
    add_group(command.options, _("Programs and hosts"), host_options(request));
    add_group(command.options, _("Packets by name"),
              {fault_option("drop", _("lose this packet: 'server syn-ack#1'"), wire.named),
               fault_option("mark", _("mark it as having met congestion (ECN)"), wire.named),
               hold_option(wire.named)});
    add_group(command.options,
              _("The wire (both directions; client:… or server:… for one; …@1s..3s for a time)"),
              link_options(wire));
    command.commands = {
        describe_run(request),
        describe_own("list", _("lists the labs there are"), verb::list, request),
        describe_show(request),
        describe_copy(request),
        describe_exercise(request),
        describe_grade(request),
        describe_verify(request),
        describe_sweep(request),
        describe_own("doctor", _("tells what this machine allows, and the remedy for what it does not"),
                     verb::doctor, request),
        describe_peer(request),
    };
    command.examples = {
        {"aperto lab run handshake", _("a lesson: what to predict, the run, and what happened")},
        {"aperto lab --drop 'server syn-ack#1'", _("the second packet of the handshake is lost")},
        {"aperto lab --loss 5% --server 'peer serve' --client 'peer call --bytes 1MB'",
         _("one packet in twenty is lost")},
    };
    return command;
}

void complete_run(lab_request& request) {
    lab::run_plan& plan = request.plan;
    plan.client = plan.server = request.host;
    try {
        lab::check_plan(plan);
        plan.server_program = lab::read_program(lab::side::server, request.server_command);
        plan.client_program = lab::read_program(lab::side::client, request.client_command);
    } catch (const lab::bad_input& wrong) {
        throw usage_error(wrong.what());
    }
}

}  // namespace aperto::cli
