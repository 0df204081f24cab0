// SPDX-License-Identifier: MIT
#include "cli/lab/lab_arguments.hpp"

#include "cli/lab/lab.hpp"
#include "cli/options/cli11_help.hpp"
#include "cli/options/foreign_options.hpp"
#include "core/i18n.hpp"
#include "core/log_safe.hpp"
#include "core/nearest.hpp"
#include "core/sentence.hpp"
#include "lab/input/bad_input.hpp"
#include "lab/input/quantity.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/wire/link_options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <optional>

namespace aperto::cli {

namespace {

/// The values of the options as they were written, until all of them are known.
struct written {
    std::string server;
    std::string client;
    std::string ready;
    std::optional<std::string> seed;
    std::optional<std::string> timeout;
    std::optional<std::string> wall_limit;
    std::string sweep;
    bool stop_at_first = false;
    std::string detail;
    std::string view;
    std::vector<std::pair<std::string, std::string>> link;
    std::vector<lab::named_fault> faults;
    std::vector<std::string> settings;
    std::optional<std::string> host_mtu;
    std::optional<std::string> rto_min;
    bool v6 = false;
    bool no_colour = false;
    bool ascii = false;
};

std::string dashed(std::string_view key) {
    std::string out = "--" + std::string(key);
    std::replace(out.begin(), out.end(), '_', '-');
    return out;
}

/// Takes an option's value as it was written, an empty one too.
auto keep(std::optional<std::string>& into) {
    return [&into](const std::string& value) { into = value; };
}

void add_common(CLI::App& to, lab_request& out, written& text) {
    to.option_defaults()->group(_("The run, and what it leaves"));
    to.add_option_function<std::string>("--seed", keep(text.seed), _("number that all chance comes from"))
        ->type_name("N");
    to.add_option_function<std::string>("--timeout", keep(text.timeout),
                                        _("end the run after this time (60s)"))
        ->type_name("TIME");
    to.add_option("--show", text.detail, _("packets on the terminal: auto, all or none"))->type_name("WHICH");
    to.add_option("--json", out.show.json_path,
                  _("write every event there, one JSON object a line; - is standard output"))
        ->type_name("FILE");
    to.add_option("--pcap", out.show.capture_path, _("write the packets there, for Wireshark"))
        ->type_name("FILE");
    to.add_option("--pcap-view", text.view,
                  _("as sent (with what the wire did as comments), or as the client or server sees them"))
        ->type_name("sent|client|server");
    to.add_option("--html", out.show.page_path, _("write a page with the ladder and graphs there"))
        ->type_name("FILE");
    to.add_option("--decisions", out.replay_path, _("follow the decisions saved there instead of the seed"))
        ->type_name("FILE");
    to.add_option("--save-decisions", out.save_path, _("save what the wire decides there"))
        ->type_name("FILE");
    to.add_flag("--virtual", out.in_virtual_linux,
                _("run in a Linux of its own, in virtual time: the same seed gives the same trace"));
    to.add_option_function<std::string>("--wall-limit", keep(text.wall_limit),
                                        _("with --virtual: end it after this time of the wall clock (10min)"))
        ->type_name("TIME");
    to.add_option("--keep", out.keep, _("with --virtual: bring this file back, which the run wrote"))
        ->type_name("FILE")
        ->expected(1)
        ->take_all();
    to.add_flag("--no-colour,--no-color", text.no_colour, _("no colours"));
    to.add_flag("--ascii", text.ascii, _("nothing but ASCII characters"));
}

void add_faults(CLI::App& to, written& text) {
    to.option_defaults()->group(_("Packets by name"));
    for (const char* action : {"drop", "corrupt", "duplicate", "mark"}) {
        const std::string name = action;
        const auto take = [&text, name](const std::vector<std::string>& victims) {
            for (const auto& victim : victims) {
                text.faults.push_back(lab::make_fault(name, victim, {}));
            }
            return true;
        };
        // --duplicate and --corrupt are shares of all packets too: "1%" is no selector, "client data#3" no
        // share.
        if (name == "drop" || name == "mark") {
            to.add_option_function<std::vector<std::string>>(
                  "--" + name, take,
                  name == "drop" ? _("lose this packet: 'server syn-ack#1'")
                                 : _("mark it as having met congestion (ECN)"))
                ->type_name("PACKET")
                ->expected(1)
                ->take_all();
        }
    }
    to.add_option_function<std::vector<std::string>>(
          "--hold",
          [&text](const std::vector<std::string>& values) {
              for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
                  text.faults.push_back(lab::make_fault("hold", values[i], values[i + 1]));
              }
              if (values.size() % 2 != 0) {
                  throw lab::bad_input(_("--hold takes a packet and a time: --hold 'client data#3' 50ms"));
              }
          },
          _("keep this packet back for a time: 'client data#3' 50ms"))
        ->type_name("PACKET TIME")
        ->expected(2)
        ->take_all();
}

/// Reads an option's value; what is wrong with it is told with the option's name.
template <class Read>
void read_value(const std::string& option, const std::string& text, Read read) {
    try {
        read(text);
    } catch (const lab::bad_input& wrong) {
        throw lab::bad_input(option + ": " + wrong.what());
    }
}

bool looks_like_share(const std::string& text) {
    const auto from = text.starts_with("client:") || text.starts_with("server:") ? text.substr(7) : text;
    return !from.empty() && (from[0] == '.' || (from[0] >= '0' && from[0] <= '9'));
}

void add_link(CLI::App& to, written& text) {
    for (const auto& option : lab::link_options()) {
        const std::string key(option.key);
        const bool either = key == "duplicate" || key == "corrupt";
        const std::string help =
            _(option.help) + std::string(either ? _("; or a packet by name: 'client data#3'") : "");
        to.add_option_function<std::vector<std::string>>(
              dashed(key),
              [&text, key, either](const std::vector<std::string>& values) {
                  for (const auto& value : values) {
                      if (either && !looks_like_share(value)) {
                          text.faults.push_back(lab::make_fault(key, value, {}));
                      } else {
                          text.link.emplace_back(key, value);
                      }
                  }
                  return true;
              },
              help)
            ->type_name("VALUE")
            ->expected(1)
            ->take_all()
            ->group(_("The wire (both directions; client:… or server:… for one; …@1s..3s for a time)"));
    }
}

void add_once(CLI::App& to, lab_request& out, written& text) {
    to.option_defaults()->group(_("Programs and hosts"));
    to.add_option("--server", text.server, _("command to run as the server (aperto serve)"))
        ->type_name("COMMAND");
    to.add_option("--client", text.client, _("command to run as the client (aperto send)"))
        ->type_name("COMMAND");
    to.add_option("--ready", text.ready,
                  _("sign of a server that can be called: tcp:80, udp:53, line:TEXT, 2s (tcp)"))
        ->type_name("SIGN");
    to.add_option_function<std::string>("--host-mtu", keep(text.host_mtu), _("the hosts' own MTU (1500)"))
        ->type_name("BYTES");
    to.add_option_function<std::string>("--rto-min", keep(text.rto_min),
                                        _("the hosts' smallest retransmission timeout (200ms)"))
        ->type_name("TIME");
    to.add_option("--setting", text.settings, _("a kernel setting of both hosts: tcp_timestamps=1"))
        ->type_name("NAME=VALUE")
        ->expected(1)
        ->take_all();
    to.add_flag("--ipv6", text.v6, _("IPv6 between the hosts"));
    to.add_flag("--ask-kernel", out.plan.ask_kernel,
                _("set the kernel's retransmission timer beside the one computed"));
    add_faults(to, text);
    add_link(to, text);
}

void apply_common(lab_request& out, const written& text) {
    auto& show = out.show;
    show.style = lab::style_for(stdout);
    show.style.colour = show.style.colour && !text.no_colour;
    show.style.ascii = show.style.ascii || text.ascii;
    if (text.seed) {
        read_value("--seed", *text.seed, [&out](const std::string& value) {
            out.seed = lab::parse_count(value, 0, std::numeric_limits<std::int64_t>::max());
        });
    }
    if (text.timeout) {
        read_value("--timeout", *text.timeout,
                   [&out](const std::string& value) { out.timeout = lab::parse_duration(value); });
    }
    if (text.wall_limit) {
        read_value("--wall-limit", *text.wall_limit,
                   [&out](const std::string& value) { out.wall_limit = lab::parse_duration(value); });
    }
    if (!text.detail.empty() && text.detail != "auto" && text.detail != "all" && text.detail != "none") {
        throw lab::bad_input(sentence(_("--show takes auto, all or none, not '{}'"), text.detail));
    }
    show.detail = text.detail == "all"    ? lab::ladder_detail::all
                  : text.detail == "none" ? lab::ladder_detail::none
                                          : lab::ladder_detail::automatic;
    if (!text.view.empty() && text.view != "sent" && text.view != "client" && text.view != "server") {
        throw lab::bad_input(sentence(_("--pcap-view takes sent, client or server, not '{}'"), text.view));
    }
    show.view = text.view == "client"   ? lab::capture_view::client
                : text.view == "server" ? lab::capture_view::server
                                        : lab::capture_view::sent;
}

void apply_once(lab_request& out, const written& text) {
    auto& plan = out.plan;
    auto settings = lab::textbook_settings();
    for (const auto& one : text.settings) {
        lab::change_setting(settings, one);
    }
    for (auto* host : {&plan.client, &plan.server}) {
        host->settings = settings;
        host->v6 = text.v6;
        if (text.host_mtu) {
            read_value("--host-mtu", *text.host_mtu, [host](const std::string& value) {
                host->mtu = static_cast<std::uint32_t>(lab::parse_count(value, 68, 65'535));
            });
        }
        if (text.rto_min) {
            read_value("--rto-min", *text.rto_min,
                       [host](const std::string& value) { host->rto_min = lab::parse_rto_min(value); });
        }
    }
    out.show.style.v6 = text.v6;
    plan.wire.named = text.faults;
    for (const auto& [key, value] : text.link) {
        read_value(dashed(key), value,
                   [&plan, &name = key](const std::string& each) { plan.wire.link.set(name, each); });
    }
    if (!text.ready.empty()) {
        plan.ready = lab::parse_readiness(text.ready);
    }
    lab::check_plan(plan);
    plan.server_program = lab::read_program(lab::side::server, text.server);
    plan.client_program = lab::read_program(lab::side::client, text.client);
}

/// Names the first thing that is no option, and the option that it may have been meant for.
[[noreturn]] void refuse_unknown(const CLI::App& app, const std::vector<std::string>& unknown) {
    std::vector<std::string> known;
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) {
            known.push_back("--" + name);
        }
    }
    const auto wrong =
        std::find_if(unknown.begin(), unknown.end(), [](const auto& one) { return one.starts_with('-'); });
    const auto& word = wrong == unknown.end() ? unknown.front() : *wrong;
    const auto near = nearest(word, known);
    const auto whose =
        (app.get_parent() == nullptr ? "" : app.get_parent()->get_name() + " ") + app.get_name();
    throw lab::bad_input(near.empty()
                             ? sentence(_("'{}' is no option or command of '{}'"), log_safe(word), whose)
                             : sentence(_("there is no option {}; did you mean {}?"), log_safe(word), near));
}

/// Of a command line that makes no sense: CLI11 hands over no value of it.
void remember_files(const CLI::App& app, lab_request& out) {
    const auto take = [&app](const char* name, std::string& path) {
        const auto* option = app.get_option_no_throw(name);
        if (option != nullptr && option->count() > 0) {
            path = option->results().back();
        }
    };
    take("--json", out.show.json_path);
    take("--pcap", out.show.capture_path);
    take("--html", out.show.page_path);
    take("--save-decisions", out.save_path);
    take("--junit", out.junit_path);
}

/// What virtual_lab.hpp runs; here for their help alone.
void add_virtual_commands(CLI::App& to, lab_request& out, written& text) {
    auto* verify = to.add_subcommand(
        "verify", _("run again what wrote a report: the same, or the first event that differs"));
    verify->add_option("report", out.names, _("JSON of runs with --virtual"))
        ->required()
        ->type_name("REPORT…");
    auto* sweep = to.add_subcommand("sweep", _("run a scenario with many seeds, in the virtual Linux"));
    sweep->add_option("scenario", text.sweep, _("names of labs, or files"))->required()->type_name("LAB");
    sweep->add_option("--seeds", text.sweep, _("the first and the last"))->type_name("A..B");
    sweep->add_option("--jobs", text.sweep, _("so many at a time (one a processor)"))->type_name("N");
    sweep->add_flag("--stop-at-first", text.stop_at_first, _("begin no other after one that failed"));
    sweep->add_option("--junit", out.junit_path, _("write the results there as JUnit XML"))
        ->type_name("FILE");
}

/// The parser, whose options write into `out` and `text`.
struct lab_app : CLI::App {
    lab_app(lab_request& out, written& text);
    CLI::App* run = nullptr;
    CLI::App* list = nullptr;
    CLI::App* show = nullptr;
    CLI::App* doctor = nullptr;
};

lab_app::lab_app(lab_request& out, written& text)
    : CLI::App(_("A bad network on one machine: a server and a client, real TCP at both ends, and a wire "
                 "between them that loses, delays "
                 "and damages what it is told to. Needs no root."),
               "aperto lab") {
    formatter(std::make_shared<help_layout>());
    set_help_flag("-h,--help", _("this help"));
    add_common(*this, out, text);
    add_once(*this, out, text);
    require_subcommand(0, 1);
    run = add_subcommand("run", _("run labs or scenario files and check what they expect"));
    run->add_option("scenario", out.names, _("names of labs, or files"))->required()->type_name("LAB…");
    add_common(*run, out, text);
    run->add_option("--junit", out.junit_path, _("write the results there as JUnit XML"))->type_name("FILE");
    list = add_subcommand("list", _("the labs there are"));
    show = add_subcommand("show", _("what a student reads before and after a lab"));
    show->add_option("lab", out.names, _("names of labs"))->required()->type_name("LAB…");
    add_virtual_commands(*this, out, text);
    doctor = add_subcommand("doctor", _("what this machine allows, and the remedy for what it does not"));
}

}  // namespace

