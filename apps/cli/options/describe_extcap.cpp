// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "core/sentence.hpp"

#include <tuple>
#include <utility>

namespace aperto::cli {

namespace {

/// What `aperto lab` checks. Wireshark hands over a field that was left empty as well.
option_description run_option(std::string name, std::string value, std::string help,
                              extcap_request& request) {
    const auto take = [name, &request](const std::string& text) {
        if (!text.empty()) request.words.insert(request.words.end(), {name, text});
    };
    return {.name = std::move(name),
            .value = std::move(value),
            .help = std::move(help),
            .group = _("The run, as aperto lab takes it"),
            .several = true,
            .set = take};
}

}  // namespace

command_description describe_extcap(extcap_request& request) {
    command_description command{
        .name = "extcap",
        .summary = _("labs as interfaces of Wireshark, which starts it"),
        .about =
            _("Wireshark runs this where a script of two lines in its extcap folder calls it: each lab is an "
              "interface then, and its packets come live, with what the wire did to them and why they were "
              "sent again as comments (docs/lab.md).")};
    command.options = {
        flag_option("--extcap-interfaces", _("list the labs"), request.lists_interfaces),
        text_option("--extcap-interface", "NAME", _("the lab: aperto-handshake, or aperto with two commands"),
                    "", request.interface),
        flag_option("--extcap-dlts", _("tell what its packets are"), request.lists_link_types),
        flag_option("--extcap-config", _("list what can be set"), request.lists_options),
        flag_option("--capture", _("run it"), request.captures),
        text_option("--fifo", "FILE", _("the pipe for its packets"), "", request.pipe),
        text_option("--extcap-capture-filter", "FILTER", _("is refused: a display filter does the same"), "",
                    request.filter),
        text_option("--extcap-version", "VERSION", _("Wireshark's own; nothing depends on it"), "",
                    request.version),
    };
    for (const auto& [name, value, help] :
         {std::tuple{"--server", "COMMAND", _("command to run as the server")},
          std::tuple{"--client", "COMMAND", _("command to run as the client")},
          std::tuple{"--seed", "NUMBER", _("number that all chance comes from")},
          std::tuple{"--loss", "VALUE", _("share of packets lost, each by itself: 5%")},
          std::tuple{"--delay", "VALUE", _("time a packet is under way: 20ms")},
          std::tuple{"--rate", "VALUE", _("bits a second: 10mbit")},
          std::tuple{"--queue-packets", "VALUE", _("packets that may wait for the rate: 1000")},
          std::tuple{"--drop", "PACKET", _("lose this packet: 'server syn-ack#1'")},
          std::tuple{"--corrupt", "PACKET", _("damage this packet: 'client data#1'")},
          std::tuple{"--duplicate", "PACKET", _("send this packet twice: 'client data#1'")}})
        command.options.push_back(run_option(name, value, help, request));
    command.options.push_back(
        {.name = "--virtual",
         .help = _("run in a Linux of its own, in virtual time: the same seed gives the "
                   "same trace"),
         .group = _("The run, as aperto lab takes it"),
         .set = [&request](const std::string&) { request.words.emplace_back("--virtual"); }});
    return command;
}

}  // namespace aperto::cli