void describe_lab(command_description& command) {
    lab_request unused;
    written unread;
    describe_app(lab_app(unused, unread), command);
}

void read_lab_arguments(const std::vector<std::string>& args, lab_request& out) {
    written text;
    lab_app app(out, text);
    try {
        auto reversed = args;
        std::reverse(reversed.begin(), reversed.end());
        app.parse(std::move(reversed));
        out.what = app.run->parsed()      ? lab_request::verb::run
                   : app.list->parsed()   ? lab_request::verb::list
                   : app.show->parsed()   ? lab_request::verb::show
                   : app.doctor->parsed() ? lab_request::verb::doctor
                                          : lab_request::verb::once;
        apply_common(out, text);
        if (out.what == lab_request::verb::once) {
            apply_once(out, text);
        }
    } catch (const CLI::Success& help) {
        out.exit_now = app.exit(help);
    } catch (const CLI::ExtrasError&) {
        const auto parsed = app.get_subcommands();
        remember_files(parsed.empty() ? app : *parsed.front(), out);
        refuse_unknown(parsed.empty() ? app : *parsed.front(), app.remaining(true));
    } catch (const CLI::RequiredError&) {
        remember_files(app.run->parsed() ? *app.run : app, out);
        throw lab::bad_input(_("name a lab or a file; the labs there are:  aperto lab list"));
    } catch (const CLI::ParseError& wrong) {
        remember_files(app.run->parsed() ? *app.run : app, out);
        throw lab::bad_input(usage_text(wrong));
    }
}

}  // namespace aperto::cli
